"""Rate limits in memory: token buckets by key, bounded in number. They protect; what counts for good is in the database."""

import asyncio
from collections import OrderedDict
from ipaddress import IPv6Address


class Limits:
    """Buckets by key. When there are too many, the one that was used longest ago is forgotten."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def allow(self, key: str, per_minute: float, burst: float, now: int, cost: float = 1) -> bool:
        """Take one (or `cost`) from the bucket of `key`, which fills by `per_minute` up to `burst`; False when it has less.
        `now` in ms."""
        left, then = self._buckets.pop(key, (float(burst), now))
        left = min(burst, left + max(0, now - then) * per_minute / 60_000)
        allowed = left >= cost
        self._buckets[key] = (left - cost if allowed else left, now)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return allowed


class OneByOne:
    """Work that is done one at a time, as `async with`; `waiting` is how many wait for their turn."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self.waiting = 0

    async def __aenter__(self) -> None:
        self.waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self.waiting -= 1

    async def __aexit__(self, *problem: object) -> None:
        self._lock.release()


class Counts:
    """How often something was done within a window that moves on, by key: to a twelfth of the window. Of too many keys the one
    that was used longest ago is forgotten."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, str], dict[int, int]] = OrderedDict()

    def count(self, what: str, of: str, window: int, now: int) -> int:
        """Count one more; how many there were within the last `window` ms before `now`, with this one."""
        key, part = (what, of), max(window // 12, 1)
        parts = self._kept.pop(key, {})
        last = now // part
        if len(parts) > 12:
            parts = {one: number for one, number in parts.items() if last - 12 < one <= last}
        parts[last] = parts.get(last, 0) + 1
        self._kept[key] = parts
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return sum(number for one, number in parts.items() if last - 12 < one <= last)


def network(address: str) -> str:
    """Whose address this is, as far as bounds go: of IPv6 the network of 64 bits, in which one machine has them all."""
    if ":" not in address:
        return address
    try:
        read = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(read.ipv4_mapped) if read.ipv4_mapped is not None else read.exploded[:19]
