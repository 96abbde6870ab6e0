"""Tell local people what concerns them."""

from fedi.context import Site
from storage import notifications
from storage.actors import Actor
from storage.metadata import Tx
from storage.notifications import Notification


def tell(tx: Tx, site: Site, person: Actor, kind: str, by: Actor, post_id: int | None = None) -> None:
    """Notify a local person (anyone else is passed by) of what `by` did; oneself is never told."""
    if not person.local or person.is_group or person.kind == "Application" or person.id == by.id:
        return
    notifications.insert(tx, Notification(site.new_id(), person.id, kind, by.id, post_id, site.clock()))


def forget(tx: Tx, kind: str, by: Actor, post_id: int | None = None) -> None:
    """What `by` did was undone."""
    notifications.forget(tx, post_id=post_id, actor_id=by.id, kind=kind)
