"""`/admin/deliveries`: what is on its way to peers, where it is stuck and why; as `fedi delivery` says it."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi.admin.asking import admin, shown
from fedi.context import Site
from fedi.errors import NotFound
from fedi.forms import number, see_other, sent, text
from fedi.languages import _, ngettext
from storage import audiences, jobs, links, troubles
from storage.links import Link
from storage.metadata import Tx

_TROUBLES = 40
_HOSTS = 200


async def deliveries(request: Request) -> Response:
    """The hosts to which something waits or fails, and what ended without having been taken; the form tries a host now."""
    site: Site = request.app.state.site
    await admin(request)
    if request.method == "POST":
        form = await sent(request)
        host, again, drop = text(form, "host", 300), number(form, "again"), number(form, "drop")
        if again is not None:
            await site.db.write(lambda tx: _send_again(tx, site, again))
        elif drop is not None:
            await site.db.write(lambda tx: troubles.remove(tx, drop))
        else:
            await site.db.write(lambda tx: _retry(tx, site, host))
        return see_other(f"/admin/deliveries?done={'dropped' if drop is not None else 'retry'}")

    def read(tx: Tx) -> dict[str, Any]:
        every = links.everyone(tx)
        shown_ = [link for link in every if _wants_care(link)][:_HOSTS]
        return {
            "hosts": [(link, audiences.backlog(tx, link.host), _colour(link)) for link in shown_],
            "total": len(every),
            "failing": sum(1 for link in every if link.failures),
            "troubles": troubles.newest(tx, _TROUBLES),
        }

    return await shown(request, "deliveries.html", "deliveries", read, now=site.clock())


def _retry(tx: Tx, site: Site, host: str) -> None:
    if links.by_host(tx, host) is None:
        raise NotFound(f"Nothing was ever sent to {host}.")
    links.wake(tx, host, site.clock(), reopen=True)


def _send_again(tx: Tx, site: Site, trouble_id: int) -> None:
    """Send the activity of a trouble again, and what came after it to that host; what it has already, it drops as seen."""
    trouble = troubles.by_id(tx, trouble_id)
    if trouble is None:
        raise NotFound(_("It is settled or forgotten already."))
    if not jobs.hasten(tx, "redeliver", str(trouble.id), site.clock()):
        links.rewind(tx, trouble.host, trouble.position)
        links.wake(tx, trouble.host, site.clock(), reopen=True)
        troubles.remove(tx, trouble.id)


def _wants_care(link: Link) -> bool:
    return link.wanted > link.cursor or link.failures > 0 or link.state != "open"


def _colour(link: Link) -> tuple[str, str]:
    if link.state != "open":
        return "red", {"suspended": _("given up"), "blocked": _("not sent to")}.get(link.state, link.state)
    if link.failures:
        failed = ngettext("failed once", "failed %(count)s times", link.failures)
        return "amber", failed % {"count": link.failures}
    return "green", _("on its way")
