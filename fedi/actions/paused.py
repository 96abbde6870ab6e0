"""What a person has at institutions whose peering is suspended, and what they lost with those that ended."""

from dataclasses import dataclass

from fedi.actions.suspensions import SHOWN
from storage import domain_blocks, peers, severed
from storage.actors import Actor
from storage.metadata import Tx
from storage.severed import Severed


@dataclass(frozen=True, slots=True)
class Paused:
    """An institution that is suspended: how many somebody follows there, and how many there follow them; nothing of it is shown
    until it goes on, and it is over at `until` (ms) if it does not."""

    host: str
    following: int
    followers: int
    until: int | None


def paused(tx: Tx, me: Actor) -> list[Paused]:
    """What waits for a person, by institution; none where they have nothing."""
    found = []
    for peer in peers.with_stance(tx, ["suspended"]):
        following, followers = domain_blocks.counts(tx, me.id, peer.host)
        if following or followers:
            found.append(Paused(peer.host, following, followers, peer.suspended_until))
    return found


def lost(tx: Tx, me: Actor) -> list[Severed]:
    """What a person lost and what is back of it, newest first; the first thousand."""
    return severed.of_person(tx, me.id)[:SHOWN]
