"""`/admin/peers`: institutions with an agreement and how the peering with each is doing, other hosts, and one peer in full.

What is done to a peering is `fedi.admin.peering`; its agreements, version by version, are `fedi.admin.agreements`.
"""

from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from federation.errors import FederationError
from federation.peering.agreement import fingerprint
from fedi import health
from fedi.actions import peer_requests, pending
from fedi.actions import probes as probe_acts
from fedi.admin.asking import PAGE, admin, asked, host, shown, waits_here
from fedi.context import Site
from fedi.errors import NotFound
from fedi.health import Health
from storage import agreement_events, agreements, decisions, directories, peers, pending_actions
from storage.agreements import AgreementRow
from storage.metadata import Tx

_INSTITUTIONS = 200
_EVENTS = 40
COLOURS = {"green": 3, "grey": 2, "yellow": 1, "red": 0}
"""Order of the list: what needs somebody comes first."""


async def index(request: Request) -> Response:
    """Institutions, the worst first; behind them every other host that was met, by name."""
    site: Site = request.app.state.site
    await admin(request)
    beginning, after = asked(request, "q", 255).lower(), asked(request, "after", 255)

    def read(tx: Tx) -> dict[str, Any]:
        open_ = agreements.in_state(tx, "offered", "review", "draft")
        close = [peer.host for peer in peers.with_stance(tx, ("agreed", "suspended"))]
        wanted = list(dict.fromkeys([*(row.host for row in open_), *close]))[:_INSTITUTIONS]
        found = [one for one in (health.of_peer(tx, site, each) for each in wanted) if one is not None]
        found.sort(key=lambda one: (COLOURS[one.colour], one.host))
        others = peers.listed(tx, PAGE + 1, after=after, beginning=beginning)
        shown_ = others[:PAGE]
        more = f"/admin/peers?q={quote(beginning)}&after={quote(shown_[-1].host)}#hosts" if len(others) > PAGE else None
        newest: dict[str, AgreementRow] = {}
        for row in open_:
            newest[row.host] = row
        return {"institutions": found, "open": newest, "hosts": shown_, "older": more, "total": peers.total(tx)}

    newer = "/admin/peers#hosts" if after else None
    return await shown(request, "peers.html", "peers", read, q=beginning, newer=newer)


async def show(request: Request) -> Response:
    """One peer: health, agreements, checks, refusals, what directories say, what happened."""
    await admin(request)
    return await page(request, host(request))


async def page(request: Request, name: str, *, problem: str | None = None, status: int = 200) -> Response:
    """The page of the peer `name`. Raises NotFound for a host that was never met."""
    site: Site = request.app.state.site

    def read(tx: Tx) -> dict[str, Any]:
        peer, found = peers.by_host(tx, name), health.of_peer(tx, site, name)
        if peer is None or found is None:
            raise NotFound(f"No host {name} was met. To ask an institution for a peering, invite it.")
        rows = agreements.of_host(tx, name)
        asks = next((row for row in rows if row.state in ("offered", "review")), None)
        events = [(event, row) for row in rows for event in agreement_events.of_agreement(tx, row.id)]
        events.sort(key=lambda pair: pair[0].id, reverse=True)
        return {
            "peer": peer,
            "health": found,
            "rows": rows,
            "current": agreements.in_force(tx, name),
            "asks": asks,
            "waits_here": asks is not None and waits_here(asks),
            "events": events[:_EVENTS],
            "decisions": decisions.newest(tx, 6, name),
            "entries": directories.about(tx, name),
            "probes": probe_acts.state(tx, name),
            "asks_to_follow": any(actor.host == name for actor in peer_requests.requests(tx, site)),
            "review": next((row for one, row in pending.to_review(tx) if one.host == name), None),
            "waits": [
                row for row in pending_actions.in_state(tx, "proposed", "approved") if row.payload.get("host") == name
            ],
            "facts": facts(found),
            "fingerprint": _fingerprint(peer.pinned_key),
        }

    return await shown(request, "peer.html", "peers", read, status=status, problem=problem)


def _fingerprint(key: str | None) -> str | None:
    try:
        return fingerprint(key) if key is not None else None
    except FederationError:
        return None


def facts(found: Health) -> list[tuple[str, str, str]]:
    """The figures of a peering as (label, words, colour), without those that nobody knows."""
    lines: list[tuple[str, str, str]] = []

    def add(label: str, words: str | None, colour: str = "") -> None:
        if words is not None:
            lines.append((label, words, colour))

    add("waits", f"{found.queue:,}" if found.queue else "nothing", "yellow" if found.queue > 1000 else "")
    if found.queue:
        add("oldest waits", span(found.lag_seconds))
    add("taken within an hour", _share(found.success_hour))
    add("taken within a day", _share(found.success_day))
    if found.sent_day:
        add("answered at once / within 1 s / later", f"{found.quick} / {found.usual} / {found.slow}")
    if found.clock_skew_ms is not None:
        add(
            "their clock differs",
            f"{found.clock_skew_ms / 1000:+.1f} s",
            "yellow" if abs(found.clock_skew_ms) > 60_000 else "",
        )
    if found.key_age_days:
        add("key seen for", f"{found.key_age_days} d")
    if found.agreement_days_left is not None:
        left = found.agreement_days_left
        add("agreement ends in", f"{left} d", "red" if left <= 7 else "yellow" if left <= 30 else "")
    if found.sent_number:
        add("sent", f"number {found.sent_number}")
    if found.heard_number is not None:
        add("arrived", f"number {found.heard_number}")
    for label, gaps in (("never came", found.missing_in), ("they lack", found.missing_out)):
        if gaps:
            add(label, ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in gaps[:5]), "red")
    for label, refused in (("we refused in a day", found.refused_in), ("they refused in a day", found.refused_out)):
        if refused:
            add(label, ", ".join(f"{number} {code}" for code, number in refused.items()))
    return lines


def span(seconds: int) -> str:
    """A duration in its largest unit."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _share(part: float | None) -> str | None:
    return None if part is None else f"{100 * part:.0f} %" if part in (0, 1) else f"{100 * part:.1f} %"
