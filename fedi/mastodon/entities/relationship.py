"""The Relationship entity: how the caller stands to another account. Pure."""

from dataclasses import dataclass
from typing import Any

from fedi.mastodon.answers import moment
from storage.follows import Follow
from storage.mutes import Mute


@dataclass(frozen=True, slots=True)
class Between:
    """What is between the caller and one account: `out` is the caller's follow of it, `back` its follow of the caller."""

    out: Follow | None = None
    back: Follow | None = None
    blocking: bool = False
    blocked_by: bool = False  # a group: banned from it
    mute: Mute | None = None
    domain_blocking: bool = False
    endorsed: bool = False
    note: str = ""


def relationship(account_id: int, between: Between) -> dict[str, Any]:
    """The Relationship of the caller to the account with this id."""
    out, back, mute = between.out, between.back, between.mute
    return {
        "id": str(account_id),
        "following": out is not None and out.state == "accepted",
        # What was asked for with a follow is told of a request as well (Mastodon).
        "showing_reblogs": out is not None and out.reblogs,
        "notifying": out is not None and out.notify,
        "languages": out.languages if out is not None else None,
        "followed_by": back is not None and back.state == "accepted",
        "blocking": between.blocking,
        "blocked_by": between.blocked_by,
        "muting": mute is not None,
        "muting_notifications": mute is not None and mute.notifications,
        "muting_expires_at": moment(mute.until) if mute is not None and mute.until is not None else None,
        "requested": out is not None and out.state == "pending",
        "requested_by": back is not None and back.state == "pending",
        "domain_blocking": between.domain_blocking,
        "endorsed": between.endorsed,
        "note": between.note,
    }
