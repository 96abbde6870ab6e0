"""Codes that become tokens, on both databases: what locks rows does so in two ways."""

import asyncio

from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api
from tests.fedi.mastodon.test_oauth import answered, exchanged, returned


async def test_a_code_used_twice_takes_its_token_back(api: Api, ada: Actor) -> None:
    code = returned(await answered(api, ada))["code"]
    token = (await exchanged(api, code)).json["access_token"]
    assert (await api.get("/api/v1/accounts/verify_credentials", token)).status == 200
    assert (await exchanged(api, code)).error == "invalid_grant"
    assert (await api.get("/api/v1/accounts/verify_credentials", token)).status == 401


async def test_a_code_used_twice_at_once_gives_at_most_one_token(api: Api, ada: Actor) -> None:
    code = returned(await answered(api, ada))["code"]
    answers = await asyncio.gather(*(exchanged(api, code) for _ in range(4)))
    assert sorted(one.status for one in answers) == [200, 400, 400, 400]
