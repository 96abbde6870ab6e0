"""What is shown to who wrote something while their session ended: their words, which a redirect to the log-in would lose."""

from starlette.requests import Request
from starlette.responses import Response

from fedi.actions import media
from fedi.forms import sent_with_files, text
from fedi.html import page
from fedi.sessions import signed_in

_LARGEST = 100_000
"""Bytes of a form that is read of somebody who is not logged in: a long text, and no pictures."""
_LONG = 20_000


async def kept(request: Request) -> Response | None:
    """The page with what was typed and a link to log in beside it, for a form that a browser without our script sends without a
    session; None for every other request. Scripts are led to the log-in, as they keep the words themselves."""
    length = request.headers.get("content-length", "")
    if request.headers.get("sec-fetch-mode") != "navigate" or not length.isdigit() or int(length) > _LARGEST:
        return None
    if await signed_in(request) is not None:
        return None
    async with sent_with_files(request, media.MOST) as form:
        hidden = [
            (name, value[:_LONG])
            for name, value in form.multi_items()
            if isinstance(value, str) and name not in ("text", "action")
        ]
        return page(request, "again.html", 401, hidden=hidden, words=text(form, "text", _LONG))
