"""What the status of another server's answer means for who asked."""

import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import msgspec

from federation.errors import Busy, Gone, Refused, Unreachable
from federation.http1 import Response

_ABOUT_US = frozenset({"stance", "mode"})
"""Rules that say whom a server speaks with."""


def check_status(answer: Response, url: str, clock: Callable[[], int]) -> None:
    """Raise what an answer from `url` means, unless it is a 2xx; `clock` gives ms since 1970.

    Busy (429, 503), Gone (410), Unreachable (408, 5xx: it may be another time) or Refused (all else).
    """
    status = answer.status
    if 200 <= status < 300:
        return
    text = f"{status} from {url[:200]}"
    policy = _policy_in(answer)
    if policy is not None and 400 <= status < 500 and status not in (408, 410, 429):
        raise Refused(policy, code="policy", answered=status)
    said = re.sub(r"[^\x20-\x7e]+", " ", answer.body[:300].decode("utf-8", "replace")).strip()
    if said and not said.startswith("<"):
        text = f"{text}: {said}"
    if status in (429, 503):
        raise Busy(text, retry_after=retry_after(answer.headers.get("retry-after"), clock))
    if status == 410:
        raise Gone(text)
    if status == 408 or status >= 500:
        raise Unreachable(text, code="server-error")
    raise Refused(text, answered=status)


def _policy_in(answer: Response) -> str | None:
    """Why the policy over there does not take it, in its words, where it says so in a problem document (RFC 9457) that names a
    rule: such a no is about this one activity. None also where it is about us, as they speak with us not at all."""
    if b'"peer:' not in answer.body or not answer.headers.get("content-type", "").startswith(
        "application/problem+json"
    ):
        return None
    try:
        said = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("peer:rule"), str) or said["peer:rule"] in _ABOUT_US:
        return None
    text = said.get("detail") or said.get("title")
    return re.sub(r"[^\x20-\x7e\xa0-\ufffd]+", " ", str(text or "it does not say why"))[:300].strip()


def retry_after(value: str | None, clock: Callable[[], int]) -> int | None:
    """A Retry-After header in seconds from now (RFC 9110 section 10.2.3); None when it is absent or unreadable."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    try:
        return max(0, int(parsedate_to_datetime(value[:100]).timestamp()) - clock() // 1000)
    except (ValueError, TypeError, OverflowError):
        return None
