"""The Notification entity. Pure."""

from typing import Any

from fedi.mastodon.answers import moment
from fedi.mastodon.entities.account import account
from fedi.mastodon.entities.status import status
from fedi.mastodon.load import Bundle, Shown
from storage.notifications import Notification


def notification(origin: str, bundle: Bundle, one: Notification) -> dict[str, Any] | None:
    """One notification; None when its actor is gone or the caller may not see its post any more."""
    actor = bundle.actors.get(one.actor_id)
    if actor is None or actor.state != "active":
        return None
    shown: dict[str, Any] = {
        "id": str(one.id),
        "type": one.kind,
        "created_at": moment(one.created_at),
        "group_key": f"ungrouped-{one.id}",
        "account": account(origin, actor),
    }
    if one.post_id is not None:
        about = status(origin, bundle, Shown(one.post_id, one.post_id))
        if about is None:
            return None
        shown["status"] = about
    return shown
