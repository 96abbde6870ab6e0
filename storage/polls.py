"""Polls: the question of a post, its options, and who voted for what (of remote polls only what people here voted)."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, delete, false, func, select

from storage import indexed
from storage.metadata import Id, Json, Time, Tx, all_of, columns, insert_new, metadata, one_of, set_columns, upsert

polls = Table(
    "polls",
    metadata,
    Column("post_id", Id, ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("multiple", Boolean, nullable=False),
    Column("options", Json, nullable=False),  # [title]
    Column("votes", Json, nullable=False),  # [number of votes], as its origin counts them
    Column("voters_count", Integer, nullable=False),
    Column("ends_at", Time),
    Column("closed_at", Time),
    Column("hide_totals", Boolean, nullable=False, server_default=false()),  # how it stands is shown when it is over
)

poll_votes = Table(
    "poll_votes",
    metadata,
    Column("post_id", Id, ForeignKey("polls.post_id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("option", Integer, primary_key=True, autoincrement=False),  # position among the options
    Column("iri", Text, nullable=False, unique=True),
    Column("created_at", Time, nullable=False),
    Index("ix_poll_votes_actor_id", "actor_id"),
)


@dataclass(frozen=True, slots=True)
class Poll:
    """A row of `polls`; times in ms."""

    post_id: int
    multiple: bool
    options: list[str]
    votes: list[int]
    voters_count: int
    ends_at: int | None
    closed_at: int | None
    hide_totals: bool = False


@dataclass(frozen=True, slots=True)
class Vote:
    """A row of `poll_votes`: one option that one actor chose."""

    post_id: int
    actor_id: int
    option: int
    iri: str
    created_at: int


_POLL = columns(polls, Poll)
_VOTE = columns(poll_votes, Vote)


def save(tx: Tx, poll: Poll) -> None:
    """Add a poll whose post exists, or change it."""
    upsert(tx, polls, {column.name: getattr(poll, column.name) for column in _POLL}, ["post_id"])
    indexed.again(tx, poll.post_id)  # its options are found, too


def by_post(tx: Tx, post_id: int) -> Poll | None:
    """The poll of this post."""
    return one_of(tx, select(*_POLL).where(polls.c.post_id == post_id), Poll)


def by_posts(tx: Tx, post_ids: list[int]) -> dict[int, Poll]:
    """The polls of these posts, by post."""
    if not post_ids:
        return {}
    return {poll.post_id: poll for poll in all_of(tx, select(*_POLL).where(polls.c.post_id.in_(post_ids)), Poll)}


def insert_vote(tx: Tx, vote: Vote) -> bool:
    """Add a vote; False when this actor chose this option already."""
    return insert_new(tx, poll_votes, {column.name: getattr(vote, column.name) for column in _VOTE}) == 1


def votes_of(tx: Tx, post_id: int, actor_id: int) -> list[Vote]:
    """What this actor voted in this poll."""
    query = select(*_VOTE).where(poll_votes.c.post_id == post_id, poll_votes.c.actor_id == actor_id)
    return all_of(tx, query.order_by(poll_votes.c.option), Vote)


def chosen(tx: Tx, post_ids: list[int], actor_id: int) -> dict[int, list[int]]:
    """The options that this actor chose in the polls of these posts, by post."""
    found: dict[int, list[int]] = {}
    query = select(poll_votes.c.post_id, poll_votes.c.option).where(
        poll_votes.c.post_id.in_(post_ids), poll_votes.c.actor_id == actor_id
    )
    for post_id, option in tx.execute(query.order_by(poll_votes.c.option)):
        found.setdefault(post_id, []).append(option)
    return found


def count(tx: Tx, poll: Poll) -> Poll:
    """Count the votes of a poll of this instance anew; the poll with its new counts comes back."""
    query = select(poll_votes.c.option, func.count()).where(poll_votes.c.post_id == poll.post_id)
    by_option: Counter[int] = Counter()
    for option, number in tx.execute(query.group_by(poll_votes.c.option)):
        by_option[option] = number
    voters = select(func.count(poll_votes.c.actor_id.distinct())).where(poll_votes.c.post_id == poll.post_id)
    votes = [by_option[position] for position in range(len(poll.options))]
    set_columns(tx, polls, polls.c.post_id, poll.post_id, {"votes": votes, "voters_count": tx.scalar(voters) or 0})
    return by_post(tx, poll.post_id) or poll


def close(tx: Tx, post_id: int, now: int) -> None:
    """The poll of this post is over."""
    set_columns(tx, polls, polls.c.post_id, post_id, {"closed_at": now})


def forget_votes(tx: Tx, post_id: int) -> None:
    """The options are others now: what was voted before means nothing."""
    tx.execute(delete(poll_votes).where(poll_votes.c.post_id == post_id))


def voters(tx: Tx, post_id: int) -> list[int]:
    """The actors who voted in this poll, as far as it is known here."""
    return list(tx.scalars(select(poll_votes.c.actor_id).where(poll_votes.c.post_id == post_id).distinct()))


def remove(tx: Tx, post_id: int) -> None:
    """Take the poll of a post away, with its votes."""
    tx.execute(delete(polls).where(polls.c.post_id == post_id))
