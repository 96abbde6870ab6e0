"""Received: every activity that peers sent us, with its state, so that an operator sees what became of it.

`new` -> `done`, or `refused` (will never be taken), `failed` (tried to the end), `held` (the policy wants a person to decide:
then it is `new` again, or `refused`); put off for a later try it is still `new`.
A row is written twice, when it comes and when it is settled: which worker has it in hand is a matter of its host
(`storage.claims`), so that nothing is lost when a worker dies, and an index that a change of state would touch has none in
its condition. Which rows a worker takes next is in `storage.backlog`.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    DDL,
    Boolean,
    Column,
    ColumnElement,
    FromClause,
    Index,
    Integer,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    event,
    false,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.exc import IntegrityError

from storage import partitions
from storage.batches import insert_together
from storage.events import note
from storage.metadata import (
    Bytes,
    Id,
    Json,
    Time,
    Tx,
    all_of,
    columns,
    id_column,
    insert_new,
    metadata,
    one_of,
)
from storage.prepared import change_among, parts
from storage.row_class import row_class

received = Table(
    "received",
    metadata,
    id_column(),
    Column("activity_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("host", Text, nullable=False),  # authority of the signer; of a refused one, as it claimed
    Column("actor", Text, nullable=False),  # IRI of the signer
    Column("key_id", Text),
    Column("via", Text),  # how it was verified: cavage rfc9421; null: not yet
    Column("body", Bytes, nullable=False),
    Column("headers", Json),  # request line and signed headers, kept while it is not verified
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Time, nullable=False),
    Column("received_at", Time, nullable=False),
    Column("settled_at", Time),
    Column("code", Text),  # reason code of a refusal
    Column("problem", Text),  # the same in words
    Column("void", Boolean, nullable=False, server_default=false()),  # refused: another may come with its id
    postgresql_partition_by="RANGE (id)",  # `storage.partitions`
)
for _statement in partitions.POSTGRESQL:
    event.listen(received, "after_create", DDL(_statement).execute_if(dialect="postgresql"))  # type: ignore[no-untyped-call]


def is_fresh(some: FromClause) -> ColumnElement[bool]:
    """The condition under which a row of `received`, or of an alias of it, is new: nobody has tried it yet."""
    is_new = some.c.state == literal_column("'new'")  # written out: SQLite uses a partial index only where it sees it
    return and_(is_new, some.c.attempts == literal_column("0"), some.c.via.isnot(None))


IS_FRESH = is_fresh(received)
IS_AGAIN = and_(
    received.c.state == literal_column("'new'"),
    or_(received.c.attempts > literal_column("0"), received.c.via.is_(None)),
)
"""The condition under which a row waits for its time: it was tried before, or could not be verified when it came."""
# Hosts that have something new, and of each the oldest; those that are tried again, or were not verified yet, by their time.
Index("ix_received_fresh", received.c.host, received.c.id, sqlite_where=IS_FRESH, postgresql_where=IS_FRESH)
Index(
    "ix_received_again",
    received.c.due_at,
    received.c.id,
    received.c.host,
    sqlite_where=IS_AGAIN,
    postgresql_where=IS_AGAIN,
)
# For those who look how much waits, and since when.
Index(
    "ix_received_due",
    received.c.due_at,
    received.c.state,
    sqlite_where=IS_FRESH,
    postgresql_where=IS_FRESH,
)
# Not by state: SQLite would then read all that wait by it and sort them, instead of walking the index above.
Index(
    "ix_received_settled",
    received.c.settled_at,
    received.c.state,
    sqlite_where=received.c.settled_at.isnot(None),
    postgresql_where=received.c.settled_at.isnot(None),
)
# What waits for a person.
_IS_HELD = received.c.state == literal_column("'held'")
Index("ix_received_held", received.c.id, sqlite_where=_IS_HELD, postgresql_where=_IS_HELD)
# The same activity twice has one effect; only what was authenticated counts, so that nobody can take an id from others.
# On PostgreSQL a trigger of `storage.partitions` sees to that.
Index(
    "uq_received_activity",
    received.c.activity_id,
    unique=True,
    sqlite_where=~received.c.void & received.c.via.isnot(None),
).ddl_if(dialect="sqlite")


@row_class(frozen=True, slots=True)
class Received:
    """A row of `received`; times in ms."""

    id: int
    activity_id: str
    type: str
    host: str
    actor: str
    key_id: str | None
    via: str | None
    body: bytes
    headers: dict[str, Any] | None
    state: str
    attempts: int
    due_at: int
    received_at: int
    settled_at: int | None
    code: str | None
    problem: str | None


_ROW = columns(received, Received)
PRUNED = 5_000
"""Rows that are pruned in one transaction: who writes meanwhile waits for it."""
_VOID = ("refused", "unverified")
_SETTLED = (
    update(received)
    .where(received.c.id.in_(bindparam("ids", type_=Id(), expanding=True)))
    .values(
        state=bindparam("state", type_=Text()),
        settled_at=bindparam("now", type_=Time()),
        headers=null(),
        code=bindparam("code", type_=Text()),
        problem=bindparam("problem", type_=Text()),
    )
)
_VOIDED = _SETTLED.values(void=true())


def insert(tx: Tx, row: Received) -> bool:
    """Keep an activity; False when the same (authenticated) one is here already."""
    values = {column.name: getattr(row, column.name) for column in _ROW} | {"void": row.state in _VOID}
    fresh = insert_new(tx, received, values) == 1
    if fresh and row.state == "new":
        note(tx, "received")
    return fresh


class Arrived(NamedTuple):
    """What is stored of an activity that was proven as it came; times in ms."""

    id: int
    activity_id: str
    type: str
    host: str
    actor: str
    key_id: str
    via: str
    body: bytes
    due_at: int
    received_at: int
    state: str = "new"
    attempts: int = 0


def insert_arrived(tx: Tx, several: Sequence[Arrived]) -> int:
    """Keep activities that came in together; how many were not here already comes back."""
    fresh = insert_together(tx, received, Arrived._fields, several)
    if fresh:
        note(tx, "received")
    return fresh


def settle(
    tx: Tx, ids: Iterable[int], state: str, now: int, *, code: str | None = None, problem: str | None = None
) -> None:
    """End rows as `done`, `refused` or `failed`."""
    values: dict[str, Any] = {"state": state, "now": now, "code": code, "problem": problem}
    for some in parts(list(ids)):
        change_among(tx, _VOIDED if state in _VOID else _SETTLED, {"ids": some, **values})


def later(tx: Tx, row: Received, due_at: int, problem: str) -> None:
    """Try a row that was claimed again at `due_at` ms."""
    values = {"state": "new", "due_at": due_at, "attempts": row.attempts, "problem": problem}
    tx.execute(update(received).where(received.c.id == row.id).values(values))


def hasten(tx: Tx, host: str, now: int) -> int:
    """Try all that waits of a host at `now` ms; how much that was."""
    waiting = update(received).where(IS_AGAIN, received.c.host == host, received.c.due_at > now)
    changed = tx.execute(waiting.values(due_at=now)).rowcount
    if changed:
        note(tx, "received")
    return changed


def verified(tx: Tx, row_id: int, via: str, key_id: str) -> bool:
    """Note that a row was verified after it was stored; False when the same activity was taken from another row."""
    try:
        with tx.begin_nested():
            change = update(received).where(received.c.id == row_id).values(via=via, key_id=key_id, headers=None)
            return tx.execute(change).rowcount == 1
    except IntegrityError:
        return False


def by_id(tx: Tx, row_id: int) -> Received | None:
    """The row with this id."""
    return one_of(tx, select(*_ROW).where(received.c.id == row_id), Received)


def newest(
    tx: Tx, limit: int, *, state: str | None = None, host: str | None = None, max_id: int | None = None
) -> list[Received]:
    """The newest rows, for an operator."""
    query = select(*_ROW)
    if state is not None:
        # Few are held, and their index knows them only by this very condition.
        query = query.where(_IS_HELD if state == "held" else received.c.state == state)
    if host is not None:
        query = query.where(received.c.host == host)
    if max_id is not None:
        query = query.where(received.c.id < max_id)
    return all_of(tx, query.order_by(received.c.id.desc()).limit(limit), Received)


def held_total(tx: Tx, most: int) -> int:
    """How many rows are held; counted to `most`."""
    some = select(received.c.id).where(_IS_HELD).limit(most).subquery()
    return tx.scalar(select(func.count()).select_from(some)) or 0


RELEASED = "released"
"""Reason code of a row that a person let in although the policy wanted it held."""


def let_in(tx: Tx, row_id: int, now: int) -> bool:
    """Work out a row that was held back; False when it is not held (any more)."""
    held = update(received).where(received.c.id == row_id, received.c.state == "held")
    values = {"state": "new", "due_at": now, "attempts": 0, "settled_at": None, "code": RELEASED, "problem": None}
    changed = tx.execute(held.values(**values))
    if changed.rowcount:
        note(tx, "received")
    return changed.rowcount > 0


def turn_down(tx: Tx, row_id: int, now: int, code: str, problem: str) -> bool:
    """Refuse a row that was held back; False when it is not held (any more)."""
    held = update(received).where(received.c.id == row_id, received.c.state == "held")
    values = {"state": "refused", "void": True, "settled_at": now, "code": code, "problem": problem}
    return tx.execute(held.values(**values)).rowcount > 0


def replay(tx: Tx, row_id: int, now: int) -> bool:
    """Take a row that was verified once more from the start; False when there is no such row."""
    changed = tx.execute(
        update(received)
        .where(received.c.id == row_id, received.c.via.isnot(None), received.c.body != b"")
        .values(state="new", void=False, due_at=now, attempts=0, settled_at=None, code=None, problem=None)
    )
    if changed.rowcount:
        note(tx, "received")
    return changed.rowcount > 0


def prune(tx: Tx, *, bodies_before: int, rows_before: int) -> int:
    """Empty the bodies of rows settled before `bodies_before` ms, and drop rows settled before `rows_before` ms, of each `PRUNED` at most.

    How many rows were dropped, or the bodies that were emptied where these are more, comes back, on PostgreSQL without those of whole
    weeks. Until a row is dropped, its activity is recognised when it comes again.
    """
    full = select(received.c.id).where(
        received.c.settled_at < bodies_before,
        received.c.settled_at >= rows_before,
        received.c.body != b"",
        received.c.state != "held",  # somebody may let it in still
    )
    emptied = tx.execute(update(received).where(received.c.id.in_(full.limit(PRUNED))).values(body=b"")).rowcount
    over = select(received.c.id).where(received.c.settled_at < rows_before)
    if tx.dialect.name == "postgresql":
        left = partitions.drop(tx, rows_before)
        if left is not None:  # what is in a week that is not over goes with it
            over = over.where(received.c.id < left)
    return max(emptied, tx.execute(delete(received).where(received.c.id.in_(over.limit(PRUNED)))).rowcount)


def totals(tx: Tx, since: int = 0) -> dict[str, int]:
    """How many rows are in each state; of those that are settled, only those settled since then (ms)."""
    parts_of = [select(received.c.state, func.count()).where(one) for one in (IS_FRESH, IS_AGAIN)]
    parts_of.append(select(received.c.state, func.count()).where(received.c.settled_at >= since))
    both = union_all(*(one.group_by(received.c.state) for one in parts_of))
    found: dict[str, int] = {}
    for state, number in tx.execute(both):
        found[state] = found.get(state, 0) + number
    return found


def oldest_due(tx: Tx, now: int) -> int | None:
    """Since when the oldest row that is due at `now` waits, in ms; None when none does. Later tries don't count."""
    each = [select(func.min(received.c.due_at)).where(one, received.c.due_at <= now) for one in (IS_FRESH, IS_AGAIN)]
    return min((one for one in map(tx.scalar, each) if one is not None), default=None)


def newest_hosts(tx: Tx, among: int) -> list[tuple[str, int, int]]:
    """Which hosts the newest `among` rows are of: (host, how many, since when in ms), most first."""
    last = select(received.c.host, received.c.received_at).order_by(received.c.id.desc()).limit(among).subquery()
    number = func.count()
    query = select(last.c.host, number, func.min(last.c.received_at)).group_by(last.c.host).order_by(number.desc())
    return [(host, count, first) for host, count, first in tx.execute(query)]
