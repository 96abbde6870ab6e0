"""Push: where notifications are sent so that a phone or browser wakes up (Web Push), one for each access token."""

from dataclasses import dataclass

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text

from storage.metadata import Id, Json, Time, id_column, metadata

subscriptions = Table(
    "subscriptions",
    metadata,
    id_column(),
    Column("token_id", Id, ForeignKey("tokens.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("person_id", Id, ForeignKey("actors.id", ondelete="CASCADE"), nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("p256dh", Text, nullable=False),  # base64url, as the client gave it
    Column("auth", Text, nullable=False),
    Column("standard", Boolean, nullable=False),  # RFC 8291, else the draft that it came from
    Column("alerts", Json, nullable=False),  # {kind of notification: wanted}
    Column("policy", Text, nullable=False),  # all followed follower none
    Column("access_token", Text, nullable=False),  # sealed with the instance's key: what apps get in the message
    Column("failures", Integer, nullable=False),
    Column("created_at", Time, nullable=False),
    Index("ix_subscriptions_person_id", "person_id"),
)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A row of `subscriptions`."""

    id: int
    token_id: int
    person_id: int
    endpoint: str
    p256dh: str
    auth: str
    standard: bool
    alerts: dict[str, bool]
    policy: str
    access_token: str
    failures: int
    created_at: int
