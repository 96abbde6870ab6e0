"""Signing up through an app, where the operator lets people do so."""

from dataclasses import replace
from typing import Literal

import msgspec
import pytest

from fedi.app import build
from fedi.context import Site
from tests.fedi.mastodon.conftest import Api

SAID = {"username": "new", "email": "new@alpha.example", "password": "long enough", "agreement": "true", "locale": "en"}


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
    assert me.json["username"] == "new"
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
    assert (await api.get("/api/v1/accounts/lookup?acct=new")).status == 404
