"""Room for what waits: bytes in memory, shared between senders so that one who floods leaves the others theirs."""


class Room:
    """At most `most` bytes of bodies that are on their way, by who sent them.

    Each sender may hold as much as is free after it (the dynamic thresholds of shared-memory switches, Choudhury and
    Hahne 1998): one alone gets half of the room, two that flood get a third each, and as much is left for whoever comes
    next.
    """

    __slots__ = ("_by", "_held", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._by: dict[str, int] = {}

    def fits(self, who: str, size: int) -> bool:
        """Whether `size` bytes more of `who` would be let in now."""
        return self._by.get(who, 0) + size <= self._most - self._held - size

    def enter(self, who: str, size: int) -> bool:
        """Let `size` bytes of `who` in; False when there is no room for them, as far as this sender goes."""
        if not self.fits(who, size):
            return False
        self.hold(who, size)
        return True

    def hold(self, who: str, size: int) -> None:
        """Count `size` bytes of `who` that are in already, whether there is room for them or not."""
        self._by[who] = self._by.get(who, 0) + size
        self._held += size

    def leave(self, who: str, size: int) -> None:
        """Give back what was let in."""
        inside = self._by.pop(who, 0)
        if inside > size:
            self._by[who] = inside - size
        self._held -= min(size, inside)
