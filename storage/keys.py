"""Keys: private ones of local actors, public ones of remote actors, by key id (IRI)."""

from dataclasses import dataclass

from sqlalchemy import Column, Index, Table, Text, bindparam, delete, select

from storage.metadata import Time, Tx, all_of, columns, metadata, one_of, upsert

keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),  # the keyId, an IRI
    Column("owner", Text, nullable=False),  # IRI of the actor
    Column("host", Text, nullable=False),
    Column("public", Text, nullable=False),  # PEM or Multikey
    Column("private", Text),  # PEM, of local actors only
    Column("created_at", Time, nullable=False),
    Column("fetched_at", Time),
    Index("ix_keys_owner", "owner"),
)


@dataclass(frozen=True, slots=True)
class Key:
    """A row of `keys`."""

    id: str
    owner: str
    host: str
    public: str
    private: str | None
    created_at: int
    fetched_at: int | None


_ROW = columns(keys, Key)
_BY_ID = select(*_ROW).where(keys.c.id == bindparam("id"))


def save(tx: Tx, key: Key) -> None:
    """Add a key or replace it."""
    upsert(tx, keys, {column.name: getattr(key, column.name) for column in _ROW}, ["id"])


def by_id(tx: Tx, key_id: str) -> Key | None:
    """The key with this id."""
    return one_of(tx, _BY_ID, Key, id=key_id)


def of_owner(tx: Tx, owner: str) -> list[Key]:
    """The keys of an actor, newest first."""
    return all_of(tx, select(*_ROW).where(keys.c.owner == owner).order_by(keys.c.created_at.desc(), keys.c.id), Key)


def keep_only(tx: Tx, owner: str, ids: list[str]) -> None:
    """Forget the keys of an actor that its document does not list any more."""
    tx.execute(delete(keys).where(keys.c.owner == owner, keys.c.id.not_in(ids)))
