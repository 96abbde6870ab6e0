"""With whom a group federates: a row for each group that does not with everybody, and the peers that it names.

Of a group elsewhere it is what its document says. What these scopes and the agreements open together, pair by pair, is
`storage.peer_groups`, which the gate asks.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Index, Table, Text, bindparam, delete, select

from storage import held
from storage.events import note
from storage.metadata import Id, Json, Time, Tx, all_of, columns, metadata, one_of, upsert

group_scopes = Table(
    "group_scopes",
    metadata,
    Column("group_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("mode", Text, nullable=False),  # local named agreed public
    Column("may", Json, nullable=False),  # what a peer may that is in scope: [read reply post react announce moderate]
    Column("changed_at", Time, nullable=False),
)
group_peers = Table(
    "group_peers",
    metadata,
    Column("group_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("host", Text, primary_key=True),
    Column("may", Json),  # of this peer, where it differs
    Index("ix_group_peers_host", "host"),
)

MODES = ("local", "named", "agreed", "public")
MAY = ("read", "reply", "post", "react", "announce", "moderate")


@dataclass(frozen=True, slots=True)
class Scope:
    """A row of `group_scopes`; times in ms."""

    group_id: int
    mode: str
    may: list[str]
    changed_at: int


@dataclass(frozen=True, slots=True)
class Named:
    """A row of `group_peers`."""

    group_id: int
    host: str
    may: list[str] | None


_ROW = columns(group_scopes, Scope)
_BY_GROUP = select(*_ROW).where(group_scopes.c.group_id == bindparam("group_id", type_=Id()))
_NAMED = columns(group_peers, Named)


def save(tx: Tx, scope: Scope, named: Collection[Named]) -> None:
    """Set the scope of a group and the peers that it names."""
    upsert(tx, group_scopes, {column.name: getattr(scope, column.name) for column in _ROW}, ["group_id"])
    tx.execute(delete(group_peers).where(group_peers.c.group_id == scope.group_id))
    for one in named:
        upsert(tx, group_peers, {column.name: getattr(one, column.name) for column in _NAMED}, ["group_id", "host"])
    note(tx, "actor")


def of_group(tx: Tx, group_id: int) -> Scope | None:
    """The scope of a group; None for one that federates with everybody. Asked once in a batch."""
    holds = held.of(tx)
    if holds is None or not holds.known:
        return one_of(tx, _BY_GROUP, Scope, group_id=group_id)
    known = holds.known.setdefault(group_scopes.name, {})
    if group_id not in known:
        known[group_id] = one_of(tx, _BY_GROUP, Scope, group_id=group_id)
    found: Scope | None = known[group_id]
    return found


def forget(tx: Tx, group_id: int) -> None:
    """A group federates with everybody again."""
    tx.execute(delete(group_peers).where(group_peers.c.group_id == group_id))
    tx.execute(delete(group_scopes).where(group_scopes.c.group_id == group_id))
    note(tx, "actor")


_ALL = select(*_ROW).order_by(group_scopes.c.group_id)


def everything(tx: Tx) -> list[Scope]:
    """The scopes of all groups that have one, here and elsewhere."""
    return all_of(tx, _ALL, Scope)


_OF_PEER = select(*_NAMED).where(
    group_peers.c.group_id == bindparam("group_id", type_=Id()), group_peers.c.host == bindparam("host", type_=Text())
)


def of_peer(tx: Tx, group_id: int, host: str) -> Named | None:
    """What a group says of one peer that it names."""
    return one_of(tx, _OF_PEER, Named, group_id=group_id, host=host)


def naming(tx: Tx, host: str) -> list[int]:
    """The groups that name this peer."""
    return list(tx.scalars(select(group_peers.c.group_id).where(group_peers.c.host == host)))


def named(tx: Tx, group_id: int) -> list[Named]:
    """The peers that a group names, by host."""
    query = select(*_NAMED).where(group_peers.c.group_id == group_id).order_by(group_peers.c.host)
    return all_of(tx, query, Named)
