"""How loud a group is to a person: one choice of three, that notifications and the digest keep to.

`all`: each new thread, answers in threads that one is in, and what is meant for oneself. `joined`, which is what everybody
has who chose nothing: the same without each new thread. `weekly`: only what is meant for oneself; the rest waits in the
weekly digest. `all` is the bell that clients know (`Follow.notify`), so that an app and a page can't say two things.
"""

from fedi.errors import Invalid, NotFound
from fedi.languages import _
from storage import follows, volumes
from storage.metadata import Tx
from storage.timelines import Page

LEVELS = ("all", "joined", "weekly")
DEFAULT = "joined"
_MOST = 1000


def of(tx: Tx, person_id: int) -> dict[int, str]:
    """The level of each group that a person is in, by its id."""
    chosen = volumes.of(tx, person_id)
    return {
        edge.target_id: "all" if edge.notify else chosen.get(edge.target_id, DEFAULT)
        for edge in follows.joined(tx, person_id, Page(limit=_MOST))
    }


def of_group(tx: Tx, person_id: int, group_id: int) -> str | None:
    """The level of one group; None for who is not in it."""
    edge = follows.find(tx, person_id, group_id)
    if edge is None or edge.state != "accepted":
        return None
    return "all" if edge.notify else volumes.of(tx, person_id).get(group_id, DEFAULT)


def set_volume(tx: Tx, person_id: int, group_id: int, level: str) -> None:
    """A person chooses the level of a group that they are in. Raises Invalid for another word, NotFound for who is not in it."""
    if level not in LEVELS:
        raise Invalid(f"A volume is one of {', '.join(LEVELS)}, not {level[:40]!r}.", code="volume")
    edge = follows.find(tx, person_id, group_id)
    if edge is None or edge.state != "accepted":
        raise NotFound(_("You are not in this group (any more)."))
    if edge.notify != (level == "all"):
        follows.change(tx, edge.id, notify=level == "all")
    if level == "weekly":
        volumes.save(tx, person_id, group_id, level)
    else:
        volumes.forget(tx, person_id, group_id)
