"""Answers kept as they went out, for who asks the same again before anything was committed.

A kept answer is given only to the same token, path and query, only while the database's version is the one that it was read
at (`Database.version`: any commit, here or in another process, ends it, and so does all that the gate depends on: a block, a
suspension, a deleted post, a token that is revoked), and for no more than a second, since time alone changes answers too:
what is muted for an hour, a filter that ends, a poll. Where the version is not known nothing is kept.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from starlette.types import Scope

from fedi.caches import Cache
from fedi.context import Site
from fedi.mastodon.sending import Whole, header

E = TypeVar("E", bound=Callable[..., Awaitable[object]])
Key = tuple[str, bytes, bytes]

AGE = 1_000
"""How old (ms) a kept answer may be."""
_MOST = 2_000
_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is read: the version of the database and the time in ms, both taken before."""

    version: object
    at: int


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer, the moment that it is true of, and the token (None: nobody's) that the request counts for."""

    moment: Moment
    token: str | None
    whole: Whole


def repeatable(endpoint: E) -> E:
    """Mark an endpoint whose answer depends on nothing but the database, the time, the token, path and query, and that does
    nothing but answer: its answers are kept, and have an ETag."""
    endpoint.repeatable = True  # type: ignore[attr-defined]  # a mark on a function
    return endpoint


def is_repeatable(endpoint: object) -> bool:
    """Whether an endpoint is marked so."""
    return getattr(endpoint, "repeatable", False)


class Kept:
    """The answers that one application keeps."""

    def __init__(self) -> None:
        self._entries: Cache[Key, Entry] = Cache(_MOST, _BYTES)

    async def find(self, scope: Scope, site: Site) -> tuple[Entry | None, Moment | None]:
        """(what was answered to the same request and is still true, this moment where it had to be asked for that)."""
        found = self._entries.get(_key(scope))
        if found is None or not 0 <= site.clock() - found.moment.at < AGE:
            return None, None
        now = await self.begin(site)
        return found if now is not None and now.version == found.moment.version else None, now

    async def begin(self, site: Site) -> Moment | None:
        """The moment for an answer that is now read; None when it can't be kept."""
        at = site.clock()
        version = await site.db.version()
        return None if version is None else Moment(version, at)

    def keep(self, scope: Scope, moment: Moment, token: str | None, whole: Whole) -> None:
        """Keep what was read after `moment`."""
        key = _key(scope)
        self._entries.put(key, Entry(moment, token, whole), whole.size + sum(map(len, key)))


def _key(scope: Scope) -> Key:
    return scope["path"], scope["query_string"], header(scope, b"authorization")
