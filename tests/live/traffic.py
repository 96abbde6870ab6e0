"""A peer and a reader who go on while a fault lasts, and the story that each fault of storage is told by: what was accepted is
there in the end, who was refused was told when to come again, others were served, and all goes on by itself."""

import contextlib
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from federation.signatures.sign import sign_post
from storage.database import Database
from tests.attacks.hostile import Answer, Hostile, Target, followed
from tests.live.client import wait_until
from tests.servers import Server


class Traffic:
    """A peer that goes on sending Notes, and somebody who goes on reading; what each was answered, and when."""

    def __init__(self, target: Target, hostile: Hostile, author: str) -> None:
        self.target, self.hostile, self.author = target, hostile, author
        self.sent: dict[str, list[int]] = {}
        self.waits: set[str] = set()
        self.read: list[int] = []
        self.longest = 0.0
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(4)
        self._running = [self._pool.submit(self._forever, each) for each in (self._send, self._send, self._reads)]

    def _forever(self, each: Callable[[], None]) -> None:
        while not self._ended.is_set():
            begun = time.monotonic()
            each()
            self.longest = max(self.longest, time.monotonic() - begun)
            time.sleep(0.02)

    def _send(self) -> None:
        note = self.hostile.note(self.author, f"/notes/{time.time_ns()}")
        activity = self.hostile.activity("Create", self.author, note)
        self.post(activity, note["id"])

    def post(self, activity: dict[str, Any], name: str) -> int:
        """Send it once; the status of the answer."""
        body = json.dumps(activity).encode()
        url = self.target.server.url + "/inbox"
        headers = sign_post(self.hostile.keys[self.author], url, body, time.time_ns() // 1_000_000)
        status, told = asked(urllib.request.Request(url, body, headers))
        self.sent.setdefault(name, []).append(status)
        if status == 503:
            self.waits.add(told.get("retry-after", ""))
        return status

    def _reads(self) -> None:
        url = self.target.server.url + "/api/v1/timelines/home"
        self.read.append(
            asked(urllib.request.Request(url, headers={"Authorization": f"Bearer {self.target.token}"}))[0]
        )

    def end(self) -> None:
        """Stop, and raise what went wrong."""
        self._ended.set()
        for one in self._running:
            one.result(60)
        self._pool.shutdown()

    def accepted(self) -> list[str]:
        """The notes that were taken."""
        return [name for name, statuses in self.sent.items() if 202 in statuses]


def asked(request: urllib.request.Request | str) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer."""
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status), {name.lower(): value for name, value in answer.headers.items()}
    except urllib.error.HTTPError as problem:
        problem.close()
        return problem.code, {name.lower(): value for name, value in problem.headers.items()}


@contextlib.contextmanager
def running(server: Server) -> Iterator[Target]:
    """An instance with ada on it."""
    server.init()
    token = server.person("ada")
    server.start()
    db = Database(server.database)
    try:
        yield Target(server, token, db)
    finally:
        db.close()
        server.kill()


def away(
    server: Server,
    hostile: Hostile,
    go: Callable[[], object],
    come: Callable[[], object],
    seconds: float,
    reads: int = 503,
    *,
    ready: bool = True,
) -> None:
    """The story, with the ways to take the database away and to give it back; `reads` is what a reader gets meanwhile.
    `ready`: whether `/ready` says it all the time, as where all that is written fails."""
    with running(server) as target:
        author = hostile.actor("steady", server.name.lower())
        followed(target, hostile, author)
        traffic = Traffic(target, hostile, author)
        wait_until(lambda: len(traffic.accepted()) > 5)
        go()
        gone = time.monotonic()
        try:
            before = len(traffic.read)
            wait_until(lambda: 503 in [status for statuses in list(traffic.sent.values()) for status in statuses])
            assert asked(server.url + "/health")[0] == 200
            if ready:
                wait_until(lambda: asked(server.url + "/ready")[0] == 503, 5)
            wait_until(lambda: reads in traffic.read[before + 5 :])
            time.sleep(max(0.0, seconds - (time.monotonic() - gone)))
        finally:
            come()
        wait_until(lambda: asked(server.url + "/ready")[0] == 200)
        back = len(traffic.accepted())
        wait_until(lambda: len(traffic.accepted()) > back + 5)
        traffic.end()
        assert traffic.longest < 20
        assert set(traffic.read) <= {200, 503}
        assert {status for statuses in traffic.sent.values() for status in statuses} == {202, 503}
        assert all(wait.isdigit() and 0 < int(wait) <= 120 for wait in traffic.waits)
        for name in list(traffic.sent):  # who was told to come again does
            if 202 not in traffic.sent[name]:
                answer = hostile.answers[name.removeprefix("http://").partition("/")[0], "/" + name.split("/", 3)[3]]
                note = cast("Answer", answer).body
                assert traffic.post(hostile.activity("Create", author, note), name) == 202
        # The worker goes on by itself: all that was ever accepted is there.
        wait_until(lambda: not missing(target, traffic.accepted()), 30)
        target.api("POST", "/api/v1/statuses", status="and here we are again")
        log = server.log.read_text()
        assert log.count("Traceback") <= 3, log[-5000:]
        assert server.memory < 300


def missing(target: Target, names: list[str]) -> list[str]:
    """Those of some posts that are not there."""
    return [name for name in names if target.post(name) is None]
