"""Account notes: what a person noted down about another, for their own eyes."""

from sqlalchemy import Column, ForeignKey, Table, Text, delete, select

from storage.metadata import Id, Tx, insert_new, metadata, upsert

account_notes = Table(
    "account_notes",
    metadata,
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("comment", Text, nullable=False),
)


def save(tx: Tx, person_id: int, actor_id: int, comment: str) -> None:
    """Note something about somebody instead of what was noted before; nothing takes the note away."""
    if comment:
        values = {"person_id": person_id, "actor_id": actor_id, "comment": comment}
        upsert(tx, account_notes, values, ["person_id", "actor_id"])
    else:
        gone = delete(account_notes).where(account_notes.c.person_id == person_id, account_notes.c.actor_id == actor_id)
        tx.execute(gone)


def among(tx: Tx, person_id: int, others: list[int]) -> dict[int, str]:
    """What a person noted about these others, by the other's id."""
    if not others:
        return {}
    query = select(account_notes.c.actor_id, account_notes.c.comment).where(
        account_notes.c.person_id == person_id, account_notes.c.actor_id.in_(others)
    )
    return {row[0]: row[1] for row in tx.execute(query)}


def carry_over(tx: Tx, actor_id: int, to_id: int) -> None:
    """What was noted about one account is noted about another as well, where nothing was."""
    query = select(account_notes.c.person_id, account_notes.c.comment).where(account_notes.c.actor_id == actor_id)
    for person_id, comment in tx.execute(query.where(account_notes.c.person_id != to_id)).all():
        insert_new(tx, account_notes, {"person_id": person_id, "actor_id": to_id, "comment": comment})
