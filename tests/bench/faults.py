"""Bad days at full size: `python -m tests.bench.faults [--quick] [--only WORDS]`.

For each fault: how many activities of others are taken a second while it lasts, against without, and how long an answer took
at most; the most memory that the server held; rows that got a 2xx and are not there (0); and what `fedi doctor` or the log said.
Ends with status 1 when something was lost or went over a bound (`tests.bench.bad_days`). The same faults at a small size are
tests (`tests/live`); those of disks, databases and clocks are in `tests.bench.outages`.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import uvloop

from federation.signatures.sign import sign_post
from storage import received
from storage.database import Database
from storage.metadata import Tx
from storage.received import Received
from tests.bench import outages
from tests.bench.bad_days import Faults, one, report
from tests.bench.wire import Connection, Remote
from tests.live.client import Person
from tests.live.slow import KINDS, Slow
from tests.live.test_streaming_unread import listening

BACKLOG = 200_000
TENTHS = 0.5
"""What the last tenth of a backlog must reach of the rate of the first, while others ask for other things."""


def _flood(
    address: str, requests: list[bytes], seconds: float, connections: int, told: "multiprocessing.Queue[dict[int, int]]"
) -> None:
    """In a process of its own: send as fast as it goes."""

    async def run() -> Counter[int]:
        found: Counter[int] = Counter()
        end, left = time.perf_counter() + seconds, iter(requests)

        async def work() -> None:
            connection = Connection(address)
            for raw in left:
                if time.perf_counter() > end:
                    break
                try:
                    status, _ = await connection.send(raw)
                except (OSError, asyncio.IncompleteReadError):
                    connection.close()
                    continue
                found[status] += 1
            connection.close()

        await asyncio.gather(*(work() for _ in range(connections)))
        return found

    told.put(dict(uvloop.run(run())))


async def _flooded(faults: Faults, requests: list[bytes], name: str, connections: int = 64) -> None:
    told: multiprocessing.Queue[dict[int, int]] = multiprocessing.Queue()
    process = multiprocessing.get_context("fork").Process(
        target=_flood, args=(faults.server.url, requests, faults.seconds, connections, told)
    )
    process.start()
    await report(faults, name, faults.others(faults.seconds))
    found = await asyncio.to_thread(told.get)
    process.join()
    print(f"    the flood: {sum(found.values()) / faults.seconds:,.0f} a second, answered {found}")


async def valid(faults: Faults) -> None:
    """One host sends as fast as this machine can, all of it valid."""
    one = faults.actors[40]
    inbox = f"{faults.server.url}/inbox"
    count = int(1500 * faults.seconds)
    await _flooded(
        faults, [one.request(inbox, one.note(f"flood{time.time_ns()}", n)) for n in range(count)], "valid flood"
    )


async def forged(faults: Faults) -> None:
    """One host sends as fast as this machine can, all with a signature that does not fit."""
    await _flooded(faults, _forgeries(faults), "flood of bad signatures")


async def forged_widely(faults: Faults) -> None:
    """The same over two thousand connections, as refusals are held back for a while."""
    await _flooded(faults, _forgeries(faults), "flood of bad signatures over 2,000 connections", 2000)


def _forgeries(faults: Faults) -> list[bytes]:
    """So many that they last, all the same."""
    one = faults.actors[40]
    raw = one.request(f"{faults.server.url}/inbox", one.note("forged", 0))
    begun = raw.index(b'signature="') + len(b'signature="')
    forged = raw[:begun] + b"AAAA" + raw[begun + 4 :]
    return [forged] * int(10_000 * faults.seconds)


async def half_open(faults: Faults) -> None:
    """Five thousand connections that never send a whole request."""
    held: list[asyncio.StreamWriter] = []

    async def hold() -> None:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", faults.server.port)
            writer.write(b"POST /inbox HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n" + b"{" * 20_000)
            held.append(writer)

    for _ in range(50):
        await asyncio.gather(*(hold() for _ in range(100)))
    await report(faults, "5,000 half-open connections", faults.others(faults.seconds))
    for writer in held:
        writer.close()


async def slow_keys(faults: Faults) -> None:
    """Six hundred unknown keys at as many hosts that answer slowly, never, or with gigabytes."""
    slow = Slow()
    sender = faults.actors[41]

    async def ask(number: int) -> None:
        host = slow.host(KINDS[number % len(KINDS)], number)
        actor = f"http://{host}/users/u"
        key = replace(sender.key, id=f"{actor}#main-key")
        url = f"{faults.server.url}/inbox"
        body = json.dumps({**sender.note(f"slow{time.time_ns()}", number), "actor": actor, "id": f"{actor}/1"}).encode()
        headers = {**sign_post(key, url, body, time.time_ns() // 1_000_000), "content-length": str(len(body))}
        lines = [f"{name}: {value}" for name, value in headers.items()]
        raw = "\r\n".join(["POST /inbox HTTP/1.1", *lines, "", ""]).encode() + body
        connection = Connection(faults.server.url)
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(60):
                await connection.send(raw)
        connection.close()

    asking = [asyncio.create_task(ask(number)) for number in range(600)]
    await report(faults, "600 keys at slow hosts", faults.others(faults.seconds))
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    print(f"    asked {slow.asked.total()} times; {slow.sent >> 20} MiB of endless bodies were sent")
    slow.close()


async def unread_streams(faults: Faults) -> None:
    """Forty-five clients listen to a home, by WebSocket and by server-sent events, and read nothing, while long posts come."""
    author = faults.actors[0]
    Person(faults.server, "ada", faults.token).ask("GET", "/api/v1/timelines/home")
    await _followed(faults, author)
    held = [
        await asyncio.to_thread(listening, faults.server, faults.token, upgrade=bool(number % 2))
        for number in range(45)
    ]
    sender = Connection(faults.server.url)

    async def long() -> None:
        for number in range(int(30 * faults.seconds)):
            note = author.note(f"long{time.time_ns()}", number)
            note["object"]["content"] = "<p>" + "long " * 30_000 + "</p>"
            await sender.send(author.request(f"{faults.server.url}/inbox", note))

    sending = asyncio.create_task(long())
    await report(faults, "45 streams that nobody reads", faults.others(faults.seconds))
    await sending
    sender.close()
    for one_ in held:
        one_.close()


async def _followed(faults: Faults, actor: Remote) -> None:
    """Ada follows an actor, who accepts."""
    ada = Person(faults.server, "ada", faults.token)

    def follow() -> str:
        handle = f"@u{actor.number}@{actor.host}"
        [found] = ada.insist("GET", "/api/v2/search", q=handle, resolve="true")["accounts"]
        ada.insist("POST", f"/api/v1/accounts/{found['id']}/follow")
        return str(found["id"])

    account = await asyncio.to_thread(follow)
    for _ in range(200):
        [known] = await asyncio.to_thread(ada.ask, "GET", "/api/v1/accounts/relationships", **{"id[]": account})
        if known["following"]:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{actor.host} did not accept")


async def backlog(faults: Faults) -> None:
    """Two hundred thousand accepted activities of one peer wait: they drain at a steady rate, and nobody waits behind them."""
    big, small = faults.actors[0], faults.actors[1]
    await _followed(faults, big)
    await _followed(faults, small)
    first = big.note(f"first{time.time_ns()}", 0)
    connection = Connection(faults.server.url)
    await connection.send(big.request(f"{faults.server.url}/inbox", first))
    db = Database(faults.server.database, readers=1, writers=1)
    try:
        model = await db.read(lambda tx: next(row for row in received.newest(tx, 50) if row.activity_id == first["id"]))
        for begun in range(0, int(BACKLOG * min(1, faults.seconds / 10)), 2000):
            await db.write(lambda tx: _waiting(tx, db, big, model, range(begun, begun + 2000)))
        begun_at = time.perf_counter()
        left = start = await _left(db)
        marks = [(begun_at, left)]
        note = small.note(f"small{time.time_ns()}", 0)
        ada = Person(faults.server, "ada", faults.token)
        await connection.send(small.request(f"{faults.server.url}/inbox", note))
        took = await _until(lambda: ada.insist("GET", "/api/v2/search", q=note["object"]["id"])["statuses"])
        print(f"  {start:,} waiting: what a small peer sent is there after {took:.1f} s", flush=True)
        asked = time.perf_counter()
        await asyncio.to_thread(lambda: ada.insist("POST", "/api/v1/statuses", status="my own goes ahead"))
        print(f"    a person's own post takes {time.perf_counter() - asked:.2f} s", flush=True)
        faults.slowest = max(faults.slowest, took)
        while left:
            await asyncio.sleep(1)
            left = await _left(db)
            marks.append((time.perf_counter(), left))
        rates = [_rate(marks, start * (10 - tenth) // 10, start * (9 - tenth) // 10) for tenth in range(10)]
        print(f"    a second, in tenths: {', '.join(f'{rate:,.0f}' for rate in rates)}", flush=True)
        faults.accepted += [first["id"], note["id"]]
        if rates[-1] < TENTHS * rates[0]:
            faults.wrong.append(f"the last tenth at {rates[-1]:,.0f} a second, the first at {rates[0]:,.0f}")
    finally:
        connection.close()
        db.close()
    await report(faults, "after a backlog", faults.others(min(faults.seconds, 5)))


def _waiting(tx: Tx, db: Database, actor: Remote, model: Received, numbers: range) -> None:
    now = time.time_ns() // 1_000_000
    for number in numbers:
        activity = actor.note(f"backlog{model.id}", number)
        row = replace(
            model, id=db.ids.next(now), activity_id=activity["id"], body=json.dumps(activity).encode(), state="new",
            attempts=0, due_at=now, received_at=now, settled_at=None, code=None, problem=None,
        )  # fmt: skip
        assert received.insert(tx, row)


async def _left(db: Database) -> int:
    return (await db.read(lambda tx: received.totals(tx, 1 << 62))).get("new", 0)


async def _until(found: Callable[[], object]) -> float:
    """Seconds until this is so."""
    begun = time.perf_counter()
    while not await asyncio.to_thread(found):
        await asyncio.sleep(0.1)
        assert time.perf_counter() - begun < 120
    return time.perf_counter() - begun


def _rate(marks: list[tuple[float, int]], upper: int, lower: int) -> float:
    """Rows a second between the marks nearest to so many left."""
    one_, two = (min(marks, key=lambda mark: abs(mark[1] - wanted)) for wanted in (upper, lower))
    return (one_[1] - two[1]) / max(two[0] - one_[0], 0.001)


FAULTS = (valid, forged, forged_widely, half_open, slow_keys, unread_streams, backlog)


async def main(seconds: float, only: str) -> list[str]:
    """All faults, or those whose names have one of the words of `only`; what was not as it should be."""
    wrong: list[str] = []

    def wanted(name: str) -> bool:
        return any(word in name for word in only.split(","))

    with tempfile.TemporaryDirectory(prefix="fedi-faults-") as name:
        folder = Path(name)
        os.chmod(folder, 0o755)  # noqa: PTH101 - nothing else runs yet
        for fault in FAULTS:
            if wanted(fault.__name__):
                place = folder / fault.__name__
                wrong += await one(fault, place, f"sqlite:///{place}/fedi.db", seconds)
        for outage in outages.ALL:
            if wanted(outage.__name__):
                wrong += await outage(folder / outage.__name__, seconds)
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="each fault for three seconds instead of ten")
    parser.add_argument("--only", default="", help="parts of names of faults, as in: valid,away")
    options = parser.parse_args()
    found = uvloop.run(main(3.0 if options.quick else 10.0, options.only))
    for text in found:
        print(f"WRONG: {text}")
    sys.exit(bool(found))
