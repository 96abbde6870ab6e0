"""Conversations: who has which, what is last and unread in them, and what becomes of them when a post goes."""

import importlib
from typing import Any

from sqlalchemy import delete, select

from fedi.actions import blocks, posts
from fedi.mastodon.entities.conversation import conversation
from storage import posts as post_rows
from storage.actors import Actor
from storage.conversations import conversations
from storage.metadata import Tx
from storage.posts import Post
from tests.fedi.mastodon.conftest import Api

PATH = "/api/v1/conversations"


async def listed(api: Api, token: str, query: str = "") -> list[Any]:
    """The conversations of whose token this is."""
    answer = await api.get(PATH + query, token)
    assert answer.status == 200
    found: list[Any] = answer.json
    return found


async def direct(api: Api, author: Actor, text: str, answers: Post | None = None) -> Post:
    """A direct message."""
    return await api.publish(author, text, visibility="direct", reply_to_id=answers.id if answers else None)


async def test_both_sides_have_it_and_only_they(api: Api, ada: Actor, ben: Actor) -> None:
    hers, his = await api.token(ada), await api.token(ben)
    chi = await api.token(await api.person("chi"))
    await api.publish(ada, "@ben in public")
    first = await direct(api, ada, "@ben psst")
    (mine,) = await listed(api, hers)
    (yours,) = await listed(api, his)
    assert (mine["unread"], yours["unread"]) == (False, True)
    assert [one["username"] for one in mine["accounts"]] == ["ben"]
    assert [one["username"] for one in yours["accounts"]] == ["ada"]
    assert mine["last_status"]["id"] == yours["last_status"]["id"] == str(first.id)
    assert mine["id"] != yours["id"]
    assert await listed(api, chi) == []
    answer = await direct(api, ben, "@ada what?", first)
    (mine,), (yours,) = await listed(api, hers), await listed(api, his)
    assert (mine["unread"], yours["unread"]) == (True, False)
    assert mine["last_status"]["id"] == str(answer.id)
    read = (await api.post(f"{PATH}/{mine['id']}/read", hers)).json
    assert (read["id"], read["unread"]) == (mine["id"], False)
    assert (await api.post(f"{PATH}/{mine['id']}/unread", hers)).json["unread"] is True
    # Others can't, and it is not there for them.
    for method, path in (("POST", "/read"), ("POST", "/unread"), ("DELETE", "")):
        assert (await api.ask(method, f"{PATH}/{mine['id']}{path}", his)).status == 404
    assert (await api.post(f"{PATH}/{mine['id']}/read", await api.token(ada, "read"))).status == 403
    assert (await api.get(PATH, await api.token(ada, "write"))).status == 403


async def test_other_people_are_another_conversation(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    await api.person("chi")
    first = await direct(api, ada, "@ben psst")
    await direct(api, ada, "@ben @chi both", first)
    alone = await direct(api, ada, "a note to myself")
    found = await listed(api, token)
    assert [sorted(one["username"] for one in each["accounts"]) for each in found] == [["ada"], ["ben", "chi"], ["ben"]]
    assert found[0]["last_status"]["id"] == str(alone.id)
    assert found[0]["unread"] is False
    assert len(await listed(api, await api.token(ben))) == 2


async def test_the_one_before_is_last_when_the_last_goes(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    first = await direct(api, ada, "@ben one")
    second = await direct(api, ben, "@ada two", first)
    await api.site.db.write(lambda tx: posts.delete(tx, api.site, second, ben))
    (left,) = await listed(api, token)
    assert left["last_status"]["id"] == str(first.id)
    await api.site.db.write(lambda tx: posts.delete(tx, api.site, first, ada))
    assert await listed(api, token) == []
    assert await listed(api, await api.token(ben)) == []


async def test_deleting_takes_it_off_the_own_list_until_there_is_news(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    first = await direct(api, ben, "@ada one")
    (one,) = await listed(api, token)
    assert (await api.ask("DELETE", f"{PATH}/{one['id']}", token)).json == {}
    assert await listed(api, token) == []
    assert len(await listed(api, await api.token(ben))) == 1
    assert (await api.get(f"/api/v1/statuses/{first.id}", token)).status == 200
    await direct(api, ben, "@ada two", first)
    assert [each["unread"] for each in await listed(api, token)] == [True]


async def test_pages_are_by_the_last_posts(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    sent = [await direct(api, ben, f"@ada {n}") for n in range(5)]
    answer = await api.get(f"{PATH}?limit=2", token)
    assert [one["last_status"]["id"] for one in answer.json] == [str(sent[4].id), str(sent[3].id)]
    following = answer.link("next")
    assert following is not None
    assert f"max_id={sent[3].id}" in following
    older = await api.get(following, token)
    assert [one["last_status"]["id"] for one in older.json] == [str(sent[2].id), str(sent[1].id)]
    newer = await api.get(f"{PATH}?limit=2&min_id={sent[0].id}", token)
    assert [one["last_status"]["id"] for one in newer.json] == [str(sent[2].id), str(sent[1].id)]
    assert (await api.get(f"{PATH}?since_id={sent[4].id}", token)).link("next") is None


async def test_whom_one_blocks_is_not_in_the_list(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    await direct(api, ben, "@ada hello")
    await direct(api, await api.person("chi"), "@ada hello")
    await api.site.db.write(lambda tx: blocks.block(tx, api.site, ada, ben))
    assert [one["accounts"][0]["username"] for one in await listed(api, token)] == ["chi"]


async def test_a_direct_message_to_a_group_reaches_its_moderators(api: Api, ada: Actor, ben: Actor) -> None:
    await api.group("mlops", ada)
    sent = await direct(api, ben, "@mlops somebody is rude")
    (hers,) = await listed(api, await api.token(ada))
    assert {one["username"] for one in hers["accounts"]} == {"ben", "mlops"}
    assert hers["unread"] is True
    assert hers["last_status"]["id"] == str(sent.id)
    told = (await api.get("/api/v1/notifications", await api.token(ada))).json
    assert ("mention", str(sent.id)) in [(one["type"], (one["status"] or {}).get("id")) for one in told]
    assert await listed(api, await api.token(await api.person("chi"))) == []
    row = await api.site.db.read(lambda tx: post_rows.by_id(tx, sent.id))
    assert row is not None
    assert row.group_id is None


async def test_streams_are_told_and_can_show_it(api: Api, ada: Actor, ben: Actor) -> None:
    heard = api.site.db.events.subscribe("stream")
    await direct(api, ada, "@ben psst")
    said = [text for _ in range(2) if (text := await heard.next(5)) is not None]
    assert sorted(one.split()[:2] for one in said) == sorted([["conversation", str(one.id)] for one in (ada, ben)])
    person, number = said[0].split()[1:]
    shown = await api.site.db.read(lambda tx: conversation(tx, api.site, int(person), int(number)))
    assert shown is not None
    assert await api.site.db.read(lambda tx: conversation(tx, api.site, int(person), 7)) is None
    heard.close()


async def test_a_step_finds_the_conversations_of_before(api: Api, ada: Actor, ben: Actor) -> None:
    """Whoever comes from a version without them has those that would have been kept."""
    await api.person("chi")
    first = await direct(api, ada, "@ben one")
    await direct(api, ben, "@ada two", first)
    await direct(api, ben, "@ada @chi three", first)
    gone = await direct(api, ben, "@chi four")
    await direct(api, ada, "a note")
    await api.site.db.write(lambda tx: posts.delete(tx, api.site, gone, ben))
    columns = [conversations.c[name] for name in ("person_id", "root_id", "circle", "last_post_id")]
    step = importlib.import_module("storage.migrations.versions.0003_clients")

    def unit(tx: Tx) -> tuple[set[Any], set[Any]]:
        kept = {tuple(row) for row in tx.execute(select(*columns))}
        tx.execute(delete(conversations))
        step._conversations(tx)
        return kept, {tuple(row) for row in tx.execute(select(*columns))}

    kept, found = await api.site.db.write(unit)
    assert len(kept) == 6
    assert found == kept
