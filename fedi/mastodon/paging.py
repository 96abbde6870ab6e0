"""Pages of lists: the four parameters `limit`, `max_id`, `since_id`, `min_id`, and the Link header that clients follow.

The header is what Mastodon, and so every client, pages by: `<url>; rel="next", <url>; rel="prev"` with rel quoted and
absolute URLs; `next` is left out on an empty page, or clients ask for ever.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Generic, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
from starlette.requests import Request

from fedi.context import Site
from storage.timelines import Page

T = TypeVar("T")

_SHORT = 200
"""Bytes of a query string that is worth remembering what it says."""
_ROUNDS = 5
"""Times that a list is read on to fill a page when the gate or a filter took rows out."""


class Paging(msgspec.Struct, kw_only=True):
    """The parameters of every list; inherit from it to add others."""

    limit: int | None = None
    max_id: int | None = None
    since_id: int | None = None
    min_id: int | None = None

    def page(self, default: int = 20, most: int = 40) -> Page:
        """The page asked for; a limit beyond `most` is `most`, as Mastodon does."""
        limit = default if self.limit is None else max(1, min(self.limit, most))
        return Page(limit, self.max_id, self.since_id, self.min_id)


@dataclass(frozen=True, slots=True)
class Filled(Generic[T]):
    """A page of things to show, newest first, and the ids between which the next pages lie (None: nothing found)."""

    items: list[T]
    first: int | None
    last: int | None


def fill(
    page: Page, fetch: Callable[[Page], list[T]], id_of: Callable[[T], int], keep: Callable[[list[T]], list[T]]
) -> Filled[T]:
    """Read pages with `fetch` until `page.limit` things are kept, nothing is left, or it was tried often enough.

    `fetch` gives rows newest first, as `storage.timelines` does; `keep` leaves out what the caller may not see or does
    not want. The ids are of what is shown, since ids tell times and nobody is to learn when something was written that they
    may not see; only a page that came out short although there is more says where reading stopped.
    """
    kept: list[T] = []
    first = last = None
    asked = page
    ended = False
    for _ in range(_ROUNDS):
        rows = fetch(asked)
        if not rows:
            ended = True
            break
        newest, oldest = id_of(rows[0]), id_of(rows[-1])
        first = newest if first is None else max(first, newest)
        last = oldest if last is None else min(last, oldest)
        found = keep(rows)
        kept = found + kept if page.min_id is not None else kept + found
        if len(rows) < page.limit or len(kept) >= page.limit:
            ended = True
            break
        asked = replace(asked, min_id=newest) if page.min_id is not None else replace(asked, max_id=oldest)
    kept = kept[-page.limit :] if page.min_id is not None else kept[: page.limit]
    if ended and not kept:
        return Filled([], None, None)
    if kept and (ended or page.min_id is None):
        first = id_of(kept[0])
    if kept and (ended or page.min_id is not None):
        last = id_of(kept[-1])
    return Filled(kept, first, last)


def cursors(rows: list[tuple[int, int]], shown: Collection[int], limit: int) -> list[int]:
    """The cursors of a page of (cursor, whose it is): of those that are shown, as what isn't is not to be told of by its
    cursor; of a full page the last one in any case, or it would not go on."""
    known = [cursor for cursor, whose in rows if whose in shown]
    return [*known, rows[-1][0]] if len(rows) >= limit else known


def links(request: Request, first: int | None, last: int | None) -> dict[str, str]:
    """The Link header of a page whose newest cursor is `first` and oldest `last`; none for an empty page."""
    if first is None or last is None:
        return {}
    site: Site = request.app.state.site
    base = site.config.origin + quote(request.scope["path"].rstrip("/"))  # hashtags are in any letters
    asked: bytes = request.scope["query_string"]
    kept = _kept(asked) if len(asked) < _SHORT and b"access_token" not in asked else _kept.__wrapped__(asked)
    return {"Link": f'<{base}?{kept}max_id={last}>; rel="next", <{base}?{kept}min_id={first}>; rel="prev"'}


@lru_cache(512)
def _kept(asked: bytes) -> str:
    """What of a query string goes on to the next page, with a & where something does."""
    pairs = parse_qsl(asked.decode("latin-1"), keep_blank_values=True)
    left = urlencode(
        [(name, value) for name, value in pairs if name not in ("max_id", "since_id", "min_id", "access_token")]
    )
    return left + "&" if left else ""
