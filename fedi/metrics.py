"""`/metrics`: what an operator's Prometheus reads. Each figure is read from the database when it is asked for."""

from typing import Protocol

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from fedi.context import Site
from storage import jobs, links, outbox, people, posts, received
from storage.metadata import Tx

_HOUR = 3600 * 1000
_MONTH = 30 * 24 * _HOUR


class Streams(Protocol):
    """What streams to clients (`fedi.mastodon.streaming.hub`), as far as figures go."""

    def figures(self) -> dict[str, int]:
        """Connections under `websocket` and `eventsource`, and how many events were `sent`."""


async def metrics(request: Request) -> Response:
    """The figures in Prometheus' text format. A proxy should show them to the operator only."""
    site: Site = request.app.state.site
    hub: Streams | None = getattr(request.app.state, "streaming", None)
    streams = hub.figures() if hub is not None else {}
    body = await site.db.read(lambda tx: _collect(tx, site, streams))
    return Response(body, media_type=CONTENT_TYPE_LATEST)


def _collect(tx: Tx, site: Site, streams: dict[str, int]) -> bytes:
    registry = CollectorRegistry()

    def gauge(name: str, text: str, value: float, **labels: str) -> None:
        known = made.get(name)
        if known is None:
            known = made[name] = Gauge(name, text, list(labels), registry=registry)
        (known.labels(**labels) if labels else known).set(value)

    made: dict[str, Gauge] = {}
    now = site.clock()
    for state, number in received.totals(tx, now - _HOUR).items():
        gauge("fedi_received", "Activities that wait, and that were settled in the last hour", number, state=state)
    oldest = received.oldest_due(tx, now)
    gauge(
        "fedi_received_oldest_seconds", "Age of the oldest activity that waits", (now - oldest) / 1000 if oldest else 0
    )
    for state, number in jobs.totals(tx).items():
        gauge("fedi_jobs", "Jobs, by state", number, state=state)
    head = outbox.head(tx)
    gauge("fedi_outbox_position", "Position of the newest row of the outbox log", head)
    hosts = links.everyone(tx)
    gauge("fedi_links", "Hosts that we send to", len(hosts))
    gauge("fedi_links_failing", "Hosts whose last delivery failed", sum(link.failures > 0 for link in hosts))
    gauge(
        "fedi_links_waiting",
        "Hosts with rows of the log still to send",
        sum(link.wanted > link.cursor for link in hosts),
    )
    active, posted = people.totals(tx, now - _MONTH)
    gauge("fedi_people", "Active people of this instance", active)
    gauge("fedi_people_posting", "People of this instance who posted in the last 30 days", posted)
    gauge("fedi_posts", "Posts written here", posts.local_total(tx))
    for kind in ("websocket", "eventsource"):
        gauge("fedi_streams", "Clients that stream from this process, by kind", streams.get(kind, 0), kind=kind)
    gauge("fedi_streams_sent", "Events that this process sent to clients that stream", streams.get("sent", 0))
    return generate_latest(registry)
