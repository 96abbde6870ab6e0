"""Which rules of which group a person accepted: a digest of the rules as they were, so that changed ones are asked again."""

from sqlalchemy import Column, ForeignKey, Index, Table, Text, delete, select

from storage.metadata import Id, Time, Tx, metadata, upsert

rule_acceptances = Table(
    "rule_acceptances",
    metadata,
    Column("group_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("version", Text, nullable=False),
    Column("accepted_at", Time, nullable=False),
    Index("ix_rule_acceptances_actor_id", "actor_id"),
)


def save(tx: Tx, group_id: int, actor_id: int, version: str, now: int) -> None:
    """Note that somebody accepted the rules of a group in this version."""
    values = {"group_id": group_id, "actor_id": actor_id, "version": version, "accepted_at": now}
    upsert(tx, rule_acceptances, values, ["group_id", "actor_id"])


def version_of(tx: Tx, group_id: int, actor_id: int) -> str | None:
    """The version of a group's rules that somebody accepted last; None where none."""
    table = rule_acceptances.c
    found: str | None = tx.scalar(select(table.version).where(table.group_id == group_id, table.actor_id == actor_id))
    return found


def forget(tx: Tx, actor_id: int) -> None:
    """Forget which rules somebody accepted: they are erased."""
    tx.execute(delete(rule_acceptances).where(rule_acceptances.c.actor_id == actor_id))
