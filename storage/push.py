"""Push: where notifications are sent so that a phone or browser wakes up (Web Push), one for each access token."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, bindparam, delete, select, update

from storage.apps import tokens
from storage.metadata import Id, Json, Time, Tx, all_of, columns, id_column, insert_new, metadata, one_of

subscriptions = Table(
    "subscriptions",
    metadata,
    id_column(),  # no time in it: apps read it as an integer of 32 bits (Tusky)
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


_ROW = columns(subscriptions, Subscription)
_OF_PERSON = (
    select(*_ROW)
    .join(tokens, tokens.c.id == subscriptions.c.token_id)
    .where(subscriptions.c.person_id == bindparam("person", type_=Id()), tokens.c.revoked_at.is_(None))
)


def save(tx: Tx, subscription: Subscription) -> bool:
    """Keep a subscription in place of the one that its token had; False when another one has its id."""
    remove_of_tokens(tx, [subscription.token_id])
    return insert_new(tx, subscriptions, {column.name: getattr(subscription, column.name) for column in _ROW}) == 1


def of_person(tx: Tx, person_id: int) -> list[Subscription]:
    """The subscriptions of a person whose tokens are live."""
    return all_of(tx, _OF_PERSON, Subscription, person=person_id)


def of_token(tx: Tx, token_id: int) -> Subscription | None:
    """The subscription of a token."""
    return one_of(tx, select(*_ROW).where(subscriptions.c.token_id == token_id), Subscription)


def live(tx: Tx, subscription_id: int) -> Subscription | None:
    """The subscription with this id, if its token is live."""
    query = (
        select(*_ROW)
        .join(tokens, tokens.c.id == subscriptions.c.token_id)
        .where(subscriptions.c.id == subscription_id, tokens.c.revoked_at.is_(None))
    )
    return one_of(tx, query, Subscription)


def any_there(tx: Tx) -> bool:
    """Whether anybody has a subscription."""
    return tx.execute(select(subscriptions.c.id).limit(1)).first() is not None


def change(tx: Tx, subscription_id: int, **values: Any) -> None:
    """Set columns of a subscription."""
    tx.execute(update(subscriptions).where(subscriptions.c.id == subscription_id).values(**values))


def remove(tx: Tx, subscription_id: int) -> None:
    """Take a subscription away."""
    tx.execute(delete(subscriptions).where(subscriptions.c.id == subscription_id))


def remove_of_tokens(tx: Tx, token_ids: Sequence[int]) -> None:
    """Take the subscriptions of these tokens away."""
    if token_ids:
        tx.execute(delete(subscriptions).where(subscriptions.c.token_id.in_(token_ids)))
