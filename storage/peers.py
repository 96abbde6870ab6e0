"""Peers: every host we met, what it runs and how we stand to it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, Column, Table, Text, bindparam, select

from storage.metadata import Time, Tx, all_of, columns, insert_new, metadata, one_of, set_columns

peers = Table(
    "peers",
    metadata,
    Column("host", Text, primary_key=True),
    Column("stance", Text, nullable=False),  # none agreed limited blocked
    Column("software", Text),  # NodeInfo software.name, lower case
    Column("version", Text),
    Column("nodeinfo_at", Time),  # when NodeInfo was last asked for, also in vain
    Column("first_seen_at", Time, nullable=False),
    Column("last_seen_at", Time),  # last authenticated activity from there
    Column("reason", Text),  # why it is limited or blocked
    Column("ed25519", Boolean),  # whether it says that it reads RFC 9421 with such keys (FEP-844e)
)

STANCES = ("none", "agreed", "limited", "blocked")


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


_ROW = columns(peers, Peer)
_BY_HOST = select(*_ROW).where(peers.c.host == bindparam("host"))


def meet(tx: Tx, host: str, now: int) -> bool:
    """Note a host; whether it is new."""
    return insert_new(tx, peers, {"host": host, "stance": "none", "first_seen_at": now}) == 1


def by_host(tx: Tx, host: str) -> Peer | None:
    """The peer at this host."""
    return one_of(tx, _BY_HOST, Peer, host=host)


def by_hosts(tx: Tx, hosts: list[str]) -> dict[str, Peer]:
    """The peers at these hosts, by host."""
    if not hosts:
        return {}
    return {peer.host: peer for peer in all_of(tx, select(*_ROW).where(peers.c.host.in_(hosts)), Peer)}


def change(tx: Tx, host: str, **values: Any) -> None:
    """Set columns of a peer."""
    set_columns(tx, peers, peers.c.host, host, values)


def everyone(tx: Tx) -> list[Peer]:
    """All peers, by host."""
    return all_of(tx, select(*_ROW).order_by(peers.c.host), Peer)
