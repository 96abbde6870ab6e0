"""Who sends what proves nothing, again and again: told to wait (429) before its body is read and anything of it is parsed.

Each request whose proof fails takes one from a bucket of the address that it came from, and one from that of this address
with the host that the request claims to be from (`claimed`); an empty bucket refuses. Buckets fill by themselves, so nobody
is shut out for more than some seconds once forgeries end, and each good signature puts back ten times what a bad one takes.

Behind a proxy that is not in `proxy.trusted` everybody has one address. So the bucket of an address alone says nothing to
hosts that proved themselves from there within the last hour: those are refused only for what was forged in their own name
from that address. Somebody who forges in the name of one host shuts out, at worst and while it lasts, this one host at this
one address; somebody who forges in the name of many meets the bucket of the address. Good standing is kept apart from the
buckets, so that forgeries, however many names they have, push none of it out.

A refusal costs nearly nothing, but who floods would at once send the next; so it is held back for half a second.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import TypeVar

from fedi.inbox.answers import Answer, refusal

ADDRESS = (60, 120)
"""What of an address may fail: so many a minute, so many at once ..."""
CLAIMED = (20, 40)
"""... and of one host that it claims to be from."""
PAID = 10
"""What a good signature puts back."""
STANDING = 3_600_000
"""Ms for which a good signature counts."""
HELD_SECONDS = 0.5
"""How long a refusal is held back ..."""
HELD = 4096
"""... as long as there are not more than so many."""
RETRY = b"30"
_MOST = 4096
_CLAIM = re.compile(rb'(?<![a-z])keyid="https?://([^/"#?\s]{1,255})', re.IGNORECASE)
_READ = 1024
_SET_BACK = 5_000

K = TypeVar("K", bound=Hashable)
Bucket = tuple[float, int]
Name = tuple[str, bytes]


def claimed(headers: Mapping[bytes, bytes]) -> bytes:
    """The host of the key that the signature of a request names, as it is written; empty when none is seen at first sight."""
    found = _CLAIM.search(headers.get(b"signature-input") or headers.get(b"signature", b""), 0, _READ)
    return found[1].lower() if found is not None else b""


class Forgeries:
    """What failed lately and what did not, of one process; bounded in number."""

    def __init__(self) -> None:
        self._addresses: OrderedDict[str, Bucket] = OrderedDict()
        self._claims: OrderedDict[Name, Bucket] = OrderedDict()
        self._good: OrderedDict[Name, int] = OrderedDict()
        self._held = 0

    def refuses(self, who: str, claim: bytes, now: int) -> bool:
        """Whether a request of this address (as `fedi.limits.network` gives it) that claims this host must wait."""
        if not self._claims and not self._addresses:
            return False
        name = who, claim
        if _left(self._claims, name, CLAIMED, now) < 1:
            return True
        if _left(self._addresses, who, ADDRESS, now) >= 1:
            return False
        proven = self._good.get(name)
        return proven is None or not 0 <= now - proven < STANDING

    def bad(self, who: str, claim: bytes, now: int) -> None:
        """A proof failed."""
        _add(self._addresses, who, ADDRESS, -1, now)
        _add(self._claims, (who, claim), CLAIMED, -1, now)

    def good(self, who: str, claim: bytes, host: str, now: int) -> None:
        """A proof of this host held. It counts for what was claimed if that is the same."""
        if who in self._addresses:
            _add(self._addresses, who, ADDRESS, PAID, now)
        if claim != host.encode():
            return
        name = who, claim
        if name in self._claims:
            _add(self._claims, name, CLAIMED, PAID, now)
        self._good.pop(name, None)
        self._good[name] = now
        if len(self._good) > _MOST:
            self._good.popitem(last=False)

    async def refuse(self) -> Answer:
        """The answer to who must wait, after a while."""
        if self._held < HELD:
            self._held += 1
            try:
                await asyncio.sleep(HELD_SECONDS)
            finally:
                self._held -= 1
        return _WAIT


_WAIT = refusal(
    429,
    "too-many-forgeries",
    "too much came from your address with signatures that prove nothing; send it again later",
    (b"retry-after", RETRY),
)


def _left(buckets: OrderedDict[K, Bucket], key: K, bound: tuple[int, int], now: int) -> float:
    per_minute, burst = bound
    left, then = buckets.get(key, (float(burst), now))
    if now < then - _SET_BACK:
        return burst  # the clock was set back, and nobody waits until it is there again
    return min(burst, left + max(0, now - then) * per_minute / 60_000)


def _add(buckets: OrderedDict[K, Bucket], key: K, bound: tuple[int, int], number: int, now: int) -> None:
    """Put into the bucket of `key`, or take (less than 0). One that is full is forgotten; so is the one that was used
    longest ago, when there are too many."""
    left = _left(buckets, key, bound, now) + number
    buckets.pop(key, None)
    if left < bound[1]:
        buckets[key] = max(left, 0.0), now
        if len(buckets) > _MOST:
            buckets.popitem(last=False)
