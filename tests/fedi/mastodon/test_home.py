"""What is in a home beside whom one follows: languages, groups, repetitions; edges of pages; and the pages of groups."""

from collections.abc import Awaitable, Callable

import pytest

from fedi.actions import lists, moderation, reactions
from storage import feeds, people
from storage.actors import Actor
from storage.posts import Post
from tests.conftest import Clock
from tests.fedi.mastodon.conftest import Answer, Api
from tests.fedi.mastodon.test_timelines import p, texts

HOME = "/api/v1/timelines/home"


def shown(answer: Answer) -> list[str]:
    """The ids of the posts of a page, of a boost those of what is boosted."""
    return [(one["reblog"] or one)["id"] for one in answer.json]


async def test_languages_of_a_follow(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    await api.post(f"/api/v1/accounts/{ben.id}/follow", token, json={"languages": ["de", "pt"]})
    for text, language in (("deutsch", "de"), ("english", "en"), ("brasileiro", "pt-BR"), ("unsaid", None)):
        await api.publish(ben, text, language=language)
    await api.publish(ada, "mine", language="en")
    assert texts(await api.get(HOME, token)) == p("mine", "unsaid", "brasileiro", "deutsch")


async def test_a_group_without_boosts_is_not_in_home(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("chess", ada)
    token = await api.token(ben)
    await api.post(f"/api/v1/accounts/{group.id}/follow", token, form={"reblogs": "false"})
    thread = await api.publish(ada, "@chess an opening")
    assert shown(await api.get(HOME, token)) == []
    # Still a member, and what is asked for is there.
    await api.publish(ben, "@chess another")
    list_id = (await api.post("/api/v1/lists", token, form={"title": "Chess"})).json["id"]
    await api.post(f"/api/v1/lists/{list_id}/accounts", token, json={"account_ids": [group.id]})
    assert shown(await api.get(f"/api/v1/timelines/list/{list_id}", token))[-1] == str(thread.id)


async def test_groups_out_of_home(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    group = await api.group("chess", ada)
    for one in (group, chi):
        await api.follow(ben, one)
    await api.follow(chi, group)
    token = await api.token(ben)
    stranger = await api.publish(ada, "@chess of nobody followed #endgame")
    friend = await api.publish(chi, "@chess of somebody followed")
    own = await api.publish(ben, "@chess my own")
    assert shown(await api.get(HOME, token)) == [str(one.id) for one in (own, friend, stranger)]
    await api.site.db.write(lambda tx: lists.set_groups_in_home(tx, api.site, ben, on=False))
    assert shown(await api.get(HOME, token)) == [str(one.id) for one in (own, friend)]
    await api.post("/api/v1/tags/endgame/follow", token)
    assert shown(await api.get(HOME, token)) == [str(one.id) for one in (own, friend)]
    await api.site.db.write(lambda tx: lists.set_groups_in_home(tx, api.site, ben, on=True))
    assert len(shown(await api.get(HOME, token))) == 3


async def test_other_settings_say_nothing_of_groups(api: Api, ben: Actor) -> None:
    said = {"note": '"groups_in_home":false', "language": "de"}
    await api.site.db.write(lambda tx: people.change(tx, ben.id, settings=said))
    assert api.site.db.read_now(lambda tx: feeds.wishes(tx, ben.id)).groups is True


async def test_whom_one_does_not_want_to_meet(api: Api, ada: Actor, ben: Actor) -> None:
    chi, dan = await api.person("chi"), await api.person("dan")
    for one in (ben, chi):
        await api.follow(ada, one)
    post = await api.publish(dan, "of dan")
    await api.site.db.write(lambda tx: reactions.boost(tx, api.site, ben, post))
    await api.publish(ben, "@dan what do you say?")
    await api.publish(ben, "of ben")
    token = await api.token(ada)
    assert texts(await api.get(HOME, token)) == [
        *p("of ben"),
        texts(await api.get(HOME, token))[1],
        "ben: <p>of dan</p>",
    ]
    await api.post(f"/api/v1/accounts/{dan.id}/mute", token)
    assert texts(await api.get(HOME, token)) == p("of ben")
    # Boosted by one who is muted, it was not seen: the next boost of it is news.
    await api.post(f"/api/v1/accounts/{dan.id}/unmute", token)
    await api.post(f"/api/v1/accounts/{ben.id}/mute", token)
    await api.site.db.write(lambda tx: reactions.boost(tx, api.site, chi, post))
    assert texts(await api.get(HOME, token)) == ["chi: <p>of dan</p>"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("limit=0", [9]),
        ("limit=-1", [9]),
        ("limit=99999999999999999999", list(range(9, -1, -1))),
        ("min_id={2}&max_id={7}&limit=2", [4, 3]),
        ("min_id={2}&max_id={4}", [3]),
        ("min_id={7}&max_id={2}", []),
        ("since_id={5}&max_id={8}&limit=1", [7]),
        ("since_id={2}&min_id={6}&limit=2", [8, 7]),
        ("min_id=0&limit=2", [1, 0]),
        ("max_id=0", []),
        ("max_id=-5", []),
    ],
)
async def test_edges_of_pages(api: Api, ada: Actor, query: str, found: list[int]) -> None:
    posts = [await api.publish(ada, str(number)) for number in range(10)]
    token = await api.token(ada)
    asked = query.format(*(post.id for post in posts))
    for path in (HOME, "/api/v1/timelines/public", f"/api/v1/accounts/{ada.id}/statuses"):
        answer = await api.get(f"{path}?{asked}&local=true", token)
        assert texts(answer) == p(*found), path
        assert (answer.link("next") is None) == (not found)
        if found:
            assert "local=true" in str(answer.link("next"))
            assert f"max_id={posts[found[-1]].id}" in str(answer.link("next"))
            assert f"min_id={posts[found[0]].id}" in str(answer.link("prev"))


# The page of a group: its threads, last active first.


async def threads(api: Api, ada: Actor, ben: Actor, **values: str) -> tuple[Actor, list[Post]]:
    """A group with four threads, of which the second and then the first got an answer last."""
    group = await api.group("chess", ada, **values)
    await api.follow(ben, group)
    begun = [await api.publish(ada, f"@chess thread {number}") for number in range(4)]
    for number in (1, 0):
        await api.publish(ben, "an answer", reply_to_id=begun[number].id)
    return group, begun


async def test_a_group_s_page_has_its_threads_last_active_first(api: Api, ada: Actor, ben: Actor) -> None:
    group, begun = await threads(api, ada, ben)
    path = f"/api/v1/accounts/{group.id}/statuses"
    answer = await api.get(path)
    ordered = [str(begun[number].id) for number in (0, 1, 3, 2)]
    assert shown(answer) == ordered
    ids = [int(one["id"]) for one in answer.json]
    assert ids == sorted(ids, reverse=True)  # clients sort by them
    assert all(one < 2**63 for one in ids)
    times = [one["created_at"] for one in answer.json]
    assert times == sorted(times, reverse=True)
    for one in answer.json:
        assert (one["account"]["username"], one["reblog"]["account"]["username"]) == ("chess", "ada")
        # Each id leads to its thread, as any id of a status.
        again = (await api.get(f"/api/v1/statuses/{one['id']}")).json
        assert again == one
        below = (await api.get(f"/api/v1/statuses/{one['id']}/context")).json["descendants"]
        assert len(below) == (1 if one["reblog"]["replies_count"] else 0)
    # In a home a thread stays where it came first.
    home = await api.get(HOME, await api.token(ben))
    assert shown(home)[-4:] == [str(post.id) for post in reversed(begun)]


async def by_link(api: Api, path: str) -> list[str]:
    """Everything, by the Link header."""
    found: list[str] = []
    link: str | None = f"{path}?limit=1"
    while link is not None and len(found) < 10:  # rather than for ever
        answer = await api.get(link)
        found += shown(answer)
        link = answer.link("next")
    return found


async def by_ids(api: Api, path: str) -> list[str]:
    """Everything, by the id of what came last, as Ice Cubes pages."""
    found: list[str] = []
    answer = await api.get(f"{path}?limit=1")
    while answer.json and len(found) < 10:
        found += shown(answer)
        answer = await api.get(f"{path}?limit=1&max_id={answer.json[-1]['id']}")
    return found


@pytest.mark.parametrize("way", [by_link, by_ids])
async def test_paging_through_a_group(
    api: Api, ada: Actor, ben: Actor, way: Callable[[Api, str], Awaitable[list[str]]]
) -> None:
    group, begun = await threads(api, ada, ben)
    found = await way(api, f"/api/v1/accounts/{group.id}/statuses")
    assert found == [str(begun[number].id) for number in (0, 1, 3, 2)]


async def test_upwards_in_a_group(api: Api, ada: Actor, ben: Actor) -> None:
    group, begun = await threads(api, ada, ben)
    path = f"/api/v1/accounts/{group.id}/statuses"
    whole = (await api.get(path)).json
    last, first = whole[-1]["id"], whole[0]["id"]
    assert shown(await api.get(f"{path}?min_id={last}&limit=2")) == [str(begun[1].id), str(begun[3].id)]
    assert shown(await api.get(f"{path}?min_id={last}&max_id={first}")) == [str(begun[1].id), str(begun[3].id)]
    assert shown(await api.get(f"{path}?since_id={last}&limit=2")) == [str(begun[0].id), str(begun[1].id)]
    newer = (await api.get(path)).link("prev")
    assert newer is not None
    assert (await api.get(newer)).json == []
    # What got an answer since is new above the cursor.
    await api.publish(ben, "one more", reply_to_id=begun[2].id)
    assert shown(await api.get(newer)) == [str(begun[2].id)]
    assert shown(await api.get(path))[0] == str(begun[2].id)


async def test_what_else_is_asked_of_a_group_s_page(api: Api, ada: Actor, ben: Actor) -> None:
    group, begun = await threads(api, ada, ben)
    tagged = await api.publish(ada, "@chess #Endgame")
    path = f"/api/v1/accounts/{group.id}/statuses"
    assert (await api.get(f"{path}?exclude_reblogs=true")).json == []
    assert (await api.get(f"{path}?only_media=true")).json == []
    assert shown(await api.get(f"{path}?tagged=ENDGAME")) == [str(tagged.id)]
    assert len(shown(await api.get(f"{path}?exclude_replies=true"))) == 5
    await api.site.db.write(lambda tx: moderation.pin(tx, api.site, ada, group, begun[2]))
    pinned = (await api.get(f"{path}?pinned=true")).json
    assert [one["id"] for one in pinned] == [str(begun[2].id)]
    account = (await api.get(f"/api/v1/accounts/{group.id}")).json
    assert account["statuses_count"] == 5  # threads, no answers
    assert account["last_status_at"] is not None
    # What a moderator took out is gone, with the places that its answers held.
    place = (await api.get(path)).json[1]["id"]
    await api.site.db.write(lambda tx: moderation.remove(tx, api.site, ada, begun[0], ""))
    assert str(begun[0].id) not in shown(await api.get(path))
    assert (await api.get(f"/api/v1/statuses/{place}")).status == 404


async def test_a_members_only_group_s_page(api: Api, ada: Actor, ben: Actor) -> None:
    group, _ = await threads(api, ada, ben, see="members")
    path = f"/api/v1/accounts/{group.id}/statuses"
    token = await api.token(ben)
    found = (await api.get(path, token)).json
    assert len(found) == 4
    for one in found:
        assert (one["visibility"], one["reblog"]["visibility"]) == ("private", "private")
    inner, place = found[0]["reblog"]["id"], found[0]["id"]
    for number in (inner, place):
        assert (await api.post(f"/api/v1/statuses/{number}/reblog", token)).status in (404, 422)
    outsider = await api.person("chi")
    for caller in (None, await api.token(outsider)):
        assert (await api.get(path, caller)).json == []
        for number in (inner, place):
            for what in ("", "/context", "/favourited_by"):
                assert (await api.get(f"/api/v1/statuses/{number}{what}", caller)).status == 404


async def test_an_answer_of_somebody_blocked_moves_nothing_up(api: Api, ada: Actor, ben: Actor, clock: Clock) -> None:
    group, begun = await threads(api, ada, ben)
    chi = await api.person("chi")
    token = await api.token(chi)
    path = f"/api/v1/accounts/{group.id}/statuses"
    await api.post(f"/api/v1/accounts/{chi.id}/block", await api.token(ben))
    # Ben's answers are not shown to chi, so for chi the threads stand where they began.
    assert shown(await api.get(path, token)) == [str(post.id) for post in reversed(begun)]


# Markers.


async def test_markers(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    path = "/api/v1/markers"
    assert (await api.get(f"{path}?timeline[]=home", token)).json == {}
    first = (await api.post(path, token, json={"home": {"last_read_id": "5"}})).json
    assert (first["home"]["last_read_id"], first["home"]["version"]) == ("5", 0)
    second = (await api.post(path, token, form={"notifications[last_read_id]": "7", "home[last_read_id]": "6"})).json
    assert (second["home"]["version"], second["notifications"]["version"]) == (1, 0)
    # A part moves alone.
    await api.post(path, token, json={"notifications": {"last_read_id": 8}})
    both = (await api.get(f"{path}?timeline[]=home&timeline[]=notifications", token)).json
    assert {name: (one["last_read_id"], one["version"]) for name, one in both.items()} == {
        "home": ("6", 1),
        "notifications": ("8", 1),
    }
    assert list((await api.get(f"{path}?timeline=home", token)).json) == ["home"]
    # Two clients at once: who moves it from where it is no more is told so, and nothing moves.
    stale = await api.post(path, token, json={"home": {"last_read_id": "9", "version": 0}})
    assert (stale.status, stale.error) == (409, "Conflict during update, please try again")
    assert (await api.get(f"{path}?timeline[]=home", token)).json["home"] == both["home"]
    assert (await api.post(path, token, json={"home": {"last_read_id": "9", "version": 1}})).json["home"][
        "version"
    ] == 2
    for wrong in ("abc", "", "-1", "1" * 30):
        assert (await api.post(path, token, json={"home": {"last_read_id": wrong}})).status == 422
    assert (await api.post(path, token, json={})).json == {}
    assert (await api.get(path, await api.token(ada, "write:statuses"))).status == 403
