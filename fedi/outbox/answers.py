"""Answers of the door for peers: ActivityPub documents with ETag and Vary, and problem details where there is none."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from fedi.compression import SMALLEST, has_already, packed, tag_of, takes_gzip
from fedi.errors import NotFound, Problem

ACTIVITY_JSON = "application/activity+json"
"""Without parameters: Lemmy compares the string, NodeBB's list has no charset."""

_encode = msgspec.json.Encoder().encode

Endpoint = Callable[[Request], Awaitable[Response]]
Headers = list[tuple[bytes, bytes]]


class Terms:
    """What goes with a document: its headers, and whether it is for everyone, and so may be compressed.

    What depends on who asked is not: its length would tell of it (BREACH) to who can make that server ask.
    """

    __slots__ = ("headers", "public")

    def __init__(self, media_type: str, *, seconds: int, private: bool, vary: str, cors: bool) -> None:
        if not private and "Accept-Encoding" not in vary:
            vary += ", Accept-Encoding"
        self.public = not private
        self.headers: Headers = [
            (b"content-type", media_type.encode()),
            (b"vary", vary.encode()),
            (b"cache-control", b"private, no-store" if private else f"public, max-age={seconds}".encode()),
        ]
        if cors:
            self.headers.append((b"access-control-allow-origin", b"*"))


class Ready:
    """A document as bytes, with its ETag, and compressed once when that is first asked for."""

    __slots__ = ("_packed", "body", "etag", "status")

    def __init__(self, document: Any, status: int = 200) -> None:
        self.body: bytes = document if isinstance(document, bytes) else _encode(document)
        self.etag = f'"{tag_of(self.body)}"'
        self.status = status
        self._packed: bytes | None = None

    def form(self, scope: Scope, terms: Terms) -> tuple[int, Headers, bytes]:
        """(status, headers, body) for this request: 304 when the asker has it already."""
        known = encodings = ""
        for name, value in scope["headers"]:
            if name == b"if-none-match":
                known = known or value.decode("latin-1")
            elif name == b"accept-encoding":
                encodings = encodings or value.decode("latin-1")
        body, etag, more = self.body, self.etag, []
        if terms.public and len(body) >= SMALLEST and takes_gzip(encodings):
            if self._packed is None:
                self._packed = packed(body)
            # Other bytes have another strong tag (RFC 9110 8.8.3.3).
            body, etag, more = self._packed, f'{etag[:-1]}-gzip"', [(b"content-encoding", b"gzip")]
        more.append((b"etag", etag.encode()))
        if known and self.status == 200 and (has_already(known, etag) or has_already(known, self.etag)):
            return 304, [*terms.headers[1:], (b"etag", etag.encode())], b""
        return self.status, [*terms.headers, *more, (b"content-length", str(len(body)).encode())], body

    def answer(
        self,
        request: Request,
        *,
        media_type: str = ACTIVITY_JSON,
        seconds: int = 0,
        private: bool = False,
        vary: str = "Accept, Signature",
        cors: bool = False,
    ) -> Response:
        """The response to this request: 304 when the asker has it already. `seconds` is how long caches may keep it,
        `private` that what it says depends on who asked.
        """
        return self.on(request, Terms(media_type, seconds=seconds, private=private, vary=vary, cors=cors))

    def on(self, request: Request, terms: Terms) -> Response:
        """The response to this request, on these terms."""
        status, headers, body = self.form(request.scope, terms)
        response = Response(body, status)
        response.raw_headers = headers
        return response


def door(endpoint: Endpoint) -> Endpoint:
    """An endpoint for peers: its `Problem`s become problem details (RFC 9457)."""

    @functools.wraps(endpoint)
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Problem as problem:
            return refusal(problem)

    return answer


def check_text(asked: str) -> str:
    """What was asked for, when it can be the name of anything; else NotFound. PostgreSQL takes no NUL in a text."""
    if len(asked) > 2000 or not asked.isprintable():
        raise NotFound
    return asked


def refusal(problem: Problem) -> Response:
    """The problem details of a refusal; never cached, since it may depend on who asked."""
    body = problem.document or {
        "type": f"urn:fedi:{problem.code}",
        "title": problem.code.replace("-", " "),
        "status": problem.status,
        "detail": problem.text,
    }
    headers = {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        "vary": "Accept, Signature",
        "access-control-allow-origin": "*",
    }
    return Response(_encode(body), problem.status, headers)
