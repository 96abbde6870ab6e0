"""Conversations as collections: a thread's `context` and history, and the `replies`, `likes` and `shares` of a post.

A thread in a group hosted here is the group's: it says what is in it, and what it passed on about it, byte for byte
with the proofs of those who said it, so that who joins late believes it without asking each of them (FEP-7888,
FEP-f228, FEP-171b, FEP-11dd). Every item passes the gate for who asks, totals too, and a thread of which nothing may
be seen is not there (404).
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.parse import MAX_BYTES
from federation.vocabulary.collection import build_collection, build_page
from fedi.context import Site
from fedi.errors import NotFound
from fedi.outbox.answers import Ready, check_text, door
from fedi.outbox.signed import viewer_of
from fedi.rendering import posts as post_rendering
from fedi.rendering import threads as thread_rendering
from fedi.visibility import NOBODY, Viewer, may_see, seen, visible_to
from storage import actors, outbox, posts, threads
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post
from storage.replies import answers

PAGE = 100
"""Items of one answer. A thread that fits is one answer; of a longer one, the collection names its pages."""
BYTES = MAX_BYTES * 6 // 10
"""How long the items of one answer get at most: peers (and we) take no document above 1 MiB."""

_CONTENT = ("Create", "Update")
_encode = msgspec.json.Encoder().encode


class _Passed(msgspec.Struct):
    """An Announce as it is in the log: what it passes on, with the bytes that it came in."""

    object: msgspec.Raw


class _Kind(msgspec.Struct):
    """The type of an activity."""

    type: str | list[str]


@door
async def group_thread(request: Request) -> Response:
    """GET /groups/NAME/threads/ROOT: the posts of a thread in a group, its first one first, then in order."""
    return await _answer(request, _group_thread)


@door
async def group_history(request: Request) -> Response:
    """GET /groups/NAME/threads/ROOT/history: the Create and Update of each of its posts as the group passed them on."""
    return await _answer(request, _group_history)


@door
async def post_thread(request: Request) -> Response:
    """GET /people/NAME/posts/ID/context: the posts of a thread outside of groups that a person here began."""
    return await _answer(request, _post_thread)


@door
async def replies(request: Request) -> Response:
    """GET /people/NAME/posts/ID/replies: the public answers to a post, those of this host first (FEP-7458)."""
    return await _answer(request, _replies)


@door
async def likes(request: Request) -> Response:
    """GET /people/NAME/posts/ID/likes: how many like a post; who does is not told."""
    return await _answer(request, _likes)


@door
async def shares(request: Request) -> Response:
    """GET /people/NAME/posts/ID/shares: how many boosted a post; who did is not told."""
    return await _answer(request, _shares)


async def _answer(request: Request, make: Any) -> Response:
    site: Site = request.app.state.site
    viewer = await viewer_of(request)
    name = check_text(request.path_params["name"])
    number: int = request.path_params["number"]
    asked = request.query_params.get("after", "")
    after = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
    if number >= 2**63:
        raise NotFound
    found = await site.db.read(lambda tx: Ready(make(tx, site, viewer, name, number, after)))
    return found.answer(request, private=viewer != NOBODY)


def _group_thread(tx: Tx, site: Site, viewer: Viewer, name: str, number: int, after: int | None) -> dict[str, Any]:
    group, context, ids = _thread_in_group(tx, site, viewer, name, number)
    return _context(tx, site, viewer, context, group.iri, ids, after, history=thread_rendering.history_of(context))


def _group_history(tx: Tx, site: Site, viewer: Viewer, name: str, number: int, after: int | None) -> dict[str, Any]:
    group, context, ids = _thread_in_group(tx, site, viewer, name, number)
    address = thread_rendering.history_of(context)
    items: list[msgspec.Raw] = []
    size, position, more = 0, after or 0, False
    while not more:
        rows = outbox.passed_on(tx, group.id, ids, PAGE, position)
        for row in rows:
            inner = msgspec.json.decode(row.body, type=_Passed).object
            if _type_of(inner) in _CONTENT and len(bytes(inner)) < BYTES:
                size += len(bytes(inner))
                if items and (size > BYTES or len(items) >= PAGE):
                    more = True
                    break
                items.append(inner)
            position = row.position
        if len(rows) < PAGE:
            break
    following = f"{address}?after={position}" if more else None
    if after is not None:
        return build_page(f"{address}?after={after}", address, items, next=following)
    made = build_collection(
        address, None, items=None if more else items, attributed_to=group.iri, collectionOf="Activity"
    )
    if more:
        first = build_page(f"{address}?after=0", address, items, next=following)
        made["first"] = {key: value for key, value in first.items() if key != "@context"}
    return made


def _type_of(inner: msgspec.Raw) -> str:
    kind = msgspec.json.decode(inner, type=_Kind).type
    return kind if isinstance(kind, str) else next(iter(kind), "")


def _thread_in_group(tx: Tx, site: Site, viewer: Viewer, name: str, number: int) -> tuple[Actor, str, list[int]]:
    """(the group, the thread's context, the posts of it that are shown). Raises NotFound when there are none."""
    group = actors.by_iri(tx, site.iri(f"/groups/{name}"))
    asked = posts.by_id(tx, number)
    if group is None or not group.local or group.state != "active" or asked is None or asked.group_id != group.id:
        raise NotFound
    # What began a thread may turn out to answer a post that came later: its address goes on leading to the thread.
    root_id = asked.root_id or asked.id
    ids = [one for one, _ in threads.listed(tx, root_id, group.id, visible_to(viewer))]
    if not ids:
        raise NotFound
    return group, thread_rendering.group_context(group, root_id), ids


def _post_thread(tx: Tx, site: Site, viewer: Viewer, name: str, number: int, after: int | None) -> dict[str, Any]:
    root = _own_post(tx, site, viewer, name, number)
    if root.group_id is not None or root.visibility == "direct" or root.root_id not in (None, root.id):
        raise NotFound
    ids = [one for one, _ in threads.listed(tx, root.id, None, visible_to(viewer))]
    author = site.iri(f"/people/{name}")
    return _context(tx, site, viewer, thread_rendering.post_context(root), author, ids, after)


def _own_post(tx: Tx, site: Site, viewer: Viewer, name: str, number: int) -> Post:
    """A post of somebody here that the viewer may see. Raises NotFound."""
    post = posts.by_id(tx, number)
    if post is None or not post.local or post.iri != site.iri(f"/people/{name}/posts/{number}"):
        raise NotFound
    if not may_see(tx, viewer, post):
        raise NotFound
    return post


def _context(
    tx: Tx,
    site: Site,
    viewer: Viewer,
    address: str,
    owner: str,
    ids: list[int],
    after: int | None,
    *,
    history: str | None = None,
) -> dict[str, Any]:
    """The collection of a thread, with its items when they fit into one answer, or the page of it behind `after`."""
    begin = 0 if not after else next((at + 1 for at, one in enumerate(ids) if one == after), len(ids))
    items, last = _items(tx, site, viewer, ids[begin:])
    more = last is not None and last != ids[-1]
    following = f"{address}?after={last}" if more else None
    if after is not None:
        return build_page(f"{address}?after={after}", address, items, next=following)
    return build_collection(
        address,
        len(ids),
        items=None if more else items,
        first=f"{address}?after=0" if more else None,
        attributed_to=owner,
        collectionOf="Object",
        history=history,
    )


def _items(tx: Tx, site: Site, viewer: Viewer, ids: Sequence[int]) -> tuple[list[Any], int | None]:
    """The next items of a thread and the id of the last: posts of this host as they are (each with its own context, whose
    terms the collection's has not), others' by their IRI, since only their own host can say what they are."""
    found = seen(tx, viewer, list(ids[:PAGE]))
    items: list[Any] = []
    size, last = 0, None
    for one in ids[:PAGE]:
        post = found.get(one)
        if post is None:
            continue
        if post.local:
            document = post_rendering.document(tx, site, post)
            size += len(_encode(document))
            if items and size > BYTES:
                break
            items.append(document)
        else:
            items.append(post.iri)
        last = one
    return items, last


def _replies(tx: Tx, site: Site, viewer: Viewer, name: str, number: int, after: int | None) -> dict[str, Any]:
    post = _own_post(tx, site, viewer, name, number)
    address = f"{post.iri}/replies"
    # Public ones only, whoever asks: what was said to fewer is in the thread's context, for those who may see it.
    found = answers(tx, post.id, visible_to(NOBODY))
    own = [iri for one, iri, local in found if local]
    ordered = [*own, *(iri for _, iri, local in found if not local)]
    begin = after or 0
    page = ordered[begin : begin + PAGE]
    following = f"{address}?after={begin + PAGE}" if begin + PAGE < len(ordered) else None
    if after is not None:
        return build_page(f"{address}?after={after}", address, page, next=following, ordered=False)
    made = build_collection(address, len(ordered), ordered=False, repliesOf=post.iri)
    first = build_page(f"{address}?after=0", address, page, next=following, ordered=False)
    made["first"] = {key: value for key, value in first.items() if key != "@context"}
    return made


def _likes(tx: Tx, site: Site, viewer: Viewer, name: str, number: int, after: int | None) -> dict[str, Any]:
    post = _own_post(tx, site, viewer, name, number)
    return build_collection(f"{post.iri}/likes", post.likes_count, ordered=False, likesOf=post.iri)


def _shares(tx: Tx, site: Site, viewer: Viewer, name: str, number: int, after: int | None) -> dict[str, Any]:
    post = _own_post(tx, site, viewer, name, number)
    return build_collection(f"{post.iri}/shares", post.boosts_count, ordered=False, sharesOf=post.iri)


_POST = "/people/{name}/posts/{number:int}"
ROUTES = [
    Route("/groups/{name}/threads/{number:int}", group_thread),
    Route("/groups/{name}/threads/{number:int}/history", group_history),
    Route(f"{_POST}/context", post_thread),
    Route(f"{_POST}/replies", replies),
    Route(f"{_POST}/likes", likes),
    Route(f"{_POST}/shares", shares),
]
