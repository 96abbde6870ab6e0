"""`/metrics`: what an operator's Prometheus reads, in its text format; `deploy/monitoring.md` says what to make of it.

What is of the whole instance is read from the database, a few seconds old at most (a minute for what changes slowly), so
that asking often costs nothing. What is of a process has its number as the label `process`; every process that lives is
told of, whichever answers (`fedi.telemetry`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from fedi import health, telemetry
from fedi.context import Site
from fedi.exposition import MEDIA_TYPE, Exposition
from fedi.health import Health
from storage import jobs, links, outbox, peers, people, posts, received, waiting
from storage.links import Link
from storage.metadata import Tx
from storage.waiting import Behind, Queue

PEERS = 20
"""Peers that are told of by name: those for which something has waited longest."""
AGREED = 200
"""Peers that something is agreed with and of which it is told how that goes."""
_FRESH, _SLOW = 5_000, 60_000
_LATELY = 300_000
_MONTH = 30 * 24 * 3600 * 1000


class Streams(Protocol):
    """What streams to clients (`fedi.mastodon.streaming.hub`), as far as figures go."""

    def figures(self) -> dict[str, int]:
        """Connections under `websocket` and `eventsource`, and how many events were `sent`."""


@dataclass(frozen=True, slots=True)
class _Work:
    """What waits and how it goes, in the whole instance."""

    received: Queue
    states: dict[str, int]
    jobs: Queue
    job_states: dict[str, int]
    head: int
    links: list[Link]
    waiting: int
    behind: list[Behind]
    processes: dict[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Size:
    """How large the instance is; bytes of the database's file and of its log, where it has them."""

    people: int
    posting: int
    posts: int
    bytes: int
    log_bytes: int


async def metrics(request: Request) -> Response:
    """The figures in Prometheus' text format. A proxy should show them to the operator only."""
    site: Site = request.app.state.site
    hub: Streams | None = getattr(request.app.state, "streaming", None)
    figures: telemetry.Figures | None = getattr(request.app.state, "figures", None)
    now = site.clock()
    own = figures.now() if figures is not None else {}
    work = await site.recent.get("metrics.work", now, _FRESH, lambda: site.db.read(lambda tx: _work(tx, site)))
    size = await site.recent.get("metrics.size", now, _SLOW, lambda: site.db.read(lambda tx: _size(tx, site)))
    agreed = await site.recent.get("metrics.peerings", now, _SLOW, lambda: site.db.read(lambda tx: _healths(tx, site)))
    out = Exposition()
    _queues(out, work, now)
    _peers(out, work.behind, now)
    _peerings(out, agreed)
    _sizes(out, size)
    for slot, said in sorted((work.processes | {site.db.slot: own}).items()):
        _process(out, str(slot), said)
    _streams(out, hub.figures() if hub is not None else {})
    return Response(out.text(), media_type=MEDIA_TYPE)


def _work(tx: Tx, site: Site) -> _Work:
    now = site.clock()
    return _Work(
        received=waiting.of_received(tx, now),
        states=received.totals(tx, now - _LATELY),
        jobs=waiting.of_jobs(tx, now),
        job_states=jobs.totals(tx),
        head=outbox.head(tx),
        links=links.everyone(tx),
        waiting=waiting.links_waiting(tx),
        behind=waiting.most_behind(tx, PEERS),
        processes=telemetry.of_all(tx, site, {}),
    )


def _size(tx: Tx, site: Site) -> _Size:
    active, posted = people.totals(tx, site.clock() - _MONTH)
    if tx.dialect.name == "postgresql":
        total = int(tx.exec_driver_sql("SELECT pg_database_size(current_database())").scalar() or 0)
        return _Size(active, posted, posts.local_total(tx), total, 0)
    file = Path(site.db.url.removeprefix("sqlite:///"))
    return _Size(active, posted, posts.local_total(tx), _bytes(file), _bytes(file.with_name(file.name + "-wal")))


def _bytes(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _queues(out: Exposition, work: _Work, now: int) -> None:
    for state, number in sorted(({"new": 0} | work.states).items()):
        out.gauge(
            "fedi_received",
            "Activities received, by state; of the settled those of the last 5 minutes",
            number,
            state=state,
        )
    oldest = work.received.oldest
    out.gauge(
        "fedi_received_oldest_seconds",
        "Age of the oldest activity that waits",
        max(0, now - oldest) / 1000 if oldest else 0,
    )
    for state, number in sorted(work.job_states.items()):
        out.gauge("fedi_jobs", "Jobs, by state", number, state=state)
    since = min((one.since for one in work.behind if one.state == "open"), default=None)
    for queue, due, oldest in (
        ("received", work.received.due, work.received.oldest),
        ("jobs", work.jobs.due, work.jobs.oldest),
        ("outbox", work.waiting, since),
    ):
        out.gauge(
            "fedi_queue_due",
            f"What is due in each queue, counted to {waiting.MOST}; of the outbox: hosts",
            due,
            queue=queue,
        )
        out.gauge(
            "fedi_queue_oldest_seconds",
            "How long the oldest of it has waited",
            max(0, now - oldest) / 1000 if oldest else 0,
            queue=queue,
        )
    out.gauge("fedi_outbox_position", "Position of the newest row of the outbox log", work.head)
    out.gauge("fedi_links", "Hosts that we send to", len(work.links))
    out.gauge("fedi_links_failing", "Hosts whose last delivery failed", sum(one.failures > 0 for one in work.links))
    out.gauge("fedi_links_waiting", "Hosts with rows of the log still to send", work.waiting)


def _peers(out: Exposition, behind: list[Behind], now: int) -> None:
    for one in behind:
        of = {"host": one.host, "state": one.state}
        out.gauge(
            "fedi_peer_behind_rows", f"Rows of the log up to the last one for it, of {PEERS} hosts", one.rows, **of
        )
        out.gauge("fedi_peer_behind_seconds", "Age of the oldest of these", max(0, now - one.since) / 1000, **of)
        out.gauge("fedi_peer_failures", "Failures in a row", one.failures, **of)
        if one.last_success_at is not None:
            out.gauge("fedi_peer_last_success_seconds", "When it last took something", one.last_success_at / 1000, **of)


def _healths(tx: Tx, site: Site) -> list[Health]:
    """How the peerings go, of so many institutions at most."""
    agreed = peers.with_stance(tx, ["agreed", "suspended"])[:AGREED]
    return [one for one in (health.of_peer(tx, site, peer.host) for peer in agreed) if one is not None]


_COLOURS = {"green": 0, "yellow": 1, "red": 2, "grey": 0}


def _peerings(out: Exposition, several: list[Health]) -> None:
    for one in several:
        of = {"peer": one.host}
        out.gauge("fedi_peering_health", "0 as it should be, 1 to be looked at, 2 wrong", _COLOURS[one.colour], **of)
        out.gauge("fedi_peering_lag_seconds", "How long the oldest delivery to it has waited", one.lag_seconds, **of)
        out.gauge("fedi_peering_queue", "Deliveries to it that wait", one.queue, **of)
        out.gauge("fedi_peering_suspended", "1 while it is suspended", int(one.stance == "suspended"), **of)
        if one.success_hour is not None:
            out.gauge(
                "fedi_peering_success_ratio",
                "Part of the deliveries of this hour and the last that it took",
                one.success_hour,
                **of,
            )
        for direction, gaps in (("in", one.missing_in), ("out", one.missing_out)):
            number = sum(last - first + 1 for first, last in gaps)
            out.gauge(
                "fedi_peering_missing",
                "Activities that never arrived, by its numbers or ours",
                number,
                direction=direction,
                **of,
            )
        for direction, refused in (("in", one.refused_in), ("out", one.refused_out)):
            out.gauge(
                "fedi_peering_refused",
                "Activities that were refused within a day",
                sum(refused.values()),
                direction=direction,
                **of,
            )
        if one.agreement_days_left is not None:
            out.gauge("fedi_peering_agreement_days", "Days until the agreement ends", one.agreement_days_left, **of)
        if one.clock_skew_ms is not None:
            out.gauge(
                "fedi_peering_clock_skew_seconds", "How far its clock is ahead of ours", one.clock_skew_ms / 1000, **of
            )


def _sizes(out: Exposition, size: _Size) -> None:
    out.gauge("fedi_people", "Active people of this instance", size.people)
    out.gauge("fedi_people_posting", "People of this instance who posted in the last 30 days", size.posting)
    out.gauge("fedi_posts", "Posts written here", size.posts)
    out.gauge("fedi_database_bytes", "Size of the database", size.bytes)
    out.gauge("fedi_database_log_bytes", "Size of the log beside SQLite's file", size.log_bytes)


def _process(out: Exposition, process: str, said: dict[str, Any]) -> None:
    if not said:
        return
    of = {"process": process}
    out.gauge(
        "fedi_process_start_seconds", "When the process began", said["started_at"] / 1000, role=said["role"], **of
    )
    out.gauge("fedi_process_memory_bytes", "Resident memory", said["memory"], **of)
    out.counter("fedi_process_cpu_seconds_total", "Time on a processor", said["cpu"], **of)
    out.gauge("fedi_loop_lag_seconds", "The latest that the event loop came in the last 10 seconds", said["lag"], **of)
    for step, (runs, count, seconds) in sorted(said["steps"].items()):
        out.counter(
            "fedi_step_seconds_total", "Time that steps of the work took, waiting included", seconds, step=step, **of
        )
        out.counter("fedi_step_runs_total", "How often each step was done", runs, step=step, **of)
        out.counter("fedi_step_items_total", "Things that were in them", count, step=step, **of)
    for kind, code, number in sorted(said["outcomes"]):
        out.counter("fedi_outcomes_total", "How things ended, by reason code", number, kind=kind, code=code, **of)
    for name, cache in sorted(telemetry.cache_figures(said).items()):
        out.gauge("fedi_cache_entries", "Entries of a cache", cache.entries, cache=name, **of)
        out.gauge("fedi_cache_bytes", "About how large it is", cache.bytes, cache=name, **of)
        out.counter("fedi_cache_hits_total", "What was found in it", cache.hits, cache=name, **of)
        out.counter("fedi_cache_misses_total", "What was not", cache.misses, cache=name, **of)


def _streams(out: Exposition, streams: dict[str, int]) -> None:
    for kind in ("websocket", "eventsource"):
        out.gauge("fedi_streams", "Clients that stream from this process, by kind", streams.get(kind, 0), kind=kind)
    out.gauge("fedi_streams_sent", "Events that this process sent to clients that stream", streams.get("sent", 0))
