"""Pages of timelines: every parameter at its edges, Link headers, and a thread once in a home."""

import pytest

from fedi.actions import follows, reactions
from storage import timelines
from storage.actors import Actor
from storage.posts import Post
from storage.timelines import Entry
from tests.conftest import Clock
from tests.fedi.mastodon.conftest import Answer, Api

HOME = "/api/v1/timelines/home"


def texts(answer: Answer) -> list[str]:
    """The texts of a page of statuses; of a boost `booster: text`."""
    return [
        f"{one['account']['username']}: {one['reblog']['content']}" if one["reblog"] else one["content"]
        for one in answer.json
    ]


def p(*words: object) -> list[str]:
    """The same as paragraphs."""
    return [f"<p>{word}</p>" for word in words]


async def some(api: Api, author: Actor, number: int) -> list[Post]:
    """Posts 0, 1, 2, …"""
    return [await api.publish(author, str(one)) for one in range(number)]


async def test_all_paging_parameters(api: Api, ada: Actor) -> None:
    posts = await some(api, ada, 10)
    token = await api.token(ada)
    ids = [post.id for post in posts]

    async def page(query: str) -> list[str]:
        return texts(await api.get(f"{HOME}?{query}", token))

    assert await page("limit=3") == p(9, 8, 7)
    assert await page(f"limit=3&max_id={ids[5]}") == p(4, 3, 2)
    assert await page(f"limit=3&since_id={ids[2]}") == p(9, 8, 7)
    assert await page(f"limit=3&min_id={ids[2]}") == p(5, 4, 3)
    assert await page(f"max_id={ids[5]}&since_id={ids[2]}") == p(4, 3)
    assert await page(f"max_id={ids[5]}&min_id={ids[2]}") == p(4, 3)
    assert await page(f"min_id={ids[9]}") == []
    assert await page(f"max_id={ids[0]}") == []
    assert await page(f"max_id={'9' * 40}&limit=1") == p(9)
    assert await page("max_id=&limit=&since_id=") == p(*range(9, -1, -1))
    assert await page("limit=0") == p(9)
    assert len(await page("limit=1000")) == 10


@pytest.mark.parametrize("query", ["max_id=abc", "limit=x", "min_id=1.5", "max_id[a]=1"])
async def test_parameters_that_are_no_numbers(api: Api, ada: Actor, query: str) -> None:
    assert (await api.get(f"{HOME}?{query}", await api.token(ada))).status == 422


async def test_links_lead_through_everything_and_end(api: Api, ada: Actor) -> None:
    await some(api, ada, 7)
    token = await api.token(ada)
    found: list[str] = []
    link: str | None = f"{HOME}?limit=3&local=false"
    pages = 0
    while link is not None:
        answer = await api.get(link, token)
        found += texts(answer)
        pages += 1
        link = answer.link("next")
        assert link is None or "local=false" in link
        assert link is None or "access_token" not in link
    assert found == p(*range(6, -1, -1))
    assert pages == 4

    answer = await api.get(f"{HOME}?limit=3&max_id={answer.json[0]['id'] if answer.json else 2**62}", token)
    newer = answer.link("prev")
    assert newer is not None
    assert (await api.get(newer, token)).json == []
    new = await api.publish(ada, "new")
    assert [one["id"] for one in (await api.get(newer, token)).json] == [str(new.id)]


async def test_home_is_what_one_follows(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    await api.follow(ada, ben)
    theirs = await api.publish(ben, "followed")
    other = await api.publish(chi, "not followed")
    await api.publish(ben, "to a stranger", reply_to_id=other.id)
    await api.publish(ben, "to myself", reply_to_id=theirs.id)
    await api.publish(ada, "mine")
    await api.publish(ben, "@ada direct", visibility="direct")
    await api.publish(ben, "for followers", visibility="followers")
    token = await api.token(ada)
    assert texts(await api.get(HOME, token)) == p("for followers", "mine", "to myself", "followed")
    await api.site.db.write(lambda tx: follows.unfollow(tx, api.site, ada, ben))
    assert texts(await api.get(HOME, token)) == p("mine")


async def test_a_thread_is_there_once(api: Api, ada: Actor, ben: Actor, clock: Clock) -> None:
    chi = await api.person("chi")
    group = await api.group("mlops", chi)
    for person in (ada, ben):
        await api.follow(person, group)
    await api.follow(ada, ben)
    post = await api.publish(ben, "@mlops a question")
    token = await api.token(ada)
    home = (await api.get(HOME, token)).json
    # Ada follows the author too: his own entry came first, the group's boost is left out.
    assert [(one["account"]["username"], (one["reblog"] or one)["id"]) for one in home] == [("ben", str(post.id))]
    # Chi follows the group alone.
    home = (await api.get(HOME, await api.token(chi))).json
    assert [(one["account"]["username"], one["reblog"]["id"]) for one in home] == [("mlops", str(post.id))]
    # Boosted again at once: still once. Days later it is news again.
    dan = await api.person("dan")
    await api.follow(ada, dan)
    await api.site.db.write(lambda tx: reactions.boost(tx, api.site, dan, post))
    assert len((await api.get(HOME, token)).json) == 1
    clock.pass_(days=4)
    eve = await api.person("eve")
    await api.follow(ada, eve)
    await api.site.db.write(lambda tx: reactions.boost(tx, api.site, eve, post))
    home = (await api.get(HOME, token)).json
    assert [one["account"]["username"] for one in home] == ["eve", "ben"]


async def test_a_page_is_full_although_repeats_were_left_out(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("mlops", ben)
    await api.follow(ada, group)
    await api.follow(ada, ben)
    for number in range(6):
        await api.publish(ben, f"@mlops {number}")
    token = await api.token(ada)
    first = await api.get(f"{HOME}?limit=3", token)
    assert len(first.json) == 3
    link = first.link("next")
    assert link is not None
    second = await api.get(link, token)
    ids = [one["id"] for one in first.json + second.json]
    assert len(set(ids)) == 6
    back = second.link("prev")
    assert back is not None
    assert [one["id"] for one in (await api.get(back, token)).json] == ids[:3]


async def test_a_groups_boost_of_a_reply_is_not_in_home(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("mlops", ben)
    await api.follow(ada, group)
    post = await api.publish(ben, "@mlops thread")
    reply = await api.publish(ben, "a reply", reply_to_id=post.id)
    # As a group elsewhere does that announces every comment to microblogs.
    boost_id = api.site.new_id()
    await api.site.db.write(lambda tx: timelines.insert(tx, Entry(group.id, boost_id, reply.id, True, ben.id)))
    shown = [(one["reblog"] or one)["id"] for one in (await api.get(HOME, await api.token(ada))).json]
    assert shown == [str(post.id)]


async def test_reblogs_of_who_is_followed_without_them(api: Api, ada: Actor, ben: Actor) -> None:
    post = await api.publish(await api.person("chi"), "x")
    await api.site.db.write(lambda tx: reactions.boost(tx, api.site, ben, post))
    token = await api.token(ada)
    relationship = (await api.post(f"/api/v1/accounts/{ben.id}/follow", token, form={"reblogs": "false"})).json
    assert relationship["showing_reblogs"] is False
    assert (await api.get(HOME, token)).json == []
    await api.post(f"/api/v1/accounts/{ben.id}/follow", token, json={"reblogs": True})
    assert texts(await api.get(HOME, token)) == ["ben: <p>x</p>"]


async def test_public_local_and_tag(api: Api, ada: Actor) -> None:
    await api.publish(ada, "all #One")
    await api.publish(ada, "few #one", visibility="unlisted")
    await api.publish(ada, "none #one", visibility="followers")
    for path in ("public", "public?local=true", "tag/one", "tag/ONE?local=1"):
        assert len((await api.get(f"/api/v1/timelines/{path}")).json) == 1, path
    assert (await api.get("/api/v1/timelines/public?remote=true")).json == []
    assert (await api.get("/api/v1/timelines/public?only_media=true")).json == []
    assert (await api.get("/api/v1/timelines/tag/nothing")).json == []
    assert "favourited" not in (await api.get("/api/v1/timelines/public")).json[0]


async def test_there_are_no_lists(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    assert (await api.get("/api/v1/lists", token)).json == []
    assert (await api.get("/api/v1/timelines/list/1", token)).status == 404
    assert (await api.get("/api/v1/timelines/list/1")).status == 401


async def test_bookmarks_and_favourites_page_by_their_own_ids(api: Api, ada: Actor) -> None:
    posts = await some(api, ada, 4)
    token = await api.token(ada)
    order = (2, 0, 3, 1)
    for number in order:
        await api.post(f"/api/v1/statuses/{posts[number].id}/bookmark", token)
        await api.post(f"/api/v1/statuses/{posts[number].id}/favourite", token)
    for name in ("bookmarks", "favourites"):
        first = await api.get(f"/api/v1/{name}?limit=3", token)
        assert texts(first) == p(1, 3, 0)
        second = await api.get(first.link("next") or "", token)
        assert texts(second) == p(2)
        assert texts(await api.get(second.link("prev") or "", token)) == p(1, 3, 0)
