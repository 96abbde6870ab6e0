"""What rules of the policy did, counted by day, for good: what they did to single activities is forgotten after some days."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Integer, Table, Text, func, select
from sqlalchemy.dialects import postgresql, sqlite

from storage.metadata import Tx, metadata

rule_counts = Table(
    "rule_counts",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),  # since 1970, in UTC
    Column("policy", Integer, primary_key=True, autoincrement=False),  # the version
    Column("rule", Text, primary_key=True),  # `default` where none decided
    Column("did", Text, primary_key=True),  # accept limit hold reject; `would …` of a rule that is only tried
    Column("count", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Did:
    """How often a rule did something, over the days that were asked for."""

    rule: str
    did: str
    count: int


def add(tx: Tx, counts: Mapping[tuple[int, int, str, str], int]) -> None:
    """Add to counts by (day, version, rule, what it did)."""
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    for (day, policy, rule, did), count in sorted(counts.items()):
        made = insert(rule_counts).values(day=day, policy=policy, rule=rule, did=did, count=count)
        key = ["day", "policy", "rule", "did"]
        tx.execute(made.on_conflict_do_update(index_elements=key, set_={"count": rule_counts.c.count + count}))


def of_version(tx: Tx, policy: int, *, since: int = 0) -> list[Did]:
    """What each rule of a version did, from the day `since` on."""
    total = func.sum(rule_counts.c.count)
    query = select(rule_counts.c.rule, rule_counts.c.did, total).where(
        rule_counts.c.policy == policy, rule_counts.c.day >= since
    )
    found = tx.execute(query.group_by(rule_counts.c.rule, rule_counts.c.did).order_by(total.desc()))
    return [Did(str(row[0]), str(row[1]), int(row[2])) for row in found]
