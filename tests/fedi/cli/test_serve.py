"""`fedi serve` and `fedi worker` as real processes: several of them, ended in every way that happens."""

import contextlib
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers import FEDI, Server

pytestmark = pytest.mark.live


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """An instance with a database, not running yet."""
    made = Server(tmp_path / "one", f"sqlite:///{tmp_path}/one/fedi.db", "One")
    made.init()
    yield made
    made.kill()


def processes(server: Server) -> dict[int, str]:
    """The processes of an instance with their commands, by pid, as /proc tells; its settings' path is in each."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().decode().split("\0")
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            if str(server.config) in words and state != "Z":
                found[int(folder.name)] = " ".join(words)
    return found


def until(condition: Callable[[], object]) -> None:
    """Wait for something that takes other processes a moment."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come about within a minute"
        time.sleep(0.05)


def answers(server: Server) -> bool:
    """Whether it is up."""
    with contextlib.suppress(OSError), urllib.request.urlopen(server.url + "/health", timeout=5) as answer:
        return bool(answer.status == 200)
    return False


@pytest.fixture
def _proc() -> None:
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("this system has no /proc, by which this test finds the processes")


def test_one_process_answers_and_ends_when_told(server: Server) -> None:
    server.start()
    assert answers(server)
    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) in (0, -signal.SIGTERM)
    assert not answers(server)
    assert "Traceback" not in server.log.read_text()


@pytest.mark.usefixtures("_proc")
def test_several_processes_share_the_work_and_end_together(server: Server) -> None:
    server.start("--workers", "2")
    until(lambda: len(processes(server)) == 4)
    commands = list(processes(server).values())
    assert sum(" worker" in command for command in commands) == 1
    assert sum("--socket" in command for command in commands) == 2

    # One that dies is replaced, and the others answer meanwhile.
    victim = next(pid for pid, command in processes(server).items() if "--socket" in command)
    os.kill(victim, signal.SIGKILL)
    assert answers(server)
    until(lambda: victim not in processes(server) and len(processes(server)) == 4)

    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0
    assert processes(server) == {}
    assert not answers(server)


@pytest.mark.usefixtures("_proc")
def test_children_end_when_their_parent_was_killed(server: Server) -> None:
    """Else they would hold the port, and the next start would fail."""
    server.start("--workers", "2", "--no-worker")
    until(lambda: len(processes(server)) == 3)
    assert not any(" worker" in command for command in processes(server).values())
    assert server.process is not None
    server.process.kill()
    server.process.wait(10)
    until(lambda: processes(server) == {})
    server.start()
    assert answers(server)


def test_the_worker_alone_ends_when_told(server: Server) -> None:
    process = subprocess.Popen([FEDI, "worker", "--config", server.config], stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(2)  # whether it was still starting or at work already, it must end well
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in said


def test_a_port_that_is_taken_is_named(server: Server) -> None:
    server.start()
    done = subprocess.run(
        [FEDI, "serve", "--config", server.config], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert str(server.port) in done.stderr
    assert "Traceback" not in done.stderr


def test_no_table_no_server(tmp_path: Path) -> None:
    """A server on a database without tables would answer every request with an error."""
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / "fedi.toml").write_text('url = "http://127.0.0.1:1"\nlisten = "127.0.0.1:0"\n')
    done = subprocess.run(
        [FEDI, "serve", "--config", folder / "fedi.toml"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "fedi init" in done.stderr
