"""Links: the state of sending to one host: how far its cursor in the outbox log is, how far it wants to go, whether it sleeps.

A link that is claimed belongs to one worker until `claimed_until`; then it may be claimed again, so that nothing is lost
when a worker dies.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    case,
    null,
    or_,
    select,
    update,
)

from storage.events import note
from storage.metadata import Time, Tx, all_of, columns, metadata, one_of
from storage.prepared import change, change_each, rows

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
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("sequence", BigInteger, nullable=False, server_default="0"),  # the number of the last that was sent
    Column("kept", Text),  # the strictest reason for which rows were passed over to wait: private all
    Column("kept_from", BigInteger),  # rows behind this position were passed over and wait
    Column("kept_to", BigInteger),  # up to here what went out of turn, as rows waited, is not sent again
)
Index(
    "ix_links_due",
    links.c.next_attempt_at,
    sqlite_where=links.c.wanted > links.c.cursor,
    postgresql_where=links.c.wanted > links.c.cursor,
)


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
    epoch: int = 0
    sequence: int = 0
    kept: str | None = None
    kept_from: int | None = None
    kept_to: int | None = None


_LINK = columns(links, Link)


def by_host(tx: Tx, host: str) -> Link | None:
    """The link to this host."""
    return one_of(tx, select(*_LINK).where(links.c.host == host), Link)


def by_hosts(tx: Tx, hosts: list[str]) -> dict[str, Link]:
    """The links to these hosts, by host."""
    return {link.host: link for link in all_of(tx, select(*_LINK).where(links.c.host.in_(hosts)), Link)}


def everyone(tx: Tx) -> list[Link]:
    """Every link, by host."""
    return all_of(tx, select(*_LINK).order_by(links.c.host), Link)


def _ready(failing: bool | None) -> Select[Any]:
    of_kind = [] if failing is None else [links.c.failures > 0 if failing else links.c.failures == 0]
    return (
        select(*_LINK)
        .where(
            links.c.wanted > links.c.cursor,
            links.c.state == "open",
            links.c.next_attempt_at <= bindparam("now", type_=BigInteger),
            or_(links.c.claimed_until.is_(None), links.c.claimed_until <= bindparam("now", type_=BigInteger)),
            *of_kind,
        )
        .order_by(links.c.next_attempt_at, links.c.host)  # longest waiting first
        .limit(bindparam("most", type_=BigInteger))
        .with_for_update(skip_locked=True)
    )


_READY = {failing: _ready(failing) for failing in (None, False, True)}
_CLAIM = (
    update(links)
    .where(links.c.host == bindparam("of_host", type_=Text))
    .values(claimed_until=bindparam("until", type_=BigInteger))
)
_RENEW = _CLAIM.where(links.c.claimed_until.isnot(None))


def claim(
    tx: Tx, now: int, until: int, limit: int, *, failing: bool | None = None, held: Container[str] = ()
) -> list[Link]:
    """Take up to `limit` links that have rows to send and are due, longest waiting first, for one worker until `until` ms.

    `failing`: only those whose last attempt failed, or only the others, so that neither waits for the other.
    `held`: hosts that the worker is at work on. Their claims are its own, also where the clock was set forward and says that
    they ran out: what is under way would be sent twice.
    """
    found = [link for link in all_of(tx, _READY[failing], Link, now=now, most=limit) if link.host not in held]
    if found:
        change_each(tx, _CLAIM, [{"of_host": link.host, "until": until} for link in found])
    return [replace(link, claimed_until=until) for link in found]


def renew_claims(tx: Tx, hosts: list[str], until: int) -> None:
    """Hold these links until `until` ms, for a worker that is still at work on them; not those given up meanwhile."""
    if hosts:
        change_each(tx, _RENEW, [{"of_host": host, "until": until} for host in sorted(hosts)])


_STATE = (
    "failures", "failing_since", "refused_in_row", "next_attempt_at", "state", "last_success_at", "problem", "epoch",
    "sequence",
)  # fmt: skip


_REACHED = bindparam("reached", type_=BigInteger)
_BEGUN = bindparam("begun", type_=BigInteger)
_TO_EPOCH = bindparam("to_epoch", type_=Integer)
_LATER_EPOCH = links.c.epoch > _TO_EPOCH  # it was begun anew meanwhile (`new_epoch`)
_TO_NEXT = bindparam("to_next_attempt_at", type_=BigInteger)
# A healthy link that waits longer than its turn says was put off meanwhile (`storage.spreading`).
_PUT_OFF = and_(bindparam("to_failures", type_=Integer) == 0, links.c.next_attempt_at > _TO_NEXT)


_SAVE = (
    update(links)
    .where(links.c.host == bindparam("of_host", type_=Text))
    .values(
        {name: bindparam(f"to_{name}", type_=links.c[name].type) for name in _STATE}
        # Who went back meanwhile (`rewind`, `release`) is not moved on again.
        | {
            "cursor": case((and_(links.c.cursor >= _BEGUN, links.c.cursor < _REACHED), _REACHED), else_=links.c.cursor),
            "claimed_until": null(),
        }
        | {"next_attempt_at": case((_PUT_OFF, links.c.next_attempt_at), else_=_TO_NEXT)}
        | {
            "epoch": case((_LATER_EPOCH, links.c.epoch), else_=_TO_EPOCH),
            "sequence": case((_LATER_EPOCH, links.c.sequence), else_=bindparam("to_sequence", type_=BigInteger)),
        }
    )
)


def save(tx: Tx, state: Link) -> None:
    """Write a link back and give up the claim; what `spread` changed meanwhile is kept."""
    save_all(tx, [state])


def save_all(tx: Tx, states: list[Link], begun: Mapping[str, int] | None = None) -> None:
    """As `save`, for several hosts at once. `begun`: where the cursor of each stood when its turn was planned."""
    if states:
        # In one order everywhere, so that two workers that write many never wait for each other.
        several = sorted(states, key=lambda state: state.host)
        change_each(tx, _SAVE, [_values(state, (begun or {}).get(state.host, -1)) for state in several])


def _values(state: Link, begun: int) -> dict[str, Any]:
    values: dict[str, Any] = {f"to_{name}": getattr(state, name) for name in _STATE}
    return values | {"of_host": state.host, "reached": state.cursor, "begun": begun}


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


_SLEEPING = select(links.c.host).where(
    links.c.host.in_(bindparam("hosts", expanding=True)),
    links.c.failures > 0,
    links.c.next_attempt_at > bindparam("now", type_=BigInteger),
)


def wake_all(tx: Tx, hosts: list[str], now: int) -> None:
    """As `wake`, for hosts of which hardly any sleeps."""
    for (host,) in rows(tx, _SLEEPING, {"hosts": hosts, "now": now}):
        wake(tx, host, now)


def rewind(tx: Tx, host: str, position: int) -> None:
    """Send to a host again from `position` on; what it has already, it drops as seen."""
    again = update(links).where(links.c.host == host, links.c.cursor >= position)
    tx.execute(again.values(cursor=position - 1))
    note(tx, "outbox")


def skip(tx: Tx, host: str) -> None:
    """Give up all that waits for a host."""
    tx.execute(update(links).where(links.c.host == host).values(cursor=links.c.wanted, kept_from=None))


def locked(tx: Tx, hosts: list[str]) -> dict[str, Link]:
    """The links to these hosts, by host, that nobody else changes until the transaction ends."""
    query = select(*_LINK).where(links.c.host.in_(hosts)).order_by(links.c.host).with_for_update()
    return {link.host: link for link in all_of(tx, query, Link)}


def keep(tx: Tx, host: str, since: int, why: str) -> None:
    """Rows behind position `since` were passed over and wait, for this reason (private all); `release` brings them back."""
    over = and_(links.c.kept_from.is_(None), or_(links.c.kept_to.is_(None), links.c.kept_to <= since))
    strictest = case((over, why), (links.c.kept == "all", "all"), else_=why)
    earliest = case((links.c.kept_from < since, links.c.kept_from), else_=since)
    tx.execute(update(links).where(links.c.host == host).values(kept=strictest, kept_from=earliest))


def release(tx: Tx, host: str, now: int) -> bool:
    """Send what was passed over (`keep`) from the first such row on; whether there was any."""
    furthest = case((links.c.kept_to > links.c.cursor, links.c.kept_to), else_=links.c.cursor)
    back = update(links).where(links.c.host == host, links.c.kept_from.isnot(None))
    went_back = case((links.c.kept_from < links.c.cursor, links.c.kept_from), else_=links.c.cursor)
    found = tx.execute(back.values(cursor=went_back, kept_to=furthest, kept_from=None, next_attempt_at=now)).rowcount
    if found:
        note(tx, "outbox")
    return found > 0


def keeping(tx: Tx) -> list[str]:
    """The hosts for which rows were passed over and wait."""
    return list(tx.scalars(select(links.c.host).where(links.c.kept_from.isnot(None)).order_by(links.c.host)))


def forget_kept(tx: Tx, host: str) -> None:
    """Give up what was passed over: it is not to be sent any more."""
    tx.execute(update(links).where(links.c.host == host).values(kept=None, kept_from=None))


def new_epoch(tx: Tx, host: str, epoch: int) -> None:
    """Number what is sent to a host from the beginning again, in a later epoch."""
    tx.execute(update(links).where(links.c.host == host, links.c.epoch < epoch).values(epoch=epoch, sequence=0))
