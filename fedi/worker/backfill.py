"""The job `backfill`: fetch what we missed of a thread, or of a group that somebody here just joined.

In the order of FEP-f228: the history of a thread (activities with their actors' proofs, one question for all of them),
else the posts of its context, else the answers of each post in turn. Everything has a budget, as whoever serves a
collection decides how long it is. Nothing is believed but for its origin or its proof; a post lands in a group only where
the group's own collection lists it.
"""

import asyncio
import logging
import zlib
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from federation import fields as wire
from federation.activity import Authentic
from federation.authorship import check_authorship
from federation.client import Document
from federation.errors import Busy, FederationError
from federation.hosts import host_of, same_origin
from federation.signatures.integrity import proof_key_id
from federation.signatures.verify import authentic_within
from federation.vocabulary.collection import read_collection
from federation.vocabulary.note import KINDS, PostDocument, read_post
from fedi import fetching, policy
from fedi.actions import conversations, reactions, remote_posts
from fedi.context import Site
from storage import actors, backfills, pins, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.pins import Pin
from storage.posts import Post
from storage.reactions import Boost

log = logging.getLogger(__name__)

REQUESTS = 60
"""Questions of one job, to all hosts, beside those for actors and their keys."""
STRANGERS = 60
"""Actors of one job who were not known before."""
PARENTS = 3
"""What one post answers that is fetched with it: the order of a collection has brought the rest before."""
PAGES = 12
"""Pages of one collection."""
POSTS = 500
"""Items of one job (Mastodon takes as many)."""
DEPTH = 8
"""Answers to answers, where they are fetched one by one."""
PINS = 20
THREADS = 10
"""Threads of a group that was just joined."""
MISSED = 100
"""The same of a group that said things while it was suspended."""
SECONDS = 90.0
HOST = (20, 40)
"""Jobs that ask the same host: so many a minute, so many at once."""

_ACTIVITIES = frozenset({"Create", "Update"})


async def backfill(site: Site, payload: dict[str, Any]) -> None:
    """Fetch a collection (`iri`) as its `form` says: `context`, `replies`, `outbox` of a group, `posts` (the outbox of a
    person) or `featured` (then `of` is the IRI of the actor whose it is). Of an outbox all that is newer than `since` (ms) is
    fetched, if that is given, else of a group what is newest.

    Raises FederationError when its host can't be asked now.
    """
    iri = str(payload["iri"])
    if site.is_local(iri):
        return
    if not site.backfills.allow(host_of(iri), *HOST, site.clock()):
        raise Busy(f"{host_of(iri)} was asked for much lately", retry_after=60)
    work = _Work(site)
    try:
        async with asyncio.timeout(SECONDS):
            if payload.get("form") == "replies":
                await work.replies(iri)
            elif payload.get("form") == "outbox":
                await work.outbox(iri, str(payload.get("of")), payload.get("since"))
            elif payload.get("form") == "posts":
                await work.posts(iri, str(payload.get("of")), int(payload.get("since") or 0))
            elif payload.get("form") == "featured":
                await work.featured(iri, str(payload.get("of")))
            else:
                await work.thread(iri)
    except TimeoutError:
        log.info("backfill of %s: time is up", iri)
    except FederationError as problem:
        if problem.retry:
            raise
        log.info("backfill of %s: %s", iri, problem)
    await site.db.write(lambda tx: backfills.answered(tx, iri, work.new))


@dataclass(slots=True)
class _Work:
    """One job: what it may still ask, and what it found."""

    site: Site
    requests: int = REQUESTS
    items: int = POSTS
    strangers: int = STRANGERS
    new: int = 0
    asked: set[str] = field(default_factory=set)

    async def thread(self, iri: str) -> None:
        """A thread by its context."""
        found = await self._get(iri)
        if found is None:
            return
        read = read_collection(found.document)
        group = await self._owner(read.attributed_to, found.url)
        if read.history is not None and same_origin(read.history, found.url):
            try:
                history = await self._get(read.history)
                if history is not None:
                    await self._all(history, group)
            except FederationError as problem:
                log.info("the history %s: %s", read.history, problem)
        kept = await self._all(found, group)  # what the history did not tell; of what is known nothing is asked
        root = kept[0] if kept else None
        if group is not None and root is not None and root.reply_to_iri is None:
            owner, opens, at = group, root, root.published_at
            # Under the thread's own address, as the announce of it is not known.
            await self.site.db.write(lambda tx: _stand(tx, self.site, owner, opens, found.url, at))

    async def replies(self, iri: str) -> None:
        """A thread by the answers to its first post, to those answers, and so on, breadth first."""
        waiting = deque([(iri, 0)])
        while waiting:
            address, depth = waiting.popleft()
            try:
                found = await self._get(address)
            except FederationError:
                if depth == 0:
                    raise
                continue
            if found is None:
                continue
            for post in await self._all(found, None):
                below = post.replies
                if not post.local and below is not None and depth < DEPTH and same_origin(below, post.iri):
                    waiting.append((below, depth + 1))

    async def posts(self, iri: str, author_iri: str, since: int) -> None:
        """What a person said since then (ms), newest first."""
        author = await self.site.db.read(lambda tx: actors.by_iri(tx, author_iri))
        found = await self._get(iri)
        if author is None or author.is_group or author.outbox != iri or found is None:
            return
        async for items, url in self._pages(found, PAGES):
            for item in items:
                if self.items <= 0:
                    return
                self.items -= 1
                await self._take(item, url, None)
            if _older(items, since):
                return

    async def outbox(self, iri: str, group_iri: str, since: int | None = None) -> None:
        """The latest threads of a group: what it announced last, and the rest of each thread by a job of its own. With `since`
        (ms) all that it announced after that."""
        group = await self.site.db.read(lambda tx: actors.by_iri(tx, group_iri))
        found = await self._get(iri)
        if group is None or not group.is_group or group.outbox != iri or found is None:
            return
        contexts: dict[str, None] = {}
        async for items, url in self._pages(found, 2 if since is None else PAGES):
            for item in items:
                if isinstance(item, dict) and "Announce" in wire.types(item):
                    context = await self._announced(item, url, group)
                    if context is not None:
                        contexts[context] = None
            if items and (since is None or _older(items, since)):
                break  # one page: the rest of each thread comes by its context
        threads = THREADS if since is None else MISSED

        def ask(tx: Tx) -> None:
            for one in list(contexts)[:threads]:
                conversations.ask(tx, self.site, one)

        await self.site.db.write(ask)

    async def featured(self, iri: str, owner_iri: str) -> None:
        """What a person or group put first: it is pinned here as well, in their order."""
        owner = await self.site.db.read(lambda tx: actors.by_iri(tx, owner_iri))
        if owner is None or owner.local or owner.featured != iri:
            return
        found = await self._get(iri)
        if found is None:
            return
        self.items = PINS
        kept = await self._all(found, owner if owner.is_group else None)
        await self.site.db.write(lambda tx: _pinned(tx, self.site, owner, kept))

    async def _announced(self, item: wire.Json, url: str, group: Actor) -> str | None:
        """Keep what one Announce in a group's outbox is about; the context of its thread comes back."""
        iri, inner = wire.id_of(item), item.get("object")
        if iri is None or not same_origin(iri, url) or wire.first_id(item.get("actor")) != group.iri:
            return None
        held = inner.get("object") if isinstance(inner, dict) else None
        context = wire.first_id(item.get("context"))
        if context is None and isinstance(held, dict):
            context = wire.first_id(held.get("context"))
        post = await self._take(inner, url, group) if isinstance(inner, str | dict) else None
        if post is not None and post.reply_to_iri is None:
            at = wire.milliseconds(item.get("published")) or post.published_at
            await self.site.db.write(lambda tx: _stand(tx, self.site, group, post, iri, at))
        return context if context is not None and same_origin(context, group.iri) else None

    async def _all(self, found: Document, group: Actor | None) -> list[Post]:
        """Keep every post of a collection, in its order."""
        kept: list[Post] = []
        async for items, url in self._pages(found, PAGES):
            for item in items:
                if self.items <= 0:
                    return kept
                self.items -= 1
                post = await self._take(item, url, group)
                if post is not None:
                    kept.append(post)
        return kept

    async def _pages(self, found: Document, most: int) -> AsyncIterator[tuple[list[Any], str]]:
        """(items, URL that served them) of a collection: its own, then those of its pages."""
        page, url = read_collection(found.document), found.url
        if page.items:
            yield page.items, url
        following: Any = page.first
        for _ in range(most):
            if isinstance(following, dict):
                page = read_collection(following)
            elif isinstance(following, str) and same_origin(following, found.url):
                fetched = await self._get(following)
                if fetched is None:
                    return
                page, url = read_collection(fetched.document), fetched.url
            else:
                return
            yield page.items, url
            following = page.next

    async def _get(self, iri: str) -> Document | None:
        """A document, each once; None when the budget is spent. Raises FederationError."""
        if iri in self.asked or self.requests <= 0 or self.site.is_local(iri):
            return None
        self.asked.add(iri)
        self.requests -= 1
        return await fetching.document(self.site, iri)

    async def _owner(self, iri: str | None, url: str) -> Actor | None:
        """The group, known here, whose collection this is: only its own host can say so."""
        if iri is None or not same_origin(iri, url):
            return None
        owner = await self.site.db.read(lambda tx: actors.by_iri(tx, iri))
        return owner if owner is not None and owner.is_group and not owner.local else None

    async def _take(self, item: str | wire.Json, url: str, group: Actor | None) -> Post | None:
        """One item of a collection that `url` served: the post that it is, or that it is about."""
        try:
            if isinstance(item, str):
                return await self._by_iri(item, group)
            kinds = set(wire.types(item))
            if kinds & _ACTIVITIES:
                return await self._activity(item, url, group)
            if not kinds.isdisjoint(KINDS):
                iri = wire.id_of(item)
                if iri is not None and same_origin(iri, url):
                    return await self._keep(read_post(item), group, newest=True)
                return await self._by_iri(iri, group)
        except FederationError as problem:
            log.info("an item of %s: %s", url, problem)
        return None

    async def _activity(self, item: wire.Json, url: str, group: Actor | None) -> Post | None:
        proven = await self._proven(item, url)
        if proven is None:
            return await self._by_iri(wire.first_id(item.get("object")), group)
        if isinstance(item.get("object"), str):
            return await self._by_iri(item["object"], group)
        read = read_post(check_authorship(proven.activity))
        if read.author != proven.signer:
            return None
        return await self._keep(read, group, newest=proven.activity.type == "Update")

    async def _proven(self, item: wire.Json, url: str) -> Authentic | None:
        """An activity by its own host, which served it, or by its actor's proof (FEP-8b32)."""
        iri = wire.id_of(item)
        try:
            if iri is not None and same_origin(iri, url):
                return authentic_within(item, url)
            if proof_key_id(item) is not None and await self._may_meet(wire.first_id(item.get("actor"))):
                return await fetching.proven(self.site, item)
        except FederationError as problem:
            log.info("what %s passes on is not proven: %s", url, problem)
        return None

    async def _may_meet(self, iri: str | None) -> bool:
        """Whether an actor is known, or may be asked for within the budget."""
        if iri is None:
            return False
        if await self.site.db.read(lambda tx: actors.by_iri(tx, iri)) is None:
            self.strangers -= 1
        return self.strangers >= 0

    async def _by_iri(self, iri: str | None, group: Actor | None) -> Post | None:
        """A post that is only named: as it is known, else as its origin has it."""
        if iri is None:
            return None
        post = await self.site.db.read(lambda tx: posts.by_iri(tx, iri))
        if post is None:
            if self.requests <= 0 or iri in self.asked or self.site.is_local(iri):
                return None
            self.asked.add(iri)
            self.requests -= 1
            post = await fetching.post(self.site, iri, late=False, parents=PARENTS)
            self.new += post is not None
        if post is None or post.deleted_at is not None or group is None:
            return None if post is None or post.deleted_at is not None else post
        found = post
        return await self.site.db.write(lambda tx: _placed(tx, self.site, group, found))

    async def _keep(self, read: PostDocument, group: Actor | None, *, newest: bool) -> Post | None:
        """Keep a post that is proven to be its author's."""
        if self.site.is_local(read.id):
            return await self._by_iri(read.id, group)
        if not await self._may_meet(read.author):
            return None
        author = await fetching.actor(self.site, read.author)
        kept = await self.site.db.write(lambda tx: _record(tx, self.site, read, author, group, newest=newest))
        if kept is None:
            return None
        self.new += kept[1]
        return kept[0]


def _older(items: list[Any], since: int) -> bool:
    """Whether the last item of a page, the oldest, is from before `since` (ms), as far as it says."""
    last = items[-1] if items else None
    at = wire.milliseconds(last.get("published")) if isinstance(last, dict) else None
    return at is not None and at < since


def _record(
    tx: Tx, site: Site, read: PostDocument, author: Actor, group: Actor | None, *, newest: bool
) -> tuple[Post, bool] | None:
    """(the post, whether it is new). What is known is changed only by a later edit: a Create may be older than one."""
    if author.state != "active" or policy.refuses(policy.receiving(tx, site, author.host, "Create")):
        return None
    known = posts.by_iri(tx, read.id)
    if known is not None and (known.deleted_at is not None or known.author_id != author.id):
        return None
    later = known is not None and newest and (read.updated or 0) > (known.edited_at or 0)
    if known is None or later:
        kept = remote_posts.record(tx, site, read, author, live=False)
        if kept is None:
            return None
        post = kept.post
    else:
        post = known
    return (_placed(tx, site, group, post) if group is not None else post), known is None


def _placed(tx: Tx, site: Site, group: Actor, post: Post) -> Post:
    """A post that a group lists is in it."""
    remote_posts.vouched(tx, site, group, post)
    return posts.by_id(tx, post.id) or post


def _stand(tx: Tx, site: Site, group: Actor, post: Post, iri: str, at: int) -> None:
    """A thread stands among the group's, at the time when the group announced it."""
    now = posts.by_id(tx, post.id)
    if now is None or now.group_id != group.id or now.local:
        return
    at = min(max(at, 0), site.clock())
    boost_id = site.db.ids.past(at, zlib.crc32(iri.encode()))
    reactions.keep_boost(tx, site, group, now, Boost(boost_id, group.id, now.id, iri, at))


def _pinned(tx: Tx, site: Site, owner: Actor, listed: list[Post]) -> None:
    """The pins of a remote actor are those that it lists: people pin what is their own, groups what is in them."""
    wanted = [post.id for post in listed if owner.id == (post.group_id if owner.is_group else post.author_id)]
    for pin in pins.of(tx, owner.id):
        if pin.post_id not in wanted:
            pins.remove(tx, owner.id, pin.post_id)
    now = site.clock()
    for place, post_id in enumerate(dict.fromkeys(wanted)):
        pins.insert(tx, Pin(owner.id, post_id, now - place))
