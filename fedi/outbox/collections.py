"""Collections of local actors: outbox, followers, following, featured, moderators; each passes the gate.

Who follows whom is nobody's business but theirs: followers and following tell how many, not who (as Lemmy does), and a
group that is not public tells nothing to who may not see it (404).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.vocabulary.collection import build_collection, build_page
from fedi.context import Site
from fedi.errors import NotFound
from fedi.outbox.answers import Ready, check_text, door
from fedi.outbox.signed import viewer_of
from fedi.rendering import posts as post_rendering
from fedi.visibility import NOBODY, Viewer, may_see_group, seen, seen_count
from storage import actors, memberships, outbox, reactions
from storage import posts as post_rows
from storage.actors import Actor
from storage.metadata import Tx

PAGE = 20

Make = Callable[[Tx, Site, Viewer, Actor, str], dict[str, Any]]


def _route(path: str, make: Make, name: str) -> Route:
    """The route of one collection below /people/NAME or /groups/NAME."""

    async def answer(request: Request) -> Response:
        site: Site = request.app.state.site
        viewer = await viewer_of(request)
        actor_iri = site.iri(f"{path}/{check_text(request.path_params['name'])}")
        page = request.query_params.get("page", "")
        found = await site.db.read(partial(_render, site=site, viewer=viewer, iri=actor_iri, make=make, page=page))
        return found.answer(request, private=viewer != NOBODY, seconds=60 if viewer == NOBODY else 0)

    answer.__name__ = name
    return Route(f"{path}/{{name}}/{name}", door(answer))


def _render(tx: Tx, site: Site, viewer: Viewer, iri: str, make: Make, page: str) -> Ready:
    actor = actors.by_iri(tx, iri)
    if actor is None or not actor.local or actor.state != "active":
        raise NotFound
    if actor.is_group and not may_see_group(tx, viewer, actor):
        raise NotFound
    return Ready(make(tx, site, viewer, actor, page))


def _outbox(tx: Tx, site: Site, viewer: Viewer, actor: Actor, page: str) -> dict[str, Any]:
    """What the actor published that the viewer may see, newest first. `page` is `true` or the position to go on below."""
    address = f"{actor.iri}/outbox"
    if not page:
        mine = post_rows.posts.c.group_id if actor.is_group else post_rows.posts.c.author_id
        total = seen_count(tx, viewer, mine == actor.id)
        return build_collection(address, total, first=f"{address}?page=true")
    before = int(page) if page.isascii() and page.isdigit() and len(page) < 19 else None
    rows = outbox.of_actor(tx, actor.id, ("Create", "Announce"), PAGE, before)
    visible = seen(tx, viewer, [row.post_id for row in rows if row.post_id is not None])
    items: list[Any] = []
    for row in rows:
        post = visible.get(row.post_id) if row.post_id is not None else None
        # A group's boost for microblogs says again what its announce of the activity says.
        if post is None or (row.form == "microblog" and actor.is_group):
            continue
        if row.type == "Announce" and row.form != "forum" and reactions.boost_by_iri(tx, row.activity_id) is None:
            continue  # taken back
        if row.type == "Create":
            items.append(post_rendering.create(tx, site, post))  # as it is now, edits included
        else:
            items.append(msgspec.Raw(row.body))
    following = f"{address}?page={rows[-1].position}" if len(rows) == PAGE else None
    return build_page(f"{address}?page={before or 'true'}", address, items, next=following)


def _followers(tx: Tx, site: Site, viewer: Viewer, actor: Actor, page: str) -> dict[str, Any]:
    """How many follow the actor."""
    return build_collection(f"{actor.iri}/followers", actor.followers_count)


def _following(tx: Tx, site: Site, viewer: Viewer, actor: Actor, page: str) -> dict[str, Any]:
    """How many the actor follows."""
    return build_collection(f"{actor.iri}/following", actor.following_count)


def _featured(tx: Tx, site: Site, viewer: Viewer, actor: Actor, page: str) -> dict[str, Any]:
    """What is pinned: nothing can be pinned yet."""
    return build_collection(f"{actor.iri}/featured", 0, items=[])


def _moderators(tx: Tx, site: Site, viewer: Viewer, actor: Actor, page: str) -> dict[str, Any]:
    """Who moderates the group, longest first (FEP-1b12)."""
    ids = memberships.moderators(tx, actor.id)
    known = actors.by_ids(tx, ids)
    return build_collection(f"{actor.iri}/moderators", len(ids), items=[known[one].iri for one in ids if one in known])


ROUTES = [
    *(
        _route(path, make, name)
        for path in ("/people", "/groups")
        for name, make in (
            ("outbox", _outbox),
            ("followers", _followers),
            ("following", _following),
            ("featured", _featured),
        )
    ),
    _route("/groups", _moderators, "moderators"),
]
