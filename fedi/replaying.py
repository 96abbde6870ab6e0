"""The process that replays envelopes under another policy: `python -m fedi.replaying`.

A million of them are half a minute of work, which must not stop a server, and goes to as many processors as there are. It reads
pieces from standard input, each with its length before it in four bytes: the task, then rows of envelopes; at the end it writes
what it counted. `fedi.simulating` starts it.
"""

import struct
import sys
import time
from typing import BinaryIO

import msgspec

from federation.policy.compile import Compiled, compile_rules
from federation.policy.decide import Policy, Scope
from federation.policy.document import read
from federation.policy.envelopes import BadEnvelopes, unpacked
from federation.policy.replay import Replay, Tally

LENGTH = struct.Struct(">I")
"""How a piece begins."""


class Task(msgspec.Struct, kw_only=True):
    """What is to be replayed: the document that is tried, and the one that is in force (with its version); what agreements
    open, how the ids of people here begin, and the time (ms) of the first and the last envelope that counts."""

    draft: str
    base: str
    version: int
    scopes: dict[str, Scope]
    origin: str
    since: int
    until: int


class Done(msgspec.Struct, kw_only=True):
    """What was counted, how long the draft took to decide (ns), apart from all else, and how many rows could not be read."""

    tally: Tally
    nanoseconds: int
    unreadable: int = 0

    def put(self, other: "Done") -> None:
        """Count what another counted too."""
        self.tally.put(other.tally)
        self.nanoseconds += other.nanoseconds
        self.unreadable += other.unreadable


class Work:
    """A task under way."""

    def __init__(self, task: Task) -> None:
        """Raises what `federation.policy.document.read` raises."""
        self._since, self._until = task.since, task.until
        base = Policy(task.version, _compiled(task.base), task.scopes)
        self._replay = Replay(Policy(0, _compiled(task.draft), task.scopes), base, task.origin)
        self._nanoseconds = 0
        self._unreadable = 0

    def take(self, body: bytes) -> None:
        """Count a row of envelopes."""
        try:
            found = unpacked(body)
        except BadEnvelopes:
            self._unreadable += 1
            return
        several = [one for one in found if self._since <= one.facts.at <= self._until]
        begun = time.perf_counter_ns()
        decisions = self._replay.decided(several)
        self._nanoseconds += time.perf_counter_ns() - begun
        self._replay.count(several, decisions)

    def done(self) -> Done:
        """What was counted so far."""
        return Done(tally=self._replay.tally, nanoseconds=self._nanoseconds, unreadable=self._unreadable)


def _compiled(text: str) -> Compiled:
    document = read(text)
    return compile_rules(document.rules, document.default)


def main() -> None:
    """Do the task that comes from standard input."""
    source = sys.stdin.buffer
    first = _piece(source)
    if first is None:
        return
    work = Work(msgspec.msgpack.decode(first, type=Task))
    while (piece := _piece(source)) is not None:
        work.take(piece)
    sys.stdout.buffer.write(msgspec.msgpack.encode(work.done()))
    sys.stdout.flush()


def _piece(source: BinaryIO) -> bytes | None:
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    return source.read(length)


if __name__ == "__main__":
    main()
