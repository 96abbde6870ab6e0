"""How often one caller may ask, counted as Mastodon does and told in its headers. Counts are kept in this process only.

Mastodon allows 300 requests in 5 minutes for each token and address. A campus sits behind few addresses and a page of
answers is cheap here, so reading is far freer; writing keeps the order of Mastodon's limits.
"""

from dataclasses import dataclass

from fedi.mastodon.answers import moment

_KEYS = 100_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many requests within so many seconds."""

    requests: int
    seconds: int


READING = Allowance(30_000, 300)
WRITING = Allowance(1_500, 300)
ANONYMOUS = Allowance(7_500, 300)
REGISTERING = Allowance(600, 600)
"""New apps and accounts, for each address."""
UPLOADING = Allowance(120, 1800)
"""Files, for each token. Mastodon's 30 are eight posts with pictures, fewer than an excursion's; these 120 still keep one
person from filling a disk in an evening unseen."""
CONNECTING = Allowance(30_000, 300)
"""WebSockets opened, for each address: after a restart a whole campus behind one address comes back at once."""


@dataclass(frozen=True, slots=True)
class Count:
    """Where a caller stands after a request: whether it is allowed, and Mastodon's three headers."""

    allowed: bool
    headers: list[tuple[bytes, bytes]]


def uncounted(now: int) -> Count:
    """For who is not limited: all is left, always."""
    most = str(READING.requests).encode()
    end = moment(now + READING.seconds * 1000)
    return Count(
        allowed=True,
        headers=[
            (b"x-ratelimit-limit", most),
            (b"x-ratelimit-remaining", most),
            (b"x-ratelimit-reset", end.encode()),
        ],
    )


class Windows:
    """Requests counted in fixed windows, one for each key; memory is bounded."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}  # key -> (end of the window in ms, requests in it)

    def count(self, key: str, allowance: Allowance, now: int) -> Count:
        """Count one request of `key` at `now` ms."""
        end, used = self._seen.get(key, (0, 0))
        length = allowance.seconds * 1000
        if end <= now or end > now + length:  # over, or of a clock that was set back
            end, used = (now // length + 1) * length, 0
            # Begun anew it goes to the end, so that the first is always the one whose window ended longest ago.
            self._seen.pop(key, None)
            if len(self._seen) >= _KEYS:
                self._seen.pop(next(iter(self._seen)))
        used += 1
        self._seen[key] = (end, used)
        headers = [
            (b"x-ratelimit-limit", str(allowance.requests).encode()),
            (b"x-ratelimit-remaining", str(max(allowance.requests - used, 0)).encode()),
            (b"x-ratelimit-reset", moment(end).encode()),
        ]
        return Count(used <= allowance.requests, headers)
