"""Mentions: whom each post names."""

from collections import defaultdict

from sqlalchemy import Column, ForeignKey, Index, Table, bindparam, select

from storage.metadata import Id, Tx, metadata
from storage.prepared import rows

mentions = Table(
    "mentions",
    metadata,
    Column("post_id", Id, ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Index("ix_mentions_actor_id", "actor_id", "post_id"),
)

_IDS = bindparam("ids", type_=Id(), expanding=True)
_MENTIONED = (
    select(mentions.c.post_id, mentions.c.actor_id).where(mentions.c.post_id.in_(_IDS)).order_by(mentions.c.actor_id)
)


def mentioned_in(tx: Tx, ids: list[int]) -> dict[int, list[int]]:
    """The actors mentioned in each of these posts, by post id."""
    found: dict[int, list[int]] = defaultdict(list)
    if ids:
        for post_id, actor_id in rows(tx, _MENTIONED, {"ids": ids}):
            found[post_id].append(actor_id)
    return found
