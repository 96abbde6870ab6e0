"""What a client says of a post that it writes or edits -> drafts; shared by `statuses`, `edits` and `scheduled`."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from fedi.actions.drafts import QUOTE_POLICIES, Draft, PollDraft
from fedi.actions.scheduled import draft_of
from fedi.errors import Invalid

TO_ACTIONS = {"public": "public", "unlisted": "unlisted", "private": "followers", "direct": "direct"}
"""Mastodon's visibility -> ours; a group narrows it further (`fedi.actions.posts`)."""

GROUP = "group"
"""The visibility of mastodon/mastodon#19059: into the group of `group_id`, which decides who may read it."""

MIN_POLL_SECONDS = 300
"""Mastodon's shortest poll."""
_MAX_LANGUAGE = 35  # RFC 5646 4.4.1
_LONGEST = 1 << 40


class Polling(msgspec.Struct, kw_only=True):
    """A poll in the body of a status; `expires_in` in seconds."""

    options: list[str] = msgspec.field(default_factory=list)
    expires_in: int | None = None
    multiple: bool = False
    hide_totals: bool = False


class MediumSaid(msgspec.Struct, kw_only=True):
    """One of `media_attributes`: what an edit says anew of a file that the post shows."""

    id: int | None = None
    description: str | None = None
    focus: str | None = None


class Writing(msgspec.Struct, kw_only=True):
    """The body of POST /api/v1/statuses and of PUT /api/v1/statuses/ID."""

    status: str = ""
    spoiler_text: str = ""
    sensitive: bool | None = None
    language: str | None = None
    visibility: str | None = None
    in_reply_to_id: int | None = None
    media_ids: list[str] = msgspec.field(default_factory=list)
    media_attributes: list[MediumSaid] = msgspec.field(default_factory=list)
    poll: Polling | None = None
    scheduled_at: str | None = None
    quoted_status_id: int | None = None
    quote_approval_policy: str | None = None
    allowed_mentions: list[str] | None = None
    group_id: int | None = None  # with `visibility=group`

    def params(self, settings: dict[str, Any]) -> dict[str, Any]:
        """What a draft is made of (`fedi.actions.scheduled.draft_of`), with a person's settings where nothing is said.

        Raises Invalid.
        """
        if self.visibility is not None and self.visibility not in (*TO_ACTIONS, GROUP):
            raise Invalid("Validation failed: Visibility is not included in the list")
        return {
            "text": self.status,
            "spoiler_text": self.spoiler_text,
            "sensitive": bool(settings.get("sensitive")) if self.sensitive is None else self.sensitive,
            "visibility": settings.get("visibility", "public")
            if self.visibility is None
            else TO_ACTIONS.get(self.visibility, "public"),
            "language": self.said_language() or settings.get("language"),
            "in_reply_to_id": self.in_reply_to_id,
            "quoted_status_id": self.quoted_status_id,
            "quote_approval_policy": self.said_policy() or settings.get("quote_policy"),
            "poll": self.said_poll(),
        }

    def draft(self, settings: dict[str, Any], now: int, app_id: int | None) -> Draft:
        """The same as a draft. Raises Invalid."""
        return draft_of(self.params(settings), now, self.files(), app_id)

    def said_language(self) -> str | None:
        """The language, where one is given. Raises Invalid."""
        if self.language is not None and len(self.language) > _MAX_LANGUAGE:
            raise Invalid("Validation failed: Language is not a language tag")
        return self.language or None

    def said_policy(self) -> str | None:
        """Who may quote it, where that is given. Raises Invalid."""
        if self.quote_approval_policy and self.quote_approval_policy not in QUOTE_POLICIES:
            raise Invalid("Validation failed: Quote approval policy is not included in the list")
        return self.quote_approval_policy or None

    def said_poll(self) -> dict[str, Any] | None:
        """The poll as params have it. Raises Invalid for an end that is none, or too near."""
        if self.poll is None or not self.poll.options:
            return None
        if self.poll.expires_in is None:
            raise Invalid("Validation failed: Expires at can't be blank")
        if self.poll.expires_in < MIN_POLL_SECONDS:
            raise Invalid("Validation failed: Expires at is too soon")
        return {
            "options": self.poll.options,
            "expires_in": min(self.poll.expires_in, _LONGEST),
            "multiple": self.poll.multiple,
            "hide_totals": self.poll.hide_totals,
        }

    def edited_poll(self, now: int) -> PollDraft | None:
        """The poll of an edit: its end may be near, or over, as clients send what is left of it."""
        if self.poll is None or not self.poll.options:
            return None
        seconds = max(60, min(self.poll.expires_in or 0, _LONGEST))
        return PollDraft(tuple(self.poll.options), self.poll.multiple, now + 1000 * seconds, self.poll.hide_totals)

    def files(self) -> tuple[int, ...]:
        """The ids of its media, each once. Raises Invalid for what can't be one."""
        return tuple(dict.fromkeys(_medium_id(one) for one in self.media_ids if one))


def _medium_id(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise Invalid(f"Media {text[:40]} not found or already attached to another post")
    return int(text)


def time_of(text: str | None) -> int | None:
    """An ISO 8601 time as ms since 1970, UTC where it names no zone; None for none. Raises Invalid."""
    if text is None or not text.strip():
        return None
    try:
        at = datetime.fromisoformat(text.strip()[:64])
    except ValueError as problem:
        raise Invalid("Validation failed: Scheduled at is invalid") from problem
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    try:
        return int(at.timestamp() * 1000)
    except (OverflowError, ValueError) as problem:
        raise Invalid("Validation failed: Scheduled at is invalid") from problem
