"""Polls through the client API: begun with a status, voted in, ended; as Mastodon's entity has them."""

from typing import Any

import pytest

from fedi.worker import loop
from storage import polls
from storage.actors import Actor
from tests.conftest import Clock
from tests.fedi.mastodon.conftest import Api

POLL: dict[str, Any] = {"options": ["tea", "coffee"], "expires_in": 3600}


async def begun(api: Api, token: str, **more: Any) -> Any:
    """A status with a poll."""
    answer = await api.post("/api/v1/statuses", token, json={"status": "What?", "poll": POLL | more})
    assert answer.status == 200, answer.body
    return answer.json


async def test_a_poll_from_beginning_to_end(api: Api, ada: Actor, ben: Actor, clock: Clock) -> None:
    mine, his = await api.token(ada), await api.token(ben)
    status = await begun(api, mine)
    poll = status["poll"]
    assert (poll["id"], poll["multiple"], poll["expired"], poll["emojis"]) == (status["id"], False, False, [])
    assert poll["options"] == [{"title": "tea", "votes_count": 0}, {"title": "coffee", "votes_count": 0}]
    # Its author sees the result, not the choice.
    assert (poll["voted"], poll["own_votes"]) == (True, [])
    shown = (await api.get(f"/api/v1/polls/{poll['id']}", his)).json
    assert (shown["voted"], shown["own_votes"]) == (False, [])
    voted = (await api.post(f"/api/v1/polls/{poll['id']}/votes", his, form={"choices[]": "1"})).json
    assert (voted["voted"], voted["own_votes"], voted["votes_count"], voted["voters_count"]) == (True, [1], 1, 1)
    assert [one["votes_count"] for one in voted["options"]] == [0, 1]
    # What was rendered before the vote is not shown after it; and nobody without a token has voted.
    open_to_all = (await api.get(f"/api/v1/statuses/{status['id']}")).json["poll"]
    assert open_to_all["votes_count"] == 1
    assert "voted" not in open_to_all
    assert "own_votes" not in open_to_all
    again = await api.post(f"/api/v1/polls/{poll['id']}/votes", his, form={"choices[]": "0"})
    assert again.status == 422
    clock.pass_(seconds=3700)
    late = await api.post(
        f"/api/v1/polls/{poll['id']}/votes", await api.token(await api.person("chi")), json={"choices": [0]}
    )
    assert late.status == 422
    while await loop.step(api.site):
        pass
    assert (await api.get(f"/api/v1/polls/{poll['id']}")).json["expired"] is True
    told = (await api.get("/api/v1/notifications?types[]=poll", his)).json
    assert [(one["type"], one["status"]["id"]) for one in told] == [("poll", status["id"])]
    told = (await api.get("/api/v1/notifications?types[]=poll", mine)).json
    assert [(one["type"], one["account"]["id"]) for one in told] == [("poll", str(ada.id))]


async def test_several_choices(api: Api, ada: Actor, ben: Actor) -> None:
    status = await begun(api, await api.token(ada), multiple=True)
    voted = await api.post(f"/api/v1/polls/{status['id']}/votes", await api.token(ben), json={"choices": ["0", 1, 1]})
    assert voted.json["own_votes"] == [0, 1]
    assert (voted.json["votes_count"], voted.json["voters_count"]) == (2, 1)


@pytest.mark.parametrize("choices", [[], [2], [-1], [0, 1], ["tea"], [10**30]])
async def test_votes_that_do_not_count(api: Api, ada: Actor, ben: Actor, choices: list[Any]) -> None:
    status = await begun(api, await api.token(ada))
    answer = await api.post(f"/api/v1/polls/{status['id']}/votes", await api.token(ben), json={"choices": choices})
    assert answer.status == 422
    assert await api.site.db.read(lambda tx: polls.chosen(tx, [int(status["id"])], ben.id)) == {}


async def test_a_poll_is_seen_by_who_sees_its_post(api: Api, ada: Actor, ben: Actor) -> None:
    mine, his = await api.token(ada), await api.token(ben)
    answer = await api.post("/api/v1/statuses", mine, json={"status": "?", "poll": POLL, "visibility": "private"})
    hidden = answer.json["id"]
    for path in (f"/api/v1/polls/{hidden}", f"/api/v1/statuses/{hidden}"):
        assert (await api.get(path, his)).status == 404
        assert (await api.get(path)).status == 404
    assert (await api.post(f"/api/v1/polls/{hidden}/votes", his, json={"choices": [0]})).status == 404
    plain = await api.publish(ada, "no poll")
    assert (await api.get(f"/api/v1/polls/{plain.id}", his)).status == 404
    assert (await api.post(f"/api/v1/polls/{plain.id}/votes", his, json={"choices": [0]})).status == 404
    reader = await api.token(ben, "read")
    assert (await api.post(f"/api/v1/polls/{hidden}/votes", reader, json={"choices": [0]})).status == 403


async def test_an_edit_keeps_the_poll(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    status = await begun(api, token)
    edited = await api.ask("PUT", f"/api/v1/statuses/{status['id']}", token, json={"status": "What now?", "poll": POLL})
    assert edited.status == 200
    assert (edited.json["content"], len(edited.json["poll"]["options"])) == ("<p>What now?</p>", 2)
    other = {"options": ["water"] * 2, "expires_in": 3600}
    changed = await api.ask("PUT", f"/api/v1/statuses/{status['id']}", token, json={"status": "x", "poll": other})
    assert (changed.status, changed.error) == (422, "Validation failed: Options contain duplicate items")


async def test_what_clients_may_offer(api: Api) -> None:
    for path in ("/api/v1/instance", "/api/v2/instance"):
        limits = (await api.get(path)).json["configuration"]["polls"]
        assert limits == {
            "max_options": 10,
            "max_characters_per_option": 100,
            "min_expiration": 300,
            "max_expiration": 366 * 24 * 3600,
        }
