"""What the client API must not tell or do for somebody who asks in bad faith; each of these once went through."""

import asyncio
import contextlib
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from fedi import fetching
from fedi.actions import blocks, media, posts, reactions, reports, scheduled
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.fetching import mentioned
from fedi.mastodon import limits
from fedi.mastodon.limits import Allowance
from fedi.searching import RESOLVING
from storage import follows
from storage import media as media_rows
from storage import scheduled as scheduled_rows
from storage.actors import Actor
from storage.media import Medium
from storage.metadata import Tx
from storage.reports import Report
from tests.fedi.mastodon.conftest import Api
from tests.fedi.mastodon.test_admin import boss, instance, mod
from tests.fedi.mastodon.test_streaming import listen

__all__ = ["boss", "instance", "mod"]

REPORTS = "/api/v1/admin/reports"


async def reported(api: Api, by: Actor, whom: Actor) -> Report:
    """`by` reports `whom`."""
    return await api.site.db.write(lambda tx: reports.report(tx, api.site, by, whom, [], "they are rude"))


async def test_a_moderator_is_not_told_who_reported_them(api: Api, ada: Actor, mod: Actor, boss: Actor) -> None:
    about_mod, about_ada = await reported(api, ada, mod), await reported(api, mod, ada)
    token = await api.token(mod)
    assert [one["id"] for one in (await api.get(REPORTS, token)).json] == [str(about_ada.id)]
    where = f"{REPORTS}/{about_mod.id}"
    calls = [
        await api.get(where, token),
        await api.ask("PUT", where, token, json={"category": "spam"}),
        *[await api.post(f"{where}/{act}", token) for act in ("assign_to_self", "unassign", "resolve", "reopen")],
    ]
    assert [one.status for one in calls] == [404] * 6
    assert all(str(ada.id) not in one.body.decode() for one in calls)
    everything = await api.get(REPORTS, await api.token(boss))
    assert [one["id"] for one in everything.json] == [str(about_ada.id), str(about_mod.id)]
    assert everything.json[1]["category"] == "other", "and nothing of it was changed"


async def test_other_servers_are_asked_only_so_often_through_our_own_api(
    api: Api, ada: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def resolve(site: Site, typed: str) -> None:
        asked.append(typed)

    monkeypatch.setattr(fetching, "resolve", resolve)
    token = await api.token(ada)
    for number in range(sum(RESOLVING) + 20):
        answer = await api.get(f"/api/fedi/v1/groups/lookup?resolve=true&handle=!g{number}@victim.example", token)
        assert answer.status == 404
    assert 0 < len(asked) <= sum(RESOLVING)


async def test_a_token_written_otherwise_has_no_further_allowance(
    api: Api, ada: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UPLOADING", Allowance(2, 1800))
    token = await api.token(ada)
    ways = [
        (f"Bearer {token}", ""), (f"bearer {token}", ""), (f"BEARER   {token} ", ""), (None, f"?access_token={token}"),
        ("Basic eDp5", f"?access_token={token}"),
    ]  # fmt: skip
    said = [
        await api.post(f"/api/v2/media{query}", form={}, **({} if header is None else {"authorization": header}))
        for header, query in ways
    ]
    assert [one.status for one in said] == [422, 422, 429, 429, 429]


async def test_a_boost_for_followers_is_not_there_for_others(api: Api, ada: Actor, ben: Actor) -> None:
    post, chi = await api.publish(ada, "Hello"), await api.person("chi")
    boost = await api.site.db.write(lambda tx: reactions.boost(tx, api.site, ben, post, "followers"))
    token = await api.token(chi)
    reads = ["", "/context", "/history", "/favourited_by", "/reblogged_by", "/quotes"]
    said = [await api.get(f"/api/v1/statuses/{boost.id}{what}", token) for what in reads]
    said.append(await api.post(f"/api/v1/statuses/{boost.id}/favourite", token))
    assert [one.status for one in said] == [404] * 7
    await api.follow(chi, ben)
    assert (await api.get(f"/api/v1/statuses/{boost.id}/context", token)).status == 200


async def test_ids_of_media_that_no_database_holds(api: Api, ada: Actor) -> None:
    club, token = await api.group("club", ada), await api.token(ada)
    body = {"title": "News", "text": "", "media_ids": ["9" * 19]}
    assert (await api.post(f"/api/fedi/v1/groups/{club.id}/threads", token, json=body)).status == 422


async def test_a_deletion_is_not_streamed_to_whom_the_author_blocks(api: Api, ada: Actor, ben: Actor) -> None:
    club = await api.group("club", ada)
    chi = await api.person("chi")
    for one in (ben, chi):
        await api.follow(one, club)
    await api.site.db.write(lambda tx: blocks.block(tx, api.site, ada, ben))
    post = await api.publish(ada, f"@{club.handle} not for ben")
    blocked, member = await listen(api, ben), await listen(api, chi)
    await api.site.db.write(lambda tx: posts.delete(tx, api.site, post, ada))
    entry, told = await member.event(), await member.event()
    assert told == (["user"], "delete", post.id)
    assert await blocked.event() == entry, "the group's boost is gone, whatever it was of"
    assert await blocked.silence()


async def test_who_waits_for_approval_is_listed_nowhere(api: Api, ada: Actor) -> None:
    await api.person("buy_pills", state="pending")
    token = await api.token(ada)
    said = [
        await api.get("/api/v1/directory?local=true"),
        await api.get("/api/v1/accounts/search?q=buy_pills", token),
        await api.get("/api/v2/search?q=buy_pills", token),
        await api.get("/api/v1/suggestions", token),
    ]
    assert all(b"pills" not in one.body for one in said), [one.body for one in said]


async def test_two_workers_publish_a_scheduled_post_once(api: Api, ada: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime.fromtimestamp(api.site.clock() / 1000 + 3600, UTC).isoformat()
    token = await api.token(ada)
    made = (await api.post("/api/v1/statuses", token, form={"status": "Later", "scheduled_at": at})).json
    await api.site.db.write(lambda tx: scheduled_rows.change(tx, int(made["id"]), due_at=api.site.clock()))
    both_at_once(monkeypatch, scheduled, "_may")
    work = [api.site.db.write(lambda tx: scheduled.due(tx, api.site, int(made["id"]))) for _ in range(2)]
    await asyncio.gather(*work)
    assert len((await api.get(f"/api/v1/accounts/{ada.id}/statuses")).json) == 1


@pytest.mark.parametrize("later", [False, True])
async def test_a_file_is_in_one_post_also_when_two_ask_at_once(
    api: Api, ada: Actor, monkeypatch: pytest.MonkeyPatch, later: bool
) -> None:
    medium = Medium(
        api.site.new_id(), ada.id, None, None, "post", "image", "ready", None, "image/png", "ab/ab.png", None, 1, 1, 1,
        None, None, None, None, {}, api.site.clock(), api.site.clock(),
    )  # fmt: skip
    await api.site.db.write(lambda tx: media_rows.insert(tx, medium))
    both_at_once(monkeypatch, media, "_usable")

    def unit(tx: Tx) -> None:
        if later:
            media.hold(tx, ada, (medium.id,), api.site.new_id())
        else:
            media.attach(tx, api.site, ada, (medium.id,), api.site.new_id())

    ended = await asyncio.gather(*(api.site.db.write(unit) for _ in range(2)), return_exceptions=True)
    assert [type(one) for one in ended if one is not None] == [Invalid]


def both_at_once(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    """Where two can be in this function at once, they leave it together."""
    barrier, real = threading.Barrier(2), getattr(module, name)

    def waiting(*given: Any) -> Any:
        result = real(*given)
        with contextlib.suppress(threading.BrokenBarrierError):
            barrier.wait(0.5)
        return result

    monkeypatch.setattr(module, name, waiting)


async def test_mentions_of_strangers_ask_other_servers_only_so_often(
    api: Api, ada: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def actor(site: Site, handle: str) -> Actor:
        asked.append(handle)
        raise NotFound

    monkeypatch.setattr(mentioned, "actor", actor)
    token = await api.token(ada)
    for post in range(10):
        named = " ".join(f"@p{post}-{number}@victim.example" for number in range(15))
        answer = await api.post("/api/v1/statuses", token, form={"status": f"{named} @ada@alpha.example"})
        assert answer.status == 200
    assert 15 <= len(asked) <= sum(mentioned.ASKING)


async def test_a_profile_does_not_tell_when_something_private_was_written(api: Api, ada: Actor, ben: Actor) -> None:
    private = [await api.publish(ada, "for friends", visibility="followers")]
    post = await api.publish(ada, "Hello")
    private.append(await api.publish(ada, "for friends again", visibility="followers"))
    his = await api.publish(ben, "Hi")
    boost = await api.site.db.write(lambda tx: reactions.boost(tx, api.site, ada, his, "followers"))
    hidden = [*(str(one.id) for one in private), str(boost.id)]
    path = f"/api/v1/accounts/{ada.id}/statuses"
    said = [await api.get(f"{path}{query}") for query in ("", "?limit=1", f"?max_id={post.id}", f"?min_id={post.id}")]
    assert [len(one.json) for one in said] == [1, 1, 0, 0]
    for one in said:
        assert not [number for number in hidden if number in str(one.headers) + one.body.decode()], one.headers
    page = await api.get("/people/ada", accept="text/html")
    assert not [number for number in hidden if number in page.body.decode()]


async def test_pages_of_whom_somebody_follows_do_not_tell_of_private_groups(api: Api, ada: Actor, ben: Actor) -> None:
    secret = await api.group("secret", ben, see="members")
    await api.follow(ada, secret)
    paths = [f"/api/v1/accounts/{ada.id}/following", f"/api/v1/accounts/{ada.id}/endorsements"]
    assert (await api.post(f"/api/v1/accounts/{secret.id}/endorse", await api.token(ada))).status == 200
    for path in paths:
        answer = await api.get(path)
        assert (answer.json, answer.headers.get("link")) == ([], None)
        assert [one["id"] for one in (await api.get(path, await api.token(ada))).json] == [str(secret.id)]
    dora = await api.person("dora")
    await api.follow(ada, dora)
    answer = await api.get(paths[0])
    edge = await api.site.db.read(lambda tx: follows.find(tx, ada.id, dora.id))
    assert edge is not None
    assert answer.headers["link"].count(str(edge.id)) == 2
