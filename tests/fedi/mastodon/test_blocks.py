"""Blocks, of people and of groups: what ends, what is hidden from whom, and that nobody is told."""

import pytest

from fedi.actions import blocks
from fedi.errors import Invalid
from storage import follows, lists, notifications
from storage.actors import Actor
from storage.metadata import Tx
from storage.timelines import Page
from tests.fedi.mastodon.conftest import Api

pytestmark = pytest.mark.anyio


async def both(api: Api, ada: Actor, ben: Actor) -> tuple[str, str]:
    """The tokens of two people who follow each other."""
    await api.follow(ada, ben)
    await api.follow(ben, ada)
    return await api.token(ada), await api.token(ben)


async def relation(api: Api, token: str, other: Actor) -> dict[str, object]:
    """The Relationship of who has this token to another."""
    found = (await api.get(f"/api/v1/accounts/relationships?id[]={other.id}", token)).json
    assert len(found) == 1
    first: dict[str, object] = found[0]
    return first


async def test_a_block_ends_everything_between_the_two(api: Api, ada: Actor, ben: Actor) -> None:
    mine, theirs = await both(api, ada, ben)
    assert (await api.post(f"/api/v1/accounts/{ben.id}/endorse", mine)).json["endorsed"] is True
    made = (await api.post("/api/v1/lists", mine, json={"title": "friends"})).json
    added = await api.post(f"/api/v1/lists/{made['id']}/accounts", mine, json={"account_ids": [str(ben.id)]})
    assert added.status == 200
    post = await api.publish(ada, "hello")
    await api.post(f"/api/v1/statuses/{post.id}/favourite", theirs)
    assert {one["type"] for one in (await api.get("/api/v1/notifications", mine)).json} >= {"follow", "favourite"}

    answer = (await api.post(f"/api/v1/accounts/{ben.id}/block", mine)).json
    assert answer["id"] == str(ben.id)
    expected = {"blocking": True, "following": False, "followed_by": False, "endorsed": False, "blocked_by": False}
    assert {name: answer[name] for name in expected} == expected
    theirs_now = await relation(api, theirs, ada)
    assert (theirs_now["blocked_by"], theirs_now["following"], theirs_now["followed_by"]) == (True, False, False)

    assert (await api.get(f"/api/v1/lists/{made['id']}/accounts", mine)).json == []
    assert (await api.get("/api/v1/notifications", mine)).json == []
    for person in (ada, ben):
        shown = (await api.get(f"/api/v1/accounts/{person.id}", mine)).json
        assert (shown["followers_count"], shown["following_count"]) == (0, 0)
    # Nobody is told: what is new to them is nothing.
    assert {one["type"] for one in (await api.get("/api/v1/notifications", theirs)).json} <= {"follow"}
    assert (await api.post(f"/api/v1/accounts/{ben.id}/block", mine)).json["blocking"] is True
    assert (await api.post(f"/api/v1/accounts/{ben.id}/unblock", mine)).json["blocking"] is False
    assert (await relation(api, theirs, ada))["blocked_by"] is False
    assert (await api.get("/api/v1/blocks", mine)).json == []


async def test_a_request_to_follow_ends_too(api: Api, ada: Actor, ben: Actor) -> None:
    mine, theirs = await api.token(ada), await api.token(ben)
    await api.ask("PATCH", "/api/v1/accounts/update_credentials", mine, form={"locked": "true"})
    assert (await api.post(f"/api/v1/accounts/{ada.id}/follow", theirs)).json["requested"] is True
    assert len((await api.get("/api/v1/follow_requests", mine)).json) == 1
    await api.post(f"/api/v1/accounts/{ben.id}/block", mine)
    assert (await api.get("/api/v1/follow_requests", mine)).json == []
    assert (await relation(api, theirs, ada))["requested"] is False
    refused = await api.post(f"/api/v1/accounts/{ada.id}/follow", theirs)
    assert (refused.status, refused.error) == (403, "This action is not allowed")
    assert (await api.post(f"/api/v1/accounts/{ben.id}/follow", mine)).status == 403


async def test_whom_an_author_blocks_sees_nothing_of_them(api: Api, ada: Actor, ben: Actor) -> None:
    mine, theirs = await both(api, ada, ben)
    chi = await api.person("chi")
    post = await api.publish(ada, "a public word of ada #topic")
    direct = await api.publish(ada, "@ben a secret of ada", visibility="direct")
    answer = await api.publish(chi, "chi answers", reply_to_id=post.id)
    passed_on = await api.post(f"/api/v1/statuses/{post.id}/reblog", await api.token(chi))
    of_ada = await api.post(f"/api/v1/statuses/{answer.id}/reblog", mine)
    await api.follow(ben, chi)
    await api.post(f"/api/v1/accounts/{ben.id}/block", mine)

    for status_id in (post.id, direct.id, passed_on.json["id"], of_ada.json["id"]):
        found = await api.get(f"/api/v1/statuses/{status_id}", theirs)
        assert (found.status, found.error) == (404, "Record not found"), status_id
    for path in ("favourite", "reblog", "bookmark"):
        assert (await api.post(f"/api/v1/statuses/{post.id}/{path}", theirs)).status == 404
    for path in (
        f"accounts/{ada.id}/statuses",
        f"accounts/{ada.id}/followers",
        f"accounts/{ada.id}/following",
        f"accounts/{ada.id}/endorsements",
        "timelines/tag/topic",
    ):
        assert (await api.get(f"/api/v1/{path}", theirs)).json == [], path
    for path in ("timelines/home", "timelines/public", f"accounts/{chi.id}/statuses", "notifications"):
        assert "of ada" not in (await api.get(f"/api/v1/{path}", theirs)).body.decode(), path
    above = (await api.get(f"/api/v1/statuses/{answer.id}/context", theirs)).json
    assert above["ancestors"] == []
    # The account itself is there, and everyone else sees what they saw.
    assert (await api.get(f"/api/v1/accounts/{ada.id}", theirs)).json["acct"] == "ada"
    assert (await api.get(f"/api/v1/statuses/{post.id}", await api.token(chi))).status == 200
    assert (await api.get(f"/api/v1/statuses/{post.id}")).status == 200


async def test_whom_one_blocks_is_not_read(api: Api, ada: Actor, ben: Actor) -> None:
    mine, _ = await both(api, ada, ben)
    chi = await api.person("chi")
    await api.follow(ada, chi)
    post = await api.publish(ben, "of ben")
    await api.post(f"/api/v1/statuses/{post.id}/reblog", await api.token(chi))
    await api.post(f"/api/v1/accounts/{ben.id}/block", mine)
    for path in ("timelines/home", "timelines/public", f"accounts/{chi.id}/statuses"):
        assert "of ben" not in (await api.get(f"/api/v1/{path}", mine)).body.decode(), path
    await api.post(f"/api/v1/statuses/{(await api.publish(ada, 'x')).id}/favourite", await api.token(ben))
    assert (await api.get("/api/v1/notifications", mine)).json == []


async def test_two_members_of_a_group(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    group = await api.group("maths", chi)
    for one in (ada, ben):
        await api.follow(one, group)
    post = await api.publish(ada, "@maths a proof")
    await api.post(f"/api/v1/accounts/{ben.id}/block", await api.token(ada))
    assert (await api.get(f"/api/v1/statuses/{post.id}", await api.token(ben))).status == 404
    assert "a proof" not in (await api.get(f"/api/v1/accounts/{group.id}/statuses", await api.token(ben))).body.decode()
    assert "a proof" in (await api.get(f"/api/v1/accounts/{group.id}/statuses", await api.token(chi))).body.decode()
    assert "a proof" in (await api.get(f"/api/v1/accounts/{group.id}/statuses")).body.decode()


async def test_blocking_a_group_is_leaving_it(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("maths", ben)
    await api.follow(ada, group)
    mine = await api.token(ada)
    await api.publish(ben, "@maths a proof")
    assert "a proof" in (await api.get("/api/v1/timelines/home", mine)).body.decode()
    answer = (await api.post(f"/api/v1/accounts/{group.id}/block", mine)).json
    assert (answer["blocking"], answer["following"]) == (True, False)
    assert "a proof" not in (await api.get("/api/v1/timelines/home", mine)).body.decode()
    followers = (await api.get(f"/api/v1/accounts/{group.id}/followers", await api.token(ben))).json
    assert [one["acct"] for one in followers] == ["ben"]
    assert [one["acct"] for one in (await api.get("/api/v1/blocks", mine)).json] == ["maths"]
    assert (await api.post(f"/api/v1/accounts/{group.id}/follow", mine)).status == 403


async def test_oneself_and_nobody(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    assert (await api.post(f"/api/v1/accounts/{ada.id}/block", token)).status == 422
    with pytest.raises(Invalid):
        await api.site.db.write(lambda tx: blocks.block(tx, api.site, ada, ada))
    for path in ("block", "unblock"):
        assert (await api.post(f"/api/v1/accounts/12345/{path}", token)).status == 404


async def test_the_list_has_pages(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    for number in range(5):
        one = await api.person(f"p{number}")
        await api.post(f"/api/v1/accounts/{one.id}/block", token)
    page = await api.get("/api/v1/blocks?limit=2", token)
    assert [one["acct"] for one in page.json] == ["p4", "p3"]
    older = page.link("next")
    assert older is not None
    page = await api.get(older, token)
    assert [one["acct"] for one in page.json] == ["p2", "p1"]
    newer = page.link("prev")
    assert newer is not None
    assert [one["acct"] for one in (await api.get(newer, token)).json] == ["p4", "p3"]
    last = await api.get(page.link("next") or "", token)
    assert [one["acct"] for one in last.json] == ["p0"]
    end = await api.get(last.link("next") or "", token)
    assert (end.json, end.link("next")) == ([], None)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "accounts/ID/block", "read write:mutes write:follows"),
        ("POST", "accounts/ID/unblock", "read write:mutes"),
        ("GET", "blocks", "write read:mutes"),
        ("POST", "accounts/ID/mute", "read write:blocks"),
        ("GET", "mutes", "write read:blocks"),
        ("POST", "domain_blocks", "read write:mutes"),
        ("POST", "accounts/ID/note", "read write:follows"),
        ("POST", "accounts/ID/endorse", "read write:follows"),
        ("GET", "endorsements", "write read:follows"),
        ("DELETE", "suggestions/ID", "read write:follows"),
        ("PATCH", "profile", "read write:follows"),
    ],
)
async def test_a_scope_too_small(api: Api, ada: Actor, ben: Actor, method: str, path: str, scope: str) -> None:
    at = f"/api/v1/{path.replace('ID', str(ben.id))}"
    refused = await api.ask(method, at, await api.token(ada, scope))
    assert (refused.status, refused.error) == (403, "This action is outside the authorized scopes")
    assert (await api.ask(method, at)).status == 401


async def test_the_rows_are_gone(api: Api, ada: Actor, ben: Actor) -> None:
    mine, _ = await both(api, ada, ben)
    made = (await api.post("/api/v1/lists", mine, json={"title": "x"})).json
    await api.post(f"/api/v1/lists/{made['id']}/accounts", mine, json={"account_ids": [str(ben.id)]})
    await api.post(f"/api/v1/accounts/{ben.id}/block", mine)

    def left(tx: Tx) -> None:
        assert follows.between(tx, ada.id, [ben.id]) == ({}, {})
        assert lists.with_member(tx, ada.id, ben.id) == []
        assert notifications.of_person(tx, ada.id, Page(), filtered=True) == []

    await api.site.db.read(left)
