"""Server-sent events: one stream for each request, for clients without WebSockets (Mastodon.py, scripts).

`:)` comes first and `:thump` every 15 seconds, each as an event of its own, so that who reads event by event notices them.
"""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from fedi.callers import Caller
from fedi.context import Site
from fedi.errors import NotFound, Problem
from fedi.mastodon import arguments
from fedi.mastodon.answers import problem
from fedi.mastodon.streaming.hub import Hub, hub_of
from fedi.mastodon.streaming.listener import Listener, Message, served
from fedi.mastodon.streaming.sockets import token_caller
from fedi.mastodon.streaming.streams import Asked, Stream, find

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"private, no-store"),
    # nginx holds back what it thinks is a page.
    (b"x-accel-buffering", b"no"),
]
_PATHS = {
    "user": "user",
    "user/notification": "user:notification",
    "public": "public",
    "public/local": "public:local",
    "public/remote": "public:remote",
    "hashtag": "hashtag",
    "hashtag/local": "hashtag:local",
    "list": "list",
    "direct": "direct",
}


class Events(Response):
    """An answer that goes on until the client goes or the hub ends it: what is told on one stream."""

    def __init__(self, hub: Hub, caller: Caller, stream: Stream) -> None:
        super().__init__()
        self._hub = hub
        self._caller = caller
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write events until the end."""

        async def write(message: Message | str | bytes) -> None:
            body = message.lines if isinstance(message, Message) else message
            await send({"type": "http.response.body", "body": body, "more_body": True})

        async def close(code: int, reason: str) -> None:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        listener = Listener(self._caller, "eventsource", write, close)
        try:
            self._hub.join(listener)
        except Problem as full:
            await problem(full.text, full.status)(scope, receive, send)
            return
        async with served(listener):
            try:
                await self._hub.subscribe(listener, self._stream)
                await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
                listener.put(b":)\n\n")
                while (await receive())["type"] != "http.disconnect":
                    pass
            finally:
                self._hub.leave(listener)


async def stream(request: Request) -> Response:
    """GET /api/v1/streaming/…: the events of one stream."""
    site: Site = request.app.state.site
    hub = hub_of(request.app)
    caller = await token_caller(site, request, [])
    asked = arguments.query(request, Asked)
    name = _PATHS[request.url.path.strip("/").removeprefix("api/v1/streaming/")]
    if asked.only_media and name.startswith("public"):
        name += ":media"
    asked.stream = name
    wanted = find(caller, asked)
    hub.room(caller.token_id, caller.me.id)
    await hub.allow(caller.me.id, wanted)
    return Events(hub, caller, wanted)


async def health(request: Request) -> Response:
    """GET /api/v1/streaming/health: OK while the process lives."""
    return PlainTextResponse("OK")


async def nothing(request: Request) -> Response:
    """GET /api/v1/streaming without an upgrade: the streams have addresses of their own below it."""
    raise NotFound("Not found")


ROUTES = [
    Route("/api/v1/streaming", nothing),
    Route("/api/v1/streaming/health", health),
    *(Route(f"/api/v1/streaming/{path}", stream) for path in _PATHS),
]
