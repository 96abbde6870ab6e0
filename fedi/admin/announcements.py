"""`/admin/announcements`: what everybody on this instance is told, in pages and apps; as `fedi announcement`."""

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi.actions import announcements as acts
from fedi.admin.asking import admin, shown
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.forms import number, see_other, sent, text
from fedi.languages import _, reader, zone_of
from storage import announcements, audit
from storage.announcements import Announcement
from storage.metadata import Tx


async def index(request: Request) -> Response:
    """All of them, newest first, and the form for another; each is published or ended by its button."""
    site: Site = request.app.state.site
    me = await admin(request)
    if request.method != "POST":
        return await _page(request)
    form = await sent(request)
    does, which, typed, until = (
        text(form, "do", 10),
        number(form, "id") or 0,
        text(form, "text"),
        text(form, "ends", 30),
    )

    def write(tx: Tx) -> None:
        if does == "publish":
            one: Announcement | None = acts.publish(tx, site, which)
        elif does == "end":
            acts.end(tx, site, which)
            one = announcements.by_id(tx, which)
        else:
            one = acts.create(tx, site, typed, ends_at=_time(until), publish_now=does != "draft")
        if one is not None:
            action = f"announcement.{does or 'publish'}"
            audit.add(tx, site.new_id(), site.clock(), me.username, action, str(one.id), {"text": one.text[:200]})

    try:
        await site.db.write(write)
    except (Invalid, NotFound) as problem:
        return await _page(request, status=problem.status, problem=problem.text, typed=typed, until=until)
    done = {"draft": "saved", "end": "ended"}.get(does, "announced")
    return see_other(f"/admin/announcements?done={done}")


async def _page(request: Request, status: int = 200, **context: Any) -> Response:
    site: Site = request.app.state.site
    now = site.clock()

    def read(tx: Tx) -> dict[str, Any]:
        return {"several": [(one, _state(one, now)) for one in announcements.everything(tx)[:100]]}

    values = {"typed": "", "until": "", "zone": reader().zone or "UTC"} | context
    return await shown(request, "announcements.html", "announcements", read, status=status, **values)


def _state(one: Announcement, now: int) -> tuple[str, str]:
    if one.ends_at is not None and one.ends_at <= now:
        return "grey", _("over")
    if one.published_at is None:
        return "amber", _("draft")
    return "green", _("shown")


def _time(typed: str) -> int | None:
    """A date and time on the reader's clock, as a browser's field gives it, in ms. Raises Invalid for what is none."""
    if not typed.strip():
        return None
    try:
        moment = datetime.fromisoformat(typed.strip())
    except ValueError as problem:
        raise Invalid(_("Give the end as a date with a time, like 2026-12-01T18:00.")) from problem
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone_of(reader().zone))
    return int(moment.timestamp() * 1000)
