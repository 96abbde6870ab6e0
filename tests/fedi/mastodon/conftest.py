"""One instance behind its client API: people, tokens, and requests as clients send them, without sockets.

`tests/clients` has the real clients over real HTTP; here is what they never send, and what is hard to see through them.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from fedi.actions import follows, groups, people, posts
from fedi.actions.posts import Draft
from fedi.app import Fedi, build
from fedi.callers import SCOPES
from fedi.context import Site
from fedi.sessions import cookie_name
from storage import apps, sessions
from storage.actors import Actor
from storage.apps import App, Token, hashed
from storage.posts import Post
from storage.sessions import Session
from tests.world import call

ALL = " ".join(SCOPES)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client got."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        kinds = ("application/json", "application/problem+json")
        assert self.headers["content-type"].startswith(kinds), (self.headers, self.body)
        return msgspec.json.decode(self.body)

    @property
    def error(self) -> str:
        """The text of an error."""
        text: str = self.json["error"]
        return text

    def link(self, rel: str) -> str | None:
        """The address in the Link header, its host left out; None when there is none."""
        for part in self.headers.get("link", "").split(", "):
            if part.endswith(f'rel="{rel}"'):
                return part.partition(">")[0].removeprefix("<https://alpha.example")
        return None


@dataclass(slots=True)
class Api:
    """The instance at https://alpha.example, and what tests do with it."""

    app: Fedi
    site: Site
    client: App

    async def ask(
        self,
        method: str,
        path: str,
        token: str | None = None,
        *,
        form: Mapping[str, Any] | None = None,
        json: Any = None,
        body: bytes = b"",
        **headers: str,
    ) -> Answer:
        """One request; headers by name, with _ for -."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        if form is not None:
            body, sent["content-type"] = urlencode(form, doseq=True).encode(), "application/x-www-form-urlencoded"
        if json is not None:
            body, sent["content-type"] = msgspec.json.encode(json), "application/json"
        answer = await call(self.app, method, f"https://alpha.example{path}", sent, body)
        return Answer(answer.status, answer.headers, answer.body)

    async def get(self, path: str, token: str | None = None, **headers: str) -> Answer:
        """A GET."""
        return await self.ask("GET", path, token, form=None, json=None, body=b"", **headers)

    async def post(self, path: str, token: str | None = None, **more: Any) -> Answer:
        """A POST, of `form`, `json` or `body`."""
        return await self.ask("POST", path, token, **more)

    async def person(self, name: str, **values: Any) -> Actor:
        """A person of this instance."""
        values = {"email": f"{name}@alpha.example", **values}
        return await self.site.db.write(lambda tx: people.register(tx, self.site, username=name, **values))

    async def group(self, name: str, owner: Actor, **values: Any) -> Actor:
        """A group of this instance."""
        values = {"title": name.title(), **values}
        return await self.site.db.write(lambda tx: groups.create(tx, self.site, name=name, owner=owner, **values))

    async def token(self, actor: Actor | None, scopes: str = ALL) -> str:
        """A token of this person (None: of the app itself)."""
        text = secrets.token_urlsafe(32)
        made = Token(
            self.site.new_id(),
            hashed(text),
            self.client.id,
            actor.id if actor else None,
            scopes,
            self.site.clock(),
            None,
            None,
        )
        await self.site.db.write(lambda tx: apps.insert_token(tx, made))
        return text

    async def cookie(self, actor: Actor) -> str:
        """The Cookie header of a browser in which this person is logged in."""
        value, now = secrets.token_urlsafe(32), self.site.clock()
        made = Session(hashed(value), actor.id, now, now, now + 10**9, "tests")
        await self.site.db.write(lambda tx: sessions.insert(tx, made))
        return f"{cookie_name(self.site)}={value}"

    async def follow(self, follower: Actor, target: Actor) -> None:
        """`follower` follows `target`, or joins it."""
        await self.site.db.write(lambda tx: follows.follow(tx, self.site, follower, target))

    async def publish(self, author: Actor, text: str, **values: Any) -> Post:
        """`author` writes a post."""
        return await self.site.db.write(lambda tx: posts.publish(tx, self.site, author, Draft(text, **values)))


@pytest.fixture
async def api(site: Site) -> Api:
    """The instance, with one registered app."""
    client = App(
        site.new_id(),
        "client",
        hashed("secret"),
        "Tests",
        "https://app.example",
        ["https://app.example/back?x=%2F", "urn:ietf:wg:oauth:2.0:oob"],
        ALL,
        site.clock(),
    )
    await site.db.write(lambda tx: apps.insert_app(tx, client))
    return Api(build(site.config, site=site, worker=False), site, client)


@pytest.fixture
async def ada(api: Api) -> Actor:
    """A person."""
    return await api.person("ada")


@pytest.fixture
async def ben(api: Api) -> Actor:
    """Another one."""
    return await api.person("ben")
