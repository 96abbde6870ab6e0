"""`fedi serve` and `fedi worker` read their arguments without typer: the same as with it, or not at all."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from fedi.cli import commands, lean
from fedi.cli import serve as serving
from fedi.cli import worker as working


def with_typer(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> dict[str, Any] | None:
    """What typer would call the command with; None when it refuses or prints help."""
    called: list[dict[str, Any]] = []

    def serve(workers: int, no_worker: bool, config: Path | None, listening: int | None, parent: int | None) -> None:
        called.append(
            {"workers": workers, "no_worker": no_worker, "config": config, "listening": listening, "parent": parent}
        )

    monkeypatch.setattr(serving, "serve", serve)
    monkeypatch.setattr(working, "worker", lambda config, parent: called.append({"config": config, "parent": parent}))
    try:
        commands.build(commands.named(words))(words, standalone_mode=False)
    except Exception:  # what typer raises is its own affair
        return None
    return called[0] if called else None


SERVE = {"workers": 1, "no_worker": False, "config": None, "listening": None, "parent": None}


@pytest.mark.parametrize(
    "words",
    [
        "serve",
        "serve --workers 4",
        "serve --workers=32 --no-worker",
        "serve --config a.toml",
        "serve --config=a.toml --workers 2 --workers 3",
        "serve --no-worker --socket 7 --parent 9",
        "worker",
        "worker --parent 5 --config a.toml",
    ],
)
def test_it_reads_what_typer_reads(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = lean.read(words.split())
    assert read is not None
    given = (SERVE if words.startswith("serve") else {"config": None, "parent": None}) | read[1]
    assert given == with_typer(monkeypatch, words.split())
    assert read[0].__name__ == words.split(maxsplit=1)[0]


@pytest.mark.parametrize(
    "words",
    [
        "",
        "--help",
        "serve --help",
        "serve --workers 0",
        "serve --workers 33",
        "serve --workers -1",
        "serve --workers",
        "serve --workers two",
        "serve --no-worker=yes",
        "serve more",
        "serve --config",
        "worker --workers 2",
        "worker --no-worker",
        "serv",
        "init",
        "--config a.toml",
    ],
)
def test_mistakes_are_for_typer_to_explain(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lean.read(words.split()) is None
    if words.startswith(("serve", "worker")):
        assert with_typer(monkeypatch, words.split()) is None


def test_settings_named_before_the_command_are_its() -> None:
    read = lean.read(["--config", "a.toml", "serve", "--workers", "2"])
    assert read is not None
    assert read[1] == {"config": Path("a.toml"), "workers": 2}


def test_options_are_the_same_in_both() -> None:
    for name in ("serve", "worker"):
        command: Any = typer.main.get_command(commands.build(name))
        listed = {opt for each in command.params for opt in each.opts} if not hasattr(command, "commands") else set()
        for each in getattr(command, "commands", {}).get(name, command).params:
            listed |= set(each.opts)
        assert lean.options(name) == listed - {"--help"}


def test_a_server_needs_none_of_what_only_commands_need() -> None:
    """Each is megabytes that every process of an instance would hold as long as it runs."""
    code = (
        "import sys, fedi.cli.main, fedi.app, fedi.cli.sockets\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    wanted = {"sqlalchemy", "uvicorn", "starlette", "msgspec"}
    unwanted = {"typer", "pydantic", "alembic", "PIL", "jinja2", "aiohttp"}
    assert wanted <= set(loaded)
    assert set(loaded) & unwanted == set()
