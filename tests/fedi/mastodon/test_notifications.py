"""Notifications in both forms: pages, groups that are counted whole, what is unread, and that both forms say the same."""

from typing import Any

from fedi.context import Site
from storage import actors, notifications
from storage.actors import Actor
from storage.timelines import Page
from tests.conftest import Clock
from tests.fedi.mastodon.conftest import Api


async def liked_by(api: Api, post_id: int, count: int, first: int = 0) -> list[Actor]:
    """`count` new people like a post."""
    people = []
    for number in range(first, first + count):
        person = await api.person(f"fan{number}")
        await api.post(f"/api/v1/statuses/{post_id}/favourite", await api.token(person))
        people.append(person)
    return people


async def groups(api: Api, token: str, query: str = "") -> list[dict[str, Any]]:
    answer = await api.get(f"/api/v2/notifications?{query}", token)
    assert answer.status == 200, answer.body
    shown: list[dict[str, Any]] = answer.json["notification_groups"]
    return shown


async def test_a_group_is_counted_whole_and_shown_once(api: Api, ada: Actor, ben: Actor, clock: Clock) -> None:
    token = await api.token(ada)
    post, other = await api.publish(ada, "one"), await api.publish(ada, "two")
    clock.at -= clock.at % (12 * 3600 * 1000)  # the beginning of a half day
    first = await liked_by(api, post.id, 5)
    await api.publish(ben, "@ada between")
    await api.post(f"/api/v1/statuses/{other.id}/favourite", await api.token(ben))
    await api.publish(ben, "@ada after")
    later = await liked_by(api, post.id, 6, first=5)

    page = await api.get("/api/v2/notifications?limit=2", token)
    [likes, mention] = page.json["notification_groups"]
    assert (likes["type"], mention["type"]) == ("favourite", "mention")
    assert likes["notifications_count"] == 11
    everyone = [str(one.id) for one in reversed(first + later)]
    assert likes["sample_account_ids"] == everyone[:8]
    assert {one["id"] for one in page.json["accounts"]} == {*everyone[:8], str(ben.id)}
    ids = [one["id"] for one in (await api.get("/api/v1/notifications?limit=80", token)).json]
    assert likes["most_recent_notification_id"] == int(ids[0]) == int(likes["page_max_id"])
    assert likes["page_min_id"] == ids[5], "the oldest of it within this page"
    assert likes["latest_page_notification_at"] > mention["latest_page_notification_at"]
    assert mention["page_min_id"] == mention["page_max_id"] == ids[6]

    following = page.link("next")
    assert following is not None
    second = await api.get(following, token)
    assert [(one["type"], one["notifications_count"]) for one in second.json["notification_groups"]] == [
        ("favourite", 1),
        ("mention", 1),
    ], "the eleven likes are not shown again"
    third = second.link("next")
    assert third is not None
    rest = await api.get(third, token)
    assert rest.json["notification_groups"] == []

    # Upwards: what came since is a group again, with all of it counted.
    previous = page.link("prev")
    assert previous is not None
    assert (await api.get(previous, token)).json["notification_groups"] == []
    await liked_by(api, post.id, 1, first=11)
    [newer] = (await api.get(previous, token)).json["notification_groups"]
    assert (newer["group_key"], newer["notifications_count"]) == (likes["group_key"], 12)
    assert newer["page_min_id"] == newer["page_max_id"] == str(newer["most_recent_notification_id"])


async def test_both_forms_and_single_ones_agree(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    post = await api.publish(ada, "one")
    await liked_by(api, post.id, 3)
    theirs = await api.token(ben)
    await api.post(f"/api/v1/statuses/{post.id}/reblog", theirs)
    await api.follow(ben, ada)
    await api.publish(ben, "@ada hello")
    plain = (await api.get("/api/v1/notifications", token)).json
    by_key: dict[str, list[str]] = {}
    for one in plain:
        by_key.setdefault(one["group_key"], []).append(one["id"])
    grouped = await groups(api, token)
    assert [one["group_key"] for one in grouped] == list(by_key)
    for one in grouped:
        assert one["notifications_count"] == len(by_key[one["group_key"]])
        single = (await api.get(f"/api/v2/notifications/{one['group_key']}", token)).json
        [shown] = single["notification_groups"]
        assert "page_min_id" not in shown
        assert {**one, **shown} == one
        accounts = (await api.get(f"/api/v2/notifications/{one['group_key']}/accounts", token)).json
        assert [each["id"] for each in accounts] == one["sample_account_ids"]
    for one in plain:
        assert (await api.get(f"/api/v1/notifications/{one['id']}", token)).json == one
    # A client that shows no groups of some kinds gets those one by one.
    alone = await groups(api, token, "grouped_types[]=reblog")
    assert [one["most_recent_notification_id"] for one in alone] == [int(one["id"]) for one in plain]
    assert {one["group_key"] for one in alone if one["type"] == "favourite"} == {
        f"ungrouped-{one['id']}" for one in plain if one["type"] == "favourite"
    }


async def test_the_members_of_a_group_come_in_pages(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    post = await api.publish(ada, "one")
    fans = await liked_by(api, post.id, 7)
    [group] = await groups(api, token)
    path: str | None = f"/api/v2/notifications/{group['group_key']}/accounts?limit=3"
    seen: list[str] = []
    for _ in range(5):
        assert path is not None
        page = await api.get(path, token)
        seen += [one["id"] for one in page.json]
        path = page.link("next")
        if not page.json:
            break
    assert seen == [str(one.id) for one in reversed(fans)]
    assert (
        await api.get(f"/api/v2/notifications/{group['group_key']}/accounts", await api.token(fans[0]))
    ).status == 404


async def test_half_days_part_groups(api: Api, ada: Actor, clock: Clock) -> None:
    token = await api.token(ada)
    post = await api.publish(ada, "one")
    await liked_by(api, post.id, 2)
    clock.pass_(seconds=13 * 3600)
    await liked_by(api, post.id, 1, first=2)
    assert [one["notifications_count"] for one in await groups(api, token)] == [1, 2]


async def test_what_one_may_not_see_any_more_is_in_no_form_and_no_count(api: Api, ada: Actor, ben: Actor) -> None:
    token, theirs = await api.token(ada), await api.token(ben)
    post = await api.publish(ada, "one")
    fans = await liked_by(api, post.id, 3)
    await api.post(f"/api/v1/accounts/{ben.id}/follow", token, json={"notify": True})
    private = await api.publish(ben, "for some", visibility="followers")
    gone = await api.publish(ben, "@ada gone")
    assert (await api.get("/api/v2/notifications/unread_count", token)).json == {"count": 4}
    assert (await api.get("/api/v1/notifications/unread_count", token)).json == {"count": 6}
    await api.ask("DELETE", f"/api/v1/statuses/{gone.id}", theirs)
    [bell] = (await api.get("/api/v1/notifications?types[]=status", token)).json
    await api.post(f"/api/v1/accounts/{ben.id}/unfollow", token)
    await api.site.db.write(lambda tx: actors.change(tx, fans[0].id, state="suspended"))
    plain = (await api.get("/api/v1/notifications", token)).json
    grouped = await groups(api, token)
    count = (await api.get("/api/v1/notifications/unread_count", token)).json["count"]
    assert count == len(plain)
    assert (await api.get("/api/v2/notifications/unread_count", token)).json["count"] == len(grouped)
    [likes] = [one for one in grouped if one["type"] == "favourite"]
    assert likes["notifications_count"] == 2
    assert str(fans[0].id) not in likes["sample_account_ids"]
    assert str(gone.id) not in str(plain)
    assert str(private.id) not in str(plain)
    assert (await api.get(f"/api/v1/notifications/{bell['id']}", token)).status == 404
    assert (await api.get(f"/api/v2/notifications/{bell['group_key']}", token)).status == 404


async def test_unread_follows_the_marker(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    post = await api.publish(ada, "one")
    await liked_by(api, post.id, 4)
    await api.publish(ben, "@ada one")
    await api.publish(ben, "@ada two")

    async def unread(version: int, query: str = "") -> int:
        return int((await api.get(f"/api/v{version}/notifications/unread_count?{query}", token)).json["count"])

    assert (await unread(1), await unread(2)) == (6, 3)
    assert (await unread(1, "limit=2"), await unread(2, "limit=2")) == (2, 2)
    assert (await unread(1, "limit=100000"), await unread(1, "limit=-1")) == (6, 1)
    assert await unread(1, "types[]=mention") == 2
    assert await unread(1, "exclude_types[]=mention") == 4
    assert await unread(1, f"account_id={ben.id}") == 2
    assert await unread(2, "grouped_types[]=follow") == 6
    ids = [one["id"] for one in (await api.get("/api/v1/notifications", token)).json]
    await api.post("/api/v1/markers", token, json={"notifications": {"last_read_id": ids[3]}})
    assert (await unread(1), await unread(2)) == (3, 3)
    await api.post("/api/v1/markers", token, json={"notifications": {"last_read_id": ids[0]}})
    assert (await unread(1), await unread(2)) == (0, 0)


async def test_dismissing(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    post, other = await api.publish(ada, "one"), await api.publish(ada, "two")
    await liked_by(api, post.id, 2)
    await api.post(f"/api/v1/statuses/{other.id}/favourite", await api.token(ben))
    await api.publish(ben, "@ada one")
    [mention, second, first] = await groups(api, token)
    assert (await api.post(f"/api/v2/notifications/{first['group_key']}/dismiss", token)).json == {}
    assert [one["group_key"] for one in await groups(api, token)] == [mention["group_key"], second["group_key"]]
    assert (await api.post(f"/api/v2/notifications/{mention['group_key']}/dismiss", token)).status == 200
    [left] = (await api.get("/api/v1/notifications", token)).json
    assert left["status"]["id"] == str(other.id)
    stranger = await api.token(ben)
    await api.post(f"/api/v2/notifications/{second['group_key']}/dismiss", stranger)
    assert (await api.post("/api/v1/notifications/dismiss", stranger, form={"id": left["id"]})).status == 404
    assert len(await groups(api, token)) == 1, "nobody dismisses for another"
    assert (await api.post("/api/v1/notifications/dismiss", token, form={"id": left["id"]})).status == 200
    assert await groups(api, token) == []
    for key in (
        "x",
        "favourite",
        "favourite--1",
        "favourite-1-2-3",
        "nonsense-1",
        "ungrouped-0",
        "favourite-" + "9" * 30,
    ):
        for path in (key, f"{key}/accounts"):
            assert (await api.get(f"/api/v2/notifications/{path}", token)).status == 404


async def test_kinds_that_a_client_does_not_know_come_with_words(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    await api.follow(ben, ada)
    await api.publish(ben, "@ada one")
    query = "supported_types[]=mention&supported_types[]=status"
    [mention, follow] = (await api.get(f"/api/v1/notifications?{query}", token)).json
    assert "fallback" not in mention
    assert follow["fallback"]["title"] == "ben followed you"
    [_, group] = await groups(api, token, query)
    assert group["fallback"] == follow["fallback"]
    assert all("fallback" not in one for one in (await api.get("/api/v1/notifications", token)).json)


async def test_partial_avatars(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    post = await api.publish(ada, "one")
    fans = await liked_by(api, post.id, 3)
    shown = (await api.get("/api/v2/notifications?expand_accounts=partial_avatars", token)).json
    assert [one["id"] for one in shown["accounts"]] == [str(fans[2].id)]
    assert [set(one) for one in shown["partial_accounts"]] == [
        {"id", "acct", "url", "avatar", "avatar_static", "locked", "bot"}
    ] * 2


async def test_pages_hold_at_every_edge(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    for number in range(7):
        await api.publish(ben, f"@ada {number}")
    ids = [one["id"] for one in (await api.get("/api/v1/notifications?limit=1000", token)).json]
    assert len(ids) == 7

    async def both(query: str) -> list[str]:
        plain = [one["id"] for one in (await api.get(f"/api/v1/notifications?{query}", token)).json]
        grouped = [str(one["most_recent_notification_id"]) for one in await groups(api, token, query)]
        assert plain == grouped
        return plain

    assert await both("limit=3") == ids[:3]
    assert await both(f"limit=3&max_id={ids[2]}") == ids[3:6]
    assert await both(f"limit=2&since_id={ids[4]}") == ids[:2]
    assert await both(f"limit=2&min_id={ids[4]}") == ids[2:4]
    assert await both(f"min_id={ids[4]}&max_id={ids[1]}") == ids[2:4]
    assert await both(f"max_id={ids[6]}") == []
    assert await both(f"min_id={ids[0]}") == []
    assert await both("limit=0") == ids[:1]


async def test_a_new_one_is_told_to_streams_after_the_commit(
    api: Api, site: Site, ada: Actor, ben: Actor, clock: Clock
) -> None:
    heard: list[str] = []
    site.db.events.tell, tell = (  # type: ignore[method-assign]
        lambda topic, payload: heard.append(f"{topic} {payload}"),
        site.db.events.tell,
    )
    try:
        await api.follow(ben, ada)
    finally:
        site.db.events.tell = tell  # type: ignore[method-assign]
    [one] = await site.db.read(lambda tx: notifications.of_person(tx, ada.id, Page()))
    assert f"stream notification {ada.id} {one.id}" in heard
    assert f"person {ada.id}" in heard
