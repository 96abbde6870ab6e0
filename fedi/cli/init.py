"""`fedi init`: write `fedi.toml`, make keys, create the database. Running it again changes nothing that is there."""

import asyncio
import json
import os
from pathlib import Path
from typing import Annotated

import typer

from fedi.cli.console import CommandError, settings
from fedi.cli.options import ConfigPath
from fedi.config import Config


def init(
    url: Annotated[str | None, typer.Option(help="The public base URL. It can't change later.")] = None,
    name: Annotated[str | None, typer.Option(help="The institution's name.")] = None,
    contact: Annotated[str | None, typer.Option(help="A mail address for questions.")] = None,
    listen: Annotated[str | None, typer.Option(help="Address and port to bind.")] = None,
    database: Annotated[str | None, typer.Option(help="sqlite:///fedi.db or postgresql://…")] = None,
    data: Annotated[str | None, typer.Option(help="Folder for files and keys.")] = None,
    config: ConfigPath = None,
) -> None:
    """Write fedi.toml where there is none, make keys, create the database."""
    file = config or Path(os.environ.get("FEDI_CONFIG") or "fedi.toml")
    given = {"url": url, "name": name, "contact": contact, "listen": listen, "database": database, "data": data}
    chosen = {key: value for key, value in given.items() if value is not None}
    if file.exists():
        if chosen:
            raise CommandError(f"{file} is there already; change {', '.join(chosen)} in it, then run «fedi init» again")
    else:
        _write(file, chosen)
        try:
            settings(file)
        except Exception:
            file.unlink()  # the next try with better values must not meet this one's
            raise
        print(f"wrote {file}")
    loaded = settings(file)
    steps = create(loaded)
    print(f"database {shown(loaded.database)}: {f'{steps} steps done' if steps else 'up to date'}")
    print(f"ready: «fedi person create NAME --email E --role admin», then «fedi serve» at {loaded.url}")


def shown(database: str) -> str:
    """A database's URL without its password."""
    from sqlalchemy import make_url

    return make_url(database).render_as_string(hide_password=True)


def _write(file: Path, chosen: dict[str, str]) -> None:
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in chosen.items()]
    if "url" not in chosen:
        lines.insert(0, f'# The public base URL; it can\'t change once others know it.\nurl = "{Config().url}"')
    with file.open("x", encoding="utf-8") as written:
        written.write("# Settings of this instance; all of them: deploy/fedi.example.toml of fedi's source.\n\n")
        written.write("\n".join(lines) + "\n")


def create(config: Config) -> int:
    """Make the data folder, the tables and the instance's own actor with its key; how many steps the tables took."""
    from fedi.actions.people import ensure_instance_actor
    from fedi.context import close_site, open_site
    from storage import migrations

    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    site = open_site(config)
    try:
        steps = migrations.upgrade(site.db.engine)
        site.db.write_now(lambda tx: ensure_instance_actor(tx, site))
    finally:
        asyncio.run(close_site(site))
    return len(steps)
