"""Questions: threads that ask something, which answer was accepted, and who chose which.

That a thread asks, and whether that is solved, is beside its first post (`posts.asks`), since every list shows it; here is
what only the thread itself shows. Who may choose, and what follows from it, is in `fedi.actions.questions`.
"""

from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, ForeignKey, Index, Table, Text, and_, bindparam, delete, select

from storage.metadata import Id, Time, Tx, all_of, columns, insert_new, metadata, one_of, upsert
from storage.posts import posts

OPEN, SOLVED = "open", "solved"
"""What `posts.asks` says of the first post of a thread that asks; of all others it is NULL."""

questions = Table(
    "questions",
    metadata,
    Column("root_id", Id, ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("accepted_id", Id, ForeignKey("posts.id", ondelete="SET NULL")),
    Column("how", Text),  # asker members stated: whose word made it so
    Column("stated_iri", Text),  # which answer the home of the question calls accepted
    Column("changed_at", Time, nullable=False),
    Index("ix_questions_accepted_id", "accepted_id"),
)

choices = Table(
    "choices",
    metadata,
    Column("root_id", Id, ForeignKey("questions.root_id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("answer_id", Id, ForeignKey("posts.id", ondelete="CASCADE"), nullable=False),
    Column("iri", Text, nullable=False, unique=True),  # of the activity
    Column("created_at", Time, nullable=False),
    Index("ix_choices_actor_id", "actor_id"),
    Index("ix_choices_answer_id", "answer_id"),
)


@dataclass(frozen=True, slots=True)
class Question:
    """A row of `questions`; times in ms. `how` the accepted answer came to be that: `asker`, `members` (of two institutions)
    or `stated` (by the home of the question)."""

    root_id: int
    accepted_id: int | None
    how: str | None
    stated_iri: str | None
    changed_at: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A row of `choices`: the one answer that somebody calls the right one."""

    root_id: int
    actor_id: int
    answer_id: int
    iri: str
    created_at: int


_QUESTION = columns(questions, Question)
_CHOICE = columns(choices, Choice)
_BY_ROOT = select(*_QUESTION).where(questions.c.root_id == bindparam("root_id"))
_CHOICES = (
    select(*_CHOICE).where(choices.c.root_id == bindparam("root_id")).order_by(choices.c.created_at, choices.c.actor_id)
)


def asking() -> ColumnElement[bool]:
    """The condition on `posts` under which one is the first of a thread that asks."""
    return posts.c.asks.isnot(None)


def open_in(group_id: int) -> ColumnElement[bool]:
    """The condition on `posts` under which one asks in this group and has no accepted answer."""
    return and_(posts.c.group_id == group_id, posts.c.asks == OPEN)


def solved_in(group_id: int) -> ColumnElement[bool]:
    """The condition on `posts` under which one asks in this group and has an accepted answer."""
    return and_(posts.c.group_id == group_id, posts.c.asks == SOLVED)


def save(tx: Tx, question: Question) -> None:
    """Add a question whose first post exists, or change it."""
    upsert(tx, questions, {column.name: getattr(question, column.name) for column in _QUESTION}, ["root_id"])


def find(tx: Tx, root_id: int) -> Question | None:
    """The question that this first post asks."""
    return one_of(tx, _BY_ROOT, Question, root_id=root_id)


def among(tx: Tx, root_ids: list[int]) -> dict[int, Question]:
    """The questions that these first posts ask, by first post."""
    if not root_ids:
        return {}
    query = select(*_QUESTION).where(questions.c.root_id.in_(root_ids))
    return {one.root_id: one for one in all_of(tx, query, Question)}


def forget(tx: Tx, root_id: int) -> None:
    """The thread asks nothing (any more): its choices go with it."""
    tx.execute(delete(choices).where(choices.c.root_id == root_id))
    tx.execute(delete(questions).where(questions.c.root_id == root_id))


def choose(tx: Tx, choice: Choice) -> bool:
    """Keep what somebody chose, instead of what they chose before; False when its activity is known."""
    unchoose(tx, choice.root_id, choice.actor_id)
    return insert_new(tx, choices, {column.name: getattr(choice, column.name) for column in _CHOICE}) == 1


def unchoose(tx: Tx, root_id: int, actor_id: int) -> None:
    """Somebody chooses nothing any more."""
    tx.execute(delete(choices).where(choices.c.root_id == root_id, choices.c.actor_id == actor_id))


def chosen(tx: Tx, root_id: int) -> list[Choice]:
    """Who chose what in a thread, oldest first."""
    return all_of(tx, _CHOICES, Choice, root_id=root_id)


def choice_of(tx: Tx, root_id: int, actor_id: int) -> Choice | None:
    """What this actor chose in this thread."""
    query = select(*_CHOICE).where(choices.c.root_id == root_id, choices.c.actor_id == actor_id)
    return one_of(tx, query, Choice)


def roots_of(tx: Tx, actor_id: int) -> list[int]:
    """The first posts of the threads in which this actor chose an answer."""
    return list(tx.scalars(select(choices.c.root_id).where(choices.c.actor_id == actor_id)))


def forget_choices(tx: Tx, actor_id: int) -> None:
    """This actor chose nothing."""
    tx.execute(delete(choices).where(choices.c.actor_id == actor_id))


def choice_by_iri(tx: Tx, iri: str) -> Choice | None:
    """The choice whose activity has this IRI."""
    return one_of(tx, select(*_CHOICE).where(choices.c.iri == iri), Choice)
