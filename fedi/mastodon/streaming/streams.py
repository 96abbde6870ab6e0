"""The streams that clients ask for: their names, what each needs, and the scopes. Pure.

Names, errors and scopes are those of Mastodon's streaming server (streaming/index.js of 4.5): what is public needs a
person's token and no scope, the rest `read` or one below it.
"""

from dataclasses import dataclass

import msgspec

from fedi.callers import Caller, holds
from fedi.errors import Problem

PUBLIC = ("public", "public:local", "public:remote", "public:media", "public:local:media", "public:remote:media")
TAGS = ("hashtag", "hashtag:local")
PERSONAL = ("user", "user:notification", "direct")
NAMES = (*PERSONAL, *PUBLIC, *TAGS, "list")
_TAG = 200
_LARGEST = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream that somebody listens to.

    `about` is whom or what it is of: the person's id, the hashtag in lower case, the list's id; "" for all. `words` is the
    stream as messages name it, a JSON list.
    """

    name: str
    about: int | str
    words: bytes


class Asked(msgspec.Struct):
    """What a client names a stream by; `only_media` is the form of server-sent events."""

    stream: str | None = None
    tag: str | None = None
    list: str | None = None
    only_media: bool = False


def refused(text: str, status: int) -> Problem:
    """What Mastodon's streaming server says, as an error of ours."""
    return Problem(text, status=status, code="stream")


def find(caller: Caller, asked: Asked) -> Stream:
    """The stream that is asked for. Raises Problem 400 for a name or argument that is none, 401 for a scope too small.

    Whether a list is the caller's own is not asked here.
    """
    name, tag = asked.stream or "", asked.tag or ""
    if name in PUBLIC:
        return Stream(name, "", _words(name))
    if name not in NAMES:
        raise refused("Unknown stream type", 400)
    if name in TAGS:
        wanted = tag.strip().removeprefix("#").lower()
        if not wanted or len(tag) > _TAG:
            raise refused("Missing tag name parameter", 400)
        return Stream(name, wanted, _words(name, tag))
    _demand(caller, "read:notifications" if name == "user:notification" else "read:statuses")
    if name != "list":
        return Stream(name, caller.me.id, _words(name))
    number = asked.list or ""
    if not number:
        raise refused("Missing list name parameter", 400)
    if not (number.isascii() and number.isdigit()) or len(number) > 19 or int(number) > _LARGEST:
        raise refused("Not authorized to stream this list", 401)
    return Stream(name, int(number), _words(name, number))


def hears(caller: Caller) -> bool:
    """Whether notifications are in this caller's `user` stream."""
    return holds(caller.scopes, "read:notifications")


def _demand(caller: Caller, scope: str) -> None:
    if not holds(caller.scopes, scope):
        raise refused("Access token does not have the required scopes", 401)


def _words(*words: str) -> bytes:
    return msgspec.json.encode(words)
