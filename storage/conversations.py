"""Conversations: a person's direct messages, one row for each thread and circle of people, with its last post."""

from dataclasses import dataclass

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, Text, delete, exists, insert, select, update

from storage.metadata import Id, Tx, all_of, columns, id_column, metadata, one_of, set_columns
from storage.posts import posts
from storage.timelines import Page

conversations = Table(
    "conversations",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("root_id", Id, nullable=False),  # the first post of the thread
    Column("circle", Text, nullable=False),  # the ids of the others in it, ascending, with commas between
    Column("last_post_id", Id, ForeignKey("posts.id", ondelete="CASCADE"), nullable=False),
    Column("unread", Boolean, nullable=False),
    Index("uq_conversations_circle", "person_id", "root_id", "circle", unique=True),
    Index("ix_conversations_last", "person_id", "last_post_id"),
    Index("ix_conversations_last_post_id", "last_post_id"),
)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A row of `conversations`."""

    id: int
    person_id: int
    root_id: int
    circle: str
    last_post_id: int
    unread: bool


_ROW = columns(conversations, Conversation)


def by_id(tx: Tx, person_id: int, conversation_id: int) -> Conversation | None:
    """This conversation, if it is this person's."""
    query = select(*_ROW).where(conversations.c.id == conversation_id, conversations.c.person_id == person_id)
    return one_of(tx, query, Conversation)


def find(tx: Tx, person_id: int, root_id: int, circle: str) -> Conversation | None:
    """A person's conversation in this thread with these others."""
    query = select(*_ROW).where(
        conversations.c.person_id == person_id, conversations.c.root_id == root_id, conversations.c.circle == circle
    )
    return one_of(tx, query, Conversation)


def with_last(tx: Tx, post_id: int) -> list[Conversation]:
    """The conversations, of whomever, whose last post this is."""
    return all_of(tx, select(*_ROW).where(conversations.c.last_post_id == post_id), Conversation)


def page(tx: Tx, person_id: int, asked: Page) -> list[Conversation]:
    """A person's conversations, the one with the newest post first; ids of the page are those of last posts."""
    query = select(*_ROW).where(conversations.c.person_id == person_id)
    last = conversations.c.last_post_id
    if asked.max_id is not None:
        query = query.where(last < asked.max_id)
    if asked.since_id is not None:
        query = query.where(last > asked.since_id)
    if asked.min_id is not None:
        query = query.where(last > asked.min_id)
        return all_of(tx, query.order_by(last, conversations.c.id).limit(asked.limit), Conversation)[::-1]
    return all_of(tx, query.order_by(last.desc(), conversations.c.id.desc()).limit(asked.limit), Conversation)


def insert_conversation(tx: Tx, made: Conversation) -> None:
    """Add a conversation."""
    tx.execute(insert(conversations).values({column.name: getattr(made, column.name) for column in _ROW}))


def change(tx: Tx, conversation_id: int, **values: object) -> None:
    """Set columns of a conversation."""
    set_columns(tx, conversations, conversations.c.id, conversation_id, values)


def remove(tx: Tx, conversation_id: int) -> None:
    """Take a conversation away; its posts stay."""
    tx.execute(delete(conversations).where(conversations.c.id == conversation_id))


def move_thread(tx: Tx, old_root: int, new_root: int) -> None:
    """The posts of a thread hang below another's first post now; a conversation with the same people in both is one."""
    there = conversations.alias()
    same = select(there.c.id).where(
        there.c.person_id == conversations.c.person_id,
        there.c.root_id == new_root,
        there.c.circle == conversations.c.circle,
    )
    tx.execute(delete(conversations).where(conversations.c.root_id == old_root, exists(same)))
    tx.execute(update(conversations).where(conversations.c.root_id == old_root).values(root_id=new_root))


def direct_posts(tx: Tx, root_id: int, before: int, limit: int = 200) -> list[int]:
    """The direct posts of a thread that are older than this id, newest first."""
    query = select(posts.c.id).where(
        posts.c.root_id == root_id,
        posts.c.visibility == "direct",
        posts.c.deleted_at.is_(None),
        posts.c.removed_at.is_(None),
        posts.c.id < before,
    )
    return list(tx.scalars(query.order_by(posts.c.id.desc()).limit(limit)))
