"""Asking a resolver over real HTTP: once for all who want to know, within bounds, and never again soon after a vain question."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fedi.actions.people import ensure_instance_actor
from fedi.citing.identifiers import Identifier
from fedi.config import Config, Federation, Library
from fedi.context import Site, close_site, open_site
from fedi.fetching.works import look_up
from tests.conftest import Databases
from tests.listening import listening

pytestmark = pytest.mark.anyio

FEED = (
    b"<feed><entry><title>Attention</title><published>2017-06-12T00:00:00Z</published>"
    b"<author><name>A. Vaswani</name></author></entry></feed>"
)


@dataclass
class Resolver:
    """A server on loopback, what it was asked, and what it answers by path."""

    port: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)

    def say(self, path: str, value: Any) -> None:
        """Answer this path from now on."""
        self.answers[path] = value if isinstance(value, bytes) else msgspec.json.encode(value)


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    made = Resolver()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer, or lead on."""
            made.asked.append((self.path, self.headers.get("user-agent", "")))
            if self.path == "/doi/10.1000/moved":
                self.send_response(302)
                self.send_header("location", "/elsewhere")
                self.end_headers()
                return
            body = made.answers.get(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write(body or b"")

    with listening(Handler) as port:
        made.port = port
        yield made


@pytest.fixture
async def asking(resolver: Resolver, databases: Databases, tmp_path: Path) -> AsyncIterator[Site]:
    """An instance with real sockets whose resolvers are this one."""
    url, at = databases.new("sqlite"), f"http://127.0.0.1:{resolver.port}"
    settings = Library(
        doi=at + "/doi/{id}", arxiv=at + "/arxiv?id={id}", isbn=at + "/isbn?k={id}", mailto="library@uni.example"
    )
    loopback = Federation(private_networks=("127.0.0.0/8",))
    site = open_site(Config(url="http://localhost", database=url, data=tmp_path, federation=loopback, library=settings))
    await site.db.write(lambda tx: ensure_instance_actor(tx, site))
    yield site
    await close_site(site)
    databases.drop(url)


async def test_many_who_ask_at_once_are_one_question(asking: Site, resolver: Resolver) -> None:
    resolver.say("/doi/10.1000/182", {"title": "A handbook", "DOI": "10.9999/another"})
    found = await asyncio.gather(*(look_up(asking, Identifier("doi", "10.1000/182")) for _ in range(10)))
    assert {one.title for one in found if one is not None} == {"A handbook"}
    assert {one.doi for one in found if one is not None} == {"10.1000/182"}
    assert None not in found
    assert [path for path, _ in resolver.asked] == ["/doi/10.1000/182"]
    assert "(mailto:library@uni.example)" in resolver.asked[0][1]


async def test_each_scheme_has_its_resolver_and_redirects_are_followed(asking: Site, resolver: Resolver) -> None:
    resolver.say("/elsewhere", {"title": ["Moved"]})
    resolver.say("/arxiv?id=1706.03762", FEED)
    resolver.say("/isbn?k=9783161484100", {"ISBN:9783161484100": {"title": "A book"}})
    for scheme, value, title in (
        ("doi", "10.1000/moved", "Moved"),
        ("arxiv", "1706.03762", "Attention"),
        ("isbn", "9783161484100", "A book"),
    ):
        work = await look_up(asking, Identifier(scheme, value))  # type: ignore[arg-type]  # these are schemes
        assert work is not None
        assert work.title == title


async def test_what_a_resolver_says_is_bounded_and_vain_questions_are_not_repeated(
    asking: Site, resolver: Resolver
) -> None:
    resolver.say("/doi/10.1000/large", b'{"title":"' + b"x" * (2 << 20) + b'"}')
    resolver.say("/doi/10.1000/deep", b"[" * 100_000)
    resolver.say("/doi/10.1000/none", {"message": "not found"})
    resolver.say("/doi/10.1000/list", b"[1, 2]")
    for value in ("large", "deep", "none", "list", "missing"):
        for _again in range(2):
            assert await look_up(asking, Identifier("doi", f"10.1000/{value}")) is None
    assert len(resolver.asked) == 5


async def test_a_resolver_elsewhere_may_not_be_at_a_private_address(
    resolver: Resolver, databases: Databases, tmp_path: Path
) -> None:
    url = databases.new("sqlite")
    at = Library(doi=f"http://127.0.0.1:{resolver.port}" + "/doi/{id}")
    site = open_site(Config(url="http://localhost", database=url, data=tmp_path, library=at))
    await site.db.write(lambda tx: ensure_instance_actor(tx, site))
    assert await look_up(site, Identifier("doi", "10.1000/182")) is None
    assert resolver.asked == []
    await close_site(site)
    databases.drop(url)
