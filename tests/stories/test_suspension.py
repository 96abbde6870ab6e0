"""A peering is suspended and resumed: nothing goes either way meanwhile, every follow is back and every post arrives; what is
ended is listed for whom it concerns, and what was lost on the way is found by its number."""

from typing import Any

import msgspec
import pytest

from fedi import fetching, visibility
from fedi.actions import follows, posts, suspensions
from fedi.actions import peers as acts
from fedi.actions.posts import Draft
from fedi.worker import jobs as worker_jobs
from storage import actors, jobs, links, memberships, notifications, peers, received, sequences, severed, troubles
from storage import follows as follow_rows
from storage.actors import Actor
from storage.links import Link
from storage.metadata import Tx
from storage.posts import Post
from storage.timelines import Page
from tests.stories.conftest import Three
from tests.stories.test_peering import Two, agree, two
from tests.world import Instance, Peer, settle

__all__ = ["two"]
pytestmark = pytest.mark.anyio


def agreed(one: Instance, other: Instance) -> None:
    """What a signed agreement makes of a peer."""
    host, actor = other.site.config.host, other.site.instance_iri

    def unit(tx: Tx) -> None:
        peers.meet(tx, host, one.site.clock())
        peers.change(tx, host, stance="agreed", instance_actor=actor, tier="members")

    one.write(unit)


async def follow(instance: Instance, person: Actor, handle: str) -> Actor:
    target = await fetching.actor(instance.site, handle)
    instance.write(lambda tx: follows.follow(tx, instance.site, person, target))
    return target


def publish(instance: Instance, author: Actor, text: str, **more: Any) -> Post:
    return instance.write(lambda tx: posts.publish(tx, instance.site, author, Draft(text, **more)))


async def friends(three: Three) -> tuple[Actor, Actor]:
    """Ada of alpha and bea of beta, who follow each other; their universities have agreed."""
    alpha, beta, _ = three.all
    ada, bea = alpha.person("ada"), beta.person("bea")
    await follow(alpha, ada, "bea@beta.example")
    await follow(beta, bea, "ada@alpha.example")
    agreed(alpha, beta)
    agreed(beta, alpha)
    await settle(alpha, beta)
    return ada, bea


def link(instance: Instance, host: str) -> Link:
    found = instance.read(lambda tx: links.by_host(tx, host))
    assert found is not None
    return found


def edges(instance: Instance) -> set[tuple[int, int, str]]:
    def unit(tx: Tx) -> set[tuple[int, int, str]]:
        return {
            (follow.follower_id, follow.target_id, follow.state)
            for actor in actors.local(tx)
            for follow in (*follow_rows.followers(tx, actor.id, 100), *follow_rows.following(tx, actor.id, 100))
        }

    return instance.read(unit)


def suspend(instance: Instance, host: str) -> None:
    instance.write(lambda tx: suspensions.began(tx, instance.site, host, None))


async def resume(instance: Instance, other: Instance) -> None:
    """It goes on; the other side, which was told to come back in an hour, does."""
    host = instance.site.config.host
    instance.write(lambda tx: suspensions.over(tx, instance.site, other.site.config.host))
    other.write(lambda tx: links.wake(tx, host, other.site.clock()))
    await settle(instance, other)


async def test_nothing_goes_either_way_and_all_of_it_comes_after(three: Three) -> None:
    alpha, beta, _ = three.all
    ada, bea = await friends(three)
    before = publish(beta, bea, "before")
    await settle(alpha, beta)
    known = edges(alpha), edges(beta)
    suspend(alpha, "beta.example")
    theirs = [publish(beta, bea, f"from beta {number}") for number in range(3)]
    ours = [publish(alpha, ada, f"from alpha {number}") for number in range(3)]
    three.world.sent.clear()
    await settle(alpha, beta)

    assert not any(alpha.has(post.iri) for post in theirs)
    assert not any(beta.has(post.iri) for post in ours)
    assert [host for host, _, body in three.world.sent if b"from alpha" in body] == []
    hidden = alpha.read(lambda tx: visibility.seen(tx, visibility.person(ada.id), [alpha.post(before.iri).id]))
    assert hidden == {}  # what came before is not shown, and not lost
    assert (edges(alpha), edges(beta)) == known
    waiting = link(beta, "alpha.example")
    assert waiting.failures == 1  # it was told to come back, and its cursor waits
    assert waiting.cursor < waiting.wanted
    assert beta.read(lambda tx: troubles.newest(tx, 10)) == []

    await resume(alpha, beta)
    assert [alpha.post(post.iri).author_id for post in theirs] == [alpha.actor(bea.iri).id] * 3
    assert [beta.post(post.iri).author_id for post in ours] == [beta.actor(ada.iri).id] * 3
    assert (edges(alpha), edges(beta)) == known
    every = [alpha.post(post.iri).id for post in (before, *theirs)]
    shown = alpha.read(lambda tx: visibility.seen(tx, visibility.person(ada.id), every))
    assert set(shown) == set(every)
    for one, other in ((alpha, "beta.example"), (beta, "alpha.example")):
        now = link(one, other)
        assert now.cursor >= now.wanted
        assert one.read(lambda tx: troubles.newest(tx, 10)) == []
        heard = one.read(lambda tx, other=other: sequences.heard(tx, other))  # type: ignore[misc]  # a lambda with a default
        assert heard is not None
        assert heard.gaps == []
    assert link(alpha, "beta.example").sequence == beta.read(lambda tx: _last(tx, "alpha.example"))
    assert link(beta, "alpha.example").sequence == alpha.read(lambda tx: _last(tx, "beta.example"))


def _last(tx: Tx, host: str) -> int:
    heard = sequences.heard(tx, host)
    assert heard is not None
    return heard.last


async def test_what_came_before_and_was_not_worked_out_waits_with_it(three: Three) -> None:
    alpha, beta, _ = three.all
    _, bea = await friends(three)
    post = publish(beta, bea, "on its way")
    await settle(beta)  # it is on alpha's disk
    suspend(alpha, "beta.example")
    await settle(alpha)
    assert not alpha.has(post.iri)
    assert alpha.read(received.totals).get("refused", 0) == 0
    await resume(alpha, beta)
    assert alpha.has(post.iri)


async def test_what_is_private_waits_for_new_terms_and_nothing_else(three: Three) -> None:
    alpha, beta, _ = three.all
    ada, bea = await friends(three)
    publish(alpha, ada, "first words")
    await settle(alpha, beta)
    alpha.write(lambda tx: suspensions.pause_private(tx, alpha.site, "beta.example"))
    private = [publish(alpha, ada, f"in confidence {n}", visibility="followers") for n in range(2)]
    public = [publish(alpha, ada, f"in public {n}") for n in range(2)]
    three.world.sent.clear()
    await settle(alpha, beta)
    assert [beta.has(post.iri) for post in public] == [True, True]
    assert [beta.has(post.iri) for post in private] == [False, False]
    alpha.write(lambda tx: suspensions.unpause(tx, alpha.site, "beta.example"))
    await settle(alpha, beta)
    assert [beta.has(post.iri) for post in private] == [True, True]
    for word in (b"in public 0", b"in public 1", b"in confidence 0", b"in confidence 1"):
        assert sum(word in body for host, _, body in three.world.sent if host == "beta.example") == 1
    assert beta.read(lambda tx: sequences.heard(tx, "alpha.example")).gaps == []  # type: ignore[union-attr]
    assert bea.id


async def test_a_suspension_that_is_not_resumed_in_time_severs_and_lists_what_was_lost(three: Three) -> None:
    alpha, beta, _ = three.all
    ada, bea = await friends(three)
    suspend(alpha, "beta.example")
    lost = alpha.read(lambda tx: suspensions.impact(tx, "beta.example"))
    assert (lost.following, lost.followers, lost.people) == (1, 1, 1)
    assert {edge.handle for edge in lost.edges} == {"bea@beta.example"}
    alpha.write(lambda tx: peers.change(tx, "beta.example", suspended_until=alpha.site.clock() - 1))
    alpha.write(lambda tx: jobs.add(tx, alpha.site.new_id(), "peerings", "now", {}, alpha.site.clock()))
    await settle(alpha)
    peer = alpha.read(lambda tx: peers.by_host(tx, "beta.example"))
    assert peer is not None
    assert (peer.stance, peer.suspended_until) == ("blocked", None)  # a timer opens nothing
    assert edges(alpha) == set()
    rows = alpha.read(lambda tx: severed.of_person(tx, ada.id))
    assert {(row.handle, row.following, row.cause) for row in rows} == {
        ("bea@beta.example", True, "expired"),
        ("bea@beta.example", False, "expired"),
    }
    told = alpha.read(lambda tx: notifications.of_person(tx, ada.id, Page(10)))
    assert "severed_relationships" in {one.kind for one in told}

    agreed(alpha, beta)  # a new agreement
    alpha.write(lambda tx: suspensions.restored(tx, alpha.site, "beta.example"))
    await settle(alpha, beta)
    assert (ada.id, alpha.actor(bea.iri).id, "accepted") in edges(alpha)
    await worker_jobs.KINDS["restore"](alpha.site, {"host": "beta.example"})  # as it is done each hour
    left = alpha.read(lambda tx: severed.of_host(tx, "beta.example"))
    assert [row.following for row in left] == [False]  # who followed ada there does so again from there


async def test_a_server_that_knows_nothing_of_peering_is_caught_up_with(three: Three) -> None:
    alpha = three.alpha
    ada = alpha.person("ada")
    peer = Peer(three.world, "mastodon.example", "mastodon")
    zoe = peer.actor("zoe")
    await follow(alpha, ada, "zoe@mastodon.example")
    await settle(alpha)
    [asked] = peer.got("Follow")
    await peer.send(alpha, peer.activity("Accept", zoe, asked))
    await settle(alpha)
    suspend(alpha, "mastodon.example")
    note = peer.note(zoe, "missed", published="2099-01-01T00:00:00Z")
    create = peer.activity("Create", zoe, note)
    answer = await peer.send(alpha, create)
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) >= 60
    assert msgspec.json.decode(answer.body)["title"] == "host suspended"
    peer.documents[f"{zoe}/outbox"] = {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": f"{zoe}/outbox",
        "type": "OrderedCollection",
        "orderedItems": [create],
    }
    alpha.write(lambda tx: suspensions.over(tx, alpha.site, "mastodon.example"))
    await settle(alpha)
    assert alpha.has(note["id"])


async def test_the_messages_of_the_two_alone_bring_everything_back(two: Two) -> None:
    """Suspended by alpha, resumed by alpha: beta, which was told both, and nobody else does anything."""
    alpha, beta = two.alpha, two.beta
    await agree(two)
    ada, bea = alpha.person("ada"), beta.person("bea")
    await follow(alpha, ada, "bea@beta.example")
    await follow(beta, bea, "ada@alpha.example")
    await two.settle()
    known = edges(alpha), edges(beta)
    alpha.write(lambda tx: acts.suspend(tx, alpha.site, "kim", "beta.example", "incident 4411"))
    ours, late = publish(alpha, ada, "from alpha"), publish(beta, bea, "before beta knew")
    await two.settle()
    theirs = publish(beta, bea, "from beta")
    await two.settle()
    assert not beta.has(ours.iri)
    assert not any(alpha.has(post.iri) for post in (late, theirs))
    alpha.write(lambda tx: acts.resume(tx, alpha.site, "kim", "beta.example"))
    await two.settle()
    assert beta.has(ours.iri)
    assert all(alpha.has(post.iri) for post in (late, theirs))
    assert (edges(alpha), edges(beta)) == known


async def test_who_ends_what_is_suspended_is_heard(two: Two) -> None:
    alpha, beta = two.alpha, two.beta
    await agree(two)
    alpha.write(lambda tx: acts.suspend(tx, alpha.site, "kim", "beta.example", "incident 4411"))
    await two.settle()
    alpha.write(lambda tx: acts.end(tx, alpha.site, "kim", "beta.example", "it was no accident"))
    await two.settle()
    for instance, host in ((alpha, "beta.example"), (beta, "alpha.example")):
        peer = instance.read(lambda tx, host=host: peers.by_host(tx, host))  # type: ignore[misc]  # a lambda with a default
        assert peer is not None
        assert (peer.stance, peer.tier) == ("blocked", "public")


async def test_what_waits_is_let_go_when_an_admin_says_otherwise(three: Three) -> None:
    """However the stance was changed, nothing is kept for ever."""
    alpha, beta, _ = three.all
    ada, _ = await friends(three)
    suspend(alpha, "beta.example")
    post = publish(alpha, ada, "kept")
    await settle(alpha, beta)
    alpha.write(lambda tx: peers.change(tx, "beta.example", stance="none"))
    await worker_jobs.KINDS["peerings"](alpha.site, {})
    await settle(alpha, beta)
    assert beta.has(post.iri)


async def test_what_an_agreement_opened_closes_with_it_and_opens_with_the_next(two: Two) -> None:
    alpha, beta = two.alpha, two.beta
    await agree(two)
    olga, bea = alpha.person("olga"), beta.person("bea")
    group = alpha.group("thesis", olga, see="peers")
    there = await follow(beta, bea, "thesis@alpha.example")
    await two.settle()
    known = edges(beta)
    assert known == {(bea.id, there.id, "accepted")}
    private = publish(alpha, olga, "@thesis@alpha.example for the two of us")
    await two.settle()
    assert beta.has(private.iri)
    alpha.write(lambda tx: acts.end(tx, alpha.site, "kim", "beta.example", "no more courses together"))
    await two.settle()
    assert edges(beta) == set()
    assert beta.post(private.iri).deleted_at is not None  # they were asked to erase it, and did
    assert alpha.post(private.iri).deleted_at is None
    assert alpha.read(lambda tx: memberships.at_host(tx, group.id, "beta.example")) == []
    assert [row.handle for row in beta.read(lambda tx: severed.of_person(tx, bea.id))] == ["thesis@alpha.example"]
    assert [row.handle for row in alpha.read(lambda tx: severed.of_person(tx, group.id))] == ["bea@beta.example"]
    told = beta.read(lambda tx: notifications.of_person(tx, bea.id, Page(10)))
    assert "severed_relationships" in {one.kind for one in told}
    await agree(two)
    for _ in range(2):  # the first question may come before the agreement is in force there
        await worker_jobs.KINDS["restore"](beta.site, {"host": "alpha.example"})
        await two.settle()
    assert edges(beta) == known
    assert beta.read(lambda tx: severed.of_host(tx, "alpha.example")) == []


async def test_who_is_put_out_while_the_peering_goes_on_lost_nothing_with_it(two: Two) -> None:
    alpha, beta = two.alpha, two.beta
    await agree(two)
    olga, bea = alpha.person("olga"), beta.person("bea")
    group = alpha.group("thesis", olga)
    await follow(beta, bea, "thesis@alpha.example")
    await two.settle()

    def put_out(tx: Tx) -> None:
        [edge] = follow_rows.followers(tx, group.id, 10)[:1]
        follows.reject(tx, alpha.site, edge)

    alpha.write(put_out)
    await two.settle()
    assert edges(beta) == set()
    assert beta.read(lambda tx: severed.of_person(tx, bea.id)) == []
    assert beta.read(lambda tx: severed.of_host(tx, "alpha.example")) == []


async def test_what_was_for_members_before_there_was_trust_comes_with_it(two: Two) -> None:
    """Signed, not tried yet: what is for members is not sent. Who is in the group has all of it once both trust each other."""
    alpha, beta = two.alpha, two.beta
    await agree(two)
    ada, bea = alpha.person("ada"), beta.person("bea")
    thesis = alpha.group("thesis", ada, see="members")
    alpha.write(lambda tx: acts.set_tier(tx, alpha.site, "beta.example", "agreed", "to be tried"))
    beta.write(lambda tx: acts.set_tier(tx, beta.site, "alpha.example", "agreed", "to be tried"))
    await follow(beta, bea, "thesis@alpha.example")
    await two.settle()
    early = publish(alpha, ada, f"@{thesis.username} before trust")
    await two.settle()
    assert not beta.has(early.iri)
    alpha.write(lambda tx: acts.set_tier(tx, alpha.site, "beta.example", "members", "it passed"))
    beta.write(lambda tx: acts.set_tier(tx, beta.site, "alpha.example", "members", "it passed"))
    await two.settle()
    beta.site.questions.failed.clear()  # a minute passes
    assert beta.write(lambda tx: jobs.hasten(tx, "catch-up", "alpha.example groups", 0))
    await two.settle()
    assert beta.has(early.iri)
    seen = beta.read(lambda tx: visibility.seen(tx, visibility.person(bea.id), [beta.post(early.iri).id]))
    assert set(seen) == {beta.post(early.iri).id}
