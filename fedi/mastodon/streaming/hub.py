"""The hub: all connections of this process that stream, and who of them is told what. One for each application.

It listens to the topic `stream` as long as anybody is connected, so that nobody's posts cost more when nobody streams. What
happened is looked up once for all who are connected (`events`); here it goes to them.
"""

import asyncio
import logging
import weakref
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from fedi.context import Site
from fedi.mastodon.streaming import events, words
from fedi.mastodon.streaming.listener import GOING_AWAY, POLICY, Listener, Message
from fedi.mastodon.streaming.streams import Stream, hears, refused
from storage import apps

log = logging.getLogger(__name__)

OF_A_TOKEN = 50
OF_A_PERSON = 150
"""Connections at once, in this process; a person has several clients, each with several windows."""
STREAMS = 100
"""Streams on one connection."""
HELD = 16 << 20
"""Bytes of messages that wait for readers at most, of all connections together. Who goes over that loses the one that has most
waiting: a reader that reads has next to nothing."""
THUMP = 15.0
_CHECK = 60.0
_BATCH = 100
_WAITING = 50_000
_TOKENS = 10_000
_GOODBYE = 3.0


def hub_of(app: Any) -> "Hub":
    """The hub of this application, made when it is first asked for."""
    state = app.state
    found: Hub | None = getattr(state, "streaming", None)
    if found is None:
        found = state.streaming = Hub(state.site)
    return found


class Hub:
    """Connections and their streams. All methods run in the event loop."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._listeners: set[Listener] = set()
        self._tokens: dict[int, set[Listener]] = defaultdict(set)
        self._people: dict[int, set[Listener]] = defaultdict(set)
        self._streams: dict[str, dict[int | str, dict[Listener, bytes]]] = defaultdict(dict)
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False
        self._held = 0
        self.sent = 0

    def __len__(self) -> int:
        return len(self._listeners)

    def figures(self) -> dict[str, int]:
        """How many connections of each kind there are, and under `sent` how many events went out."""
        found = {"websocket": 0, "eventsource": 0, "sent": self.sent}
        for one in self._listeners:
            found[one.kind] += 1
        return found

    def room(self, token_id: int, person_id: int) -> None:
        """Raises Problem 503 when the server ends, 429 when the person or token has as many connections as it may."""
        if self._closed:
            raise refused("This server is about to restart; try again in a moment", 503)
        here, theirs = self._tokens.get(token_id, ()), self._people.get(person_id, ())
        if len(here) >= OF_A_TOKEN or len(theirs) >= OF_A_PERSON:
            raise refused("Too many connections; close some first", 429)

    def join(self, listener: Listener) -> None:
        """A connection is there. Raises as `room`."""
        caller = listener.caller
        self.room(caller.token_id, caller.me.id)
        self._listeners.add(listener)
        self._tokens[caller.token_id].add(listener)
        self._people[caller.me.id].add(listener)
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._tick())]

    def leave(self, listener: Listener) -> None:
        """A connection is gone."""
        for stream in list(listener.streams.values()):
            self.unsubscribe(listener, stream)
        self._listeners.discard(listener)
        caller = listener.caller
        for known, key in ((self._tokens, caller.token_id), (self._people, caller.me.id)):
            known[key].discard(listener)
            if not known[key]:
                del known[key]
        if not self._listeners:
            for task in self._tasks:
                task.cancel()
            self._tasks = []

    async def subscribe(self, listener: Listener, stream: Stream) -> None:
        """Tell this connection what is in this stream; twice is once.

        Raises Problem 401 for a list that is not the person's, 429 for too many streams.
        """
        key = (stream.name, stream.about)
        if key in listener.streams:
            return
        if len(listener.streams) >= STREAMS:
            raise refused("Too many streams on one connection", 429)
        await self.allow(listener.person_id, stream)
        if listener.ended is None:
            listener.streams[key] = stream
            self._streams[stream.name].setdefault(stream.about, {})[listener] = stream.words

    async def allow(self, person_id: int, stream: Stream) -> None:
        """Raises Problem 401 for a list that is not the person's."""
        if stream.name == "list":
            mine = await self._site.db.read(lambda tx: events.owns(tx, person_id, int(stream.about)))
            if not mine:
                raise refused("Not authorized to stream this list", 401)

    def unsubscribe(self, listener: Listener, stream: Stream) -> None:
        """Tell it nothing of this stream any more; when it was told nothing before, nothing happens."""
        known = listener.streams.pop((stream.name, stream.about), None)
        if known is None:
            return
        there = self._streams[stream.name]
        there[stream.about].pop(listener, None)
        if not there[stream.about]:
            del there[stream.about]

    async def close(self) -> None:
        """The server ends: say so to everyone, and take nobody any more. Who does not listen is not waited for long."""
        self._closed = True
        ending = [one for one in self._listeners if one.ended is None]
        self._end(ending, GOING_AWAY, "The server restarts")
        writing = [task for one in ending if (task := one.writing) is not None]
        if writing:
            await asyncio.wait(writing, timeout=_GOODBYE)

    def _end(self, listeners: Iterable[Listener], code: int, reason: str) -> None:
        for one in list(listeners):
            one.end(code, reason)

    async def _hear(self) -> None:
        heard = self._site.db.events.subscribe("stream", _WAITING)
        try:
            while True:
                payload = await heard.next(3600)
                if payload is None:
                    continue
                batch = [words.read(one) for one in (payload, *heard.take(_BATCH - 1))]
                try:
                    await self._happened([one for one in batch if one is not None])
                except Exception:
                    log.exception("streaming: %d events could not be told", len(batch))
        finally:
            heard.close()

    async def _happened(self, batch: list[words.Happened]) -> None:
        rest = []
        for one in batch:
            if one.kind == "token":
                self._end(self._tokens.get(one.ids[0], ()), POLICY, "The access token was revoked")
            elif one.kind == "suspended":
                self._end(self._people.get(one.ids[0], ()), POLICY, "Your login is disabled")
            else:
                rest.append(one)
        # In order, each with who listens by then: a connection made meanwhile hears only what comes after.
        async for news in events.told(self._site, rest, self._wanted):
            self._tell(news)

    def _wanted(self) -> events.Wanted:
        there = self._streams
        return events.Wanted(
            self._about("user"),
            self._about("list"),
            frozenset(map(str, (*there["hashtag"], *there["hashtag:local"]))),
            {name: frozenset(self._people_of(name)) for name in events.OPEN if there[name]},
            self._about("user:notification").union(self._hearing()),
            self._about("direct"),
        )

    def _about(self, name: str) -> frozenset[int]:
        return frozenset(one for one in self._streams[name] if isinstance(one, int))

    def _people_of(self, name: str) -> set[int]:
        return {one.caller.me.id for listeners in self._streams[name].values() for one in listeners}

    def _hearing(self) -> set[int]:
        return {one.person_id for known in self._streams["user"].values() for one in known if hears(one.caller)}

    def _tell(self, news: events.News) -> None:
        made: dict[bytes, Message] = {}
        there = self._streams[news.stream]
        for about in news.about:
            for listener, stream in list(there.get(about, {}).items()):
                if news.people is not None and listener.person_id not in news.people:
                    continue
                if news.of_notifications and not hears(listener.caller):
                    continue
                message = made.get(stream)
                if message is None:
                    message = made[stream] = self._message(stream, news)
                listener.put(message)
                self.sent += 1
        made.clear()
        self._let_go()

    def _message(self, stream: bytes, news: events.News) -> Message:
        """A message that is counted for as long as it waits for anybody."""
        message = Message(stream, news.event, news.payload)
        self._held += message.size
        weakref.finalize(message, self._released, message.size).atexit = False
        return message

    def _released(self, size: int) -> None:
        self._held -= size

    def _let_go(self) -> None:
        """End who has most waiting, until all that waits is within bounds."""
        ended: list[str] = []
        while self._held > HELD:
            slowest = max(self._listeners, key=lambda one: one.waiting, default=None)
            if slowest is None or slowest.waiting < 2:
                break
            ended.append(slowest.caller.me.username)
            slowest.end(POLICY, "You read too slowly")
        if ended:
            log.warning(
                "ended %d streams that read too slowly, more than %d MiB waited: of %s",
                len(ended),
                HELD >> 20,
                ", ".join(sorted(set(ended))[:5]),
            )

    async def _tick(self) -> None:
        """The heartbeat of server-sent events; and tokens looked at again, as what revoked one may have been missed."""
        since = 0.0
        while True:
            await asyncio.sleep(THUMP)
            for one in self._listeners:
                if one.kind == "eventsource":
                    one.put(b":thump\n\n")
            since += THUMP
            if since >= _CHECK:
                since = 0.0
                try:
                    await self.check()
                except Exception:
                    # The database is away for a moment, or worse: revoked tokens would stay, so operators must see it.
                    log.exception("streaming: tokens could not be looked at again")

    async def check(self) -> None:
        """Close the connections whose tokens are not live any more."""
        known = list(self._tokens)
        for at in range(0, len(known), _TOKENS):
            some = known[at : at + _TOKENS]
            live = await self._site.db.read(lambda tx: apps.live(tx, some))  # noqa: B023 - waited for
            for token_id in some:
                if token_id not in live:
                    self._end(self._tokens.get(token_id, ()), POLICY, "The access token was revoked")
