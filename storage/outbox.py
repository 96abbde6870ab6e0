"""The outbox: an append-only log of what we send, the audience of each row, and each peer's link with its cursor.

A row's body is stored once. Who gets it is worked out when it is sent (`due_to`), from the follows of that moment, so
that who was removed a second ago gets nothing more. A link is the state of sending to one host: how far its cursor is,
how far it wants to go, and whether it sleeps. Only trouble is a row of its own (`troubles`).
"""

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    union,
    update,
)

from storage.actors import actors
from storage.events import note
from storage.follows import follows
from storage.metadata import Bytes, Id, Time, Tx, all_of, columns, insert_new, metadata, one_of, upsert

_Position = BigInteger().with_variant(Integer, "sqlite")

outbox = Table(
    "outbox",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=True),
    Column("activity_id", Text, nullable=False, unique=True),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),  # local; signs it
    Column("type", Text, nullable=False),
    Column("form", Text, nullable=False),  # any; forum or microblog: which kind of software gets it
    Column("post_id", Id),  # the post it is about: asked at the gate when it is sent or fetched
    Column("body", Bytes, nullable=False),
    Column("created_at", Time, nullable=False),
    sqlite_autoincrement=True,  # a position is never used twice
)

audiences = Table(
    "audiences",
    metadata,
    Column("position", Id, ForeignKey("outbox.position", ondelete="CASCADE"), nullable=False),
    Column("followers_of", Id),  # the followers of this actor ...
    Column("actor_id", Id),  # ... or this remote actor ...
    Column("host", Text),  # ... whose inbox is at this host
    Index("ix_audiences_position", "position"),
)
Index("ix_audiences_followers_of", audiences.c.followers_of, audiences.c.position,
      sqlite_where=audiences.c.followers_of.isnot(None), postgresql_where=audiences.c.followers_of.isnot(None))
Index("ix_audiences_host", audiences.c.host, audiences.c.position,
      sqlite_where=audiences.c.host.isnot(None), postgresql_where=audiences.c.host.isnot(None))

links = Table(
    "links",
    metadata,
    Column("host", Text, primary_key=True),
    Column("cursor", BigInteger, nullable=False),  # all rows up to this position are settled
    Column("wanted", BigInteger, nullable=False),  # the last row that concerns this host
    Column("failures", Integer, nullable=False),  # in a row
    Column("failing_since", Time),
    Column("refused_in_row", Integer, nullable=False),
    Column("next_attempt_at", Time, nullable=False),
    Column("claimed_until", Time),
    Column("state", Text, nullable=False),  # open, suspended (refused too often), blocked
    Column("last_success_at", Time),
    Column("problem", Text),
)
Index("ix_links_due", links.c.next_attempt_at, sqlite_where=links.c.wanted > links.c.cursor,
      postgresql_where=links.c.wanted > links.c.cursor)

troubles = Table(
    "troubles",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("host", Text, nullable=False),
    Column("inbox", Text, nullable=False),
    Column("position", Id, nullable=False),
    Column("activity_id", Text, nullable=False),
    Column("kind", Text, nullable=False),  # refused gone expired dropped
    Column("reason", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Index("ix_troubles_host", "host", "id"),
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A row of `outbox`; `body` is the JSON as it is sent, byte for byte."""

    position: int
    activity_id: str
    actor_id: int
    type: str
    form: str
    post_id: int | None
    body: bytes
    created_at: int


@dataclass(frozen=True, slots=True)
class Link:
    """A row of `links`; times in ms."""

    host: str
    cursor: int
    wanted: int
    failures: int
    failing_since: int | None
    refused_in_row: int
    next_attempt_at: int
    claimed_until: int | None
    state: str
    last_success_at: int | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A row of `troubles`: a delivery that ended without having been taken."""

    id: int
    host: str
    inbox: str
    position: int
    activity_id: str
    kind: str
    reason: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Audience:
    """Who gets a row: the followers of these actors (ids), and these remote actors (ids)."""

    followers_of: tuple[int, ...] = ()
    actors: tuple[int, ...] = ()


_SENT = columns(outbox, Sent)
_LINK = columns(links, Link)
_TROUBLE = columns(troubles, Trouble)


def append(
    tx: Tx,
    *,
    activity_id: str,
    actor_id: int,
    type: str,
    body: bytes,
    audience: Audience,
    now: int,
    post_id: int | None = None,
    form: str = "any",
) -> int | None:
    """Add a row to the log; its position comes back, or None when this activity was added before."""
    if tx.dialect.name == "postgresql":
        # A cursor must not pass a row that is not committed yet, so positions are given and committed one after another.
        tx.execute(text("SELECT pg_advisory_xact_lock(7042)"))
    values = {"activity_id": activity_id, "actor_id": actor_id, "type": type, "form": form, "post_id": post_id,
              "body": body, "created_at": now}
    if tx.scalar(select(outbox.c.position).where(outbox.c.activity_id == activity_id)) is not None:
        return None
    position = tx.execute(insert(outbox).values(values).returning(outbox.c.position)).scalar_one()
    rows: list[dict[str, object]] = [
        {"position": position, "followers_of": actor, "actor_id": None, "host": None} for actor in audience.followers_of
    ]
    if audience.actors:
        found = select(actors.c.id, actors.c.host).where(actors.c.id.in_(audience.actors), ~actors.c.local)
        rows += [
            {"position": position, "followers_of": None, "actor_id": row.id, "host": row.host}
            for row in tx.execute(found)
        ]
    if rows:
        tx.execute(insert(audiences), rows)
        note(tx, "outbox")
    return int(position)


def by_activity(tx: Tx, activity_id: str) -> Sent | None:
    """The row of the log with this activity."""
    return one_of(tx, select(*_SENT).where(outbox.c.activity_id == activity_id), Sent)


def of_actor(tx: Tx, actor_id: int, types: tuple[str, ...], limit: int, before: int | None = None) -> list[Sent]:
    """What an actor sent of these types, newest first, before a position if given; for its outbox collection."""
    query = select(*_SENT).where(outbox.c.actor_id == actor_id, outbox.c.type.in_(types))
    if before is not None:
        query = query.where(outbox.c.position < before)
    return all_of(tx, query.order_by(outbox.c.position.desc()).limit(limit), Sent)


def head(tx: Tx) -> int:
    """The position of the newest row, 0 when there is none."""
    return tx.scalar(select(func.max(outbox.c.position))) or 0


def spread(tx: Tx, limit: int) -> int:
    """Wake the links that the next rows of the log concern; how many rows were looked at comes back.

    A host that was never sent anything gets its link here, with its cursor just before the row.
    """
    at = tx.scalar(select(cursors.c.position).where(cursors.c.name == "spread").with_for_update()) or 0
    positions = list(tx.scalars(select(outbox.c.position).where(outbox.c.position > at).order_by(outbox.c.position).limit(limit)))
    if not positions:
        return 0
    of_followers = (
        select(actors.c.host, audiences.c.position)
        .select_from(audiences)
        .join(follows, and_(follows.c.target_id == audiences.c.followers_of, follows.c.state == "accepted"))
        .join(actors, actors.c.id == follows.c.follower_id)
        .where(audiences.c.position.in_(positions), ~actors.c.local)
    )
    of_actors = select(audiences.c.host, audiences.c.position).where(
        audiences.c.position.in_(positions), audiences.c.host.isnot(None)
    )
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for host, position in tx.execute(union(of_followers, of_actors)):
        first[host] = min(first.get(host, position), position)
        last[host] = max(last.get(host, 0), position)
    by_span: dict[tuple[int, int], list[str]] = defaultdict(list)
    for host, position in last.items():
        by_span[first[host], position].append(host)
    for (begin, end), hosts in by_span.items():
        for part in range(0, len(hosts), 500):
            names = hosts[part : part + 500]
            tx.execute(update(links).where(links.c.host.in_(names), links.c.wanted < end).values(wanted=end))
            known = set(tx.scalars(select(links.c.host).where(links.c.host.in_(names))))
            insert_new(tx, links, [
                {"host": host, "cursor": begin - 1, "wanted": end, "failures": 0, "refused_in_row": 0,
                 "next_attempt_at": 0, "state": "open"} for host in names if host not in known
            ])
    upsert(tx, cursors, {"name": "spread", "position": positions[-1]}, ["name"])
    return len(positions)


def claim_links(tx: Tx, now: int, until: int, limit: int) -> list[Link]:
    """Take up to `limit` links that have rows to send and are due, for one worker until `until` ms."""
    ready = (
        select(links.c.host)
        .where(
            links.c.wanted > links.c.cursor,
            links.c.state == "open",
            links.c.next_attempt_at <= now,
            or_(links.c.claimed_until.is_(None), links.c.claimed_until <= now),
        )
        .order_by(links.c.failures, links.c.next_attempt_at)  # who answers goes before who may be dead
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    hosts = list(tx.scalars(ready))
    if not hosts:
        return []
    tx.execute(update(links).where(links.c.host.in_(hosts)).values(claimed_until=until))
    return all_of(tx, select(*_LINK).where(links.c.host.in_(hosts)), Link)


def due_to(tx: Tx, host: str, after: int, limit: int) -> list[Sent]:
    """The next rows after position `after` whose audience has, at this moment, somebody at `host`; in order."""
    here = (
        select(audiences.c.position)
        .join(follows, and_(follows.c.target_id == audiences.c.followers_of, follows.c.state == "accepted"))
        .join(actors, actors.c.id == follows.c.follower_id)
        .where(actors.c.host == host, ~actors.c.local, audiences.c.position > after)
    )
    named = select(audiences.c.position).where(audiences.c.host == host, audiences.c.position > after)
    positions = union(here, named).subquery()
    query = select(*_SENT).where(outbox.c.position.in_(select(positions.c.position))).order_by(outbox.c.position)
    return all_of(tx, query.limit(limit), Sent)


def inboxes(tx: Tx, position: int, host: str) -> list[str]:
    """The inboxes at `host` that get this row now: the shared one where the host has one, else each person's."""
    followed = (
        select(actors.c.inbox, actors.c.shared_inbox)
        .select_from(audiences)
        .join(follows, and_(follows.c.target_id == audiences.c.followers_of, follows.c.state == "accepted"))
        .join(actors, actors.c.id == follows.c.follower_id)
        .where(audiences.c.position == position, actors.c.host == host, ~actors.c.local, actors.c.state == "active")
    )
    named = (
        select(actors.c.inbox, actors.c.shared_inbox)
        .select_from(audiences)
        .join(actors, actors.c.id == audiences.c.actor_id)
        .where(audiences.c.position == position, audiences.c.host == host, actors.c.state != "gone")
    )
    return list(dict.fromkeys(row.shared_inbox or row.inbox for row in tx.execute(union(followed, named))))


def link(tx: Tx, host: str) -> Link | None:
    """The link to this host."""
    return one_of(tx, select(*_LINK).where(links.c.host == host), Link)


def save_link(tx: Tx, state: Link) -> None:
    """Write a link back and give up the claim; what `spread` wanted meanwhile is kept."""
    values = {column.name: getattr(state, column.name) for column in _LINK if column.name not in ("host", "wanted")}
    tx.execute(update(links).where(links.c.host == state.host).values(values))


def all_links(tx: Tx) -> list[Link]:
    """Every link, by host."""
    return all_of(tx, select(*_LINK).order_by(links.c.host), Link)


def wake(tx: Tx, host: str, now: int) -> None:
    """Try a sleeping link now: it was heard of, or an operator says so."""
    changed = tx.execute(
        update(links)
        .where(links.c.host == host, links.c.failures > 0, links.c.next_attempt_at > now)
        .values(next_attempt_at=now)
    )
    if changed.rowcount:
        note(tx, "outbox")


def backlog(tx: Tx, host: str) -> int:
    """How many rows of the log still wait for this host."""
    known = link(tx, host)
    return 0 if known is None else len(due_to(tx, host, known.cursor, 10_000))


def add_trouble(tx: Tx, trouble: Trouble) -> None:
    """Keep why a delivery ended without having been taken."""
    insert_new(tx, troubles, {column.name: getattr(trouble, column.name) for column in _TROUBLE})


def troubles_of(tx: Tx, limit: int, host: str | None = None) -> list[Trouble]:
    """The newest troubles, of one host if given."""
    query = select(*_TROUBLE)
    if host is not None:
        query = query.where(troubles.c.host == host)
    return all_of(tx, query.order_by(troubles.c.id.desc()).limit(limit), Trouble)


def by_position(tx: Tx, position: int) -> Sent | None:
    """The row of the log at this position."""
    return one_of(tx, select(*_SENT).where(outbox.c.position == position), Sent)


def drop_trouble(tx: Tx, trouble_id: int) -> bool:
    """Forget a trouble; whether there was one."""
    return tx.execute(delete(troubles).where(troubles.c.id == trouble_id)).rowcount > 0
