"""The library of each group: items (a paper, a book, a page, a file), who added each where, and the files themselves.

An item is one however often it is added: `library_keys` has what it is known by within a group (a DOI, an ISBN, the digest of
a file). Each time it was added is an entry: the post that says so. Shelves are `storage.shelves`. Who may see an item is who
may see one of its posts: every function that lists takes that condition (`fedi.visibility.visible_to`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Select,
    Table,
    Text,
    delete,
    exists,
    false,
    select,
    update,
)

from storage.indexed import id_of, searches, with_words
from storage.metadata import Id, Json, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of, set_columns
from storage.posts import posts

items = Table(
    "library_items",
    metadata,
    id_column(),
    Column("group_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("work", Json, nullable=False),  # CSL
    Column("licence", Text, nullable=False),  # SPDX, or nothing
    Column("shareable", Boolean, nullable=False, server_default=false()),  # copies may be passed on
    Column("retracted_at", Time),  # when we learnt that it was withdrawn
    Column("created_at", Time, nullable=False),
    Index("ix_library_items_group_id", "group_id", "id"),
)
keys = Table(
    "library_keys",
    metadata,
    Column("group_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),  # doi: arxiv: isbn: url: sha256:
    Column("item_id", Id, ForeignKey("library_items.id", ondelete="CASCADE"), nullable=False),
    Index("ix_library_keys_item_id", "item_id"),
    Index("ix_library_keys_key", "key"),
)
entries = Table(
    "library_entries",
    metadata,
    Column("post_id", Id, ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("item_id", Id, ForeignKey("library_items.id", ondelete="CASCADE")),  # none: in no group (yet)
    Column("work", Json, nullable=False),  # as this post has it
    Column("licence", Text, nullable=False),
    Column("shareable", Boolean, nullable=False, server_default=false()),
    Column("digest", Text),  # SHA-256 of its file, in hex
    Column("media_type", Text),
    Column("name", Text),  # of the file
    Column("size", BigInteger),  # bytes
    Column("file_url", Text),  # where another server has it
    Column("fetched_at", Time),  # when it was had from there, so that what was said of it is proved
    Index("ix_library_entries_item_id", "item_id", "post_id"),
    Index("ix_library_entries_digest", "digest"),
)
files = Table(
    "library_files",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created_at", Time, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Item:
    """A row of `library_items`; `work` is CSL."""

    id: int
    group_id: int
    work: dict[str, Any]
    licence: str
    shareable: bool
    retracted_at: int | None
    created_at: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of `library_entries`."""

    post_id: int
    item_id: int | None
    work: dict[str, Any]
    licence: str
    shareable: bool
    digest: str | None
    media_type: str | None
    name: str | None
    size: int | None
    file_url: str | None
    fetched_at: int | None = None

    @property
    def proved(self) -> bool:
        """Whether who added the file had it: a digest can be heard of, and then names a file that others may not see."""
        return self.file_url is None or self.fetched_at is not None


@dataclass(frozen=True, slots=True)
class File:
    """A row of `library_files`: bytes that are here."""

    digest: str
    media_type: str
    size: int
    created_at: int


_ITEM = columns(items, Item)
_ENTRY = columns(entries, Entry)
_FILE = columns(files, File)


def _values(row: Item | Entry | File) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}


def item(tx: Tx, item_id: int) -> Item | None:
    """The item with this id, whoever may see it."""
    return one_of(tx, select(*_ITEM).where(items.c.id == item_id), Item)


def insert_item(tx: Tx, row: Item) -> None:
    """Add an item."""
    insert_new(tx, items, _values(row))


def change(tx: Tx, item_id: int, **values: Any) -> None:
    """Set columns of an item."""
    set_columns(tx, items, items.c.id, item_id, values)


def known_as(tx: Tx, group_id: int, names: Collection[str]) -> list[int]:
    """The items (ids, oldest first) of a group that have one of these keys."""
    if not names:
        return []
    query = select(keys.c.item_id).where(keys.c.group_id == group_id, keys.c.key.in_(list(names))).distinct()
    return sorted(tx.scalars(query))


def name_item(tx: Tx, group_id: int, item_id: int, names: Collection[str]) -> None:
    """Let an item be known by these keys as well."""
    for key in names:
        insert_new(tx, keys, {"group_id": group_id, "key": key, "item_id": item_id})


def with_key(tx: Tx, key: str, limit: int = 1000) -> list[Item]:
    """The items of all groups that are known by this key."""
    query = select(*_ITEM).join(keys, keys.c.item_id == items.c.id).where(keys.c.key == key).limit(limit)
    return all_of(tx, query, Item)


def merge(tx: Tx, item_id: int, others: Collection[int]) -> None:
    """Let one item be what these others were; who puts them on shelves sees to those."""
    if others:
        tx.execute(update(entries).where(entries.c.item_id.in_(list(others))).values(item_id=item_id))
        tx.execute(update(keys).where(keys.c.item_id.in_(list(others))).values(item_id=item_id))
        tx.execute(delete(items).where(items.c.id.in_(list(others))))


def put(tx: Tx, entry: Entry) -> None:
    """Keep an entry instead of what its post said before."""
    tx.execute(delete(entries).where(entries.c.post_id == entry.post_id))
    insert_new(tx, entries, _values(entry))


def entry(tx: Tx, post_id: int) -> Entry | None:
    """What a post added."""
    return one_of(tx, select(*_ENTRY).where(entries.c.post_id == post_id), Entry)


def fetched(tx: Tx, post_id: int, now: int) -> None:
    """Note that the server of who added it gave us the file."""
    tx.execute(update(entries).where(entries.c.post_id == post_id).values(fetched_at=now))


def entries_of(tx: Tx, post_ids: Collection[int]) -> dict[int, Entry]:
    """What these posts added, by post."""
    if not post_ids:
        return {}
    query = select(*_ENTRY).where(entries.c.post_id.in_(list(post_ids)))
    return {one.post_id: one for one in all_of(tx, query, Entry)}


def entries_in(tx: Tx, item_ids: Collection[int], visible: ColumnElement[bool]) -> list[Entry]:
    """How often these items were added, as far as who asks may see it, oldest first."""
    if not item_ids:
        return []
    query = select(*_ENTRY).join(posts, posts.c.id == entries.c.post_id)
    query = query.where(entries.c.item_id.in_(list(item_ids)), visible)
    return all_of(tx, query.order_by(entries.c.post_id), Entry)


def forget(tx: Tx, post_id: int) -> Entry | None:
    """Forget what a post added, and its item where no other post has it; what was there comes back."""
    known = entry(tx, post_id)
    if known is None:
        return None
    tx.execute(delete(entries).where(entries.c.post_id == post_id))
    if known.item_id is not None:
        prune(tx, known.item_id)
    return known


def prune(tx: Tx, item_id: int) -> None:
    """Forget an item that no post has any more."""
    if not _has_entries(tx, item_id):
        tx.execute(delete(items).where(items.c.id == item_id))


def _has_entries(tx: Tx, item_id: int) -> bool:
    return tx.scalar(select(entries.c.post_id).where(entries.c.item_id == item_id).limit(1)) is not None


def _seen(visible: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether one of an item's posts may be seen."""
    shown = select(entries.c.post_id).join(posts, posts.c.id == entries.c.post_id)
    return exists(shown.where(entries.c.item_id == items.c.id, visible))


def listed(
    tx: Tx,
    group_id: int,
    visible: ColumnElement[bool],
    limit: int,
    before: int | None = None,
    *conditions: ColumnElement[bool],
) -> list[Item]:
    """The items of a group, last added first, `before` an id; `conditions` on rows of `library_items`."""
    query = select(*_ITEM).where(items.c.group_id == group_id, _seen(visible), *conditions)
    if before is not None:
        query = query.where(items.c.id < before)
    return all_of(tx, query.order_by(items.c.id.desc()).limit(limit), Item)


def seen(tx: Tx, item_ids: Collection[int], visible: ColumnElement[bool]) -> dict[int, Item]:
    """Those of these items that may be seen, by id."""
    if not item_ids:
        return {}
    query = select(*_ITEM).where(items.c.id.in_(list(item_ids)), _seen(visible))
    return {one.id: one for one in all_of(tx, query, Item)}


def search(
    tx: Tx, visible: ColumnElement[bool], words: Sequence[str], limit: int, group_id: int | None = None
) -> list[Item]:
    """The items that all of these words (as `storage.words.asked_for` gives them) find, last added first: by title, authors,
    venue, identifier and what was said of them; of one group, or of all. What may not be seen is left out before anything is
    counted or cut off."""
    if not words:
        return []
    found: Select[Any] = select(id_of(tx.dialect.name)).select_from(searches)
    found = found.where(with_words(tx.dialect.name, [([word], False) for word in words]))
    query = select(entries.c.item_id).join(posts, posts.c.id == entries.c.post_id)
    query = query.where(entries.c.post_id.in_(found), entries.c.item_id.isnot(None), visible)
    if group_id is not None:
        query = query.where(posts.c.group_id == group_id)
    query = query.group_by(entries.c.item_id).order_by(entries.c.item_id.desc()).limit(limit)
    ids = list(tx.scalars(query))
    rows = {one.id: one for one in all_of(tx, select(*_ITEM).where(items.c.id.in_(ids)), Item)} if ids else {}
    return [rows[one] for one in ids if one in rows]


def keep_file(tx: Tx, file: File) -> bool:
    """Note that the bytes with this digest are here; False when that was known."""
    return insert_new(tx, files, _values(file)) == 1


def file(tx: Tx, digest: str) -> File | None:
    """The file with this digest, where its bytes are here."""
    return one_of(tx, select(*_FILE).where(files.c.digest == digest), File)


def files_of(tx: Tx, digests: Collection[str]) -> set[str]:
    """Those of these digests whose bytes are here."""
    return set(tx.scalars(select(files.c.digest).where(files.c.digest.in_(list(digests))))) if digests else set()


def drop_file(tx: Tx, digest: str) -> bool:
    """Forget a file that no entry has any more; whether it is to be deleted."""
    if tx.scalar(select(entries.c.post_id).where(entries.c.digest == digest).limit(1)) is not None:
        return False
    return tx.execute(delete(files).where(files.c.digest == digest)).rowcount > 0


def bytes_of(tx: Tx, author_id: int, since: int) -> int:
    """Bytes of the files that a person added by posts whose ids are above `since`."""
    query = select(entries.c.size).join(posts, posts.c.id == entries.c.post_id)
    query = query.where(posts.c.author_id == author_id, posts.c.id > since, entries.c.digest.isnot(None))
    return sum(size or 0 for size in tx.scalars(query))


def first_post(tx: Tx, item_id: int) -> str | None:
    """The IRI of the post that added an item first, of those that are there still."""
    query = select(posts.c.iri).join(entries, entries.c.post_id == posts.c.id).where(entries.c.item_id == item_id)
    there = query.where(posts.c.deleted_at.is_(None), posts.c.removed_at.is_(None))
    return tx.scalar(there.order_by(posts.c.id).limit(1))


def keys_after(tx: Tx, key: str, limit: int) -> list[str]:
    """The next keys in their order, each once, for who goes through all of them."""
    query = select(keys.c.key).where(keys.c.key > key).distinct().order_by(keys.c.key).limit(limit)
    return list(tx.scalars(query))


def files_after(tx: Tx, digest: str, limit: int) -> list[str]:
    """The next digests of files that are here, in their order."""
    return list(tx.scalars(select(files.c.digest).where(files.c.digest > digest).order_by(files.c.digest).limit(limit)))


def digests_used(tx: Tx, digests: Collection[str]) -> set[str]:
    """Those of these digests that some post has."""
    if not digests:
        return set()
    return {
        digest for digest in tx.scalars(select(entries.c.digest).where(entries.c.digest.in_(list(digests)))) if digest
    }


def items_after(tx: Tx, item_id: int, limit: int) -> list[int]:
    """The next items (ids), in their order."""
    return list(tx.scalars(select(items.c.id).where(items.c.id > item_id).order_by(items.c.id).limit(limit)))
