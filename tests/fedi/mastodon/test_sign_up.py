"""Signing up through an app, where the operator lets people do so."""

import asyncio
import threading
import time
from dataclasses import replace
from typing import Literal

import msgspec
import pytest

from fedi.actions import people
from fedi.app import build
from fedi.context import Site
from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api

SAID = {
    "username": "nova",
    "email": "nova@alpha.example",
    "password": "long enough",
    "agreement": "true",
    "locale": "en",
}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite alone: registering is tested on both elsewhere."""
    return sqlite_url


def opened(api: Api, registrations: Literal["open", "approval"]) -> Api:
    """The same instance with sign-ups."""
    config = msgspec.structs.replace(api.site.config, registrations=registrations)
    site: Site = replace(api.site, config=config)
    return Api(build(config, site=site, worker=False), site, api.client)


async def test_a_new_person_gets_a_token(api: Api) -> None:
    api = opened(api, "open")
    robot = await api.token(None, "read write:accounts admin:write")
    token = (await api.post("/api/v1/accounts", robot, form=SAID)).json
    assert token["token_type"] == "Bearer"
    assert token["scope"] == "read write:accounts"
    me = await api.get("/api/v1/accounts/verify_credentials", token["access_token"])
    assert me.json["username"] == "nova"
    taken = await api.post("/api/v1/accounts", robot, form={**SAID, "email": "other@alpha.example"})
    assert taken.status == 422
    assert taken.json["details"]["username"][0]["error"] == "ERR_TAKEN"
    taken = await api.post("/api/v1/accounts", robot, form={**SAID, "username": "other"})
    assert taken.json["details"]["email"][0]["error"] == "ERR_TAKEN"


async def test_approval_comes_first(api: Api) -> None:
    api = opened(api, "approval")
    token = (await api.post("/api/v1/accounts", await api.token(None), json=SAID)).json["access_token"]
    answer = await api.get("/api/v1/timelines/home", token)
    assert (answer.status, answer.error) == (403, "Your login is currently pending approval")


async def test_who_waits_is_shown_to_those_who_decide_alone(api: Api, ada: Actor) -> None:
    """What somebody calls themselves is not on the university's pages, nor at its addresses, before they are let in."""
    api = opened(api, "approval")
    mod = await api.token(await api.person("mod", role="moderator"))
    hers = await api.token(ada)
    await api.post("/api/v1/accounts", await api.token(None), json=SAID | {"reason": "I study statistics"})
    [news] = (await api.get("/api/v1/notifications", mod)).json
    assert (news["type"], news["account"]["username"]) == ("admin.sign_up", "nova")
    number = news["account"]["id"]
    [waiting] = (await api.get("/api/v2/admin/accounts?status=pending", mod)).json
    assert (waiting["id"], waiting["suspended"], waiting["account"]["display_name"]) == (number, False, "nova")
    assert (waiting["invite_request"], waiting["confirmed"], waiting["approved"]) == (
        "I study statistics",
        False,
        False,
    )
    asked = [
        f"/api/v1/accounts/{number}",
        f"/api/v1/accounts/{number}/statuses",
        f"/api/v1/accounts/{number}/followers",
        "/api/v1/accounts/lookup?acct=nova",
        "/.well-known/webfinger?resource=acct:nova@alpha.example",
        "/people/nova",
        "/people/nova/followers",
        "/people/nova/affiliation",
        "/@nova",
    ]

    async def known() -> list[int]:
        activity = [await api.ask("GET", path, accept="application/activity+json") for path in asked[5:7]]
        return [*[(await api.get(path, None)).status for path in asked], *[one.status for one in activity]]

    assert set(await known()) == {404}
    assert (await api.get(f"/api/v1/accounts?id[]={number}")).json == []
    for act in ("follow", "block", "mute", "note", "pin"):
        assert (await api.post(f"/api/v1/accounts/{number}/{act}", hers)).status == 404, act
    for found in ("/api/v2/search?q=nova&type=accounts", "/api/v2/search?q=nova@alpha.example&resolve=true"):
        assert (await api.get(found, hers)).json["accounts"] == []
    assert (await api.get("/api/v1/directory?local=true&order=new")).json[0]["username"] != "nova"
    assert (await api.post(f"/api/v1/admin/accounts/{number}/approve", mod)).status == 200
    assert await known() == [*[200] * 7, 404, 302, 200, 200]  # of no affiliation there is no page


@pytest.mark.parametrize(
    ("change", "field", "error"),
    [
        ({"username": ""}, "username", "ERR_BLANK"),
        ({"password": ""}, "password", "ERR_BLANK"),
        ({"agreement": "false"}, "agreement", "ERR_ACCEPTED"),
        ({"username": "a b"}, "username", "ERR_INVALID"),
        ({"username": "admin"}, "username", "ERR_TAKEN"),
        ({"email": "nonsense"}, "email", "ERR_INVALID"),
        ({"password": "short"}, "password", "ERR_TOO_SHORT"),
    ],
)
async def test_what_is_wrong_is_named(api: Api, change: dict[str, str], field: str, error: str) -> None:
    api = opened(api, "open")
    answer = await api.post("/api/v1/accounts", await api.token(None), form={**SAID, **change})
    assert answer.status == 422
    assert answer.error.startswith("Validation failed")
    assert answer.json["details"][field][0]["error"] == error
    assert (await api.get("/api/v1/accounts/lookup?acct=nova")).status == 404


async def test_no_more_than_two_passwords_are_hashed_at_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes 64 MB."""
    api = opened(api, "open")
    robot = await api.token(None, "write:accounts")
    now, most, lock = 0, 0, threading.Lock()

    def slow(password: str) -> str:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.05)
        with lock:
            now -= 1
        return password

    monkeypatch.setattr(people, "hash_password", slow)
    said = [{**SAID, "username": f"new{n}", "email": f"n{n}@alpha.example"} for n in range(5)]
    answers = await asyncio.gather(*(api.post("/api/v1/accounts", robot, form=one) for one in said))
    assert {answer.status for answer in answers} == {200}
    assert most == 2
