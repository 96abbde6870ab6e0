"""Answers of the inbox as ASGI messages, ready to be sent."""

import logging
from typing import NamedTuple

import msgspec
from starlette.types import Message

from federation.policy.decide import Decision
from fedi.actions.refusing import problem
from fedi.context import Site
from fedi.policy import UNCONFIRMED
from storage.database import StorageUnavailable

log = logging.getLogger(__name__)


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


def unwanted(site: Site, decision: Decision) -> Answer:
    """403: the policy does not take it. Final, so that it is not sent again; the problem document says why and by which rule."""
    body = msgspec.json.encode(problem(site, decision))
    return _answer(403, body, (b"content-type", b"application/problem+json"))


def busy(code: str, text: str, seconds: int = 5) -> Answer:
    """503: what was sent is not kept; it should be sent again after some seconds."""
    return refusal(503, code, text, (b"retry-after", str(seconds).encode()))


SUSPENDED = "host-suspended"
"""Code of the policy's decision on what comes from a host whose peering is suspended."""
LATER = frozenset({SUSPENDED, UNCONFIRMED})
"""What is refused with these codes is to be sent again: nothing of it may be lost."""
_SUSPENDED_SECONDS, _UNCONFIRMED_SECONDS = 3600, 300


def suspended(decision: Decision) -> Answer:
    """503: nothing of it is taken while the peering is suspended, or a key waits to be confirmed; and nothing is lost if it is
    sent again later."""
    return busy(
        decision.code, decision.text, _SUSPENDED_SECONDS if decision.code == SUSPENDED else _UNCONFIRMED_SECONDS
    )


def full() -> Answer:
    """503: this sender has as much under way as there is room for."""
    return busy("busy", "more than can be stored at once came from you; send it again in a moment")


def failed(problem: Exception) -> Answer:
    """The answer to what could not be kept because of this."""
    if isinstance(problem, StorageUnavailable):
        log.debug("nothing can be stored: %s", problem)  # `storage.outages` says it, once
        return busy("unavailable", "the database can't be reached or written to; what you sent was not kept")
    log.error("the inbox failed", exc_info=problem)
    return refusal(500, "fault", "this is our fault; what you sent was not kept")
