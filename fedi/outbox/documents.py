"""GET of what we are and what we said, as ActivityPub: actors, posts, activities. Collections are `collections`.

Actors are for everyone, unsigned: whoever checks a signature must be able to read the key (where the setting
`federation.signed_fetch` wants signatures, little more than the key is told without one). Everything else passes the gate
with the viewer that the request's signature proves, and what a viewer may not see is not there (404).
"""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.audience import read_audience
from federation.errors import FederationError
from federation.fields import first_id
from federation.parse import parse_document
from federation.vocabulary.tombstone import build_tombstone
from fedi.context import Site
from fedi.errors import NotFound
from fedi.outbox import collections, conversations, discovery
from fedi.outbox.answers import ACTIVITY_JSON, Ready, Terms, check_text, door
from fedi.outbox.ready import answered, ready
from fedi.outbox.signed import viewer_of
from fedi.rendering import actors as actor_rendering
from fedi.rendering import posts as post_rendering
from fedi.visibility import NOBODY, Viewer, may_see, may_see_group, unseen_boosts
from storage import actors, audiences, outbox, posts, reactions
from storage.actors import Actor
from storage.metadata import Tx
from storage.outbox import Sent
from storage.posts import Post

_ACTOR_TERMS = Terms(ACTIVITY_JSON, seconds=180, private=False, vary="Accept", cors=False)


@door
async def person(request: Request) -> Response:
    """GET /people/NAME: the actor of a person; 410 with a Tombstone when it is gone."""
    return await _actor(request, f"/people/{request.path_params['name']}")


@door
async def group(request: Request) -> Response:
    """GET /groups/NAME: the actor of a group. It is public even where the group's content is not."""
    return await _actor(request, f"/groups/{request.path_params['name']}")


@door
async def instance(request: Request) -> Response:
    """GET /actor: the instance's own actor, which signs what we fetch."""
    return await _actor(request, "/actor")


async def _actor(request: Request, path: str) -> Response:
    check_text(path)
    site: Site = request.app.state.site
    if site.config.federation.signed_fetch and path != "/actor":
        return await _actor_signed(request, path)
    return await answered(
        request,
        f"actor {path}",
        lambda tx, site: _render_actor(tx, site, path),
        _ACTOR_TERMS,
        negotiated=path != "/actor",
    )


async def _actor_signed(request: Request, path: str) -> Response:
    """The actor to a signed request; to others what they need to check its signatures, as GoToSocial does, so that two
    servers that both want signatures can begin to speak."""
    signed = "signature" in request.headers or "authorization" in request.headers
    if signed and await viewer_of(request) != NOBODY:
        found = await ready(request, f"actor {path}", lambda tx, site: _render_actor(tx, site, path))
        return found.answer(request, private=True)
    found = await ready(request, f"stub {path}", lambda tx, site: _render_actor(tx, site, path, stub=True))
    return found.answer(request, vary="Accept, Signature")


def _render_actor(tx: Tx, site: Site, path: str, *, stub: bool = False) -> Ready:
    actor = actors.by_iri(tx, site.iri(path))
    if actor is None or not actor.local or actor.state in ("suspended", "pending"):
        raise NotFound
    document = actor_rendering.document(tx, site, actor)
    if stub and actor.state != "gone":
        document = actor_rendering.stub(document)
    return Ready(document, 410 if actor.state == "gone" else 200)


@door
async def post(request: Request) -> Response:
    """GET /people/NAME/posts/ID: the post; a Tombstone when it was public and is deleted (410) or removed (200)."""
    return await _of_post(request, create=False)


@door
async def create(request: Request) -> Response:
    """GET /people/NAME/posts/ID/activity: the Create of a post, for peers that fetch what was announced to them."""
    return await _of_post(request, create=True)


async def _of_post(request: Request, *, create: bool) -> Response:
    site: Site = request.app.state.site
    viewer = await viewer_of(request)
    check_text(request.path_params["name"])
    name, post_id = request.path_params["name"], request.path_params["post_id"]
    found = await site.db.read(lambda tx: _render_post(tx, site, viewer, name, post_id, create=create))
    return found.answer(request, private=viewer != NOBODY)


def _render_post(tx: Tx, site: Site, viewer: Viewer, name: str, post_id: int, *, create: bool) -> Ready:
    row = posts.by_id(tx, post_id) if post_id < 2**63 else None
    if row is None or not row.local or row.iri != site.iri(f"/people/{name}/posts/{post_id}"):
        raise NotFound
    if row.deleted_at is not None:
        # Of what was not for everyone, not even that it once existed is told.
        if row.visibility not in ("public", "unlisted"):
            raise NotFound
        return Ready(post_rendering.document(tx, site, row), 410)
    if row.removed_at is not None:
        # A moderator's removal can be undone: 200 says so, where NodeBB would forget it for good on 410 (FEP-4f05).
        if row.visibility not in ("public", "unlisted"):
            raise NotFound
        return Ready(build_tombstone(row.iri, row.kind, row.removed_at))
    if not may_see(tx, viewer, row):
        raise NotFound
    return Ready(post_rendering.create(tx, site, row) if create else post_rendering.document(tx, site, row))


@door
async def activity(request: Request) -> Response:
    """GET /activities/ID, /people/NAME/boosts/ID and /groups/NAME/announces/ID: an activity as it was sent, byte for byte."""
    site: Site = request.app.state.site
    viewer = await viewer_of(request)
    iri = site.iri(check_text(request.scope["path"]))
    found = await site.db.read(partial(_sent, viewer=viewer, iri=iri))
    return Ready(found.body).answer(request, private=viewer != NOBODY)


def _sent(tx: Tx, viewer: Viewer, iri: str) -> Sent:
    row = outbox.by_activity(tx, iri)
    if row is None:
        raise NotFound
    about: Post | None = posts.by_id(tx, row.post_id) if row.post_id is not None else None
    if row.post_id is not None and (about is None or not may_see(tx, viewer, about)):
        raise NotFound
    if row.form == "notice" and not _got_it(tx, viewer, row):
        raise NotFound  # it says who is a member, to that one
    if row.type == "Announce" and row.form != "forum":
        boost = reactions.boost_by_iri(tx, iri)
        if boost is None or (unseen_boosts(tx, viewer, [boost]) and not _got_it(tx, viewer, row)):
            raise NotFound  # a boost that was taken back, or is for followers
    author: Actor | None = actors.by_id(tx, row.actor_id)
    if author is None or (author.state != "active" and row.type not in ("Delete", "Undo")):
        raise NotFound
    if about is None and not (_is_public(row) or _got_it(tx, viewer, row) or _of_group(tx, viewer, row)):
        raise NotFound
    return row


_IN_GROUPS = frozenset({"Add", "Block", "Delete", "Lock", "Remove", "Undo", "Update"})
"""What is done in a group before all who are in it: no report, no warning."""


def _of_group(tx: Tx, viewer: Viewer, row: Sent) -> bool:
    """Whether the activity was done in a group that the viewer may read, which passed it on to their server."""
    if row.type not in _IN_GROUPS:
        return False
    try:
        named = first_id(parse_document(row.body).get("audience"))
    except FederationError:
        return False
    group = actors.by_iri(tx, named) if named is not None else None
    return group is not None and group.is_group and may_see_group(tx, viewer, group)


def _is_public(row: Sent) -> bool:
    """Whether the activity is addressed to everyone."""
    try:
        return read_audience(parse_document(row.body)).public_in is not None
    except FederationError:
        return False


def _got_it(tx: Tx, viewer: Viewer, row: Sent) -> bool:
    """Whether the activity was (or is to be) sent to the host that asks."""
    if viewer.host is None:
        return False
    return bool(audiences.recipients(tx, [row.position], [viewer.host]))


ROUTES = [
    Route("/actor", instance),
    Route("/people/{name}/posts/{post_id:int}/activity", create),
    Route("/activities/{number}", activity),
    Route("/people/{name}/boosts/{number}", activity),
    Route("/groups/{name}/announces/{number}", activity),
    *collections.ROUTES,
    *conversations.ROUTES,
    *discovery.ROUTES,
]
