"""Claims: which worker has a host's received activities in hand, so that they are worked out in order and by one alone.

A host is claimed, not its rows: that is one small row to write for many activities, and two workers can't have activities
of one host at once, whatever the database. A claim is for some seconds and is renewed while the work runs; when its worker
dies, another may take the host after that. Who finds out too late that a claim was lost keeps nothing of its work (`mine`).
"""

from collections.abc import Collection, Sequence
from functools import cache

from sqlalchemy import Column, ColumnElement, Table, Text, bindparam, delete, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.metadata import Id, Time, Tx, metadata
from storage.prepared import change_among, change_each, rows

claims = Table(
    "claims",
    metadata,
    Column("host", Text, primary_key=True),
    Column("claim", Id, nullable=False),  # of one batch of one worker
    Column("until", Time, nullable=False),
)

_TAKEN = select(claims.c.host).where(
    claims.c.host.in_(bindparam("hosts", type_=Text(), expanding=True)), claims.c.until > bindparam("now", type_=Time())
)
_GOT = select(claims.c.host).where(
    claims.c.host.in_(bindparam("hosts", type_=Text(), expanding=True)),
    claims.c.claim == bindparam("claim", type_=Id()),
)
_MINE = _GOT.order_by(claims.c.host).with_for_update()
_RELEASE = delete(claims).where(
    claims.c.host.in_(bindparam("hosts", type_=Text(), expanding=True)),
    claims.c.claim == bindparam("claim", type_=Id()),
)


def held_by_somebody(host: ColumnElement[str], now: ColumnElement[int]) -> ColumnElement[bool]:
    """The condition that a host is claimed at `now` ms."""
    return exists().where(claims.c.host == host, claims.c.until > now)


def take(tx: Tx, claim: int, hosts: Sequence[str], now: int, until: int) -> list[str]:
    """Claim those of `hosts` that nobody has, until `until` ms; they come back in the order they were given."""
    if not hosts:
        return []
    taken = {row[0] for row in rows(tx, _TAKEN, {"hosts": list(hosts), "now": now})}
    # In one order: of two workers that want the same hosts neither waits for what the other has.
    free = sorted({host for host in hosts if host not in taken})
    if not free:
        return []
    row = {"claim": claim, "until": until, "now": now}
    change_each(tx, _take(tx.dialect.name), [{"host": host, **row} for host in free])
    got = {row[0] for row in rows(tx, _GOT, {"hosts": free, "claim": claim})}
    return [host for host in hosts if host in got]


@cache
def _take(dialect: str) -> postgresql.Insert | sqlite.Insert:
    insert = postgresql.insert(claims) if dialect == "postgresql" else sqlite.insert(claims)
    made = insert.values(
        {name: bindparam(name, type_=claims.c[name].type) for name in ("host", "claim", "until")}
    ).inline()
    new = {"claim": made.excluded.claim, "until": made.excluded.until}
    # Whoever came first has it: its end is later than the beginning of ours.
    return made.on_conflict_do_update(
        index_elements=["host"], set_=new, where=claims.c.until <= bindparam("now", type_=Time())
    )


def mine(tx: Tx, claim: int, hosts: Collection[str]) -> set[str]:
    """Those of `hosts` that are still in this claim; nobody takes them before the end of this transaction."""
    return {row[0] for row in rows(tx, _MINE, {"hosts": sorted(hosts), "claim": claim})} if hosts else set()


def renew(tx: Tx, held: Collection[int], until: int) -> None:
    """Keep all that is in these claims until `until` ms."""
    if held:
        tx.execute(update(claims).where(claims.c.claim.in_(held)).values(until=until))


def release(tx: Tx, claim: int, hosts: Collection[str]) -> None:
    """Let go of these hosts of a claim."""
    if hosts:
        change_among(tx, _RELEASE, {"hosts": sorted(hosts), "claim": claim})
