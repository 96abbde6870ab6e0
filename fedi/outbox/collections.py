"""Collections of local actors: outbox, followers, following, featured, moderators, requests; each passes the gate.

Who follows whom is nobody's business but theirs: followers and following tell how many, not who (as Lemmy does), and a
group that is not public tells nothing to who may not see it (404). A host is told which of its own people follow
(FEP-8fcf), and whether somebody is in a group, when it may see the group (as Lemmy 1.0 asks about private communities).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.vocabulary.collection import build_collection, build_page
from federation.vocabulary.context import COLLECTION
from fedi.context import Site
from fedi.errors import NotFound
from fedi.outbox.answers import Ready, check_text, door
from fedi.outbox.signed import viewer_of
from fedi.rendering import posts as post_rendering
from fedi.visibility import NOBODY, Viewer, may_see_group, seen, seen_count, unseen_boosts
from storage import actors, follows, groups, memberships, outbox, pins, reactions, twins
from storage import posts as post_rows
from storage.actors import Actor
from storage.metadata import Tx

PAGE = 20
LOOK = 10
"""Times PAGE rows of a group's log that are looked at for one page of its outbox: most of them are votes."""
PINS = 20
FOLLOWERS = 10_000
"""Followers of one host that it is told of."""

Asked = Mapping[str, str]
Make = Callable[[Tx, Site, Viewer, Actor, Asked], dict[str, Any]]


class _Inner(msgspec.Struct):
    """What an activity does, of an activity that was passed on; its object may be named only."""

    type: str | list[str] = ""


class _Passed(msgspec.Struct):
    """An Announce in the log."""

    object: msgspec.Raw


def _route(path: str, make: Make, name: str) -> Route:
    """The route of one collection below /people/NAME or /groups/NAME."""

    async def answer(request: Request) -> Response:
        site: Site = request.app.state.site
        viewer = await viewer_of(request)
        actor_iri = site.iri(f"{path}/{check_text(request.path_params['name'])}")
        asked = {key: check_text(value) for key, value in request.query_params.items()}
        found = await site.db.read(partial(_render, site=site, viewer=viewer, iri=actor_iri, make=make, asked=asked))
        return found.answer(request, private=viewer != NOBODY, seconds=60 if viewer == NOBODY else 0)

    answer.__name__ = name
    return Route(f"{path}/{{name}}/{name}", door(answer))


def _render(tx: Tx, site: Site, viewer: Viewer, iri: str, make: Make, asked: Asked) -> Ready:
    actor = actors.by_iri(tx, iri)
    if actor is None or not actor.local or actor.state != "active":
        raise NotFound
    if actor.is_group and not may_see_group(tx, viewer, actor):
        raise NotFound
    return Ready(make(tx, site, viewer, actor, asked))


def _outbox(tx: Tx, site: Site, viewer: Viewer, actor: Actor, asked: Asked) -> dict[str, Any]:
    """What the actor published that the viewer may see, newest first. `page` is `true` or the position to go on below.

    A group's has its first page in it: who joins asks for it at once.
    """
    address, page = f"{actor.iri}/outbox", asked.get("page", "")
    if page:
        before = int(page) if page.isascii() and page.isdigit() and len(page) < 19 else None
        return _outbox_page(tx, site, viewer, actor, before)
    mine = post_rows.posts.c.group_id if actor.is_group else post_rows.posts.c.author_id
    total = seen_count(tx, viewer, mine == actor.id)
    made = build_collection(address, total, first=f"{address}?page=true", outboxOf=actor.iri)
    if actor.is_group:
        first = _outbox_page(tx, site, viewer, actor, None)
        del first["@context"]
        made["first"] = first
    return made


def _outbox_page(tx: Tx, site: Site, viewer: Viewer, actor: Actor, before: int | None) -> dict[str, Any]:
    address = f"{actor.iri}/outbox"
    types = ("Announce",) if actor.is_group else ("Create", "Announce")
    items: list[Any] = []
    position: int | None = before
    more = False
    for _ in range(LOOK if actor.is_group else 1):
        rows = outbox.of_actor(tx, actor.id, types, PAGE, position)
        visible = seen(tx, viewer, [row.post_id for row in rows if row.post_id is not None])
        for row in rows:
            if len(items) == PAGE:
                break
            position = row.position
            post = visible.get(row.post_id) if row.post_id is not None else None
            # A group's boost for microblogs says again what its announce of the activity says.
            if post is None or (row.form in ("microblog", "notice") and actor.is_group):
                continue
            if row.type == "Announce" and row.form != "forum":
                boost = reactions.boost_by_iri(tx, row.activity_id)
                if boost is None or unseen_boosts(tx, viewer, [boost]):
                    continue  # taken back, or for followers
            if row.type == "Create":
                items.append(post_rendering.create(tx, site, post))  # as it is now, edits included
            elif row.form != "forum" or _inner_type(row.body) == "Create":
                items.append(msgspec.Raw(row.body))  # votes and edits are in the threads
        more = len(rows) == PAGE
        if not more or len(items) == PAGE:
            break
    following = f"{address}?page={position}" if more and position is not None else None
    return build_page(f"{address}?page={before or 'true'}", address, items, next=following)


def _inner_type(body: bytes) -> str:
    kind = msgspec.json.decode(msgspec.json.decode(body, type=_Passed).object, type=_Inner).type
    return kind if isinstance(kind, str) else next(iter(kind), "")


def _followers(tx: Tx, site: Site, viewer: Viewer, actor: Actor, asked: Asked) -> dict[str, Any]:
    """How many follow the actor. To a signed question: who of its own host does (`domain`, FEP-8fcf), or whether somebody
    is in a group (`is_follower`, Lemmy 1.0): 404 when not."""
    address = f"{actor.iri}/followers"
    if "domain" in asked:
        # Of others' people it learns nothing, not even whether there are any.
        if viewer.host is None or asked["domain"] != viewer.host:
            raise NotFound
        items = follows.at_host(tx, actor.id, viewer.host, FOLLOWERS)
        return build_collection(f"{address}?domain={viewer.host}", len(items), items=items, followersOf=actor.iri)
    if "is_follower" in asked:
        follower = actors.by_iri(tx, asked["is_follower"])
        known = follows.find(tx, follower.id, actor.id) if follower is not None else None
        if not actor.is_group or viewer.host is None or known is None or known.state != "accepted":
            raise NotFound
        # In a group that everyone may read there is nothing to let somebody see, so it would be mere curiosity.
        row = groups.by_id(tx, actor.id)
        if (row is None or row.see == "public") and (follower is None or follower.host != viewer.host):
            raise NotFound
    return build_collection(address, actor.followers_count, ordered=False, followersOf=actor.iri)


def _following(tx: Tx, site: Site, viewer: Viewer, actor: Actor, asked: Asked) -> dict[str, Any]:
    """How many the actor follows. Of a group these are other groups, its twins, which it may well name (FEP-d36d)."""
    address = f"{actor.iri}/following"
    if actor.is_group:
        joined = twins.joined_iris(tx, actor.id)
        return build_collection(address, len(joined), items=joined, ordered=False, followingOf=actor.iri)
    return build_collection(address, actor.following_count, ordered=False, followingOf=actor.iri)


def _pending_followers(tx: Tx, site: Site, viewer: Viewer, actor: Actor, asked: Asked) -> dict[str, Any]:
    """Who asked to follow and waits, as Follow activities; for the actor's own eyes (FEP-4ccd)."""
    return _pending(tx, viewer, actor, "pendingFollowers")


def _pending_following(tx: Tx, site: Site, viewer: Viewer, actor: Actor, asked: Asked) -> dict[str, Any]:
    """Whom the actor asked to follow and waits for, as Follow activities; for the actor's own eyes (FEP-4ccd)."""
    return _pending(tx, viewer, actor, "pendingFollowing")


def _pending(tx: Tx, viewer: Viewer, actor: Actor, name: str) -> dict[str, Any]:
    if viewer.actor_iri != actor.iri:
        raise NotFound
    if name == "pendingFollowers":
        found = follows.followers(tx, actor.id, 1000, state="pending")
    else:
        found = follows.following(tx, actor.id, 1000, state="pending")
    known = actors.by_ids(tx, list({one for follow in found for one in (follow.follower_id, follow.target_id)}))
    items = [
        {
            "type": "Follow",
            "id": follow.iri,
            "actor": known[follow.follower_id].iri,
            "object": known[follow.target_id].iri,
        }
        for follow in found
    ]
    made = build_collection(f"{actor.iri}/{name}", len(items), items=items, attributed_to=actor.iri)
    return made | {"@context": COLLECTION, f"{name}Of": actor.iri}


def _featured(tx: Tx, site: Site, viewer: Viewer, actor: Actor, asked: Asked) -> dict[str, Any]:
    """What is pinned, last pinned first: posts of this host as they are (as Lemmy has it), others' by their IRI."""
    pinned = [pin.post_id for pin in pins.of(tx, actor.id)][:PINS]
    visible = seen(tx, viewer, pinned)
    items: list[Any] = []
    for one in pinned:
        post = visible.get(one)
        if post is not None and post.local:
            document = post_rendering.document(tx, site, post)
            items.append(document)
        elif post is not None:
            items.append(post.iri)
    return build_collection(f"{actor.iri}/featured", len(items), items=items)


def _moderators(tx: Tx, site: Site, viewer: Viewer, actor: Actor, asked: Asked) -> dict[str, Any]:
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
            ("pendingFollowers", _pending_followers),
            ("pendingFollowing", _pending_following),
        )
    ),
    _route("/groups", _moderators, "moderators"),
]
