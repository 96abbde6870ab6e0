"""Hashtags of posts, and how hashtags are compared. Who follows which, and how much one is used, is in `hashtags`."""

import unicodedata
from collections import defaultdict

from sqlalchemy import Column, ForeignKey, Index, Table, Text, bindparam, select

from storage.metadata import Id, Tx, metadata
from storage.prepared import rows

tags = Table(
    "tags",
    metadata,
    # Lower case, without #. In the order of its bytes, or PostgreSQL could not look for beginnings in the index.
    Column("tag", Text().with_variant(Text(collation="C"), "postgresql"), primary_key=True),
    Column("post_id", Id, ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Index("ix_tags_post_id", "post_id"),
)

_IDS = bindparam("ids", type_=Id(), expanding=True)
_TAGGED = select(tags.c.post_id, tags.c.tag).where(tags.c.post_id.in_(_IDS)).order_by(tags.c.tag)


def plain(tag: str) -> str:
    """A hashtag as it is compared: in lower case and in one Unicode form, without #. What is typed on one system with
    combining characters, or on a Japanese keyboard in full width, is the same tag elsewhere (Mastodon: NFKC)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", tag.strip().removeprefix("#")).lower())


def tags_of(tx: Tx, ids: list[int]) -> dict[int, list[str]]:
    """The hashtags of each of these posts, by post id."""
    found: dict[int, list[str]] = defaultdict(list)
    if ids:
        for post_id, tag in rows(tx, _TAGGED, {"ids": ids}):
            found[post_id].append(tag)
    return found
