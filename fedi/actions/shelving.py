"""What a group's library has: items and who added them, by posts from here and elsewhere; shelves are `fedi.actions.shelves`.

A post that adds something is an ordinary post; what it says of a work is kept beside it, and joined with what other posts in
its group say of the same one (the same DOI, ISBN, address or bytes). Writing such a post is `fedi.actions.library`.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from federation.vocabulary.resource import ResourceDocument
from fedi.citing import csl, identifiers, licences
from fedi.citing.identifiers import Identifier
from fedi.citing.works import MAX_TITLE, Work, plain
from fedi.context import Site
from storage import jobs, library, shelves
from storage.library import Entry, Item
from storage.metadata import Tx
from storage.posts import Post

_TYPES = frozenset({"application/pdf", "image/png", "image/jpeg", "image/gif", "image/webp"})


@dataclass(frozen=True, slots=True)
class FileOf:
    """A file that is kept here: its SHA-256 in hex, its type, what it is called, its size in bytes."""

    digest: str
    media_type: str
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Addition:
    """What a post adds to its group's library. `licence` is SPDX's name or empty; `shareable`: copies may be passed on."""

    work: Work
    licence: str = ""
    shareable: bool = False
    file: FileOf | None = None
    more: dict[str, Any] = field(default_factory=dict)


def added(tx: Tx, site: Site, post: Post, addition: Addition) -> None:
    """A post of a person here adds this."""
    file = addition.file
    entry = Entry(
        post.id,
        None,
        csl.write(addition.work),
        addition.licence,
        addition.shareable and bool(addition.licence),
        file.digest if file is not None else None,
        file.media_type if file is not None else None,
        file.name if file is not None else None,
        file.size if file is not None else None,
        None,
    )
    _place(tx, site, post, entry)


def attached(addition: Addition | None, address: str) -> list[dict[str, Any]]:
    """The paper at this address as an attachment of the post that adds it, so that apps show it and searches find it; pictures
    are none, as apps would ask for them without saying who they are."""
    file = addition.file if addition is not None else None
    if file is None or file.media_type != "application/pdf":
        return []
    told = {"url": address, "media_type": file.media_type, "description": file.name, "kind": "unknown"}
    return [told | dict.fromkeys(("width", "height", "blurhash"))]


def heard(tx: Tx, site: Site, post: Post, said: ResourceDocument | None) -> None:
    """A peer's post says this of a work: kept as that post's word; nothing, where it is not meant for a library (any more)."""
    if said is None or not said.is_item or post.reply_to_iri is not None:
        gone(tx, site, post.id)
        return
    work = csl.read(said.work) or Work(plain(said.title, MAX_TITLE) or post.title or post.iri)
    if said.link and not work.address:
        work = _at(work, said.link)
    licence = licences.named(said.licence)
    file = said.file
    takes = file is not None and file.media_type in _TYPES
    entry = Entry(
        post.id,
        None,
        csl.write(work),
        licence,
        said.shareable and bool(licence),
        file.digest if file is not None and takes else None,
        file.media_type if file is not None and takes else None,
        (plain(file.name, 200) or None) if file is not None and takes else None,
        file.size if file is not None and takes else None,
        file.url if file is not None and takes else None,
    )
    before = library.entry(tx, post.id)
    if before is not None and (before.digest, before.file_url) == (entry.digest, entry.file_url):
        entry = replace(entry, fetched_at=before.fetched_at)
    if before is not None and replace(before, item_id=None) == entry and before.item_id is not None:
        return
    _place(tx, site, post, entry, before)


def _at(work: Work, link: str) -> Work:
    """A work with the address that a post gives for it."""
    known = identifiers.of_url(link)
    if known is None:
        return replace(work, url=link)
    if known.scheme == "doi":
        return replace(work, doi=known.value)
    return replace(work, arxiv=known.value) if known.scheme == "arxiv" else replace(work, isbn=known.value)


def grouped(tx: Tx, site: Site, post: Post) -> None:
    """A post is in a group since now: what it adds stands in that group's library."""
    entry = library.entry(tx, post.id)
    if entry is not None and entry.item_id is None and post.group_id is not None:
        _place(tx, site, post, entry)


def gone(tx: Tx, site: Site, post_id: int) -> None:
    """A post adds nothing any more: it is deleted, or says something else. Its file goes with the last that has it."""
    known = library.forget(tx, post_id)
    if known is not None and known.digest is not None:
        jobs.add(tx, site.new_id(), "library-file", known.digest, {"digest": known.digest}, site.clock())


def keys_of(work: Work, digest: str | None) -> list[str]:
    """What tells that two posts are about the same work."""
    found = [identifier.key for identifier in identifiers_of(work)]
    if not found and work.url:
        found.append(f"url:{_address(work.url)}")
    return found + ([f"sha256:{digest}"] if digest is not None else [])


def identifiers_of(work: Work) -> list[Identifier]:
    """The identifiers of a work, the best to ask about first."""
    said = (("doi", work.doi), ("arxiv", work.arxiv), ("isbn", work.isbn))
    return [Identifier(scheme, value) for scheme, value in said if value]  # type: ignore[arg-type]  # these are schemes


def _address(url: str) -> str:
    """An address without what makes no other page: the fragment, a last slash, and the case of its host."""
    scheme, _, rest = url.partition("#")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}://{host.lower()}{slash}{path}".rstrip("/")[:2000]


def _place(tx: Tx, site: Site, post: Post, entry: Entry, before: Entry | None = None) -> None:
    """Keep an entry instead of what its post said `before`, at the item of its group that is the same work; of items that
    turn out to be one, the oldest stays."""
    if post.group_id is None:
        library.put(tx, entry)
        return
    work = csl.read(entry.work)
    names = keys_of(work, entry.digest) if work is not None else []
    known = library.known_as(tx, post.group_id, names)
    if before is not None and before.item_id is not None and not known:
        known = [before.item_id]
    item = library.item(tx, known[0]) if known else None
    if item is None:
        item = Item(
            site.new_id(),
            post.group_id,
            entry.work,
            entry.licence,
            entry.shareable,
            _retracted(site, work),
            site.clock(),
        )
        library.insert_item(tx, item)
    else:
        shelves.merge(tx, item.id, known[1:])
        library.merge(tx, item.id, known[1:])
        changed: dict[str, Any] = {}
        if not item.licence and entry.licence:
            changed["licence"] = entry.licence
        if entry.shareable and not item.shareable:
            changed["shareable"] = True
        if len(entry.work) > len(item.work):  # who knows more of it
            changed["work"] = entry.work
        if item.retracted_at is None and _retracted(site, work) is not None:
            changed["retracted_at"] = _retracted(site, work)
        library.change(tx, item.id, **changed)
    library.name_item(tx, post.group_id, item.id, names)
    library.put(tx, replace(entry, item_id=item.id))
    if before is not None and before.item_id not in (None, item.id):
        library.prune(tx, before.item_id or 0)
    if before is not None and before.digest not in (None, entry.digest):
        jobs.add(tx, site.new_id(), "library-file", before.digest or "", {"digest": before.digest}, site.clock())


def _retracted(site: Site, work: Work | None) -> int | None:
    return site.clock() if work is not None and work.retracted else None


def learnt(tx: Tx, site: Site, identifier: Identifier, work: Work) -> None:
    """A resolver said this of a work: who has it in a library learns whether it was withdrawn."""
    for item in library.with_key(tx, identifier.key):
        if work.retracted != (item.retracted_at is not None):
            library.change(tx, item.id, retracted_at=site.clock() if work.retracted else None)
