"""The WebSocket at /api/v1/streaming, as an ASGI application: many streams on one connection.

The token comes as subprotocol (masto.js, Elk, Phanpy, Ice Cubes), which is echoed or browsers end the handshake; as
`?access_token=` (megalodon), or in Authorization. Without a good one the answer is 401 instead of the upgrade, which the
ASGI extension `websocket.http.response` is for. Pings are the server's (`fedi.cli.serve`).
"""

import logging
import re
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import HTTPConnection
from starlette.types import Message as Event
from starlette.types import Receive, Scope, Send

from fedi.callers import Caller, identify
from fedi.context import Site
from fedi.errors import Problem
from fedi.mastodon import arguments
from fedi.mastodon.streaming.hub import Hub
from fedi.mastodon.streaming.listener import POLICY, Listener, Message, served
from fedi.mastodon.streaming.streams import Asked, find, refused
from storage.database import StorageUnavailable
from storage.metadata import Tx

log = logging.getLogger(__name__)

PATH = "/api/v1/streaming"
SIZE = 16 << 10
"""Bytes of a message from a client at most."""
_MESSAGES = 500
"""Messages from one client in a minute at most; each may cost a look into the database."""
_MINUTE = 60_000
_UNSUPPORTED = 1003
_TOO_BIG = 1009
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""What a subprotocol may be made of (RFC 6455 4.1): only such a one is echoed."""


async def token_caller(site: Site, connection: HTTPConnection, offered: list[str]) -> Caller:
    """Whose token a connection carries. Raises Problem 401 in the words of Mastodon's streaming server."""
    scheme, _, header = connection.headers.get("authorization", "").partition(" ")
    token = header.strip() if scheme.lower() == "bearer" else None
    token = token or connection.query_params.get("access_token") or (offered[0] if offered else None)
    if not token:
        raise refused("Missing access token", 401)

    def unit(tx: Tx) -> Caller:
        try:
            caller = identify(tx, token)
        except Problem as problem:
            raise refused("Invalid access token", 401) from problem
        if caller is None or caller.person is None:  # an app's own token: all streams are a person's since 4.2
            raise refused("Invalid access token", 401)
        return caller

    return await site.db.read(unit)


async def serve(site: Site, hub: Hub, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one WebSocket from the handshake to its end."""
    connection = HTTPConnection(scope)
    offered: list[str] = [one for one in scope.get("subprotocols", ()) if one]

    async def write(message: Message | str | bytes) -> None:
        text = message.frame if isinstance(message, Message) else message
        await send({"type": "websocket.send", "text": text})

    async def close(code: int, reason: str) -> None:
        await send({"type": "websocket.close", "code": code, "reason": reason})

    try:
        listener = Listener(await token_caller(site, connection, offered), "websocket", write, close)
        hub.join(listener)
    except Problem as problem:
        await refuse(scope, receive, send, problem)
        return
    except StorageUnavailable:
        await refuse(scope, receive, send, refused("The database can't be reached; try again in a moment", 503))
        return
    async with served(listener):
        try:
            await receive()  # websocket.connect
            echoed = offered[0] if offered and _TOKEN.fullmatch(offered[0]) else None
            await send({"type": "websocket.accept", "subprotocol": echoed, "headers": []})
            query: dict[str, object] = dict(parse_qsl(scope["query_string"].decode("latin-1")))
            if query.get("stream"):
                await _subscribe(hub, listener, query)
            await _read(site, hub, listener, receive)
        finally:
            hub.leave(listener)


async def _read(site: Site, hub: Hub, listener: Listener, receive: Receive) -> None:
    since, count = site.clock(), 0
    while True:
        event: Event = await receive()
        if event["type"] != "websocket.receive":
            return
        now = site.clock()
        if now - since > _MINUTE:
            since, count = now, 0
        count += 1
        text = event.get("text")
        if text is None:
            listener.end(_UNSUPPORTED, "Binary messages are not understood here")
        elif len(text) > SIZE:
            listener.end(_TOO_BIG, "The message is too large")
        elif count > _MESSAGES:
            listener.end(POLICY, "Too many messages")
        else:
            await _said(hub, listener, text)


async def _said(hub: Hub, listener: Listener, text: str) -> None:
    """A message from the client; what is none of Mastodon's is passed by, as it does."""
    try:
        said = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return
    if not isinstance(said, dict):
        return
    if said.get("type") == "subscribe":
        await _subscribe(hub, listener, said)
    elif said.get("type") == "unsubscribe":
        try:
            hub.unsubscribe(listener, find(listener.caller, arguments.fit(_single(said), Asked)))
        except Problem:
            listener.put('{"error":"Error unsubscribing from channel"}')


async def _subscribe(hub: Hub, listener: Listener, said: dict[str, object]) -> None:
    try:
        await hub.subscribe(listener, find(listener.caller, arguments.fit(_single(said), Asked)))
    except Problem as problem:
        listener.put(msgspec.json.encode({"error": problem.text, "status": problem.status}).decode())
    except StorageUnavailable:
        listener.put('{"error":"The database can\'t be reached; try again in a moment","status":503}')


def _single(said: dict[str, object]) -> dict[str, object]:
    """The arguments, of a list the first (as Mastodon); `only_media` is of server-sent events."""
    return {
        name: value[0] if isinstance(value, list) and value else value
        for name, value in said.items()
        if name in ("stream", "tag", "list")
    }


async def refuse(scope: Scope, receive: Receive, send: Send, problem: Problem) -> None:
    """Answer with an error instead of the upgrade; where the server can't, close before accepting (403)."""
    await receive()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": POLICY, "reason": problem.text})
        return
    body = msgspec.json.encode({"error": problem.text})
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"access-control-allow-origin", b"*"),
    ]
    await send({"type": "websocket.http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
