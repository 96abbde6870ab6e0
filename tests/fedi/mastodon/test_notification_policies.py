"""Whom a person hears of at once, who waits in a request, who is dropped; and what accepting and dismissing do."""

from typing import Any

import pytest

from fedi.actions import people
from storage import actors, follows, peers
from storage.actors import Actor
from tests.conftest import Clock
from tests.fedi.mastodon.conftest import Api

POLICY = "/api/v2/notifications/policy"
REQUESTS = "/api/v1/notifications/requests"


async def set_policy(api: Api, token: str, **words: str) -> Any:
    answer = await api.ask("PATCH", POLICY, token, json=words)
    assert answer.status == 200, answer.body
    return answer.json


async def kinds(api: Api, token: str, query: str = "") -> list[str]:
    return [one["type"] for one in (await api.get(f"/api/v1/notifications?{query}", token)).json]


async def test_both_forms_of_the_policy(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    default = (await api.get(POLICY, token)).json
    assert default == {
        "for_not_following": "accept", "for_not_followers": "accept", "for_new_accounts": "accept",
        "for_private_mentions": "accept", "for_limited_accounts": "filter", "for_bots": "accept",
        "summary": {"pending_requests_count": 0, "pending_notifications_count": 0},
    }  # fmt: skip
    changed = await set_policy(api, token, for_not_following="filter", for_new_accounts="drop", for_bots="drop")
    assert changed == default | {"for_not_following": "filter", "for_new_accounts": "drop", "for_bots": "drop"}
    assert (await api.get(POLICY, token)).json == changed
    first = "/api/v1/notifications/policy"
    assert (await api.get(first, token)).json == {
        "filter_not_following": True, "filter_not_followers": False, "filter_new_accounts": True,
        "filter_private_mentions": False, "summary": default["summary"],
    }  # fmt: skip
    for method in ("PUT", "PATCH"):
        form = {"filter_not_following": "false", "filter_private_mentions": "true", "filter_new_accounts": "1"}
        shown = (await api.ask(method, first, token, form=form)).json
        assert (shown["filter_not_following"], shown["filter_private_mentions"]) == (False, True)
    now = (await api.get(POLICY, token)).json
    assert (now["for_not_following"], now["for_private_mentions"], now["for_new_accounts"]) == (
        "accept",
        "filter",
        "drop",
    )
    # The official Android app sends PUT.
    assert (await api.ask("PUT", POLICY, token, json={"for_bots": "accept"})).json["for_bots"] == "accept"
    assert (await api.ask("PATCH", POLICY, token, json={"for_bots": "maybe"})).status == 422
    assert (await api.get(POLICY, token)).json["for_bots"] == "accept"
    narrow = await api.token(ada, "read:statuses write:statuses")
    assert (await api.get(POLICY, narrow)).status == 403
    assert (await api.ask("PATCH", POLICY, narrow, json={})).status == 403
    assert (await api.get(POLICY)).status == 401


async def test_strangers_wait_and_are_let_through(api: Api, ada: Actor, ben: Actor) -> None:
    token, theirs = await api.token(ada), await api.token(ben)
    post = await api.publish(ada, "mine")
    await set_policy(api, token, for_not_following="filter")
    first = await api.publish(ben, "@ada one")
    second = await api.publish(ben, "@ada two")
    await api.post(f"/api/v1/statuses/{post.id}/favourite", theirs)
    assert await kinds(api, token) == []
    assert (await api.get("/api/v2/notifications", token)).json["notification_groups"] == []
    assert (await api.get("/api/v1/notifications/unread_count", token)).json == {"count": 0}
    assert await kinds(api, token, "include_filtered=true") == ["favourite", "mention", "mention"]
    assert await kinds(api, token, f"account_id={ben.id}") == ["favourite", "mention", "mention"]
    assert (await api.get(POLICY, token)).json["summary"] == {
        "pending_requests_count": 1,
        "pending_notifications_count": 3,
    }
    [request] = (await api.get(REQUESTS, token)).json
    assert request["notifications_count"] == "3"
    assert request["account"]["id"] == str(ben.id)
    assert request["last_status"]["id"] == str(second.id)
    assert (await api.get(f"{REQUESTS}/{request['id']}", token)).json == request
    assert (await api.get(REQUESTS, theirs)).json == []
    assert (await api.get(f"{REQUESTS}/{request['id']}", theirs)).status == 404
    for action in ("accept", "dismiss"):
        assert (await api.post(f"{REQUESTS}/{request['id']}/{action}", theirs)).status == 404

    assert (await api.post(f"{REQUESTS}/{request['id']}/accept", token)).json == {}
    assert (await api.get(f"{REQUESTS}/merged", token)).json == {"merged": True}
    assert await kinds(api, token) == ["favourite", "mention", "mention"]
    assert (await api.get(REQUESTS, token)).json == []
    assert (await api.post(f"{REQUESTS}/{request['id']}/accept", token)).status == 404
    await api.publish(ben, "@ada three")
    assert await kinds(api, token) == ["mention", "favourite", "mention", "mention"], "later ones come at once"
    assert first.id < second.id


async def test_dismissed_ones_go_and_later_ones_wait_again(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    await set_policy(api, token, for_not_following="filter")
    await api.publish(ben, "@ada one")
    [request] = (await api.get(REQUESTS, token)).json
    assert (await api.post(f"{REQUESTS}/{request['id']}/dismiss", token)).json == {}
    assert await kinds(api, token, "include_filtered=true") == []
    await api.publish(ben, "@ada two")
    [again] = (await api.get(REQUESTS, token)).json
    assert (again["notifications_count"], again["id"] != request["id"]) == ("1", True)


async def test_a_request_goes_with_its_last_notification(api: Api, ada: Actor, ben: Actor) -> None:
    token, theirs = await api.token(ada), await api.token(ben)
    await set_policy(api, token, for_not_following="filter")
    post = await api.publish(ben, "@ada one")
    mine = await api.publish(ada, "mine")
    await api.post(f"/api/v1/statuses/{mine.id}/favourite", theirs)
    [before] = (await api.get(REQUESTS, token)).json
    await api.ask("DELETE", f"/api/v1/statuses/{post.id}", theirs)
    [request] = (await api.get(REQUESTS, token)).json
    assert (request["notifications_count"], request["id"]) == ("1", before["id"])
    await api.post(f"/api/v1/statuses/{mine.id}/unfavourite", theirs)
    assert (await api.get(REQUESTS, token)).json == []
    assert (await api.get(f"{REQUESTS}/{request['id']}", token)).status == 404
    assert (await api.get(POLICY, token)).json["summary"]["pending_requests_count"] == 0
    await api.post(f"/api/v1/statuses/{mine.id}/favourite", theirs)
    [fresh] = (await api.get(REQUESTS, token)).json
    assert fresh["id"] != before["id"]
    assert fresh["created_at"] > before["created_at"]


async def test_several_at_once_and_in_pages(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    await set_policy(api, token, for_not_following="filter")
    for number in range(5):
        await api.publish(await api.person(f"p{number}"), "@ada hello")
    page = await api.get(f"{REQUESTS}?limit=2", token)
    assert [one["account"]["username"] for one in page.json] == ["p4", "p3"]
    following = page.link("next")
    assert following is not None
    assert [one["account"]["username"] for one in (await api.get(following, token)).json] == ["p2", "p1"]
    ids = [one["id"] for one in page.json]
    assert (await api.post(f"{REQUESTS}/accept", token, form={"id[]": [*ids, "7"]})).json == {}
    assert await kinds(api, token) == ["mention", "mention"]
    left = [one["id"] for one in (await api.get(REQUESTS, token)).json]
    assert len(left) == 3
    assert (await api.post(f"{REQUESTS}/dismiss", token, json={"id": left})).json == {}
    assert (await api.get(REQUESTS, token)).json == []
    assert (await api.post(f"{REQUESTS}/accept", token)).json == {}
    assert await kinds(api, token, "include_filtered=1") == ["mention", "mention"]


@pytest.mark.parametrize("word", ["filter", "drop"])
@pytest.mark.parametrize(
    "about",
    [
        "for_not_following",
        "for_not_followers",
        "for_new_accounts",
        "for_private_mentions",
        "for_limited_accounts",
        "for_bots",
    ],
)
async def test_whom_each_part_is_about(api: Api, ada: Actor, clock: Clock, about: str, word: str) -> None:
    """Everyone mentions ada once: whom a part is about does not come through, everyone else does."""
    token = await api.token(ada)
    names = ("stranger", "followed", "follower", "recent", "old", "bot", "limited")
    who = {name: await api.person(name) for name in names}
    await api.follow(who["follower"], ada)
    clock.pass_(days=4)
    await api.follow(ada, who["followed"])
    await api.follow(who["recent"], ada)

    def arrange(tx: Any) -> None:
        actors.change(tx, who["old"].id, created_at=clock.at - 40 * 86_400_000)
        actors.change(tx, who["bot"].id, kind="Service")
        actors.change(tx, who["limited"].id, host="far.example")
        peers.meet(tx, "far.example", clock.at)
        peers.change(tx, "far.example", stance="limited")

    await api.site.db.write(arrange)
    everyone_else = {"for_not_following": "accept", "for_not_followers": "accept", "for_new_accounts": "accept",
                     "for_private_mentions": "accept", "for_limited_accounts": "accept", "for_bots": "accept"}  # fmt: skip
    await set_policy(api, token, **everyone_else | {about: word})
    await api.post("/api/v1/notifications/clear", token)
    for name in names:
        found = await api.site.db.read(lambda tx, name=name: actors.by_id(tx, who[name].id))  # type: ignore[misc]
        assert found is not None
        visibility = "direct" if about == "for_private_mentions" else "public"
        await api.publish(found, "@ada hello", visibility=visibility)
    heard = {one["account"]["username"] for one in (await api.get("/api/v1/notifications", token)).json}
    expected = {
        "for_not_following": {"followed"},
        "for_not_followers": {"follower"},
        "for_new_accounts": {"old"},
        "for_private_mentions": {"followed"},
        "for_limited_accounts": set(names) - {"limited"},
        "for_bots": set(names) - {"bot"},
    }[about]
    assert heard == expected
    waiting = {one["account"]["username"] for one in (await api.get(REQUESTS, token)).json}
    assert waiting == (set(names) - expected if word == "filter" else set())


async def test_an_answer_to_a_private_word_is_wanted(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    await set_policy(api, token, for_private_mentions="drop")
    word = await api.publish(ada, "@ben hello", visibility="direct")
    await api.publish(ben, "@ada yes?", visibility="direct", reply_to_id=word.id)
    assert await kinds(api, token) == ["mention"]
    await api.publish(ben, "@ada and another thing", visibility="direct")
    assert await kinds(api, token) == ["mention"]
    await api.publish(ben, "@ada in public")
    assert await kinds(api, token) == ["mention", "mention"]


async def test_the_strictest_word_counts_and_staff_comes_through(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    await set_policy(api, token, for_not_following="filter", for_new_accounts="drop")
    await api.publish(ben, "@ada one")
    assert await kinds(api, token, "include_filtered=true") == []
    mod = await api.person("mod", role="moderator")
    await api.publish(mod, "@ada a word, please")
    assert await kinds(api, token) == ["mention"]
    post = await api.publish(ada, "mine")
    await api.post(f"/api/v1/statuses/{post.id}/favourite", await api.token(mod))
    assert await kinds(api, token) == ["mention"], "by a mention only"


async def test_what_no_policy_is_about(api: Api, ada: Actor, ben: Actor) -> None:
    admin = await api.person("boss", role="admin")
    token = await api.token(admin)
    await set_policy(api, token, for_not_following="drop", for_not_followers="drop", for_new_accounts="drop")
    await api.site.db.write(lambda tx: people.signed_up(tx, api.site, ben))
    await api.post("/api/v1/reports", await api.token(ada), json={"account_id": str(ben.id), "comment": "spam"})
    assert await kinds(api, token) == ["admin.report", "admin.sign_up"]


async def test_blocks_mutes_and_threads(api: Api, ada: Actor, ben: Actor) -> None:
    token, theirs = await api.token(ada), await api.token(ben)
    chi = await api.person("chi")
    root = await api.publish(ada, "a thread")
    assert (await api.post(f"/api/v1/statuses/{root.id}/mute", token)).status == 200
    answer = await api.publish(ben, "@ada in it", reply_to_id=root.id)
    await api.publish(chi, "@ada deeper", reply_to_id=answer.id)
    await api.post(f"/api/v1/statuses/{root.id}/favourite", theirs)
    assert await kinds(api, token) == []
    await api.post(f"/api/v1/statuses/{root.id}/unmute", token)
    await api.publish(ben, "@ada again", reply_to_id=root.id)
    assert await kinds(api, token) == ["mention"]
    await api.post(f"/api/v1/accounts/{ben.id}/mute", token, form={"notifications": "true"})
    await api.publish(ben, "@ada muted")
    await api.post(f"/api/v1/accounts/{chi.id}/mute", token, form={"notifications": "false"})
    await api.publish(chi, "@ada muted, but heard")
    heard = [one["account"]["username"] for one in (await api.get("/api/v1/notifications", token)).json]
    assert heard.count("chi") == 1
    assert "muted" not in str(
        [one["status"]["content"] for one in (await api.get(f"/api/v1/notifications?account_id={ben.id}", token)).json]
    )
    await api.post(f"/api/v1/accounts/{chi.id}/block", token)
    assert "chi" not in [one["account"]["username"] for one in (await api.get("/api/v1/notifications", token)).json]
    assert await api.site.db.read(lambda tx: follows.find(tx, chi.id, ada.id)) is None
