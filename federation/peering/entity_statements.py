"""OpenID Federation 1.0, as far as a directory of institutions needs it: entity statements, a chain up to a pinned anchor, and
the metadata policies on it. Nothing here asks anybody; `fedi.fetching.directories` does.

An institution's server states its own metadata (`activitypub_instance`) at `/.well-known/openid-federation`; who is above it
states its keys, and what its metadata may be. Only the keys of the anchor are pinned, out of band.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from federation.errors import BadSignature, FederationError, Malformed
from federation.fields import Json, as_list, as_objects, integer, string
from federation.hosts import host_of, web_url
from federation.peering.directory import LONGEST, Entity, check_times, read_entity
from federation.signatures import jws
from federation.signatures.keys import PrivateKey

KIND = "entity-statement+jwt"
MARK = "trust-mark+jwt"
MEDIA_TYPE = "application/entity-statement+jwt"
WELL_KNOWN = "/.well-known/openid-federation"
OURS = "activitypub_instance"
"""The entity type of an instance."""
MAX_DEPTH = 4
"""Statements between an institution and the anchor, the anchor's own not counted."""
MAX_STATEMENT = 128 * 1024


@dataclass(frozen=True, slots=True)
class Statement:
    """What `issuer` states of `subject`, proven by a key of the issuer; `keys` are the subject's, `expires` in s."""

    issuer: str
    subject: str
    keys: list[Json]
    expires: int
    metadata: Json
    policy: Json
    constraints: Json
    marks: list[Json]

    @property
    def federation(self) -> Json:
        """The metadata of the subject as a part of the federation: where it lists and states who is below it."""
        return _dict(self.metadata.get("federation_entity"))


def read_statement(token: bytes, keys: list[Json], *, issuer: str, subject: str, now: int) -> Statement:
    """A statement, held against `keys` (of the issuer), who should have made it about whom, and the clock (ms).

    Raises BadSignature, Malformed or TooLarge.
    """
    payload = jws.verify(token, keys, KIND, limit=MAX_STATEMENT)
    if payload.get("iss") != issuer or payload.get("sub") != subject:
        raise BadSignature(f"a statement by {str(payload.get('iss'))[:200]} about another", code="wrong-subject")
    if "crit" in payload:
        raise Malformed("a statement with claims that are not known here (crit)", code="bad-statement")
    issued, expires = integer(payload.get("iat")), integer(payload.get("exp"))
    if issued is None or expires is None:
        raise Malformed("a statement needs iat and exp", code="bad-statement")
    check_times(issued, min(expires, issued + LONGEST), now)  # what holds longer is asked for again all the same
    if any(one not in list(OPERATORS) for one in as_list(payload.get("metadata_policy_crit"))):
        raise Malformed("a metadata policy that is not known here (metadata_policy_crit)", code="bad-statement")
    return Statement(
        issuer,
        subject,
        jws.read_keys(payload.get("jwks")),
        expires,
        _dict(payload.get("metadata")),
        _dict(payload.get("metadata_policy")),
        _dict(payload.get("constraints")),
        as_objects(payload.get("trust_marks"))[:20],
    )


def configuration(
    key: PrivateKey, public: Json, entity: Entity, *, subject: str, above: Sequence[str], now: int
) -> str:
    """What an institution states of itself (its entity configuration): its `public` key (JWK), its metadata as `entity` has it,
    and who is `above` it. Signed by its own key; that key is proven by what those above state of it. Holds for a week."""
    metadata = {
        "instance_actor": entity.instance_actor,
        "keys": list(entity.keys),
        "organization_name": entity.name,
        "ror": entity.ror,
        "contacts": list(entity.contacts),
    }
    payload = {
        "iss": subject,
        "sub": subject,
        "iat": now // 1000,
        "exp": now // 1000 + 7 * 24 * 3600,
        "jwks": {"keys": [public | {"kid": jws.thumbprint(public), "use": "sig"}]},
        "metadata": {OURS: {name: value for name, value in metadata.items() if value}},
    }
    return jws.sign(payload | ({"authority_hints": list(above)} if above else {}), key, KIND)


def read_list(document: object, limit: int) -> list[str]:
    """The entities below another, as its list endpoint names them: addresses without doubles. Raises Malformed."""
    if not isinstance(document, list):
        raise Malformed("a list of entities that is none", code="bad-statement")
    found = dict.fromkeys(one for one in (web_url(each) for each in document) if one is not None)
    return list(found)[:limit]


def well_known(entity: str) -> str:
    """Where an entity states its own metadata."""
    return entity.rstrip("/") + WELL_KNOWN


def resolved(chain: list[Statement], leaf: Statement) -> Entity:
    """The entry of the institution `leaf`, whose own statement it is, under the statements above it, the nearest first.

    Raises Malformed where it has no metadata of an instance or a policy does not let it pass; BadSignature where the
    institution speaks for another's host, or the chain is longer than somebody in it allows.
    """
    for distance, statement in enumerate(chain):
        longest = integer(statement.constraints.get("max_path_length"))
        if longest is not None and distance > longest:
            raise BadSignature(f"{statement.issuer[:200]} allows no chain of this length", code="chain-too-long")
    metadata = _dict(leaf.metadata.get(OURS))
    above = chain[0].metadata.get(OURS) if chain else None
    metadata |= _dict(above)  # what the one above states of it counts before what it states itself
    if not metadata:
        raise Malformed(f"{leaf.subject[:200]} states no {OURS}", code="no-instance")
    for statement in chain:
        metadata = apply_policy(metadata, _dict(statement.policy.get(OURS)))
    named = metadata.get("organization_name") or metadata.get("name")
    entity = read_entity(metadata | {"host": None, "name": named, "groups": metadata.get("groups_endpoint")})
    if entity.host != host_of(leaf.subject):
        raise BadSignature("an institution speaks for its own host alone", code="wrong-host")
    return entity


def apply_policy(metadata: Json, policy: Json) -> Json:
    """Metadata under a policy (section 6.1 of the specification): each operator of each name, in the order of the
    specification. Operators that are not known are passed by, as long as nobody says that they are critical. Raises Malformed.
    """
    made = dict(metadata)
    for name, operators in policy.items():
        for operator, function in OPERATORS.items():
            if isinstance(operators, dict) and operator in operators:
                try:
                    made[name] = function(made.get(name), operators[operator])
                except ValueError as problem:
                    raise Malformed(f"{str(name)[:100]}: {problem}", code="against-policy") from problem
        if made.get(name) is None:
            made.pop(name, None)
    return made


def _value(had: Any, wanted: Any) -> Any:
    return wanted


def _add(had: Any, wanted: Any) -> Any:
    return [*as_list(had), *(one for one in as_list(wanted) if one not in as_list(had))]


def _default(had: Any, wanted: Any) -> Any:
    return wanted if had is None else had


def _one_of(had: Any, wanted: Any) -> Any:
    if had is not None and had not in as_list(wanted):
        raise ValueError("it is none of what the federation allows")
    return had


def _subset_of(had: Any, wanted: Any) -> Any:
    return None if had is None else [one for one in as_list(had) if one in as_list(wanted)]


def _superset_of(had: Any, wanted: Any) -> Any:
    if had is not None and any(one not in as_list(had) for one in as_list(wanted)):
        raise ValueError("it lacks what the federation wants")
    return had


def _essential(had: Any, wanted: Any) -> Any:
    if wanted is True and had is None:
        raise ValueError("it is missing, and the federation wants it")
    return had


OPERATORS = {
    "value": _value,
    "add": _add,
    "default": _default,
    "one_of": _one_of,
    "subset_of": _subset_of,
    "superset_of": _superset_of,
    "essential": _essential,
}


def marks(leaf: Statement, keys: list[Json], issuer: str, now: int) -> tuple[str, ...]:
    """The ids of the trust marks of an institution that the anchor `issuer` gave it, by its `keys`, and that hold now (ms)."""
    found = []
    for one in leaf.marks:
        token = string(one.get("trust_mark"))
        try:
            payload = jws.verify((token or "").encode(), keys, MARK, limit=16 * 1024)
        except FederationError:
            continue
        expires = integer(payload.get("exp"))
        named = string(payload.get("trust_mark_type")) or string(payload.get("id"))
        holds = expires is None or expires * 1000 > now
        if named is not None and payload.get("iss") == issuer and payload.get("sub") == leaf.subject and holds:
            found.append(named[:300])
    return tuple(dict.fromkeys(found))


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}
