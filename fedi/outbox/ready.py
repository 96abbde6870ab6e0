"""Documents kept as ready bytes: those that the whole network asks for again and again (actors, WebFinger).

They are dropped when an actor changes (`storage.actors` says so in the transaction of the change): what this process did, and
on SQLite what any did, before the next question is answered. On PostgreSQL others are heard of some milliseconds later; what
is nowhere said ends after some seconds. What was asked for in just these words before is answered by `at_once`, before any
routing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope, Send

from fedi.caches import Cache
from fedi.context import Site
from fedi.outbox.answers import Ready, Terms
from storage.events import Subscription
from storage.metadata import Tx
from storage.versions import Changes

KEPT = 5_000
"""How long a document is kept, in ms."""
_MOST = 20_000
_BYTES = 4 << 20
_BESIDE = 600
"""Bytes that a kept document takes beside its own, roughly."""
_BEGINNINGS = ("/people/", "/groups/", "/.well-known/webfinger", "/actor")


@dataclass(slots=True)
class Kept:
    """The ready documents of one application, by key; and what was asked for, in which words: the key and the terms."""

    changes: Subscription
    others: Changes
    documents: Cache[str, tuple[int, Ready]] = field(default_factory=lambda: Cache(_MOST, _BYTES))
    asked: Cache[tuple[str, bytes], tuple[str, Terms, bool]] = field(default_factory=lambda: Cache(_MOST, _BYTES))
    cleared: int = 0

    def find(self, key: str, now: int) -> Ready | None:
        """The document kept under `key`, if it is fresh and no actor changed since."""
        if self.changes.drain() | self.others.any():
            self.documents.clear()
            self.cleared += 1
        found = self.documents.get(key)
        return found[1] if found is not None and found[0] - KEPT <= now < found[0] else None

    def keep(self, key: str, document: Ready, now: int) -> None:
        """Keep a document for some seconds, or until an actor changes."""
        self.documents.put(key, (now + KEPT, document), _BESIDE + 2 * len(key) + len(document.body) * 3 // 2)


async def answered(
    request: Request, key: str, make: Callable[[Tx, Site], Ready], terms: Terms, *, negotiated: bool = False
) -> Response:
    """The document under `key` in answer to a request that anybody may make: the same words get the same from then on.
    `negotiated`: to who asks for ActivityPub; a page has the same address."""
    found = await ready(request, key, make)
    scope = request.scope
    if scope["method"] == "GET" and terms.public:
        asked = scope["path"], scope["query_string"]
        _kept(request).asked.put(asked, (key, terms, negotiated), _BESIDE + 3 * len(key) + len(asked[1]))
    return found.on(request, terms)


async def ready(request: Request, key: str, make: Callable[[Tx, Site], Ready]) -> Ready:
    """The document under `key`, made by `make` when it is not kept. What `make` raises is raised and not kept."""
    site: Site = request.app.state.site
    kept = _kept(request)
    now = site.clock()
    found = kept.find(key, now)
    if found is None:
        cleared = kept.cleared
        found = await site.db.read(lambda tx: make(tx, site))
        kept.find(key, now)
        if kept.cleared == cleared:  # else a change was committed while this was read
            kept.keep(key, found, now)
    return found


def _kept(request: Request) -> Kept:
    kept: Kept | None = getattr(request.app.state, "ready_documents", None)
    if kept is None:
        db = request.app.state.site.db
        kept = request.app.state.ready_documents = Kept(db.events.subscribe("actor"), db.changes("actor"))
    return kept


async def at_once(state: State, scope: Scope, send: Send) -> bool:
    """Answer a request for a document that this application (whose `state` it is) keeps, without a route; False when it is
    none of these."""
    if scope["method"] != "GET" or not scope["path"].startswith(_BEGINNINGS):
        return False
    kept: Kept | None = getattr(state, "ready_documents", None)
    if kept is None:
        return False
    known = kept.asked.get((scope["path"], scope["query_string"]))
    if known is None or (known[2] and not wants_activity(_accept(scope))):
        return False
    found = kept.find(known[0], state.site.clock())
    if found is None:
        return False
    status, headers, body = found.form(scope, known[1])
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    return True


def _accept(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"accept"), "")


def wants_activity(accept: str) -> bool:
    """Whether who sends this Accept header takes ActivityPub and does not rather want a page."""
    return _wants_activity(accept) if len(accept) < _SHORT else _wants_activity.__wrapped__(accept)


_SHORT = 300


@lru_cache(512)
def _wants_activity(accept: str) -> bool:
    said = accept.lower()
    return ("application/activity+json" in said or "application/ld+json" in said) and not said.startswith("text/html")
