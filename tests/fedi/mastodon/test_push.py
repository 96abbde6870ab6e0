"""Web Push from end to end: a client subscribes, something happens, a push service on loopback gets it, an app reads it."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from federation.client import Client
from federation.hosts import Networks
from federation.transport import SocketTransport
from fedi.config import Config
from fedi.context import Site
from fedi.push import keys as push_keys
from fedi.push.encrypting import decode, encode
from fedi.worker import loop
from fedi.worker.pushing import TTL
from storage import apps, jobs, push
from storage.actors import Actor
from storage.apps import hashed
from storage.database import Database
from tests.conftest import Clock
from tests.fedi.mastodon.conftest import Api
from tests.fedi.push.browser import Browser
from tests.fedi.push.service import Service

KINDS = [
    "mention", "status", "reblog", "follow", "follow_request", "favourite", "poll", "update", "quote", "quoted_update",
    "admin.sign_up", "admin.report",
]  # fmt: skip


@pytest.fixture
async def site(config: Config, db: Database, clock: Clock) -> AsyncIterator[Site]:
    """An instance that can reach loopback."""
    networks = Networks(["127.0.0.0/8"])
    made = Site(config, db, Client(SocketTransport(networks), networks, "fedi-tests", clock), clock)
    yield made
    await made.client.close()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """A push service."""
    made = Service()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def silent() -> AsyncIterator[Service]:
    """A push service that hangs up without a word."""
    made = Service(silent=True)
    await made.start()
    yield made
    await made.stop()


def asked(browser: Browser, endpoint: str, *kinds: str, **more: Any) -> dict[str, Any]:
    keys = {"p256dh": browser.p256dh, "auth": browser.auth_text}
    policy = {"policy": more.pop("policy")} if "policy" in more else {}
    return {
        "subscription": {"endpoint": endpoint, "keys": keys, **more},
        "data": {"alerts": dict.fromkeys(kinds, True), **policy},
    }


async def waiting(api: Api) -> int:
    totals = await api.site.db.read(jobs.totals)
    return totals.get("due", 0) + totals.get("working", 0)


async def test_one_for_each_token(api: Api, ada: Actor, service: Service) -> None:
    one, other, browser = await api.token(ada), await api.token(ada), Browser.new()
    assert (await api.get("/api/v1/push/subscription", one)).status == 404
    assert (await api.ask("PUT", "/api/v1/push/subscription", one, json={})).status == 404
    body = asked(browser, service.endpoint("a"), "mention", "admin.sign_up", "nonsense", standard=True)
    made = await api.post("/api/v1/push/subscription", one, json=body)
    assert made.status == 200
    shown = made.json
    assert type(shown["id"]) is int
    assert 0 < shown["id"] < 1 << 31, "Tusky reads it as an Int"
    assert shown["endpoint"] == service.endpoint("a")
    assert shown["standard"] is True
    assert shown["alerts"] == {kind: kind in ("mention", "admin.sign_up") for kind in KINDS}
    assert shown["policy"] == "all"
    key = decode(shown["server_key"])
    assert len(key) == 65 and key[0] == 4  # noqa: PT018
    assert (await api.get("/api/v2/instance")).json["configuration"]["vapid"]["public_key"] == shown["server_key"]
    assert (await api.get("/api/v1/apps/verify_credentials", one)).json["vapid_key"] == shown["server_key"]
    assert (await api.get("/api/v1/push/subscription", one)).json == shown
    assert (await api.get("/api/v1/push/subscription", other)).status == 404

    again = (await api.post("/api/v1/push/subscription", one, json=asked(browser, service.endpoint("b"), "poll"))).json
    assert again["standard"] is False
    assert again["id"] != shown["id"]
    assert (await api.get("/api/v1/push/subscription", one)).json["endpoint"] == service.endpoint("b")

    changed = {"data": {"alerts": {"follow": "1", "poll": "0"}, "policy": "followed"}}
    for method in ("PUT", "PATCH"):
        put = (await api.ask(method, "/api/v1/push/subscription", one, json=changed)).json
        assert put["alerts"] == {kind: kind == "follow" for kind in KINDS}
        assert put["policy"] == "followed"
    assert (await api.ask("DELETE", "/api/v1/push/subscription", one)).json == {}
    assert (await api.get("/api/v1/push/subscription", one)).status == 404
    assert (await api.ask("DELETE", "/api/v1/push/subscription", one)).status == 200


async def test_forms_are_read_as_well(api: Api, ada: Actor, service: Service) -> None:
    browser = Browser.new()
    form = {
        "subscription[endpoint]": service.endpoint("a"),
        "subscription[keys][p256dh]": browser.p256dh + "=",
        "subscription[keys][auth]": browser.auth_text + "==",
        "data[alerts][mention]": "true",
        "data[alerts][admin.report]": "on",
        "data[alerts][follow]": "false",
        "data[policy]": "follower",
    }
    made = (await api.post("/api/v1/push/subscription", await api.token(ada), form=form)).json
    assert [kind for kind, on in made["alerts"].items() if on] == ["mention", "admin.report"]
    assert (made["policy"], made["standard"]) == ("follower", False)


async def test_what_is_no_subscription(api: Api, ada: Actor, site: Site) -> None:
    token, browser = await api.token(ada), Browser.new()
    good = asked(browser, "https://push.example/1", "mention")

    async def refused(change: Callable[[dict[str, Any]], object]) -> None:
        body = msgspec.json.decode(msgspec.json.encode(good))
        change(body)
        answer = await api.post("/api/v1/push/subscription", token, json=body)
        assert answer.status == 422, (body, answer.body)

    for endpoint in (
        "",
        "x",
        "ftp://push.example/",
        "https://",
        "https://u:p@push.example/",
        "https://10.0.0.1/x",
        "https://[::1]/",
    ):
        await refused(lambda body, endpoint=endpoint: body["subscription"].update(endpoint=endpoint))  # type: ignore[misc]
    for p256dh in ("", "AAAA", encode(bytes(65)), browser.auth_text):
        await refused(lambda body, p256dh=p256dh: body["subscription"]["keys"].update(p256dh=p256dh))  # type: ignore[misc]
    await refused(lambda body: body["subscription"]["keys"].update(auth=encode(bytes(12))))
    await refused(lambda body: body["subscription"].pop("keys"))
    await refused(lambda body: body.pop("subscription"))
    await refused(lambda body: body.update(subscription="x"))
    await refused(lambda body: body["data"].update(policy="nobody"))
    await refused(lambda body: body["data"].update(alerts=["mention"]))
    assert (await api.get("/api/v1/push/subscription", token)).status == 404
    narrow = await api.token(ada, "read write follow")
    for method in ("POST", "GET", "PUT", "DELETE"):
        answer = await api.ask(method, "/api/v1/push/subscription", narrow, json=None if method == "GET" else good)
        assert (answer.status, answer.error) == (403, "This action is outside the authorized scopes")
        assert (
            await api.ask(method, "/api/v1/push/subscription", None, json=None if method == "GET" else good)
        ).status in (401, 422)
    assert (await api.post("/api/v1/push/subscription", await api.token(None), json=good)).status == 422


async def test_without_private_networks_an_endpoint_is_https_and_public(api: Api, ada: Actor) -> None:
    api.site.client.networks = Networks()
    token, browser = await api.token(ada), Browser.new()
    for endpoint in ("http://push.example/1", "https://push.example:8443/1", "https://push/1", "http://127.0.0.1:1/x"):
        assert (await api.post("/api/v1/push/subscription", token, json=asked(browser, endpoint))).status == 422
    assert (
        await api.post("/api/v1/push/subscription", token, json=asked(browser, "https://push.example/1"))
    ).status == 200


@pytest.mark.parametrize("standard", [True, False])
async def test_an_app_reads_what_is_pushed(
    api: Api, ada: Actor, ben: Actor, service: Service, clock: Clock, standard: bool
) -> None:
    token, browser = await api.token(ada), Browser.new()
    body = asked(browser, service.endpoint("a"), "mention", "follow", standard=standard)
    key = (await api.post("/api/v1/push/subscription", token, json=body)).json["server_key"]
    await api.publish(ben, "@ada " + "Grüße & <b> " * 40)
    while await loop.step(api.site):
        pass
    [message] = service.got
    [news] = (await api.get("/api/v1/notifications", token)).json
    read = message.read(browser)
    assert {**read, "body": None} == {
        "access_token": token,
        "preferred_locale": "en",
        "notification_id": news["id"],
        "notification_type": "mention",
        "icon": news["account"]["avatar_static"],
        "title": "ben mentioned you",
        "body": None,
    }
    assert read["body"].startswith("@ada Grüße & <b> Grüße")
    assert len(read["body"]) == 140
    headers = message.headers
    assert message.path == "/send/a"
    assert headers["ttl"] == str(TTL)
    assert headers["urgency"] == "normal"
    assert headers["content-type"] == "application/octet-stream"
    if standard:
        assert headers["authorization"].startswith("vapid t=")
        assert headers["authorization"].endswith(f",k={key}")
        jwt = headers["authorization"].removeprefix("vapid t=").partition(",")[0]
    else:
        assert headers["authorization"].startswith("WebPush ")
        assert headers["crypto-key"].startswith("dh=")
        assert headers["crypto-key"].endswith(f";p256ecdsa={key}")
        jwt = headers["authorization"].removeprefix("WebPush ")
    claims = msgspec.json.decode(decode(jwt.split(".")[1]))
    assert claims["aud"] == f"http://127.0.0.1:{service.port}"
    assert clock.at // 1000 < claims["exp"] <= clock.at // 1000 + 24 * 3600
    # The app reads the notification with the token that it got.
    assert (await api.get(f"/api/v1/notifications/{read['notification_id']}", read["access_token"])).json == news

    await api.publish(ben, "@ada psst", visibility="direct")
    await loop.step(api.site)
    assert service.got[-1].headers["urgency"] == "high"
    assert await waiting(api) == 0


async def test_only_what_was_asked_for_is_pushed(api: Api, ada: Actor, ben: Actor, service: Service) -> None:
    browser = Browser.new()
    tokens = {}
    for policy in ("all", "followed", "follower", "none"):
        tokens[policy] = await api.token(ada)
        body = asked(browser, service.endpoint(policy), "favourite", policy=policy, standard=True)
        assert (await api.post("/api/v1/push/subscription", tokens[policy], json=body)).status == 200
    chi = await api.person("chi")
    await api.follow(ada, ben)
    await api.follow(chi, ada)
    post = await api.publish(ada, "mine")
    for who in (ben, chi):
        theirs = await api.token(who)
        await api.post(f"/api/v1/statuses/{post.id}/favourite", theirs)
        await api.post(f"/api/v1/statuses/{post.id}/reblog", theirs)
    while await loop.step(api.site):
        pass
    got = sorted((one.path.rpartition("/")[2], one.read(browser)["title"].split()[0]) for one in service.got)
    assert got == [("all", "ben"), ("all", "chi"), ("followed", "ben"), ("follower", "chi")]


async def test_what_is_wanted_no_more_when_it_is_to_be_sent(
    api: Api, ada: Actor, ben: Actor, service: Service, clock: Clock
) -> None:
    token, browser, theirs = await api.token(ada), Browser.new(), await api.token(ben)
    subscribe = asked(browser, service.endpoint("a"), "favourite", "mention", standard=True)

    async def fresh() -> str:
        await api.post("/api/v1/push/subscription", token, json=subscribe)
        post = await api.publish(ada, "mine")
        await api.post(f"/api/v1/statuses/{post.id}/favourite", theirs)
        assert await waiting(api) == 1
        return str(post.id)

    async def nothing_comes() -> None:
        while await loop.step(api.site):
            pass
        assert service.got == []
        assert await waiting(api) == 0

    await fresh()
    await api.post("/api/v1/notifications/clear", token)
    await nothing_comes()
    status = await fresh()
    await api.post(f"/api/v1/statuses/{status}/unfavourite", theirs)
    await nothing_comes()
    status = await fresh()
    await api.ask("DELETE", f"/api/v1/statuses/{status}", token)
    await nothing_comes()
    await fresh()
    await api.ask("PUT", "/api/v1/push/subscription", token, json={"data": {"alerts": {"mention": True}}})
    await nothing_comes()
    await fresh()
    await api.ask("DELETE", "/api/v1/push/subscription", token)
    await nothing_comes()
    await fresh()
    clock.pass_(seconds=TTL + 1)
    await nothing_comes()
    await fresh()
    await api.site.db.write(lambda tx: apps.revoke(tx, api.site.clock(), token_hash=hashed(token)))
    await nothing_comes()
    kept = await api.site.db.read(lambda tx: tx.execute(select(push.subscriptions.c.id)).all())
    assert kept == [], "with the token goes where it was sent to"


@pytest.mark.parametrize("status", [400, 403, 404, 410, 413])
async def test_a_refusal_that_lasts_ends_the_subscription(
    api: Api, ada: Actor, ben: Actor, service: Service, status: int
) -> None:
    token, browser = await api.token(ada), Browser.new()
    await api.post("/api/v1/push/subscription", token, json=asked(browser, service.endpoint("a"), "follow"))
    service.answers.append((status, ""))
    await api.follow(ben, ada)
    await loop.step(api.site)
    assert len(service.got) == 1
    assert await waiting(api) == 0
    assert (await api.get("/api/v1/push/subscription", token)).status == 404


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [(429, "retry-after: 120\r\n", 120), (503, "retry-after: 5\r\n", 5), (500, "", 30), (408, "", 30), (307, "", 30)],
)
async def test_a_service_that_can_not_now_is_asked_again(
    api: Api, ada: Actor, ben: Actor, service: Service, clock: Clock, status: int, header: str, seconds: int
) -> None:
    token, browser = await api.token(ada), Browser.new()
    await api.post(
        "/api/v1/push/subscription", token, json=asked(browser, service.endpoint("a"), "follow", standard=True)
    )
    service.answers.append((status, header))
    await api.follow(ben, ada)
    await loop.step(api.site)
    clock.pass_(seconds=seconds - 2)
    await loop.step(api.site)
    assert len(service.got) == 1, "too soon"
    clock.pass_(seconds=3)
    await loop.step(api.site)
    assert len(service.got) == 2
    assert service.got[1].read(browser)["notification_type"] == "follow"
    assert int(service.got[1].headers["ttl"]) <= TTL - seconds
    assert await waiting(api) == 0
    [kept] = await api.site.db.read(lambda tx: push.of_person(tx, ada.id))
    assert kept.failures == 0


async def test_it_is_given_up_when_it_is_worth_nothing_any_more(
    api: Api, ada: Actor, ben: Actor, service: Service, clock: Clock
) -> None:
    token, browser = await api.token(ada), Browser.new()
    await api.post("/api/v1/push/subscription", token, json=asked(browser, service.endpoint("a"), "follow"))
    await api.follow(ben, ada)
    for _ in range(60):
        service.answers.append((500, ""))
        await loop.step(api.site)
        clock.pass_(seconds=3600)
    assert await waiting(api) == 0
    assert 15 < len(service.got) < 40, "every some hours, twice as late each time"
    assert (await api.get("/api/v1/push/subscription", token)).status == 200


async def test_a_silent_service_rests_and_holds_no_other(
    api: Api, ada: Actor, ben: Actor, service: Service, silent: Service, clock: Clock
) -> None:
    browser = Browser.new()
    for number in range(8):
        body = asked(browser, silent.endpoint(str(number)), "follow")
        await api.post("/api/v1/push/subscription", await api.token(ada), json=body)
    body = asked(browser, service.endpoint("a"), "follow", standard=True)
    await api.post("/api/v1/push/subscription", await api.token(ada), json=body)
    await api.follow(ben, ada)
    await loop.step(api.site)
    assert len(service.got) == 1
    assert await waiting(api) == 8
    assert api.site.pushes.running == {}
    assert list(api.site.pushes.resting) == [f"127.0.0.1:{silent.port}"]
    silent.silent = False
    clock.pass_(seconds=40)
    await loop.step(api.site)
    assert silent.got == [], "it rests a minute"
    for _ in range(30):
        clock.pass_(seconds=60)
        await loop.step(api.site)
    assert len(silent.got) == 8
    assert await waiting(api) == 0


async def test_what_waits_in_a_request_or_is_muted_is_not_pushed(
    api: Api, ada: Actor, ben: Actor, service: Service
) -> None:
    token, browser = await api.token(ada), Browser.new()
    body = asked(browser, service.endpoint("a"), "mention", standard=True)
    await api.post("/api/v1/push/subscription", token, json=body)
    await api.ask("PATCH", "/api/v2/notifications/policy", token, json={"for_not_following": "filter"})
    await api.publish(ben, "@ada one")
    while await loop.step(api.site):
        pass
    assert service.got == []
    [request] = (await api.get("/api/v1/notifications/requests", token)).json
    await api.post(f"/api/v1/notifications/requests/{request['id']}/accept", token)
    await api.publish(ben, "@ada two")
    await api.publish(ben, "@ada three")
    await api.post(f"/api/v1/accounts/{ben.id}/mute", token)
    while await loop.step(api.site):
        pass
    assert service.got == [], "muted between the notification and the push"


async def test_the_token_is_kept_sealed(api: Api, ada: Actor, ben: Actor, service: Service) -> None:
    token, other = await api.token(ada), await api.token(ada)
    for one in (token, other):
        await api.post("/api/v1/push/subscription", one, json=asked(Browser.new(), service.endpoint("a"), "follow"))
    first, second = await api.site.db.read(lambda tx: push.of_person(tx, ada.id))
    assert token not in str(first)
    assert hashed(token) not in str(first)

    def opened(sealed: str, token_id: int) -> Any:
        return api.site.db.read_now(lambda tx: push_keys.unseal(tx, api.site, sealed, token_id))

    assert {opened(one.access_token, one.token_id) for one in (first, second)} == {token, other}
    assert opened(first.access_token, second.token_id) is None, "it holds in its own row only"
    assert opened(first.access_token[:-4] + "AAAA", first.token_id) is None
    assert opened("", 1) is None
    # The pair is made once.
    before = api.site.db.read_now(lambda tx: push_keys.public(tx, api.site))
    await api.site.db.write(lambda tx: push_keys.ensure(tx, api.site))
    assert api.site.db.read_now(lambda tx: push_keys.public(tx, api.site)) == before
