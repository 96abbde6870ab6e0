"""Feeds of what not everybody may read: addresses for feed readers, each for one group, thread or search."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from fedi.actions import feed_tokens as actions
from fedi.api.operations import Call, Operation
from fedi.api.shapes import Id, Moment
from fedi.errors import NotFound
from fedi.mastodon.answers import moment
from storage import feed_tokens
from storage.metadata import Tx

Kind = Literal["group", "thread", "search"]


class Feed(msgspec.Struct, kw_only=True):
    """An address of who asks. `target`: the id of the group or of the thread's first status, or what is searched for."""

    id: Id
    kind: Kind
    target: str
    created_at: Moment
    used_at: Annotated[Moment | None, Meta(description="To the hour")]


class NewFeed(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What to make a feed of."""

    kind: Kind
    target: Annotated[str, Meta(min_length=1, max_length=actions.WORDS)]


class Address(msgspec.Struct, kw_only=True):
    """Where the feed is: told this once. Whoever has it reads what its owner can read there."""

    address: str


class Feeds(msgspec.Struct, kw_only=True):
    """The newest first."""

    items: list[Feed]


def listed(tx: Tx, call: Call) -> Feeds:
    """One's feeds."""
    rows = feed_tokens.of_person(tx, call.me.id, actions.MOST)
    return Feeds(
        items=[
            Feed(
                id=str(row.id),
                kind=row.kind,  # type: ignore[arg-type]  # one of actions.KINDS
                target=row.target,
                created_at=moment(row.created_at),
                used_at=moment(row.used_at) if row.used_at is not None else None,
            )
            for row in rows
        ]
    )


def create(tx: Tx, call: Call, body: NewFeed) -> Address:
    """Make an address for a feed.

    It works as long as who made it may read all of what it is for; after that, and once it is removed, it answers 410.
    """
    token = actions.make(tx, call.site, call.me, body.kind, body.target)
    return Address(address=call.site.iri(f"/feeds/{token}.atom"))


def remove(tx: Tx, call: Call) -> None:
    """Take an address back."""
    if not actions.revoke(tx, call.site, call.me, call.ids["id"]):
        raise NotFound


_READ, _WRITE = ("read:accounts",), ("write:accounts",)
OPERATIONS = [
    Operation(method="GET", path="/feeds", unit=listed, tag="feeds", scopes=_READ),
    Operation(method="POST", path="/feeds", unit=create, tag="feeds", scopes=_WRITE, refuses=(404, 422)),
    Operation(method="DELETE", path="/feeds/{id}", unit=remove, tag="feeds", scopes=_WRITE, refuses=(404,)),
]
