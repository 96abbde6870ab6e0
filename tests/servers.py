"""Real instances for tests: `fedi` commands and `fedi serve` processes on loopback, each with a folder and a database."""

import asyncio
import contextlib
import functools
import itertools
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from fedi.actions import people
from fedi.cli import init
from fedi.cli.token import SCOPES
from fedi.config import load
from fedi.context import Site, close_site, open_site
from storage import apps, migrations
from storage.apps import App, Token, hashed
from storage.database import Database
from storage.metadata import Tx
from tests.keys import QUICK

P = ParamSpec("P")
T = TypeVar("T")

FEDI = Path(sys.executable).with_name("fedi")
START = 90.0
"""Seconds that it may take, several processes on a busy machine."""


# Below the ports that the system gives to connections, a part for each worker of pytest, and none twice: what was free a
# moment ago may else be taken by another test, or by a connection, before its server listens.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
_ports = itertools.count(12_000 + 5_000 * _WORKER + os.getpid() % 2_000)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, another one each time."""
    for port in _ports:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("there is always another port")


def apart(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """What `work` returns, run in a thread of its own: where a browser is driven, this one has an event loop already."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(work, *arguments, **named).result()


@functools.cache
def _with_tables() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "fedi.db"
        db = Database(f"sqlite:///{file}")
        migrations.upgrade(db.engine)
        db.close()
        return file.read_bytes()


def put_tables(file: Path) -> None:
    """Make a file of SQLite as `fedi migrate` makes it from nothing, which takes it half a second; only its owner reads it."""
    file.touch(0o600)
    file.write_bytes(_with_tables())


@dataclass(slots=True)
class Server:
    """One instance. `start` it, `kill` it (SIGKILL) or `stop` it; its folder and database stay."""

    folder: Path
    database: str
    name: str
    port: int = field(default_factory=free_port)
    before: str = ""
    """Python code that its processes run first: a fault that can't be had from outside, such as a clock that jumps."""
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def config(self) -> Path:
        """Its settings."""
        return self.folder / "fedi.toml"

    @property
    def log(self) -> Path:
        """What the process printed."""
        return self.folder / "log"

    def init(self, url: str = "", more: str = "") -> None:
        """Write its settings (`url`: as others reach it; `more` tables), make its keys and its tables."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text(
            f'url = "{url or self.url}"\nlisten = "127.0.0.1:{self.port}"\ndatabase = "{self.database}"\n'
            f'data = "{self.folder / "data"}"\nname = "{self.name}"\n\n'
            f'[federation]\nprivate_networks = ["127.0.0.0/8"]\n{more}'
        )
        # Not by a command, which is a process: these have their own tests, and this is many times as quick.
        file = Path(self.database.removeprefix("sqlite:///"))
        if self.database.startswith("sqlite:///") and not file.exists():
            put_tables(file)
        apart(init.create, load(self.config, {}))

    def fedi(self, *words: str) -> str:
        """What a command prints. Raises AssertionError with its error when it fails."""
        done = subprocess.run(
            [*self.command, *words, "--config", self.config],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=_environ(),
        )
        assert done.returncode == 0, f"fedi {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def person(self, name: str, scopes: str = SCOPES, **values: Any) -> str:
        """A new person, who logs in with `NAME-password`; an access token as `fedi token` makes it comes back."""
        token = secrets.token_urlsafe(32)

        password = QUICK.hash(f"{name}-password")

        def unit(tx: Tx, site: Site) -> None:
            mail = f"{name}@example.edu"
            person = people.register(tx, site, username=name, email=mail, password_hash=password, **values)
            app = App(site.new_id(), token[:16], token[16:], "Tests", None, [], scopes, site.clock())
            apps.insert_app(tx, app)
            apps.insert_token(
                tx, Token(site.new_id(), hashed(token), app.id, person.id, app.scopes, app.created_at, None, None)
            )

        self.write(unit)
        return token

    def write(self, unit: Callable[[Tx, Site], T]) -> T:
        """What `unit(tx, site)` returns, committed by another process than its own: this one."""

        async def written() -> T:
            site = open_site(load(self.config, {}))
            try:
                return await site.db.write(lambda tx: unit(tx, site))
            finally:
                await close_site(site)

        return apart(asyncio.run, written())

    @property
    def command(self) -> list[str | Path]:
        """How a command of `fedi` begins."""
        if not self.before:
            return [FEDI]
        return [sys.executable, "-c", f"{self.before}\nfrom fedi.cli.main import main\nmain()"]

    @property
    def memory(self) -> float:
        """The most memory that its process held so far, in MB (the peak of its resident set)."""
        assert self.process is not None
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024

    def start(self, *options: str) -> None:
        """Run `fedi serve` until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, "serve", *options, "--config", self.config],
                stdout=log,
                stderr=log,
                env=_environ(),
                start_new_session=True,
            )
        end = time.monotonic() + START
        while time.monotonic() < end:
            assert self.process.poll() is None, f"fedi serve ended: {self.log.read_text()[-2000:]}"
            with contextlib.suppress(OSError), urllib.request.urlopen(self.url + "/ready", timeout=2) as answer:
                if answer.status == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(f"{self.url} did not come up: {self.log.read_text()[-2000:]}")

    def kill(self) -> None:
        """End every process of it at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as an operator would."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, how)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)
        self.process = None


def _environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("FEDI_")}
