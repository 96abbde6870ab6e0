"""How far the viewer of a thread's page has read it: what is new, where to go on, up to where it is read by looking at the
page, and what an answer answers that does not stand above it. Marks are kept by `fedi.actions.reading`."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from fedi import visibility
from fedi.actions import reading
from fedi.web import cards
from fedi.web.card import Card
from fedi.web.listing import PAGE
from storage import mutes, replies
from storage.actors import Actor
from storage.metadata import Tx


@dataclass(frozen=True, slots=True)
class ReadThread:
    """The thread around the shown post, for this viewer: what of it they have not read, which of that is `new` since they were
    there last, and where the first of these is (`jump`), if they read the rest. Only threads of groups are kept track of."""

    root_id: int
    unread: frozenset[int] = frozenset()
    new: frozenset[int] = frozenset()
    jump: str | None = None
    follows: bool = False
    muted: bool = False


class Shown:
    """What came to be on the page, which has as many answers as fit into a round trip."""

    def __init__(self) -> None:
        self.ids: set[int] = set()

    def noting(self, variants: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The same contexts; the last that is asked for is the one on the page."""
        for context in variants:
            cards_there = (context["card"], *context["ancestors"], *context["replies"])
            self.ids = {card.post.id for card in cards_there}
            yield context


def read_up_to(thread: ReadThread, shown: set[int]) -> int | None:
    """Up to which post the thread has been read with this page: no post before it was left out. None where that is no news."""
    left = min((one for one in thread.unread if one not in shown), default=None)
    return max((one for one in thread.unread & shown if left is None or one < left), default=None)


def of(
    tx: Tx, me: Actor | None, card: Card, shape: list[tuple[int, int | None]], order: list[int], start: int
) -> ReadThread:
    """How far the viewer has read the thread; `order` is what is on its pages in the order of reading, `start` where this page
    begins in the answers."""
    root = card.post.root_id or card.post.id
    if me is None:
        return ReadThread(root)
    muted = root in mutes.muted_threads(tx, me.id, [root])
    if card.group is None:
        return ReadThread(root, muted=muted)
    known = reading.of_thread(tx, me.id, root)
    mine = replies.by_author(tx, root, me.id)
    unread = frozenset(one for one, _to in shape if one > (known.last_id or 0) and one not in mine)
    if known.last_id is None:
        return ReadThread(root, unread, follows=known.follows, muted=muted)
    first = next((at for at, one in enumerate(order) if one in unread), None)
    jump = None
    if first is not None:
        place = first - order.index(card.post.id) - 1  # among the answers, which are in pages
        page_ = f"?before={order[first - 1]}" if place > 0 and not start <= place < start + PAGE else ""
        jump = f"{card.path}{page_}#p{order[first]}" if page_ or (place >= 0 and place < start) else f"#p{order[first]}"
    return ReadThread(root, unread, unread, jump, follows=known.follows, muted=muted)


def answered_elsewhere(tx: Tx, me: Actor | None, made: dict[int, Card], order: list[int]) -> dict[int, Card]:
    """The cards of posts that answer another than the one they stand below, with what that says."""
    wanted = {
        one: made[one].post.reply_to_id
        for above, one in pairwise(order)
        if one in made and made[one].post.reply_to_id not in (None, above, order[0])
    }
    missing = [to for to in wanted.values() if to is not None and to not in made]
    seen = visibility.seen(tx, cards.viewer_of(me), missing)
    known = made | {card.post.id: card for card in cards.of_posts(tx, me, list(seen.values()), quotes=False)}
    return {one: replace(made[one], above=known[to]) for one, to in wanted.items() if to in known}
