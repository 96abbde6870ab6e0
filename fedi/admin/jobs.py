"""`/admin/jobs`: background work that waits, and that which was given up; each can be tried now or dropped."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi.admin.asking import admin, shown
from fedi.context import Site
from fedi.forms import number, see_other, sent, text
from storage import audit, jobs
from storage.metadata import Tx

_LISTED = 60


async def index(request: Request) -> Response:
    """What failed first, then what waits, by kind; the form tries a job now or drops it."""
    site: Site = request.app.state.site
    me = await admin(request)
    if request.method == "POST":
        form = await sent(request)
        job_id, does = number(form, "id") or 0, text(form, "do", 10)

        def write(tx: Tx) -> bool:
            job = jobs.by_id(tx, job_id)
            if job is None:
                return False
            if does == "drop":
                jobs.done(tx, job.id)
                audit.add(tx, site.new_id(), site.clock(), me.username, "job.drop", job.kind, {"name": job.name})
            else:
                jobs.again(tx, job.id, site.clock())
            return True

        done = await site.db.write(write)
        return see_other(f"/admin/jobs?done={'job-gone' if not done else 'dropped' if does == 'drop' else 'retry'}")

    def read(tx: Tx) -> dict[str, Any]:
        now = site.clock()
        return {
            "failed": jobs.in_state(tx, "failed", _LISTED),
            "trying": [job for job in jobs.in_state(tx, "due", _LISTED) if job.attempts],
            "kinds": jobs.by_kind(tx),
            "totals": jobs.totals(tx),
            "now": now,
        }

    return await shown(request, "jobs.html", "jobs", read)
