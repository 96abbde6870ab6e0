"""Names: the words by which accounts are looked for, so that who types a few letters reads some rows and not all accounts.

Written by `storage.actors` with every change of a name. Who is shown, and in which order, is asked in `storage.searches`.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Select, Table, Text, delete, insert, select

from storage.metadata import Id, Tx, metadata

names = Table(
    "names",
    metadata,
    # In the order of its bytes, or PostgreSQL could not look for beginnings in the index.
    Column("word", Text().with_variant(Text(collation="C"), "postgresql"), primary_key=True),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Index("ix_names_actor_id", "actor_id"),
)

_LONGEST = 40
_MOST = 100
"""Letters of a word, and words of an account."""


def words_of(username: str, name: str) -> list[str]:
    """What an account is found by: its username, the words of its name, and where letters beyond ASCII are in a word, all
    later parts of it too, as names in scripts without spaces are found by any part."""
    found = {username.lower()[:_LONGEST]: None}
    for word in name.lower().replace("\x00", "").split():
        kept = word[:_LONGEST]
        parts = [kept] if word.isascii() else [kept[at:] for at in range(len(kept))]
        found.update(dict.fromkeys(parts))
    return list(found)[:_MOST]


def put(tx: Tx, actor_id: int, username: str, name: str, *, new: bool = False) -> None:
    """Let an account be found by these names, and by no others; `new`: it was found by none."""
    if not new:
        tx.execute(delete(names).where(names.c.actor_id == actor_id))
    tx.execute(insert(names), [{"word": word, "actor_id": actor_id} for word in words_of(username, name)])


def fill(tx: Tx, several: Iterable[tuple[int, str, str]]) -> None:
    """Let accounts (id, username, name) be found that are there already."""
    batch: list[dict[str, Any]] = []
    for actor_id, username, name in several:
        batch += [{"word": word, "actor_id": actor_id} for word in words_of(username, name)]
        if len(batch) > 5_000:
            tx.execute(insert(names), batch)
            batch.clear()
    if batch:
        tx.execute(insert(names), batch)


def beginning(typed: str, limit: int) -> Select[tuple[int]]:
    """The ids of accounts of which a name may begin with what was typed (in lower case); `limit` of them at most. Some of them
    may not: only one word of it is looked for."""
    words = typed.split()
    beyond = sorted((word for word in words if not word.isascii()), key=len)
    wanted = (beyond[-1] if beyond else words[0])[:_LONGEST]
    query = select(names.c.actor_id).where(names.c.word >= wanted, names.c.word < f"{wanted}\U0010ffff")
    return query.order_by(names.c.word).limit(limit)
