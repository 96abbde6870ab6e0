"""`Operator`: who runs `fedi` commands in a folder of their own, in this process, on a database that starts empty."""

import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fedi.cli.main import main
from tests.conftest import KINDS, Databases
from tests.servers import put_tables


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended: exit status, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return msgspec.json.decode(self.out)


class Operator:
    """Runs commands as a shell would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def try_(self, *words: str) -> Done:
        """Run a command, however it ends."""
        self._capsys.readouterr()
        self._monkeypatch.setattr(sys, "argv", ["fedi", *words])
        self._monkeypatch.setattr(sys, "stdin", io.StringIO())  # nobody answers questions
        # What `main` sets for its process must not outlive the command here.
        before, named = os.umask(0o022), os.environ.get("FEDI_CONFIG")
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        finally:
            os.umask(before)
            os.environ.pop("FEDI_CONFIG", None)
            if named is not None:
                os.environ["FEDI_CONFIG"] = named
        printed = self._capsys.readouterr()
        return Done(status, printed.out, printed.err)

    def fedi(self, *words: str) -> Done:
        """Run a command that must succeed and complain of nothing."""
        done = self.try_(*words)
        assert (done.status, done.err) == (0, ""), f"fedi {' '.join(words)}: {done.err}"
        return done

    def person(self, name: str, *more: str) -> Any:
        """A new person, as the command describes them."""
        return self.fedi("person", "create", name, "--email", f"{name}@uni.example", "--json", *more).json


both = pytest.mark.parametrize("database", KINDS, indirect=True)
"""For tests of commands that ask the database more than what every command does."""


@pytest.fixture
def database(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """The URL of a database without tables: on SQLite, or as the test is marked (`both`)."""
    url = databases.bare(getattr(request, "param", "sqlite"))
    yield url
    databases.drop(url)


@pytest.fixture
def folder(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, where the settings of https://uni.example lie; there is no table yet."""
    enter(tmp_path, database, monkeypatch)
    return tmp_path


def enter(folder: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go to a folder and write settings of https://uni.example there; variables of another instance are forgotten."""
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("FEDI_") and not name.startswith("FEDI_TEST_")]:
        monkeypatch.delenv(name)
    (folder / "fedi.toml").write_text(
        f'url = "https://uni.example"\nname = "University of Example"\ncontact = "it@uni.example"\n'
        f'database = "{database}"\ndata = "data"\n'
    )


@pytest.fixture
def newcomer(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Operator:
    """An operator who has written settings and done nothing else."""
    return Operator(monkeypatch, capsys)


@pytest.fixture
def operator(newcomer: Operator, database: str) -> Operator:
    """An operator who has run `fedi init`; on SQLite it found the tables there, as making them takes half a second."""
    if database.startswith("sqlite:///"):
        put_tables(Path(database.removeprefix("sqlite:///")))
    newcomer.fedi("init")
    return newcomer
