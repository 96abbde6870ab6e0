"""Lists, by hand and one for each group, and what they and homes show."""

from typing import Any

import pytest

from fedi.actions import follows, groups, lists, moderation, reactions
from storage import lists as rows
from storage.actors import Actor
from storage.metadata import Tx
from tests.fedi.mastodon.conftest import Answer, Api
from tests.fedi.mastodon.test_timelines import p, texts

LISTS = "/api/v1/lists"
HOME = "/api/v1/timelines/home"


async def made(api: Api, token: str, *people: Actor, **values: Any) -> str:
    """A new list of these; its id."""
    answer = await api.post(LISTS, token, json={"title": "Friends", **values})
    assert answer.status == 200, answer.body
    list_id: str = answer.json["id"]
    if people:
        added = await api.post(f"{LISTS}/{list_id}/accounts", token, json={"account_ids": [one.id for one in people]})
        assert (added.status, added.json) == (200, {})
    return list_id


async def test_a_list_from_beginning_to_end(api: Api, ada: Actor, ben: Actor) -> None:
    token, other = await api.token(ada), await api.token(ben)
    answer = await api.post(LISTS, token, form={"title": " Friends "})
    assert answer.json == {
        "id": answer.json["id"],
        "title": "Friends",
        "replies_policy": "list",
        "exclusive": False,
    }
    path = f"{LISTS}/{answer.json['id']}"
    for method in ("PUT", "PATCH"):
        changed = await api.ask(method, path, token, form={"title": method, "replies_policy": "none", "exclusive": "1"})
        assert changed.json == {"id": answer.json["id"], "title": method, "replies_policy": "none", "exclusive": True}
    kept = (await api.ask("PUT", path, token, json={})).json
    assert (kept["title"], kept["replies_policy"], kept["exclusive"]) == ("PATCH", "none", True)
    assert (await api.get(path, token)).json == kept
    assert (await api.get(LISTS, token)).json == [kept]
    # Another's list is none.
    assert (await api.get(LISTS, other)).json == []
    for method, where in (("GET", path), ("PUT", path), ("DELETE", path), ("GET", f"{path}/accounts")):
        assert (await api.ask(method, where, other, json={"title": "x"} if method == "PUT" else None)).status == 404
    assert (await api.get(f"/api/v1/timelines/list/{kept['id']}", other)).status == 404
    assert (await api.ask("DELETE", path, token)).json == {}
    assert (await api.get(path, token)).status == 404
    assert (await api.get(LISTS, token)).json == []


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "Validation failed: Title can't be blank"),
        ({"title": "  "}, "Validation failed: Title can't be blank"),
        ({"title": "x" * 257}, "Validation failed: Title is too long (maximum is 256 characters)"),
        ({"title": "x", "replies_policy": "some"}, "'some' is not a valid replies_policy"),
        ({"title": ["x", {}]}, "Validation failed: title must be a single value"),
    ],
)
async def test_what_is_no_list(api: Api, ada: Actor, body: dict[str, Any], error: str) -> None:
    token = await api.token(ada)
    answer = await api.post(LISTS, token, json=body)
    assert (answer.status, answer.error) == (422, error)
    assert (await api.get(LISTS, token)).json == []


async def test_at_most_fifty(api: Api, ada: Actor) -> None:
    token = await api.token(ada)

    def many(tx: Tx) -> None:
        for number in range(lists.MOST):
            lists.create(tx, api.site, ada, str(number))

    await api.site.db.write(many)
    answer = await api.post(LISTS, token, form={"title": "one more"})
    assert (answer.status, answer.error) == (422, "Validation failed: You have reached the maximum number of lists")


async def test_who_is_in_a_list(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    chi, dan, eve = [await api.person(name) for name in ("chi", "dan", "eve")]
    for one in (ben, chi, dan):
        await api.follow(ada, one)
    list_id = await made(api, token, ben)
    path = f"{LISTS}/{list_id}/accounts"

    async def names(query: str = "") -> list[str]:
        return [one["username"] for one in (await api.get(path + query, token)).json]

    # Not followed, unknown, no number: and nobody else of the same question is added.
    for ids in ([chi.id, eve.id], [chi.id, 2**62 + 5]):
        answer = await api.post(path, token, json={"account_ids": ids})
        assert (answer.status, answer.error) == (404, "Record not found")
    answer = await api.post(path, token, json={"account_ids": [chi.id, ben.id]})
    assert (answer.status, answer.error) == (422, "Validation failed: Account has already been taken")
    assert await names() == ["ben"]
    # Array forms of several clients: brackets in the query, a name twice, JSON, and oneself.
    assert (await api.post(f"{path}?account_ids[]={chi.id}", token)).status == 200
    assert (await api.post(path, token, form={"account_ids[]": [dan.id, ada.id]})).status == 200
    assert await names() == ["ada", "dan", "chi", "ben"]
    first = await api.get(f"{path}?limit=2", token)
    following = first.link("next")
    assert following is not None
    assert "limit=2" in following
    both = [one["username"] for one in (*first.json, *(await api.get(following, token)).json)]
    everyone = await api.get(f"{path}?limit=0", token)
    assert [one["username"] for one in everyone.json] == both
    assert "link" not in everyone.headers
    of_chi = await api.get(f"/api/v1/accounts/{chi.id}/lists", token)
    assert [one["id"] for one in of_chi.json] == [list_id]
    assert (await api.get(f"/api/v1/accounts/{eve.id}/lists", token)).json == []
    # Out again: by the query, a form, JSON; who is not in it is no matter.
    for query, more in (
        (f"?account_ids[]={ben.id}", {}),
        ("", {"form": {"account_ids[]": [chi.id]}}),
        ("", {"json": {"account_ids": [str(dan.id), eve.id]}}),
    ):
        assert (await api.ask("DELETE", path + query, token, **more)).json == {}
    assert await names() == ["ada"]


async def test_unfollowing_takes_out(api: Api, ada: Actor, ben: Actor) -> None:
    await api.follow(ada, ben)
    token = await api.token(ada)
    list_id = await made(api, token, ben)
    await api.site.db.write(lambda tx: follows.unfollow(tx, api.site, ada, ben))
    assert (await api.get(f"{LISTS}/{list_id}/accounts", token)).json == []
    await api.follow(ada, ben)
    assert (await api.get(f"{LISTS}/{list_id}/accounts", token)).json == []


async def test_scopes(api: Api, ada: Actor) -> None:
    reads, writes = await api.token(ada, "read:lists"), await api.token(ada, "write:lists")
    assert (await api.get(LISTS, writes)).status == 403
    assert (await api.post(LISTS, reads, form={"title": "x"})).status == 403
    assert (await api.post(LISTS, writes, form={"title": "x"})).status == 200
    assert len((await api.get(LISTS, reads)).json) == 1
    assert (await api.get(LISTS)).status == 401


@pytest.mark.parametrize(
    ("policy", "shown"),
    [
        ("none", ["to ada", "to herself", "plain"]),
        ("list", ["to a member", "to ada", "to herself", "plain"]),
        ("followed", ["to a followed one", "to a member", "to ada", "to herself", "plain"]),
    ],
)
async def test_replies_in_a_list(api: Api, ada: Actor, ben: Actor, policy: str, shown: list[str]) -> None:
    chi, dan, eve = [await api.person(name) for name in ("chi", "dan", "eve")]
    for one in (ben, chi, dan):
        await api.follow(ada, one)
    token = await api.token(ada)
    list_id = await made(api, token, ben, chi, replies_policy=policy)
    mine, theirs, followed, strange = [await api.publish(one, f"of {one.username}") for one in (ada, chi, dan, eve)]
    plain = await api.publish(ben, "plain")
    for text, post in (
        ("to herself", plain),
        ("to ada", mine),
        ("to a member", theirs),
        ("to a followed one", followed),
        ("to a stranger", strange),
    ):
        await api.publish(ben, text, reply_to_id=post.id)
    await api.publish(dan, "not in the list")
    found = await api.get(f"/api/v1/timelines/list/{list_id}", token)
    assert texts(found) == p(*shown, "of chi")


async def test_pages_of_a_list(api: Api, ada: Actor, ben: Actor) -> None:
    await api.follow(ada, ben)
    token = await api.token(ada)
    list_id = await made(api, token, ben)
    posts = [await api.publish(ben, str(number)) for number in range(5)]
    path = f"/api/v1/timelines/list/{list_id}"
    first = await api.get(f"{path}?limit=2", token)
    assert texts(first) == p(4, 3)
    following = first.link("next")
    assert following is not None
    assert texts(await api.get(following, token)) == p(2, 1)
    assert texts(await api.get(f"{path}?min_id={posts[0].id}&max_id={posts[4].id}&limit=2", token)) == p(2, 1)
    last = await api.get(f"{path}?max_id={posts[0].id}", token)
    assert (last.json, last.link("next")) == ([], None)


async def test_an_exclusive_list_keeps_its_people_out_of_home(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    for one in (ben, chi):
        await api.follow(ada, one)
    await api.publish(ben, "of ben")
    post = await api.publish(chi, "of chi")
    await api.site.db.write(lambda tx: reactions.boost(tx, api.site, ben, post))
    token = await api.token(ada)
    assert texts(await api.get(HOME, token)) == p("of chi", "of ben")
    list_id = await made(api, token, ben, exclusive=True)
    assert texts(await api.get(HOME, token)) == p("of chi")
    # Home does not show it, so in the list it is no repetition.
    assert texts(await api.get(f"/api/v1/timelines/list/{list_id}", token)) == ["ben: <p>of chi</p>", "<p>of ben</p>"]
    await api.ask("PUT", f"{LISTS}/{list_id}", token, form={"exclusive": "false"})
    assert texts(await api.get(HOME, token)) == p("of chi", "of ben")


async def test_what_one_may_not_see_is_in_no_list(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    await api.follow(ada, ben)
    list_id = await made(api, token, ben)
    await api.publish(ben, "@ada direct", visibility="direct")
    await api.publish(ben, "for followers", visibility="followers")
    assert texts(await api.get(f"/api/v1/timelines/list/{list_id}", token)) == p("for followers")
    await api.post(f"/api/v1/accounts/{ben.id}/mute", token)
    assert (await api.get(f"/api/v1/timelines/list/{list_id}", token)).json == []


async def titles(api: Api, person: Actor) -> list[str]:
    """The titles of a person's lists."""
    found = await api.site.db.read(lambda tx: rows.of_person(tx, person.id))
    return sorted(one.title for one in found)


async def test_one_list_for_each_group(api: Api, ada: Actor, ben: Actor) -> None:
    mlops, chess = await api.group("mlops", ada, title="ML in operation"), await api.group("chess", ada)
    await api.follow(ben, mlops)
    await api.site.db.write(lambda tx: lists.set_group_lists(tx, api.site, ben, on=True))
    token = await api.token(ben)
    [one] = (await api.get(LISTS, token)).json
    assert (one["title"], one["exclusive"], one["replies_policy"]) == ("ML in operation", True, "list")
    inside = (await api.get(f"{LISTS}/{one['id']}/accounts", token)).json
    assert [account["id"] for account in inside] == [str(mlops.id)]
    # The group's threads are there, and not in home.
    thread = await api.publish(ada, "@mlops a question")
    assert (await api.get(HOME, token)).json == []
    shown = (await api.get(f"/api/v1/timelines/list/{one['id']}", token)).json
    assert [status["reblog"]["id"] for status in shown] == [str(thread.id)]
    # Joining, being renamed, leaving.
    await api.follow(ben, chess)
    assert await titles(api, ben) == ["Chess", "ML in operation"]
    await api.site.db.write(lambda tx: groups.edit(tx, api.site, ada, mlops, title="MLOps"))
    assert await titles(api, ben) == ["Chess", "MLOps"]
    await api.site.db.write(lambda tx: follows.unfollow(tx, api.site, ben, chess))
    assert await titles(api, ben) == ["MLOps"]
    own = await api.group("own", ben)
    assert await titles(api, ben) == ["MLOps", "Own"]
    await api.site.db.write(lambda tx: groups.delete(tx, api.site, ben, own))
    assert await titles(api, ben) == ["MLOps"]
    await api.site.db.write(
        lambda tx: moderation.ban(tx, api.site, ada, mlops, ben, "spam", until=None, remove_posts=False)
    )
    assert await titles(api, ben) == []
    await api.site.db.write(lambda tx: lists.set_group_lists(tx, api.site, ben, on=False))
    await api.follow(ben, chess)
    assert await titles(api, ben) == []


async def test_a_request_to_join_makes_no_list_yet(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("seminar", ada, join_mode="approval")
    await api.site.db.write(lambda tx: lists.set_group_lists(tx, api.site, ben, on=True))
    await api.follow(ben, group)
    assert await titles(api, ben) == []
    await api.post(f"/api/v1/follow_requests/{ben.id}/authorize", await api.token(ada))
    assert await titles(api, ben) == ["Seminar"]


@pytest.mark.parametrize("how", ["rename", "add", "drop", "delete"])
async def test_a_group_list_that_was_changed_by_hand(api: Api, ada: Actor, ben: Actor, how: str) -> None:
    group = await api.group("chess", ada)
    for one in (group, ada):
        await api.follow(ben, one)
    await api.site.db.write(lambda tx: lists.set_group_lists(tx, api.site, ben, on=True))
    token = await api.token(ben)
    [one] = (await api.get(LISTS, token)).json
    path, ids = f"{LISTS}/{one['id']}", {"account_ids": [ada.id if how == "add" else group.id]}
    answer: Answer = await {
        "rename": lambda: api.ask("PUT", path, token, json={"title": "Mine"}),
        "add": lambda: api.post(f"{path}/accounts", token, json=ids),
        "drop": lambda: api.ask("DELETE", f"{path}/accounts", token, json=ids),
        "delete": lambda: api.ask("DELETE", path, token),
    }[how]()
    assert answer.status == 200
    after = {"rename": ["Mine"], "add": ["Chess"], "drop": ["Chess"], "delete": []}[how]
    assert await titles(api, ben) == after
    # It is theirs: the group's new name, leaving it and the setting do nothing to it.
    await api.site.db.write(lambda tx: groups.edit(tx, api.site, ada, group, title="Chess club"))
    assert await titles(api, ben) == after
    await api.site.db.write(lambda tx: follows.unfollow(tx, api.site, ben, group))
    assert await titles(api, ben) == after
    await api.site.db.write(lambda tx: lists.set_group_lists(tx, api.site, ben, on=False))
    assert await titles(api, ben) == after
