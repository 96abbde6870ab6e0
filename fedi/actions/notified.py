"""How far a person has read their notifications: how much is new, and that it is read. Apps and pages share the marker."""

from fedi import visibility
from fedi.context import Site
from storage import markers, notification_groups, notifications
from storage.actors import Actor
from storage.metadata import Tx
from storage.notification_groups import GROUPED

TIMELINE = "notifications"
MOST = 100
"""As far as is counted; a page says 99+."""
_LOOKED_AT = 400
"""Notifications among which groups are counted: who is told of a thousand likes has one group, and no page waits for it."""


def read_to(tx: Tx, person_id: int) -> int:
    """The id of the newest notification that the person has read; 0 where none is."""
    marker = markers.of_person(tx, person_id).get(TIMELINE)
    return marker.last_read_id if marker is not None else 0


def unread(tx: Tx, me: Actor) -> int:
    """How many groups of notifications are new to `me`, `MOST` at most; none that tell of a post that they may not see.
    Asked at each page, so the ordinary answer, that nothing is new, comes from one index."""
    found = notifications.ids_after(tx, me.id, read_to(tx, me.id), _LOOKED_AT)
    if not found:
        return 0
    table = notifications.notifications
    conditions = [*notifications.wanted(me.id, None, None, None, filtered=False), table.c.id >= found[-1]]
    gate = visibility.visible_to(visibility.person(me.id))
    return notification_groups.unread(tx, conditions, gate, MOST, list(GROUPED))


def mark_read(tx: Tx, site: Site, me: Actor, up_to: int) -> bool:
    """Everything up to the notification `up_to` is read now; whether that is news. What is read stays so."""
    newest = notifications.ids_after(tx, me.id, 0, 1)
    up_to = min(up_to, *newest) if newest else 0
    return up_to > read_to(tx, me.id) and markers.save(tx, me.id, TIMELINE, up_to, site.clock()) is not None
