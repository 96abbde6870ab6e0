"""POST /inbox: prove who sent it, keep it, answer 202. What it means is worked out later (`fedi.inbox.process`).

Cheap refusals come first. The signature is verified here; only the key of somebody unknown is fetched first, once
however many wait for it. A key that can't be had now does not lose the activity: it is kept and verified later.
Every refusal tells its reason (problem details, RFC 9457) and is kept for the operator, within a bound.
"""

import contextlib
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from federation.activity import Activity
from federation.errors import BadSignature, FederationError, KeyUnavailable, TooLarge
from federation.hosts import host_of
from federation.parse import MAX_BYTES, parse
from federation.policy import Decision, Verdict
from federation.signatures.keys import PublicKey
from federation.signatures.verify import Claim, verify
from federation.synchronisation import HEADER, read_header
from fedi import fetching, policy
from fedi.actions import followers
from fedi.context import Site
from fedi.signatures import claim_of, target
from storage import actors, links, received
from storage.metadata import Tx
from storage.received import Received

REFUSALS = (30, 60)
"""Refusals of one sender that are kept: so many a minute, so many at once."""


async def inbox(request: Request) -> Response:
    """202 when the activity is kept (or was before); else the status and reason of `federation.errors`."""
    site: Site = request.app.state.site
    try:
        raw = await _body(request)
    except TooLarge as problem:
        return _problem(problem.status, problem.code, problem.text)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/activity+json", "application/ld+json", "application/json"):
        return _problem(415, "wrong-content-type", f"send application/activity+json, not {kind or 'nothing'}")
    activity: Activity | None = None
    claim: Claim | None = None
    try:
        activity = parse(raw)
        claim = claim_of(request)
        return await _take(site, request, raw, activity, claim)
    except FederationError as problem:
        address = request.client.host if request.client is not None else ""
        await _keep_refusal(site, address, raw, activity, claim, problem)
        return _problem(problem.status, problem.code, problem.text)


async def _take(site: Site, request: Request, raw: bytes, activity: Activity, claim: Claim) -> Response:
    now = site.clock()
    host = host_of(claim.key_id)
    key = site.cached_public_key(claim.key_id)
    if key is None:
        key, decision, deletes_unknown = await site.db.read(lambda tx: _known(tx, site, claim, host, activity))
        if decision.verdict is Verdict.REJECT:
            return await _reject(site, decision, host, activity)
        if deletes_unknown:
            return Response(status_code=202)
    if key is None:
        try:
            key = await fetching.key(site, claim.key_id)
        except KeyUnavailable as unavailable:
            why = unavailable.text
            address = request.client.host if request.client is not None else ""
            # Nothing of it is proven: what anybody can make us keep has a bound. Who is honest tries again.
            if not site.refusals.allow(f"unproven {address}", *REFUSALS, now):
                return _problem(503, unavailable.code, why, {"retry-after": "60"})
            headers = {"method": request.method, "target": target(request), "headers": _kept_headers(request)}
            await site.db.write(lambda tx: _keep(tx, site, raw, activity, host, claim.key_id, None, headers, why))
            return Response(status_code=202)
    try:
        authentic = verify(claim, key, raw, now, activity)
    except BadSignature:
        key = await fetching.rotated_key(site, claim.key_id)
        if key is None:
            raise
        authentic = verify(claim, key, raw, now, activity)
    via = authentic.via
    told = request.headers.get(HEADER) if HEADER in claim.covered else None

    def keep(tx: Tx) -> Decision:
        decision = policy.receiving(tx, site, host, activity.type)
        if not policy.refuses(decision):
            _keep(tx, site, raw, activity, host, claim.key_id, via, None, None)
            if told is not None:
                with contextlib.suppress(FederationError):  # it is an offer; what can't be read is passed over
                    followers.heard(tx, site, authentic.signer, read_header(told))
        return decision

    decision = await site.db.write(keep)
    if decision.verdict is Verdict.REJECT:
        return await _reject(site, decision, host, activity)
    return Response(status_code=202)


def _known(tx: Tx, site: Site, claim: Claim, host: str, activity: Activity) -> tuple[PublicKey | None, Decision, bool]:
    """(the key if we have it, what policy says of its host, whether it is a Delete of somebody we never heard of)."""
    key = site.public_key(tx, claim.key_id)
    decision = policy.receiving(tx, site, host, activity.type)
    # The whole network hears when an account ends. Of one that was never known there is nothing to delete, and its
    # key is gone with it, so nothing is asked (Mastodon answers 202 as well).
    object_id = activity.object if isinstance(activity.object, str) else None
    unknown = (
        key is None
        and activity.type == "Delete"
        and object_id == activity.actor
        and actors.by_iri(tx, activity.actor) is None
    )
    return key, decision, unknown


def _keep(
    tx: Tx,
    site: Site,
    raw: bytes,
    activity: Activity,
    host: str,
    key_id: str,
    via: str | None,
    headers: dict[str, Any] | None,
    problem: str | None,
) -> None:
    now = site.clock()
    due = now if via is not None else now + 60_000
    row = Received(
        id=site.new_id(),
        activity_id=activity.id,
        type=activity.type[:60],
        host=host,
        actor=activity.actor,
        key_id=key_id,
        via=via,
        body=raw,
        headers=headers,
        state="new",
        attempts=0,
        due_at=due,
        claimed_until=None,
        received_at=now,
        settled_at=None,
        code=None,
        problem=problem,
    )
    received.insert(tx, row)
    if via is not None:
        links.wake(tx, host, now)  # who speaks is awake: try what waits for them


async def _reject(site: Site, decision: Decision, host: str, activity: Activity) -> Response:
    def keep(tx: Tx) -> None:
        policy.keep(tx, site, decision, "in", host, actor=activity.actor, activity_id=activity.id, type=activity.type)

    if site.refusals.allow(host, *REFUSALS, site.clock()):
        await site.db.write(keep)
    return _problem(403, decision.code, decision.text)


async def _keep_refusal(
    site: Site, address: str, raw: bytes, activity: Activity | None, claim: Claim | None, problem: FederationError
) -> None:
    """Keep what was refused, for the operator: a few per sender and minute, since anybody can send rubbish."""
    code, text = problem.code, problem.text
    host = ""
    with contextlib.suppress(FederationError):
        host = host_of(claim.key_id) if claim is not None else (host_of(activity.actor) if activity is not None else "")
    now = site.clock()
    # By the address that it came from: the host is only what it claims.
    if not site.refusals.allow(address, *REFUSALS, now):
        return
    row = Received(
        id=site.new_id(),
        activity_id=activity.id if activity else "",
        type=activity.type[:60] if activity else "",
        host=host,
        actor=activity.actor if activity else "",
        key_id=claim.key_id if claim else None,
        via=None,
        body=raw[:10_000],
        headers=None,
        state="refused",
        attempts=0,
        due_at=now,
        claimed_until=None,
        received_at=now,
        settled_at=now,
        code=code,
        problem=text[:500],
    )
    decision = Decision(Verdict.REJECT, code, text[:500])

    def keep(tx: Tx) -> None:
        received.insert(tx, row)
        policy.keep(tx, site, decision, "in", host, actor=row.actor, activity_id=row.activity_id, type=row.type)

    await site.db.write(keep)


async def _body(request: Request) -> bytes:
    """The whole body. Raises TooLarge past the limit, before more of it is read."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_BYTES:
        raise TooLarge(f"an activity has at most {MAX_BYTES} bytes, not {length}")
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_BYTES:
            raise TooLarge(f"an activity has at most {MAX_BYTES} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _kept_headers(request: Request) -> list[list[str]]:
    """The headers, to verify the signature by later."""
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.headers.raw][:100]


def _problem(status: int, code: str, text: str, headers: dict[str, str] | None = None) -> Response:
    body = {"type": f"urn:fedi:{code}", "title": code.replace("-", " "), "status": status, "detail": text}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


ROUTES = [
    Route("/inbox", inbox, methods=["POST"]),
    Route("/actor/inbox", inbox, methods=["POST"]),
    Route("/people/{name}/inbox", inbox, methods=["POST"]),
    Route("/groups/{name}/inbox", inbox, methods=["POST"]),
]
