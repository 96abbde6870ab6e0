"""Notification policies: whose notifications a person gets at once, which wait in requests, and who was let through.

What waits are rows of `notifications` with `filtered`; a request is what a person sees of those by one actor.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Table, Text, bindparam, delete, exists, func, select

from storage.actors import actors
from storage.mentions import mentions
from storage.metadata import Id, Time, Tx, columns, id_column, insert_new, metadata, one_of, upsert
from storage.mutes import thread_mutes
from storage.notifications import notifications
from storage.posts import posts
from storage.prepared import rows
from storage.push import subscriptions
from storage.timelines import Page, bounded

notification_policies = Table(
    "notification_policies",
    metadata,
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    # each: accept filter drop
    Column("for_not_following", Text, nullable=False),
    Column("for_not_followers", Text, nullable=False),
    Column("for_new_accounts", Text, nullable=False),
    Column("for_private_mentions", Text, nullable=False),
    Column("for_limited_accounts", Text, nullable=False),
    Column("for_bots", Text, nullable=False),
)

notification_requests = Table(
    "notification_requests",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),  # whose notifications wait
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    Index("uq_notification_requests_pair", "person_id", "actor_id", unique=True),
)

notification_permissions = Table(
    "notification_permissions",
    metadata,
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
)


NAMES = (
    "for_not_following",
    "for_not_followers",
    "for_new_accounts",
    "for_private_mentions",
    "for_limited_accounts",
    "for_bots",
)
"""What a policy says a word about, each of `WORDS`."""
WORDS = ("accept", "filter", "drop")


@dataclass(frozen=True, slots=True)
class Policy:
    """A row of `notification_policies`."""

    person_id: int
    for_not_following: str = "accept"
    for_not_followers: str = "accept"
    for_new_accounts: str = "accept"
    for_private_mentions: str = "accept"
    for_limited_accounts: str = "filter"
    for_bots: str = "accept"


@dataclass(frozen=True, slots=True)
class Request:
    """A row of `notification_requests`."""

    id: int
    person_id: int
    actor_id: int
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request as it stands: how many notifications wait in it, and the newest post among what they are about."""

    request: Request
    count: int
    last_post_id: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides whether a person hears of an act of somebody, beside blocks and mutes."""

    policy: Policy
    permitted: bool  # the person let this actor through
    muted: bool  # the person wants to hear no more of the post's thread
    subscribed: bool  # some app of the person gets notifications pushed


_REQUEST = columns(notification_requests, Request)
_POLICY = columns(notification_policies, Policy)
_PERSON = bindparam("person", type_=Id())
_ACTOR = bindparam("actor", type_=Id())
_ROOT = (
    select(func.coalesce(posts.c.root_id, posts.c.id))
    .where(posts.c.id == bindparam("post", type_=Id()))
    .scalar_subquery()
)
_STANDING = (
    select(
        exists().where(notification_permissions.c.person_id == _PERSON, notification_permissions.c.actor_id == _ACTOR),
        exists().where(thread_mutes.c.person_id == _PERSON, thread_mutes.c.root_id == _ROOT),
        exists().where(subscriptions.c.person_id == _PERSON),
        *_POLICY,
    )
    .select_from(actors.outerjoin(notification_policies, notification_policies.c.person_id == actors.c.id))
    .where(actors.c.id == _PERSON)
)
_ANSWERED = (
    select(posts.c.id)
    .join(mentions, mentions.c.post_id == posts.c.id)
    .where(
        func.coalesce(posts.c.root_id, posts.c.id) == _ROOT,
        posts.c.author_id == _PERSON,
        posts.c.visibility == "direct",
        mentions.c.actor_id == _ACTOR,
    )
    .limit(1)
)
_COUNT = (
    select(func.count())
    .select_from(notifications)
    .where(
        notifications.c.person_id == notification_requests.c.person_id,
        notifications.c.actor_id == notification_requests.c.actor_id,
        notifications.c.filtered,
    )
    .correlate(notification_requests)
    .scalar_subquery()
)
_LAST = (
    select(func.max(notifications.c.post_id))
    .where(
        notifications.c.person_id == notification_requests.c.person_id,
        notifications.c.actor_id == notification_requests.c.actor_id,
        notifications.c.filtered,
    )
    .correlate(notification_requests)
    .scalar_subquery()
)


def standing(tx: Tx, person_id: int, actor_id: int, post_id: int | None) -> Standing:
    """What this person said about notifications by this actor about this post: one query, as each act asks it."""
    found = rows(tx, _STANDING, {"person": person_id, "actor": actor_id, "post": post_id})
    if not found:
        return Standing(Policy(person_id), permitted=False, muted=False, subscribed=False)
    permitted, muted, subscribed, *policy = found[0]
    chosen = Policy(person_id) if policy[0] is None else Policy(*policy)
    return Standing(chosen, bool(permitted), bool(muted), bool(subscribed))


def answers(tx: Tx, person_id: int, actor_id: int, post_id: int) -> bool:
    """Whether the thread of this post has a direct post of the person to this actor, so that it is an answer."""
    return bool(rows(tx, _ANSWERED, {"person": person_id, "actor": actor_id, "post": post_id}))


def of_person(tx: Tx, person_id: int) -> Policy:
    """The policy of a person; the one that everybody has who never chose."""
    query = select(*_POLICY).where(notification_policies.c.person_id == person_id)
    return one_of(tx, query, Policy) or Policy(person_id)


def save(tx: Tx, policy: Policy) -> None:
    """Set the policy of a person."""
    values = {column.name: getattr(policy, column.name) for column in _POLICY}
    upsert(tx, notification_policies, values, ["person_id"])


def permit(tx: Tx, person_id: int, actor_id: int) -> None:
    """Let everything of this actor through from now on."""
    insert_new(tx, notification_permissions, {"person_id": person_id, "actor_id": actor_id})


def wait(tx: Tx, request_id: int, person_id: int, actor_id: int, now: int) -> None:
    """A notification of this actor waits: note the request, anew when nothing waited in the one there was.

    Call it before the notification is kept.
    """
    tx.execute(
        delete(notification_requests).where(
            notification_requests.c.person_id == person_id, notification_requests.c.actor_id == actor_id, _COUNT == 0
        )
    )
    made = Request(request_id, person_id, actor_id, now, now)
    if not insert_new(tx, notification_requests, {column.name: getattr(made, column.name) for column in _REQUEST}):
        tx.execute(
            notification_requests.update()
            .where(notification_requests.c.person_id == person_id, notification_requests.c.actor_id == actor_id)
            .values(updated_at=now)
        )


def requests(tx: Tx, person_id: int, page: Page, ids: list[int] | None = None) -> list[Waiting]:
    """The requests in which something waits for a person, newest first; only those of `ids`, if given.

    One whose last notification went away (its post was deleted) is none any more.
    """
    query: Any = (
        select(*_REQUEST, _COUNT.label("waiting"), _LAST.label("last_post"))
        .join(actors, actors.c.id == notification_requests.c.actor_id)
        .where(notification_requests.c.person_id == person_id, actors.c.state == "active", _COUNT > 0)
    )
    if ids is not None:
        query = query.where(notification_requests.c.id.in_(ids))
    split = len(_REQUEST)
    found = [
        Waiting(Request(*row[:split]), row[split], row[split + 1])
        for row in tx.execute(bounded(query, notification_requests.c.id, page))
    ]
    return found[::-1] if page.min_id is not None else found


def pending(tx: Tx, person_id: int, most: int) -> tuple[int, int]:
    """(requests of a person in which something waits, at most `most`, and how many notifications wait in these)."""
    waiting = (
        select(_COUNT.label("waiting"))
        .select_from(notification_requests.join(actors, actors.c.id == notification_requests.c.actor_id))
        .where(notification_requests.c.person_id == person_id, actors.c.state == "active", _COUNT > 0)
        .limit(most)
        .subquery()
    )
    row = tx.execute(select(func.count(), func.coalesce(func.sum(waiting.c.waiting), 0)).select_from(waiting)).one()
    return int(row[0]), int(row[1])


def settle(tx: Tx, person_id: int, actor_ids: list[int]) -> None:
    """Take the requests of these actors away."""
    tx.execute(
        delete(notification_requests).where(
            notification_requests.c.person_id == person_id, notification_requests.c.actor_id.in_(actor_ids)
        )
    )
