"""Which commands there are. A command's module is imported only when it is the one that was asked for.

Modules that take time to import are imported within commands.
"""

import os
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

_COMMANDS = {
    "init": ("init", "init"),
    "serve": ("starting", "serve"),
    "worker": ("starting", "worker"),
    "migrate": ("migrate", "migrate"),
    "doctor": ("doctor", "doctor"),
    "person": ("person", "app"),
    "token": ("token", "app"),
    "key": ("key", "app"),
    "group": ("moderation", "app"),
    "report": ("report", "app"),
    "announcement": ("announcement", "app"),
    "delivery": ("delivery", "app"),
    "received": ("received", "app"),
    "peer": ("peer", "app"),
    "directory": ("directory", "app"),
    "policy": ("policy", "app"),
    "pending": ("pending", "app"),
    "mail": ("mail", "app"),
    "twin": ("twin", "app"),
    "search": ("search", "app"),
    "demo": ("demo", "demo"),
}
"""Name of a command -> where it is: the module in `fedi.cli`, and in it a function, or an `app` with commands of its own."""


def build(only: str | None = None) -> typer.Typer:
    """The command line, with all commands or with one of them."""
    app = typer.Typer(
        name="fedi",
        help="A federated community server for Masters education.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_options)
    for name in _COMMANDS if only is None else (only,):
        module, attribute = _COMMANDS[name]
        found = getattr(import_module(f"fedi.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def named(words: list[str]) -> str | None:
    """The command that the arguments name; None where that takes a closer look (help, a mistake)."""
    rest = words[2:] if words[:1] == ["--config"] else words
    return rest[0] if rest and rest[0] in _COMMANDS else None


def _options(
    config: Annotated[
        Path | None, typer.Option("--config", help="The settings' file, for whichever command follows.")
    ] = None,
) -> None:
    """A federated community server for Masters education."""
    if config is not None:
        os.environ["FEDI_CONFIG"] = str(config)
