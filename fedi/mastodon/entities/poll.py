"""The Poll entity. Pure."""

from typing import Any

from fedi.mastodon.answers import moment
from fedi.mastodon.entities.emoji import emojis
from storage.polls import Poll
from storage.posts import Post


def poll(found: Poll, post: Post, *, now: int, chosen: list[int] | None, own: bool) -> dict[str, Any]:
    """A poll; its id is that of its post. With `hide_totals` how many chose each option is null until it is over.

    `chosen` is what the caller voted for (None: there is no caller).

    Its author counts as having voted, as in Mastodon: clients then show the result instead of the choice.
    """
    ends_at = found.ends_at or found.closed_at
    ended = over(found, now)
    shown: dict[str, Any] = {
        "id": str(found.post_id),
        "expires_at": None if ends_at is None else moment(ends_at),
        "expired": ended,
        "multiple": found.multiple,
        "votes_count": sum(found.votes),  # told in any case, as in Mastodon
        "voters_count": found.voters_count,
        "options": [
            {"title": title, "votes_count": votes if ended or not found.hide_totals else None}
            for title, votes in zip(found.options, found.votes, strict=False)
        ],
        "emojis": emojis(post.emoji),
    }
    if chosen is not None:
        shown["voted"] = own or bool(chosen)
        shown["own_votes"] = chosen
    return shown


def over(found: Poll, now: int) -> bool:
    """Whether nobody can vote any more."""
    return (found.closed_at is not None and found.closed_at <= now) or (
        found.ends_at is not None and found.ends_at <= now
    )
