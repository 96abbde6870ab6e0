"""`received` on PostgreSQL: a partition for each week, made ahead and dropped when it is over; and which activities are known.

It is the one large table whose rows go again. Dropping a table gives its room back at once, where DELETE of as many rows
would leave it to VACUUM and write each into the log. Ids tell the time, so they are what the weeks are told apart by, and
the primary key stays. What comes when no partition was made for it, as after months without a worker, is in the rest. A table
that was filled before there were weeks is one partition, up to the end of the week of the upgrade: as the rest it would be read
through, under a lock that nobody passes, for each week that is made.

A unique index can't reach over partitions without the column that they are told apart by, so activities that were taken
are known by a narrow table, written by a trigger: the same statements serve SQLite, which has a unique index.
"""

import logging
from typing import NamedTuple

from sqlalchemy import exc, text

from storage.ids import first_at
from storage.metadata import Tx

log = logging.getLogger(__name__)

WEEK = 7 * 86_400_000
"""Milliseconds of a partition."""
AHEAD = 4
"""Weeks that are made ahead."""

KNOWN = """CREATE TABLE received_ids (
    digest BYTEA CONSTRAINT pk_received_ids PRIMARY KEY,
    id BIGINT NOT NULL
)"""
"""Of each activity that was taken the first half of the SHA-256 of its id (nobody finds another id with the same), and its row."""
_DIGEST = "substr(sha256(convert_to({row}.activity_id, 'UTF8')), 1, 16)"
TAKEN = f"""CREATE OR REPLACE FUNCTION received_taken() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NOT NEW.void AND NEW.via IS NOT NULL THEN
            INSERT INTO received_ids VALUES ({_DIGEST.format(row="NEW")}, NEW.id) ON CONFLICT DO NOTHING;
            IF NOT FOUND THEN
                RETURN NULL;  -- it is here already: the row is left out, as ON CONFLICT DO NOTHING would
            END IF;
        END IF;
        RETURN NEW;
    END IF;
    IF NOT OLD.void AND OLD.via IS NOT NULL
            AND (TG_OP = 'DELETE' OR NEW.void OR NEW.via IS NULL) THEN
        DELETE FROM received_ids WHERE digest = {_DIGEST.format(row="OLD")} AND id = OLD.id;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF NOT NEW.void AND NEW.via IS NOT NULL AND (OLD.void OR OLD.via IS NULL) THEN
        INSERT INTO received_ids VALUES ({_DIGEST.format(row="NEW")}, NEW.id);  -- fails where another row has it
    END IF;
    RETURN NEW;
END $$"""  # noqa: S608 - our own names
POSTGRESQL = (
    "CREATE TABLE received_rest PARTITION OF received DEFAULT",
    KNOWN,
    "CREATE INDEX ix_received_ids_id ON received_ids (id)",
    TAKEN,
    (
        "CREATE TRIGGER received_taken BEFORE INSERT OR DELETE OR UPDATE OF via, void ON received"
        " FOR EACH ROW EXECUTE FUNCTION received_taken()"
    ),
)
"""What belongs to the table beside itself."""
FILL = (
    f"INSERT INTO received_ids SELECT {_DIGEST.format(row='received')}, id FROM received"  # noqa: S608 - our own names
    " WHERE NOT void AND via IS NOT NULL"
)
"""Know what is in the table already."""

_MADE = text(
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
    " WHERE inhparent = 'received'::regclass AND relname ~ '^received_(until_)?[0-9]+$'"
)
_UNTIL = "received_until_"


class _Made(NamedTuple):
    """A partition: of the weeks (since 1970) from `begin` up to `end`, which is not in it."""

    begin: int
    end: int
    name: str


def weeks(tx: Tx) -> list[int]:
    """The weeks since 1970 that have a partition of their own, in order."""
    return [one.begin for one in _made(tx) if one.begin]


def take_over(tx: Tx, table: str, now: int) -> None:
    """Make the full `table`, which has the columns of `received`, its partition up to the end of this week."""
    newest = tx.scalar(text(f"SELECT max(id) FROM {table}")) or 0  # noqa: S608 - our own name
    end = now // WEEK + 1
    while first_at(end * WEEK) <= newest:  # the clock was ahead once
        end += 1
    tx.exec_driver_sql(f"ALTER TABLE {table} RENAME TO {_UNTIL}{end}")
    bounds = f"FROM (MINVALUE) TO ({first_at(end * WEEK)})"
    tx.exec_driver_sql(f"ALTER TABLE received ATTACH PARTITION {_UNTIL}{end} FOR VALUES {bounds}")


def make(tx: Tx, now: int) -> None:
    """Make the partitions of this week and the next ones, where there are none. Nothing on SQLite.

    A week of which something is in the rest already stays there. When somebody holds the table, it is left for the next time.
    """
    if tx.dialect.name != "postgresql":
        return
    this, made = now // WEEK, _made(tx)
    for week in range(this, this + AHEAD + 1):
        begin, end = first_at(week * WEEK), first_at((week + 1) * WEEK)
        if any(one.begin <= week < one.end for one in made) or tx.scalar(
            text("SELECT id FROM received_rest WHERE id >= :begin AND id < :end LIMIT 1"), {"begin": begin, "end": end}
        ):
            continue
        if not _alter(tx, f"CREATE TABLE received_{week} PARTITION OF received FOR VALUES FROM ({begin}) TO ({end})"):
            return


def drop(tx: Tx, before: int) -> int | None:
    """Drop the partitions of which all was settled before `before` ms, and forget their activities; only on PostgreSQL.

    The first id of the week in which that moment is comes back, where that has a partition of its own.
    """
    for begin, end, name in _made(tx):
        if end * WEEK > before:
            return first_at(begin * WEEK) if begin and begin * WEEK <= before else None
        waits = f"SELECT id FROM {name} WHERE settled_at IS NULL OR settled_at >= :before LIMIT 1"  # noqa: S608 - our own name
        if tx.scalar(text(waits), {"before": before}) is None:
            if not _alter(tx, f"DROP TABLE {name}"):
                return None
            forget = text("DELETE FROM received_ids WHERE id >= :begin AND id < :end")
            tx.execute(forget, {"begin": first_at(begin * WEEK) if begin else 0, "end": first_at(end * WEEK)})
    return None


def _made(tx: Tx) -> list[_Made]:
    """All partitions but the rest, in order."""
    names = list(tx.scalars(_MADE))
    taken_over = [_Made(0, int(name.removeprefix(_UNTIL)), name) for name in names if name.startswith(_UNTIL)]
    numbers = sorted(int(name.removeprefix("received_")) for name in names if not name.startswith(_UNTIL))
    return taken_over + [_Made(week, week + 1, f"received_{week}") for week in numbers]


def _alter(tx: Tx, statement: str) -> bool:
    """Change the table, unless somebody holds it: whoever waits for it holds up all who come after. Whether that was done."""
    try:
        with tx.begin_nested():
            tx.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
            tx.exec_driver_sql(statement)
            tx.exec_driver_sql("SET LOCAL lock_timeout = 0")
    except exc.OperationalError as problem:
        if getattr(problem.orig, "sqlstate", "") != "55P03":
            raise
        log.info("left for later, as the table is in use: %s", statement)
        return False
    return True
