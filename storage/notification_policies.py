"""Notification policies: whose notifications a person gets at once, which wait in requests, and who was let through."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

from storage.metadata import Id, Time, id_column, metadata

notification_policies = Table(
    "notification_policies",
    metadata,
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    # each: accept filter drop
    Column("for_not_following", Text, nullable=False),
    Column("for_not_followers", Text, nullable=False),
    Column("for_new_accounts", Text, nullable=False),
    Column("for_private_mentions", Text, nullable=False),
    Column("for_limited_accounts", Text, nullable=False),
    Column("for_bots", Text, nullable=False),
)

notification_requests = Table(
    "notification_requests",
    metadata,
    id_column(),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),  # whose notifications wait
    Column("last_post_id", Id),
    Column("notifications_count", Integer, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    Index("uq_notification_requests_pair", "person_id", "actor_id", unique=True),
)

notification_permissions = Table(
    "notification_permissions",
    metadata,
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("actor_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
)


@dataclass(frozen=True, slots=True)
class Policy:
    """A row of `notification_policies`."""

    person_id: int
    for_not_following: str = "accept"
    for_not_followers: str = "accept"
    for_new_accounts: str = "accept"
    for_private_mentions: str = "accept"
    for_limited_accounts: str = "accept"
    for_bots: str = "accept"


@dataclass(frozen=True, slots=True)
class Request:
    """A row of `notification_requests`."""

    id: int
    person_id: int
    actor_id: int
    last_post_id: int | None
    notifications_count: int
    created_at: int
    updated_at: int
