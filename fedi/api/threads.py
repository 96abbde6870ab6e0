"""Threads of groups, by what is new, active or best voted; one thread as a tree; beginning one; votes."""

from collections import defaultdict
from typing import Annotated, Literal, cast

from msgspec import Meta

from fedi import visibility
from fedi.actions import posts as actions
from fedi.actions import reactions as reaction_actions
from fedi.actions.drafts import Draft
from fedi.api.groups import find, readable
from fedi.api.operations import Call, Operation
from fedi.api.shapes import Answer, NewThread, Page, Paged, Thread, Vote, Votes
from fedi.errors import NotFound
from fedi.mastodon.answers import moment
from fedi.mastodon.entities.status import status
from fedi.mastodon.load import Shown, bundle
from storage import pins, questions, reactions, threads
from storage.metadata import Tx
from storage.posts import Post

_DEEP = 100_000
"""Threads that are passed over at most to get at a page by votes."""
_DAY = 24 * 3600 * 1000
_PERIODS = {"day": _DAY, "week": 7 * _DAY, "month": 30 * _DAY, "year": 365 * _DAY, "all": None}


class Threads(Paged, kw_only=True):
    """In which order: `active` by the newest answer, `new` by the first post, `top` by votes within a `period`; `open` are
    the newest questions without an accepted answer, `solved` those with one, `unanswered` threads without any answer."""

    sort: Literal["active", "new", "top", "open", "solved", "unanswered"] = "active"
    period: Annotated[Literal["day", "week", "month", "year", "all"], Meta(description="of `top`")] = "month"


def listed(tx: Tx, call: Call, query: Threads) -> Page[Thread]:
    """The threads of a group."""
    group = readable(tx, call)
    visible = visibility.visible_to(call.viewer)
    limit = query.limit + 1
    if query.sort == "active":
        found = threads.active(tx, group.id, visible, limit, query.at)
        cursors = [thread.last_id for thread in found]
    elif query.sort == "unanswered":
        found = threads.unanswered(tx, group.id, visible, limit, query.at)
        cursors = [thread.root_id for thread in found]
    elif query.sort != "top":
        only = {"open": [questions.open_in(group.id)], "solved": [questions.solved_in(group.id)]}.get(query.sort, [])
        found = threads.newest(tx, group.id, visible, limit, query.at, *only)
        cursors = [thread.root_id for thread in found]
    else:
        span = _PERIODS[query.period]
        since = None if span is None else call.site.clock() - span
        start = min(query.at or 0, _DEEP)
        found = threads.top(tx, group.id, visible, limit, start, since)
        cursors = [start + place for place in range(1, len(found) + 1)]
    page = found[: query.limit]
    following = str(cursors[query.limit - 1]) if len(found) > query.limit else None
    return Page(items=shown_threads(tx, call, page), next=following)


def shown_threads(tx: Tx, call: Call, found: list[threads.Thread]) -> list[Thread]:
    """Threads as they are answered, in a fixed number of queries."""
    ids = [one.root_id for one in found]
    seen = visibility.seen(tx, call.viewer, [*ids, *(one.last_id for one in found)])
    items = [Shown(one, one) for one in ids if one in seen]
    rows = bundle(tx, call.site, call.viewer, items, seen=seen)
    votes = _votes(tx, call, ids)
    pinned = pins.among(tx, {post.group_id for post in seen.values() if post.group_id is not None}, ids)
    made = []
    for one in found:
        post = seen.get(one.root_id)
        shown = status(rows, Shown(one.root_id, one.root_id)) if post is not None else None
        if post is None or shown is None:
            continue
        last = seen.get(one.last_id, post)
        made.append(
            Thread(
                id=str(post.id),
                group_id=None if post.group_id is None else str(post.group_id),
                title=post.title,
                replies_count=one.posts - 1,
                last_active_at=moment(last.published_at),
                votes=votes[post.id],
                pinned=post.id in pinned,
                locked=post.locked,
                question=cast(Literal["open", "solved"] | None, post.asks),
                status=shown,
            )
        )
    return made


def _votes(tx: Tx, call: Call, ids: list[int]) -> dict[int, Votes]:
    me = call.viewer.person_id
    found: dict[int, Votes] = defaultdict(Votes)
    for post_id, kind, number, mine in reactions.votes(tx, ids, me):
        so_far = found[post_id]
        if kind == "like":
            so_far.up = number
        else:
            so_far.down = number
        if mine:
            so_far.yours = "up" if kind == "like" else "down"
        so_far.score = so_far.up - so_far.down
    return found


def _post(tx: Tx, call: Call) -> Post:
    post = visibility.seen(tx, call.viewer, [call.ids["id"]]).get(call.ids["id"])
    if post is None:
        raise NotFound("There is no such post, or it is not shown to you.")
    return post


class Tree(Paged, kw_only=True):
    """Which part of the thread."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 100


def show(tx: Tx, call: Call, query: Tree) -> Page[Answer]:
    """The thread that a post is in, whole, as a tree: each post before its answers, oldest first.

    What answers a post that is not shown hangs below the thread's first post.
    """
    post = _post(tx, call)
    visible = visibility.visible_to(call.viewer)
    root = post.root_id or post.id
    ordered = _tree(threads.shape(tx, root, visible), root)
    start = query.at or 0
    part = ordered[start : start + query.limit]
    items = [Shown(one, one) for one, _, _ in part]
    rows = bundle(tx, call.site, call.viewer, items)
    votes = _votes(tx, call, [one for one, _, _ in part])
    made = []
    for one, parent, depth in part:
        shown = status(rows, Shown(one, one))
        if shown is not None:
            above = None if parent is None else str(parent)
            made.append(Answer(id=str(one), parent_id=above, depth=depth, votes=votes[one], status=shown))
    return Page(items=made, next=str(start + query.limit) if len(ordered) > start + query.limit else None)


def _tree(shape: list[tuple[int, int | None]], root: int) -> list[tuple[int, int | None, int]]:
    """(post, what it answers, depth), each before its answers; `shape` is oldest first."""
    there = {one for one, _ in shape}
    below: dict[int, list[int]] = defaultdict(list)
    tops = [root] if root in there else []
    for one, parent in shape:
        if one == root:
            continue
        if parent in there and parent is not None:
            below[parent].append(one)
        elif root in there:
            below[root].append(one)
        else:
            tops.append(one)
    ordered: list[tuple[int, int | None, int]] = []
    todo: list[tuple[int, int | None, int]] = [(one, None, 0) for one in reversed(tops)]
    reached: set[int] = set()
    while todo:
        one, above, depth = todo.pop()
        if one in reached:
            continue
        reached.add(one)
        ordered.append((one, above, depth))
        todo += [(child, one, depth + 1) for child in reversed(below[one])]
    return ordered


def begin(tx: Tx, call: Call, body: NewThread) -> Thread:
    """Begin a thread in a group. With an Idempotency-Key the same request again gives the same thread."""
    group = find(tx, call)
    # A group is posted to by its name, as from every client; the name is added where the text lacks it.
    text = body.text if f"@{group.handle}".lower() in body.text.lower() else f"{body.text}\n\n@{group.handle}".strip()
    draft = Draft(
        text=text,
        title=body.title,
        summary=body.spoiler_text,
        sensitive=body.sensitive,
        language=body.language,
        app_id=call.caller.app_id if call.caller is not None else None,
        media_ids=tuple(int(one) for one in body.media_ids),
        question=body.question,
    )
    post = actions.publish(tx, call.site, call.me, draft, idempotency_key=call.idempotency_key)
    return shown_threads(tx, call, [threads.Thread(post.id, post.id, 1)])[0]


def vote(tx: Tx, call: Call, body: Vote) -> Votes:
    """Vote a post up or down, or take one's vote back. Only posts in groups can be voted down."""
    post = _post(tx, call)
    reaction_actions.vote(tx, call.site, call.me, post, body.vote)
    return _votes(tx, call, [post.id])[post.id]


_READ = ("read:groups", "read:statuses")
OPERATIONS = [
    Operation(method="GET", path="/groups/{id}/threads", unit=listed, tag="threads", scopes=_READ, person=False),
    Operation(
        method="POST",
        path="/groups/{id}/threads",
        unit=begin,
        tag="threads",
        scopes=("write:statuses",),
        refuses=(422,),
    ),
    Operation(method="GET", path="/posts/{id}/thread", unit=show, tag="threads", scopes=_READ, person=False),
    Operation(method="PUT", path="/posts/{id}/vote", unit=vote, tag="threads", scopes=("write:favourites",)),
]
