"""Groups under the names that group-aware clients ask for (mastodon/mastodon#19059, Soapbox, pl-fe)."""

from typing import Any

import pytest

from fedi.actions import memberships
from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api
from tests.fedi.mastodon.test_media import multipart, picture

GROUPS = "/api/v1/groups"


async def standing(api: Api, group: Actor, token: str) -> dict[str, Any]:
    """The caller's GroupRelationship."""
    [found] = (await api.get(f"{GROUPS}/relationships?id[]={group.id}", token)).json
    assert isinstance(found, dict)
    return found


async def names(api: Api, path: str, token: str | None) -> list[str]:
    """The usernames of a list of accounts or memberships."""
    found = (await api.get(path, token)).json
    return sorted((one.get("account") or one)["username"] for one in found)


async def test_a_group_from_beginning_to_end(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    answer = await api.post(GROUPS, token, form={"display_name": "ML in Operation", "note": "All about it"})
    assert answer.status == 200, answer.body
    group = answer.json
    shown = (await api.get(f"/api/v1/accounts/{group['id']}")).json
    # One id for both views of it.
    assert (shown["username"], shown["group"], shown["display_name"]) == ("ml_in_operation", True, "ML in Operation")
    assert group == {
        "id": group["id"],
        "display_name": "ML in Operation",
        "slug": "ml_in_operation",
        "created_at": group["created_at"],
        "note": "<p>All about it</p>",
        "source": {"note": "All about it"},
        "uri": "https://alpha.example/groups/ml_in_operation",
        "url": shown["url"],
        "avatar": shown["avatar"],
        "avatar_static": shown["avatar"],
        "header": shown["header"],
        "header_static": shown["header"],
        "locked": False,
        "statuses_visibility": "public",
        "group_visibility": "everyone",
        "membership_required": True,
        "discoverable": True,
        "domain": "alpha.example",
        "emojis": [],
        "tags": [],
        "members_count": 1,
        "owner": {"id": str(ada.id)},
    }
    path = f"{GROUPS}/{group['id']}"
    assert (await api.get(path)).json == group
    assert (await api.get(f"{GROUPS}/lookup?name=ml_in_operation")).json == group
    assert (await api.get(f"{GROUPS}/lookup?name=!ml_in_operation@alpha.example")).json == group
    assert (await api.get(f"{GROUPS}/search?q=operation", token)).json == [group]
    assert (await api.get(f"{GROUPS}/search?q=&limit=1", token)).json == [group]
    assert (await api.get(f"{GROUPS}/search?q=ada", token)).json == []
    assert (await api.get(GROUPS, token)).json == [group]
    changed = (await api.ask("PUT", path, token, json={"display_name": "MLOps", "locked": True})).json
    assert (changed["display_name"], changed["locked"], changed["note"]) == ("MLOps", True, "<p>All about it</p>")
    again = (await api.post(GROUPS, token, json={"display_name": "ML in operation"})).json
    assert again["slug"].startswith("ml_in_operation_")
    assert (await api.ask("DELETE", path, token)).json == {}
    assert (await api.get(path, token)).status == 404
    assert [one["id"] for one in (await api.get(GROUPS, token)).json] == [again["id"]]


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 422), ({"display_name": "x" * 101}, 422), ({"display_name": "x", "group_visibility": "some"}, 422)],
)
async def test_what_is_no_group(api: Api, ada: Actor, body: dict[str, Any], status: int) -> None:
    token = await api.token(ada)
    assert (await api.post(GROUPS, token, json=body)).status == status
    assert (await api.get(GROUPS, token)).json == []


async def test_pictures_of_a_group(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    body, kind = multipart(display_name="Chess", avatar=picture("PNG", (900, 600)))
    made = (await api.post(GROUPS, token, body=body, content_type=kind)).json
    assert made["avatar"].startswith("https://alpha.example/media/")
    assert (await api.get(made["avatar"].removeprefix("https://alpha.example"))).status == 200
    path = f"{GROUPS}/{made['id']}"
    body, kind = multipart(header=picture("JPEG", (1500, 500)))
    changed = (await api.ask("PUT", path, token, body=body, content_type=kind)).json
    assert changed["avatar"] == made["avatar"]
    assert changed["header"].startswith("https://alpha.example/media/")
    shown = (await api.get(f"/api/v1/accounts/{made['id']}")).json
    assert (shown["avatar"], shown["header"]) == (made["avatar"], changed["header"])
    # A file that is none founds no group, and nobody else's picture is taken.
    body, kind = multipart(display_name="Broken", avatar=b"<svg/>")
    assert (await api.post(GROUPS, token, body=body, content_type=kind)).status == 422
    assert len((await api.get(GROUPS, token)).json) == 1
    body, kind = multipart(avatar=picture())
    assert (await api.ask("PUT", path, await api.token(ben), body=body, content_type=kind)).status == 403
    assert (await api.get(path)).json["avatar"] == made["avatar"]


async def test_only_its_moderators_change_it_and_its_owner_deletes_it(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("chess", ada)
    await api.follow(ben, group)
    token = await api.token(ben)
    path = f"{GROUPS}/{group.id}"
    assert (await api.ask("PUT", path, token, json={"display_name": "Mine"})).status == 403
    assert (await api.ask("DELETE", path, token)).status == 403
    for name in ("membership_requests", "blocks"):
        assert (await api.get(f"{path}/{name}", token)).status == 403
    for name in ("kick", "promote", "demote", "blocks"):
        answer = await api.post(f"{path}/{name}", token, json={"account_ids": [ada.id]})
        assert answer.status == 403, name
        assert "moderator" in answer.error.lower()
    # An account that is no group is none here.
    assert (await api.get(f"{GROUPS}/{ben.id}", token)).status == 404
    assert (await api.post(f"{GROUPS}/{ben.id}/join", token)).status == 404


async def test_scopes(api: Api, ada: Actor) -> None:
    group = await api.group("chess", ada)
    reads, writes = await api.token(ada, "read:groups"), await api.token(ada, "write:groups")
    assert (await api.get(GROUPS, writes)).status == 403
    assert (await api.get(GROUPS)).status == 401
    assert (await api.post(f"{GROUPS}/{group.id}/leave", reads)).status == 403
    assert (await api.get(GROUPS, reads)).status == 200
    assert (await api.get(f"{GROUPS}/{group.id}", writes)).status == 403


async def test_joining_leaving_and_being_let_in(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("seminar", ada, join_mode="approval")
    token, owner = await api.token(ben), await api.token(ada)
    path = f"{GROUPS}/{group.id}"
    outside = {
        "id": str(group.id),
        "member": False,
        "requested": False,
        "role": None,
        "blocked_by": False,
        "muting": False,
        "notifying": False,
        "pending_requests": False,
    }
    assert await standing(api, group, token) == outside
    for _ in range(2):  # again is nothing
        assert (await api.post(f"{path}/join", token)).json == {**outside, "requested": True}
    assert (await standing(api, group, owner))["pending_requests"] is True
    assert await names(api, f"{path}/membership_requests", owner) == ["ben"]
    answers = f"{path}/membership_requests/{ben.id}"
    assert (await api.post(f"{answers}/reject", owner)).json == {}
    assert await standing(api, group, token) == outside
    assert (await api.post(f"{answers}/authorize", owner)).status == 404
    await api.post(f"{path}/join", token)
    assert (await api.post(f"{answers}/authorize", owner)).json == {}
    assert await standing(api, group, token) == {**outside, "member": True, "role": "user"}
    assert (await standing(api, group, owner))["role"] == "owner"
    assert [one["id"] for one in (await api.get(GROUPS, token)).json] == [str(group.id)]
    assert (await api.post(f"{path}/leave", token)).json == outside


async def test_members_and_their_roles(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("chess", ada)
    chi = await api.person("chi")
    for one in (ben, chi):
        await api.follow(one, group)
    token, owner = await api.token(ben), await api.token(ada)
    path = f"{GROUPS}/{group.id}"
    whole = (await api.get(f"{path}/memberships", token)).json
    assert {(one["id"], one["role"]) for one in whole} == {
        (str(ada.id), "owner"),
        (str(ben.id), "user"),
        (str(chi.id), "user"),
    }
    assert all(one["account"]["id"] == one["id"] for one in whole)
    promoted = await api.post(f"{path}/promote", owner, json={"account_ids": [ben.id], "role": "admin"})
    assert [(one["account"]["username"], one["role"]) for one in promoted.json] == [("ben", "admin")]
    for role in ("admin", "moderator"):  # both dialects' names
        assert await names(api, f"{path}/memberships?role={role}", None) == ["ben"]
    assert await names(api, f"{path}/memberships?role=user", None) == ["chi"]
    assert (await api.get(f"{path}/memberships?role=king", None)).status == 422
    assert (await api.post(f"{path}/kick", owner, json={"account_ids": [ben.id]})).status == 403
    assert (await api.post(f"{path}/promote", owner, json={"account_ids": [chi.id], "role": "owner"})).status == 422
    demoted = await api.post(f"{path}/demote", owner, form={"account_ids[]": [ben.id], "role": "user"})
    assert [one["role"] for one in demoted.json] == ["user"]
    assert (await api.post(f"{path}/kick", owner, json={"account_ids": [ben.id]})).json == {}
    assert (await standing(api, group, token))["member"] is False
    # Of several either all or none.
    assert (await api.post(f"{path}/kick", owner, json={"account_ids": [chi.id, ben.id]})).status == 404
    assert await names(api, f"{path}/memberships", owner) == ["ada", "chi"]
    first = await api.get(f"{path}/memberships?limit=1", owner)
    following = first.link("next")
    assert following is not None
    assert len(first.json) == 1
    assert (await api.get(following, owner)).json != first.json


async def test_bans(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("chess", ada)
    await api.follow(ben, group)
    token, owner = await api.token(ben), await api.token(ada)
    path = f"{GROUPS}/{group.id}/blocks"
    assert (await api.post(path, owner, json={"account_ids": [ben.id]})).json == {}
    assert await names(api, path, owner) == ["ben"]
    now = await standing(api, group, token)
    assert (now["member"], now["blocked_by"], now["role"]) == (False, True, None)
    answer = await api.post(f"{GROUPS}/{group.id}/join", token)
    assert (answer.status, answer.error) == (403, "You are banned from Chess.")
    # The same as the account that a plain client knows.
    [plain] = (await api.get(f"/api/v1/accounts/relationships?id={group.id}", token)).json
    assert plain["blocked_by"] is True
    assert (await api.post(f"/api/v1/accounts/{group.id}/follow", token)).status == 403
    assert (await api.ask("DELETE", f"{path}?account_ids[]={ben.id}", owner)).json == {}
    assert await names(api, path, owner) == []
    assert (await api.post(f"{GROUPS}/{group.id}/join", token)).json["member"] is True


async def test_posting_in_a_group(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("mlops", ada)
    await api.follow(ben, group)
    token, owner = await api.token(ben), await api.token(ada)
    body = {"status": "Which feature store?", "visibility": "group", "group_id": str(group.id)}
    posted = await api.post("/api/v1/statuses", token, json=body)
    assert posted.status == 200, posted.body
    assert posted.json["group"]["id"] == str(group.id)
    assert [one["acct"] for one in posted.json["mentions"]] == ["mlops"]
    named = await api.post("/api/v1/statuses", token, json={**body, "status": "@mlops named already"})
    assert named.json["content"].count("mlops</span>") == 1
    reply = await api.publish(ada, "an answer", reply_to_id=int(posted.json["id"]))
    path = f"/api/v1/timelines/group/{group.id}"
    found = await api.get(path)
    assert [one["id"] for one in found.json] == [named.json["id"], posted.json["id"]]
    assert all(one["reblog"] is None for one in found.json)
    first = await api.get(f"{path}?limit=1")
    following = first.link("next")
    assert following is not None
    assert f"/timelines/group/{group.id}" in following
    assert [one["id"] for one in (await api.get(following)).json] == [posted.json["id"]]
    assert (await api.get(f"{path}?only_media=true")).json == []
    # Pinned by a moderator, taken out by one, deleted by its author.
    statuses = f"{GROUPS}/{group.id}/statuses"
    assert (await api.post(f"{statuses}/{posted.json['id']}/pin", token)).status == 403
    assert (await api.post(f"{statuses}/{posted.json['id']}/pin", owner)).json["id"] == posted.json["id"]
    pinned = (await api.get(f"/api/v1/accounts/{group.id}/statuses?pinned=true")).json
    assert [one["id"] for one in pinned] == [posted.json["id"]]
    assert (await api.post(f"{statuses}/{posted.json['id']}/unpin", owner)).status == 200
    assert (await api.ask("DELETE", f"{statuses}/{reply.id}", token)).status == 403
    assert (await api.ask("DELETE", f"{statuses}/{named.json['id']}", owner)).json["id"] == named.json["id"]
    assert (await api.ask("DELETE", f"{statuses}/{posted.json['id']}", token)).json["id"] == posted.json["id"]
    assert (await api.get(path)).json == []
    outside = await api.publish(ben, "elsewhere")
    assert (await api.ask("DELETE", f"{statuses}/{outside.id}", token)).status == 404


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({}, 422, "Validation failed: Group can't be blank"),
        ({"group_id": "77"}, 404, "Record not found"),
    ],
)
async def test_posting_in_no_group(api: Api, ada: Actor, body: dict[str, Any], status: int, error: str) -> None:
    token = await api.token(ada)
    answer = await api.post("/api/v1/statuses", token, json={"status": "hi", "visibility": "group", **body})
    assert (answer.status, answer.error) == (status, error)
    assert (await api.get(f"/api/v1/accounts/{ada.id}/statuses")).json == []


async def test_who_is_no_member_does_not_post(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("mlops", ada)
    body = {"status": "hi", "visibility": "group", "group_id": group.id}
    answer = await api.post("/api/v1/statuses", await api.token(ben), json=body)
    assert answer.status == 403
    assert "follow it to join" in answer.error


async def test_a_members_only_group_tells_outsiders_nothing(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    made = await api.post(GROUPS, token, json={"display_name": "Board", "group_visibility": "members_only"})
    group = made.json
    assert (group["statuses_visibility"], group["locked"]) == ("private", True)
    body = {"status": "secret", "visibility": "group", "group_id": group["id"]}
    post = (await api.post("/api/v1/statuses", token, json=body)).json
    assert post["visibility"] == "private"
    for other in (None, await api.token(ben)):
        assert (await api.get(f"/api/v1/timelines/group/{group['id']}", other)).status == 404
        assert (await api.get(f"{GROUPS}/{group['id']}/memberships", other)).json == []
        assert (await api.get(f"/api/v1/accounts/{group['id']}/statuses", other)).json == []
        assert (await api.get(f"{GROUPS}/{group['id']}", other)).json["display_name"] == "Board"
        assert (await api.get(f"{GROUPS}/search?q=", other)).json == []
    assert [one["id"] for one in (await api.get(f"/api/v1/timelines/group/{group['id']}", token)).json] == [post["id"]]
    # Nor does its owner's profile tell that they are in one more.
    shown = (await api.get(f"/api/v1/accounts/{ada.id}")).json
    assert shown["following_count"] == 0
    mine = (await api.get("/api/v1/accounts/verify_credentials", token)).json
    assert mine["following_count"] == 1


async def test_pl_fe_may_show_groups(api: Api) -> None:
    told = (await api.get("/api/v2/instance")).json
    assert told["api_versions"]["pleroma:groups.pleroma.pl-api"] == 1


async def test_an_invited_one_is_in_at_once(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("board", ada, join_mode="invite")
    token = await api.token(ben)
    assert (await api.post(f"{GROUPS}/{group.id}/join", token)).status == 403
    await api.site.db.write(lambda tx: memberships.invite(tx, api.site, ada, group, ben))
    assert (await api.post(f"{GROUPS}/{group.id}/join", token)).json["member"] is True
