"""All tables in one place: importing this registers every table with `storage.metadata.metadata`."""

from storage import (
    actors,
    apps,
    decisions,
    follows,
    groups,
    idempotency,
    jobs,
    keys,
    markers,
    memberships,
    notifications,
    outbox,
    peers,
    people,
    posts,
    reactions,
    received,
    sessions,
    timelines,
)
from storage.metadata import metadata

TABLES = (
    actors,
    apps,
    decisions,
    follows,
    groups,
    idempotency,
    jobs,
    keys,
    markers,
    memberships,
    notifications,
    outbox,
    peers,
    people,
    posts,
    reactions,
    received,
    sessions,
    timelines,
)

__all__ = ["TABLES", "metadata"]
