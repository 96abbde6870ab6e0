"""The ScheduledStatus entity. Pure."""

from typing import Any

from fedi.mastodon.answers import moment
from fedi.mastodon.entities.status import VISIBILITY
from storage.scheduled import Scheduled


def scheduled(row: Scheduled, files: list[Any]) -> dict[str, Any]:
    """A post that is published later; `files` are its MediaAttachments. `params` is what was asked for, as Mastodon has it."""
    params = row.params
    poll, quoted = params.get("poll"), params.get("quoted_status_id")
    return {
        "id": str(row.id),
        "scheduled_at": moment(row.due_at),
        "params": {
            "text": params["text"],
            "poll": poll,
            "media_ids": [str(one) for one in row.media_ids] or None,
            "sensitive": bool(params.get("sensitive")),
            "spoiler_text": params.get("spoiler_text") or "",
            "visibility": VISIBILITY[params["visibility"]],
            "language": params.get("language"),
            "in_reply_to_id": params.get("in_reply_to_id"),  # a number, as in Mastodon
            "application_id": row.app_id or 0,
            "scheduled_at": None,
            "idempotency": row.idempotency_key,
            "with_rate_limit": False,
            "allowed_mentions": None,
            "quoted_status_id": None if quoted is None else str(quoted),
            "quote_approval_policy": params.get("quote_approval_policy"),
        },
        "media_attachments": files,
    }
