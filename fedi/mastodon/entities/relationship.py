"""The Relationship entity: how the caller stands to another account. Pure."""

from typing import Any

from storage.follows import Follow


def relationship(account_id: int, out: Follow | None, back: Follow | None, *, banned: bool = False) -> dict[str, Any]:
    """`out` is the caller's follow of the account, `back` the account's of the caller; `banned` from that group."""
    following = out is not None and out.state == "accepted"
    return {
        "id": str(account_id),
        "following": following,
        "showing_reblogs": out is not None and out.reblogs and following,
        "notifying": out is not None and out.notify and following,
        "languages": None,
        "followed_by": back is not None and back.state == "accepted",
        "blocking": False,
        "blocked_by": banned,
        "muting": False,
        "muting_notifications": False,
        "muting_expires_at": None,
        "requested": out is not None and out.state == "pending",
        "requested_by": back is not None and back.state == "pending",
        "domain_blocking": False,
        "endorsed": False,
        "note": "",
    }
