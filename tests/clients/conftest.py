"""One university in its own process, with people and a group, for all tests of a module."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fedi.actions import groups, people
from fedi.callers import SCOPES
from fedi.context import Site
from storage import apps
from storage.announcements import announcements
from storage.apps import App, Token, hashed
from storage.metadata import Tx
from tests.clients.browser import Browser
from tests.keys import QUICK
from tests.servers import Server


@dataclass(frozen=True, slots=True)
class University:
    """A running instance. Passwords are `NAME-password`; `tokens` has a token of each person with all scopes."""

    server: Server
    tokens: dict[str, str]

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.server.url

    def browser(self, name: str) -> Browser:
        """A browser in which this person is going to log in."""
        return Browser(self.url, name, f"{name}-password")


@pytest.fixture(scope="module")
def university(tmp_path_factory: pytest.TempPathFactory) -> Iterator[University]:
    """`ada` (an admin), `ben` and `chi`, and the group `mlops`, which ada founded."""
    made = build(tmp_path_factory.mktemp("university"))
    made.server.start()
    yield made
    made.server.stop()


def build(folder: Path, server: Server | None = None) -> University:
    """Such an instance, which is not started yet."""
    server = server or Server(folder, f"sqlite:///{folder / 'fedi.db'}", "North University")
    server.init()
    tokens = {name: secrets.token_urlsafe(32) for name in ("ada", "ben", "chi")}

    def fill(tx: Tx, site: Site) -> None:
        now = site.clock()
        app = App(site.new_id(), "tests", hashed("tests"), "Tests", None, [], " ".join(SCOPES), now)
        apps.insert_app(tx, app)
        for name, token in tokens.items():
            person = people.register(
                tx,
                site,
                username=name,
                email=f"{name}@example.edu",
                role="admin" if name == "ada" else "member",
                password_hash=QUICK.hash(f"{name}-password"),
            )
            apps.insert_token(
                tx, Token(site.new_id(), hashed(token), app.id, person.id, " ".join(SCOPES), now, None, None)
            )
            if name == "ada":
                groups.create(tx, site, name="mlops", title="Machine learning in operation", owner=person)

    server.write(fill)
    return University(server, tokens)


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Iterator[University]:
    """As `university`, with an announcement."""
    made = build(tmp_path_factory.mktemp("rich"))

    def announce(tx: Tx, site: Site) -> None:
        now = site.clock()
        row = {"text": "The library is open on Sunday.", "all_day": False}
        times = {"published_at": now, "updated_at": now, "created_at": now}
        tx.execute(announcements.insert().values(id=site.new_id(), **row, **times))

    made.server.write(announce)
    made.server.start()
    yield made
    made.server.stop()
