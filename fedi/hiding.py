"""Whom a person does not want to meet: those they block or mute, who blocks them, and servers that they block.

The gate (`fedi.visibility`) says what somebody may see; this, what is left out of their timelines, searches and
notifications although they may. Both sides of a block are hidden from each other.
"""

from dataclasses import dataclass

from storage import shunned
from storage.actors import Actor
from storage.metadata import Tx


@dataclass(frozen=True, slots=True)
class Hidden:
    """Ids of actors, and hosts."""

    blocked: frozenset[int] = frozenset()  # in either direction
    muted: frozenset[int] = frozenset()
    silent: frozenset[int] = frozenset()  # muted with their notifications
    domains: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether anybody is hidden."""
        return bool(self.blocked or self.muted or self.domains)

    def reads(self, actor: Actor) -> bool:
        """Whether what this actor writes and boosts is shown in timelines."""
        return (
            actor.id not in self.blocked
            and actor.id not in self.muted
            and (not self.domains or (actor.host not in self.domains and actor.domain not in self.domains))
        )

    def hears(self, actor: Actor) -> bool:
        """Whether what this actor does becomes a notification."""
        return (
            actor.id not in self.blocked
            and actor.id not in self.silent
            and (not self.domains or (actor.host not in self.domains and actor.domain not in self.domains))
        )


NOTHING = Hidden()


def hidden(tx: Tx, person_id: int | None, now: int) -> Hidden:
    """Whom this person does not want to meet at `now` ms; nobody for nobody."""
    if person_id is None:
        return NOTHING
    found = shunned.by_person(tx, person_id, now)
    if not found:
        return NOTHING
    return Hidden(
        frozenset(one for how, one, _ in found if how == "blocked"),
        frozenset(one for how, one, _ in found if how in ("muted", "silent")),
        frozenset(one for how, one, _ in found if how == "silent"),
        frozenset(host for how, _, host in found if how == "domain"),
    )
