"""Simulation: what a policy that is not in force would do to what came and went lately.

Envelopes are read in the order of time, replayed in processes of their own (`fedi.replaying`), and what they counted is kept as
a row of `storage.simulations`, so that it can be looked at again, and held against what happened after the policy was applied.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from federation.policy.compile import compile_rules
from federation.policy.decide import Policy, explain
from federation.policy.document import read
from fedi.actions import policies as actions
from fedi.actions import results
from fedi.actions.checking import check
from fedi.context import Site
from fedi.errors import Invalid, Problem
from fedi.policy import scopes
from fedi.replaying import LENGTH, Done, Task, Work
from storage import agreements, envelopes, simulations
from storage.metadata import Tx
from storage.simulations import Simulation

PROCESSES = 4
"""That replay at once at most; never more than there are processors."""
WAITING = 3
"""Simulations that wait for their turn at most: each takes all processors for a while."""
SAMPLES = 20
_FEW = 3_000
"""Envelopes up to which they are replayed here, since that is quicker than a process starts."""
_PAGE = 8
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")
_NEVER = 1 << 62

Progress = Callable[[int, int], None]
"""Told how many envelopes were replayed, of how many."""


@dataclass(frozen=True, slots=True)
class _Given:
    """What there is to replay: rows by id, and small rows that may be joined meanwhile."""

    task: Task
    listed: list[tuple[int, int]]
    fresh: list[bytes]
    total: int


class Replaying(Problem):
    """The processes that replay broke down."""

    status = 500
    code = "simulation"


class Busy(Problem):
    """So many simulations wait that this one is not begun."""

    status = 503
    code = "busy"


async def simulate(
    site: Site,
    who: str,
    text: str,
    *,
    since: int = 0,
    until: int = _NEVER,
    processes: int | None = None,
    told: Progress | None = None,
) -> Simulation:
    """Replay what was kept since `since` (ms) under a policy document; the result is kept, and comes back (its form:
    `fedi.actions.results.result`).

    Raises Invalid when the document can't be read, Replaying when a process of the replay ends before it is done, Busy
    when too many wait.
    """
    checked = await asyncio.to_thread(check, text)
    if checked.unreadable:
        raise Invalid("; ".join(str(one) for one in checked.errors[:3]), code="bad-policy")
    if site.simulating.waiting >= WAITING:
        raise Busy("Other simulations wait for their turn already. Try again when these are done.")
    async with site.simulating:  # one at a time: it takes all processors
        given = await site.db.read(lambda tx: _given(tx, site, text, since, until))
        begun = site.clock()
        done = await _replayed(site, given, processes, told)
    tally = done.tally
    traces = await asyncio.to_thread(_traced, given.task, results.samples(tally, SAMPLES))

    def keep(tx: Tx) -> Simulation:
        row = Simulation(
            site.new_id(),
            checked.digest,
            text,
            given.task.version,
            since or tally.first_at or 0,
            who,
            results.result(tx, site, done, traces, rules=checked.rules, milliseconds=site.clock() - begun),
            site.clock(),
        )
        simulations.insert(tx, row)
        return row

    return await site.db.write(keep)


def _given(tx: Tx, site: Site, text: str, since: int, until: int) -> _Given:
    now = actions.in_force(tx)
    opened = dict(scopes(tx, site, agreements.every_iri(tx)))
    task = Task(
        draft=text,
        base=now.document,
        version=now.version,
        scopes=opened,
        origin=site.config.origin,
        since=since,
        until=until,
    )
    listed = envelopes.listed(tx, since, until)
    fresh = [row for row in envelopes.fresh(tx, 100_000) if row.last_at >= since and row.first_at <= until]
    total = sum(count for _, count in listed) + sum(row.count for row in fresh)
    return _Given(task, listed, [row.body for row in fresh], total)


async def _replayed(site: Site, given: _Given, processes: int | None, told: Progress | None) -> Done:
    """Rows are read a page at a time, so that no transaction lasts as long as the replay."""
    if given.total <= _FEW and processes is None:
        listed = await site.db.read(lambda tx: [body for page in _pages(given) for body in _bodies(tx, page)])
        return await asyncio.to_thread(_here, given.task, [*listed, *given.fresh])
    rated = compile_rules((document := read(given.task.draft)).rules, document.default).rated
    wanted = 1 if rated else min(processes or PROCESSES, os.cpu_count() or 1, PROCESSES)
    bodies_to_come: asyncio.Queue[bytes | None] = asyncio.Queue(2 * wanted)
    try:
        return await _shared(site, given, wanted, bodies_to_come, told)
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None  # of the first process that broke down: the others were ended


async def _shared(
    site: Site, given: _Given, wanted: int, bodies_to_come: "asyncio.Queue[bytes | None]", told: Progress | None
) -> Done:
    """Rows are handed to whichever process is free."""
    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(_process(given.task, bodies_to_come)) for _ in range(wanted)]
        seen = 0
        for page in _pages(given):
            for body in await site.db.read(lambda tx, page=page: _bodies(tx, page)):  # type: ignore[misc]  # a lambda with a default
                await bodies_to_come.put(body)
            seen += sum(count for _, count in page)
            if told is not None:
                told(seen, given.total)
        for body in given.fresh:
            await bodies_to_come.put(body)
        for _ in workers:
            await bodies_to_come.put(None)
    first, *others = [worker.result() for worker in workers]
    for other in others:
        first.put(other)
    return first


def _pages(given: _Given) -> list[list[tuple[int, int]]]:
    return [given.listed[at : at + _PAGE] for at in range(0, len(given.listed), _PAGE)]


def _bodies(tx: Tx, page: list[tuple[int, int]]) -> list[bytes]:
    return [row.body for row in envelopes.these(tx, [chunk_id for chunk_id, _ in page])]


def _here(task: Task, bodies: list[bytes]) -> Done:
    work = Work(task)
    for body in bodies:
        work.take(body)
    return work.done()


async def _process(task: Task, bodies: "asyncio.Queue[bytes | None]") -> Done:
    """One process: hand it the task and rows until there are no more, and read what it counted."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "fedi.replaying",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
    )
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise Replaying("a process without pipes")
    said = asyncio.create_task(process.stdout.read())
    complaint = asyncio.create_task(process.stderr.read())
    try:
        with contextlib.suppress(
            BrokenPipeError, ConnectionResetError, RuntimeError
        ):  # it says why on its standard error
            piece: bytes | None = msgspec.msgpack.encode(task)
            while piece is not None:
                process.stdin.write(LENGTH.pack(len(piece)) + piece)
                await process.stdin.drain()
                await asyncio.sleep(0)  # in turn: else who begins takes all that fits into a pipe
                piece = await bodies.get()
        process.stdin.close()
        if await process.wait():
            last = (await complaint).decode("utf-8", "replace").strip().splitlines()[-1:]
            raise Replaying(f"the replay broke off: {' '.join(last) or f'status {process.returncode}'}"[:500])
        return msgspec.msgpack.decode(await said, type=Done)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        said.cancel()
        complaint.cancel()


def _traced(task: Task, several: list[results.Chosen]) -> list[results.Traced]:
    """Samples with what each rule of the draft says to them."""
    document = read(task.draft)
    draft = Policy(0, compile_rules(document.rules, document.default), task.scopes)
    return [(sample, explain(draft, sample.facts)) for sample in several]
