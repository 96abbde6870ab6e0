"""Instances that ask to follow this one over our own API, and what one admin did alone and another looks at."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from fedi.actions import peer_requests as acts
from fedi.actions import pending
from fedi.api.operations import Call, Operation
from storage.metadata import Tx


class PeerRequest(msgspec.Struct, kw_only=True):
    """An instance that asks to follow this one, as Mobilizon's do, without an agreement."""

    host: str
    actor: str


class Answered(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Yes or no."""

    accept: bool
    reason: Annotated[str, Meta(max_length=1_000)] = ""


def requests(tx: Tx, call: Call) -> list[PeerRequest]:
    """Instances that ask to follow this one, newest first."""
    return [PeerRequest(host=one.host, actor=one.iri) for one in acts.requests(tx, call.site)]


def answer_request(tx: Tx, call: Call, body: Answered) -> None:
    """Accept or refuse the request of an instance to follow this one."""
    who = call.me.username
    acts.answer_request(tx, call.site, who, call.host, accept=body.accept, reason=body.reason)


def review_suspension(tx: Tx, call: Call) -> None:
    """Say that it was right that another admin suspended a peer alone."""
    pending.review(tx, call.site, call.me.username, call.host)


def _operation(method: str, path: str, unit: Any) -> Operation:
    wanted = ("admin:read",) if method == "GET" else ("admin:write",)
    return Operation(method=method, path=path, unit=unit, tag="peers", scopes=wanted, admin=True)


OPERATIONS = [
    _operation("GET", "/peer_requests", requests),
    _operation("POST", "/peer_requests/{host}", answer_request),
    _operation("POST", "/peers/{host}/suspension/review", review_suspension),
]
