"""Directories of institutions as one signed file: `{iss, iat, exp, seq, entities}` in a JWS, like eduGAIN's metadata feeds.

An entry says which server an institution runs, with which key it signs, and who vouches for that. It is a draft for an admin
to look at, and never trust by itself. A file that is too old, was rolled back, or is by another key, is refused as a whole;
an entry that can't be read is left out, and said so.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from federation.errors import BadSignature, FederationError, Malformed
from federation.fields import Json, as_list, as_objects, integer, string
from federation.hosts import host_of, web_url
from federation.parse import MAX_BYTES
from federation.ror import read_ror
from federation.signatures import jws
from federation.signatures.keys import PrivateKey

KIND = "institutions+jwt"
"""The `typ` of the file."""
LONGEST = 28 * 24 * 3600
"""Seconds that a file may hold at most (eduGAIN's bound)."""
MAX_ENTITIES = 5_000
MAX_FILE = MAX_BYTES * 4 // 3 + 4096
SKEW = 300
"""Seconds by which the publisher's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class Entity:
    """An institution as a directory has it: `keys` are Multikeys of Ed25519, `authority` who vetted it, `marks` the ids of
    trust marks that were verified. Texts as they came, to be escaped where they are shown."""

    host: str
    instance_actor: str
    keys: tuple[str, ...] = ()
    name: str = ""
    ror: str | None = None
    authority: str | None = None
    contacts: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    groups: str | None = None
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Directory:
    """A file that was believed; times in ms. `left_out` says of entries that could not be read what is wrong with them."""

    issuer: str
    issued_at: int
    expires_at: int
    sequence: int
    entities: tuple[Entity, ...]
    left_out: tuple[str, ...] = field(default=())


def sign(key: PrivateKey, *, issuer: str, now: int, expires: int, sequence: int, entities: Sequence[Entity]) -> str:
    """The signed file; times in ms. Raises ValueError when it would hold longer than others take."""
    if not now < expires <= now + LONGEST * 1000:
        raise ValueError("a directory holds for 28 days at most")
    payload = {
        "iss": issuer,
        "iat": now // 1000,
        "exp": expires // 1000,
        "seq": sequence,
        "entities": [_written(one) for one in entities],
    }
    return jws.sign(payload, key, KIND, brings=True)


def _written(entity: Entity) -> Json:
    made = {"registrationAuthority" if name == "authority" else name: value for name, value in asdict(entity).items()}
    return {name: value for name, value in made.items() if value not in (None, "", ())}


def read(token: bytes, keys: list[Json], *, now: int, known: int | None) -> Directory:
    """A file, held against the pinned `keys`, the clock (ms), and the sequence number of the last that was believed.

    Raises BadSignature with code `wrong-key`, `expired`, `not-yet`, `holds-too-long` or `rolled-back`; Malformed, TooLarge.
    """
    payload = jws.verify(token, keys, KIND, limit=MAX_FILE)
    issued, expires, sequence = (integer(payload.get(name)) for name in ("iat", "exp", "seq"))
    issuer = web_url(payload.get("iss"))
    if issued is None or expires is None or sequence is None or issuer is None:
        raise Malformed("a directory needs iss, iat, exp and seq", code="bad-directory")
    check_times(issued, expires, now)
    if known is not None and sequence < known:
        raise BadSignature(
            f"it was rolled back: it has the number {sequence}, and {known} was read before", code="rolled-back"
        )
    entities: dict[str, Entity] = {}
    left_out: list[str] = []
    given = as_objects(payload.get("entities"))
    if len(given) > MAX_ENTITIES:
        raise Malformed(f"a directory of more than {MAX_ENTITIES} institutions", code="bad-directory")
    for number, one in enumerate(given, 1):
        try:
            entity = read_entity(one)
        except FederationError as problem:
            left_out.append(f"entry {number} ({str(one.get('host'))[:100]}): {problem.text}")
            continue
        if entity.host in entities:
            left_out.append(f"entry {number} ({entity.host}): it is there twice")
        else:
            entities[entity.host] = entity
    return Directory(issuer, issued * 1000, expires * 1000, sequence, tuple(entities.values()), tuple(left_out[:100]))


def check_times(issued: int, expires: int, now: int) -> None:
    """Raises BadSignature unless what was issued and expires then (s) holds `now` (ms), and for 28 days at most."""
    seconds = now // 1000
    if expires <= seconds:
        raise BadSignature(f"it expired {(seconds - expires) // 3600} hours ago", code="expired")
    if issued > seconds + SKEW:
        raise BadSignature("it is from the future: one of the two clocks is wrong", code="not-yet")
    if expires - issued > LONGEST:
        raise BadSignature(
            "it holds for more than 28 days, so that nobody would notice an old one", code="holds-too-long"
        )


def read_entity(given: Json) -> Entity:
    """An entry. Raises Malformed, UnsupportedHost: the text says which field is wrong."""
    actor = web_url(given.get("instance_actor"))
    if actor is None:
        raise Malformed("instance_actor: it is no address", code="bad-entry")
    host = host_of(actor)
    named = string(given.get("host"))
    if named is not None and host_of(f"https://{named}") != host:
        raise Malformed("instance_actor: it is of another host than the entry", code="bad-entry")
    ror = string(given.get("ror"))
    if ror is not None and read_ror(ror) is None:
        raise Malformed(f"ror: {ror[:60]!r} is no ROR id, or mistyped", code="bad-entry")
    keys = _texts(given.get("keys"), 5, 200)
    for key in keys:
        jws.jwk_of_multikey(key)
    return Entity(
        host=host,
        instance_actor=actor,
        keys=keys,
        name=(string(given.get("name")) or "")[:200],
        ror=read_ror(ror) if ror is not None else None,
        authority=(string(given.get("registrationAuthority")) or "")[:500] or None,
        contacts=_texts(given.get("contacts"), 10, 300),
        scopes=_texts(given.get("scopes"), 20, 200),
        groups=web_url(given.get("groups")),
        marks=_texts(given.get("marks"), 20, 300),
    )


def _texts(value: object, number: int, length: int) -> tuple[str, ...]:
    return tuple(one for one in as_list(value)[:number] if isinstance(one, str) and 0 < len(one) <= length)


def as_body(entity: Entity) -> Json:
    """An entry as JSON that is kept; `of_body` reads it again."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(entity).items()}


def of_body(body: Json) -> Entity:
    """The entry that `as_body` wrote."""
    values: Json = {name: tuple(value) if isinstance(value, list) else value for name, value in body.items()}
    return Entity(**values)
