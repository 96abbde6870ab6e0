"""What a person has at institutions that are suspended, and which of their follows ended with a peering."""

import msgspec

from fedi.actions import paused
from fedi.api.operations import Call, Operation
from fedi.api.shapes import Moment
from fedi.mastodon.answers import moment
from storage.metadata import Tx


class PausedPeering(msgspec.Struct, kw_only=True):
    """An institution that is suspended: nothing of it is shown until it goes on; follows stay. `until` is when it ends."""

    host: str
    following: int
    followers: int
    until: Moment | None = None


class SeveredFollow(msgspec.Struct, kw_only=True):
    """A follow that ended with a peering: `following` whether one followed them, or they oneself. `restored_at`: it is back."""

    host: str
    handle: str
    uri: str
    following: bool
    at: Moment
    restored_at: Moment | None = None


class Relationships(msgspec.Struct, kw_only=True):
    """What is paused, and what was lost, newest first."""

    paused: list[PausedPeering]
    severed: list[SeveredFollow]


def relationships(tx: Tx, call: Call) -> Relationships:
    """What of one's follows is paused by suspended peerings, and what ended with others."""
    return Relationships(
        paused=[
            PausedPeering(
                host=one.host,
                following=one.following,
                followers=one.followers,
                until=moment(one.until) if one.until is not None else None,
            )
            for one in paused.paused(tx, call.me)
        ],
        severed=[
            SeveredFollow(
                host=one.host,
                handle=one.handle,
                uri=one.actor_iri,
                following=one.following,
                at=moment(one.at),
                restored_at=moment(one.restored_at) if one.restored_at is not None else None,
            )
            for one in paused.lost(tx, call.me)
        ],
    )


OPERATIONS = [
    Operation(method="GET", path="/relationships", unit=relationships, tag="settings", scopes=("read:follows",)),
]
"""These are in the chapter of settings."""
