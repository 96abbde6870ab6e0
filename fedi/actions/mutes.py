"""Mutes of accounts: a person reads nothing of somebody any more, without ending anything and without telling anyone."""

from fedi.context import Site
from fedi.errors import Invalid
from storage import mutes
from storage.actors import Actor
from storage.metadata import Tx
from storage.mutes import Mute

_LONGEST = 100 * 366 * 24 * 3600
"""Seconds; beyond it a mute is one for ever."""


def mute(
    tx: Tx, site: Site, person: Actor, target: Actor, *, notifications: bool = True, seconds: int | None = None
) -> None:
    """A local person mutes `target`, with their `notifications` or without, for some seconds (0 or less, or None: for ever).

    Again changes how. Raises Invalid for oneself.
    """
    if person.id == target.id:
        raise Invalid("You can't mute yourself.")
    now = site.clock()
    until = now + 1000 * seconds if seconds is not None and 0 < seconds <= _LONGEST else None
    mutes.save(tx, Mute(site.new_id(), person.id, target.id, notifications, until, now))


def unmute(tx: Tx, person: Actor, target: Actor) -> None:
    """Read of `target` again; nothing when there was no mute."""
    mutes.remove(tx, person.id, target.id)
