"""What links in mails do, without a log-in: `/mail/stop/TOKEN` ends a kind of mail, `/mail/read/TOKEN` marks as read what one told of.

A GET only asks, as mail servers follow links to look for viruses. The POST of `/mail/stop` is also what mail programs send when
one presses their own button (RFC 8058): they have no cookie and come from elsewhere, and the signed token says who asks.
"""

from starlette.requests import Request
from starlette.responses import Response

from fedi.actions import digests, mail_links, reading
from fedi.actions.mail_links import Link
from fedi.context import Site
from fedi.errors import NotFound
from fedi.html import page
from fedi.languages import N_, _
from storage import people
from storage.metadata import Tx

GONE = N_("This link is not complete, or too old. You find the same in your settings, once you are logged in.")
_STOPS = {"stop digest": "digest", "stop mentions": "mentions"}


async def stop(request: Request) -> Response:
    """`/mail/stop/TOKEN`: no more digests, or no more mails of what was meant for oneself."""
    site: Site = request.app.state.site
    done = request.method == "POST"

    def unit(tx: Tx) -> Link | None:
        link = next(filter(None, (mail_links.read(tx, site, _token(request), one) for one in _STOPS)), None)
        if link is not None and done:
            digests.unsubscribe(tx, link.person_id, _STOPS[link.purpose])
        return link

    link = await (site.db.write(unit) if done else site.db.read(unit))
    if link is None:
        raise NotFound(_(GONE))
    return page(request, "mail.html", what=_STOPS[link.purpose], done=done)


async def read(request: Request) -> Response:
    """`/mail/read/TOKEN`: everything that came until the digest left counts as read, in all groups."""
    site: Site = request.app.state.site
    done = request.method == "POST"

    def unit(tx: Tx) -> Link | None:
        link = mail_links.read(tx, site, _token(request), "read")
        person = people.by_id(tx, link.person_id) if link is not None else None
        if link is None or person is None or person.state != "active":
            return None
        if done:
            reading.read_groups(tx, site, link.person_id, reading.mine(tx, link.person_id), link.about)
        return link

    if await (site.db.write(unit) if done else site.db.read(unit)) is None:
        raise NotFound(_(GONE))
    return page(request, "mail.html", what="read", done=done)


def _token(request: Request) -> str:
    token: str = request.path_params["token"]
    return token
