"""Libraries of groups: what is in one, adding to it, its shelves."""

from dataclasses import replace
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from federation.errors import FederationError
from fedi.actions import library as actions
from fedi.actions import shelves as shelf_actions
from fedi.actions.library import Shown
from fedi.actions.shelving import Addition
from fedi.api.groups import find, readable
from fedi.api.operations import Call, Operation
from fedi.api.shapes import Page, Paged
from fedi.callers import Caller
from fedi.citing import csl, pasted
from fedi.citing.works import Work
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.fetching import works
from fedi.languages import _
from fedi.mastodon.answers import moment
from storage import library, shelves
from storage.metadata import Tx

_READ = ("read:groups", "read:statuses")
_WRITE = ("write:statuses",)


class Shelf(msgspec.Struct, kw_only=True):
    """A shelf of a library."""

    id: str
    name: str
    url: str


class Provenance(msgspec.Struct, kw_only=True):
    """One time that an item was added: by whom, of which institution, in which post, by which licence."""

    post_id: str
    account_id: str
    host: str
    added_at: str
    licence: str | None
    file_url: str | None


class LibraryItem(msgspec.Struct, kw_only=True):
    """An item: the work in CSL-JSON, a line to cite it by, where it comes from and where it stands."""

    id: str
    group_id: str
    work: dict[str, Any]
    citation: str
    url: str | None
    licence: str | None
    shareable: bool
    retracted: bool
    provenance: list[Provenance]
    shelves: list[Shelf]


class NewItem(msgspec.Struct, kw_only=True):
    """What to add: `text` is a DOI, an arXiv id, an ISBN, an address, BibTeX, RIS or CSL-JSON of one work; or `work` is CSL."""

    text: Annotated[str, Meta(max_length=200_000)] = ""
    work: dict[str, Any] | None = None
    title: Annotated[str, Meta(max_length=500)] = ""
    note: Annotated[str, Meta(max_length=3000)] = ""
    licence: Annotated[str, Meta(max_length=100)] = ""
    shareable: bool = False
    shelf_id: str | None = None


class NewShelf(msgspec.Struct, kw_only=True):
    """A shelf to be made."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]


class Library(Paged, kw_only=True):
    """Which part of the library."""

    q: Annotated[str, Meta(max_length=200, description="words that an item has")] = ""
    shelf_id: Annotated[str, Meta(max_length=20)] = ""


def _item(call: Call, shown: Shown) -> LibraryItem:
    return LibraryItem(
        id=str(shown.item.id),
        group_id=str(shown.item.group_id),
        work=csl.write(shown.work, str(shown.item.id)),
        citation=shown.citation,
        url=shown.work.address or None,
        licence=shown.item.licence or None,
        shareable=shown.item.shareable,
        retracted=shown.work.retracted,
        provenance=[
            Provenance(
                post_id=str(line.post.id),
                account_id=str(line.author.id),
                host=line.author.domain,
                added_at=moment(line.post.published_at),
                licence=line.entry.licence or None,
                file_url=call.site.iri(f"/library/files/{line.post.id}") if line.has_file else None,
            )
            for line in shown.lines
        ],
        shelves=[_shelf(one) for one in shown.shelves],
    )


def _shelf(row: shelves.Shelf) -> Shelf:
    return Shelf(id=str(row.id), name=row.name, url=row.iri)


def listed(tx: Tx, call: Call, query: Library) -> Page[LibraryItem]:
    """What is in the library of a group, last added first; on one shelf, or what words find."""
    group = readable(tx, call)
    shelf = None
    if query.shelf_id:
        shelf = _found(tx, group.id, query.shelf_id)
    limit = query.limit + 1
    found = actions.listed(tx, call.viewer, group, limit, before=query.at, shelf=shelf, words=query.q)
    page = found[: query.limit]
    following = str(page[-1].item.id) if len(found) > query.limit and not query.q else None
    return Page(items=[_item(call, one) for one in page], next=following)


def _found(tx: Tx, group_id: int, shelf_id: str) -> shelves.Shelf:
    known = (
        shelves.by_id(tx, int(shelf_id)) if shelf_id.isascii() and shelf_id.isdigit() and len(shelf_id) < 19 else None
    )
    if known is None or known.group_id != group_id:
        raise NotFound(_("There is no such shelf in this library."))
    return known


def show(tx: Tx, call: Call) -> LibraryItem:
    """An item."""
    return _item(call, actions.item_of(tx, call.viewer, call.ids["id"])[0])


async def look_up(site: Site, caller: Caller | None, body: NewItem) -> Work:
    """What is to be added, asked of a resolver where only an identifier is given. Raises Invalid for what is no work."""
    work = csl.read(body.work) if body.work is not None else None
    said = pasted.read(body.text) if work is None else None
    if said is not None and len(said.works) > 1:
        raise Invalid(_("That is more than one work: add them one by one."), code="text")
    if said is not None and said.works:
        work = said.works[0]
    if said is not None and said.identifier is not None:
        try:
            work = await works.look_up(site, said.identifier)
        except FederationError:
            work = None
        bare: dict[str, Any] = {said.identifier.scheme: said.identifier.value}
        work = work or replace(Work(""), **bare)
    if said is not None and said.url:
        work = Work("", kind="webpage", url=said.url)
    if work is None:
        raise Invalid(
            _("That is no DOI, arXiv id, ISBN, address, BibTeX or RIS. Look for a typing mistake."), code="text"
        )
    return work


def add(tx: Tx, call: Call, body: NewItem) -> LibraryItem:
    """Add to the library of a group, by a thread in it that says so. With an Idempotency-Key, or for what this person added
    before, the same item comes back.

    A licence is named by SPDX (`CC-BY-4.0`); without one `shareable` is refused. Files are added by the form of the page.
    """
    group = find(tx, call)
    work: Work = call.found
    if body.title:
        work = replace(work, title=body.title)
    shelf = _found(tx, group.id, body.shelf_id) if body.shelf_id else None
    post = actions.add(
        tx,
        call.site,
        call.me,
        group,
        Addition(work, body.licence, body.shareable),
        note=body.note,
        shelf_id=shelf.id if shelf is not None else None,
        key=call.idempotency_key,
        app_id=call.caller.app_id if call.caller is not None else None,
    )
    entry = library.entry(tx, post.id)
    if entry is None or entry.item_id is None:
        raise NotFound(_("That is not in this library (any more)."))
    return _item(call, actions.item_of(tx, call.viewer, entry.item_id)[0])


def shelves_of(tx: Tx, call: Call) -> list[Shelf]:
    """The shelves of a group's library, by name."""
    group = readable(tx, call)
    return [_shelf(one) for one in shelves.of(tx, group.id, shelf_actions.MOST)]


def make_shelf(tx: Tx, call: Call, body: NewShelf) -> Shelf:
    """Make a shelf, or get the one of that name."""
    return _shelf(shelf_actions.make(tx, call.site, call.me, find(tx, call), body.name))


def put(tx: Tx, call: Call) -> LibraryItem:
    """Put an item on a shelf."""
    return _moved(tx, call, adds=True)


def take(tx: Tx, call: Call) -> LibraryItem:
    """Take an item from a shelf; it stays in the library."""
    return _moved(tx, call, adds=False)


def _moved(tx: Tx, call: Call, *, adds: bool) -> LibraryItem:
    shown, group = actions.item_of(tx, call.viewer, call.ids["id"])
    shelf = _found(tx, group.id, str(call.ids["shelf_id"]))
    act = shelf_actions.put if adds else shelf_actions.take
    act(tx, call.site, call.me, group, shelf, shown.item.id)
    return _item(call, actions.item_of(tx, call.viewer, shown.item.id)[0])


OPERATIONS = [
    Operation(
        method="GET",
        path="/groups/{id}/library",
        unit=listed,
        tag="library",
        scopes=_READ,
        person=False,
        refuses=(404,),
    ),
    Operation(
        method="POST",
        path="/groups/{id}/library",
        unit=add,
        tag="library",
        scopes=_WRITE,
        before=look_up,
        refuses=(404, 422),
    ),
    Operation(method="GET", path="/library/{id}", unit=show, tag="library", scopes=_READ, person=False, refuses=(404,)),
    Operation(method="GET", path="/groups/{id}/shelves", unit=shelves_of, tag="library", scopes=_READ, person=False),
    Operation(
        method="POST", path="/groups/{id}/shelves", unit=make_shelf, tag="library", scopes=_WRITE, refuses=(422,)
    ),
    Operation(
        method="PUT", path="/library/{id}/shelves/{shelf_id}", unit=put, tag="library", scopes=_WRITE, refuses=(404,)
    ),
    Operation(
        method="DELETE",
        path="/library/{id}/shelves/{shelf_id}",
        unit=take,
        tag="library",
        scopes=_WRITE,
        refuses=(404,),
    ),
]
