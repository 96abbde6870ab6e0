"""`GET /media/…`: uploaded files, for whoever has the address: no cookie, no token (clients send none for pictures).

Nothing in the address but a name that we gave leads anywhere. The type is the one that was found when the file came, and a
browser that opens a file by itself shows it in a box without scripts.
"""

import asyncio
import os
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from fedi.context import Site
from fedi.media import files

HEADERS = {
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox",
}
_FOR_GOOD = "public, max-age=31536000, immutable"
"""A name is never given twice."""


async def file(request: Request) -> Response:
    """A file, or the part of it that a Range asks for (RFC 9110, 14.2)."""
    site: Site = request.app.state.site
    found = files.served(site, request.path_params["file"])
    state = await asyncio.to_thread(_state, found[0]) if found is not None else None
    if found is None or state is None:
        return PlainTextResponse("Not found", 404, HEADERS)
    headers = {**HEADERS, "cache-control": _FOR_GOOD}
    return FileResponse(found[0], headers=headers, media_type=found[1], stat_result=state)


def _state(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


ROUTES = [Route("/media/{file:path}", file)]
