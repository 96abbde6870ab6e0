"""The library of a group, here or elsewhere: `/groups/NAME/library` and `/@NAME@DOMAIN/library`; its items and shelves.

Adding to it is `fedi.web.adding`; references to take along, and files, are `fedi.web.references`.
"""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi import visibility
from fedi.actions import library as actions
from fedi.actions import memberships
from fedi.actions import shelves as shelf_actions
from fedi.actions.library import Shown
from fedi.citing import licences
from fedi.citing.works import Work
from fedi.context import Site
from fedi.errors import Forbidden, NotFound
from fedi.forms import number, person, see_other, sent, text
from fedi.html import page
from fedi.languages import _
from fedi.sessions import signed_in
from fedi.web import cards, listing
from fedi.web.card import Card
from fedi.web.group_words import tabs_of
from fedi.web.handles import group_of
from fedi.web.paths import actor_path, post_path, safe_link
from storage import follows, questions, shelves
from storage import memberships as membership_rows
from storage import threads as thread_rows
from storage.actors import Actor
from storage.metadata import Tx

_ANSWERED = 20


def frame(tx: Tx, me: Actor | None, group: Actor) -> dict[str, Any]:
    """What every page of a library has. Raises Forbidden for who may not see what is in the group."""
    if not visibility.may_see_group(tx, cards.viewer_of(me), group):
        raise Forbidden(_("What is in %(group)s is shown to its members: join it first.") % {"group": group.name})
    mine = membership_rows.find(tx, group.id, me.id) if me is not None else None
    moderates = me is not None and memberships.moderates(tx, me, group)
    follow = follows.find(tx, me.id, group.id) if me is not None and not group.local else None
    inside = moderates or "accepted" in (mine and mine.state, follow and follow.state)
    return {
        "group": group,
        "group_path": actor_path(group),
        "library_path": f"{actor_path(group)}/library",
        "inside": inside,
        "moderates": moderates,
        "tabs": tabs_of(group, inside=inside, moderates=moderates),
    }


async def show(request: Request) -> Response:
    """The library: last added first, one shelf of it, what words find, or the questions that were answered."""
    site: Site = request.app.state.site
    me = await signed_in(request)
    group = await group_of(request)
    asked = request.query_params
    words, shelf_id = asked.get("q", "")[:200], asked.get("shelf", "")
    answered = asked.get("view") == "answered"

    def read(tx: Tx) -> dict[str, Any]:
        viewer = cards.viewer_of(me)
        made = frame(tx, me, group)
        known = shelves.of(tx, group.id, shelf_actions.MOST)
        wanted = int(shelf_id) if shelf_id.isascii() and shelf_id.isdigit() and len(shelf_id) < 19 else 0
        shelf = next((one for one in known if one.id == wanted), None)
        found: list[Shown] = []
        if not answered:
            before = listing.before(request)
            found = actions.listed(tx, viewer, group, listing.PAGE + 1, before=before, shelf=shelf, words=words)
        more = len(found) > listing.PAGE and not words
        found = found[: listing.PAGE]
        threads = _answered(tx, me, group) if answered else []
        return made | {
            "shelves": known,
            "shelf": shelf,
            "items": found,
            "answers": threads,
            "older": _older(request, found) if more else None,
            "newer": request.url.path if listing.before(request) is not None else None,
        }

    found = await site.db.read(read)
    path = found["library_path"]
    views = [(_("Everything"), path, None)]
    views += [(one.name, f"{path}?shelf={one.id}", None) for one in found["shelves"]]
    views.append((_("Answered questions"), f"{path}?view=answered", None))
    here = f"{path}?shelf={found['shelf'].id}" if found["shelf"] else f"{path}?view=answered" if answered else path
    shown: dict[str, Any] = {"q": words, "views": views, "here": here, "answered": answered}
    return page(request, "library.html", **shown, **found)


def _older(request: Request, found: Sequence[Shown]) -> str:
    shelf = request.query_params.get("shelf", "")
    kept = f"shelf={shelf}&" if shelf.isascii() and shelf.isdigit() else ""
    return f"{request.url.path}?{kept}before={found[-1].item.id}"


def _answered(tx: Tx, me: Actor | None, group: Actor) -> list[Card]:
    """The threads of a group that asked something and have their answer, newest first."""
    viewer = cards.viewer_of(me)
    asked = questions.solved_in(group.id)
    found = thread_rows.newest(tx, group.id, visibility.visible_to(viewer) & asked, _ANSWERED, None)
    seen = visibility.seen(tx, viewer, [one.root_id for one in found])
    return cards.of_posts(tx, me, [seen[one.root_id] for one in found if one.root_id in seen])


async def item(request: Request) -> Response:
    """An item: what it is, how to cite it, who added it where, on which shelves it stands."""
    site: Site = request.app.state.site
    me = await signed_in(request)
    group = await group_of(request)
    item_id: int = request.path_params["item_id"]
    return await _item(request, site, me, group, item_id)


async def _item(
    request: Request, site: Site, me: Actor | None, group: Actor, item_id: int, problem: str = "", status: int = 200
) -> Response:
    def read(tx: Tx) -> dict[str, Any]:
        made = frame(tx, me, group)
        found = of_group(tx, me, group, item_id)
        lines = [
            {
                "author": line.author,
                "author_path": actor_path(line.author),
                "at": line.post.published_at,
                "path": post_path(line.post, line.author),
                "licence": line.entry.licence,
                "file": line.has_file,
                "post_id": line.post.id,
            }
            for line in found.lines
        ]
        standing = {one.id for one in found.shelves}
        others = [one for one in shelves.of(tx, group.id, shelf_actions.MOST) if one.id not in standing]
        mine = me is not None and any(line.author.id == me.id for line in found.lines)
        return made | {"one": found, "lines": lines, "others": others, "mine": mine}

    found = await site.db.read(read)
    work: Work = found["one"].work
    more = {
        "address": safe_link(work.address),
        "licence_address": safe_link(licences.address(found["one"].item.licence)),
        "known_licences": licences.KNOWN,
        "problem": problem,
    }
    return page(request, "library-item.html", status, **more, **found)


def of_group(tx: Tx, me: Actor | None, group: Actor, item_id: int) -> Shown:
    """An item of this group's library. Raises NotFound for any other, and for what one may not see."""
    if item_id >= 2**63:
        raise NotFound(_("That is not in this library (any more)."))
    shown, of = actions.item_of(tx, cards.viewer_of(me), item_id)
    if of.id != group.id:
        raise NotFound(_("That is not in this library (any more)."))
    return shown


async def shelve(request: Request) -> Response:
    """Put an item on a shelf (`shelf`, or a new one called `name`), or take it from one (`take`)."""
    site: Site = request.app.state.site
    me = await person(request)
    group = await group_of(request)
    form = await sent(request)
    item_id: int = request.path_params["item_id"]
    shelf_id, take, name = number(form, "shelf"), number(form, "take"), text(form, "name", 200)

    def write(tx: Tx) -> None:
        of_group(tx, me, group, item_id)
        if name.strip():
            shelf = shelf_actions.make(tx, site, me, group, name)
        else:
            wanted = take if take is not None else shelf_id
            known = shelves.by_id(tx, wanted) if wanted is not None else None
            if known is None or known.group_id != group.id:
                raise NotFound(_("There is no such shelf in this library."))
            shelf = known
        act = shelf_actions.put if name.strip() or take is None else shelf_actions.take
        act(tx, site, me, group, shelf, item_id)

    await site.db.write(write)
    return see_other(f"{actor_path(group)}/library/{item_id}")


async def remove_shelf(request: Request) -> Response:
    """Take a shelf away; what stood on it stays in the library."""
    site: Site = request.app.state.site
    me = await person(request)
    group = await group_of(request)
    shelf_id = number(await sent(request), "shelf")

    def write(tx: Tx) -> None:
        shelf = shelves.by_id(tx, shelf_id) if shelf_id is not None else None
        if shelf is not None:
            shelf_actions.remove(tx, me, group, shelf)

    await site.db.write(write)
    return see_other(f"{actor_path(group)}/library")


async def licence(request: Request) -> Response:
    """Say what licence an item has, so that copies may be passed on."""
    site: Site = request.app.state.site
    me = await person(request)
    group = await group_of(request)
    form = await sent(request)
    item_id: int = request.path_params["item_id"]
    named = text(form, "licence", 100)

    def write(tx: Tx) -> str:
        of_group(tx, me, group, item_id)
        if not licences.named(named):
            return _("Name the licence that it has: without one nobody may pass copies on.")
        actions.share(tx, site, me, item_id, licence=named)
        return ""

    problem = await site.db.write(write)
    if problem:
        return await _item(request, site, me, group, item_id, problem, 422)
    return see_other(f"{actor_path(group)}/library/{item_id}")
