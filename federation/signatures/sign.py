"""Signing our own requests: draft-cavage-12 first, RFC 9421 for peers that ask for it with 400 or 401.

Header names are in lower case, the host as `host_of` spells it. `now` is in ms.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

from federation.hosts import split_iri
from federation.signatures import cavage, rfc9421
from federation.signatures.digest import content_digest
from federation.signatures.digest import digest as digest_of
from federation.signatures.keys import PrivateKey

CONTENT_TYPE = "application/activity+json"
"""What we send: no parameters, as Lemmy and NodeBB compare the whole value."""

_POST = ("(request-target)", "host", "date", "digest", "content-type")
_GET = ("(request-target)", "host", "date")
_USUAL = 256
"""Length of a URL up to which what it means is kept: the same inboxes are written to again and again."""
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=4)
def _date(seconds: int) -> str:
    when = datetime.fromtimestamp(seconds, UTC)
    return f"{_DAYS[when.weekday()]}, {when.day:02d} {MONTHS[when.month - 1]} {when.year} {when:%H:%M:%S} GMT"


def http_date(now: int) -> str:
    """A time in ms as HTTP spells it (RFC 9110 section 5.6.7), whatever the locale."""
    return _date(now // 1000)


def _place(url: str) -> tuple[str, str, str]:
    """(scheme, host, path with query) of a URL. Raises Malformed or UnsupportedHost."""
    return _usual_place(url) if len(url) < _USUAL else _read_place(url)


def _read_place(url: str) -> tuple[str, str, str]:
    scheme, host, rest = split_iri(url)
    target = rest.partition("#")[0]
    return scheme, host, target if target.startswith("/") else f"/{target}"


_usual_place = lru_cache(maxsize=4096)(_read_place)


def sign_post(
    key: PrivateKey,
    url: str,
    body: bytes,
    now: int,
    digest: str | None = None,
    more: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The headers of a POST signed in the draft's way, `host` to `signature`; `digest` spares computing it again, `more`
    are further headers (names in lower case) that are sent and signed as well.

    Raises Malformed or UnsupportedHost when the URL is none.
    """
    _, host, target = _place(url)
    headers = {
        "host": host,
        "date": http_date(now),
        "digest": digest or digest_of(body),
        "content-type": CONTENT_TYPE,
    }
    covered: tuple[str, ...] = _POST
    if more:
        headers |= more
        covered = (*_POST, *more)
    message = cavage.signing_string(covered, "post", target, headers)
    headers["signature"] = cavage.signature_header(key, covered, message)
    return headers


def sign_get(key: PrivateKey, url: str, now: int) -> dict[str, str]:
    """The headers of a GET signed in the draft's way: `host`, `date`, `signature`. Raises as `sign_post`."""
    _, host, target = _place(url)
    headers = {"host": host, "date": http_date(now)}
    message = cavage.signing_string(_GET, "get", target, headers)
    headers["signature"] = cavage.signature_header(key, _GET, message)
    return headers


def sign_post_rfc9421(
    key: PrivateKey, url: str, body: bytes, now: int, more: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The headers of a POST signed as RFC 9421 says, covering `@method @target-uri content-digest content-type` and what
    `more` (further headers, names in lower case) has."""
    headers = {"content-digest": content_digest(body), "content-type": CONTENT_TYPE, **(more or {})}
    covered = ("@method", "@target-uri", "content-digest", "content-type", *(more or ()))
    return _sign_rfc9421(key, "POST", url, headers, covered, now)


def sign_get_rfc9421(key: PrivateKey, url: str, now: int) -> dict[str, str]:
    """The headers of a GET signed as RFC 9421 says, covering `@method @target-uri`."""
    return _sign_rfc9421(key, "GET", url, {}, ("@method", "@target-uri"), now)


def _sign_rfc9421(
    key: PrivateKey, method: str, url: str, headers: dict[str, str], covered: tuple[str, ...], now: int
) -> dict[str, str]:
    scheme, host, target = _place(url)
    parameters = rfc9421.parameters_of(key, covered, now // 1000)
    base = rfc9421.signature_base(covered, parameters, method, scheme, host, target, headers)
    return {"host": host, "date": http_date(now), **headers, **rfc9421.signature_headers(key, parameters, base)}
