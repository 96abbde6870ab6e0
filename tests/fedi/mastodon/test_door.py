"""The manners of the door: CORS, JSON errors, slashes, methods, limits; each row of the negative matrix that it decides."""

import logging
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from federation.errors import Unreachable
from fedi.errors import Forbidden
from fedi.limits import network
from fedi.mastodon import limits
from fedi.mastodon.door import Door
from storage.actors import Actor
from storage.database import StorageUnavailable
from tests.fedi.mastodon.conftest import Api


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite alone: nothing here depends on the database."""
    return sqlite_url


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/api/v9/instance", "/api/", "/oauth/nothing", "/api/v1/streaming/nothing"]
)
async def test_unknown_paths_are_json_with_cors(api: Api, path: str) -> None:
    answer = await api.get(path)
    assert answer.status == 404
    assert answer.error == "Not found"
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_streaming_without_an_upgrade_is_a_json_404(api: Api) -> None:
    answer = await api.get("/api/v1/streaming?stream=user")
    assert answer.status == 404
    assert answer.error == "Not found"


@pytest.mark.parametrize(
    "path", ["/api/v1/instance/", "/api/v2/instance/", "/api/v1/timelines/public/", "/api/v2/search/?q="]
)
async def test_a_slash_at_the_end_is_the_same_route(api: Api, path: str) -> None:
    assert (await api.get(path)).status == 200


async def test_preflight_needs_no_token_and_allows_what_is_asked(api: Api) -> None:
    answer = await api.ask(
        "OPTIONS",
        "/api/v1/timelines/home",
        origin="https://app.example",
        access_control_request_method="POST",
        access_control_request_headers="authorization, idempotency-key",
    )
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "authorization, idempotency-key"
    assert {"GET", "POST", "PUT", "PATCH", "DELETE"} <= set(answer.headers["access-control-allow-methods"].split(", "))
    assert "access-control-allow-credentials" not in answer.headers


async def test_link_is_exposed_to_web_clients(api: Api, ada: Actor) -> None:
    await api.publish(ada, "one")
    answer = await api.get("/api/v1/timelines/public", origin="https://app.example")
    assert "Link" in answer.headers["access-control-expose-headers"].split(", ")
    assert answer.link("next") is not None


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/.well-known/oauth-authorization-server"])
async def test_cors_beyond_the_api(api: Api, path: str) -> None:
    answer = await api.ask("GET" if "well-known" in path else "POST", path)
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_the_authorise_page_is_for_nobody_elses_scripts(api: Api) -> None:
    answer = await api.get("/oauth/authorize?client_id=client")
    assert "access-control-allow-origin" not in answer.headers


async def test_a_wrong_method_says_which_are_right(api: Api) -> None:
    answer = await api.ask("DELETE", "/api/v1/instance")
    assert answer.status == 405
    assert answer.headers["allow"] == "GET"


async def test_put_and_patch_are_the_same(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    answer = await api.ask("PUT", "/api/v1/accounts/update_credentials", token, form={"display_name": "Ada L."})
    assert answer.json["display_name"] == "Ada L."


async def test_head_is_get_without_more(api: Api) -> None:
    assert (await api.ask("HEAD", "/api/v1/instance")).status == 200


async def test_rate_limit_headers_and_429(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ANONYMOUS", limits.Allowance(2, 300))
    first = await api.get("/api/v1/custom_emojis")
    assert (first.headers["x-ratelimit-limit"], first.headers["x-ratelimit-remaining"]) == ("2", "1")
    assert first.headers["x-ratelimit-reset"].endswith(".000Z")
    await api.get("/api/v1/custom_emojis")
    third = await api.get("/api/v1/custom_emojis")
    assert third.status == 429
    assert third.error == "Too many requests"
    assert third.headers["access-control-allow-origin"] == "*"


def test_windows_end_and_stay_few() -> None:
    windows = limits.Windows()
    small = limits.Allowance(1, 60)
    assert windows.count("a", small, 0).allowed
    assert not windows.count("a", small, 59_999).allowed
    assert windows.count("a", small, 60_000).allowed
    for number in range(100_100):
        windows.count(str(number), small, 60_000)
    assert len(windows._seen) <= 100_000


async def test_private_answers_are_not_cached(api: Api, ada: Actor) -> None:
    answer = await api.get("/api/v1/timelines/home", await api.token(ada))
    assert answer.headers["cache-control"] == "private, no-store"
    assert "Authorization" in answer.headers["vary"]


async def test_bodies_have_a_limit(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    answer = await api.post("/api/v1/statuses", token, json={"status": "x" * (1 << 20)})
    assert answer.status == 413
    huge = await api.post(
        "/api/v1/statuses", token, body=b"x" * (17 << 20), content_type="multipart/form-data; boundary=b"
    )
    assert huge.status == 413


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[1]"),
        ("application/json", b"[" * 100_000),
        ("application/json", b'{"status": "\xff"}'),
        ("application/json", b'{"a":' * 5000 + b"1" + b"}" * 5000),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: nonsense\r\n\r\nx\r\n--b--\r\n"),
        ("application/x-www-form-urlencoded", b"a=1&" * 5000),
    ],
)
async def test_bodies_that_cant_be_read(api: Api, ada: Actor, kind: str, body: bytes) -> None:
    answer = await api.post("/api/v1/statuses", await api.token(ada), body=body, content_type=kind)
    assert answer.status in (400, 422), answer.body
    assert answer.error


@pytest.mark.parametrize(
    ("problem", "status", "text"),
    [
        (StorageUnavailable("disk full"), 503, "database"),
        (Unreachable("beta.example does not answer"), 503, "Remote data"),
        (Forbidden("no"), 403, "no"),
        (ClientDisconnect(), 400, "broke off"),
        (KeyError("secret"), 500, "Something went wrong"),
    ],
)
async def test_whatever_happens_is_an_answer(
    api: Api, problem: Exception, status: int, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing(request: Request) -> Response:
        raise problem

    api.app.client_api = Door([Route("/api/v1/failing", failing)])
    with caplog.at_level(logging.CRITICAL):
        answer = await api.get("/api/v1/failing")
    assert answer.status == status
    assert text in answer.error
    assert "secret" not in answer.error
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_routes_that_contradict_each_other_are_told_at_the_start() -> None:
    async def nothing(request: Request) -> Response:
        return Response()

    with pytest.raises(ValueError, match="routed twice"):
        Door([Route("/api/a", nothing), Route("/api/a", nothing)])
    with pytest.raises(ValueError, match="is called"):
        Door([Route("/api/{id}/x", nothing), Route("/api/{name}/y", nothing)])


async def test_a_socket_elsewhere_is_refused_before_it_opens(api: Api) -> None:
    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        said.append(message["type"])

    await api.app({"type": "websocket", "path": "/api/v1/elsewhere", "headers": [], "app": api.app}, receive, send)
    assert said == ["websocket.close"]


def test_callers_count_by_network() -> None:
    assert network("192.0.2.7") == "192.0.2.7"
    # One machine has a whole /64 of IPv6, also where the network's address has zeros in it.
    assert network("2001:db8::1") == network("2001:db8::ffff:0:0:1")
    assert network("2001:db8:1:2:3:4:5:6") == network("2001:db8:1:2:ffff::1") != network("2001:db8:1:3::1")
