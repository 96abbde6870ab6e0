"""How answers go out: compressed where that helps, and not at all where the client has them already (ETag).

Only whole JSON answers are compressed; streams and files pass as they are. A compressed answer tells by its length what is
in it (BREACH): that takes somebody who makes the victim's browser ask with its cookie, and these answers are for who holds
a bearer token, which no browser sends by itself. What a cookie opens (`/oauth/…`) is never compressed.
"""

import re
import secrets

from starlette.responses import Response
from starlette.types import Scope

from fedi.compression import SMALLEST, has_already, packed, tag_of, takes_gzip
from fedi.mastodon.answers import Json

Headers = list[tuple[bytes, bytes]]

PRIVATE: Headers = [(b"cache-control", b"private, no-store"), (b"vary", b"Authorization, Origin, Accept-Encoding")]
"""Of every answer that says nothing else."""
_REQUEST_ID = re.compile(rb"[\w-]{8,64}\Z", re.ASCII)
_OF_THE_BODY = (b"content-type", b"content-length")


def header(scope: Scope, name: bytes) -> bytes:
    """The first header of this name (in lower case) of a request; empty when there is none."""
    for one, value in scope["headers"]:
        if one == name:
            found: bytes = value
            return found
    return b""


def request_id(scope: Scope) -> bytes:
    """What this request is called in the log: the name that a proxy gave it, or a new one."""
    given = header(scope, b"x-request-id")
    return given if _REQUEST_ID.match(given) else secrets.token_hex(8).encode()


class Whole:
    """A JSON answer in all forms in which it goes out: as it is, compressed (once, when somebody first wants that), or as the
    word that nothing changed."""

    __slots__ = ("_headers", "_packed", "_tag", "body", "status")

    def __init__(self, response: Json, *, tagged: bool, compressed: bool) -> None:
        """`tagged`: with an ETag, and 304 for who has it; `compressed`: for who takes that."""
        self.status = response.status_code
        self.body = bytes(response.body)
        self._packed: bytes | None = None if compressed and len(self.body) >= SMALLEST else b""
        self._headers = [one for one in response.raw_headers if one[0] != b"content-length"]
        if not any(name == b"cache-control" for name, _ in self._headers):
            self._headers += PRIVATE
        elif not any(name == b"vary" for name, _ in self._headers):
            self._headers.append((b"vary", b"Accept-Encoding"))
        self._tag = ""
        if tagged:
            self._tag = f'W/"{tag_of(self.body)}"'
            self._headers.append((b"etag", self._tag.encode()))

    @property
    def size(self) -> int:
        """Bytes that it may take in memory, of all its forms."""
        return len(self.body) + len(self.body) // 4 + 1000

    def form(self, scope: Scope) -> tuple[int, Headers, bytes]:
        """(status, headers, body) for this request."""
        if self._tag:
            known = header(scope, b"if-none-match")
            if known and has_already(known.decode("latin-1"), self._tag):
                return 304, [one for one in self._headers if one[0] not in _OF_THE_BODY], b""
        body, more = self.body, []
        if self._packed != b"" and takes_gzip(header(scope, b"accept-encoding").decode("latin-1")):
            if self._packed is None:
                self._packed = packed(body)
            body, more = self._packed, [(b"content-encoding", b"gzip")]
        return self.status, [*self._headers, *more, (b"content-length", str(len(body)).encode())], body


def whole(scope: Scope, response: Response, *, tagged: bool) -> Whole | None:
    """The answer to this request as it goes out; None for what is no whole JSON answer. `tagged`: whether a private answer has
    an ETag; one for everybody always has."""
    if not isinstance(response, Json):
        return None
    public = any(name == b"cache-control" and value.startswith(b"public") for name, value in response.raw_headers)
    asks = scope["method"] in ("GET", "HEAD") and response.status_code == 200
    compressed = not scope["path"].startswith("/oauth")
    return Whole(response, tagged=asks and compressed and (public or tagged), compressed=compressed)
