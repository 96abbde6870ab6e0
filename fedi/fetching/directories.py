"""Directories of institutions from the network: one signed file, or an OpenID Federation below a pinned anchor.

What is not proven by a pinned key, or by one that such a key signed, is not in what comes back.
"""

import asyncio
import hashlib
from dataclasses import dataclass, replace

import msgspec

from federation.errors import BadSignature, FederationError, Malformed, Refused
from federation.fields import Json
from federation.hosts import host_of, web_url
from federation.peering import entity_statements as statements
from federation.peering.directory import MAX_FILE, Directory, Entity, read
from federation.peering.entity_statements import Statement
from federation.signatures.jws import brought_key, fingerprint
from fedi.context import Site
from storage import peers
from storage.directories import DirectoryRow

MAX_STATEMENTS = 500
"""Institutions and intermediates of a federation that are asked."""
AT_ONCE = 6
_ANY = "application/jose, application/jwt;q=0.9, */*;q=0.5"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a directory says now, with the ETag and the digest of the file; `directory` is None when it is what we have."""

    directory: Directory | None
    etag: str | None = None
    digest: str | None = None


async def key_of(site: Site, url: str) -> Json:
    """The key that the file at `url` says that it is signed by: to be pinned once its fingerprint was compared."""
    await _not_blocked(site, host_of(url))
    return brought_key((await site.client.get_file(url, _ANY, limit=MAX_FILE)).body)


async def directory(site: Site, row: DirectoryRow) -> Fetched:
    """What the directory of this row says now. Raises the errors of `federation.errors`, with the reason in words."""
    if row.kind == "federation":
        return Fetched(await _federation(site, row.url, row.keys))
    await _not_blocked(site, host_of(row.url))
    now = site.clock()
    # What is stale or failed before is read anew, whatever the server says of its age.
    known = row.etag if row.problem is None and (row.expires_at or 0) > now else None
    found = await site.client.get_file(row.url, _ANY, etag=known, limit=MAX_FILE)
    if found.same:
        return Fetched(None, row.etag, row.digest)
    digest = hashlib.sha256(found.body).hexdigest()
    said = read(found.body, row.keys, now=now, known=row.sequence)
    if said.sequence == row.sequence and row.digest not in (None, digest):
        raise BadSignature(f"it has the number {said.sequence} again, and says something else", code="rolled-back")
    return Fetched(said, found.etag, digest)


async def _not_blocked(site: Site, host: str) -> None:
    """Raises Refused for a host that is blocked here. The mode does not count: who peers with agreed institutions alone finds
    them by directories, and who keeps one need be none of them."""
    peer = await site.db.read(lambda tx: peers.by_host(tx, host))
    if peer is not None and peer.stance == "blocked":
        raise Refused(f"{host} is blocked here", answered=403)


def pinned(key: Json, wanted: str) -> bool:
    """Whether a key has this fingerprint, however that was typed."""
    from federation.peering.agreement import same_fingerprint

    return same_fingerprint(fingerprint(key), wanted)


async def _federation(site: Site, anchor: str, keys: list[Json]) -> Directory:
    """All institutions below an anchor whose chain holds."""
    walk = _Walk(site, asyncio.Semaphore(AT_ONCE))
    top = await walk.state(anchor, keys, anchor, statements.well_known(anchor))
    left_out: list[str] = []
    found: dict[str, Entity] = {}
    expires = [top.expires]
    for chain, leaf in await walk.below(top, [], left_out):
        try:
            entity = statements.resolved(chain, leaf)
        except FederationError as problem:
            if problem.code != "no-instance":  # other services are in the federation, too
                left_out.append(f"{leaf.subject[:200]}: {problem.text}")
            continue
        marks = statements.marks(leaf, top.keys, anchor, site.clock())
        authority = entity.authority or chain[0].issuer
        if entity.host in found:
            left_out.append(f"{leaf.subject[:200]}: its host is there twice")
            continue
        found[entity.host] = replace(entity, authority=authority, marks=marks)
        expires.append(min(one.expires for one in (*chain, leaf)))
    now = site.clock()
    last = min(min(expires) * 1000, now + 28 * 24 * 3600 * 1000)
    return Directory(anchor, now, last, now // 1000, tuple(found.values()), tuple(left_out[:100]))


class _Walk:
    """One reading of a federation, from the anchor down."""

    def __init__(self, site: Site, slots: asyncio.Semaphore) -> None:
        self.site = site
        self.slots = slots
        self.left = MAX_STATEMENTS

    async def state(self, issuer: str, keys: list[Json], subject: str, url: str) -> Statement:
        """What `issuer` states of `subject` at a URL, proven by one of `keys`."""
        async with self.slots:
            await _not_blocked(self.site, host_of(url))
            found = await self.site.client.get_file(url, statements.MEDIA_TYPE, limit=statements.MAX_STATEMENT)
        return statements.read_statement(found.body, keys, issuer=issuer, subject=subject, now=self.site.clock())

    async def below(
        self, above: Statement, chain: list[Statement], left_out: list[str]
    ) -> list[tuple[list[Statement], Statement]]:
        """(statements above it, the nearest first; its own) of all that are below an entity; what fails is left out."""
        listed = web_url(above.federation.get("federation_list_endpoint"))
        fetched = web_url(above.federation.get("federation_fetch_endpoint"))
        if listed is None or fetched is None:
            return []
        if len(chain) >= statements.MAX_DEPTH:
            left_out.append(f"{above.subject[:200]}: it is more than {statements.MAX_DEPTH} steps below the anchor")
            return []
        async with self.slots:
            await _not_blocked(self.site, host_of(listed))
            answer = await self.site.client.get_file(listed, "application/json")
        try:
            names = statements.read_list(msgspec.json.decode(answer.body), MAX_STATEMENTS)
        except msgspec.DecodeError as problem:
            raise Malformed(f"{listed[:200]} answers no JSON", code="bad-statement") from problem
        several = await asyncio.gather(*(self._one(name, above, fetched, chain, left_out) for name in names))
        return [one for found in several for one in found]

    async def _one(
        self, name: str, above: Statement, endpoint: str, chain: list[Statement], left_out: list[str]
    ) -> list[tuple[list[Statement], Statement]]:
        from urllib.parse import quote

        self.left -= 1
        if self.left < 0:
            left_out.append(f"{name[:200]}: more than {MAX_STATEMENTS} are not read")
            return []
        if any(name == one.issuer for one in (above, *chain)) or name == above.subject:
            left_out.append(f"{name[:200]}: it is below itself")
            return []
        separator = "&" if "?" in endpoint else "?"
        try:
            stated = await self.state(
                above.subject, above.keys, name, f"{endpoint}{separator}sub={quote(name, safe='')}"
            )
            own = await self.state(name, stated.keys, name, statements.well_known(name))
            following = [stated, *chain]
            found = await self.below(own, following, left_out)
        except FederationError as problem:
            left_out.append(f"{name[:200]}: {problem.text}"[:500])
            return []
        return [*found, (following, own)]
