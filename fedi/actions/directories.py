"""Directories that are read here, and what becomes of their entries. The one that we publish is `fedi.actions.own_directory`.

An entry is a draft for an admin to look at: nothing follows from it by itself. It can confirm the fingerprint of a key, which
an admin would else compare by telephone, since who reads a directory has pinned the key of who vouches for it.
"""

from dataclasses import dataclass

from federation.errors import FederationError
from federation.fields import Json
from federation.peering.agreement import fingerprint, same_fingerprint
from federation.peering.directory import Directory, Entity, as_body, of_body
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from storage import audit, directories, jobs, peers
from storage.directories import DirectoryRow, EntryRow
from storage.metadata import Tx

EVERY = 6 * 3600 * 1000
"""Ms between two readings; an hour after one that failed."""
AGAIN = 3600 * 1000
MAX_DIRECTORIES = 50
_FACTS = ("instance_actor", "keys")
"""What of an entry an admin has looked at: when it changes, the entry is a draft again."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A directory that is read here, its entries by host, and whether what it says holds now."""

    row: DirectoryRow
    entries: list[EntryRow]
    holds: bool

    @property
    def problem(self) -> str | None:
        """What an admin should look at: why the last reading was refused, or that nothing holds."""
        return self.row.problem or (None if self.holds else "nothing that holds was read")


def listed(tx: Tx, site: Site) -> list[Standing]:
    """The directories that are read here, by URL."""
    return [_standing(tx, site, row) for row in directories.everyone(tx)]


def shown(tx: Tx, site: Site, url: str) -> Standing:
    """One of them. Raises NotFound."""
    return _standing(tx, site, _row(tx, url))


def _standing(tx: Tx, site: Site, row: DirectoryRow) -> Standing:
    holds = row.expires_at is not None and row.expires_at > site.clock()
    return Standing(row, directories.entries(tx, row.id), holds)


def follow(tx: Tx, site: Site, who: str, url: str, kind: str, pinned: list[Json]) -> DirectoryRow:
    """Read the directory at `url` from now on, whose `pinned` keys (JWK) an admin has confirmed. Raises Invalid."""
    if kind not in ("aggregate", "federation"):
        raise Invalid("A directory is an aggregate (one signed file) or a federation (OpenID Federation).")
    if len(directories.everyone(tx)) >= MAX_DIRECTORIES:
        raise Invalid(f"More than {MAX_DIRECTORIES} directories are not read; leave one.")
    row = DirectoryRow(
        id=site.new_id(),
        url=url,
        kind=kind,
        keys=pinned,
        sequence=None,
        digest=None,
        etag=None,
        expires_at=None,
        asked_at=None,
        believed_at=None,
        problem=None,
        left_out=None,
        created_at=site.clock(),
    )
    if not directories.insert(tx, row):
        raise Invalid(f"{url} is read already; to pin another key, forget it first.")
    _note(tx, site, who, "directory.follow", url, {"kind": kind, "keys": [str(one.get("kid", "")) for one in pinned]})
    ask(tx, site, row)
    return row


def forget(tx: Tx, site: Site, who: str, url: str) -> None:
    """Read a directory no more; what it said confirms nothing from now on. Raises NotFound."""
    row = _row(tx, url)
    directories.forget(tx, row.id)
    jobs.drop(tx, "directory", row.url)
    _note(tx, site, who, "directory.forget", url, {})


def ask(tx: Tx, site: Site, row: DirectoryRow) -> None:
    """Ask for a reading, at once."""
    now = site.clock()
    jobs.forget_failed(tx, "directory", row.url)
    if not jobs.add(tx, site.new_id(), "directory", row.url, {"id": row.id}, now):
        jobs.hasten(tx, "directory", row.url, now)


def due(tx: Tx, now: int) -> list[DirectoryRow]:
    """The directories that are to be read now."""
    return [
        row
        for row in directories.everyone(tx)
        if row.asked_at is None or now - row.asked_at >= (EVERY if row.problem is None else AGAIN)
    ]


def failed(tx: Tx, site: Site, directory_id: int, problem: FederationError) -> None:
    """A reading failed, or was refused: what was believed last holds until its own end; the reason is kept and shown."""
    row = directories.by_id(tx, directory_id)
    if row is None:
        return
    directories.change(tx, directory_id, asked_at=site.clock(), problem=problem.text[:500])
    if row.problem is None and not problem.retry:
        _note(tx, site, "fedi", "directory.refuse", row.url, {"code": problem.code, "reason": problem.text[:500]})


def believed(
    tx: Tx, site: Site, directory_id: int, said: Directory | None, etag: str | None, digest: str | None
) -> None:
    """A directory was read and proven; None when it says what it said before. Its entries become drafts."""
    row = directories.by_id(tx, directory_id)
    if row is None:
        return
    now = site.clock()
    directories.said_again(tx, row.id)
    if said is None:
        directories.change(tx, row.id, asked_at=now, believed_at=now, problem=None)
        return
    if row.kind == "aggregate" and said.sequence < (row.sequence or 0):
        return  # another process has read a later one meanwhile
    directories.change(
        tx,
        row.id,
        sequence=said.sequence,
        digest=digest,
        etag=etag,
        expires_at=said.expires_at,
        asked_at=now,
        believed_at=now,
        problem=None,
        left_out="; ".join(said.left_out)[:2000] or None,
    )
    known = {entry.host: entry for entry in directories.entries(tx, row.id)}
    for entity in said.entities:
        if entity.host != site.config.host:
            _keep(tx, site, row, known.pop(entity.host, None), entity, now)
        else:
            known.pop(entity.host, None)
    for entry in known.values():
        if entry.state != "gone":
            directories.change_entry(tx, entry.id, state="gone", changed_at=now)


def _keep(tx: Tx, site: Site, row: DirectoryRow, known: EntryRow | None, entity: Entity, now: int) -> None:
    body = as_body(entity)
    if known is None:
        directories.insert_entry(tx, EntryRow(site.new_id(), row.id, entity.host, body, "draft", now, 1))
        return
    if known.body == body and known.state != "gone":
        return
    moved = known.state == "gone" or any(known.body.get(name) != body[name] for name in _FACTS)
    state = "draft" if moved and known.state != "left" else known.state
    directories.change_entry(tx, known.id, body=body, state=state, changed_at=now, asserted=1)
    if moved and known.state == "taken":
        changed = {name: {"was": known.body.get(name), "is": body[name]} for name in _FACTS}
        _note(tx, site, "fedi", "directory.change", entity.host, {"directory": row.url, "changed": changed})


def take(tx: Tx, site: Site, who: str, host: str, url: str | None = None) -> Entity:
    """Take what a directory says of a host over to what is known of the peer: its instance actor and ROR id. It stays as
    untrusted as it was; the next step is to invite it. Raises NotFound."""
    entry = _entry(tx, site, host, url)
    entity = of_body(entry.body)
    peers.meet(tx, host, site.clock())
    peer = peers.by_host(tx, host)
    values = {"instance_actor": entity.instance_actor, "ror": entity.ror}
    missing = {name: value for name, value in values.items() if value is not None and getattr(peer, name, None) is None}
    if missing:
        peers.change(tx, host, **missing)
    directories.change_entry(tx, entry.id, state="taken", changed_at=site.clock())
    _note(tx, site, who, "directory.take", host, {"entry": entry.body})
    return entity


def leave(tx: Tx, site: Site, who: str, host: str, url: str | None = None) -> None:
    """Pass an entry by: it is not shown as new again, and confirms nothing. Raises NotFound."""
    entry = _entry(tx, site, host, url)
    directories.change_entry(tx, entry.id, state="left", changed_at=site.clock())
    _note(tx, site, who, "directory.leave", host, {})


def _entry(tx: Tx, site: Site, host: str, url: str | None) -> EntryRow:
    """The entry of a host that stands, of the directory at `url` if given, else of the one read longest."""
    standing = [one for one in directories.about(tx, host) if one.state != "gone" and _holds(tx, site, one)]
    if url is not None:
        standing = [one for one in standing if one.directory_id == _row(tx, url).id]
    if not standing:
        raise NotFound(
            f"No directory that is read here, and holds, says anything of {host}; see «fedi directory list»."
        )
    return standing[0]


def _row(tx: Tx, url: str) -> DirectoryRow:
    row = directories.by_url(tx, url)
    if row is None:
        raise NotFound(f"The directory {url} is not read here; see «fedi directory list».")
    return row


def _holds(tx: Tx, site: Site, entry: EntryRow) -> bool:
    row = directories.by_id(tx, entry.directory_id)
    return row is not None and row.expires_at is not None and row.expires_at > site.clock()


def confirms(tx: Tx, site: Site, host: str, given: str) -> str | None:
    """The URL of a directory that holds and names the key with the fingerprint `given` for this host; None when none does."""
    for entry in directories.about(tx, host):
        if entry.state not in ("draft", "taken") or not _holds(tx, site, entry):
            continue
        if any(same_fingerprint(fingerprint(key), given) for key in of_body(entry.body).keys):
            row = directories.by_id(tx, entry.directory_id)
            return row.url if row is not None else None
    return None


def _note(tx: Tx, site: Site, who: str, action: str, about: str, body: Json) -> None:
    audit.add(tx, site.new_id(), site.clock(), who, action, about, body)
