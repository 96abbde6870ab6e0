"""Claims: which worker has a host's received activities in hand, so that they are worked out in order and by one alone.

A host is claimed, not its rows: that is one small row to write for many activities, and two workers can't have activities
of one host at once, whatever the database. A claim is for some seconds and is renewed while the work runs; when its worker
dies, another may take the host after that. Who finds out too late that a claim was lost keeps nothing of its work (`mine`).
"""

from collections.abc import Collection, Sequence

from sqlalchemy import Column, Table, Text, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.metadata import Id, Time, Tx, metadata

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
_MINE = (
    select(claims.c.host)
    .where(claims.c.host.in_(bindparam("hosts", type_=Text(), expanding=True)), claims.c.claim == bindparam("claim"))
    .order_by(claims.c.host)
    .with_for_update()
)


def take(tx: Tx, claim: int, hosts: Sequence[str], now: int, until: int) -> list[str]:
    """Claim those of `hosts` that nobody has, until `until` ms; they come back in the order they were given."""
    taken = set(tx.scalars(_TAKEN, {"hosts": list(hosts), "now": now})) if hosts else set()
    # In one order: of two workers that want the same hosts neither waits for what the other has.
    free = sorted({host for host in hosts if host not in taken})
    if not free:
        return []
    insert = postgresql.insert(claims) if tx.dialect.name == "postgresql" else sqlite.insert(claims)
    values = insert.values([{"host": host, "claim": claim, "until": until} for host in free])
    new = {"claim": values.excluded.claim, "until": values.excluded.until}
    wanted = values.on_conflict_do_update(index_elements=["host"], set_=new, where=claims.c.until <= now)
    got = set(tx.scalars(wanted.returning(claims.c.host)))
    return [host for host in hosts if host in got]


def mine(tx: Tx, claim: int, hosts: Collection[str]) -> set[str]:
    """Those of `hosts` that are still in this claim; nobody takes them before the end of this transaction."""
    return set(tx.scalars(_MINE, {"hosts": sorted(hosts), "claim": claim})) if hosts else set()


def renew(tx: Tx, held: Collection[int], until: int) -> None:
    """Keep all that is in these claims until `until` ms."""
    if held:
        tx.execute(update(claims).where(claims.c.claim.in_(held)).values(until=until))


def release(tx: Tx, claim: int, hosts: Collection[str]) -> None:
    """Let go of these hosts of a claim."""
    if hosts:
        tx.execute(delete(claims).where(claims.c.host.in_(sorted(hosts)), claims.c.claim == claim))
