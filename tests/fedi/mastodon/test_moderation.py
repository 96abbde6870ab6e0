"""Moderation through the client API: reports, warnings, pins, and removing what others wrote in one's group."""

from typing import Any

import pytest

from fedi.actions import moderation
from storage import actors, pins, posts, reports
from storage.actors import Actor
from storage.posts import Post
from tests.fedi.mastodon.conftest import Api


@pytest.fixture
async def group(api: Api, ada: Actor, ben: Actor) -> Actor:
    """A group that Ada moderates and Ben is in."""
    made = await api.group("mlops", ada)
    await api.follow(ben, made)
    return made


async def told(api: Api, token: str) -> list[Any]:
    """The caller's notifications; both forms tell the same."""
    plain = (await api.get("/api/v1/notifications", token)).json
    grouped = (await api.get("/api/v2/notifications", token)).json["notification_groups"]
    assert [one["type"] for one in plain] == [one["type"] for one in grouped]
    for one, other in zip(plain, grouped, strict=True):
        for name in ("moderation_warning", "report"):
            assert one.get(name) == other.get(name)
        assert (await api.get(f"/api/v1/notifications/{one['id']}", token)).json == one
    return plain  # type: ignore[no-any-return]


async def test_a_report_reaches_the_moderators_of_the_group(api: Api, ada: Actor, ben: Actor, group: Actor) -> None:
    chi = await api.person("chi")
    await api.follow(chi, group)
    post = await api.publish(ben, "@mlops buy now")
    other = await api.publish(ada, "not by ben")
    said = {
        "account_id": str(ben.id), "status_ids": [str(post.id), str(other.id), "5"], "comment": "spam!",
        "category": "spam", "forward": "false",
    }  # fmt: skip
    answer = await api.post("/api/v1/reports", await api.token(chi), json=said)
    assert answer.status == 200, answer.body
    made = answer.json
    assert (made["category"], made["comment"], made["action_taken"]) == ("spam", "spam!", False)
    assert made["status_ids"] == [str(post.id)]
    assert made["target_account"]["id"] == str(ben.id)
    kept = await api.site.db.read(lambda tx: reports.by_id(tx, int(made["id"])))
    assert kept is not None
    assert (kept.group_id, kept.reporter_id, kept.post_ids) == (group.id, chi.id, [post.id])
    news = [one for one in await told(api, await api.token(ada)) if one["type"] == "admin.report"]
    assert [(one["account"]["id"], one["report"]["id"]) for one in news] == [(str(ben.id), made["id"])]
    assert "status" not in news[0]
    # Who reported is told to nobody through this.
    assert str(chi.id) not in str(news)
    assert all(one["type"] != "admin.report" for one in await told(api, await api.token(ben)))


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, 422),
        ({"account_id": "12"}, 404),
        ({"account_id": "x"}, 422),
        ({"account_id": "BEN", "category": "rude"}, 422),
        ({"account_id": "BEN", "comment": "x" * 1001}, 422),
        ({"account_id": "BEN", "status_ids": ["1"] * 101}, 422),
    ],
)
async def test_reports_that_cant_be_taken(api: Api, ada: Actor, ben: Actor, said: dict[str, Any], status: int) -> None:
    said = {name: str(ben.id) if value == "BEN" else value for name, value in said.items()}
    answer = await api.post("/api/v1/reports", await api.token(ada), json=said)
    assert answer.status == status
    assert answer.error
    assert await api.site.db.read(lambda tx: reports.listed(tx, 10)) == []


async def test_reports_name_no_post_that_one_may_not_see(api: Api, ada: Actor, ben: Actor) -> None:
    hidden = await api.publish(ben, "for followers", visibility="followers")
    said = {"account_id": str(ben.id), "status_ids": [str(hidden.id)]}
    made = (await api.post("/api/v1/reports", await api.token(ada), json=said)).json
    assert made["status_ids"] == []
    assert made["category"] == "other"


async def test_the_author_is_told_what_a_moderator_did(api: Api, ada: Actor, ben: Actor, group: Actor) -> None:
    first, second = await api.publish(ben, "@mlops one"), await api.publish(ben, "@mlops two")

    def moderate(tx: Any) -> None:
        moderation.warn(tx, api.site, ada, first, "Mind your words")
        moderation.remove(tx, api.site, ada, second, "Off topic")
        moderation.ban(tx, api.site, ada, group, ben, "Enough", 1_799_000_000_000, False)

    await api.site.db.write(moderate)
    his = await api.token(ben)
    told_him = [one for one in await told(api, his) if one["type"] == "moderation_warning"]
    assert [
        (
            one["moderation_warning"]["action"],
            one["moderation_warning"]["status_ids"],
            one["moderation_warning"]["text"],
        )
        for one in told_him
    ] == [
        ("none", None, "You are banned from Mlops until 3 January 2027. Enough"),
        ("delete_statuses", [str(second.id)], "Your post was taken out of Mlops. Off topic"),
        ("none", [str(first.id)], "A moderator of Mlops: Mind your words"),
    ]
    for one in told_him:
        assert one["account"]["id"] == str(group.id)
        assert one["moderation_warning"]["target_account"]["id"] == str(ben.id)
        assert one["moderation_warning"]["appeal"] is None
        assert str(ada.id) not in str(one)
    assert [one for one in await told(api, await api.token(ada)) if one["type"] == "moderation_warning"] == []


async def test_a_removal_by_delete_can_be_taken_back(api: Api, ada: Actor, ben: Actor, group: Actor) -> None:
    post = await api.publish(ben, "@mlops off topic")
    chi = await api.token(await api.person("chi"))
    assert (await api.ask("DELETE", f"/api/v1/statuses/{post.id}", chi)).status == 404
    answer = await api.ask("DELETE", f"/api/v1/statuses/{post.id}", await api.token(ada))
    assert answer.status == 200
    # To write it anew is not the moderator's to do.
    assert answer.json["text"] == ""
    for token in (None, await api.token(ben), await api.token(ada)):
        assert (await api.get(f"/api/v1/statuses/{post.id}", token)).status == 404

    def restore(tx: Any) -> None:
        kept = posts.by_id(tx, post.id)
        assert kept is not None
        assert kept.deleted_at is None
        moderation.restore(tx, api.site, ada, kept)

    await api.site.db.write(restore)
    assert (await api.get(f"/api/v1/statuses/{post.id}")).status == 200


async def test_pins_of_ones_own(api: Api, ada: Actor, ben: Actor) -> None:
    mine = await api.token(ada)
    made = [await api.publish(ada, f"number {number}") for number in range(6)]
    for post in made[:5]:
        answer = await api.post(f"/api/v1/statuses/{post.id}/pin", mine)
        assert (answer.status, answer.json["pinned"]) == (200, True)
    assert (await api.post(f"/api/v1/statuses/{made[0].id}/pin", mine)).status == 200
    assert "maximum" in (await api.post(f"/api/v1/statuses/{made[5].id}/pin", mine)).error
    shown = (await api.get(f"/api/v1/accounts/{ada.id}/statuses?pinned=true")).json
    assert [one["id"] for one in shown] == [str(post.id) for post in reversed(made[:5])]
    answer = await api.post(f"/api/v1/statuses/{made[4].id}/unpin", mine)
    assert answer.json["pinned"] is False
    assert len((await api.get(f"/api/v1/accounts/{ada.id}/statuses?pinned=true&limit=10")).json) == 4
    assert (await api.post(f"/api/v1/statuses/{made[0].id}/pin", await api.token(ben))).status == 422
    direct = await api.publish(ada, "@ben psst", visibility="direct")
    assert (await api.post(f"/api/v1/statuses/{direct.id}/pin", mine)).status == 422
    hidden = await api.publish(ben, "x", visibility="followers")
    assert (await api.post(f"/api/v1/statuses/{hidden.id}/pin", mine)).status == 404


async def test_pinned_posts_are_seen_by_who_may(api: Api, ada: Actor) -> None:
    post = await api.publish(ada, "x", visibility="followers")
    mine = await api.token(ada)
    await api.post(f"/api/v1/statuses/{post.id}/pin", mine)
    path = f"/api/v1/accounts/{ada.id}/statuses?pinned=true"
    assert [one["id"] for one in (await api.get(path, mine)).json] == [str(post.id)]
    assert (await api.get(path)).json == []


async def _pinned(api: Api, owner: Actor) -> list[int]:
    return [one.post_id for one in await api.site.db.read(lambda tx: pins.of(tx, owner.id))]


async def test_a_moderator_pins_threads_of_the_group(api: Api, ada: Actor, ben: Actor, group: Actor) -> None:
    mine, his = await api.token(ada), await api.token(ben)
    thread = await api.publish(ben, "@mlops read this first")
    reply = await api.publish(ben, "and this", reply_to_id=thread.id)
    assert (await api.post(f"/api/v1/statuses/{thread.id}/pin", mine)).status == 200
    shown = (await api.get(f"/api/v1/accounts/{group.id}/statuses?pinned=true")).json
    assert [one["id"] for one in shown] == [str(thread.id)]
    assert await _pinned(api, ada) == []
    assert (await api.post(f"/api/v1/statuses/{reply.id}/pin", mine)).status == 422
    # Ben's own pin is one of his profile.
    assert (await api.post(f"/api/v1/statuses/{thread.id}/pin", his)).json["pinned"] is True
    assert await _pinned(api, ben) == [thread.id]
    await api.post(f"/api/v1/statuses/{thread.id}/unpin", mine)
    assert (await _pinned(api, group), await _pinned(api, ben)) == ([], [thread.id])
    own = await api.publish(ada, "@mlops welcome")
    assert (await api.post(f"/api/v1/statuses/{own.id}/pin", mine)).json["pinned"] is True
    assert (await _pinned(api, group), await _pinned(api, ada)) == ([own.id], [own.id])
    await api.post(f"/api/v1/statuses/{own.id}/unpin", mine)
    assert (await _pinned(api, group), await _pinned(api, ada)) == ([], [])


async def test_a_closed_group_keeps_its_pins_to_itself(api: Api, ada: Actor, ben: Actor) -> None:
    group = await api.group("board", ada, see="members")
    post = await api.publish(ada, "@board agenda")
    mine = await api.token(ada)
    assert (await api.post(f"/api/v1/statuses/{post.id}/pin", mine)).status == 200
    path = f"/api/v1/accounts/{group.id}/statuses?pinned=true"
    assert len((await api.get(path, mine)).json) == 1
    assert (await api.get(path, await api.token(ben))).json == []


async def test_answering_a_locked_thread_is_refused_with_the_reason(
    api: Api, ada: Actor, ben: Actor, group: Actor
) -> None:
    thread = await api.publish(ben, "@mlops heated")
    await api.site.db.write(lambda tx: moderation.lock(tx, api.site, ada, _fresh(tx, thread), "Calm down"))
    said = {"status": "but", "in_reply_to_id": str(thread.id)}
    answer = await api.post("/api/v1/statuses", await api.token(ben), json=said)
    assert answer.status == 403
    assert "locked" in answer.error
    assert (await api.post("/api/v1/statuses", await api.token(ada), json=said)).status == 200


def _fresh(tx: Any, post: Post) -> Post:
    found = posts.by_id(tx, post.id)
    assert found is not None
    assert actors.by_id(tx, post.author_id) is not None
    return found
