"""Options that commands share, as typer reads them: `--config`, `--json`, `--limit`."""

from pathlib import Path
from typing import Annotated

import typer

ConfigPath = Annotated[
    Path | None,
    typer.Option("--config", help="The settings' file; else FEDI_CONFIG, else ./fedi.toml.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most, newest first.")]
