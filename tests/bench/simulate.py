"""What an instance of so many students needs: `python -m tests.bench.simulate [--students N] [--serve N] [--worker N]`.

A simulation of the worst ten minutes of a day, fed with the CPU time that each unit was measured to take (`python -m
tests.bench`, `python -m tests.bench.processes`; the figures are in COSTS): requests come at random, many at once when
lectures end, wait for a free process, and what comes of them (deliveries, received activities) waits for a free worker. It
answers how busy the processes are, how long the unlucky wait, and how fast the database grows. The behaviour of students is
assumed, not measured: the assumptions are the fields of `Campus`, to be replaced by an operator's own.
"""

import argparse
import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

COSTS = {"read": 2.0, "post": 3.0, "receive": 0.35, "process": 0.8, "deliver": 0.7}
"""CPU milliseconds of ours for each, on PostgreSQL with four processes: an answer of the client API that was in no cache (a
home costs 2.9, most others less), a post, a received activity proven and kept, the same worked out, a delivery."""
DATABASE = {"read": 1.5, "post": 1.0, "receive": 0.25, "process": 0.55, "deliver": 0.2}
"""CPU milliseconds of PostgreSQL for each."""
SECONDS = 600


@dataclass(frozen=True, slots=True)
class Campus:
    """What students do, and how the others are: all assumptions.

    `reads` and `posts` for each student and day, `peak` the share of the day in its busiest hour, `burst` how many times
    that for two minutes, `peers` hosts that a post goes to on average, `foreign` received activities for each post written
    here (the other universities together are larger).
    """

    students: int
    reads: float = 30.0
    posts: float = 0.4
    peak: float = 0.12
    burst: float = 4.0
    peers: float = 25.0
    foreign: float = 6.0

    def rate(self, each: float, second: float) -> float:
        """How many a second, in that second of the ten minutes, of what each student does `each` times a day."""
        calm = self.students * each * self.peak / 3600
        return calm * (self.burst if 120 <= second < 240 else 1.0)


@dataclass(slots=True)
class Pool:
    """Processes that take the next piece of work as soon as they are free."""

    size: int
    free: list[float] = field(default_factory=list)
    busy: float = 0.0
    waits: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.free = [0.0] * self.size

    def take(self, at: float, milliseconds: float, slower: float) -> float:
        """Do a piece of work that comes `at` (s); when it is done."""
        begin = max(at, self.free[0])
        end = begin + milliseconds * slower / 1000
        heapq.heapreplace(self.free, end)
        self.busy += end - begin
        self.waits.append(end - at)
        return end

    def wait(self, share: float) -> float:
        """Milliseconds within which `share` of the work was done."""
        return 1000 * sorted(self.waits)[min(len(self.waits) - 1, int(share * len(self.waits)))] if self.waits else 0.0


def _arrivals(campus: Campus, dice: random.Random) -> Iterator[tuple[float, str]]:
    """(second, kind) of what comes from outside, in order."""
    each = {"read": campus.reads, "post": campus.posts, "receive": campus.posts * campus.foreign}
    found = []
    for kind, number in each.items():
        at, most = 0.0, campus.rate(number, 120)
        while (at := at + dice.expovariate(most)) < SECONDS:
            if dice.random() * most < campus.rate(number, at):
                found.append((at, kind))
    yield from sorted(found)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`serve`, `worker`: how busy each kind was in its worst minutes (share); waits in ms; database cores; GB a year."""

    serve: float
    worker: float
    answered: float
    delivered: float
    database: float
    gigabytes: float


def simulate(campus: Campus, serve: int, worker: int, cores: int, *, seed: int = 1) -> Outcome:
    """The worst ten minutes with so many processes on so many cores (the database's own not counted)."""
    dice = random.Random(seed)
    slower = max(1.0, (serve + worker) / cores)
    answering, working = Pool(serve), Pool(worker)
    database = 0.0
    later: list[tuple[float, str]] = []

    def work_until(at: float) -> None:
        while later and later[0][0] <= at:
            when, kind = heapq.heappop(later)
            working.take(when, COSTS[kind], slower)

    for at, kind in _arrivals(campus, dice):
        work_until(at)
        end = answering.take(at, COSTS[kind] * dice.uniform(0.5, 1.5), slower)
        database += DATABASE[kind]
        if kind == "post":
            for _ in range(round(campus.peers)):
                heapq.heappush(later, (end, "deliver"))
            database += DATABASE["deliver"] * campus.peers
        elif kind == "receive":
            heapq.heappush(later, (end, "process"))
            database += DATABASE["process"]
    work_until(float("inf"))
    kept = campus.students * campus.posts * (1 + campus.foreign) * 365 * 4.5 / 1e6  # 4.5 kB for each, with its indexes
    return Outcome(
        answering.busy / serve / SECONDS,
        working.busy / worker / SECONDS,
        answering.wait(0.99),
        working.wait(0.99),
        database / 1000 / SECONDS,
        kept,
    )


def main() -> None:
    """Print the table, or the line that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.simulate", description="What so many students need.")
    parser.add_argument("--students", type=int)
    parser.add_argument("--serve", type=int, default=1)
    parser.add_argument("--worker", type=int, default=1)
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    rows = [(options.students, options.serve, options.worker, options.cores)] if options.students else [
        (1_000, 1, 1, 2), (20_000, 1, 1, 2), (100_000, 2, 1, 4), (500_000, 4, 2, 8), (500_000, 8, 2, 10),
        (1_000_000, 16, 4, 20), (2_000_000, 32, 8, 40),
    ]  # fmt: skip
    print("students    serve worker cores   busy: serve worker   99 % answered  sent/worked   database   a year")
    for students, serve, worker, cores in rows:
        out = simulate(Campus(students), serve, worker, cores)
        print(
            f"{students:>9,}   {serve:>5} {worker:>6} {cores:>5}        {100 * out.serve:>4.0f} % {100 * out.worker:>4.0f} %"
            f"      {out.answered:>8.0f} ms   {out.delivered:>8.0f} ms   {out.database:>4.2f} cores  {out.gigabytes:>6.0f} GB"
        )


if __name__ == "__main__":
    main()
