"""The command `fedi`: which commands there are, and how errors end them.

Exit status 0; 1 with the error on standard error; 2 for wrong usage. Modules that take time to import are imported
within commands.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from fedi.cli import (
    announcement,
    delivery,
    demo,
    doctor,
    init,
    key,
    migrate,
    moderation,
    peer,
    person,
    received,
    report,
    search,
    serve,
    token,
    twin,
    worker,
)
from fedi.cli.console import CommandError
from fedi.config import ConfigError

app = typer.Typer(
    name="fedi",
    help="A federated community server for Masters education.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("init")(init.init)
app.command("serve")(serve.serve)
app.command("worker")(worker.worker)
app.command("migrate")(migrate.migrate)
app.command("doctor")(doctor.doctor)
app.add_typer(person.app, name="person")
app.add_typer(token.app, name="token")
app.add_typer(key.app, name="key")
app.add_typer(moderation.app, name="group")
app.add_typer(report.app, name="report")
app.add_typer(announcement.app, name="announcement")
app.add_typer(delivery.app, name="delivery")
app.add_typer(received.app, name="received")
app.add_typer(peer.app, name="peer")
app.add_typer(twin.app, name="twin")
app.add_typer(search.app, name="search")
app.command("demo")(demo.demo)


@app.callback()
def options(
    config: Annotated[
        Path | None, typer.Option("--config", help="The settings' file, for whichever command follows.")
    ] = None,
) -> None:
    """A federated community server for Masters education."""
    if config is not None:
        os.environ["FEDI_CONFIG"] = str(config)


def main() -> None:
    """Run the command that the arguments name, and exit."""
    # The database and the data folder hold private keys and what members wrote to each other.
    os.umask(0o077)
    try:
        app()
    except (CommandError, ConfigError) as problem:
        _fail(str(problem))
    except BrokenPipeError:  # as in `fedi received list | head`
        sys.stdout = None
        sys.exit(1)
    except Exception as problem:
        # Only now: importing these takes longer than most commands that can't raise them.
        from fedi.errors import Problem
        from storage.database import StorageUnavailable
        from storage.migrations import NewerDatabase

        if isinstance(problem, Problem):
            _fail(problem.text)
        if isinstance(problem, StorageUnavailable):
            _fail(f"the database can't be used: {problem}")
        if isinstance(problem, NewerDatabase):
            _fail(f"{problem}; install the version of fedi that was used last, or a later one")
        raise


def _fail(text: str) -> None:
    print(f"fedi: {text}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
