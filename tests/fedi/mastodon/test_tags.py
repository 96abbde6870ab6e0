"""Hashtags: looked up, followed, featured; their timelines; and what of them comes into a home."""

from typing import Any
from urllib.parse import quote

import pytest

from fedi.actions import reactions
from storage.actors import Actor
from tests.conftest import Clock
from tests.fedi.mastodon.conftest import Api
from tests.fedi.mastodon.test_timelines import texts

HOME = "/api/v1/timelines/home"
FEATURED = "/api/v1/featured_tags"


async def ids(api: Api, path: str, token: str | None = None) -> list[str]:
    """The ids of a page of statuses."""
    return [one["id"] for one in (await api.get(path, token)).json]


async def test_a_tag_and_its_week(api: Api, ada: Actor, ben: Actor, clock: Clock) -> None:
    group = await api.group("closed", ada, see="members")
    await api.publish(ada, "too long ago #Fedi")
    clock.pass_(days=8)
    await api.publish(ada, "#fedi one")
    await api.publish(ben, "#FEDI two")
    clock.pass_(days=2)
    await api.publish(ada, "three #fedi")
    # Neither for everyone nor counted.
    await api.publish(ada, "#fedi unlisted", visibility="unlisted")
    await api.publish(ada, f"@{group.username} #fedi")
    await api.publish(ada, "#fedi for followers", visibility="followers")
    token = await api.token(ada)
    found = (await api.get("/api/v1/tags/FeDi", token)).json
    assert found["name"] == "fedi"
    assert found["url"] == "https://alpha.example/tags/fedi"
    assert found["id"].isdigit()
    assert (found["following"], found["featuring"]) == (False, False)
    assert len(found["history"]) == 7
    days = [int(day["day"]) for day in found["history"]]
    assert days == [days[0] - 86400 * back for back in range(7)]
    assert days[0] % 86400 == 0
    told = {back: (day["uses"], day["accounts"]) for back, day in enumerate(found["history"])}
    assert told == {0: ("1", "1"), 2: ("2", "2")} | dict.fromkeys((1, 3, 4, 5, 6), ("0", "0"))
    without = (await api.get("/api/v1/tags/fedi")).json
    assert "following" not in without
    assert "featuring" not in without
    assert (await api.get("/api/v1/tags/nobodyusedit", token)).json["history"][0]["uses"] == "0"


@pytest.mark.parametrize("name", ["2026", "two words", "a-b", "x" * 101])
async def test_what_is_no_hashtag(api: Api, ada: Actor, name: str) -> None:
    token = await api.token(ada)
    path = f"/api/v1/tags/{name}"
    for answer in (await api.get(path, token), await api.post(f"{path}/follow", token)):
        assert (answer.status, answer.error) == (404, "Record not found")
    assert (await api.get("/api/v1/followed_tags", token)).json == []


async def test_following_hashtags(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    for name in ("one", "Two", "three"):
        followed = (await api.post(f"/api/v1/tags/{name}/follow", token)).json
        assert (followed["name"], followed["following"]) == (name.lower(), True)
    assert (await api.post("/api/v1/tags/TWO/follow", token)).json["following"] is True  # again is nothing
    answer = await api.get("/api/v1/followed_tags?limit=2", token)
    assert [one["name"] for one in answer.json] == ["three", "two"]
    following = answer.link("next")
    assert following is not None
    last = await api.get(following, token)
    assert [one["name"] for one in last.json] == ["one"]
    newer = last.link("prev")
    assert newer is not None
    assert [one["name"] for one in (await api.get(newer, token)).json] == ["three", "two"]
    assert (await api.post("/api/v1/tags/two/unfollow", token)).json["following"] is False
    assert [one["name"] for one in (await api.get("/api/v1/followed_tags", token)).json] == ["three", "one"]


async def test_scopes_of_hashtags(api: Api, ada: Actor) -> None:
    reads, writes = await api.token(ada, "read"), await api.token(ada, "write:follows")
    assert (await api.get("/api/v1/followed_tags", writes)).status == 403
    assert (await api.get("/api/v1/followed_tags")).status == 401
    assert (await api.post("/api/v1/tags/x/follow", reads)).status == 403
    assert (await api.post("/api/v1/tags/x/follow", writes)).status == 200
    assert (await api.post("/api/v1/tags/x/feature", writes)).status == 403
    assert (await api.post(FEATURED, writes, form={"name": "x"})).status == 403


async def test_a_followed_hashtag_comes_into_home_once(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    await api.follow(ada, ben)
    token = await api.token(ada)
    await api.post("/api/v1/tags/Fedi/follow", token)
    both = await api.publish(ben, "of one followed #fedi")
    post = await api.publish(chi, "of a stranger #FEDI #more")
    await api.post("/api/v1/tags/more/follow", token)
    await api.publish(chi, "unlisted #fedi", visibility="unlisted")
    await api.publish(chi, "for followers #fedi", visibility="followers")
    await api.publish(chi, "of something else")
    assert await ids(api, HOME, token) == [str(post.id), str(both.id)]
    # It was there already: a boost of it by somebody followed is not shown again.
    await api.site.db.write(lambda tx: reactions.boost(tx, api.site, ben, post))
    assert await ids(api, HOME, token) == [str(post.id), str(both.id)]
    for query, found in (
        ("limit=1", [post.id]),
        (f"max_id={post.id}", [both.id]),
        (f"min_id={both.id}", [post.id]),
        (f"min_id={both.id - 1}&limit=1", [both.id]),
        (f"since_id={post.id}", []),
    ):
        assert await ids(api, f"{HOME}?{query}", token) == [str(one) for one in found], query
    await api.post("/api/v1/tags/fedi/unfollow", token)
    await api.post("/api/v1/tags/more/unfollow", token)
    home = (await api.get(HOME, token)).json
    assert [(one["reblog"] or one)["id"] for one in home] == [str(post.id), str(both.id)]
    assert home[0]["reblog"] is not None


async def test_many_followed_hashtags_page_whole(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    written = []
    for number in range(12):
        await api.post(f"/api/v1/tags/tag{number % 5}/follow", token)
        written.append(await api.publish(ben, f"{number} #tag{number % 5}"))
        written.append(await api.publish(ada, f"own {number}"))
    found: list[str] = []
    link: str | None = f"{HOME}?limit=5"
    while link is not None:
        answer = await api.get(link, token)
        found += [one["id"] for one in answer.json]
        link = answer.link("next")
    assert found == [str(post.id) for post in reversed(written)]


async def test_whom_one_does_not_want_to_meet(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    await api.post("/api/v1/tags/fedi/follow", token)
    await api.publish(ben, "#fedi")
    for path in (HOME, "/api/v1/timelines/tag/fedi", "/api/v1/timelines/public"):
        assert len(await ids(api, path, token)) == 1
    await api.post(f"/api/v1/accounts/{ben.id}/mute", token)
    for path in (HOME, "/api/v1/timelines/tag/fedi", "/api/v1/timelines/public"):
        assert await ids(api, path, token) == []
    assert len(await ids(api, "/api/v1/timelines/tag/fedi")) == 1
    # On their own page they are read all the same.
    assert len(await ids(api, f"/api/v1/accounts/{ben.id}/statuses", token)) == 1


async def test_the_timeline_of_several_tags(api: Api, ada: Actor) -> None:
    for text in ("#a", "#b", "#a #b", "#a #c", "#a #b #c"):
        await api.publish(ada, text)

    async def found(query: str) -> list[str]:
        shown = texts(await api.get(f"/api/v1/timelines/tag/{query}"))
        return [" ".join(word for word in ("a", "b", "c") if f"<span>{word}</span>" in text) for text in shown]

    assert await found("A") == ["a b c", "a c", "a b", "a"]
    assert await found("a?any[]=b") == ["a b c", "a c", "a b", "b", "a"]
    assert await found("a?all[]=B") == ["a b c", "a b"]
    assert await found("a?all[]=b&all[]=c") == ["a b c"]
    assert await found("a?none[]=c") == ["a b", "a"]
    assert await found("a?any[]=b&none[]=c&limit=2") == ["a b", "b"]
    assert await found("a?local=true&limit=1") == ["a b c"]
    assert await found("a?remote=true") == []
    assert await found("a?only_media=true") == []
    first = await api.get("/api/v1/timelines/tag/a?any[]=b&limit=2")
    following = first.link("next")
    assert following is not None
    assert "any%5B%5D=b" in following
    assert len((await api.get(following)).json) == 2


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("Füße", "FÜßE"),
        ("Ärger", "A\u0308rger"),  # composed and combining
        ("ＦＥＤＩ", "fedi"),  # full width
        ("ΑΘΗΝΑ", "αθηνα"),
        ("日本語", "日本語"),
    ],
)
async def test_hashtags_in_other_letters(api: Api, ada: Actor, typed: str, asked: str) -> None:
    post = await api.publish(ada, f"#{typed}")
    answer = await api.get(f"/api/v1/timelines/tag/{asked}")
    assert [one["id"] for one in answer.json] == [str(post.id)]
    assert answer.link("next") == f"/api/v1/timelines/tag/{quote(asked)}?max_id={post.id}"
    token = await api.token(ada)
    await api.post(f"/api/v1/tags/{asked}/follow", token)
    found = (await api.get(f"/api/v1/tags/{typed}", token)).json
    assert (found["following"], found["history"][0]["uses"]) == (True, "1")


async def test_featuring_hashtags(api: Api, ada: Actor, ben: Actor) -> None:
    token, other = await api.token(ada), await api.token(ben)
    group = await api.group("closed", ada, see="members")
    await api.publish(ada, "#Fedi")
    await api.publish(ada, f"@{group.username} #fedi #secret")
    await api.publish(ada, "#fedi", visibility="followers")
    made = (await api.post(FEATURED, token, form={"name": "#Fedi"})).json
    assert made["name"] == "Fedi"
    assert made["statuses_count"] == "3"  # of one's own one sees all
    assert len(made["last_status_at"]) == len("2026-11-23")
    assert made["url"] == "https://alpha.example/tags/fedi"
    secret = (await api.post("/api/v1/tags/secret/feature", token)).json
    assert secret["featuring"] is True
    assert (await api.post("/api/v1/tags/secret/feature", token)).status == 200  # again is nothing
    path = f"/api/v1/accounts/{ada.id}/featured_tags"
    for caller in (None, other):
        shown = {one["name"]: one for one in (await api.get(path, caller)).json}
        assert {name: one["statuses_count"] for name, one in shown.items()} == {"Fedi": "1", "secret": "0"}
        assert shown["secret"]["last_status_at"] is None
    assert [one["statuses_count"] for one in (await api.get(FEATURED, token)).json] == ["3", "1"]
    assert (await api.get(FEATURED, other)).json == []
    assert (await api.ask("DELETE", f"{FEATURED}/{made['id']}", other)).status == 404
    assert (await api.ask("DELETE", f"{FEATURED}/{made['id']}", token)).json == {}
    assert (await api.post("/api/v1/tags/secret/unfeature", token)).json["featuring"] is False
    assert (await api.get(path)).json == []


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("", "Validation failed: Name can't be blank"),
        ("two words", "Validation failed: Name is invalid"),
        ("2026", "Validation failed: Name is invalid"),
        ("KNOWN", "Validation failed: Name has already been taken"),
    ],
)
async def test_what_can_not_be_featured(api: Api, ada: Actor, name: str, error: str) -> None:
    token = await api.token(ada)
    await api.post(FEATURED, token, form={"name": "known"})
    answer = await api.post(FEATURED, token, form={"name": name})
    assert (answer.status, answer.error) == (422, error)


async def test_ten_hashtags_on_a_profile(api: Api, ada: Actor) -> None:
    told: dict[str, Any] = (await api.get("/api/v2/instance")).json
    most = told["configuration"]["accounts"]["max_featured_tags"]
    assert most == 10
    token = await api.token(ada)
    for number in range(most):
        assert (await api.post(FEATURED, token, form={"name": f"tag{number}"})).status == 200
    answer = await api.post(FEATURED, token, form={"name": "onemore"})
    assert answer.status == 422
    assert answer.error == "Validation failed: You have already featured the maximum number of hashtags"


async def test_suggestions_are_what_one_uses_in_public(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    for text in ("#often", "#often #seldom", "#featured"):
        await api.publish(ada, text)
    await api.publish(ada, "#secret", visibility="followers")
    await api.post(FEATURED, token, form={"name": "featured"})
    found = (await api.get(f"{FEATURED}/suggestions", token)).json
    assert [one["name"] for one in found] == ["often", "seldom"]


async def test_posts_about_a_page(api: Api, ada: Actor) -> None:
    for query in ("", "?url=", f"?url={quote('https://example.org/nobody/links/it')}"):
        answer = await api.get(f"/api/v1/timelines/link{query}")
        assert (answer.status, answer.json) == (200, [])
