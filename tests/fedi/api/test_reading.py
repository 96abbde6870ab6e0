"""What is new to a person and how much they hear, over our own API; and what is behind it, on both databases."""

from sqlalchemy import func, select

from fedi.actions import answering, erasing, mutes, reading, suggesting, volumes
from storage import actors, jobs, notifications, thread_reads
from storage import memberships as membership_rows
from storage import volumes as volume_rows
from storage.actors import Actor
from storage.memberships import Membership
from storage.metadata import Tx
from storage.timelines import Page
from tests.conftest import Clock
from tests.fedi.mastodon.conftest import Api

BASE = "/api/fedi/v1"


async def test_a_thread_is_read_up_to_a_post_and_never_back(api: Api, ada: Actor, ben: Actor, group: Actor) -> None:
    token = await api.token(ada)
    await api.follow(ben, group)
    root = await api.publish(ben, "@mlops Which metric?")
    first = await api.publish(ben, "Accuracy?", reply_to_id=root.id)
    second = await api.publish(ben, "Or recall?", reply_to_id=root.id)
    await api.publish(ada, "Both.", reply_to_id=root.id)
    path = f"{BASE}/posts/{second.id}/read"
    told = (await api.get(path, token)).json
    assert (told["last_read_id"], told["unread"], told["first_unread_id"]) == (None, 3, str(root.id))
    assert told["thread_id"] == str(root.id)
    assert told["following"] is True  # ada wrote in it
    told = (await api.ask("PATCH", path, token, json={"up_to": str(first.id)})).json
    assert (told["last_read_id"], told["unread"], told["first_unread_id"]) == (str(first.id), 1, str(second.id))
    told = (await api.ask("PATCH", path, token, json={"up_to": str(root.id), "muted": True, "following": False})).json
    assert (told["last_read_id"], told["muted"], told["following"]) == (str(first.id), True, False)
    shown = (await api.get(f"/api/v1/statuses/{root.id}", token)).json
    assert shown["muted"] is True  # the same state as that of apps
    beyond = (await api.ask("PATCH", path, token, json={"up_to": "9" * 18})).json
    assert beyond["last_read_id"] == beyond["last_id"]  # what comes later is not read yet


async def test_ids_that_no_database_has_are_refused(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    for body in ({"up_to": "9" * 19}, {"group_ids": ["9" * 19]}):
        assert (await api.post(f"{BASE}/read", token, json=body)).status == 422, body


async def test_what_is_new_has_reasons_and_an_end(api: Api, ada: Actor, ben: Actor, group: Actor) -> None:
    token = await api.token(ada)
    await api.follow(ben, group)
    other = await api.group("chess", ben)
    await api.follow(ada, other)
    mine = await api.publish(ada, "@mlops Who knows?", question=True)
    await api.publish(ben, "I do not.", reply_to_id=mine.id)
    begun = await api.publish(ben, "@mlops Something else")
    quiet = await api.publish(ben, "@mlops Noise")
    await api.publish(ben, "@chess Tuesday?")
    await api.ask("PATCH", f"{BASE}/posts/{quiet.id}/read", token, json={"muted": True})
    found = (await api.get(f"{BASE}/catch-up", token)).json["groups"]
    assert [one["group"]["name"] for one in found] == ["mlops", "chess"]
    threads = found[0]["threads"]
    assert [(one["thread"]["id"], one["unread"]) for one in threads] == [(str(mine.id), 1), (str(begun.id), 1)]
    assert [one["reason"] for one in threads] == ["answers you", "a new thread"]
    assert found[0]["unread_threads"] == 2
    done = await api.post(f"{BASE}/read", token, json={"group_ids": [str(group.id)], "up_to": found[0]["up_to"]})
    assert done.status == 204
    left = (await api.get(f"{BASE}/catch-up", token)).json["groups"]
    assert [one["group"]["name"] for one in left] == ["chess"]
    again = await api.publish(ben, "More of it", reply_to_id=begun.id)
    assert again.id > int(found[0]["up_to"])
    left = (await api.get(f"{BASE}/catch-up", token)).json["groups"]
    assert {one["group"]["name"]: one["unread_threads"] for one in left} == {"mlops": 1, "chess": 1}
    await api.post(f"{BASE}/read", token, json={})
    assert (await api.get(f"{BASE}/catch-up", token)).json["groups"] == []


async def test_nothing_is_counted_that_one_may_not_see(api: Api, ada: Actor, ben: Actor) -> None:
    secret = await api.group("board", ben, see="members")
    await api.follow(ada, secret)
    await api.site.db.write(lambda tx: membership_rows.save(tx, Membership(secret.id, ada.id, "member", "accepted", 0)))
    await api.publish(ben, "@board For members")

    def number(tx: Tx) -> dict[int, int]:
        return reading.unread(tx, ada, [secret.id], api.site.clock())

    assert await api.site.db.read(number) == {secret.id: 1}
    await api.site.db.write(lambda tx: mutes.mute(tx, api.site, ada, ben))
    assert await api.site.db.read(number) == {}
    await api.site.db.write(lambda tx: mutes.unmute(tx, ada, ben))
    # Put out of it, but the edge is still there: nothing of it is told.
    await api.site.db.write(lambda tx: membership_rows.save(tx, Membership(secret.id, ada.id, "member", "banned", 0)))
    assert await api.site.db.read(number) == {}


async def test_volume_is_the_bell_and_who_hears_little_hears_of_no_answers(
    api: Api, ada: Actor, ben: Actor, group: Actor
) -> None:
    token, carl = await api.token(ada), await api.person("carl")
    await api.follow(ben, group)
    await api.follow(carl, group)
    path = f"{BASE}/groups/{group.id}/volume"
    assert (await api.get(path, token)).json == {"level": "joined"}
    root = await api.publish(ada, "@mlops Mine")
    await api.publish(carl, "So?", reply_to_id=root.id)

    def waiting(tx: Tx) -> list[str]:
        return list(tx.scalars(select(jobs.jobs.c.name).where(jobs.jobs.c.kind == answering.JOB)))

    last = await api.publish(ben, "Well.", reply_to_id=root.id)
    assert await api.site.db.read(waiting) == [str(root.id)]  # both answers are one job

    def told(person: Actor) -> list[tuple[str, int | None]]:
        def read(tx: Tx) -> list[tuple[str, int | None]]:
            return [(one.kind, one.post_id) for one in notifications.of_person(tx, person.id, Page(limit=20))]

        return api.site.db.read_now(read)

    for _ in range(2):  # a job may run twice
        await api.site.db.write(lambda tx: answering.tell(tx, api.site, root.id, root.id))
    assert told(carl) == [("status", last.id)]
    assert [kind for kind, _ in told(ada)] == ["mention", "mention"]  # what answers her is meant for her: told once
    assert told(ben) == []  # who wrote the newest is told of nothing of it

    assert (await api.ask("PUT", path, token, json={"level": "all"})).json == {"level": "all"}
    assert (await api.get(f"{BASE}/groups/{group.id}", token)).json["you"]["notifying"] is True
    before = len(told(ada))
    await api.publish(ben, "@mlops New thread")
    assert len(told(ada)) == before + 1
    await api.ask("PUT", path, token, json={"level": "weekly"})
    assert (await api.get(f"{BASE}/groups/{group.id}", token)).json["you"]["notifying"] is False
    assert await api.site.db.read(lambda tx: volumes.of(tx, ada.id)) == {group.id: "weekly"}
    theirs = await api.token(carl)

    async def tell(after: int) -> None:
        await api.site.db.write(lambda tx: answering.tell(tx, api.site, root.id, after))

    for level, number in (("weekly", 1), ("joined", 2)):
        await api.ask("PUT", path, theirs, json={"level": level})
        further = await api.publish(ben, "Still.", reply_to_id=root.id)
        await tell(further.id)
        assert len(told(carl)) == number, level
    assert (await api.ask("PUT", path, await api.token(await api.person("dora")), json={"level": "all"})).status == 404


async def test_opened_by_a_title_and_how_it_does(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    made = (
        await api.post(f"{BASE}/groups", token, json={"title": "Thesis writers", "kind": "cohort", "see": "peers"})
    ).json
    assert (made["name"], made["kind"], made["ends_at"]) == ("thesis_writers", "cohort", None)
    path = f"{BASE}/groups/{made['id']}"
    changed = (
        await api.ask("PATCH", path, token, json={"ends_at": "2030-01-01T00:00:00.000Z", "languages": ["de"]})
    ).json
    assert (changed["ends_at"], changed["languages"]) == ("2030-01-01T00:00:00.000Z", ["de"])
    assert (await api.ask("PATCH", path, token, json={"ends_at": ""})).json["ends_at"] is None
    invited = await api.ask("PUT", f"{path}/invitations/{ben.id}", token)
    assert invited.json["state"] == "invited"
    told = (await api.get("/api/v1/conversations", await api.token(ben))).json
    assert "You are invited to the group Thesis writers" in told[0]["last_status"]["content"]
    group = api.site.db.read_now(lambda tx: actors.by_id(tx, int(made["id"])))
    assert group is not None
    await api.follow(ben, group)
    health = (await api.get(f"{path}/health", token)).json
    assert health == {
        "universities": [{"host": "alpha.example", "members": None, "delivery": None}],
        "threads": 0, "answered": 0, "first_answer": None, "open_reports": 0,
    }  # fmt: skip
    assert (await api.get(f"{path}/health", await api.token(ben))).status == 403
    assert (await api.post(f"{BASE}/wishes", token, json={"host": "gamma.example"})).status == 204
    assert (await api.post(f"{BASE}/wishes", token, json={"host": "no host"})).status == 422


async def test_a_thread_that_hangs_below_another_keeps_who_hears_of_it(api: Api, ada: Actor, ben: Actor) -> None:
    def write(tx: Tx) -> None:
        for who, root in ((ada.id, 1), (ben.id, 1), (ben.id, 2)):
            thread_reads.follow(tx, who, root, 0)
        thread_reads.read(tx, ada.id, 1, 5)
        thread_reads.read(tx, ada.id, 2, 7)
        thread_reads.move_thread(tx, 1, 2)

    await api.site.db.write(write)

    def read(tx: Tx) -> tuple[list[int], list[int], dict[int, int]]:
        return (
            sorted(thread_reads.followers(tx, 2, 9)),
            thread_reads.followers(tx, 1, 9),
            thread_reads.last(tx, ada.id, [1, 2]),
        )

    assert await api.site.db.read(read) == (sorted([ada.id, ben.id]), [], {2: 7})


async def test_who_is_erased_has_read_nothing(api: Api, ada: Actor, ben: Actor, group: Actor) -> None:
    await api.follow(ben, group)
    root = await api.publish(ben, "@mlops Mine")
    token = await api.token(ben)
    await api.ask("PATCH", f"{BASE}/posts/{root.id}/read", token, json={"up_to": str(root.id)})
    await api.ask("PUT", f"{BASE}/groups/{group.id}/volume", token, json={"level": "weekly"})
    await api.post(f"{BASE}/read", token, json={})
    tables = (thread_reads.thread_reads, thread_reads.group_reads, thread_reads.thread_follows, volume_rows.volumes)

    def numbers(tx: Tx) -> list[int]:
        mine = [select(func.count()).select_from(one).where(one.c.person_id == ben.id) for one in tables]
        return [tx.scalar(one) or 0 for one in mine]

    assert await api.site.db.read(numbers) == [1, 1, 1, 1]
    await api.site.db.write(lambda tx: erasing.erase(tx, api.site, ben))
    assert await api.site.db.read(numbers) == [0, 0, 0, 0]


async def test_suggested_are_groups_that_one_can_join_with_a_reason(
    api: Api, clock: Clock, ada: Actor, ben: Actor, group: Actor
) -> None:
    others = [await api.person(name) for name in ("carl", "dora", "emil")]
    near, far = await api.group("near", ben, languages=["de"]), await api.group("far", ben)
    shut = await api.group("shut", ben, join_mode="invite")
    hidden = await api.group("secret", ben, see="members")
    over = await api.group("over", ben, ends_at=api.site.clock() + 60_000)
    for one in others:
        for joined in (group, near, over):
            await api.follow(one, joined)
    clock.pass_(seconds=120)
    found = (await api.get(f"{BASE}/suggestions", await api.token(ada))).json
    assert [one["group"]["name"] for one in found] == [near.username, far.username]
    assert found[0]["reason"] == "3 people of your groups are in it"
    assert found[0]["members"] == 4
    assert {shut.id, hidden.id, over.id, group.id}.isdisjoint(int(one["group"]["id"]) for one in found)
    await api.follow(ada, near)
    assert await api.site.db.read(lambda tx: [one.group.id for one in suggesting.groups(tx, api.site, ada, 5)]) == [
        far.id
    ]
    refused = await api.post(f"{BASE}/groups/{over.id}/threads", await api.token(others[0]), json={"title": "Late"})
    assert (refused.status, refused.json["code"]) == (403, "over")
