"""What is new to a person, how far they read threads, how much they hear of groups and threads; groups they might join."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from federation.errors import FederationError
from federation.hosts import normal_host
from fedi import visibility
from fedi.actions import catching_up, opening, reading, suggesting, thriving, volumes
from fedi.actions.moderation import may_moderate
from fedi.api.groups import find, shown
from fedi.api.operations import Call, Operation
from fedi.api.shapes import Group, Id, Moment
from fedi.api.shapes import Thread as ThreadShape
from fedi.api.threads import shown_threads
from fedi.errors import Forbidden, Invalid, NotFound
from fedi.mastodon.answers import moment
from storage import cases, mutes, thread_reads, threads
from storage.metadata import Tx

Level = Literal["all", "joined", "weekly"]


class Volume(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How much one hears of a group: `all` each new thread, `joined` answers in threads one is in, `weekly` only what is meant for
    oneself."""

    level: Level


class ReadState(msgspec.Struct, kw_only=True):
    """How far the person who asks read a thread. `unread` counts what others wrote since; `last_read_id` is null where they never
    opened it. Who is `following` hears of answers; of a `muted` thread one hears nothing."""

    thread_id: Id
    last_read_id: Id | None
    last_id: Id
    unread: int
    first_unread_id: Id | None
    following: bool
    muted: bool


class ReadChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What to change; what is left out stays. `up_to` is the newest post that was read; it never goes back."""

    up_to: Id | None = None
    following: bool | None = None
    muted: bool | None = None


class News(msgspec.Struct, kw_only=True):
    """A thread with something new, and why it may matter, in words."""

    thread: ThreadShape
    unread: int
    first_unread_id: Id
    reason: str
    last_active_at: Moment


class GroupNews(msgspec.Struct, kw_only=True):
    """A group with something new: in how many threads, and those that concern the person most. Everything counts as read by
    `POST /read` with `up_to`."""

    group: Group
    unread_threads: int
    up_to: Id
    threads: list[News]


class CatchUp(msgspec.Struct, kw_only=True):
    """What happened since the person read last."""

    groups: list[GroupNews]


class ReadGroups(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which groups count as read (left out: all), up to which post (left out: up to now)."""

    group_ids: Annotated[list[Id], Meta(max_length=200)] | None = None
    up_to: Id | None = None


class Suggested(msgspec.Struct, kw_only=True):
    """A group that the person might join, why, and how many universities and people are in it."""

    group: Group
    reason: str
    institutions: int
    members: int


class Suggestions(msgspec.Struct, kw_only=True):
    """How many."""

    limit: Annotated[int, Meta(ge=1, le=40)] = 5


def volume(tx: Tx, call: Call) -> Volume:
    """How much one hears of a group that one is in."""
    group = find(tx, call)
    level = volumes.of_group(tx, call.me.id, group.id)
    if level is None:
        raise NotFound("You are not in this group.")
    return Volume(level=level)  # type: ignore[arg-type]  # one of LEVELS


def set_volume(tx: Tx, call: Call, body: Volume) -> Volume:
    """Choose how much one hears of a group."""
    volumes.set_volume(tx, call.me.id, find(tx, call).id, body.level)
    return body


def _root(tx: Tx, call: Call) -> int:
    post = visibility.seen(tx, call.viewer, [call.ids["id"]]).get(call.ids["id"])
    if post is None:
        raise NotFound("There is no such post, or it is not shown to you.")
    return post.root_id or post.id


def state(tx: Tx, call: Call) -> ReadState:
    """How far one read the thread that a post is in."""
    return _state(tx, call, _root(tx, call))


def _state(tx: Tx, call: Call, root: int) -> ReadState:
    me = call.me.id
    known = reading.of_thread(tx, me, root)
    posts = threads.listed(tx, root, None, visibility.visible_to(call.viewer))
    new = [post_id for post_id, author_id in posts if post_id > (known.last_id or 0) and author_id != me]
    return ReadState(
        thread_id=str(root),
        last_read_id=None if known.last_id is None else str(known.last_id),
        last_id=str(max((post_id for post_id, _author in posts), default=root)),
        unread=len(new),
        first_unread_id=str(min(new)) if new else None,
        following=known.follows,
        muted=root in mutes.muted_threads(tx, me, [root]),
    )


def change(tx: Tx, call: Call, body: ReadChange) -> ReadState:
    """Say how far one read a thread, and whether one wants to hear of it."""
    root, me, now = _root(tx, call), call.me.id, call.site.clock()
    newest = reading.newest(tx, me, root)
    if body.up_to is not None and newest is not None:
        reading.read(tx, me, root, min(int(body.up_to), newest))
    if body.following is not None:
        (thread_reads.follow(tx, me, root, now) if body.following else thread_reads.unfollow(tx, me, root))
    if body.muted is not None:
        (mutes.mute_thread(tx, me, root, now) if body.muted else mutes.unmute_thread(tx, me, root))
    return _state(tx, call, root)


def catch_up(tx: Tx, call: Call) -> CatchUp:
    """What is new in one's groups, those that concern one most first; it has an end."""
    parts = catching_up.of(tx, call.site, call.me)
    groups = {one.id: one for one in shown(tx, call, [part.group for part in parts])}
    several = [news for part in parts for news in part.threads]
    known = threads.summed(tx, [one.root_id for one in several], visibility.visible_to(call.viewer))
    made = {one.id: one for one in shown_threads(tx, call, list(known.values()))}
    return CatchUp(
        groups=[
            GroupNews(
                group=groups[str(part.group.id)],
                unread_threads=part.number,
                up_to=str(part.up_to),
                threads=[
                    News(
                        thread=made[str(one.root_id)],
                        unread=one.posts,
                        first_unread_id=str(one.first_id),
                        reason=one.reason,
                        last_active_at=moment(one.at),
                    )
                    for one in part.threads
                    if str(one.root_id) in made
                ],
            )
            for part in parts
            if str(part.group.id) in groups
        ]
    )


def read_groups(tx: Tx, call: Call, body: ReadGroups) -> None:
    """Everything in these groups counts as read."""
    ids = [int(one) for one in body.group_ids] if body.group_ids is not None else reading.mine(tx, call.me.id)
    reading.read_groups(tx, call.site, call.me.id, ids, None if body.up_to is None else int(body.up_to))


def suggested(tx: Tx, call: Call, query: Suggestions) -> list[Suggested]:
    """Groups that one might join, each with the reason why."""
    found = suggesting.groups(tx, call.site, call.me, query.limit)
    groups = {one.id: one for one in shown(tx, call, [one.group for one in found])}
    return [
        Suggested(
            group=groups[str(one.group.id)], reason=one.reason, institutions=one.institutions, members=one.members
        )
        for one in found
        if str(one.group.id) in groups
    ]


class University(msgspec.Struct, kw_only=True):
    """The members of a group at one university: `members` is null where they are fewer than five. `delivery` is how what is
    written reaches it, null for this one."""

    host: str
    members: int | None
    delivery: Literal["ok", "waits", "failing", "suspended"] | None


class Health(msgspec.Struct, kw_only=True):
    """How a group does: `threads` of the last 90 days, those `answered`, the median seconds until the first answer."""

    universities: list[University]
    threads: int
    answered: int
    first_answer: int | None
    open_reports: int


def health(tx: Tx, call: Call) -> Health:
    """How a group of this instance does, for its moderators."""
    group = find(tx, call)
    if not group.local or not may_moderate(tx, call.me, group):
        raise Forbidden("How a group does is shown to its moderators, on its own server.", code="not-a-moderator")
    found = thriving.of(tx, call.site, call.me, group)
    reached = {one.host: one.state for one in found.reached}
    return Health(
        universities=[
            University(host=one.host, members=one.number, delivery=reached.get(one.host))  # type: ignore[arg-type]  # its words
            for one in found.universities
        ],
        threads=found.threads,
        answered=found.answered,
        first_answer=None if found.reply is None else found.reply // 1000,
        open_reports=cases.waiting(tx, group.id),
    )


class Wish(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The server of a university with which one would like an agreement, and why."""

    host: Annotated[str, Meta(min_length=1, max_length=253)]
    reason: Annotated[str, Meta(max_length=500)] = ""


def wish(tx: Tx, call: Call, body: Wish) -> None:
    """Ask the admins of this instance for an agreement with a university."""
    try:
        host = normal_host(body.host.strip())
    except FederationError as problem:
        raise Invalid(f"host: {body.host!r} is no host", code="host") from problem
    opening.wish(tx, call.site, call.me, host, body.reason)


_READ, _WRITE = ("read:groups",), ("write:groups",)
OPERATIONS = [
    Operation(method="GET", path="/groups/{id}/volume", unit=volume, tag="reading", scopes=_READ),
    Operation(method="PUT", path="/groups/{id}/volume", unit=set_volume, tag="reading", scopes=_WRITE),
    Operation(method="GET", path="/posts/{id}/read", unit=state, tag="reading", scopes=("read:statuses",)),
    Operation(method="PATCH", path="/posts/{id}/read", unit=change, tag="reading", scopes=("write:statuses",)),
    Operation(method="GET", path="/catch-up", unit=catch_up, tag="reading", scopes=_READ),
    Operation(method="POST", path="/read", unit=read_groups, tag="reading", scopes=_WRITE),
    Operation(method="GET", path="/groups/{id}/health", unit=health, tag="groups", scopes=_READ),
    Operation(method="POST", path="/wishes", unit=wish, tag="groups", scopes=_WRITE),
    Operation(method="GET", path="/suggestions", unit=suggested, tag="reading", scopes=_READ),
]
