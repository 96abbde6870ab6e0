"""Scheduled statuses: kept, put off, cancelled, published once with everything checked again, or given back with a reason."""

from datetime import UTC, datetime
from typing import Any

import pytest

from fedi.actions import posts, scheduled
from fedi.worker import loop
from fedi.worker.scheduled import publish_scheduled
from storage import posts as post_rows
from storage.actors import Actor
from tests.conftest import Clock
from tests.fedi.mastodon.conftest import Answer, Api

PATH = "/api/v1/scheduled_statuses"


def at(api: Api, seconds: int) -> str:
    """The time in so many seconds, as clients write it."""
    return datetime.fromtimestamp(api.site.clock() / 1000 + seconds, UTC).isoformat().replace("+00:00", "Z")


async def later(api: Api, token: str, seconds: int = 3600, key: str = "", **said: Any) -> Answer:
    """Schedule a post."""
    body = {"status": "later", "scheduled_at": at(api, seconds)} | said
    return await api.post("/api/v1/statuses", token, json=body, **({"idempotency_key": key} if key else {}))


async def work(api: Api) -> None:
    """Let the worker do what is due."""
    while await loop.step(api.site):
        pass


async def written(api: Api, token: str, person: Actor) -> list[Any]:
    """A person's statuses."""
    found: list[Any] = (await api.get(f"/api/v1/accounts/{person.id}/statuses", token)).json
    return found


async def test_it_is_published_when_it_is_time(api: Api, ada: Actor, clock: Clock) -> None:
    token = await api.token(ada)
    poll = {"options": ["a", "b"], "expires_in": 600, "multiple": True, "hide_totals": True}
    answer = await later(
        api, token, spoiler_text="cw", visibility="unlisted", language="de", poll=poll, quote_approval_policy="nobody"
    )
    assert answer.status == 200
    one = answer.json
    assert set(one) == {"id", "scheduled_at", "params", "media_attachments"}
    assert one["scheduled_at"].endswith("Z")
    params = one["params"]
    assert (params["text"], params["spoiler_text"], params["visibility"]) == ("later", "cw", "unlisted")
    assert (params["poll"], params["scheduled_at"], params["application_id"]) == (poll, None, api.client.id)
    assert await written(api, token, ada) == []
    assert (await api.get(f"{PATH}/{one['id']}", token)).json == one
    await work(api)
    assert await written(api, token, ada) == []
    clock.pass_(seconds=3601)
    await work(api)
    (status,) = await written(api, token, ada)
    assert (status["content"], status["spoiler_text"], status["visibility"]) == ("<p>later</p>", "cw", "unlisted")
    assert (status["language"], status["application"]["name"]) == ("de", "Tests")
    assert status["poll"]["multiple"] is True
    assert [each["votes_count"] for each in status["poll"]["options"]] == [None, None]
    # The poll begins when it is published.
    assert status["poll"]["expires_at"] > status["created_at"]
    assert (await api.get(PATH, token)).json == []
    assert (await api.get(f"{PATH}/{one['id']}", token)).status == 404


async def test_it_is_published_once_however_often_the_work_is_done(api: Api, ada: Actor, clock: Clock) -> None:
    token = await api.token(ada)
    one = (await later(api, token)).json
    clock.pass_(seconds=3601)
    for _ in range(3):  # a worker that died after the commit leaves its job to the next one
        await publish_scheduled(api.site, {"id": int(one["id"])})
    await work(api)
    assert len(await written(api, token, ada)) == 1


async def test_put_off_brought_forward_and_cancelled(api: Api, ada: Actor, clock: Clock) -> None:
    token = await api.token(ada)
    first, second = [(await later(api, token, status=text)).json["id"] for text in ("first", "second")]
    moved = await api.ask("PUT", f"{PATH}/{first}", token, form={"scheduled_at": at(api, 9000)})
    assert moved.status == 200
    assert (await api.ask("PUT", f"{PATH}/{first}", token, form={"scheduled_at": at(api, 100)})).status == 422
    assert (await api.ask("PUT", f"{PATH}/{first}", token, form={})).status == 422
    assert (await api.ask("DELETE", f"{PATH}/{second}", token)).json == {}
    clock.pass_(seconds=3601)
    await work(api)
    assert await written(api, token, ada) == []
    nearer = await api.ask("PUT", f"{PATH}/{first}", token, json={"scheduled_at": at(api, 400)})
    assert nearer.json["scheduled_at"] < moved.json["scheduled_at"]
    clock.pass_(seconds=401)
    await work(api)
    assert [one["content"] for one in await written(api, token, ada)] == ["<p>first</p>"]


@pytest.mark.parametrize(
    ("said", "status", "text"),
    [
        ({"scheduled_at": 200}, 422, "Validation failed: Scheduled at date must be in the future"),
        ({"scheduled_at": 300}, 422, "Validation failed: Scheduled at date must be in the future"),
        ({"scheduled_at": 10**10}, 422, "too far"),
        ({"scheduled_at": "tomorrow"}, 422, "Scheduled at is invalid"),
        ({"status": ""}, 422, "Text can't be blank"),
        ({"in_reply_to_id": "7"}, 404, "The post you answer"),
        ({"quoted_status_id": "7"}, 404, "Record not found"),
        ({"media_ids": ["7"]}, 422, "Media 7 not found"),
        ({"poll": {"options": ["a"], "expires_in": 600}}, 422, "more than one"),
        ({"visibility": "odd"}, 422, "Visibility"),
    ],
)
async def test_what_could_not_be_published_is_not_scheduled(
    api: Api, ada: Actor, said: dict[str, Any], status: int, text: str
) -> None:
    token = await api.token(ada)
    if isinstance(said.get("scheduled_at"), int):
        said = {"scheduled_at": at(api, said["scheduled_at"])}
    answer = await later(api, token, **said)
    assert answer.status == status
    assert text in answer.error
    assert (await api.get(PATH, token)).json == []
    assert await api.site.db.read(post_rows.local_total) == 0


async def test_a_time_that_is_over_means_now(api: Api, ada: Actor) -> None:
    answer = await later(api, await api.token(ada), -60)
    assert answer.json["content"] == "<p>later</p>"


async def test_limits(api: Api, ada: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    token = await api.token(ada)
    monkeypatch.setattr(scheduled, "MOST_A_DAY", 2)
    monkeypatch.setattr(scheduled, "MOST", 3)
    day = 24 * 3600
    ids = [(await later(api, token, 5 * day)).json["id"] for _ in range(2)]
    refused = await later(api, token, 5 * day)
    assert (refused.status, "limit of 2 scheduled posts for today" in refused.error) == (422, True)
    assert (await api.ask("PUT", f"{PATH}/{ids[0]}", token, json={"scheduled_at": at(api, 5 * day)})).status == 200
    assert (await later(api, token, 7 * day)).status == 200
    refused = await later(api, token, 9 * day)
    assert (refused.status, "limit of 3 scheduled posts" in refused.error) == (422, True)


async def test_pages_and_whose_they_are(api: Api, ada: Actor, ben: Actor) -> None:
    token, his = await api.token(ada), await api.token(ben)
    ids = [(await later(api, token, status=str(n))).json["id"] for n in range(3)]
    answer = await api.get(f"{PATH}?limit=2", token)
    assert [one["id"] for one in answer.json] == [ids[2], ids[1]]
    following = answer.link("next")
    assert following is not None
    assert [one["id"] for one in (await api.get(following, token)).json] == [ids[0]]
    assert [one["id"] for one in (await api.get(f"{PATH}?limit=1&min_id={ids[0]}", token)).json] == [ids[1]]
    for method in ("GET", "PUT", "DELETE"):
        assert (await api.ask(method, f"{PATH}/{ids[0]}", his, form={"scheduled_at": at(api, 999)})).status == 404
    assert (await api.get(PATH, his)).json == []
    reader = await api.token(ada, "read")
    assert (await api.ask("DELETE", f"{PATH}/{ids[0]}", reader)).status == 403


async def test_the_same_key_is_the_same_scheduled_post_and_then_its_post(api: Api, ada: Actor, clock: Clock) -> None:
    token = await api.token(ada)
    first = (await later(api, token, key="k")).json
    assert (await later(api, token, key="k")).json == first
    # Without a time, too: the same key never gives two posts.
    again = await api.post("/api/v1/statuses", token, json={"status": "later"}, idempotency_key="k")
    assert again.json == first
    assert len((await api.get(PATH, token)).json) == 1
    clock.pass_(seconds=3601)
    await work(api)
    (status,) = await written(api, token, ada)
    assert (await later(api, token, key="k")).json["id"] == status["id"]
    assert (await api.get(PATH, token)).json == []


async def test_what_cant_be_published_comes_back_with_the_reason(
    api: Api, ada: Actor, ben: Actor, clock: Clock
) -> None:
    token = await api.token(ada)
    parent = await api.publish(ben, "a question")
    answer = await later(api, token, status="@ben my long answer", in_reply_to_id=str(parent.id))
    one = answer.json
    await api.site.db.write(lambda tx: posts.delete(tx, api.site, parent, ben))
    clock.pass_(seconds=3601)
    await work(api)
    assert [each["id"] for each in (await api.get(PATH, token)).json] == [one["id"]]
    (told,) = (await api.get("/api/v1/conversations", token)).json
    assert told["unread"] is True
    assert told["last_status"]["visibility"] == "direct"
    assert "does not exist (any more)" in told["last_status"]["content"]
    assert "my long answer" in told["last_status"]["content"]
    # Whom it names hears nothing of it.
    assert told["last_status"]["mentions"] == []
    assert (await api.get("/api/v1/notifications", await api.token(ben))).json == []
    await work(api)
    assert len((await api.get("/api/v1/conversations", token)).json) == 1
    # Another time is another try.
    moved = await api.ask("PUT", f"{PATH}/{one['id']}", token, json={"scheduled_at": at(api, 600)})
    assert moved.status == 200
    clock.pass_(seconds=601)
    await work(api)
    assert len((await api.get("/api/v1/conversations", token)).json) == 2


async def test_the_rules_of_groups_hold_when_it_is_time(api: Api, ada: Actor, ben: Actor, clock: Clock) -> None:
    await api.group("closed", ben)
    token = await api.token(ada)
    refused = await later(api, token, status="@closed hello")
    assert refused.status == 403
    closed = (await api.get("/api/v1/accounts/lookup?acct=closed", token)).json
    await api.post(f"/api/v1/accounts/{closed['id']}/follow", token)
    assert (await later(api, token, status="@closed hello")).status == 200
    await api.post(f"/api/v1/accounts/{closed['id']}/unfollow", token)
    clock.pass_(seconds=3601)
    await work(api)
    assert [one for one in await written(api, token, ada) if one["visibility"] != "direct"] == []
    assert len((await api.get(PATH, token)).json) == 1
