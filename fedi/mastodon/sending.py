"""How answers go out: compressed where that helps, and not at all where the client has them already (ETag).

Only whole JSON answers are compressed; streams and files pass as they are. A compressed answer tells by its length what is
in it (BREACH): that takes somebody who makes the victim's browser ask with its cookie, and these answers are for who holds
a bearer token, which no browser sends by itself. What a cookie opens (`/oauth/…`) is never compressed.
"""

import gzip
import re
import secrets
from hashlib import blake2b

from starlette.requests import Request
from starlette.responses import Response

from fedi.mastodon.answers import Json

SMALLEST = 1024
"""Bytes of an answer that is compressed; smaller ones fit into one packet anyway."""
LEVEL = 4
"""Of 20 statuses (60 KB) an eighth is left, after a millisecond; higher levels take twice that for a tenth more."""

_REQUEST_ID = re.compile(r"[\w-]{8,64}\Z", re.ASCII)
_GZIP = re.compile(r"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[\d.]+\s*)?(?:,|$)", re.IGNORECASE)


def request_id(request: Request) -> str:
    """What this request is called in the log: the name that a proxy gave it, or a new one."""
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.match(given) else secrets.token_hex(8)


def ready(request: Request, response: Response) -> Response:
    """The answer as it goes out."""
    if not isinstance(response, Json) or request.url.path.startswith("/oauth"):
        return response
    public = any(name == b"cache-control" and value.startswith(b"public") for name, value in response.raw_headers)
    if public:
        response.headers["vary"] = "Accept-Encoding"  # of all others the door says it
    if public and response.status_code == 200 and request.method in ("GET", "HEAD"):
        tag = f'W/"{blake2b(response.body, digest_size=12).hexdigest()}"'
        response.headers["etag"] = tag
        if has_already(request.headers.get("if-none-match", ""), tag):
            kept = [one for one in response.raw_headers if one[0] not in (b"content-type", b"content-length")]
            unchanged = Response(status_code=304)
            unchanged.raw_headers = kept
            return unchanged
    if len(response.body) >= SMALLEST and _GZIP.search(request.headers.get("accept-encoding", "")):
        response.body = gzip.compress(response.body, LEVEL, mtime=0)
        response.headers["content-length"] = str(len(response.body))
        response.headers["content-encoding"] = "gzip"
    return response


def has_already(said: str, tag: str) -> bool:
    """Whether If-None-Match names this tag; weakly, as RFC 9110 13.1.2 wants it."""
    bare = tag.removeprefix("W/")
    return any(one.strip().removeprefix("W/") in (bare, "*") for one in said.split(","))
