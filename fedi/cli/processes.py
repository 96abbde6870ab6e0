"""Processes of one instance: start several, keep them running, end them together; and where they log to."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

log = logging.getLogger(__name__)

_PATIENCE = 30.0
"""Seconds that a process gets to end what it began."""
_HEALTHY = 10.0
"""Seconds after which a process that ends is started again at once; one that lives shorter waits a little."""


def log_to_stderr() -> None:
    """Log to standard error, one line an event. journald and containers add the time themselves; a terminal needs it."""
    when = "%(asctime)s " if sys.stderr.isatty() or "JOURNAL_STREAM" not in os.environ else ""
    logging.basicConfig(level=logging.INFO, format=when + "%(levelname)s %(name)s: %(message)s")
    # Chatter of libraries: each request is the proxy's to log, each step alembic's own business.
    for name in ("uvicorn.access", "alembic", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)


def end_with_parent(pipe: int) -> None:
    """End this process gracefully when its parent is gone, however that happened: the other end of `pipe` closes."""

    def watch() -> None:
        with contextlib.suppress(OSError):
            os.read(pipe, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def supervise(commands: Sequence[Sequence[str]], sockets: Sequence[int]) -> None:
    """Run `fedi` with each of these argument lists, start again what ends, until this process is told to end.

    The children inherit the file descriptors `sockets`, and get `--parent FD` to notice when this process is gone.
    """
    stopping = threading.Event()
    for how in (signal.SIGTERM, signal.SIGINT):
        signal.signal(how, lambda *_: stopping.set())
    theirs, ours = os.pipe()

    def start(words: Sequence[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(  # noqa: S603 - our own command, words of our own
            [sys.executable, "-m", "fedi.cli.main", *words, "--parent", str(theirs)], pass_fds=(theirs, *sockets)
        )

    running = [(start(words), words, time.monotonic()) for words in commands]
    while not stopping.wait(0.2):
        for at, (process, words, since) in enumerate(running):
            if process.poll() is None:
                continue
            log.error("«fedi %s» ended with status %s; starting it again", words[0], process.returncode)
            if time.monotonic() - since < _HEALTHY and stopping.wait(2):
                break
            running[at] = (start(words), words, time.monotonic())
    for process, _, _ in running:
        process.terminate()
    end = time.monotonic() + _PATIENCE
    for process, words, _ in running:
        try:
            process.wait(max(0.1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("«fedi %s» did not end in %d s; killing it (nothing accepted is lost)", words[0], _PATIENCE)
            process.kill()
            process.wait()
    os.close(ours)
    os.close(theirs)
