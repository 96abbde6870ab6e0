"""The arguments of `fedi serve` and `fedi worker`: as typer reads them, and in `fedi.cli.lean` the same without it."""

from typing import Annotated

import typer

from fedi.cli import serve as serving
from fedi.cli import worker as working
from fedi.cli.options import ConfigPath


def serve(
    workers: Annotated[int, typer.Option(min=1, max=32, help="Processes that answer requests.")] = 1,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Leave background work to «fedi worker».")] = False,
    config: ConfigPath = None,
    listening: Annotated[int | None, typer.Option("--socket", hidden=True)] = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Serve this instance until told to end (SIGTERM, Ctrl-C); what was begun is finished first."""
    serving.serve(workers, no_worker, config, listening, parent)


def worker(config: ConfigPath = None, parent: Annotated[int | None, typer.Option(hidden=True)] = None) -> None:
    """Deliver, work out what was received, do timed work. Any number may run beside each other."""
    working.worker(config, parent)
