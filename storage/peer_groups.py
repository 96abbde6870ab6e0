"""What is open to peers of groups that not everyone may read: what an agreement opens, cut down to what the group's scope lets
out. Rows follow from `storage.agreements` and `storage.group_scopes` (`fedi.actions.scopes` writes them), so that the gate
looks at one row instead of a document.

A pair without a row is open only where neither side made a choice: the group federates with everybody and the agreement
opens everything (`peers.opens`).
"""

from sqlalchemy import Column, ForeignKey, Index, Table, Text, bindparam, delete, select

from storage.metadata import Id, Tx, insert_new, metadata
from storage.prepared import rows

peer_groups = Table(
    "peer_groups",
    metadata,
    Column("group_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("host", Text, primary_key=True),
    Column(
        "see", Text, nullable=False
    ),  # peers: what agreed institutions read; members: what its members there read, too
    Index("ix_peer_groups_host", "host"),
)

OPENS = ("all", "peers", "listed", "public")
"""What an agreement opens by itself (`peers.opens`): every group that agreed institutions or members read, every one that
agreed institutions read, those that have a row here, none."""

_FIND = select(peer_groups.c.see).where(
    peer_groups.c.group_id == bindparam("group_id", type_=Id()), peer_groups.c.host == bindparam("host", type_=Text())
)


def of_host(tx: Tx, host: str) -> dict[int, str]:
    """Group -> what is open of it to this peer."""
    query = select(peer_groups.c.group_id, peer_groups.c.see).where(peer_groups.c.host == host)
    return {row[0]: row[1] for row in tx.execute(query)}


def of_group(tx: Tx, group_id: int) -> dict[str, str]:
    """Peer -> what is open to it of this group."""
    query = select(peer_groups.c.host, peer_groups.c.see).where(peer_groups.c.group_id == group_id)
    return {row[0]: row[1] for row in tx.execute(query.order_by(peer_groups.c.host))}


def set_host(tx: Tx, host: str, open_groups: dict[int, str]) -> None:
    """What is open to a peer is this, and nothing else."""
    tx.execute(delete(peer_groups).where(peer_groups.c.host == host))
    _add(tx, [{"group_id": group_id, "host": host, "see": see} for group_id, see in sorted(open_groups.items())])


def set_group(tx: Tx, group_id: int, open_hosts: dict[str, str]) -> None:
    """A group is open to these peers, and to no others."""
    tx.execute(delete(peer_groups).where(peer_groups.c.group_id == group_id))
    _add(tx, [{"group_id": group_id, "host": host, "see": see} for host, see in sorted(open_hosts.items())])


def find(tx: Tx, group_id: int, host: str) -> str | None:
    """What is open of a group to a peer; None without a row."""
    found = rows(tx, _FIND, {"group_id": group_id, "host": host})
    return str(found[0][0]) if found else None


def _add(tx: Tx, several: list[dict[str, str | int]]) -> None:
    for row in several:
        insert_new(tx, peer_groups, row)
