"""The admin API for moderators' tools: measures, dimensions and retention, real where the numbers are here.

A key that is not known is left out, as in Mastodon; what needs data that nobody keeps here has an empty list.
"""

import platform
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import VERSION
from fedi.callers import bearer
from fedi.context import Site
from fedi.errors import Invalid
from fedi.mastodon import arguments
from fedi.mastodon.admin import staff
from fedi.mastodon.answers import Json, moment
from fedi.mastodon.languages import LANGUAGES
from storage import measures as rows
from storage.measures import DAY, MEASURES
from storage.metadata import Tx

MOST_DAYS = 366


class Span(msgspec.Struct, kw_only=True):
    """The body of all three: days from `start_at` to `end_at`, both with it; the last thirty where none is said."""

    keys: list[str] = msgspec.field(default_factory=list)
    start_at: str = ""
    end_at: str = ""
    limit: int = 10
    frequency: str = "day"


def _day(text: str) -> int:
    try:
        found = date.fromisoformat(text[:10])
    except ValueError as problem:
        raise Invalid("Validation failed: A time is written as 2026-11-23", code="time") from problem
    return int(datetime(found.year, found.month, found.day, tzinfo=UTC).timestamp()) * 1000


async def _asked(request: Request) -> tuple[Span, int, int]:
    """(what is asked for, when its first day begins, when its last day ends), for staff only."""
    site: Site = request.app.state.site
    token = bearer(request)
    await site.db.read(lambda tx: staff(tx, token, "admin:read"))
    asked = await arguments.read(request, Span)
    now = site.clock()
    end = (_day(asked.end_at) if asked.end_at else now - now % DAY) + DAY
    start = _day(asked.start_at) if asked.start_at else end - 30 * DAY
    if not 0 < end - start <= MOST_DAYS * DAY:
        raise Invalid(
            f"Validation failed: The times are at most {MOST_DAYS} days apart, and in their order", code="time"
        )
    return asked, start, end


async def measures(request: Request) -> Response:
    """POST /api/v1/admin/measures: numbers by day, their sum, and the sum of as many days before."""
    site: Site = request.app.state.site
    asked, start, end = await _asked(request)

    def unit(tx: Tx) -> list[dict[str, Any]]:
        answer = []
        for key in dict.fromkeys(asked.keys):
            if key not in MEASURES:
                continue
            days = MEASURES[key](tx, start, end)
            before = sum(MEASURES[key](tx, start - (end - start), start).values())
            data = [{"date": moment(at), "value": str(days.get(at, 0))} for at in range(start, end, DAY)]
            answer.append(
                {
                    "key": key,
                    "unit": None,
                    "total": str(sum(days.values())),
                    "human_value": str(sum(days.values())),
                    "previous_total": str(before),
                    "data": data,
                }
            )
        return answer

    return Json(await site.db.read(unit))


async def dimensions(request: Request) -> Response:
    """POST /api/v1/admin/dimensions: languages, servers and software; the rest is not counted here."""
    site: Site = request.app.state.site
    asked, start, end = await _asked(request)
    limit = max(1, min(asked.limit, 40))

    def counted(pairs: list[tuple[str, int]], names: dict[str, str]) -> list[dict[str, str]]:
        return [{"key": key, "human_key": names.get(key, key), "value": str(number)} for key, number in pairs]

    def unit(tx: Tx) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for key in dict.fromkeys(asked.keys):
            data: list[dict[str, str]] = []
            if key == "languages":
                data = counted(rows.languages(tx, start, end, limit), LANGUAGES)
            elif key == "servers":
                data = counted(rows.servers(tx, start, end, limit), {})
            elif key == "software_versions":
                versions = {"fedi": VERSION, "python": platform.python_version(), "database": tx.dialect.name}
                data = [{"key": one, "human_key": one, "value": said} for one, said in versions.items()]
            elif key not in ("sources", "space_usage"):
                continue
            found.append({"key": key, "data": data})
        return found

    return Json(await site.db.read(unit))


async def retention(request: Request) -> Response:
    """POST /api/v1/admin/retention: who of those that signed up in a month is still here; nobody's visits are kept."""
    asked, _, _ = await _asked(request)
    if asked.frequency not in ("day", "month"):
        raise Invalid("Validation failed: Frequency is day or month", code="frequency")
    return Json([])


ROUTES = [
    Route("/api/v1/admin/measures", measures, methods=["POST"]),
    Route("/api/v1/admin/dimensions", dimensions, methods=["POST"]),
    Route("/api/v1/admin/retention", retention, methods=["POST"]),
]
