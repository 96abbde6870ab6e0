"""The backlog: what was received and waits, and which of it a worker takes next.

Hosts are claimed, not rows (`storage.claims`), and each gets a share. All that is asked here is answered from the indexes of
what waits, and by few statements for many hosts, since on PostgreSQL each is a way there and back.
"""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Integer, Select, Text, bindparam, func, literal_column, select, true

from storage import claims
from storage.claims import claims as claimed
from storage.metadata import Id, Time, Tx, all_of, columns
from storage.prepared import parts, rows
from storage.received import IS_AGAIN, IS_FRESH, Received, is_fresh, received

_ROW = columns(received, Received)
_HOSTS = 128
"""Hosts in one claim at most."""
_BYTES = 4 * 1024 * 1024
"""Bodies of one claim at most, unless a single one has more."""
_TRIED = 1000
"""Rows that are due again of which one claim chooses."""
_CLAIMED = select(*(one + 1 if one is received.c.attempts else one for one in _ROW)).where(
    received.c.id.in_(bindparam("ids", type_=Id(), expanding=True))
)
"""Rows as they are with the try that begins."""
# Asked once more whether they wait: by the time their host is claimed, another may have been done with them (PostgreSQL).
_SIZES = select(received.c.host, received.c.id, func.length(received.c.body)).where(
    received.c.id.in_(bindparam("ids", type_=Id(), expanding=True)),
    received.c.state == literal_column("'new'"),
    received.c.due_at <= bindparam("now", type_=Time()),
)
_AGAIN = (
    select(received.c.id, received.c.host)
    .where(
        IS_AGAIN,
        received.c.due_at <= bindparam("now", type_=Time()),
        # Or a host that has many of them in hand would hide those of others.
        ~claims.held_by_somebody(received.c.host, bindparam("now", type_=Time())),
    )
    .order_by(received.c.due_at, received.c.id)
    .limit(_TRIED)
)


def _fresh_hosts() -> Select[tuple[str]]:
    """The hosts with something new after the host `after`, in their order: one look into the index for each, however many
    rows it has."""
    first = select(received.c.host).where(IS_FRESH, received.c.host > bindparam("after", type_=Text()))
    hosts = select(first.order_by(received.c.host).limit(1).scalar_subquery().label("host")).cte(
        "hosts", recursive=True
    )
    other = received.alias("following")
    following = select(other.c.host).where(is_fresh(other), other.c.host > hosts.c.host).order_by(other.c.host).limit(1)
    every = hosts.union_all(select(following.correlate(hosts).scalar_subquery()).where(hosts.c.host.isnot(None)))
    return select(every.c.host).where(every.c.host.isnot(None)).limit(bindparam("most", type_=Integer()))


_FRESH_HOSTS = _fresh_hosts()


@cache
def _fresh(dialect: str) -> Select[tuple[str, int, int]]:
    """The oldest `most` new rows of each of these `hosts` of a claim: host, id, size of the body."""
    of_claim = (
        claimed.c.claim == bindparam("claim", type_=Id()),
        claimed.c.host.in_(bindparam("hosts", type_=Text(), expanding=True)),
    )
    if dialect == "postgresql":
        each = _oldest(received, received.c.id, func.length(received.c.body).label("size")).lateral()
        return select(claimed.c.host, each.c.id, each.c.size).select_from(claimed.join(each, true())).where(*of_claim)
    other = received.alias("oldest")  # SQLite has no LATERAL
    return (
        select(claimed.c.host, received.c.id, func.length(received.c.body))
        .select_from(claimed.join(received, received.c.id.in_(_oldest(other, other.c.id))))
        .where(*of_claim)
    )


def _oldest(of: FromClause, *chosen: ColumnElement[Any]) -> Select[Any]:
    query = select(*chosen).where(is_fresh(of), of.c.host == claimed.c.host).order_by(of.c.id)
    return query.limit(bindparam("most", type_=Integer())).correlate(claimed)


def claim(tx: Tx, now: int, until: int, limit: int, *, by: int = 0) -> list[Received]:
    """As `claim_next`, from the first host on."""
    return claim_next(tx, now, until, limit, by=by)[0]


def claim_next(tx: Tx, now: int, until: int, limit: int, *, by: int = 0, after: str = "") -> tuple[list[Received], str]:
    """Take up to `limit` due rows, of no more than some megabytes, for the claim `by` until `until` ms; in the order of
    arrival, with the host to go on after next time.

    Hosts have their turn one after the other, beginning after `after`, and each gets a share: a million rows of one don't
    keep ten of another. Rows of a host that another claim has are left. Nothing is written of the rows.
    """
    again: dict[str, list[int]] = {}
    for row_id, host in rows(tx, _AGAIN, {"now": now}):
        again.setdefault(host, []).append(row_id)
    most = min(limit, _HOSTS)
    new = [row[0] for row in rows(tx, _FRESH_HOSTS, {"after": after, "most": most})]
    if after and len(new) < most:
        new += [row[0] for row in rows(tx, _FRESH_HOSTS, {"after": "", "most": most}) if row[0] <= after]
    wanted = list(dict.fromkeys([*list(again)[: most // 2], *new]))[:most]
    got = claims.take(tx, by, wanted, now, until)
    found: list[Received] = []
    for some in parts(_shared(tx, by, got, again, now, limit)):
        found += all_of(tx, _CLAIMED, Received, ids=some)
    hosts = {row.host for row in found}
    claims.release(tx, by, [host for host in got if host not in hosts])
    last = next((host for host in reversed(new) if host in hosts), new[-1] if new else "")
    return sorted(found, key=lambda row: row.id), last


def _shared(tx: Tx, by: int, hosts: list[str], again: dict[str, list[int]], now: int, limit: int) -> list[int]:
    """The ids of `limit` rows of these claimed hosts at most, the same number of each as far as they have so many."""
    if not hosts:
        return []
    share = limit // len(hosts)
    chosen = _of_hosts(tx, by, hosts, again, now, share)
    full = [host for host in hosts if len(chosen[host]) == share]
    left = limit - sum(map(len, chosen.values()))
    if full and left >= len(full):
        chosen |= _of_hosts(tx, by, full, again, now, share + left // len(full))
    ids: list[int] = []
    size = 0
    for row_id, length in (one for of_host in chosen.values() for one in of_host):
        size += length
        if ids and size > _BYTES:
            break
        ids.append(row_id)
    return ids


def _of_hosts(
    tx: Tx, by: int, hosts: list[str], again: dict[str, list[int]], now: int, most: int
) -> dict[str, list[tuple[int, int]]]:
    """(id, size of the body) of `most` due rows of each of these claimed hosts, those that were tried before first."""
    chosen: dict[str, list[tuple[int, int]]] = {host: [] for host in hosts}
    tried = [one for host in hosts for one in again.get(host, [])[:most]]
    for some in parts(tried):
        for host, row_id, size in sorted(map(tuple, rows(tx, _SIZES, {"ids": some, "now": now}))):
            chosen[host].append((row_id, size))
    lacking = [host for host in hosts if len(chosen[host]) < most]
    if lacking:
        found = rows(tx, _fresh(tx.dialect.name), {"claim": by, "hosts": lacking, "most": most})
        for host, row_id, size in sorted(map(tuple, found)):
            if len(chosen[host]) < most:
                chosen[host].append((row_id, size))
    return chosen
