"""One instance with people, groups and posts, and a browser without script that looks at it."""

import gzip
import html
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from federation.client import Client
from federation.hosts import Networks
from fedi.actions import follows, groups, people, posts
from fedi.app import Fedi, build
from fedi.config import Config
from fedi.context import Site
from storage import actors
from storage import posts as post_rows
from storage.actors import Actor
from storage.database import Database
from storage.metadata import Tx
from storage.posts import Post
from tests.conftest import Clock, Databases, Offline
from tests.keys import QUICK
from tests.world import call

PASSWORD = "correct horse"


@dataclass(slots=True)
class Page:
    """What a browser got."""

    path: str
    status: int
    headers: dict[str, str]
    text: str
    wire: int

    @property
    def words(self) -> str:
        """The page as read without style sheet: its text, on one line."""
        without = re.sub(r"<(head|style)\b.*?</\1>", " ", self.text, flags=re.DOTALL)
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", without)).split())

    @property
    def links(self) -> list[str]:
        """Where its links lead."""
        return [html.unescape(link) for link in re.findall(r'<a [^>]*?href="([^"]*)"', self.text)]


@dataclass(slots=True)
class Browser:
    """Keeps cookies, sends what a browser sends, follows redirects within the instance."""

    app: Fedi
    origin: str
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=lambda: {"accept": "text/html", "accept-encoding": "gzip"})

    async def get(self, path: str, *, follow: bool = True, **headers: str) -> Page:
        """GET a path."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self._ask("GET", path, b"", named, follow=follow)

    async def post(
        self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None, *, follow: bool = True
    ) -> Page:
        """Send a form, as from a page of the instance itself unless the headers say otherwise."""
        sent = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
        return await self._ask("POST", path, urlencode(fields).encode(), sent | (headers or {}), follow=follow)

    async def log_in(self, name: str, password: str = PASSWORD) -> Page:
        """Log in by the form."""
        return await self.post("/login", {"name": name, "password": password, "next": "/home"})

    async def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str], *, follow: bool) -> Page:
        sent = self.headers | headers
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await call(self.app, method, self.origin + path, {k: v for k, v in sent.items() if v}, body)
        if "set-cookie" in answer.headers:
            name, _, value = answer.headers["set-cookie"].partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
            if "max-age=0" in answer.headers["set-cookie"].lower():
                del self.cookies[name]
        if follow and answer.status in (301, 302, 303) and answer.headers["location"].startswith("/"):
            return await self._ask("GET", answer.headers["location"], b"", {}, follow=True)
        wire = len(answer.body) + sum(len(k) + len(v) + 4 for k, v in answer.headers.items())
        raw = gzip.decompress(answer.body) if answer.headers.get("content-encoding") == "gzip" else answer.body
        return Page(path, answer.status, dict(answer.headers), raw.decode(), wire)


class Outline(HTMLParser):
    """Reads a page as strictly as XML: every element is closed where it was opened. Collects elements with attributes."""

    BLOCKS = frozenset(
        {"p", "form", "div", "ul", "ol", "dl", "details", "section", "article", "blockquote", "fieldset", "h2"}
    )
    VOID = frozenset({"meta", "link", "br", "img", "input", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element. A parser closes a `p` by itself before these (HTML 13.2.6.4.7), so what stands behind is lost."""
        self.elements.append((tag, dict(attrs)))
        assert not (tag in self.BLOCKS and "p" in self.open), f"{tag} within p: {self.open}"
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in {tag}"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """It must be the one opened last."""
        assert self.open[-1:] == [tag], f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def of(self, *names: str) -> list[dict[str, str | None]]:
        """The attributes of the elements of these names."""
        return [attributes for name, attributes in self.elements if name in names]


@dataclass(slots=True)
class Campus:
    """The instance under test and what tests need to fill it."""

    site: Site
    app: Fedi
    hashed: str

    def write(self, unit: Callable[[Tx], Any]) -> Any:
        """What `unit(tx)` returns, committed."""
        return self.site.db.write_now(unit)

    def read(self, unit: Callable[[Tx], Any]) -> Any:
        """What `unit(tx)` returns."""
        return self.site.db.read_now(unit)

    def actor(self, username: str) -> Actor:
        """A person or group of this name."""
        found: Actor | None = self.read(lambda tx: actors.by_name(tx, username, "alpha.example"))
        assert found is not None
        return found

    def person(self, username: str, **values: Any) -> Actor:
        """A person who can log in with `PASSWORD`."""
        values = {"email": f"{username}@alpha.example", "password_hash": self.hashed, **values}
        made: Actor = self.write(lambda tx: people.register(tx, self.site, username=username, **values))
        return made

    def group(self, name: str, owner: Actor, **values: Any) -> Actor:
        """A group."""
        values = {"title": name.title(), **values}
        made: Actor = self.write(lambda tx: groups.create(tx, self.site, name=name, owner=owner, **values))
        return made

    def follow(self, follower: Actor, target: Actor) -> None:
        """Follow, or join."""
        self.write(lambda tx: follows.follow(tx, self.site, follower, target))

    def post(self, author: Actor, text: str, **values: Any) -> Post:
        """Publish a post."""
        made: Post = self.write(lambda tx: posts.publish(tx, self.site, author, posts.Draft(text, **values)))
        return made

    def stranger(self, username: str = "zoe", **values: Any) -> Actor:
        """A remote person, as it would be kept after its document was read."""
        iri = f"https://south.example/people/{username}"

        def write(tx: Tx) -> Actor:
            like = actors.by_iri(tx, self.site.instance_iri)
            assert like is not None
            made = replace(
                like,
                id=self.site.new_id(),
                iri=iri,
                url=iri,
                kind="Person",
                username=username,
                domain="south.example",
                host="south.example",
                local=False,
                name=username.title(),
                inbox=iri + "/inbox",
                followers=iri + "/f",
            )
            made = replace(made, **values)
            actors.insert(tx, made)
            return made

        made: Actor = self.write(write)
        return made

    def from_afar(self, author: Actor, content: str, answers: Post, **values: Any) -> Post:
        """A post of a remote person below another, with HTML as a hostile peer might have got it into the table."""

        def write(tx: Tx) -> Post:
            post_id = self.site.new_id()
            made = replace(
                answers,
                id=post_id,
                iri=f"https://south.example/p/{post_id}",
                url=f"https://south.example/p/{post_id}",
                author_id=author.id,
                local=False,
                title=None,
                content=content,
                source=None,
                reply_to_id=answers.id,
                reply_to_iri=answers.iri,
                reply_to_actor_id=answers.author_id,
                root_id=answers.root_id,
                published_at=self.site.clock(),
            )
            made = replace(made, **values)
            post_rows.insert_post(tx, made, [], [])
            return made

        made: Post = self.write(write)
        return made

    def browser(self) -> Browser:
        """Somebody's browser, not logged in."""
        return Browser(self.app, self.site.config.origin)


@pytest.fixture(scope="session")
def hashed() -> str:
    """A hash of `PASSWORD` that is quicker to check than those that people get."""
    return QUICK.hash(PASSWORD)


@pytest.fixture(scope="session")
def filled(databases: Databases, hashed: str) -> Iterator[Path]:
    """A database file with the instance's own actor, Ada and Bruno; keys take long to make, so that tests copy it."""
    url = databases.new("sqlite")
    clock = Clock(1_789_000_000_000)
    client = Client(Offline(), Networks(), "fedi-tests", clock)
    db = Database(url)
    site = Site(config=Config(url="https://alpha.example", database=url), db=db, client=client, clock=clock)

    def fill(tx: Tx) -> None:
        people.ensure_instance_actor(tx, site)
        for name, full, affiliation in (("ada", "Ada Okafor", "student"), ("bruno", "Bruno Lindqvist", "faculty")):
            people.register(
                tx,
                site,
                username=name,
                email=f"{name}@alpha.example",
                password_hash=hashed,
                name=full,
                affiliation=affiliation,
            )

    db.write_now(fill)
    db.close()
    yield Path(url.removeprefix("sqlite:///"))
    databases.drop(url)


@pytest.fixture
def database_url(filled: Path, tmp_path: Path) -> str:
    """A copy of it. What pages ask of a database is tested on PostgreSQL too in tests/storage and tests/stories."""
    shutil.copyfile(filled, tmp_path / "fedi.db")
    return f"sqlite:///{tmp_path / 'fedi.db'}"


@pytest.fixture
def campus(site: Site, hashed: str) -> Campus:
    """An instance at https://alpha.example with two people."""
    return Campus(site, build(site.config, site=site, worker=False), hashed)


@pytest.fixture
def with_settings(campus: Campus) -> Callable[..., None]:
    """Changes settings of the instance."""

    def change(**values: Any) -> None:
        config = campus.site.config
        kept = {name: getattr(config, name) for name in config.__struct_fields__}
        campus.app.state.site = campus.site = replace(campus.site, config=Config(**(kept | values)))

    return change


@pytest.fixture
def browser(campus: Campus) -> Browser:
    """A browser that is not logged in."""
    return campus.browser()


@pytest.fixture
def ada(campus: Campus) -> Actor:
    """A student."""
    return campus.actor("ada")


@pytest.fixture
def bruno(campus: Campus) -> Actor:
    """A lecturer."""
    return campus.actor("bruno")


@pytest.fixture
async def as_ada(campus: Campus, ada: Actor) -> Browser:
    """A browser with Ada logged in."""
    made = campus.browser()
    assert (await made.log_in("ada")).status == 200
    return made
