"""`build(config)` -> the ASGI application: every route in one readable list, the life of the site, the worker beside.

`/api`, `/oauth` go to the client API's own door (its errors, CORS and limits are Mastodon's), `/api/fedi/v1` to that of our
own API; everything else is here. An address of a person, group or post gives a page to a browser and ActivityPub to
whoever asks for it.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from fedi import admin, api, mastodon, metrics, signin, telemetry, web
from fedi.actions.affiliations import settle_all as settle_people
from fedi.actions.groups import settle_all as settle_groups
from fedi.actions.people import ensure_instance_actor
from fedi.config import Config
from fedi.context import Site, close_site, open_site
from fedi.inbox import door as inboxes
from fedi.mastodon.door import Door
from fedi.outbox import agreements, directory, documents, library, peering_status, probing, quotes
from fedi.outbox.ready import at_once, wants_activity
from fedi.web import groups, opening, people, posts
from fedi.worker import loop as worker_loop
from storage.database import StorageUnavailable

log = logging.getLogger(__name__)

_ANSWER_SECONDS = 5.0
"""For the database, when it is asked whether it is there."""

Endpoint = Callable[[Request], Awaitable[Response]]


class Fedi(Starlette):
    """The application. `state.site` is its Site once it has started."""

    client_api: Door
    own_api: Door
    inbox: inboxes.Inbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: those of the inboxes and of the two APIs at their doors, everything else by the routes."""
        path: str = scope.get("path", "")
        if scope["type"] == "http" and scope["method"] == "POST" and self.inbox.takes(path):
            scope["app"] = self
            await self.inbox(scope, receive, send)
            return
        if scope["type"] == "http" and path.startswith(api.BASE + "/"):
            scope["app"] = self
            await self.own_api(scope, receive, send)
            return
        if scope["type"] != "lifespan" and (
            path.startswith(("/api/", "/oauth/"))
            or path in ("/api", "/oauth", "/.well-known/oauth-authorization-server")
            # What browsers ask before a request with a header of its own; the answer is the same everywhere.
            or (scope.get("method") == "OPTIONS" and path.startswith(("/.well-known/", "/nodeinfo/")))
        ):
            scope["app"] = self
            await self.client_api(scope, receive, send)
            return
        if scope["type"] == "http" and await at_once(self.state, scope, send):
            return
        await super().__call__(scope, receive, send)


def build(config: Config, *, site: Site | None = None, worker: bool = True) -> Fedi:
    """The application of one instance. With `worker` the background work runs in the same process.

    `site` is for tests that bring their own (with another clock or network); it is not closed at the end.
    """

    @contextlib.asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        running = site or open_site(config)
        app.state.site = running
        await running.db.write(lambda tx: ensure_instance_actor(tx, running))
        await running.db.write(lambda tx: settle_people(tx, running))
        await running.db.write(lambda tx: settle_groups(tx, running))
        stop = asyncio.Event()
        task = asyncio.create_task(worker_loop.run(running, stop)) if worker else None
        app.state.worker = task
        app.state.figures = figures = telemetry.Figures(running, "serve")
        telling = asyncio.create_task(figures.run(stop))
        watching = None if worker else asyncio.create_task(worker_loop.watch_clock(running, stop))
        try:
            yield
        finally:
            stop.set()
            if task is not None:
                await task
            if watching is not None:
                await watching
            await telling
            if site is None:
                await close_site(running)

    inbox = inboxes.Inbox()
    app = Fedi(routes=_routes(inbox), lifespan=life, exception_handlers=web.EXCEPTION_HANDLERS)
    app.inbox = inbox
    app.client_api = Door(mastodon.ROUTES)
    app.own_api = Door(api.ROUTES, api.refuse)
    if site is not None:
        app.state.site = site
    return app


def _routes(inbox: inboxes.Inbox) -> list[BaseRoute]:
    return [
        Route("/people/{name}", negotiated(people.show, documents.person)),
        Route("/groups/new", opening.new),
        Route("/groups/{name}", negotiated(groups.show, documents.group)),
        Route("/people/{name}/posts/{post_id:int}", negotiated(posts.show, documents.post)),
        *inboxes.routes(inbox),
        *documents.ROUTES,
        *library.ROUTES,
        *quotes.ROUTES,
        *agreements.ROUTES,
        *peering_status.ROUTES,
        *directory.ROUTES,
        *probing.ROUTES,
        *signin.ROUTES,
        *mastodon.IMAGES,
        *web.ROUTES,
        *admin.ROUTES,
        Route("/health", health),
        Route("/ready", ready),
        Route("/metrics", metrics.metrics),
        *(Route(f"{beginning}/{{rest:path}}", nothing) for beginning in ("/.well-known", "/nodeinfo")),
    ]


def negotiated(page: Endpoint, document: Endpoint) -> Endpoint:
    """One address, two forms: ActivityPub to who asks for it (ActivityPub section 3.2), a page to everyone else."""

    async def choose(request: Request) -> Response:
        return await (document if wants_activity(request.headers.get("accept", "")) else page)(request)

    return choose


async def nothing(request: Request) -> Response:
    """A 404 for programs, which can't read a page."""
    return JSONResponse({"error": "Not found"}, 404, {"access-control-allow-origin": "*"})


async def health(request: Request) -> Response:
    """200 while the process lives."""
    return PlainTextResponse("OK")


async def ready(request: Request) -> Response:
    """200 when the database answers and the worker runs; else 503 with what is wrong."""
    site: Site = request.app.state.site
    wrong: list[str] = []
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await site.db.read(lambda tx: tx.exec_driver_sql("SELECT 1").scalar())
    except StorageUnavailable as problem:
        wrong.append(f"database: {problem}")
    except TimeoutError:
        wrong.append(f"database: it gives no answer within {_ANSWER_SECONDS:.0f} s")
    if site.db.writing.problem:
        wrong.append(f"database: {site.db.writing.problem}")
    task: asyncio.Task[None] | None = getattr(request.app.state, "worker", None)
    if task is not None and task.done():
        wrong.append("worker: it has stopped; restart the server and look into its log")
    return JSONResponse({"ready": not wrong, "problems": wrong}, 503 if wrong else 200)
