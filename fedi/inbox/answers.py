"""Answers of the inbox as ASGI messages, ready to be sent."""

from typing import NamedTuple

import msgspec
from starlette.types import Message


class Answer(NamedTuple):
    """The two messages of an answer."""

    start: Message
    body: Message


def _answer(status: int, body: bytes, *more: tuple[bytes, bytes]) -> Answer:
    headers = [(b"content-length", str(len(body)).encode()), *more]
    return Answer(
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body},
    )


ACCEPTED = _answer(202, b"")
"""It is kept, or need not be."""


def refusal(status: int, code: str, text: str, *more: tuple[bytes, bytes]) -> Answer:
    """A problem document (RFC 9457): `code` for programs, `text` for people, `more` headers."""
    body = {"type": f"urn:fedi:{code}", "title": code.replace("-", " "), "status": status, "detail": text}
    return _answer(status, msgspec.json.encode(body), (b"content-type", b"application/problem+json"), *more)


def busy(code: str, text: str, seconds: int = 5) -> Answer:
    """503: what was sent is not kept; it should be sent again after some seconds."""
    return refusal(503, code, text, (b"retry-after", str(seconds).encode()))
