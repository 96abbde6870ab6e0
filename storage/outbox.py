"""The outbox: an append-only log of what we send, and the audience of each row.

A row's body is stored once. Who gets it is worked out when it is sent (`storage.audiences`), from the follows of that
moment, so that who was removed a second ago gets nothing more. The state of sending to one host is `storage.links`.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Insert,
    Integer,
    Table,
    Text,
    bindparam,
    column,
    func,
    literal_column,
    select,
    table,
)
from sqlalchemy.dialects import postgresql, sqlite

from storage import held
from storage.actors import actors
from storage.events import note
from storage.follows import is_followed
from storage.metadata import (
    Bytes,
    Id,
    Time,
    Tx,
    all_of,
    columns,
    insert_later,
    insert_of,
    metadata,
    one_among,
    one_of,
)
from storage.prepared import put_each, returned, rows

_Position = BigInteger().with_variant(Integer, "sqlite")
outbox = Table(
    "outbox",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=True),
    Column("activity_id", Text, nullable=False, unique=True),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),  # local; signs it
    Column("type", Text, nullable=False),
    Column("form", Text, nullable=False),  # any; forum, microblog, notice or profile: which kind of software gets it
    Column("post_id", Id),  # the post it is about: asked at the gate when it is sent or fetched
    Column("body", Bytes, nullable=False),
    Column("created_at", Time, nullable=False),
    Index("ix_outbox_actor_id", "actor_id", "position"),
    sqlite_autoincrement=True,  # a position is never used twice
)
# What a group passed on about each post of a thread, for who joins late.
Index(
    "ix_outbox_post_id",
    outbox.c.post_id,
    outbox.c.position,
    sqlite_where=outbox.c.form == "forum",
    postgresql_where=outbox.c.form == "forum",
)
audiences = Table(
    "audiences",
    metadata,
    Column("position", Id, ForeignKey("outbox.position", ondelete="CASCADE"), nullable=False),
    Column("followers_of", Id),  # the followers of this actor ...
    Column("actor_id", Id),  # ... or this remote actor ...
    Column("host", Text),  # ... whose inbox is at this host
    Column("but_not", Id),  # of the followers, not this one: who has it already
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
class Audience:
    """Who gets a row: the followers of these actors (ids) but not `but_not`, and these remote actors (ids)."""

    followers_of: tuple[int, ...] = ()
    actors: tuple[int, ...] = ()
    but_not: int | None = None


_SENT = columns(outbox, Sent)
_AT = select(*_SENT).where(outbox.c.position.in_(bindparam("positions", type_=Id(), expanding=True)))
_REMOTE = select(actors.c.id, actors.c.host).where(
    actors.c.id.in_(bindparam("ids", type_=Id(), expanding=True)), ~actors.c.local
)
_GIVEN = table("sqlite_sequence", column("name", Text), column("seq", BigInteger))
_NEWEST = select(_GIVEN.c.seq).where(_GIVEN.c.name == bindparam("table", type_=Text()))
"""SQLite's own note of the highest position that was ever given (AUTOINCREMENT)."""
_LOCK = select(func.pg_advisory_xact_lock(7042))
"""A cursor must not pass a row that is not committed yet, so on PostgreSQL positions are given and committed one transaction
after another."""
_POSITIONS = select(
    func.nextval(literal_column("CAST(pg_get_serial_sequence('outbox', 'position') AS regclass)"))
).select_from(func.generate_series(1, bindparam("count", type_=Integer)))


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
    fresh: bool = False,
) -> int | None:
    """Add a row to the log; its position comes back, or None when this activity was added before. `fresh`: it was not, as
    its id was made just now; on PostgreSQL it is then written at the end of the transaction, and 0 comes back."""
    values: dict[str, Any] = {
        "activity_id": activity_id,
        "actor_id": actor_id,
        "type": type,
        "form": form,
        "post_id": post_id,
        "body": body,
        "created_at": now,
    }
    told = _told(tx, audience)
    holds = held.behind(tx)
    if fresh and holds is not None:
        if tx.dialect.name == "postgresql":
            position = 0
            holds.last(_write, (values, told), outbox.name, audiences.name)
        else:
            position = _later(tx, holds, values)
    else:
        if tx.dialect.name == "postgresql":
            if holds is not None:
                holds.flush(tx)  # now: what is written after it holds up all others who send
            rows(tx, _LOCK, {})
        found = returned(tx, _append(tx.dialect.name), values)
        if not found:
            return None
        position = int(found[0][0])
        if holds is not None and tx.dialect.name != "postgresql":
            holds.position = position  # what is written later comes behind it
    if told:
        note(tx, "outbox")
    for row in told if position else ():
        insert_later(tx, audiences, {"position": position, **row})
    return position


def _told(tx: Tx, audience: Audience) -> list[dict[str, Any]]:
    """The rows of `audiences` for who gets it, without their position."""
    told: list[dict[str, Any]] = [
        {"followers_of": actor, "actor_id": None, "host": None, "but_not": audience.but_not}
        for actor in audience.followers_of
        if is_followed(tx, actor)  # else nobody: who follows it later gets what is written then
    ]
    if audience.actors:
        found = rows(tx, _REMOTE, {"ids": list(audience.actors)})
        told += ({"followers_of": None, "actor_id": actor, "host": host, "but_not": None} for actor, host in found)
    return told


def _later(tx: Tx, holds: held.Held, values: dict[str, Any]) -> int:
    """The position of a row that is written with others at the end of the transaction.

    SQLite has one writer at a time, so what follows the newest position is known as long as a transaction lasts.
    """
    if holds.position is None:
        newest = rows(tx, _NEWEST, {"table": outbox.name})
        holds.position = newest[0][0] if newest else 0
    holds.position += 1
    insert_later(tx, outbox, {"position": holds.position, **values})
    return holds.position


def _write(tx: Tx, several: list[tuple[dict[str, Any], list[dict[str, Any]]]]) -> None:
    """Write rows that were held back, and their audiences, on PostgreSQL. Raises Overtaken where one is there already."""
    rows(tx, _LOCK, {})
    positions = sorted(int(row[0]) for row in rows(tx, _POSITIONS, {"count": len(several)}))
    logged = [{"position": position, **values} for position, (values, _) in zip(positions, several, strict=True)]
    if put_each(tx, insert_of(tx, outbox, logged[0]), logged) < len(logged):
        raise held.Overtaken(outbox.name)
    told = [{"position": position, **row} for position, (_, of) in zip(positions, several, strict=True) for row in of]
    if told:
        put_each(tx, insert_of(tx, audiences, told[0]), told)


@cache
def _append(dialect: str) -> Insert:
    insert = postgresql.insert(outbox) if dialect == "postgresql" else sqlite.insert(outbox)
    names = (column.name for column in outbox.c if column.name != "position")
    values = {name: bindparam(name, type_=outbox.c[name].type) for name in names}
    return insert.values(values).on_conflict_do_nothing(index_elements=["activity_id"]).returning(outbox.c.position)


def by_activity(tx: Tx, activity_id: str) -> Sent | None:
    """The row of the log with this activity."""
    return one_of(tx, select(*_SENT).where(outbox.c.activity_id == activity_id), Sent)


def by_position(tx: Tx, position: int) -> Sent | None:
    """The row of the log at this position."""
    return one_of(tx, select(*_SENT).where(outbox.c.position == position), Sent)


def by_positions(tx: Tx, positions: list[int]) -> dict[int, Sent]:
    """The rows of the log at these positions, by position."""
    return {row.position: row for row in all_of(tx, _AT, Sent, positions=positions)} if positions else {}


def of_actor(tx: Tx, actor_id: int, types: tuple[str, ...], limit: int, before: int | None = None) -> list[Sent]:
    """What an actor sent of these types, newest first, before a position if given; for its outbox collection."""
    query = select(*_SENT).where(outbox.c.actor_id == actor_id, outbox.c.type.in_(types))
    if before is not None:
        query = query.where(outbox.c.position < before)
    return all_of(tx, query.order_by(outbox.c.position.desc()).limit(limit), Sent)


def passed_on(tx: Tx, actor_id: int, post_ids: list[int], limit: int, after: int = 0) -> list[Sent]:
    """What a group passed on to forums about these posts, in order, after a position; for a thread's history."""
    if not post_ids:
        return []
    query = select(*_SENT).where(
        outbox.c.post_id.in_(post_ids),
        one_among(outbox.c.form, "forum"),
        outbox.c.actor_id == actor_id,
        outbox.c.type == "Announce",
        outbox.c.position > after,
    )
    return all_of(tx, query.order_by(outbox.c.position).limit(limit), Sent)


def was_told(tx: Tx, actor_id: int, recipient_id: int, host: str, type: str, since: int) -> bool:
    """Whether an actor here sent an activity of this type, in the form for forums, to this one at `host` since then (ms)."""
    query = (
        select(outbox.c.position)
        .join(audiences, audiences.c.position == outbox.c.position)
        .where(
            audiences.c.host == host,
            audiences.c.actor_id == recipient_id,
            outbox.c.actor_id == actor_id,
            outbox.c.type == type,
            outbox.c.form == "forum",
            outbox.c.created_at > since,
        )
    )
    return tx.scalar(query.limit(1)) is not None


def head(tx: Tx) -> int:
    """The position of the newest row, 0 when there is none."""
    return tx.scalar(select(func.max(outbox.c.position))) or 0
