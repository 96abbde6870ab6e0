"""Universities for stories over real HTTP: an instance with people who use its Mastodon API, and admins who use ours."""

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedi.actions import groups as group_actions
from fedi.context import Site
from storage import actors
from storage.metadata import Tx
from tests.live.client import Person, wait_until
from tests.servers import Server

DAY = 24 * 3600
ADMIN = "read write follow admin:read admin:write"


@dataclass(slots=True)
class University:
    """One instance. `people` by name; `kim` and `lee` are admins, whose tokens are in `admins`."""

    server: Server
    people: dict[str, Person]
    admins: dict[str, str]

    @property
    def host(self) -> str:
        """As peers name it."""
        return f"127.0.0.1:{self.server.port}"

    def group(self, name: str) -> str:
        """The IRI of a group here."""
        return f"{self.server.url}/groups/{name}"

    def call(self, method: str, path: str, body: Any = None, *, who: str = "kim", status: int | None = None) -> Any:
        """The JSON of our own API for an admin. Raises AssertionError for another status than `status` (None: any success)."""
        data = None if body is None and method == "GET" else json.dumps(body if body is not None else {}).encode()
        request = urllib.request.Request(f"{self.server.url}/api/fedi/v1{path}", data, method=method)
        request.add_header("Authorization", f"Bearer {self.admins[who]}")
        if data is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                code, said = answer.status, json.load(answer)
        except urllib.error.HTTPError as problem:
            code, said = problem.code, json.loads(problem.read() or b"{}")
        assert code == status if status is not None else code < 300, f"{method} {path}: {code} {said}"
        return said

    def peer(self, host: str) -> dict[str, Any]:
        """How it stands to a host, as its API says."""
        found: dict[str, Any] = self.call("GET", f"/peers/{host}")["peer"]
        return found

    def agreements(self, host: str) -> list[dict[str, Any]]:
        """The agreements with a host, newest first; none where it is not known yet."""
        try:
            found: list[dict[str, Any]] = self.call("GET", f"/peers/{host}/agreements")
        except AssertionError:
            return []
        return found

    def state(self, host: str) -> str:
        """The state of the newest agreement with a host."""
        found = self.agreements(host)
        return found[0]["state"] if found else ""

    def fingerprint(self) -> str:
        """Of the key that it signs agreements with, as its admin says it on the telephone."""
        found: str = json.loads(self.server.fedi("peer", "terms", "--json"))["fingerprint"]
        return found


def later(days: float, *several: University) -> None:
    """Start these again with clocks so many days ahead; all are down in between, as clocks that differ by days trust nobody."""
    ahead = int(days * DAY * 1e9)
    for one in several:
        one.server.stop()
        one.server.before = (
            "import time\n_ns, _s = time.time_ns, time.time\n"
            f"time.time_ns = lambda: _ns() + {ahead}\ntime.time = lambda: _s() + {ahead / 1e9}\n"
        )
    for one in several:
        one.server.start()


def university(
    folder: Path, name: str, people: list[str], groups: dict[str, tuple[str, str]], more: str = ""
) -> University:
    """An instance that runs: `groups` by name: (owner, who may see it); whoever may see one joins without being asked."""
    server = Server(folder / name, f"sqlite:///{folder / name}/fedi.db", name.title())
    server.init(more=more)
    tokens = {person: server.person(person) for person in people}
    admins = {name: server.person(name, ADMIN, role="admin") for name in ("kim", "lee")}

    def unit(tx: Tx, site: Site) -> None:
        for group, (owner, see) in groups.items():
            owns = actors.by_name(tx, owner, site.config.handle_domain)
            assert owns is not None
            group_actions.create(tx, site, name=group, title=group, owner=owns, see=see)

    server.write(unit)
    server.start()
    return University(server, {person: Person(server, person, token) for person, token in tokens.items()}, admins)


def find(person: Person, handle: str) -> str:
    """The id of an account elsewhere, as a person's server has it."""
    found = person.ask("GET", "/api/v2/search", q=handle, resolve="true")["accounts"]
    assert found, f"{handle} is not found"
    return str(found[0]["id"])


def relation(person: Person, account: str) -> dict[str, Any]:
    """How somebody stands to an account."""
    found: dict[str, Any] = person.ask("GET", "/api/v1/accounts/relationships", **{"id[]": account})[0]
    return found


def join(person: Person, handle: str, *, waits: bool = False) -> str:
    """Follow an account or group; wait until it was accepted, or (`waits`) see that it is not. Its id comes back."""
    account = find(person, handle)
    person.ask("POST", f"/api/v1/accounts/{account}/follow")
    if waits:
        time.sleep(2)
        assert not relation(person, account)["following"]
    else:
        wait_until(lambda: relation(person, account)["following"])
    return account


def has(person: Person, text: str) -> bool:
    """Whether a text is at somebody's home."""
    return any(text in one for one in person.home(200))
