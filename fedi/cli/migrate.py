"""`fedi migrate`: bring the database up to date."""

import asyncio
from typing import Annotated

import typer

from fedi.cli.console import print_json, settings
from fedi.cli.options import AsJson, ConfigPath


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Only say what is to be done; exit status 1 if anything.")
    ] = False,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Bring the database up to date. Several processes may do so at once; make a backup before."""
    from fedi.context import close_site, open_site
    from storage import migrations

    site = open_site(settings(config))
    try:
        steps = (migrations.pending if check else migrations.upgrade)(site.db.engine)
    finally:
        asyncio.run(close_site(site))
    if as_json:
        print_json({"pending" if check else "done": steps})
    else:
        for step in steps:
            print(f"{'to do' if check else 'done'}: {step}")
        if not steps:
            print("up to date")
    if check and steps:
        raise typer.Exit(1)
