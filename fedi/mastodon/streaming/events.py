"""From what happened (`words`) to what is told on which streams: events of Mastodon's names with their payloads.

Statuses, notifications and conversations are rendered as answers are, for the very person who gets them, since clients
overwrite with them what they have (vutuv#1588).
"""

import logging
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass

import msgspec

from fedi import hiding, visibility
from fedi.callers import Caller
from fedi.context import Site
from fedi.mastodon.entities.announcement import announcement, reaction
from fedi.mastodon.entities.conversation import conversation
from fedi.mastodon.entities.notification import notification
from fedi.mastodon.notifications import rows_of
from fedi.mastodon.streaming import audience, payloads
from fedi.mastodon.streaming.audience import OPEN, Told, Wanted
from fedi.mastodon.streaming.words import Happened
from storage import actors, conversations, lists, notifications, posts, readers
from storage.ids import time_of
from storage.metadata import Tx

__all__ = ["OPEN", "News", "Wanted", "owns", "told"]

log = logging.getLogger(__name__)

_LATE = 24 * 3600 * 1000
"""Milliseconds after which what is found of the past (`fedi.worker.backfill`) is no news."""

Listening = Callable[[], Wanted]


@dataclass(frozen=True, slots=True)
class News:
    """An event for all who listen to the streams `stream` that are about one of `about`; of them only `people`, if given.

    `of_notifications`: only for who may read notifications.
    """

    stream: str
    about: Collection[int | str]
    event: str
    payload: bytes | None
    people: Collection[int] | None = None
    of_notifications: bool = False


def owns(tx: Tx, person_id: int, list_id: int) -> bool:
    """Whether this list is this person's."""
    return lists.find(tx, person_id, list_id) is not None


async def told(site: Site, happened: list[Happened], listening: Listening) -> AsyncIterator[News]:
    """What is told of what happened, in that order. What fails is logged, and the rest is told."""
    at = 0
    while at < len(happened):
        one = happened[at]
        at += 1
        try:
            if one.kind == "entry":
                together = [one]
                while at < len(happened) and happened[at].kind == "entry":
                    together.append(happened[at])
                    at += 1
                async for news in _entries(site, together, listening()):
                    yield news
            else:
                async for news in _TOLD[one.kind](site, one, listening()):
                    yield news
        except Exception:
            log.exception("streaming: %s could not be told", one)


async def _entries(site: Site, together: list[Happened], wanted: Wanted) -> AsyncIterator[News]:
    if not wanted:
        return
    now = site.clock()
    ids = [one.ids[1] for one in together if now - time_of(one.ids[1]) < _LATE]
    if not ids:
        return
    for one in await site.db.read(lambda tx: audience.of_entries(tx, ids, wanted, now)):
        async for news in _statuses(site, one, "update"):
            yield news


async def _edited(site: Site, one: Happened, wanted: Wanted) -> AsyncIterator[News]:
    def unit(tx: Tx) -> Told | None:
        post = posts.by_id(tx, one.ids[0])
        return None if post is None else audience.of_change(tx, post, wanted, site.clock())

    found = await site.db.read(unit) if wanted else None
    if found is not None:
        async for news in _statuses(site, found, "status.update"):
            yield news


async def _statuses(site: Site, one: Told, event: str) -> AsyncIterator[News]:
    for payload, people in await payloads.rendered(site, one.shown, one.everyone()):
        for news in _addressed(one, event, payload, people):
            yield news


def _addressed(one: Told, event: str, payload: bytes, people: set[int]) -> list[News]:
    """The same payload on every stream of these people that it belongs to."""
    found = []
    homes = one.homes & people
    if homes:
        found.append(News("user", homes, event, payload))
    inside = [a_list for a_list, person in one.lists.items() if person in people]
    if inside:
        found.append(News("list", inside, event, payload))
    there = one.people & people
    found += [News(name, (about,), event, payload, there) for name, about in one.open if there]
    return found


async def _deleted(site: Site, one: Happened, wanted: Wanted) -> AsyncIterator[News]:
    post_id, *named = one.ids

    def unit(tx: Tx) -> Told | None:
        post = posts.by_id(tx, post_id)
        return None if post is None else audience.of_deletion(tx, post, named, wanted)

    found = await site.db.read(unit) if wanted else None
    if found is not None:
        for news in _addressed(found, "delete", str(post_id).encode(), found.everyone()):
            yield news


async def _taken_back(site: Site, one: Happened, wanted: Wanted) -> AsyncIterator[News]:
    actor_id, entry_id = one.ids

    def unit(tx: Tx) -> tuple[set[int], dict[int, int]]:
        of = [actor_id]
        return readers.followers(tx, of, wanted.homes), readers.lists_with(tx, of, wanted.lists)

    homes, inside = await site.db.read(unit) if wanted.homes or wanted.lists else (set(), {})
    if homes:
        yield News("user", homes, "delete", str(entry_id).encode())
    if inside:
        yield News("list", list(inside), "delete", str(entry_id).encode())


async def _notification(site: Site, one: Happened, wanted: Wanted) -> AsyncIterator[News]:
    person_id, notification_id = one.ids

    def unit(tx: Tx) -> bytes | None:
        known = notifications.by_id(tx, person_id, notification_id)
        person = actors.by_id(tx, person_id)
        if known is None or person is None:
            return None
        caller = Caller(person, "member", 0, 0, frozenset())
        shown = notification(rows_of(tx, site, caller, [known]), known)
        return None if shown is None else msgspec.json.encode(shown)

    payload = await site.db.read(unit) if person_id in wanted.notified else None
    if payload is not None:
        for news in _to_notified(person_id, "notification", payload):
            yield news


async def _merged(site: Site, one: Happened, wanted: Wanted) -> AsyncIterator[News]:
    for news in _to_notified(one.ids[0], "notifications_merged", b"1"):
        yield news


def _to_notified(person_id: int, event: str, payload: bytes) -> list[News]:
    return [
        News("user", (person_id,), event, payload, of_notifications=True),
        News("user:notification", (person_id,), event, payload),
    ]


async def _filters(site: Site, one: Happened, wanted: Wanted) -> AsyncIterator[News]:
    yield News("user", one.ids, "filters_changed", None)


async def _conversation(site: Site, one: Happened, wanted: Wanted) -> AsyncIterator[News]:
    person_id, conversation_id = one.ids

    def unit(tx: Tx) -> bytes | None:
        known = conversations.by_id(tx, person_id, conversation_id)
        last = visibility.seen(tx, visibility.person(person_id), [known.last_post_id]) if known is not None else {}
        author = actors.by_id(tx, last[known.last_post_id].author_id) if known is not None and last else None
        if author is None or not hiding.hidden(tx, person_id, site.clock()).reads(author):
            return None
        return msgspec.json.encode(conversation(tx, site, person_id, conversation_id))

    payload = await site.db.read(unit) if person_id in wanted.direct else None
    if payload is not None:
        yield News("direct", (person_id,), "conversation", payload)


async def _announcement(site: Site, one: Happened, wanted: Wanted) -> AsyncIterator[News]:
    found = await site.db.read(lambda tx: announcement(tx, site, one.ids[0])) if wanted.homes else None
    if found is not None:
        yield News("user", wanted.homes, "announcement", msgspec.json.encode(found))


async def _reaction(site: Site, one: Happened, wanted: Wanted) -> AsyncIterator[News]:
    if wanted.homes:
        found = await site.db.read(lambda tx: reaction(tx, one.ids[0], one.rest))
        yield News("user", wanted.homes, "announcement.reaction", msgspec.json.encode(found))


async def _announced_no_more(site: Site, one: Happened, wanted: Wanted) -> AsyncIterator[News]:
    yield News("user", wanted.homes, "announcement.delete", str(one.ids[0]).encode())


_TOLD: dict[str, Callable[[Site, Happened, Wanted], AsyncIterator[News]]] = {
    "edited": _edited,
    "deleted": _deleted,
    "deleted-entry": _taken_back,
    "notification": _notification,
    "merged": _merged,
    "filters": _filters,
    "conversation": _conversation,
    "announcement": _announcement,
    "announcement.reaction": _reaction,
    "announcement.delete": _announced_no_more,
}
