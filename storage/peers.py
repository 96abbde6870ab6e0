"""Peers: every host we met, what it runs and how we stand to it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Index,
    Table,
    Text,
    bindparam,
    false,
    func,
    or_,
    select,
    text,
    update,
)

from storage import held
from storage.metadata import Json, Time, Tx, all_of, columns, insert_new, metadata, one_among, one_of, set_columns
from storage.prepared import change_each, parts, rows

peers = Table(
    "peers",
    metadata,
    Column("host", Text, primary_key=True),
    Column("stance", Text, nullable=False),  # none agreed limited suspended blocked
    Column("software", Text),  # NodeInfo software.name, lower case
    Column("version", Text),
    Column("nodeinfo_at", Time),  # when NodeInfo was last asked for, also in vain
    Column("first_seen_at", Time, nullable=False),
    Column("last_seen_at", Time),  # last authenticated activity from there
    Column("reason", Text),  # why it is limited or blocked
    Column("ed25519", Boolean),  # whether it says that it reads RFC 9421 with such keys (FEP-844e)
    Column("tier", Text, nullable=False, server_default="public"),  # public agreed members
    Column("stance_before", Text),  # what it was before it was suspended
    Column("suspended_at", Time),
    Column("suspended_until", Time),
    Column("suspended_by", Text),  # ours theirs both: who suspended what is agreed
    Column("paused", Boolean, nullable=False, server_default=false()),  # what is not public waits for new terms
    Column("heard_at", Time),  # the time in its newest message on how an agreement stands: older ones are late
    Column("instance_actor", Text),  # its IRI
    Column("pinned_key", Text),  # the Multikey that its institution signs with, as an admin confirmed it
    Column("ror", Text),  # the institution's ROR id
    Column("one_sided", Boolean, nullable=False, server_default=false()),  # agreed by us alone: it does not speak of it
    Column("status", Json),  # what it said of us last (`/peering/status`)
    Column("status_at", Time),
    Column("opens", Text, nullable=False, server_default="all"),  # `storage.peer_groups.OPENS`
    Column("hidden", Boolean, nullable=False, server_default=false()),  # the policy shows nothing of it to anybody here
    Index("ix_peers_stance", "stance", "host"),
)

# Of few hosts nothing is shown; the gate asks about each post.
Index(
    "ix_peers_closed",
    peers.c.host,
    sqlite_where=text("stance IN ('blocked', 'suspended') OR hidden = 1"),
    postgresql_where=text("stance IN ('blocked', 'suspended') OR hidden"),
)

CLOSED = ("blocked", "suspended")
"""Stances to a peer of which nothing is shown, and to which nothing is."""


def shows_nothing() -> ColumnElement[bool]:
    """The condition on `peers` of those of which nothing is shown here, as `ix_peers_closed` has it."""
    return or_(one_among(peers.c.stance, *CLOSED), peers.c.hidden)


STANCES = ("none", "agreed", "limited", "suspended", "blocked")
TIERS = ("public", "agreed", "members")


@dataclass(frozen=True, slots=True)
class Peer:
    """A row of `peers`; times in ms."""

    host: str
    stance: str
    software: str | None
    version: str | None
    nodeinfo_at: int | None
    first_seen_at: int
    last_seen_at: int | None
    reason: str | None
    ed25519: bool | None = None
    tier: str = "public"
    stance_before: str | None = None
    suspended_until: int | None = None
    suspended_by: str | None = None
    paused: bool = False
    heard_at: int | None = None
    instance_actor: str | None = None
    pinned_key: str | None = None
    ror: str | None = None
    one_sided: bool = False
    status: dict[str, Any] | None = None
    status_at: int | None = None
    suspended_at: int | None = None
    opens: str = "all"
    hidden: bool = False


_ROW = columns(peers, Peer)
_BY_HOSTS = select(*_ROW).where(peers.c.host.in_(bindparam("hosts", type_=Text(), expanding=True)))
_HEARD = (
    update(peers)
    .where(peers.c.host == bindparam("key", type_=Text()))
    .values(last_seen_at=bindparam("now", type_=Time()))
)
_BY_HOST = select(*_ROW).where(peers.c.host == bindparam("host"))


def meet(tx: Tx, host: str, now: int) -> bool:
    """Note a host; whether it is new."""
    return insert_new(tx, peers, {"host": host, "stance": "none", "first_seen_at": now}) == 1


def by_host(tx: Tx, host: str) -> Peer | None:
    """The peer at this host."""
    holds = held.of(tx)
    known = holds.known.get("peers") if holds is not None else None
    if known is not None and host in known:
        found: Peer | None = known[host]
        return found
    return one_of(tx, _BY_HOST, Peer, host=host)


def by_hosts(tx: Tx, hosts: list[str]) -> dict[str, Peer]:
    """The peers at these hosts, by host."""
    if not hosts:
        return {}
    return {peer.host: peer for peer in all_of(tx, _BY_HOSTS, Peer, hosts=hosts)}


_STANCES = select(peers.c.host, peers.c.stance).where(
    peers.c.host.in_(bindparam("hosts", type_=Text(), expanding=True)), peers.c.stance != "none"
)


def stances(tx: Tx, hosts: list[str]) -> dict[str, str]:
    """How we stand to these hosts, by host, but for those with the stance `none` or none at all: hardly any is left."""
    return {row[0]: row[1] for row in rows(tx, _STANCES, {"hosts": hosts})}


def remember(tx: Tx, hosts: Collection[str]) -> None:
    """Read the peers at these hosts at once, so that none is asked for again in this transaction."""
    holds = held.of(tx)
    if holds is None:
        return
    found: dict[str, Peer | None] = dict.fromkeys(holds.lacks("peers", hosts))
    for some in parts(list(found)):
        found |= by_hosts(tx, some)
    holds.fill("peers", found)


def heard(tx: Tx, hosts: Collection[str], now: int) -> None:
    """Note that authenticated activities came from these hosts, which may be new."""
    remember(tx, hosts)
    several = sorted(hosts)  # in one order: of two that note the same hosts none waits for what the other has
    for host in [one for one in several if by_host(tx, one) is None]:
        meet(tx, host, now)
    if several:
        change_each(tx, _HEARD, [{"key": host, "now": now} for host in several])


def change(tx: Tx, host: str, **values: Any) -> None:
    """Set columns of a peer."""
    set_columns(tx, peers, peers.c.host, host, values)
    holds = held.of(tx)
    if holds is not None and "peers" in holds.known:
        holds.known["peers"].pop(host, None)  # who asks later in this batch must not be told what it was


def with_stance(tx: Tx, stances: Collection[str]) -> list[Peer]:
    """The peers to which we stand so, by host."""
    return all_of(tx, select(*_ROW).where(peers.c.stance.in_(stances)).order_by(peers.c.host), Peer)


def hidden_hosts(tx: Tx) -> set[str]:
    """The hosts of which nothing is shown here."""
    return set(tx.scalars(select(peers.c.host).where(peers.c.hidden)))


def all_hosts(tx: Tx) -> list[str]:
    """Every host that is known."""
    return list(tx.scalars(select(peers.c.host)))


def hide(tx: Tx, hosts: Collection[str], *, hidden: bool) -> None:
    """Say of these hosts whether nothing of them is shown here."""
    for some in parts(sorted(hosts)):
        tx.execute(update(peers).where(peers.c.host.in_(some)).values(hidden=hidden))


def beginning(tx: Tx, letters: str, limit: int) -> list[str]:
    """The hosts that begin so, but for blocked ones, in order."""
    query = select(peers.c.host).where(peers.c.host.startswith(letters, autoescape=True), peers.c.stance != "blocked")
    return list(tx.scalars(query.order_by(peers.c.host).limit(limit)))


def listed(tx: Tx, limit: int, *, after: str = "", beginning: str = "") -> list[Peer]:
    """Peers by host: those behind the host `after`, whose names begin so."""
    query = select(*_ROW).where(peers.c.host > after)
    if beginning:
        query = query.where(peers.c.host.startswith(beginning, autoescape=True))
    return all_of(tx, query.order_by(peers.c.host).limit(limit), Peer)


def total(tx: Tx) -> int:
    """How many there are."""
    return tx.scalar(select(func.count()).select_from(peers)) or 0


def everyone(tx: Tx) -> list[Peer]:
    """All peers, by host."""
    return all_of(tx, select(*_ROW).order_by(peers.c.host), Peer)
