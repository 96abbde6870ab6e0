"""Documents kept as ready bytes: those that the whole network asks for again and again (actors, WebFinger).

They are dropped when the actor changes (`storage.actors` says so after the commit). What another process changed is
heard of on PostgreSQL; on SQLite it is not, so nothing is kept longer than some seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.requests import Request

from fedi.context import Site
from fedi.outbox.answers import Ready
from storage.events import Subscription
from storage.metadata import Tx

KEPT = 5_000
"""How long a document is kept, in ms."""
MOST = 20_000


@dataclass(slots=True)
class Kept:
    """The ready documents of one application, by key."""

    changes: Subscription
    documents: dict[str, tuple[int, Ready]] = field(default_factory=dict)
    cleared: int = 0

    def find(self, key: str, now: int) -> Ready | None:
        """The document kept under `key`, if it is fresh and no actor changed since."""
        if self.changes.drain():
            self.documents.clear()
            self.cleared += 1
        found = self.documents.get(key)
        return found[1] if found is not None and found[0] > now else None

    def keep(self, key: str, document: Ready, now: int) -> None:
        """Keep a document for some seconds, or until an actor changes."""
        if len(self.documents) >= MOST:
            self.documents.clear()
        self.documents[key] = now + KEPT, document


async def ready(request: Request, key: str, make: Callable[[Tx, Site], Ready]) -> Ready:
    """The document under `key`, made by `make` when it is not kept. What `make` raises is raised and not kept."""
    site: Site = request.app.state.site
    kept: Kept | None = getattr(request.app.state, "ready_documents", None)
    if kept is None:
        kept = request.app.state.ready_documents = Kept(site.db.events.subscribe("actor"))
    now = site.clock()
    found = kept.find(key, now)
    if found is None:
        cleared = kept.cleared
        found = await site.db.read(lambda tx: make(tx, site))
        kept.find(key, now)
        if kept.cleared == cleared:  # else a change was committed while this was read
            kept.keep(key, found, now)
    return found
