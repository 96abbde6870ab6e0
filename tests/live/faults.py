"""What tests of faults do to an instance, and what they ask it from outside."""

import json
import os
import signal
import subprocess
from pathlib import Path

from tests.servers import Server


def doctor(server: Server) -> str:
    """What `fedi doctor` says that is not fine, a line each."""
    done = subprocess.run(
        [*server.command, "doctor", "--json", "--config", server.config],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    return "\n".join(f"{one['about']}: {one['text']}" for one in json.loads(done.stdout) if one["state"] != "fine")


def freeze(pid: int) -> list[int]:
    """Let a process and its children stand still, as a machine that hangs: their connections stay open. Who was stopped."""
    stopped: list[int] = []
    # The parent first: it makes no children any more.
    for one in (pid, *_children(pid)):
        os.kill(one, signal.SIGSTOP)
        stopped.append(one)
    return stopped


def thaw(stopped: list[int]) -> None:
    """Let them go on."""
    for one in reversed(stopped):
        os.kill(one, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    return [
        int(stat.parent.name)
        for stat in Path("/proc").glob("[0-9]*/stat")
        if int(_fields(stat)[1]) == pid
    ]  # fmt: skip


def _fields(stat: Path) -> list[str]:
    try:
        return stat.read_text().rsplit(")", 1)[1].split()
    except OSError:  # it has ended meanwhile
        return ["", "0"]
