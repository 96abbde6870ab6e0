"""`/admin/health`: how the instance is doing, as pictures with the same numbers in tables: traffic, queues, peers, refusals,
storage. The figures over time are `storage.samples`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi import health
from fedi.admin import charts
from fedi.admin.asking import admin, shown
from fedi.admin.charts import Chart, Series
from fedi.context import Site
from fedi.languages import N_, _, day, local, ngettext, number
from storage import decisions, delivered, peers, people, posts, samples, waiting
from storage.metadata import Tx

_HOUR, _DAY = 3_600_000, 24 * 3_600_000
_PEERS = 30
_BY_TIME = ("received", "refused", "head", "received.age", "jobs.age", "outbox.age", "bytes")
TRAFFIC = (
    Series("received", N_("received"), "accepted"),
    Series("refused", N_("refused"), "refused"),
    Series("sent", N_("sent"), "same"),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """Charts for desk and phone, and the table of the same numbers: its columns, and rows whose first cell names them."""

    charts: list[Chart]
    columns: list[str]
    rows: list[list[str]]
    legend: list[tuple[str, str]]


async def page(request: Request) -> Response:
    """All pictures."""
    site: Site = request.app.state.site
    await admin(request)
    return await shown(request, "health.html", "health", lambda tx: _read(tx, site))


def _read(tx: Tx, site: Site) -> dict[str, Any]:
    now = site.clock()
    lately = samples.since(tx, now - _DAY, _BY_TIME)
    long_ago = samples.since(tx, now - 31 * _DAY, ("bytes",))["bytes"]
    active, posting = people.totals(tx, now - 30 * _DAY)
    return {
        "traffic": traffic(lately),
        "delivered": _delivered(delivered.by_hour(tx, now - _DAY, now)),
        "queues": _queues(lately),
        "waits": _waits(tx, now),
        "peers": _peers(tx, site, now),
        "refusals": _refusals(decisions.by_code(tx, now - 7 * _DAY)),
        "storage": _storage(long_ago),
        "figures": [
            (number(active), ngettext("person", "people", active)),
            (number(posting), _("wrote within a month")),
            (number(posts.local_total(tx)), _("posts written here")),
            (size(samples.database_bytes(tx)), _("in the database")),
        ],
    }


def hours(
    series: Mapping[str, Sequence[tuple[int, float]]], how: Mapping[str, str]
) -> list[tuple[int, dict[str, float]]]:
    """Samples by hour (ms), each name's taken together as `how` says: sum, most or grown (of a counter)."""
    found: dict[int, dict[str, float]] = {}
    for name, way in how.items():
        before: float | None = None
        for at, value in series.get(name, ()):
            of = found.setdefault(at - at % _HOUR, {})
            if way == "most":
                of[name] = max(of.get(name, 0.0), value)
            elif way == "sum":
                of[name] = of.get(name, 0.0) + value
            elif before is not None:
                of[name] = of.get(name, 0.0) + max(0.0, value - before)
            before = value
    return sorted(found.items())


def traffic(lately: Mapping[str, Sequence[tuple[int, float]]]) -> Picture:
    """What came and went in each hour: activities that were received, those refused among them, and those sent."""
    points = []
    for at, of in hours(lately, {"received": "sum", "refused": "sum", "head": "grown"}):
        refused = of.get("refused", 0)
        points.append(
            (at, {"received": max(0, of.get("received", 0) - refused), "refused": refused, "sent": of.get("head", 0)})
        )
    return _over_time(points, TRAFFIC, lambda value: number(round(value)))


def _delivered(by_hour: Mapping[int, delivered.Delivered]) -> Picture:
    several = (
        Series("taken", N_("taken"), "accepted"),
        Series("failed", N_("no answer"), "same"),
        Series("refused", N_("refused"), "refused"),
    )
    points = [
        (at, {"taken": one.taken, "failed": one.failed, "refused": one.refused}) for at, one in sorted(by_hour.items())
    ]
    return _over_time(points, several, lambda value: number(round(value)))


def _queues(lately: Mapping[str, Sequence[tuple[int, float]]]) -> Picture:
    several = (
        Series("received.age", N_("to be worked out"), "accepted"),
        Series("jobs.age", N_("jobs"), "same"),
        Series("outbox.age", N_("to be sent"), "refused"),
    )
    points = hours(lately, {one.key: "most" for one in several})
    return _over_time(points, several, lasted, beside=True)


def _over_time(
    points: Sequence[tuple[int, Mapping[str, float]]], several: Sequence[Series], said: Any, *, beside: bool = False
) -> Picture:
    named = [Series(one.key, _(one.name), one.kind) for one in several]
    rows = [[clock(at), *(said(of.get(one.key, 0)) for one in named)] for at, of in reversed(points)]
    return Picture(
        charts.both(lambda wide: charts.columns(points, named, said, clock, wide, beside=beside)),
        [_("Hour"), *(one.name for one in named)],
        rows,
        [(one.kind, one.name) for one in named],
    )


def _waits(tx: Tx, now: int) -> list[tuple[str, str, str]]:
    """(queue, how much is due, how long the oldest has waited)."""
    received, jobs = waiting.of_received(tx, now), waiting.of_jobs(tx, now)
    since = min((one.since for one in waiting.most_behind(tx, 20) if one.state == "open"), default=None)
    found = (
        (_("Received, to be worked out"), received.due, received.oldest),
        (_("Jobs"), jobs.due, jobs.oldest),
        (_("Servers to which something is to be sent"), waiting.links_waiting(tx), since),
    )
    return [(name, number(due), lasted((now - oldest) / 1000) if oldest else "–") for name, due, oldest in found]


def _peers(tx: Tx, site: Site, now: int) -> Picture:
    """How far each is behind: agreed institutions, and whoever else something waits for longest."""
    agreed = [one.host for one in peers.with_stance(tx, ["agreed"])][:_PEERS]
    behind = {one.host: max(0, now - one.since) / 1000 for one in waiting.most_behind(tx, _PEERS)}
    known = [one for one in (health.of_peer(tx, site, host) for host in agreed) if one is not None]
    rows = [(one.host, max(one.lag_seconds, behind.pop(one.host, 0.0)), one.colour, one.queue) for one in known]
    rows += [(host, lag, "grey", 0) for host, lag in behind.items()]
    rows.sort(key=lambda one: -one[1])
    kinds = {"green": "accepted", "red": "refused"}
    return Picture(
        charts.both(
            lambda wide: charts.rows(
                [(host, lag, kinds.get(colour, "same")) for host, lag, colour, _q in rows], lasted, wide
            )
        ),
        [_("Server"), _("Behind"), _("Waiting")],
        [[host, lasted(lag) if lag else "–", number(queue)] for host, lag, _c, queue in rows],
        [],
    )


def _refusals(by_code: Sequence[tuple[str, str, int]]) -> Picture:
    ways = {"in": _("from others"), "out": _("to others"), "fetch": _("asked for")}
    named = [(f"{code} · {ways.get(direction, direction)}", count) for direction, code, count in by_code]
    return Picture(
        charts.both(
            lambda wide: charts.rows(
                [(name, count, "refused") for name, count in named], lambda one: number(round(one)), wide
            )
        ),
        [_("Reason"), _("Refused")],
        [[name, number(count)] for name, count in named],
        [],
    )


def _storage(sizes: Sequence[tuple[int, float]]) -> Picture:
    days: dict[int, float] = {}
    for at, value in sizes:
        days[at - at % _DAY] = value
    one = Series("bytes", _("in the database"), "same")
    points = [(at, {"bytes": value}) for at, value in sorted(days.items())]
    return Picture(
        charts.both(lambda wide: charts.columns(points, [one], size, short_day, wide)),
        [_("Day"), _("Size")],
        [[day(at), size(of["bytes"])] for at, of in reversed(points)],
        [],
    )


def clock(at: int) -> str:
    """The hour of a time (ms) on the reader's clock."""
    return f"{local(at):%H:%M}"


def short_day(at: int) -> str:
    """A day (ms) as 24.11."""
    return f"{local(at):%d.%m.}"


def lasted(seconds: float) -> str:
    """A length of time in few letters: 40 s, 3 min, 5 h, 2 d."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{number(round(seconds / length))} {unit}"
    return f"{number(round(seconds))} s"


def size(value: float) -> str:
    """Bytes for people: 12 MB."""
    for unit, length in (("GB", 1e9), ("MB", 1e6)):
        if value >= length:
            return f"{number(round(value / length, 1))} {unit}"
    return f"{number(round(value / 1000))} kB"
