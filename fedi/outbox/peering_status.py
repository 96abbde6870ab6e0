"""GET of how a peering goes, for the peer itself: what arrived of what it sent, and what it was sent under which numbers.

Both are told to the instance actor of an agreed peer alone, by its signature, and each only what concerns it.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation.errors import FederationError
from federation.fields import timestamp
from federation.parse import parse_document
from federation.peering.sequence import HIGHEST, missing
from federation.synchronisation import digest_of
from federation.vocabulary.context import PEERING
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, Unauthenticated
from fedi.health import DAY, OVERTAKEN, arrived
from fedi.outbox import fanout
from fedi.outbox.answers import Ready, door
from fedi.outbox.signed import viewer_of
from storage import actors, agreements, decisions, follows, links, memberships, outbox, peers, policies, sequences
from storage.metadata import Tx

STATUS, LOG = "/peering/status", "/peering/log"
MOST = 200
"""Numbers that are told of in one answer."""
BYTES = 600_000
"""Bytes of activities in one answer; of further ones only the ids are told."""
GROUPS = 100


@door
async def status(request: Request) -> Response:
    """GET /peering/status: what we see of the peer that asks. 401 without a signature, 403 for who is not agreed."""
    site: Site = request.app.state.site
    host = await _asker(request)
    return (await site.db.read(lambda tx: _status(tx, site, host))).answer(request, private=True)


@door
async def log(request: Request) -> Response:
    """GET /peering/log?epoch=&from=&to=: which activities the peer that asks was sent under these numbers, with each that it
    may still have. 422 for numbers that can't be."""
    site: Site = request.app.state.site
    host = await _asker(request)
    epoch, first, last = (_number(request.query_params.get(name)) for name in ("epoch", "from", "to"))
    if not first or last < first:
        raise Invalid("from and to are the first and the last number that is asked for")
    return (await site.db.read(partial(_log, site=site, host=host, epoch=epoch, first=first, last=last))).answer(
        request, private=True
    )


async def _asker(request: Request) -> str:
    """The agreed peer whose instance actor signed this question."""
    site: Site = request.app.state.site
    viewer = await viewer_of(request)
    host, actor = viewer.host, viewer.actor_iri
    if host is None:
        raise Unauthenticated("this is told to signed questions only", code="missing-signature")
    peer = await site.db.read(lambda tx: peers.by_host(tx, host))
    if peer is None or peer.stance != "agreed" or peer.one_sided or peer.instance_actor != actor:
        raise Forbidden("this is told to the instance actor of an agreed peer only", code="no-agreement")
    return host


def _number(given: str | None) -> int:
    if given is None or not given.isascii() or not given.isdigit() or len(given) > 16 or int(given) > HIGHEST:
        raise Invalid("epoch, from and to are whole numbers")
    return int(given)


def _status(tx: Tx, site: Site, host: str) -> Ready:
    now = site.clock()
    heard, link = sequences.heard(tx, host), links.by_host(tx, host)
    agreement = agreements.in_force(tx, host)
    rules = policies.in_force(tx)
    document: dict[str, Any] = {
        "@context": PEERING,
        "id": site.iri(STATUS),
        "type": "peer:Status",
        "published": timestamp(now),
        "lastReceived": None,
        "gaps": [],
        "lastSent": None,
        "rejected24h": decisions.refused(tx, host, "in", now - DAY),
        "clockSkewMs": site.client.dates.of(host, now),
        "groups": _groups(tx, host),
        "agreement": f"v{agreement.version}" if agreement is not None else None,
        "policy": f"sha256:{rules.digest}" if rules is not None else None,
    }
    if heard is not None:
        document["lastReceived"] = {"seq": heard.last, "epoch": heard.epoch, "at": timestamp(heard.last_at)}
        document["gaps"] = [list(gap) for gap in missing(arrived(heard), now - OVERTAKEN)]
    if link is not None and link.epoch:
        at = timestamp(link.last_success_at) if link.last_success_at is not None else None
        document["lastSent"] = {"seq": link.sequence, "epoch": link.epoch, "at": at}
    return Ready(document)


def _groups(tx: Tx, host: str) -> Mapping[str, Any]:
    """Of each group here with members at the host: how many these are, and the digest of their ids."""
    found = {}
    for group in actors.by_ids(tx, memberships.groups_with(tx, host)[:GROUPS]).values():
        if group.local and group.is_group:
            iris = follows.at_host(tx, group.id, host, 10_000)
            found[group.iri] = {"members": len(iris), "digest": f"sha256-xor:{digest_of(iris)}"}
    return found


def _log(tx: Tx, site: Site, host: str, epoch: int, first: int, last: int) -> Ready:
    last = min(last, first + MOST - 1)
    items: list[dict[str, Any]] = []
    left = BYTES
    for row in sequences.between(tx, host, epoch, first, last):
        for number, activity_id in enumerate(row.activities, row.first):
            if first <= number <= last:
                body = _body(tx, site, host, activity_id)
                item: dict[str, Any] = {"seq": number, "id": activity_id}
                if body is not None and len(body) <= left:
                    left -= len(body)
                    item["activity"] = parse_document(body)
                elif body is None:
                    item["over"] = True  # it is there no more, or not for you any more: nothing is missing
                items.append(item)
    iri = site.iri(f"{LOG}?epoch={epoch}&from={first}&to={last}")
    return Ready({"@context": PEERING, "id": iri, "type": "peer:Log", "epoch": epoch, "items": items})


def _body(tx: Tx, site: Site, host: str, activity_id: str) -> bytes | None:
    """An activity, as long as somebody at the host may have it."""
    row = outbox.by_activity(tx, activity_id)
    if row is None:
        return None
    try:
        parcel = fanout.again(tx, site, host, row.position)
    except FederationError:
        return None
    return row.body if parcel is not None and parcel.inboxes and parcel.over is None else None


ROUTES = [Route(STATUS, status), Route(LOG, log)]
