"""What went wrong, as a page with a plain sentence on what to do; as problem details (RFC 9457) for who asks for JSON."""

import logging

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from fedi.errors import Problem
from fedi.forms import LogInFirst, log_in_first
from fedi.html import page
from fedi.languages import N_, _
from fedi.sessions import signed_in
from storage.database import StorageUnavailable

log = logging.getLogger(__name__)

_TITLES = {
    400: N_("That did not work"),
    401: N_("Log in first"),
    403: N_("This is not allowed"),
    404: N_("Not found"),
    405: N_("That did not work"),
    410: N_("Gone"),
    413: N_("Too large"),
    415: N_("That did not work"),
    422: N_("That can't be taken as it is"),
    429: N_("Too many attempts"),
    500: N_("Something broke here"),
    503: N_("Not available right now"),
}
_TEXTS = {
    404: N_("There is nothing at this address. It may be misspelt, or what was here is gone."),
    405: N_("This address can't be used in this way. Go back and use the page's own buttons."),
    410: N_("What was here has been deleted."),
}


async def problem(request: Request, exc: Exception) -> Response:
    """Answer for a `Problem`."""
    if not isinstance(exc, Problem):
        raise exc
    return await _answer(request, exc.status, exc.text, exc.code)


async def http(request: Request, exc: Exception) -> Response:
    """Answer for what the router raises: no such page, no such method."""
    if not isinstance(exc, HTTPException):
        raise exc
    answer = await _answer(request, exc.status_code, _TEXTS.get(exc.status_code, str(exc.detail)), "http")
    for name, value in (exc.headers or {}).items():
        answer.headers[name] = value
    return answer


async def unavailable(request: Request, exc: Exception) -> Response:
    """Answer while the database can't be reached or written to."""
    log.debug("storage: %s", exc)  # `storage.outages` says it once, not for each who asks
    answer = await _answer(
        request, 503, N_("The server can't reach its database. Nothing was lost; try again in a minute."), "storage"
    )
    answer.headers["retry-after"] = "60"
    return answer


async def broke_off(request: Request, exc: Exception) -> Response:
    """Who asked went away before the request was complete: nobody reads this, and there is nothing to log."""
    return Response(status_code=400)


async def broken(request: Request, exc: Exception) -> Response:
    """Answer for a fault of ours; the server's log has the cause."""
    return await _answer(request, 500, N_("This is our fault, not yours. It was noted; try again in a while."), "fault")


async def log_in(request: Request, exc: Exception) -> Response:
    """Lead to the log-in."""
    if not isinstance(exc, LogInFirst):
        raise exc
    return log_in_first(exc)


async def _answer(request: Request, status: int, text: str, code: str) -> Response:
    title = _TITLES.get(status, _TITLES[400])
    accept = request.headers.get("accept", "").lower()
    if "json" in accept and "text/html" not in accept:
        body = {"type": "about:blank", "title": title, "status": status, "detail": text, "code": code}
        return JSONResponse(body, status, media_type="application/problem+json")
    if status not in (500, 503):
        await signed_in(request)
    return page(request, "problem.html", status, title=_(title), text=_(text))


EXCEPTION_HANDLERS = {
    Problem: problem,
    HTTPException: http,
    LogInFirst: log_in,
    StorageUnavailable: unavailable,
    ClientDisconnect: broke_off,
    Exception: broken,
}
