"""Lists of posts, one page at a time: what is on the page, how much of each post, and where the list goes on."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.requests import Request

from fedi import feeds, visibility
from fedi.hiding import hidden
from fedi.web import cards
from fedi.web.card import Card
from storage import reactions
from storage.actors import Actor
from storage.feeds import read
from storage.metadata import Tx
from storage.timelines import Entry, Page

PAGE = 20
"""Posts on a page."""
_SIZES = ((PAGE, 400), (PAGE, 160), (PAGE, 80), (12, 100), (8, 80), (4, 60), (2, 60), (1, 60))
"""(posts, characters of each), tried in this order until the page fits into what a first round trip brings."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The cards of a page, newest first. `last` is the cursor after all of them, None where the list ends."""

    cards: list[Card]
    last: int | None


def before(request: Request) -> int | None:
    """The cursor in the query, `?before=`; None for the newest page and for what is no id."""
    text = request.query_params.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def page_of(request: Request) -> Page:
    """What to read from a timeline for this page: one more than is shown, to know whether it goes on."""
    return Page(limit=PAGE + 1, max_id=before(request))


def of_home(tx: Tx, me: Actor, page: Page, now: int) -> Listing:
    """The listing of a page of a home: a post that two groups and its author put there stands where it came first, and of
    whom the person does not want to meet nothing is there."""
    feed = feeds.home(tx, me.id, now)
    entries = read(tx, feed.reads, page)
    kept = {entry.id for entry in feed.keep(tx, entries)}
    return of_entries(tx, me, entries, but={entry.id for entry in entries} - kept)


def of_entries(tx: Tx, me: Actor | None, entries: list[Entry], *, but: Collection[int] = ()) -> Listing:
    """The listing of these rows of a timeline: through the gate, each post once, the newest time it came. `but`: without
    the rows of these ids."""
    shown = entries[:PAGE]
    seen = visibility.seen(tx, cards.viewer_of(me), [entry.post_id for entry in shown])
    boosts = reactions.boosts_by_ids(tx, [entry.id for entry in shown if entry.boost])
    unseen = visibility.unseen_boosts(tx, cards.viewer_of(me), boosts.values())
    first: dict[int, Entry] = {}
    for entry in shown:
        if entry.post_id in seen and entry.id not in but and entry.id not in unseen:
            first.setdefault(entry.post_id, entry)
    made = cards.of_posts(
        tx,
        me,
        [seen[post_id] for post_id in first],
        boosted_by={post_id: entry.actor_id for post_id, entry in first.items() if entry.boost},
        cursors={post_id: entry.id for post_id, entry in first.items()},
    )
    return Listing(made, shown[-1].id if len(entries) > PAGE else None)


def of_ids(tx: Tx, me: Actor | None, ids: list[int], now: int) -> Listing:
    """The listing of these posts, through the gate, without those of whom the reader does not want to meet."""
    shown = ids[:PAGE]
    seen = visibility.seen(tx, cards.viewer_of(me), shown)
    made = cards.of_posts(tx, me, [seen[post_id] for post_id in shown if post_id in seen])
    return Listing(wanted(tx, me, made, now), shown[-1] if len(ids) > PAGE else None)


def wanted(tx: Tx, me: Actor | None, made: list[Card], now: int) -> list[Card]:
    """Those of these cards whose authors the reader neither blocks nor mutes."""
    hides = hidden(tx, me.id if me is not None else None, now)
    return [card for card in made if hides.reads(card.author)] if hides else made


def variants(request: Request, listing: Listing, **context: Any) -> Iterator[dict[str, Any]]:
    """Contexts for `fedi.html.fitted`: `cards`, `cut`, `older`, `newer` and `context`, less and less on the page."""
    kept = "".join(
        f"{quote(name)}={quote(value)}&"
        for name, value in request.query_params.items()
        if name not in ("before", "from")
    )
    path = quote(request.url.path, safe="/@:")
    newer = f"{path}?{kept}".rstrip("?&") if before(request) is not None else None
    for count, cut in _SIZES:
        shown = listing.cards[:count]
        cursor = shown[-1].cursor if len(listing.cards) > count else listing.last
        older = f"{path}?{kept}before={cursor}" if cursor is not None else None
        yield {**context, "cards": shown, "cut": cut, "older": older, "newer": newer}
