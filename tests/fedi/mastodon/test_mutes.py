"""Mutes and domain blocks of persons: what is hidden, for how long, and what ends."""

import pytest

from fedi.actions import domain_blocks as domain_actions
from fedi.actions import follows as follow_actions
from fedi.errors import Invalid
from fedi.worker.schedule import SCHEDULE
from storage import domain_blocks, follows, jobs, mutes
from storage.actors import Actor
from storage.follows import Follow
from storage.metadata import Tx
from tests.conftest import Clock
from tests.fedi.mastodon.conftest import Api
from tests.storage import rows

pytestmark = pytest.mark.anyio


async def test_who_is_muted_is_not_read_and_not_told(api: Api, ada: Actor, ben: Actor) -> None:
    mine, theirs = await api.token(ada), await api.token(ben)
    await api.follow(ada, ben)
    await api.follow(ben, ada)
    post = await api.publish(ben, "of ben")
    answer = (await api.post(f"/api/v1/accounts/{ben.id}/mute", mine)).json
    wanted = {"muting": True, "muting_notifications": True, "muting_expires_at": None, "following": True}
    assert {name: answer[name] for name in wanted} == wanted
    for path in ("timelines/home", "timelines/public"):
        assert "of ben" not in (await api.get(f"/api/v1/{path}", mine)).body.decode(), path
    assert (await api.get(f"/api/v1/statuses/{post.id}", mine)).status == 200
    await api.post(f"/api/v1/statuses/{(await api.publish(ada, 'x')).id}/favourite", theirs)
    told = (await api.get("/api/v1/notifications", mine)).json
    assert "favourite" not in {one["type"] for one in told}
    back = (await api.get(f"/api/v1/accounts/relationships?id={ada.id}", theirs)).json[0]
    assert (back["muting"], back["blocked_by"], back["following"]) == (False, False, True)

    answer = (await api.post(f"/api/v1/accounts/{ben.id}/mute", mine, form={"notifications": "false"})).json
    assert (answer["muting"], answer["muting_notifications"]) == (True, False)
    await api.post(f"/api/v1/statuses/{(await api.publish(ada, 'y')).id}/favourite", theirs)
    told = (await api.get("/api/v1/notifications", mine)).json
    assert [one["type"] for one in told].count("favourite") == 1

    assert (await api.post(f"/api/v1/accounts/{ben.id}/unmute", mine)).json["muting"] is False
    assert "of ben" in (await api.get("/api/v1/timelines/home", mine)).body.decode()


async def test_a_mute_ends_by_the_clock(api: Api, ada: Actor, ben: Actor, clock: Clock) -> None:
    token = await api.token(ada)
    now = api.site.clock()
    answer = (await api.post(f"/api/v1/accounts/{ben.id}/mute", token, json={"duration": 60})).json
    assert answer["muting_expires_at"].endswith("Z")
    (listed,) = (await api.get("/api/v1/mutes", token)).json
    assert (listed["acct"], listed["mute_expires_at"]) == ("ben", answer["muting_expires_at"])
    await api.follow(ada, ben)
    await api.publish(ben, "of ben")
    assert (await api.get("/api/v1/timelines/home", token)).json == []

    clock.pass_(seconds=3600)
    assert (await api.get("/api/v1/mutes", token)).json == []
    assert (await api.get(f"/api/v1/accounts/relationships?id={ben.id}", token)).json[0]["muting"] is False
    assert len((await api.get("/api/v1/timelines/home", token)).json) == 1
    assert any(one.unit is mutes.lapse for one in SCHEDULE)
    assert await api.site.db.write(lambda tx: mutes.lapse(tx, now)) == 0
    assert await api.site.db.write(lambda tx: mutes.lapse(tx, now + 3600_000)) == 1


@pytest.mark.parametrize("seconds", [0, -5, 10**30, None])
async def test_a_mute_for_ever(api: Api, ada: Actor, ben: Actor, seconds: int | None) -> None:
    token = await api.token(ada)
    answer = (await api.post(f"/api/v1/accounts/{ben.id}/mute", token, json={"duration": seconds})).json
    assert (answer["muting"], answer["muting_expires_at"]) == (True, None)
    # Again with an end: it has one, and one row.
    answer = (await api.post(f"/api/v1/accounts/{ben.id}/mute", token, json={"duration": 100})).json
    assert answer["muting_expires_at"] is not None
    assert len(await api.site.db.read(lambda tx: mutes.of_person(tx, ada.id, 0))) == 1


async def test_mutes_that_cant_be(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    assert (await api.post(f"/api/v1/accounts/{ada.id}/mute", token)).status == 422
    assert (await api.post("/api/v1/accounts/12345/mute", token)).status == 404
    assert (await api.post(f"/api/v1/accounts/{ada.id}/mute", token, form={"duration": "x"})).status == 422


async def remote(api: Api, name: str, host: str) -> Actor:
    """Somebody elsewhere."""
    return await api.site.db.write(lambda tx: rows.actor(tx, name, host))


async def test_a_domain_block_ends_what_is_between(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    far, other = await remote(api, "far", "beta.example"), await remote(api, "near", "gamma.example")
    site = api.site

    def meet(tx: Tx) -> None:
        for one in (far, other):
            made = follow_actions.follow(tx, site, ada, one)
            follow_actions.settled(tx, site, made, ada, one)
            follow_actions.receive(tx, site, one, ada, f"{one.iri}/follow")
        follow_actions.receive(tx, site, far, ben, f"{far.iri}/follow-ben")

    await site.db.write(meet)
    asked = await api.get("/api/v1/domain_blocks/preview?domain=Beta.example", token)
    assert asked.json == {"following_count": 1, "followers_count": 1}
    assert (await api.post("/api/v1/domain_blocks", token, form={"domain": "Beta.Example"})).json == {}
    assert (await api.get("/api/v1/domain_blocks", token)).json == ["beta.example"]
    there, elsewhere = (await api.get(f"/api/v1/accounts/relationships?id[]={far.id}&id[]={other.id}", token)).json
    assert (there["domain_blocking"], there["following"], there["followed_by"]) == (True, False, False)
    assert (elsewhere["domain_blocking"], elsewhere["following"], elsewhere["followed_by"]) == (False, True, True)
    left = await site.db.read(lambda tx: follows.find(tx, far.id, ben.id))
    assert left is not None, "a block is of one person"
    told = (await api.get("/api/v1/notifications", token)).json
    assert {one["account"]["acct"] for one in told} == {"near@gamma.example"}
    refused = await api.post(f"/api/v1/accounts/{far.id}/follow", token)
    assert (refused.status, refused.error) == (403, "This action is not allowed")
    # What comes from there is refused, too.
    await site.db.write(lambda tx: follow_actions.receive(tx, site, far, ada, f"{far.iri}/again"))
    assert await site.db.read(lambda tx: follows.find(tx, far.id, ada.id)) is None

    assert (await api.ask("DELETE", "/api/v1/domain_blocks", token, json={"domain": "beta.example"})).json == {}
    assert (await api.get("/api/v1/domain_blocks", token)).json == []
    assert (await api.ask("DELETE", "/api/v1/domain_blocks?domain=beta.example", token)).json == {}
    # Who asks nobody agrees in a moment: the answer says so already, as Mastodon's does, and later ones how it stands.
    followed = (await api.post(f"/api/v1/accounts/{far.id}/follow", token)).json
    assert (followed["following"], followed["requested"]) == (True, False)
    [stands] = (await api.get(f"/api/v1/accounts/relationships?id[]={far.id}", token)).json
    assert (stands["following"], stands["requested"]) == (False, True)


async def test_many_follows_end_in_a_job(api: Api, ada: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain_actions, "BATCH", 2)
    site = api.site
    for number in range(5):
        one = await remote(api, f"far{number}", "beta.example")
        edge = Follow(site.new_id(), one.id, ada.id, "accepted", f"{one.iri}/f", True, False, site.clock())
        await site.db.write(lambda tx, edge=edge: follows.insert(tx, edge))  # type: ignore[misc]
    await api.post("/api/v1/domain_blocks", await api.token(ada), form={"domain": "beta.example"})
    assert len(await site.db.read(lambda tx: follows.followers(tx, ada.id, 10))) == 3
    (job,) = await site.db.write(lambda tx: jobs.claim(tx, site.clock(), site.clock() + 1000, 10))
    assert job.kind == "part"
    from fedi.worker import jobs as work

    await work.run(site, job)
    assert await site.db.read(lambda tx: follows.followers(tx, ada.id, 10)) == []
    assert await site.db.read(lambda tx: domain_blocks.of_person(tx, ada.id)) == ["beta.example"]


@pytest.mark.parametrize(
    "domain", ["", "  ", "no spaces here", "a" * 300, "-", "alpha.example", "http://", "x" * 64 + ".y"]
)
async def test_what_is_no_domain(api: Api, ada: Actor, domain: str) -> None:
    token = await api.token(ada)
    refused = await api.post("/api/v1/domain_blocks", token, json={"domain": domain})
    assert (refused.status, refused.error.startswith("Validation failed: Domain")) == (422, True)
    assert (await api.get("/api/v1/domain_blocks", token)).json == []
    with pytest.raises(Invalid):
        await api.site.db.write(lambda tx: domain_actions.block(tx, api.site, ada, domain))


async def test_pages_of_domains(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    for name in "abc":
        await api.post(f"/api/v1/domain_blocks?domain={name}.example", token)
    page = await api.get("/api/v1/domain_blocks?limit=2", token)
    assert page.json == ["c.example", "b.example"]
    assert (await api.get(page.link("next") or "", token)).json == ["a.example"]
