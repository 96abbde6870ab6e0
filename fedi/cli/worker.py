"""`fedi worker`: the background work alone, for set-ups where `fedi serve --no-worker` answers requests."""

import asyncio
import signal
from pathlib import Path

from fedi.cli import memory
from fedi.cli.console import check_migrated, existing, settings
from fedi.cli.processes import end_with_parent, log_to_stderr
from fedi.config import Config


def worker(config: Path | None = None, parent: int | None = None) -> None:
    """Deliver, work out what was received, do timed work, until told to end. `parent` is a pipe that closes with it."""
    loaded = settings(config)
    log_to_stderr()
    memory.prepare()
    import uvloop

    if parent is not None:
        end_with_parent(parent)
    uvloop.run(_run(loaded))


async def _run(config: Config) -> None:
    from fedi import telemetry
    from fedi.actions.people import ensure_instance_actor
    from fedi.context import close_site, open_site
    from fedi.worker import loop

    site = open_site(existing(config))
    try:
        check_migrated(site)
        await site.db.write(lambda tx: ensure_instance_actor(tx, site))
        stop = asyncio.Event()
        for how in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(how, stop.set)
        memory.settle()
        await asyncio.gather(loop.run(site, stop), telemetry.Figures(site, "worker").run(stop))
    finally:
        await close_site(site)
