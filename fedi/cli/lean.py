"""`fedi serve` and `fedi worker` without typer, which takes a tenth of the memory that a small server has.

Only what is written as it should be is read here: with anything else (a mistake, `--help`) typer says what is wrong.
`fedi.cli.starting` has the same options.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fedi.cli.serve import serve
from fedi.cli.worker import worker

_MOST_WORKERS = 32
_COMMANDS: dict[str, tuple[Callable[..., None], frozenset[str]]] = {
    "serve": (serve, frozenset({"--workers", "--no-worker", "--config", "--socket", "--parent"})),
    "worker": (worker, frozenset({"--config", "--parent"})),
}
_NAMES = {"--no-worker": "no_worker", "--socket": "listening"}


def read(words: Sequence[str]) -> "tuple[Callable[..., None], dict[str, Any]] | None":
    """The command that the arguments name, and what it is called with; None when typer should read them."""
    before: dict[str, Any] = {}
    rest = list(words)
    if rest[:1] == ["--config"] and len(rest) > 1:
        before = {"config": Path(rest[1])}
        rest = rest[2:]
    if not rest or rest[0] not in _COMMANDS:
        return None
    command, known = _COMMANDS[rest[0]]
    asked = _options(rest[1:], known)
    return None if asked is None else (command, before | asked)


def options(command: str) -> frozenset[str]:
    """The options that are read of a command."""
    return _COMMANDS[command][1]


def _options(words: list[str], known: frozenset[str]) -> dict[str, Any] | None:
    asked: dict[str, Any] = {}
    waiting = iter(words)
    for word in waiting:
        name, equals, value = word.partition("=")
        if name not in known:
            return None
        if name == "--no-worker":
            if equals:
                return None
            asked["no_worker"] = True
            continue
        value = value if equals else next(waiting, "")
        key = _NAMES.get(name, name.removeprefix("--"))
        if name == "--config":
            if not value or value.startswith("-"):
                return None
            asked[key] = Path(value)
            continue
        if not (value.isascii() and value.isdigit()) or (name == "--workers" and not 1 <= int(value) <= _MOST_WORKERS):
            return None
        asked[key] = int(value)
    return asked
