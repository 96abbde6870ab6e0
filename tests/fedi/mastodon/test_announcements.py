"""Announcements: who sees which and until when, putting them away, reacting, and the command that writes them."""

import pytest

from fedi.actions import announcements as actions
from fedi.mastodon.entities.announcement import announcement, reaction
from fedi.worker import schedule
from storage.actors import Actor
from storage.announcements import Announcement
from tests.conftest import Clock
from tests.fedi.mastodon.conftest import Api

PATH = "/api/v1/announcements"


async def said(api: Api, text: str, ends_at: int | None = None, *, publish_now: bool = True) -> Announcement:
    """An announcement."""
    return await api.site.db.write(
        lambda tx: actions.create(tx, api.site, text, ends_at=ends_at, publish_now=publish_now)
    )


async def test_everyone_sees_it_until_it_is_over(api: Api, ada: Actor, ben: Actor, clock: Clock) -> None:
    token = await api.token(ada)
    assert (await api.get(PATH)).status == 401
    assert (await api.get(PATH, token)).json == []
    draft = await said(api, "not yet", publish_now=False)
    one = await said(api, "Maintenance by @ben, see #news and https://x.example/a", api.site.clock() + 60_000)
    (shown,) = (await api.get(PATH, token)).json
    assert set(shown) == {
        *("id", "content", "starts_at", "ends_at", "all_day", "published_at", "updated_at", "read", "mentions"),
        *("statuses", "tags", "emojis", "reactions"),
    }
    assert (shown["id"], shown["read"], shown["reactions"]) == (str(one.id), False, [])
    assert [each["acct"] for each in shown["mentions"]] == ["ben"]
    assert [each["name"] for each in shown["tags"]] == ["news"]
    assert '<a href="https://x.example/a"' in shown["content"]
    assert "<script" not in shown["content"]
    clock.pass_(seconds=61)
    assert (await api.get(PATH, token)).json == []
    await api.site.db.write(lambda tx: actions.publish(tx, api.site, draft.id))
    assert [each["id"] for each in (await api.get(PATH, await api.token(ben))).json] == [str(draft.id)]
    await api.site.db.write(lambda tx: actions.end(tx, api.site, draft.id))
    assert (await api.get(PATH, token)).json == []


async def test_put_away_by_one(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    one = await said(api, "Hello")
    assert (await api.post(f"{PATH}/{one.id}/dismiss", token)).json == {}
    assert (await api.post(f"{PATH}/{one.id}/dismiss", token)).json == {}
    assert (await api.get(PATH, token)).json == []
    (again,) = (await api.get(f"{PATH}?with_dismissed=true", token)).json
    assert again["read"] is True
    assert len((await api.get(PATH, await api.token(ben))).json) == 1
    assert (await api.post(f"{PATH}/7/dismiss", token)).status == 404
    assert (await api.post(f"{PATH}/{one.id}/dismiss", await api.token(ada, "read"))).status == 403


async def test_reactions(api: Api, ada: Actor, ben: Actor) -> None:
    hers, his = await api.token(ada), await api.token(ben)
    one = await said(api, "Hello")
    for _ in range(2):
        assert (await api.ask("PUT", f"{PATH}/{one.id}/reactions/👍", hers)).json == {}
    await api.ask("PUT", f"{PATH}/{one.id}/reactions/👍", his)
    await api.ask("PUT", f"{PATH}/{one.id}/reactions/❤️", his)
    (shown,) = (await api.get(PATH, hers)).json
    assert shown["reactions"] == [
        {"name": "👍", "count": 2, "me": True},
        {"name": "❤️", "count": 1, "me": False},
    ]
    assert (await api.ask("DELETE", f"{PATH}/{one.id}/reactions/👍", hers)).json == {}
    (shown,) = (await api.get(PATH, hers)).json
    assert shown["reactions"][0] == {"name": "👍", "count": 1, "me": False}
    for name in ("smile", "a", "👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍", "ä"):
        refused = await api.ask("PUT", f"{PATH}/{one.id}/reactions/{name}", hers)
        assert (refused.status, refused.error) == (422, "Validation failed: Name is not a recognized emoji")
    for name in "🍏🍐🍊🍋🍌🍉":
        assert (await api.ask("PUT", f"{PATH}/{one.id}/reactions/{name}", hers)).status == 200
    refused = await api.ask("PUT", f"{PATH}/{one.id}/reactions/🍇", hers)
    assert refused.error == "Validation failed: Limit of different reactions reached"
    assert (await api.ask("PUT", f"{PATH}/{one.id}/reactions/👍", hers)).status == 200
    assert (await api.ask("PUT", f"{PATH}/7/reactions/👍", hers)).status == 404


@pytest.mark.parametrize(("name", "is_one"), [("👩🏽‍🚀", True), ("🇩🇪", True), ("1️⃣", True), ("x", False), ("€", False)])
def test_what_is_an_emoji(name: str, is_one: bool) -> None:
    assert actions.is_emoji(name) is is_one


async def test_streams_are_told(api: Api, ada: Actor, clock: Clock) -> None:
    heard = api.site.db.events.subscribe("stream")
    one = await said(api, "Hello @ada", api.site.clock() + 60_000)
    assert await heard.next(5) == f"announcement {one.id}"
    streamed = await api.site.db.read(lambda tx: announcement(tx, api.site, one.id))
    assert streamed is not None
    assert "read" not in streamed
    await api.ask("PUT", f"{PATH}/{one.id}/reactions/👍", await api.token(ada))
    assert await heard.next(5) == f"announcement.reaction {one.id} 👍"
    told = await api.site.db.read(lambda tx: reaction(tx, one.id, "👍"))
    assert told == {"name": "👍", "count": 1, "announcement_id": str(one.id)}
    clock.pass_(seconds=3700)
    await schedule.run_due(api.site)
    found: list[str | None] = []
    while (text := await heard.next(0.2)) is not None:
        found.append(text)
    assert f"announcement.delete {one.id}" in found
    assert await api.site.db.read(lambda tx: announcement(tx, api.site, one.id)) is None
    heard.close()
