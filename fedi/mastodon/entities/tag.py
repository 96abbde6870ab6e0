"""The Tag and FeaturedTag entities. Pure."""

import hashlib
from typing import Any

from fedi.mastodon.answers import day
from fedi.mastodon.entities.status import tag_url
from storage.hashtags import DAY, Featured


def tag_id(name: str) -> str:
    """A number for a hashtag, which has no row of its own here: decimal digits and always the same, as clients expect."""
    return str(int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big"))


def tag(
    origin: str,
    name: str,
    now: int,
    used: dict[int, tuple[int, int]],
    *,
    following: bool | None = None,
    featuring: bool | None = None,
) -> dict[str, Any]:
    """The Tag: `used` has (posts, authors) by day (ms). `following` and `featuring` are left out without a caller."""
    shown: dict[str, Any] = {
        "id": tag_id(name),
        "name": name,
        "url": tag_url(origin, name),
        "history": history(now, used),
    }
    if following is not None:
        shown["following"] = following
    if featuring is not None:
        shown["featuring"] = featuring
    return shown


def history(now: int, used: dict[int, tuple[int, int]]) -> list[dict[str, str]]:
    """The last seven days, today first: `used` has (posts, authors) by day (ms)."""
    today = now - now % DAY
    days = []
    for at in range(today, today - 7 * DAY, -DAY):
        uses, authors = used.get(at, (0, 0))
        days.append({"day": str(at // 1000), "uses": str(uses), "accounts": str(authors)})
    return days


def featured(origin: str, row: Featured, used: tuple[int, int] | None) -> dict[str, Any]:
    """The FeaturedTag: `used` is (posts, when the last was written in ms) of those that the caller may see."""
    number, last = used or (0, None)
    return {
        "id": str(row.id),
        "name": row.name,
        "url": tag_url(origin, row.tag),
        "statuses_count": str(number),
        "last_status_at": None if last is None else day(last),
    }
