"""What a library tells peers beside posts: shelves as collections, and files, each to whoever may see the posts."""

from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from federation.vocabulary.collection import build_collection
from fedi.context import Site
from fedi.errors import NotFound
from fedi.media import papers
from fedi.outbox.answers import Ready, check_text, door
from fedi.outbox.ready import wants_activity
from fedi.outbox.signed import viewer_of
from fedi.sessions import signed_in
from fedi.visibility import NOBODY, Viewer, may_see, may_see_group, person, visible_to
from storage import actors, library, posts, shelves
from storage.metadata import Tx

MOST = 1000


@door
async def shelf(request: Request) -> Response:
    """GET /groups/NAME/library/shelves/ID: the posts whose items stand on a shelf; a browser gets the library's page of it."""
    site: Site = request.app.state.site
    name, shelf_id = check_text(request.path_params["name"]), request.path_params["shelf_id"]
    if not wants_activity(request.headers.get("accept", "")):
        return RedirectResponse(f"/groups/{name}/library?shelf={shelf_id}", 303)
    viewer = await viewer_of(request)
    made = await site.db.read(partial(_shelf, site=site, viewer=viewer, name=name, shelf_id=shelf_id))
    return Ready(made).answer(request, private=viewer != NOBODY)


def _shelf(tx: Tx, site: Site, viewer: Viewer, name: str, shelf_id: int) -> dict[str, Any]:
    group = actors.by_name(tx, name, site.config.handle_domain)
    found = shelves.by_id(tx, shelf_id) if shelf_id < 2**63 else None
    if group is None or not group.local or found is None or found.group_id != group.id:
        raise NotFound
    if not may_see_group(tx, viewer, group):
        raise NotFound
    items = shelves.posts_on(tx, found.id, visible_to(viewer), MOST)
    made = build_collection(found.iri, len(items), items=items, attributed_to=group.iri)
    return made | {"name": found.name}


@door
async def file(request: Request) -> Response:
    """GET /people/NAME/posts/ID/file: the file that a post adds, for who may see the post: by a signature, or logged in."""
    site: Site = request.app.state.site
    me = await signed_in(request)
    viewer = person(me.id) if me is not None else await viewer_of(request)
    name, post_id = check_text(request.path_params["name"]), request.path_params["post_id"]

    def read(tx: Tx) -> tuple[library.Entry, library.File]:
        post = posts.by_id(tx, post_id) if post_id < 2**63 else None
        if post is None or post.iri != site.iri(f"/people/{name}/posts/{post_id}") or not may_see(tx, viewer, post):
            raise NotFound
        entry = library.entry(tx, post.id)
        known = library.file(tx, entry.digest) if entry is not None and entry.digest is not None else None
        if entry is None or known is None:
            raise NotFound
        return entry, known

    entry, known = await site.db.read(read)
    return papers.served(site, known, entry.name)


ROUTES = [
    Route("/groups/{name}/library/shelves/{shelf_id:int}", shelf),
    Route("/people/{name}/posts/{post_id:int}/file", file),
]
