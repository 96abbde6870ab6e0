"""Groups over our own API: found, find, change, join, leave, close."""

from sqlalchemy import event

from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api

BASE = "/api/fedi/v1"


async def test_a_group_is_founded_found_changed_and_closed(api: Api, ada: Actor, ben: Actor) -> None:
    mine, his = await api.token(ada), await api.token(ben)
    new = {"name": "stats", "title": "Statistics", "description": "All of it", "join": "approval", "rules": ["Be kind"]}
    made = await api.post(f"{BASE}/groups", mine, json=new)
    assert made.status == 200, made.body
    group = made.json
    assert group["handle"] == "stats@alpha.example"
    assert (group["join"], group["see"], group["post"], group["rules"]) == (
        "approval",
        "public",
        "members",
        ["Be kind"],
    )
    assert group["you"]["role"] == "owner"
    assert group["you"]["may_post"] is True
    path = f"{BASE}/groups/{group['id']}"
    # The same thing under both APIs.
    assert (await api.get(f"/api/v1/accounts/{group['id']}")).json["group"] is True

    shown = (await api.get(path)).json
    assert shown["you"] is None
    assert shown["source"] is None
    found = await api.get(f"{BASE}/groups/lookup?handle=%21stats@alpha.example", his)
    assert found.json["id"] == group["id"]
    assert [one["id"] for one in (await api.get(f"{BASE}/groups")).json["items"]] == [group["id"]]
    assert (await api.get(f"{BASE}/groups?mine=true", his)).json["items"] == []

    assert (await api.ask("PATCH", path, his, json={"title": "Mine"})).status == 403
    changed = await api.ask("PATCH", path, mine, json={"title": "Statistics 2", "join": "open", "post": "moderators"})
    assert (changed.json["title"], changed.json["join"], changed.json["post"]) == ("Statistics 2", "open", "moderators")
    assert changed.json["rules"] == ["Be kind"]

    joined = await api.post(f"{path}/join", his, json={"notify": True})
    assert joined.json["you"] | {"role": "member"} == joined.json["you"]
    assert (joined.json["you"]["member"], joined.json["you"]["notifying"]) == (True, True)
    assert joined.json["you"]["may_post"] is False  # moderators only, by now
    assert [one["id"] for one in (await api.get(f"{BASE}/groups?mine=true", his)).json["items"]] == [group["id"]]
    assert (await api.post(f"{path}/leave", his)).json["you"]["member"] is False

    assert (await api.ask("DELETE", path, his)).status == 403
    assert (await api.ask("DELETE", path, mine)).status == 204
    gone = await api.get(path)
    assert gone.status == 404


async def test_who_must_wait_is_let_in_or_refused_or_invited(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("quiet", ada, join_mode="approval")
    mine, his = await api.token(ada), await api.token(ben)
    path = f"{BASE}/groups/{group.id}"
    assert (await api.post(f"{path}/join", his, json={})).json["you"]["requested"] is True
    assert (await api.get(f"{path}/members?state=pending", his)).status == 403
    waiting = (await api.get(f"{path}/members?state=pending", mine)).json["items"]
    assert [one["account"]["id"] for one in waiting] == [str(ben.id)]
    assert (await api.post(f"{path}/members/{ben.id}/accept", his)).status == 403
    assert (await api.post(f"{path}/members/{ben.id}/accept", mine)).json["state"] == "accepted"
    assert (await api.post(f"{path}/members/{ben.id}/accept", mine)).status == 404
    assert (await api.ask("DELETE", f"{path}/members/{ben.id}", mine)).status == 204
    assert (await api.get(path, his)).json["you"]["member"] is False

    closed = await api.group("closed", ada, join_mode="invite")
    path = f"{BASE}/groups/{closed.id}"
    refused = await api.post(f"{path}/join", his, json={})
    assert (refused.status, refused.json["code"]) == (403, "invite-only")
    assert (await api.ask("PUT", f"{path}/invitations/{ben.id}", his)).status == 403
    assert (await api.ask("PUT", f"{path}/invitations/{ben.id}", mine)).json["state"] == "invited"
    assert (await api.get(path, his)).json["you"]["invited"] is True
    assert (await api.post(f"{path}/join", his, json={})).json["you"]["member"] is True


async def test_roles_and_bans(api: Api, ada: Actor, ben: Actor, group: Actor) -> None:
    mine, his = await api.token(ada), await api.token(ben)
    await api.follow(ben, group)
    path = f"{BASE}/groups/{group.id}"
    assert (await api.ask("PUT", f"{path}/moderators/{ben.id}", his)).status == 403
    assert (await api.ask("PUT", f"{path}/moderators/{ben.id}", mine)).json["role"] == "moderator"
    assert (await api.get(f"{path}/members?role=moderator")).json["items"][0]["account"]["id"] == str(ben.id)
    assert (await api.ask("DELETE", f"{path}/moderators/{ben.id}", mine)).json["role"] == "member"
    late = await api.ask("PUT", f"{path}/bans/{ben.id}", mine, json={"until": "2020-01-01T00:00:00.000Z"})
    assert (late.status, late.json["code"]) == (422, "until")
    out = await api.ask(
        "PUT", f"{path}/bans/{ben.id}", mine, json={"reason": "spam", "until": "2099-01-01T00:00:00.000Z"}
    )
    assert (out.json["state"], out.json["reason"], out.json["until"]) == ("banned", "spam", "2099-01-01T00:00:00.000Z")
    you = (await api.get(path, his)).json["you"]
    assert (you["banned"], you["reason"], you["member"]) == (True, "spam", False)
    assert (await api.post(f"{path}/join", his, json={})).json["code"] == "banned"
    assert (await api.get(f"{path}/moderation", his)).status == 403
    log = (await api.get(f"{path}/moderation", mine)).json["items"]
    assert [one["action"] for one in log][:1] == ["ban"]
    assert (await api.ask("DELETE", f"{path}/bans/{ben.id}", mine)).status == 204
    assert (await api.post(f"{path}/join", his, json={})).json["you"]["member"] is True


async def test_outsiders_of_a_members_group_learn_its_name_only(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("secret", ada, see="members", join_mode="approval")
    post = await api.publish(ada, "canary @secret")
    his = await api.token(ben)
    path = f"{BASE}/groups/{group.id}"
    for token in (None, his):
        shown = await api.get(path, token)
        assert shown.json["last_active_at"] is None
        for below in ("threads", "members"):
            refused = await api.get(f"{path}/{below}", token)
            assert (refused.status, refused.json["code"]) == (403, "members-only")
        assert (await api.get(f"{BASE}/posts/{post.id}/thread", token)).status == 404
    assert (await api.ask("PUT", f"{BASE}/posts/{post.id}/vote", his, json={"vote": "up"})).status == 404
    assert (await api.ask("PUT", f"{BASE}/posts/{post.id}/lock", his, json={})).status == 404
    assert (await api.get(f"{BASE}/groups")).json["items"] == []


async def test_one_person_does_not_found_groups_without_end(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    for number in range(10):
        made = await api.post(f"{BASE}/groups", token, json={"name": f"g{number}", "title": "G"})
        assert made.status == 200, made.body
    refused = await api.post(f"{BASE}/groups", token, json={"name": "g10", "title": "G"})
    assert (refused.status, refused.json["code"]) == (422, "too-many")


async def test_what_is_wrong_is_said_as_problem_details(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    wrong = await api.post(f"{BASE}/groups", token, json={"name": "x", "title": 1})
    assert wrong.status == 422
    assert wrong.headers["content-type"] == "application/problem+json"
    said = wrong.json
    assert said["detail"].startswith("title: ")
    assert said["status"] == 422
    unknown = await api.post(f"{BASE}/groups", token, json={"name": "x", "title": "X", "titel": "X"})
    assert "titel" in unknown.json["detail"]
    assert (await api.get(f"{BASE}/groups?sorted=1")).status == 422
    # A word that is none of those there are: which there are is said.
    group = await api.group("mlops", ada)
    both: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("POST", "groups", {"name": "x1", "title": "X"}),
        ("PATCH", f"groups/{group.id}", {}),
    )
    for method, path, rest in both:
        refused = await api.ask(method, f"{BASE}/{path}", token, json={**rest, "join": "ask"})
        assert refused.json["detail"] == "join: Invalid enum value 'ask'; there are: open, approval, invite"
    assert (await api.post(f"{BASE}/groups", token, body=b"{", content_type="application/json")).status == 400
    assert (await api.post(f"{BASE}/groups", token, form={"name": "x"})).status == 415
    assert (await api.post(f"{BASE}/groups", None, json={})).status == 401
    assert (await api.get(f"{BASE}/nothing")).headers["content-type"] == "application/problem+json"
    weak = await api.token(ada, "read")
    refused = await api.post(f"{BASE}/groups", weak, json={"name": "x", "title": "X"})
    assert (refused.status, refused.json["code"]) == (403, "scope")
    other = await api.ask("PUT", f"{BASE}/groups", token)
    assert (other.status, other.headers["allow"]) == (405, "GET, POST")
    assert (await api.get(f"{BASE}/groups/abc")).status == 404


async def test_a_list_of_groups_costs_the_same_however_many_there_are(api: Api, ada: Actor, ben: Actor) -> None:
    """Also for who is staff, whose moderating comes from the role."""
    token = await api.token(ben)
    asked: list[str] = []
    event.listen(api.site.db.engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    event.listen(api.site.db._read_engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    numbers: list[int] = []
    shown: list[object] = []
    for name in ("one", "two", "three", "four"):
        await api.follow(ben, await api.group(name, ada, see="members" if name == "four" else "public"))
        asked.clear()
        shown = (await api.get(f"{BASE}/groups?mine=true", token)).json["items"]
        numbers.append(len(asked))
    assert len(shown) == 4
    assert numbers[1] == numbers[2]
    assert numbers[3] <= numbers[2] + 1  # whether one is in those that not everyone may read
    cem = await api.person("cem", role="moderator")
    assert {
        one["you"]["moderates"] for one in (await api.get(f"{BASE}/groups", await api.token(cem))).json["items"]
    } == {True}
