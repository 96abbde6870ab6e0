"""Rate limits in memory: token buckets by key, bounded in number. They protect; what counts for good is in the database."""

from collections import OrderedDict
from ipaddress import IPv6Address


class Limits:
    """Buckets by key. When there are too many, the one that was used longest ago is forgotten."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def allow(self, key: str, per_minute: float, burst: float, now: int) -> bool:
        """Take one from the bucket of `key`, which fills by `per_minute` up to `burst`; False when it is empty. `now` in ms."""
        left, then = self._buckets.pop(key, (float(burst), now))
        left = min(burst, left + max(0, now - then) * per_minute / 60_000)
        allowed = left >= 1
        self._buckets[key] = (left - 1 if allowed else left, now)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return allowed


def network(address: str) -> str:
    """Whose address this is, as far as bounds go: of IPv6 the network of 64 bits, in which one machine has them all."""
    if ":" not in address:
        return address
    try:
        read = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(read.ipv4_mapped) if read.ipv4_mapped is not None else read.exploded[:19]
