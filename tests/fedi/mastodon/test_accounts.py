"""Accounts, following and notifications: what clients see of people, and what they never learn."""

import msgspec
import pytest

from fedi.actions import erasing, people
from fedi.mastodon import images
from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api


async def test_lookup_by_every_spelling(api: Api, ada: Actor) -> None:
    for acct in ("ada", "ADA", "@ada", "ada@alpha.example", "@ada@ALPHA.example"):
        assert (await api.get(f"/api/v1/accounts/lookup?acct={acct}")).json["id"] == str(ada.id), acct
    for acct in ("nobody", "ada@elsewhere.example", "@", "ada@"):
        answer = await api.get(f"/api/v1/accounts/lookup?acct={acct}")
        assert answer.status == (200 if acct == "ada@" else 404), acct
    assert (await api.get("/api/v1/accounts/lookup")).status == 422


async def test_who_is_suspended_or_gone_is_not_there(api: Api, ada: Actor, ben: Actor) -> None:
    await api.follow(ada, ben)
    await api.publish(ada, "before")
    await api.site.db.write(lambda tx: people.suspend(tx, api.site, ada))
    token = await api.token(ben)
    for path in (f"{ada.id}", "lookup?acct=ada"):
        shown = (await api.get(f"/api/v1/accounts/{path}", token)).json
        assert (shown["suspended"], shown["display_name"], shown["username"]) == (True, "", "ada")
    for path in ("statuses", "followers", "following"):
        assert (await api.get(f"/api/v1/accounts/{ada.id}/{path}", token)).json == []
    assert (await api.get(f"/api/v1/accounts/{ben.id}/followers", token)).json == []
    assert (await api.get("/api/v1/timelines/public", token)).json == []
    assert (await api.post(f"/api/v1/accounts/{ada.id}/follow", token)).status == 404
    await api.site.db.write(lambda tx: erasing.erase(tx, api.site, ada))
    for path in (f"{ada.id}", f"{ada.id}/statuses", f"{ada.id}/followers", "lookup?acct=ada"):
        assert (await api.get(f"/api/v1/accounts/{path}", token)).status == 404


async def test_the_instance_actor_is_not_found_by_search(api: Api, ada: Actor) -> None:
    await api.site.db.write(lambda tx: people.ensure_instance_actor(tx, api.site))
    found = (await api.get("/api/v2/search?q=alpha", await api.token(ada))).json
    assert found["accounts"] == []


async def test_statuses_of_an_account(api: Api, ada: Actor, ben: Actor) -> None:
    theirs = await api.publish(ben, "theirs")
    await api.publish(ada, "one #tag")
    await api.publish(ada, "a reply", reply_to_id=theirs.id)
    await api.post(f"/api/v1/statuses/{theirs.id}/reblog", await api.token(ada))
    await api.publish(ada, "for followers", visibility="followers")

    async def shown(query: str) -> list[str]:
        found = (await api.get(f"/api/v1/accounts/{ada.id}/statuses?{query}")).json
        return [(one["reblog"] or one)["content"].removeprefix("<p>").removesuffix("</p>")[:7] for one in found]

    assert await shown("") == ["theirs", "a reply", "one <a "]
    assert await shown("exclude_replies=true") == ["theirs", "one <a "]
    assert await shown("exclude_reblogs=1") == ["a reply", "one <a "]
    assert await shown("exclude_reblogs=1&exclude_replies=on") == ["one <a "]
    assert await shown("tagged=Tag") == ["one <a "]
    assert await shown("only_media=true") == []
    assert await shown("pinned=true") == []


async def test_following_has_each_of_its_states(api: Api, ada: Actor, ben: Actor) -> None:
    token, theirs = await api.token(ada), await api.token(ben)
    await api.ask("PATCH", "/api/v1/accounts/update_credentials", theirs, form={"locked": "true"})
    asked = (await api.post(f"/api/v1/accounts/{ben.id}/follow", token)).json
    assert (asked["following"], asked["requested"]) == (False, True)
    told = (await api.get("/api/v1/notifications", theirs)).json
    assert [(one["type"], one["account"]["username"]) for one in told] == [("follow_request", "ada")]
    assert (await api.get("/api/v1/accounts/verify_credentials", theirs)).json["source"]["follow_requests_count"] == 1
    answered = (await api.post(f"/api/v1/follow_requests/{ada.id}/authorize", theirs)).json
    assert answered["followed_by"] is True
    assert (await api.post(f"/api/v1/follow_requests/{ada.id}/authorize", theirs)).status == 404
    back = (await api.get(f"/api/v1/accounts/relationships?id[]={ben.id}&id[]={ada.id}&id[]=7", token)).json
    assert [(one["id"], one["following"]) for one in back] == [(str(ben.id), True), (str(ada.id), False)]
    out = (await api.post(f"/api/v1/accounts/{ada.id}/remove_from_followers", theirs)).json
    assert out["followed_by"] is False
    assert (await api.post(f"/api/v1/accounts/{ada.id}/follow", token)).status == 422


async def test_rejected_requests_leave_nothing(api: Api, ada: Actor, ben: Actor) -> None:
    token, theirs = await api.token(ada), await api.token(ben)
    await api.ask("PATCH", "/api/v1/accounts/update_credentials", theirs, json={"locked": True})
    await api.post(f"/api/v1/accounts/{ben.id}/follow", token)
    await api.post(f"/api/v1/follow_requests/{ada.id}/reject", theirs)
    state = (await api.get(f"/api/v1/accounts/relationships?id={ben.id}", token)).json[0]
    assert (state["following"], state["requested"]) == (False, False)
    assert (await api.get("/api/v1/follow_requests", theirs)).json == []


async def test_followers_page_by_the_follow(api: Api, ada: Actor) -> None:
    for number in range(5):
        await api.follow(await api.person(f"fan{number}"), ada)
    found: list[str] = []
    link: str | None = f"/api/v1/accounts/{ada.id}/followers?limit=2"
    while link is not None:
        answer = await api.get(link)
        found += [one["username"] for one in answer.json]
        link = answer.link("next")
    assert found == ["fan4", "fan3", "fan2", "fan1", "fan0"]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({"display_name": "x" * 200}, "100 characters"),
        ({"note": "x" * 3000}, "2,000"),
        ({"fields_attributes[0][name]": "x" * 300, "fields_attributes[0][value]": "y"}, "255"),
        ({"source[privacy]": "secret"}, "Privacy"),
        ({"avatar": "data:,x"}, "Avatar content type is invalid"),
        ({"fields_attributes": "x"}, "object"),
    ],
)
async def test_profiles_that_cant_be_taken(api: Api, ada: Actor, form: dict[str, str], text: str) -> None:
    token = await api.token(ada)
    before = (await api.get("/api/v1/accounts/verify_credentials", token)).json
    answer = await api.ask("PATCH", "/api/v1/accounts/update_credentials", token, form=form)
    assert answer.status == 422
    assert text in answer.error
    assert (await api.get("/api/v1/accounts/verify_credentials", token)).json == before


@pytest.mark.parametrize("form", ["hash", "array", "json"])
async def test_fields_in_every_form(api: Api, ada: Actor, form: str) -> None:
    token = await api.token(ada)
    path = "/api/v1/accounts/update_credentials"
    if form == "json":
        body = {"fields_attributes": [{"name": "a", "value": "1"}, {"name": "b", "value": "https://b.example"}]}
        answer = await api.ask("PATCH", path, token, json=body)
    else:
        first, second = ("0", "1") if form == "hash" else ("", "")
        raw = (
            f"fields_attributes[{first}][name]=a&fields_attributes[{first}][value]=1"
            f"&fields_attributes[{second}][name]=b&fields_attributes[{second}][value]=https://b.example"
        )
        answer = await api.ask(
            "PATCH", path, token, body=raw.encode(), content_type="application/x-www-form-urlencoded"
        )
    fields = answer.json["fields"]
    assert [one["name"] for one in fields] == ["a", "b"]
    assert 'href="https://b.example"' in fields[1]["value"]
    assert answer.json["source"]["fields"][1]["value"] == "https://b.example"


async def test_what_people_type_is_never_markup(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    evil = "<script>alert(1)</script>"
    me = (
        await api.ask(
            "PATCH",
            "/api/v1/accounts/update_credentials",
            token,
            json={
                "note": evil,
                "fields_attributes": [{"name": "x", "value": evil}],
            },
        )
    ).json
    assert "<script" not in me["note"] + me["fields"][0]["value"]
    assert "<script" not in (await api.post("/api/v1/statuses", token, json={"status": evil})).json["content"]


async def test_notifications_filter_and_agree(api: Api, ada: Actor, ben: Actor) -> None:
    post = await api.publish(ada, "mine")
    theirs, token = await api.token(ben), await api.token(ada)
    await api.post(f"/api/v1/statuses/{post.id}/favourite", theirs)
    await api.post(f"/api/v1/statuses/{post.id}/reblog", theirs)
    await api.post(f"/api/v1/accounts/{ada.id}/follow", theirs)
    chi = await api.person("chi")
    await api.post(f"/api/v1/statuses/{post.id}/favourite", await api.token(chi))
    secret = await api.publish(ben, "@ada hello", visibility="direct")

    async def kinds(query: str = "") -> list[str]:
        return [one["type"] for one in (await api.get(f"/api/v1/notifications?{query}", token)).json]

    assert await kinds() == ["mention", "favourite", "follow", "reblog", "favourite"]
    assert await kinds("types[]=follow&types[]=mention") == ["mention", "follow"]
    assert await kinds("exclude_types[]=favourite&limit=2") == ["mention", "follow"]
    assert await kinds(f"account_id={chi.id}") == ["favourite"]
    assert (await api.get("/api/v1/notifications/unread_count", token)).json == {"count": 5}

    grouped = (await api.get("/api/v2/notifications", token)).json
    shown = [(one["type"], one["notifications_count"]) for one in grouped["notification_groups"]]
    assert shown == [("mention", 1), ("favourite", 2), ("follow", 1), ("reblog", 1)]
    group = grouped["notification_groups"][1]
    assert isinstance(group["most_recent_notification_id"], int)
    assert group["sample_account_ids"] == [str(chi.id), str(ben.id)]
    assert group["status_id"] == str(post.id)
    assert {one["id"] for one in grouped["accounts"]} == {str(chi.id), str(ben.id)}
    assert {one["id"] for one in grouped["statuses"]} == {str(post.id), str(secret.id)}
    alone = (await api.get("/api/v2/notifications?grouped_types[]=follow&expand_accounts=partial_avatars", token)).json
    assert [one["notifications_count"] for one in alone["notification_groups"]] == [1] * 5
    names = [
        one["username"] for one in (await api.get(f"/api/v2/notifications/{group['group_key']}/accounts", token)).json
    ]
    assert names == ["chi", "ben"]
    assert (await api.get("/api/v2/notifications/unread_count", token)).json == {"count": 4}
    await api.post(f"/api/v2/notifications/{group['group_key']}/dismiss", token)
    assert await kinds() == ["mention", "follow", "reblog"]
    # The post of a notification that one may not see any more takes it along.
    await api.ask("DELETE", f"/api/v1/statuses/{secret.id}", theirs)
    assert await kinds() == ["follow", "reblog"]
    first = (await api.get("/api/v1/notifications", token)).json[0]
    assert (await api.get(f"/api/v1/notifications/{first['id']}", token)).json == first
    assert (await api.post(f"/api/v1/notifications/{first['id']}/dismiss", theirs)).status == 404
    await api.post(f"/api/v1/notifications/{first['id']}/dismiss", token)
    assert await kinds() == ["reblog"]
    for key in ("ungrouped-x", "ungrouped-1", "favourite-1", "x", "-", "ungrouped-" + "9" * 40):
        assert (await api.get(f"/api/v2/notifications/{key}", token)).status == 404


async def test_markers_move_one_by_one(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    assert (await api.get("/api/v1/markers?timeline[]=home", token)).json == {}
    for send in (
        {"form": {"home[last_read_id]": "12"}},
        {"json": {"home": {"last_read_id": "13"}}},
        {"json": {"notifications": {"last_read_id": 7}}},
    ):
        assert (await api.post("/api/v1/markers", token, **send)).status == 200
    told = (await api.get("/api/v1/markers?timeline[]=home&timeline[]=notifications", token)).json
    assert (told["home"]["last_read_id"], told["home"]["version"]) == ("13", 1)
    assert (told["notifications"]["last_read_id"], told["notifications"]["version"]) == ("7", 0)
    assert list((await api.get("/api/v1/markers?timeline=notifications", token)).json) == ["notifications"]
    assert (await api.post("/api/v1/markers", token, json={"home": {"last_read_id": "x"}})).status == 422
    assert (await api.post("/api/v1/markers", token, json={"home": {}})).status == 422


async def test_search_needs_no_network_for_what_is_typed(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    # Elk resolves each keystroke: with the network away, as here, that must still answer at once.
    for typed in ("a", "ad", "@ad", "!ad", "ada@", "@ada@alpha.example", "%", "_", "\\", "ünï"):
        answer = await api.get(
            f"/api/v2/search?q={msgspec.json.encode(typed)[1:-1].decode()}&resolve=true&type=accounts", token
        )
        assert answer.status in (200, 422), typed
    found = (await api.get("/api/v2/search?q=ada@alpha.example&resolve=true", token)).json
    assert [one["username"] for one in found["accounts"]] == ["ada"]
    assert (await api.get("/api/v2/search?q=a&resolve=true")).status == 401
    assert (await api.get("/api/v2/search?q=a")).status == 200
    assert (await api.get("/api/v2/search?q=nobody@nowhere.example&resolve=true", token)).json["accounts"] == []
    assert (await api.get("/api/v1/accounts/search?q=ad&resolve=true", token)).json[0]["id"] == str(ada.id)


async def test_tags_of_what_one_may_not_see_are_not_found(api: Api, ada: Actor, ben: Actor) -> None:
    await api.publish(ada, "#hushhush", visibility="followers")
    await api.publish(ada, "#hush")
    names = [one["name"] for one in (await api.get("/api/v2/search?q=hush", await api.token(ben))).json["hashtags"]]
    assert names == ["hush"]
    mine = [one["name"] for one in (await api.get("/api/v2/search?q=hush", await api.token(ada))).json["hashtags"]]
    assert mine == ["hush", "hushhush"]


async def test_a_private_post_is_not_found_by_its_address(api: Api, ada: Actor, ben: Actor) -> None:
    post = await api.publish(ada, "secret", visibility="direct")
    for person, number in ((ada, 1), (ben, 0)):
        found = (await api.get(f"/api/v2/search?q={post.iri}&resolve=true", await api.token(person))).json
        assert len(found["statuses"]) == number


async def test_pictures_are_there_for_everyone(api: Api, ada: Actor) -> None:
    shown = (await api.get(f"/api/v1/accounts/{ada.id}")).json
    for name in ("avatar", "avatar_static", "header", "header_static"):
        answer = await api.get(shown[name].removeprefix("https://alpha.example"))
        assert answer.status == 200
        assert answer.headers["content-type"] == "image/png"
        assert answer.body.startswith(b"\x89PNG")
    assert images.avatar() != images.group()


async def test_sign_up_by_an_app(api: Api) -> None:
    robot = await api.token(None, "write:accounts")
    said = {"username": "nova", "email": "nova@alpha.example", "password": "long enough", "agreement": "true"}
    # Closed unless the operator opens it.
    assert (await api.post("/api/v1/accounts", robot, form=said)).status == 403
    assert (await api.post("/api/v1/accounts", form=said)).status == 401


async def test_directory_and_several(api: Api, ada: Actor, ben: Actor) -> None:
    await api.publish(ada, "active")
    for query, names in (("", ["ada", "ben"]), ("?order=new", ["ben", "ada"]), ("?limit=1&offset=1", ["ben"])):
        assert [one["username"] for one in (await api.get(f"/api/v1/directory{query}")).json] == names
    found = (await api.get(f"/api/v1/accounts?id[]={ben.id}&id[]=7&id[]={ada.id}")).json
    assert [one["username"] for one in found] == ["ben", "ada"]
    assert (await api.get("/api/v1/accounts?" + "&".join(f"id[]={one}" for one in range(41)))).status == 422


async def test_familiar_followers(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    await api.follow(ada, ben)
    await api.follow(ben, chi)
    told = (await api.get(f"/api/v1/accounts/familiar_followers?id[]={chi.id}", await api.token(ada))).json
    assert [(one["id"], [other["username"] for other in one["accounts"]]) for one in told] == [(str(chi.id), ["ben"])]


async def test_a_hashtag_that_was_used_once_long_ago_is_found(api: Api) -> None:
    ada = await api.person("ada")
    wanted = await api.publish(ada, "the #rare one")
    for number in range(120):
        await api.publish(ada, f"post {number}")
    found = await api.get(f"/api/v1/accounts/{ada.id}/statuses?tagged=Rare")
    assert [one["id"] for one in found.json] == [str(wanted.id)]
    with_media = await api.get(f"/api/v1/accounts/{ada.id}/statuses?only_media=true")
    assert (with_media.json, with_media.link("next")) == ([], None)
