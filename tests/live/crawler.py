"""A crawler that makes every request which another server could make: every address that servers have ever written down,
and every route with everything that could stand in it; without a signature, as an instance, and as one of its people.
"""

import asyncio
import http.client
import itertools
import re
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.routing import Route

from federation.signatures.keys import PrivateKey
from federation.signatures.sign import sign_get, sign_get_rfc9421
from fedi import api, mastodon
from fedi.app import build
from fedi.config import load
from fedi.context import close_site, now, open_site
from tests.live.client import Person
from tests.servers import Server


@dataclass
class Crawler:
    """Asks one server; `answers` holds what came of each request: (manner, URL) -> (status, headers and body)."""

    server: Server
    keys: dict[str, PrivateKey]
    token: str
    answers: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)

    def ask(self, paths: list[str]) -> None:
        """Every path, in every manner."""
        manners = {
            "page": {"Accept": "text/html"},
            "document": {"Accept": "application/activity+json"},
            "token": {"Accept": "application/json", "Authorization": f"Bearer {self.token}"},
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        for path in dict.fromkeys(paths):
            url = self.server.url + path
            signed = {
                f"signed by {who}": {"Accept": "application/activity+json", **sign(key, url, now())}
                for (who, key), sign in zip(self.keys.items(), (sign_get, sign_get_rfc9421), strict=True)
                if not path.startswith("/api/")
            }
            for manner, headers in {**manners, **signed}.items():
                connection.request("GET", path, headers=headers)
                answer = connection.getresponse()
                told = str(answer.getheaders()) + answer.read().decode("utf-8", "replace")
                self.answers[manner, path] = (answer.status, told)
        connection.close()

    def found(self, word: str) -> list[tuple[str, str]]:
        """Where a word was said, that was not in the question."""
        return [at for at, (_, told) in self.answers.items() if word in told.lower() and word not in at[1].lower()]


def written(server: Server) -> set[str]:
    """Every address on `server` that its database has, in whatever column and document."""
    return written_in(server.folder / "fedi.db", r"http://127\.0\.0\.1:\d+")


def written_in(file: Path, origin: str) -> set[str]:
    """The same of a database file, of addresses at an `origin` (a regular expression)."""
    found: set[str] = set()
    address = re.compile(origin + r"(/[!#-&(-;=?-\[\]-~]*)")  # what stands in an address, and no quotation mark
    with sqlite3.connect(file) as db:
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in db.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                    found |= {one.split("#")[0] for one in address.findall(text)}
    return found


def numbers(file: Path) -> tuple[list[int], list[int], list[int]]:
    """The numbers that stand in addresses: of posts, of the accounts of groups, of activities."""
    with sqlite3.connect(file) as db:
        posts = [one for (one,) in db.execute("SELECT id FROM posts")]
        accounts = [one for (one,) in db.execute("SELECT id FROM actors WHERE kind = 'Group'")]
        ends = [one.rpartition("/")[2] for (one,) in db.execute("SELECT activity_id FROM outbox")]
    return posts, accounts, [int(one) for one in ends if one.isdigit()]


def routes(server: Server, names: list[str], only: set[int] | None = None) -> list[str]:
    """Every path that the application answers a GET on, with everything that could stand in it; of posts and activities
    `only` these, if given."""
    return routes_of(build(load(server.config, {})), server.folder / "fedi.db", names, only)


def routes_of(app: Starlette, file: Path, names: list[str], only: set[int] | None = None) -> list[str]:
    """The same of an application and its database file."""
    posts, accounts, activities = numbers(file)
    if only is not None:
        posts, activities = [one for one in posts if one in only], []
    pools: dict[str, list[Any]] = {
        "name": names, "handle": names, "tag": ["goshawkx", "open"], "version": ["2.0", "2.1"],
        "post_id": posts, "quote_id": posts, "id": [*posts, *accounts],
    }  # fmt: skip
    of_numbers = [*posts, *activities]
    paths = []
    for route in [*app.routes, *mastodon.ROUTES, *api.ROUTES]:
        if not isinstance(route, Route) or "GET" not in (route.methods or ()):
            continue
        if route.path.startswith("/api/v1/streaming/"):  # goes on; what it tells has its tests
            continue
        parts = re.findall(r"{(\w+)(?::\w+)?}", route.path)
        for values in itertools.product(*(pools.get(one, of_numbers) for one in parts)):
            path = route.path
            for one, value in zip(parts, values, strict=True):
                path = re.sub("{" + one + r"(:\w+)?}", quote(str(value)), path)
            paths.append(path)
    return paths


def secret(person: Person) -> tuple[str, PrivateKey, PrivateKey]:
    """(the person's IRI, their private key, that of their instance)."""
    site = open_site(load(person.server.config, {}))
    try:
        iri = site.iri(f"/people/{person.name}")
        return iri, site.db.read_now(lambda tx: site.private_key(tx, iri)), site.db.read_now(
            lambda tx: site.private_key(tx, site.instance_iri)
        )  # fmt: skip
    finally:
        close_site_now(site)


def close_site_now(site: Any) -> None:
    """End what `open_site` began, outside of an event loop."""
    asyncio.run(close_site(site))
