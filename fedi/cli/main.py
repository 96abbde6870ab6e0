"""The command `fedi`: run what the arguments name, and say how it ended.

Exit status 0; 1 with the error on standard error; 2 for wrong usage. Which commands there are: `fedi.cli.commands`.
"""

import os
import sys

from fedi.cli import lean
from fedi.cli.console import CommandError
from fedi.config import ConfigError


def main() -> None:
    """Run the command that the arguments name, and exit."""
    # The database and the data folder hold private keys and what members wrote to each other.
    os.umask(0o077)
    words = sys.argv[1:]
    try:
        quick = lean.read(words)
        if quick is not None:
            command, asked = quick
            command(**asked)
            return
        from fedi.cli import commands

        commands.build(commands.named(words))()
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
