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
    Subquery,
    Table,
    Text,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    null,
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
from storage.prepared import change

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
Index(
    "ix_audiences_followers_of",
    audiences.c.followers_of,
    audiences.c.position,
    sqlite_where=audiences.c.followers_of.isnot(None),
    postgresql_where=audiences.c.followers_of.isnot(None),
)
Index(
    "ix_audiences_host",
    audiences.c.host,
    audiences.c.position,
    sqlite_where=audiences.c.host.isnot(None),
    postgresql_where=audiences.c.host.isnot(None),
)

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
Index(
    "ix_links_due",
    links.c.next_attempt_at,
    sqlite_where=links.c.wanted > links.c.cursor,
    postgresql_where=links.c.wanted > links.c.cursor,
)

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


@dataclass(frozen=True, slots=True)
class Due:
    """What a host gets next: `positions` in order; when they are settled, all up to `looked` is."""

    positions: tuple[int, ...]
    looked: int


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
    values = {
        "activity_id": activity_id,
        "actor_id": actor_id,
        "type": type,
        "form": form,
        "post_id": post_id,
        "body": body,
        "created_at": now,
    }
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
    positions = list(
        tx.scalars(select(outbox.c.position).where(outbox.c.position > at).order_by(outbox.c.position).limit(limit))
    )
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
            # A link at rest begins at the first of these rows: what came before concerned nobody there when it was sent,
            # though it may concern somebody who follows since.
            tx.execute(
                update(links)
                .where(links.c.host.in_(names), links.c.wanted < end)
                .values(
                    wanted=end,
                    cursor=case(
                        (and_(links.c.cursor >= links.c.wanted, links.c.cursor < begin), begin - 1),
                        else_=links.c.cursor,
                    ),
                )
            )
            known = set(tx.scalars(select(links.c.host).where(links.c.host.in_(names))))
            insert_new(
                tx,
                links,
                [
                    {
                        "host": host,
                        "cursor": begin - 1,
                        "wanted": end,
                        "failures": 0,
                        "refused_in_row": 0,
                        "next_attempt_at": 0,
                        "state": "open",
                    }
                    for host in names
                    if host not in known
                ],
            )
    upsert(tx, cursors, {"name": "spread", "position": positions[-1]}, ["name"])
    return len(positions)


def claim_links(tx: Tx, now: int, until: int, limit: int, *, failing: bool | None = None) -> list[Link]:
    """Take up to `limit` links that have rows to send and are due, for one worker until `until` ms.

    `failing`: only those whose last attempt failed, or only the others, so that neither waits for the other.
    """
    due = [
        links.c.wanted > links.c.cursor,
        links.c.state == "open",
        links.c.next_attempt_at <= now,
        or_(links.c.claimed_until.is_(None), links.c.claimed_until <= now),
    ]
    if failing is not None:
        due.append(links.c.failures > 0 if failing else links.c.failures == 0)
    ready = (
        select(links.c.host)
        .where(*due)
        .order_by(links.c.next_attempt_at, links.c.host)  # who waits longest goes first
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    hosts = list(tx.scalars(ready))
    if not hosts:
        return []
    tx.execute(update(links).where(links.c.host.in_(hosts)).values(claimed_until=until))
    return all_of(tx, select(*_LINK).where(links.c.host.in_(hosts)), Link)


def renew_claims(tx: Tx, hosts: list[str], until: int) -> None:
    """Hold these links until `until` ms, for a worker that is still at work on them."""
    tx.execute(update(links).where(links.c.host.in_(hosts)).values(claimed_until=until))


def next_due_at(tx: Tx) -> int | None:
    """When the next open link with rows to send may be tried, in ms; None when nothing waits."""
    return tx.scalar(
        select(func.min(func.coalesce(links.c.claimed_until, links.c.next_attempt_at))).where(
            links.c.wanted > links.c.cursor, links.c.state == "open"
        )
    )


def _followed_from(hosts: list[str]) -> Subquery:
    """(host, target_id, since): whom active actors at these hosts follow, and since when."""
    return (
        select(actors.c.host, follows.c.target_id, func.min(follows.c.created_at).label("since"))
        .select_from(follows)
        .join(actors, actors.c.id == follows.c.follower_id)
        .where(actors.c.host.in_(hosts), ~actors.c.local, actors.c.state == "active", follows.c.state == "accepted")
        .group_by(actors.c.host, follows.c.target_id)
        .subquery()
    )


def due(tx: Tx, hosts: list[str], limit: int, window: int = 1000) -> dict[str, Due]:
    """The next rows for each of these hosts: those whose audience has, at this moment, somebody there who was in it
    when the row was written. At most `limit` each, looked for in the next `window` rows of the log.
    """
    followed = _followed_from(hosts)
    near = and_(
        links.c.host.in_(hosts),
        audiences.c.position > links.c.cursor,
        audiences.c.position <= links.c.cursor + window,
        audiences.c.position <= links.c.wanted,
    )
    of_followers = (
        select(followed.c.host, audiences.c.position)
        .select_from(followed)
        .join(links, links.c.host == followed.c.host)
        .join(audiences, audiences.c.followers_of == followed.c.target_id)
        .join(outbox, outbox.c.position == audiences.c.position)
        .where(near, followed.c.since <= outbox.c.created_at)
    )
    of_actors = select(links.c.host, audiences.c.position).join(links, links.c.host == audiences.c.host).where(near)
    found: dict[str, list[int]] = {host: [] for host in hosts}
    for host, position in tx.execute(union(of_followers, of_actors)):
        found[host].append(position)
    reached: dict[str, Due] = {}
    for state in all_of(tx, select(*_LINK).where(links.c.host.in_(hosts)), Link):
        positions = sorted(found[state.host])
        looked = min(state.cursor + window, state.wanted)
        if len(positions) > limit:
            del positions[limit:]
            looked = positions[-1]
        reached[state.host] = Due(tuple(positions), looked)
    return reached


def due_to(tx: Tx, host: str, after: int, limit: int) -> list[Sent]:
    """The next rows after position `after` whose audience has, at this moment, somebody at `host`; in order."""
    followed = _followed_from([host])
    of_followers = (
        select(audiences.c.position)
        .join(followed, followed.c.target_id == audiences.c.followers_of)
        .join(outbox, outbox.c.position == audiences.c.position)
        .where(audiences.c.position > after, followed.c.since <= outbox.c.created_at)
    )
    of_actors = select(audiences.c.position).where(audiences.c.host == host, audiences.c.position > after)
    positions = union(of_followers, of_actors).subquery()
    query = select(*_SENT).where(outbox.c.position.in_(select(positions.c.position))).order_by(outbox.c.position)
    return all_of(tx, query.limit(limit), Sent)


def by_positions(tx: Tx, positions: list[int]) -> dict[int, Sent]:
    """The rows of the log at these positions, by position."""
    query = select(*_SENT).where(outbox.c.position.in_(positions))
    return {row.position: row for row in all_of(tx, query, Sent)} if positions else {}


def recipients(tx: Tx, positions: list[int], hosts: list[str]) -> dict[tuple[str, int], dict[str, bool]]:
    """The inboxes that get each of these rows now, by (host, position): inbox -> whether somebody there is named.

    The shared inbox where the host has one, else each person's. A named recipient was chosen when the row was written
    (mentioned, asked, answered); the others get it as followers.
    """
    if not positions or not hosts:
        return {}
    inbox = func.coalesce(actors.c.shared_inbox, actors.c.inbox)
    followed = (
        select(actors.c.host, audiences.c.position, inbox, literal(0))
        .select_from(audiences)
        .join(outbox, outbox.c.position == audiences.c.position)
        .join(follows, and_(follows.c.target_id == audiences.c.followers_of, follows.c.state == "accepted"))
        .join(actors, actors.c.id == follows.c.follower_id)
        .where(
            audiences.c.position.in_(positions),
            actors.c.host.in_(hosts),
            ~actors.c.local,
            actors.c.state == "active",
            follows.c.created_at <= outbox.c.created_at,
        )
    )
    named = (
        select(actors.c.host, audiences.c.position, inbox, literal(1))
        .select_from(audiences)
        .join(actors, actors.c.id == audiences.c.actor_id)
        .where(audiences.c.position.in_(positions), actors.c.host.in_(hosts), actors.c.state != "gone")
    )
    found: dict[tuple[str, int], dict[str, bool]] = defaultdict(dict)
    for host, position, address, by_name in tx.execute(union(followed, named)):
        known = found[host, position]
        known[address] = known.get(address, False) or bool(by_name)
    return found


def inboxes(tx: Tx, position: int, host: str) -> list[str]:
    """The inboxes at `host` that get this row now."""
    return list(recipients(tx, [position], [host]).get((host, position), ()))


def link(tx: Tx, host: str) -> Link | None:
    """The link to this host."""
    return one_of(tx, select(*_LINK).where(links.c.host == host), Link)


_STATE = (
    "failures", "failing_since", "refused_in_row", "next_attempt_at", "state", "last_success_at", "problem",
)  # fmt: skip
_REACHED = bindparam("reached", type_=BigInteger)
_SAVE = (
    update(links)
    .where(links.c.host == bindparam("of_host", type_=Text))
    .values(
        {name: bindparam(f"to_{name}", type_=links.c[name].type) for name in _STATE}
        | {"cursor": case((links.c.cursor < _REACHED, _REACHED), else_=links.c.cursor), "claimed_until": null()}
    )
)


def save_link(tx: Tx, state: Link) -> None:
    """Write a link back and give up the claim; what `spread` changed meanwhile is kept."""
    values = {f"to_{name}": getattr(state, name) for name in _STATE}
    change(tx, _SAVE, values | {"of_host": state.host, "reached": state.cursor})


def all_links(tx: Tx) -> list[Link]:
    """Every link, by host."""
    return all_of(tx, select(*_LINK).order_by(links.c.host), Link)


_ASLEEP = and_(
    links.c.host == bindparam("of_host", type_=Text),
    links.c.failures > 0,
    links.c.next_attempt_at > bindparam("now", type_=BigInteger),
)
_WAKE = update(links).where(_ASLEEP).values(next_attempt_at=bindparam("now", type_=BigInteger))


def wake(tx: Tx, host: str, now: int, *, reopen: bool = False) -> None:
    """Try a sleeping link now: it was heard of, or an operator says so, who may `reopen` one that was suspended."""
    woken = change(tx, _WAKE, {"of_host": host, "now": now})
    if reopen:
        suspended = update(links).where(links.c.host == host, links.c.state == "suspended")
        woken += tx.execute(suspended.values(state="open", refused_in_row=0, next_attempt_at=now)).rowcount
    if woken:
        note(tx, "outbox")


def forget_shared_inbox(tx: Tx, inbox: str) -> bool:
    """A shared inbox is gone for good: its host's actors are reached at their own. False when nobody had it."""
    changed = update(actors).where(actors.c.shared_inbox == inbox, ~actors.c.local, actors.c.inbox != inbox)
    return tx.execute(changed.values(shared_inbox=None)).rowcount > 0


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


def cursor(tx: Tx, name: str) -> int:
    """Where the named cursor stands, 0 before it was ever set."""
    return tx.scalar(select(cursors.c.position).where(cursors.c.name == name)) or 0


def advance(tx: Tx, name: str, at_most: int, position: int) -> bool:
    """Set the named cursor to `position` if it stands at `at_most` or before; False when somebody else did."""
    insert_new(tx, cursors, {"name": name, "position": 0})
    moved = update(cursors).where(cursors.c.name == name, cursors.c.position <= at_most).values(position=position)
    return tx.execute(moved).rowcount > 0


def trouble(tx: Tx, trouble_id: int) -> Trouble | None:
    """The trouble with this id."""
    return one_of(tx, select(*_TROUBLE).where(troubles.c.id == trouble_id), Trouble)


def rewind(tx: Tx, host: str, position: int) -> None:
    """Send to a host again from `position` on; what it has already, it drops as seen."""
    again = update(links).where(links.c.host == host, links.c.cursor >= position)
    tx.execute(again.values(cursor=position - 1))
    note(tx, "outbox")


def skip(tx: Tx, host: str) -> None:
    """Give up all that waits for a host."""
    tx.execute(update(links).where(links.c.host == host).values(cursor=links.c.wanted))
