"""What commands share: the settings, an opened site, and how data is printed. Their options are in `options`.

Nothing of typer is here: `fedi serve` starts without it.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from fedi.config import Config, load

if TYPE_CHECKING:
    from fedi.context import Site
    from storage.actors import Actor
    from storage.metadata import Tx


class CommandError(Exception):
    """A command can't do what it was asked; the text says why and what to do. It ends with exit status 1."""


def settings(path: Path | None) -> Config:
    """The settings. Raises ConfigError."""
    return load(path)


@contextlib.contextmanager
def opened(path: Path | None) -> Iterator["Site"]:
    """The site of these settings with its database, which must be up to date, for as long as the block lasts.

    Raises ConfigError, CommandError, StorageUnavailable, NewerDatabase.
    """
    # Late: these take most of the time of a command, and `--help` must not.
    from fedi.context import close_site, open_site

    site = open_site(existing(settings(path)))
    try:
        check_migrated(site)
        yield site
    finally:
        asyncio.run(close_site(site))


def existing(config: Config) -> Config:
    """The settings again, once it is clear that their database is there: only `fedi init` makes one.

    Raises CommandError.
    """
    file = config.database.removeprefix("sqlite:///")
    if file != config.database and not Path(file).is_file():
        raise CommandError(f"there is no database {file} yet; run «fedi init», or look at «database» in the settings")
    return config


def check_migrated(site: "Site") -> None:
    """Raise CommandError (or NewerDatabase, or Problem) when the database has another shape than this version needs, or
    was made for another `url`."""
    from fedi.actions.people import check_url
    from storage import migrations

    current, newest = migrations.current(site.db.engine), migrations.NEWEST
    if current is None:
        raise CommandError("the database has no tables yet; run «fedi init»")
    if current > newest:
        raise migrations.NewerDatabase(f"the database has the step {current!r}, which this version does not know")
    if current != newest:
        raise CommandError(f"the database is at step {current}, this version needs {newest}; run «fedi migrate»")
    site.db.read_now(lambda tx: check_url(tx, site))


def local_actor(tx: "Tx", site: "Site", name: str, kinds: Sequence[str]) -> "Actor":
    """The person or group of this instance with this name, an `@` and the own domain allowed. Raises CommandError."""
    from storage import actors

    bare = name.removeprefix("@").removeprefix("!")
    bare = bare.removesuffix("@" + site.config.handle_domain)
    found = actors.by_name(tx, bare, site.config.handle_domain)
    if found is None or not found.local or found.kind not in kinds:
        nouns = ["person"] * (kinds != ("Group",)) + ["group"] * ("Group" in kinds)
        lists = " and ".join(f"«fedi {noun} list»" for noun in nouns)
        raise CommandError(f"there is no {' or '.join(nouns)} {bare!r} here; see {lists}")
    return found


def fetched_actor(site: "Site", name: str) -> "Actor":
    """An actor as its own server shows it now. Raises CommandError."""
    from federation.errors import FederationError
    from fedi import fetching
    from fedi.errors import NotFound

    async def ask() -> "Actor":
        try:
            return await fetching.actor(site, name.removeprefix("@").removeprefix("!"), fresh=True)
        finally:
            await site.client.close()

    try:
        return asyncio.run(ask())
    except NotFound as problem:
        raise CommandError(f"there is no {name!r}") from problem
    except FederationError as problem:
        if problem.code == "bad-handle":
            raise CommandError(f"{name!r} is no handle; write name@host") from problem
        raise CommandError(f"{name} can't be had: {problem.text}") from problem


def moment(at: int | None) -> str:
    """A time in ms as people read it, in UTC; a dash for none."""
    return "-" if at is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at / 1000))


def timestamp(at: int | None) -> str | None:
    """A time in ms as programs read it: RFC 3339 in UTC."""
    return None if at is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at / 1000))


def print_json(value: Any) -> None:
    """One JSON value, indented."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_rows(rows: Sequence[Mapping[str, Any]], names: Sequence[str], *, none: str) -> None:
    """A table of `rows` with the columns `names`; the sentence `none` when there are no rows."""
    if not rows:
        print(none)
        return
    cells = [[name.upper() for name in names], *([_cell(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(names))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_fields(fields: Mapping[str, Any]) -> None:
    """One thing: a line for each of its fields."""
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        print(f"{name.ljust(width)}  {_cell(value)}")


def _cell(value: Any) -> str:
    """Text for a terminal: what peers sent must not steer it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_cell(part) for part in value)
    return "".join(letter if letter.isprintable() else " " for letter in str(value))
