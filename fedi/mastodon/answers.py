"""Answers of the client API: JSON bytes, dates in Mastodon's form, errors in its shape."""

import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec
from starlette.responses import Response

_encode = msgspec.json.Encoder().encode


class Json(Response):
    """A JSON answer; `content` is anything msgspec writes, ready bytes as `msgspec.Raw` included."""

    media_type = "application/json"

    def __init__(self, content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(_encode(content), status, headers)

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """As Starlette's, without its guesses: the kind and length of a JSON body are known."""
        self.raw_headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", str(len(self.body)).encode()),
            *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()),
        ]


def problem(text: str, status: int, code: str | None = None, details: Any = None) -> Json:
    """`{"error": text}`, with Mastodon's `error_description` where a program wants one."""
    body: dict[str, Any] = {"error": text}
    if code is not None:
        body["code"] = code
    if details is not None:
        body["details"] = details
    return Json(body, status)


@lru_cache(4096)
def _second(seconds: int) -> str:
    at = time.gmtime(seconds)
    return f"{at.tm_year:04}" + time.strftime("-%m-%dT%H:%M:%S", at)  # %Y does not fill up with zeros


def moment(ms: int) -> str:
    """Milliseconds since 1970 as `2026-11-23T22:10:05.123Z`: with three digits, or Ice Cubes and Ivory show «now»."""
    seconds, rest = divmod(ms, 1000)
    return f"{_second(seconds)}.{rest:03d}Z"


@lru_cache(4096)
def day(ms: int) -> str:
    """The UTC date of a moment, as `2026-11-23` (Mastodon's `last_status_at`)."""
    return _second(ms // 1000)[:10]
