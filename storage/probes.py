"""Probes: what we tried at peers to see whether they keep what they signed, and what came of it. Rows are only added."""

from dataclasses import dataclass

from sqlalchemy import Column, Index, Table, Text, func, select

from storage.metadata import Json, Time, Tx, all_of, columns, id_column, insert_new, metadata

probes = Table(
    "probes",
    metadata,
    id_column(),
    Column("host", Text, nullable=False),
    Column("check", Text, nullable=False),  # unsigned-fetch waits-for-accept forged-update forgets-deleted
    Column("verdict", Text, nullable=False),  # passed failed unknown
    Column("text", Text, nullable=False),  # what was seen, in words
    Column("evidence", Json, nullable=False),  # what was asked and answered
    Column("digest", Text, nullable=False),  # SHA-256 of the evidence, hexadecimal
    Column("software", Text),
    Column("version", Text),  # of the peer's software then
    Column("at", Time, nullable=False),
    Index("ix_probes_host", "host", "check", "id"),
)

CHECKS = ("unsigned-fetch", "waits-for-accept", "forged-update", "forgets-deleted")


@dataclass(frozen=True, slots=True)
class Probe:
    """A row of `probes`; times in ms."""

    id: int
    host: str
    check: str
    verdict: str
    text: str
    evidence: list[dict[str, str]]
    digest: str
    software: str | None
    version: str | None
    at: int


_ROW = columns(probes, Probe)


def insert(tx: Tx, probe: Probe) -> None:
    """Keep what came of one."""
    insert_new(tx, probes, {column.name: getattr(probe, column.name) for column in _ROW})


def latest(tx: Tx, host: str) -> list[Probe]:
    """The last of each check of this peer, by check."""
    last = select(func.max(probes.c.id)).where(probes.c.host == host).group_by(probes.c.check)
    return all_of(tx, select(*_ROW).where(probes.c.id.in_(last)).order_by(probes.c.check), Probe)


def of_host(tx: Tx, host: str, limit: int) -> list[Probe]:
    """The newest of this peer."""
    return all_of(tx, select(*_ROW).where(probes.c.host == host).order_by(probes.c.id.desc()).limit(limit), Probe)
