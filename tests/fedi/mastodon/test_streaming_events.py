"""Server-sent events of the client API, without a network; and what is told of announcements."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from fedi.actions import announcements, lists
from storage import apps
from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api
from tests.fedi.mastodon.sockets import hub


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite alone: what depends on the database has its tests with the WebSocket."""
    return sqlite_url


@dataclass(slots=True)
class Events:
    """An answer that goes on."""

    api: Api
    task: "asyncio.Task[None] | None" = None
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    ended: bool = False
    _in: "asyncio.Queue[dict[str, Any]]" = field(default_factory=asyncio.Queue)
    _out: "asyncio.Queue[bytes]" = field(default_factory=asyncio.Queue)
    _started: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self, path: str, token: str | None, query: str = "") -> "Events":
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "https",
            "path": f"/api/v1/streaming/{path}", "raw_path": b"", "query_string": query.encode(), "root_path": "",
            "headers": [(b"authorization", f"Bearer {token}".encode())] if token else [], "client": ("192.0.2.1", 1),
            "server": ("alpha.example", 443),
        }  # fmt: skip
        self._in.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        self.task = asyncio.create_task(self.api.app(scope, self._in.get, self._send))
        await asyncio.wait_for(self._started.wait(), 5)
        return self

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            self._started.set()
            return
        if message.get("body"):
            self._out.put_nowait(message["body"])
        if not message.get("more_body"):
            self.ended = True
            self._in.put_nowait({"type": "http.disconnect"})

    async def next(self) -> bytes:
        return await asyncio.wait_for(self._out.get(), 5)

    async def event(self) -> tuple[str, Any]:
        """(event, payload)."""
        first, second, *rest = (await self.next()).split(b"\n")
        assert rest == [b"", b""], "one line of data, and a blank line"
        assert first.startswith(b"event: ")
        assert second.startswith(b"data: ")
        data = second.removeprefix(b"data: ")
        return first.removeprefix(b"event: ").decode(), None if data == b"undefined" else msgspec.json.decode(data)

    async def leave(self) -> None:
        self._in.put_nowait({"type": "http.disconnect"})
        assert self.task is not None
        await asyncio.wait_for(self.task, 5)


async def test_it_begins_with_a_smile_and_goes_on(api: Api, ada: Actor, ben: Actor) -> None:
    await api.follow(ben, ada)
    opened = await Events(api).open("user", await api.token(ben))
    assert opened.status == 200
    assert opened.headers["content-type"].startswith("text/event-stream")
    assert opened.headers["x-accel-buffering"] == "no"
    assert "no-store" in opened.headers["cache-control"]
    assert opened.headers["access-control-allow-origin"] == "*"
    assert "content-length" not in opened.headers
    assert await opened.next() == b":)\n\n"
    post = await api.publish(ada, "two\nlines")
    event, status = await opened.event()
    assert (event, status["id"]) == ("update", str(post.id))
    await api.post("/api/v2/filters", await api.token(ben), json={"title": "Tea", "context": ["home"]})
    assert await opened.event() == ("filters_changed", None)
    assert hub(api.app).figures() == {"websocket": 0, "eventsource": 1, "sent": 2}
    await opened.leave()
    assert len(hub(api.app)) == 0


async def test_a_heartbeat_comes_as_an_event_of_its_own(api: Api, ada: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedi.mastodon.streaming.hub.THUMP", 0.02)
    opened = await Events(api).open("public", await api.token(ada))
    assert [await opened.next(), await opened.next(), await opened.next()] == [b":)\n\n", b":thump\n\n", b":thump\n\n"]
    await opened.leave()


@pytest.mark.parametrize(
    ("path", "query", "key"),
    [
        ("user", "", "user"), ("user/notification", "", "user:notification"), ("direct", "", "direct"),
        ("public", "", "public"), ("public/local", "", "public:local"), ("public/remote", "", "public:remote"),
        ("public", "only_media=true", "public:media"), ("public/local", "only_media=1", "public:local:media"),
        ("public/remote", "only_media=on", "public:remote:media"), ("public", "only_media=false", "public"),
        ("hashtag", "tag=Tea", "hashtag"), ("hashtag/local", "tag=Tea", "hashtag:local"), ("user/", "", "user"),
    ],
)  # fmt: skip
async def test_every_stream_has_an_address(api: Api, ada: Actor, path: str, query: str, key: str) -> None:
    opened = await Events(api).open(path, await api.token(ada), query)
    assert opened.status == 200
    assert [name for name, known in hub(api.app)._streams.items() if known] == [key]
    await opened.leave()


async def test_a_list_by_its_id(api: Api, ada: Actor, ben: Actor) -> None:
    mine = await api.site.db.write(lambda tx: lists.create(tx, api.site, ada, "Friends"))
    opened = await Events(api).open("list", await api.token(ada), f"list={mine.id}")
    assert opened.status == 200
    await opened.leave()
    answer = await api.get(f"/api/v1/streaming/list?list={mine.id}", await api.token(ben))
    assert (answer.status, answer.error) == (401, "Not authorized to stream this list")


async def test_refusals_are_mastodons(api: Api, ada: Actor) -> None:
    token = await api.token(ada, "write")
    for path, who, status, error in (
        ("user", None, 401, "Missing access token"),
        ("public", None, 401, "Missing access token"),
        ("user", "nonsense", 401, "Invalid access token"),
        ("user", await api.token(None), 401, "Invalid access token"),
        ("user", token, 401, "Access token does not have the required scopes"),
        ("hashtag", token, 400, "Missing tag name parameter"),
        ("nothing", token, 404, "Not found"),
    ):
        answer = await api.get(f"/api/v1/streaming/{path}", who)
        assert (answer.status, answer.error) == (status, error), path
        assert answer.headers["access-control-allow-origin"] == "*"


async def test_health_needs_no_token(api: Api) -> None:
    answer = await api.get("/api/v1/streaming/health")
    assert (answer.status, answer.body) == (200, b"OK")
    assert answer.headers["content-type"].startswith("text/plain")


async def test_a_revoked_token_and_the_end_of_the_server_end_it(api: Api, ada: Actor, ben: Actor) -> None:
    first, second = (
        await Events(api).open("user", await api.token(ada)),
        await Events(api).open("user", await api.token(ben)),
    )
    await api.site.db.write(lambda tx: apps.revoke(tx, api.site.clock(), person_id=ada.id))
    assert first.task is not None
    await asyncio.wait_for(first.task, 5)
    assert (first.ended, second.ended) == (True, False)
    await hub(api.app).close()
    assert second.task is not None
    await asyncio.wait_for(second.task, 5)
    assert second.ended
    assert (await api.get("/api/v1/streaming/user", await api.token(ben))).status == 503


async def test_announcements_are_told_to_everyone(api: Api, ada: Actor, ben: Actor) -> None:
    first, second = (
        await Events(api).open("user", await api.token(ada)),
        await Events(api).open("user", await api.token(ben)),
    )
    assert await first.next() == await second.next() == b":)\n\n"
    made = await api.site.db.write(lambda tx: announcements.create(tx, api.site, "Closed on Friday", publish_now=True))
    for one in (first, second):
        event, told = await one.event()
        assert (event, told["id"], told["content"]) == ("announcement", str(made.id), "<p>Closed on Friday</p>")
    await api.site.db.write(lambda tx: announcements.react(tx, api.site, ben, made, "🎉"))
    told = {"name": "🎉", "count": 1, "announcement_id": str(made.id)}
    assert await first.event() == ("announcement.reaction", told)
    await api.site.db.write(lambda tx: announcements.end(tx, api.site, made.id))
    assert await first.event() == ("announcement.delete", made.id)
    for one in (first, second):
        await one.leave()


async def test_figures_for_the_operator(api: Api, ada: Actor) -> None:
    opened = await Events(api).open("public", await api.token(ada))
    await api.publish(ada, "counted")
    assert await opened.next() == b":)\n\n"
    await opened.event()
    body = (await api.get("/metrics")).body.decode()
    assert 'fedi_streams{kind="eventsource"} 1.0' in body
    assert 'fedi_streams{kind="websocket"} 0.0' in body
    assert "fedi_streams_sent 1.0" in body
    await opened.leave()
