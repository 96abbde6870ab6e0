"""Answers of the door for peers: ActivityPub documents with ETag and Vary, and problem details where there is none."""

import functools
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fedi.errors import NotFound, Problem

ACTIVITY_JSON = "application/activity+json"
"""Without parameters: Lemmy compares the string, NodeBB's list has no charset."""

_encode = msgspec.json.Encoder().encode

Endpoint = Callable[[Request], Awaitable[Response]]


class Ready:
    """A document as bytes, with its ETag."""

    __slots__ = ("body", "etag", "status")

    def __init__(self, document: Any, status: int = 200) -> None:
        self.body: bytes = document if isinstance(document, bytes) else _encode(document)
        self.etag = f'"{sha256(self.body).hexdigest()[:27]}"'
        self.status = status

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
        headers = {
            "content-type": media_type,
            "etag": self.etag,
            "vary": vary,
            "cache-control": "private, no-store" if private else f"public, max-age={seconds}",
        }
        if cors:
            headers["access-control-allow-origin"] = "*"
        if self.status == 200 and request.headers.get("if-none-match") == self.etag:
            del headers["content-type"]
            return Response(status_code=304, headers=headers)
        return Response(self.body, self.status, headers)


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
    body = {
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
