"""Directories of institutions over our own API: those that are read here, their entries, and the one that is published."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from federation.errors import FederationError
from federation.fields import Json
from federation.peering.agreement import fingerprint as fingerprint_of
from federation.peering.directory import of_body
from federation.signatures import jws
from fedi.actions import directories as acts
from fedi.actions import own_directory
from fedi.actions.directories import Standing
from fedi.api.operations import Call, Operation
from fedi.api.shapes import Id, Moment
from fedi.callers import Caller
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.fetching import directories as fetching
from fedi.mastodon.answers import moment
from storage import directories as rows
from storage import publications
from storage.directories import EntryRow
from storage.metadata import Tx
from storage.publications import Publication

Url = Annotated[str, Meta(min_length=1, max_length=2_048)]
Host = Annotated[str, Meta(min_length=1, max_length=255)]
_ENTRIES = 500


class Entry(msgspec.Struct, kw_only=True):
    """What a directory says of an institution, and what became of it here: `draft`, `taken`, `left` or `gone`. It confirms keys,
    and agrees to nothing."""

    host: str
    state: Literal["draft", "taken", "left", "gone"]
    name: str
    instance_actor: str
    fingerprints: list[str]
    ror: str | None
    authority: str | None
    contacts: list[str]
    trust_marks: list[str]
    changed_at: Moment


class Directory(msgspec.Struct, kw_only=True):
    """A directory that is read here. `holds`: what it said counts now; `problem` is why it was not believed last."""

    id: Id
    url: str
    kind: Literal["aggregate", "federation"]
    fingerprints: list[str]
    sequence: int | None
    institutions: int
    new: int
    holds: bool
    expires_at: Moment | None
    believed_at: Moment | None
    asked_at: Moment | None
    problem: str | None
    left_out: str | None


class Whole(msgspec.Struct, kw_only=True):
    """A directory with its entries (the first five hundred, new ones before the others)."""

    directory: Directory
    entries: list[Entry]


class Following(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which directory to read: with the `fingerprint` of the key of its file as who publishes it told you, or with its `keys` (JWK),
    which the anchor of a federation needs."""

    url: Url
    kind: Literal["aggregate", "federation"] = "aggregate"
    fingerprint: Annotated[str, Meta(max_length=300)] | None = None
    keys: Annotated[list[dict[str, Any]], Meta(max_length=20)] | None = None


class About(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which entry: that of a host, in one directory where several name it."""

    host: Host
    url: Url | None = None


class Publishing(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which peers are in the directory that this instance publishes, beside itself."""

    hosts: Annotated[list[Host], Meta(max_length=5_000)] = msgspec.field(default_factory=list)


class Published(msgspec.Struct, kw_only=True):
    """The directory that this instance publishes; others need the `fingerprint` by another way."""

    url: str
    fingerprint: str
    hosts: list[str]
    sequence: int
    signed_at: Moment
    expires_at: Moment


def index(tx: Tx, call: Call) -> list[Directory]:
    """The directories that are read here."""
    return [_directory(one) for one in acts.listed(tx, call.site)]


def show(tx: Tx, call: Call) -> Whole:
    """A directory with what it says of institutions."""
    return _whole(acts.shown(tx, call.site, _url(tx, call)))


async def _key(site: Site, caller: Caller | None, body: Following) -> list[Json]:
    """The keys to pin. Raises Invalid, also when the file can't be had, with the reason."""
    try:
        return await _keys(site, body)
    except FederationError as problem:
        raise Invalid(problem.text, code=problem.code) from problem


async def _keys(site: Site, body: Following) -> list[Json]:
    if body.keys is not None:
        return jws.read_keys({"keys": body.keys})
    if body.kind == "federation" or body.fingerprint is None:
        raise Invalid(
            "Give the fingerprint of the key of its file, or its keys: who publishes it tells them by another way.",
            code="fingerprint",
        )
    key = await fetching.key_of(site, body.url)
    if not fetching.pinned(key, body.fingerprint):
        raise Invalid("The file is signed by another key than the one with this fingerprint.", code="fingerprint")
    return [key]


def follow(tx: Tx, call: Call, body: Following) -> Directory:
    """Read a directory from now on; it is read at once, and every six hours."""
    row = acts.follow(tx, call.site, call.me.username, body.url, body.kind, call.found)
    return _directory(acts.shown(tx, call.site, row.url))


def forget(tx: Tx, call: Call) -> None:
    """Read a directory no more."""
    acts.forget(tx, call.site, call.me.username, _url(tx, call))


def read(tx: Tx, call: Call) -> Directory:
    """Read a directory again, now."""
    standing = acts.shown(tx, call.site, _url(tx, call))
    acts.ask(tx, call.site, standing.row)
    return _directory(standing)


def take(tx: Tx, call: Call, body: About) -> Entry:
    """Take over what a directory says of a host: its instance actor and ROR id. Nothing is agreed by that."""
    acts.take(tx, call.site, call.me.username, body.host, body.url)
    return _of_host(tx, body)


def leave(tx: Tx, call: Call, body: About) -> Entry:
    """Pass an entry by: it is not new again, and confirms no key."""
    acts.leave(tx, call.site, call.me.username, body.host, body.url)
    return _of_host(tx, body)


def published(tx: Tx, call: Call) -> Published:
    """The directory that this instance publishes."""
    row = publications.find(tx)
    if row is None:
        raise NotFound("This instance publishes no directory.")
    return _published(call.site, row)


def publish(tx: Tx, call: Call, body: Publishing) -> Published:
    """Publish a directory of this institution and of these peers, whose keys must be confirmed here."""
    return _published(call.site, own_directory.publish(tx, call.site, call.me.username, body.hosts))


def unpublish(tx: Tx, call: Call) -> None:
    """Publish no directory any more."""
    own_directory.unpublish(tx, call.site, call.me.username)


def _url(tx: Tx, call: Call) -> str:
    row = rows.by_id(tx, call.ids["id"])
    if row is None:
        raise NotFound("There is no such directory.")
    return row.url


def _of_host(tx: Tx, body: About) -> Entry:
    for entry in rows.about(tx, body.host):
        row = rows.by_id(tx, entry.directory_id)
        if entry.state in ("taken", "left") and row is not None and body.url in (None, row.url):
            return _entry(entry)
    raise NotFound


def _whole(standing: Standing) -> Whole:
    order = {"draft": 0, "taken": 1, "left": 2, "gone": 3}
    entries = sorted(standing.entries, key=lambda one: (order[one.state], one.host))
    return Whole(directory=_directory(standing), entries=[_entry(one) for one in entries[:_ENTRIES]])


def _entry(row: EntryRow) -> Entry:
    entity = of_body(row.body)
    return Entry(
        host=row.host,
        state=row.state,  # type: ignore[arg-type]  # as the column says
        name=entity.name,
        instance_actor=entity.instance_actor,
        fingerprints=[fingerprint_of(key) for key in entity.keys],
        ror=entity.ror,
        authority=entity.authority,
        contacts=list(entity.contacts),
        trust_marks=list(entity.marks),
        changed_at=moment(row.changed_at),
    )


def _directory(standing: Standing) -> Directory:
    row = standing.row
    return Directory(
        id=str(row.id),
        url=row.url,
        kind=row.kind,  # type: ignore[arg-type]  # as the column says
        fingerprints=[jws.fingerprint(key) for key in row.keys],
        sequence=row.sequence,
        institutions=sum(entry.state != "gone" for entry in standing.entries),
        new=sum(entry.state == "draft" for entry in standing.entries),
        holds=standing.holds,
        expires_at=moment(row.expires_at) if row.expires_at else None,
        believed_at=moment(row.believed_at) if row.believed_at else None,
        asked_at=moment(row.asked_at) if row.asked_at else None,
        problem=standing.problem,
        left_out=row.left_out,
    )


def _published(site: Site, row: Publication) -> Published:
    entities = [of_body(one) for one in row.entities]
    ours = next(one for one in entities if one.host == site.config.host)
    return Published(
        url=site.iri(own_directory.PATH),
        fingerprint=fingerprint_of(ours.keys[0]),
        hosts=[one.host for one in entities],
        sequence=row.sequence,
        signed_at=moment(row.signed_at),
        expires_at=moment(row.expires_at),
    )


def _operation(method: str, path: str, unit: Any, **more: Any) -> Operation:
    wanted = ("admin:read",) if method == "GET" else ("admin:write",)
    return Operation(method=method, path=path, unit=unit, tag="directories", scopes=wanted, admin=True, **more)


OPERATIONS = [
    _operation("GET", "/directories", index),
    _operation("POST", "/directories", follow, before=_key),
    _operation("GET", "/directories/{id}", show),
    _operation("DELETE", "/directories/{id}", forget),
    _operation("POST", "/directories/{id}/read", read, status=202),
    _operation("POST", "/directory_entries/take", take, refuses=(404,)),
    _operation("POST", "/directory_entries/leave", leave, refuses=(404,)),
    _operation("GET", "/directory", published, refuses=(404,)),
    _operation("PUT", "/directory", publish),
    _operation("DELETE", "/directory", unpublish),
]
