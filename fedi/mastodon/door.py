"""The door for client apps, as one ASGI app: finds the endpoint, adds CORS and rate limits, turns errors into answers.

Endpoints stand in a tree by path segment, since more than a hundred routes tried one after another cost more than most
answers. A slash at the end is the same route (Mastodon.py always asks `/api/v1/instance/`, toot `/oauth/authorize/`).
"""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from federation.errors import FederationError
from fedi.callers import bearer
from fedi.context import Site
from fedi.errors import NotFound, Problem
from fedi.limits import network
from fedi.mastodon import limits, sending, streaming
from fedi.mastodon.answers import Json, problem
from fedi.mastodon.kept import Kept, is_repeatable
from fedi.mastodon.streaming import sockets
from fedi.mastodon.streaming.hub import hub_of
from fedi.media.kinds import FILM_BYTES, IMAGE_BYTES
from fedi.media.processing import FACE_BYTES
from storage.database import StorageUnavailable

log = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]

BODY = 16 << 20
"""Bytes of any request at most that takes no files; `arguments` allows far less for most of them."""
_FORM = 2 << 20
"""Bytes of an upload's other fields, and of what a multipart form has around them."""
_UPLOADS = (
    ("/api/v1/media", FILM_BYTES + IMAGE_BYTES + _FORM),
    ("/api/v2/media", FILM_BYTES + IMAGE_BYTES + _FORM),
    ("/api/v1/accounts/update_credentials", 2 * FACE_BYTES + _FORM),
    ("/api/v1/profile", 2 * FACE_BYTES + _FORM),
)

_METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
_CORS = [
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b"Link, Mastodon-Async-Refresh, X-RateLimit-Reset, X-RateLimit-Limit, X-RateLimit-Remaining, X-Request-Id",
    ),
]
_PREFLIGHT = [
    *_CORS,
    (b"access-control-allow-methods", _METHODS.encode()),
    (b"access-control-max-age", b"7200"),
    (b"vary", b"Access-Control-Request-Headers"),
    (b"content-length", b"0"),
]
_SAME = {"PUT": "PATCH", "PATCH": "PUT"}


class _Node:
    """A segment of paths: what follows it, and the endpoints that end at it, by method."""

    __slots__ = ("ends", "literal", "name", "param")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.param: _Node | None = None
        self.name = ""
        self.ends: dict[str, Endpoint] = {}


class Door:
    """Serves the given routes; anything else under its prefixes is a JSON 404, never a page."""

    def __init__(self, routes: Iterable[Route], refuse: Callable[[Problem], Response] | None = None) -> None:
        """`refuse` turns what went wrong into an answer; without it, in Mastodon's form and with its habits."""
        self._refuse = refuse or answer_to
        self._same = {} if refuse is not None else _SAME
        self._root = _Node()
        self._windows = limits.Windows()
        self._kept = Kept()
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        for part in route.path.strip("/").split("/"):
            if part.startswith("{"):
                node.param = node.param or _Node()
                node = node.param
                name = part.strip("{}")
                if node.name not in ("", name):
                    raise ValueError(f"{route.path}: this parameter is called {node.name} elsewhere")
                node.name = name
            else:
                node = node.literal.setdefault(part, _Node())
        for method in route.methods or ():
            if method != "HEAD":
                if method in node.ends:
                    raise ValueError(f"{method} {route.path} is routed twice")
                node.ends[method] = route.endpoint

    def find(self, path: str) -> tuple[dict[str, Endpoint], dict[str, str]]:
        """(endpoints by method, path parameters) of a path; empty when there is none."""
        return _find(self._root, path.strip("/").split("/"), 0) or ({}, {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._socket(scope, receive, send)
            return
        path: str = scope["path"]
        # The authorise page is a page: other origins have no business in it.
        shared = not path.startswith("/oauth/authorize")
        method: str = scope["method"]
        if method == "OPTIONS" and shared:
            await _preflight(scope, send)
            return
        site: Site = scope["app"].state.site
        kept, moment = await self._kept.find(scope, site) if method == "GET" else (None, None)
        # As it is read everywhere: else each way to write the same token would have an allowance of its own.
        token = bearer(Request(scope)) if kept is None else kept.token
        count = self._count(site, scope, token)
        name = sending.request_id(scope)
        extra = [*count.headers, (b"x-request-id", name), *(_CORS if shared else ())]
        if kept is not None and count.allowed:
            await _send_whole(send, *kept.whole.form(scope), extra)
            return
        request = Request(scope, _limited(receive, _most(path)))
        ends, scope["path_params"] = self.find(path)
        endpoint = ends.get("GET" if method == "HEAD" else method) or ends.get(self._same.get(method, ""))
        repeats = method in ("GET", "HEAD") and is_repeatable(endpoint)
        if moment is None and repeats and method == "GET":
            moment = await self._kept.begin(site)
        if not count.allowed:
            response = self._refuse(Problem("Too many requests", status=429, code="too-many-requests"))
        else:
            response = await self._answer(request, ends, endpoint, name.decode())
        whole = sending.whole(scope, response, tagged=repeats)
        if whole is not None:
            if moment is not None and repeats and whole.status == 200:
                self._kept.keep(scope, moment, token, whole)
            await _send_whole(send, *whole.form(scope), extra)
            return

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                if not any(name == b"cache-control" for name, _ in headers):
                    headers += sending.PRIVATE
                message = {**message, "headers": headers + extra}
            await send(message)

        await response(scope, receive, add)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket; there is one address for all of them."""
        app = scope["app"]
        site: Site = app.state.site
        host, _ = scope.get("client") or ("", 0)
        if scope["path"].rstrip("/") != streaming.PATH:
            await sockets.refuse(scope, receive, send, NotFound("Not found"))
        elif (
            not _near(host)
            and not self._windows.count(f"socket {network(host)}", limits.CONNECTING, site.clock()).allowed
        ):
            await sockets.refuse(scope, receive, send, Problem("Too many requests", status=429))
        else:
            await sockets.serve(site, hub_of(app), scope, receive, send)

    async def _answer(
        self, request: Request, ends: dict[str, Endpoint], endpoint: Endpoint | None, name: str
    ) -> Response:
        method, path = request.method, request.scope["path"]
        if endpoint is None:
            if not ends:
                return self._refuse(NotFound("Not found"))
            refused = self._refuse(Problem("This method isn't offered here", status=405, code="method"))
            refused.raw_headers.append((b"allow", ", ".join(sorted(ends)).encode()))
            return refused
        try:
            return await endpoint(request)
        except Problem as refused_by:
            return self._refuse(refused_by)
        except FederationError as failed:
            # Another server could not be asked: Mastodon answers 503 with these words.
            log.info("%s %s (%s): %s", method, path, name, failed)
            return self._refuse(Problem("Remote data could not be fetched", status=503, code="remote"))
        except ClientDisconnect:
            return self._refuse(Problem("The request broke off"))  # nobody is there to read it
        except StorageUnavailable as failed:
            log.debug("%s %s (%s): %s", method, path, name, failed)  # `storage.outages` says it once
            return self._refuse(
                Problem("The database can't be reached; try again in a moment", status=503, code="database")
            )
        except Exception:
            log.exception("%s %s (%s)", method, path, name)
            return self._refuse(
                Problem("Something went wrong on this server; it is in its log", status=500, code="bug")
            )

    def _count(self, site: Site, scope: Scope, token: str | None) -> limits.Count:
        """Count this request, of whoever has this token."""
        client = scope.get("client")
        host = client[0] if client is not None else ""
        address = network(host)
        method, path = scope["method"], scope["path"].rstrip("/")
        now = site.clock()
        if _near(host):
            # Ourselves: a script of the operator's, or a proxy that is not in `proxy.trusted`, behind which all are one.
            return limits.uncounted(now)
        if method == "POST" and path in ("/api/v1/apps", "/api/v1/accounts"):
            return self._windows.count(f"new {address}", limits.REGISTERING, now)
        if token is None:
            return self._windows.count(f"address {address}", limits.ANONYMOUS, now)
        if method == "POST" and path in ("/api/v1/media", "/api/v2/media"):
            return self._windows.count(f"upload {token[:200]}", limits.UPLOADING, now)
        if method in ("GET", "HEAD"):
            return self._windows.count(f"read {token[:200]}", limits.READING, now)
        return self._windows.count(f"write {token[:200]}", limits.WRITING, now)


def answer_to(refused: Problem) -> Json:
    """A Problem in Mastodon's shape. Its text already says what is wrong; 401 names the scheme (RFC 6750 3)."""
    answered = problem(refused.text, refused.status, details=getattr(refused, "details", None))
    if refused.status == 401:
        answered.raw_headers.append((b"www-authenticate", b'Bearer realm="fedi"'))
    return answered


def _find(node: _Node, parts: list[str], at: int) -> tuple[dict[str, Any], dict[str, str]] | None:
    if at == len(parts):
        return (node.ends, {}) if node.ends else None
    following = node.literal.get(parts[at])
    if following is not None:
        found = _find(following, parts, at + 1)
        if found is not None:
            return found
    if node.param is not None and parts[at]:
        found = _find(node.param, parts, at + 1)
        if found is not None:
            found[1][node.param.name] = parts[at]
            return found
    return None


def _near(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def _most(path: str) -> int:
    """Bytes that the body of a request for this path may have."""
    return next((most for start, most in _UPLOADS if path.startswith(start)), BODY)


def _limited(receive: Receive, most: int) -> Receive:
    """`receive` that raises Problem once a body is over the limit, whatever its headers said."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        if message["type"] == "http.request":
            size += len(message.get("body", b""))
            if size > most:
                raise Problem(f"The request is larger than {most} bytes", status=413, code="too-large")
        return message

    return counted


async def _send_whole(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes, extra: list[tuple[bytes, bytes]]
) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers + extra})
    await send({"type": "http.response.body", "body": body})


async def _preflight(scope: Scope, send: Send) -> None:
    """What browsers ask before a request with a token; before any look-up, as half of all requests are these."""
    asked = next((value for name, value in scope["headers"] if name == b"access-control-request-headers"), b"*")
    headers = [*_PREFLIGHT, (b"access-control-allow-headers", asked)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
