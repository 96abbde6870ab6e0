"""Where the policy is asked: at the door, about what is passed on, fetched, boosted, delivered, announced, answered and shown;
what is told to whom; and that what was kept of a decision gives the same decision again."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from federation.policy.decide import Decision, Verdict, decide
from federation.policy.envelopes import unpacked, unpacked_facts
from federation.policy.facts import Facts
from federation.signatures.sign import sign_get
from fedi import fetching, policy
from fedi.actions import explaining, follows, held, policies, posts, refusing
from fedi.actions.explaining import Verified
from fedi.actions.posts import Draft
from fedi.errors import NotFound
from fedi.policy import Judged
from fedi.visibility import NOBODY, may_see
from storage import envelopes as chunks
from storage import follows as follow_rows
from storage import links, outbox, peers, received, troubles
from storage.metadata import Tx
from tests.conftest import Databases
from tests.policies import PUBLIC, Scene, apply, made, rule
from tests.world import Instance, Peer, World, call, close, instance, settle

pytestmark = pytest.mark.anyio


@pytest.fixture
async def scene(world: World, alpha: Instance, peer: Peer) -> AsyncIterator[Scene]:
    """Ada follows Bob, of whose server the rules are, and Eve. Whatever was decided is decided again in the end, by what was kept
    of it, with the same answer."""
    yield await made(world, alpha, peer)

    def unit(tx: Tx) -> list[Verified]:
        ids = [one for page in explaining.newest_chunks(tx, 1000) for one in page]
        rows, _ = explaining.verify_rows(tx, alpha.site, 1000)
        return [rows, explaining.verify_chunks(tx, alpha.site, ids, 1000)]

    rows, envelopes = alpha.read(unit)
    assert (rows.differing, envelopes.differing, rows.lost, envelopes.lost) == ([], [], 0, 0)
    assert envelopes.checked > 0


def kept(scene: Scene) -> list[tuple[str, str, str]]:
    """(direction, verdict, code) of all that has an envelope."""

    def unit(tx: Tx) -> list[tuple[str, str, str]]:
        return [
            (one.facts.direction, one.verdict, one.code)
            for row in chunks.around(tx, 0, 1 << 50)
            for one in unpacked(row.body)
        ]

    return scene.alpha.read(unit)


async def test_a_refusal_at_the_door_says_by_which_rule_and_can_be_decided_again(scene: Scene) -> None:
    text = rule('"reject"', 'keyword = "casino"', 'reason = { code = "spam", text = "No casinos here." }')
    apply(scene.alpha, text)
    note = scene.other.note(scene.eve, "one", content="<p>the best c<b>asi</b>no</p>")
    answer = await scene.other.send(scene.alpha, scene.other.activity("Create", scene.eve, note))
    assert answer.status == 403
    assert answer.headers["content-type"] == "application/problem+json"
    said = msgspec.json.decode(answer.body)
    assert said["type"] == "https://w3id.org/fep/c180#actor-not-authorized"
    assert (said["detail"], said["code"], said["peer:rule"], said["peer:retry"]) == (
        "No casinos here.",
        "spam",
        "r",
        False,
    )
    digest = scene.alpha.read(policies.in_force).digest
    assert said["peer:policy"] == f"sha256:{digest}"
    row = scene.decided()[0]
    assert (row.direction, row.verdict, row.code, row.rule) == ("in", "reject", "spam", "r")
    assert row.facts is not None
    facts = unpacked_facts(row.facts)
    again = decide(scene.alpha.read(lambda tx: policy.of_version(tx, scene.alpha.site, row.policy)), facts)
    assert (again.verdict.value, again.code, again.rule) == (row.verdict, row.code, row.rule)
    assert facts.text == "the best casino"
    # Of what is not for everybody no word is kept.
    assert not scene.alpha.has(note["id"])
    assert ("in", "reject", "spam") in kept(scene)


async def test_what_is_private_has_no_text_in_its_facts(scene: Scene) -> None:
    apply(scene.alpha, rule('"reject"', 'visibility = "direct"'))
    note = scene.other.note(scene.eve, "secret", content="<p>canary</p>", to=[scene.ada.iri], cc=[])
    await scene.other.send(scene.alpha, scene.other.activity("Create", scene.eve, note, to=[scene.ada.iri], cc=[]))
    row = scene.decided()[0]
    assert row.verdict == "reject"
    assert row.facts is not None
    assert b"canary" not in row.facts
    assert all(b"canary" not in chunk.body for chunk in scene.alpha.read(lambda tx: chunks.around(tx, 0, 1 << 50)))


async def follow_group(scene: Scene, world: World) -> tuple[Peer, str]:
    """A group at a third server that Ada is in."""
    forum = Peer(world, "forum.example", "lemmy")
    group = forum.actor("club", "Group")
    found = await fetching.actor(scene.alpha.site, group)
    scene.alpha.write(lambda tx: follows.follow(tx, scene.alpha.site, scene.ada, found))
    await settle(scene.alpha)
    await forum.send(scene.alpha, forum.activity("Accept", group, forum.got("Follow")[-1]))
    await settle(scene.alpha)
    return forum, group


async def test_a_rule_about_a_server_is_about_whatever_way_its_people_come(scene: Scene, world: World) -> None:
    """As announcer, actor, author and host alike."""
    forum, group = await follow_group(scene, world)
    apply(scene.alpha, rule('"reject"', 'peer = "peer.example"'))
    alpha, peer, other = scene.alpha, scene.peer, scene.other

    async def passed_on(by: Peer, author: str, name: str) -> str:
        note = by.note(author, name, audience=group, to=[PUBLIC, group])
        create = by.activity("Create", author, note, audience=group)
        await forum.send(alpha, forum.activity("Announce", group, create))
        await settle(alpha)
        return str(note["id"])

    # What a group passes on.
    assert not alpha.has(await passed_on(peer, scene.bob, "passed"))
    assert alpha.has(await passed_on(other, scene.eve, "passed"))
    # What somebody boosts.
    for by, author, wanted in ((peer, scene.bob, False), (other, scene.eve, True)):
        note = by.note(author, "boosted")
        await other.send(alpha, other.activity("Announce", scene.eve, note["id"]))
        await settle(alpha)
        assert alpha.has(note["id"]) is wanted
    # What it announces of others.
    theirs = other.note(scene.eve, "liked")
    assert (await peer.send(alpha, peer.activity("Announce", scene.bob, theirs["id"]))).status == 403
    # What is asked for.
    world.asked.clear()
    assert await fetching.resolve(alpha.site, peer.note(scene.bob, "sought")["id"]) is None
    assert [host for host, _ in world.asked if host == "peer.example"] == []
    assert {row.direction for row in scene.decided()} >= {"in", "fetch"}


async def test_a_rule_about_text_is_about_what_is_fetched_too(scene: Scene) -> None:
    apply(scene.alpha, rule('"reject"', 'keyword = "casino", direction = "in"'))
    note = scene.other.note(scene.eve, "far", content="<p>casino</p>")
    await scene.other.send(scene.alpha, scene.other.activity("Announce", scene.eve, note["id"]))
    await settle(scene.alpha)
    assert scene.other.iri("/notes/far") in scene.other.asked
    assert not scene.alpha.has(note["id"])
    assert scene.alpha.has(await scene.publish(scene.other, scene.eve, "fine"))


async def test_a_rule_about_deliveries_stops_one_post_at_one_server(scene: Scene) -> None:
    alpha = scene.alpha
    await scene.peer.send(alpha, scene.peer.activity("Follow", scene.bob, scene.ada.iri))
    await scene.other.send(alpha, scene.other.activity("Follow", scene.eve, scene.ada.iri))
    await settle(alpha)
    text = 'reason = { code = "words", text = "nothing about exams goes there" }'
    apply(alpha, rule('"reject"', 'direction = "out", peer = "peer.example", keyword = "exam"', text))
    first = alpha.write(lambda tx: posts.publish(tx, alpha.site, scene.ada, Draft("The exam is easy")))
    second = alpha.write(lambda tx: posts.publish(tx, alpha.site, scene.ada, Draft("Good morning")))
    await settle(alpha)

    def got(by: Peer) -> set[str]:
        return {one["object"]["id"] for one in by.got("Create")}

    assert (got(scene.peer), got(scene.other)) == ({second.iri}, {first.iri, second.iri})
    trouble = alpha.read(lambda tx: troubles.newest(tx, 5, "peer.example"))[0]
    assert (trouble.kind, trouble.reason) == ("refused", "policy: nothing about exams goes there")
    row = scene.decided()[0]
    assert (row.direction, row.code, row.rule, row.activity_id) == ("out", "words", "r", trouble.activity_id)
    assert kept(scene).count(("out", "accept", "accepted")) >= 3
    link = alpha.read(lambda tx: links.by_host(tx, "peer.example"))
    assert link is not None
    assert link.cursor == link.wanted  # nothing waits behind it


async def test_a_group_does_not_pass_on_what_a_rule_is_against(scene: Scene) -> None:
    alpha = scene.alpha
    club = alpha.group("club", scene.ada)
    for by, author in ((scene.peer, scene.bob), (scene.other, scene.eve)):
        await by.send(alpha, by.activity("Follow", author, club.iri))
    await settle(alpha)
    apply(alpha, rule('"reject"', 'direction = "announce", peer = "peer.example"'))
    there = {}
    for by, author in ((scene.peer, scene.bob), (scene.other, scene.eve)):
        there[author] = await scene.publish(by, author, "thread", audience=club.iri, to=[PUBLIC, club.iri])

    def passed(iri: str) -> bool:
        post = alpha.post(iri)
        assert post.group_id == club.id
        return bool(alpha.read(lambda tx: outbox.passed_on(tx, club.id, [post.id], 10)))

    assert (passed(there[scene.bob]), passed(there[scene.eve])) == (False, True)
    assert ("announce", "reject", "rule") in {(row.direction, row.verdict, row.code) for row in scene.decided()}
    # What is taken away is taken away everywhere.
    await scene.peer.send(alpha, scene.peer.activity("Delete", scene.bob, there[scene.bob]))
    await settle(alpha)
    newest = alpha.read(lambda tx: outbox.of_actor(tx, club.id, ("Announce",), 1))[0]
    assert b'"Delete"' in newest.body


async def test_a_signed_request_is_answered_as_the_policy_says(scene: Scene) -> None:
    alpha = scene.alpha
    post = alpha.write(lambda tx: posts.publish(tx, alpha.site, scene.ada, Draft("Hello")))
    apply(alpha, rule('"reject"', 'direction = "answer", peer = "peer.example"'))
    answers = []
    for by, who in ((scene.peer, scene.bob), (scene.other, scene.eve)):
        headers = sign_get(by.keys[who], post.iri, alpha.site.clock())
        answers.append(await call(alpha.app, "GET", post.iri, headers | {"accept": "application/activity+json"}))
    assert [answer.status for answer in answers] == [403, 200]
    said = msgspec.json.decode(answers[0].body)
    assert (said["type"], said["peer:rule"]) == ("https://w3id.org/fep/c180#actor-not-authorized", "r")
    assert [(row.direction, row.host) for row in scene.decided()] == [("answer", "peer.example")]
    # One person there, and nobody else.
    apply(alpha, rule('"reject"', f'direction = "answer", actor = "{scene.eve}"'))
    headers = sign_get(scene.other.keys[scene.eve], post.iri, alpha.site.clock())
    answer = await call(alpha.app, "GET", post.iri, headers | {"accept": "application/activity+json"})
    assert answer.status == 403


async def test_what_is_not_to_be_shown_is_hidden_and_comes_back(scene: Scene) -> None:
    alpha = scene.alpha
    theirs, others = (
        alpha.post(await scene.publish(scene.peer, scene.bob, "shown")),
        alpha.post(await scene.publish(scene.other, scene.eve, "shown")),
    )

    def shown() -> list[bool]:
        return alpha.read(lambda tx: [may_see(tx, NOBODY, one) for one in (theirs, others)])

    assert shown() == [True, True]
    apply(alpha, rule('"reject"', 'direction = "show", peer = "peer.example"'))
    assert shown() == [False, True]
    alpha.write(lambda tx: policies.rollback(tx, alpha.site, "ada", 0, "back"))
    assert shown() == [True, True]
    # A host that is met later is no exception.
    apply(alpha, rule('"reject"', 'direction = "show", peer = "late.example"'))
    late = Peer(alpha.world, "late.example", "mastodon")
    zoe = late.actor("zoe")
    await fetching.actor(alpha.site, zoe)
    assert alpha.read(peers.hidden_hosts) == {"late.example"}


async def test_what_is_held_waits_for_a_person(scene: Scene) -> None:
    alpha = scene.alpha
    apply(alpha, rule('"hold"', 'peer = "peer.example", activity = "Create"'))
    first = await scene.publish(scene.peer, scene.bob, "one")
    second = await scene.publish(scene.peer, scene.bob, "two")
    waiting = alpha.read(lambda tx: held.waiting(tx, 10))
    assert [(row.state, row.type, row.code) for row in waiting] == [("held", "Create", "rule")] * 2
    assert [row.verdict for row in scene.decided()] == ["hold", "hold"]
    alpha.write(lambda tx: held.release(tx, alpha.site, "ada", waiting[1].id))
    alpha.write(lambda tx: held.refuse(tx, alpha.site, "ada", waiting[0].id, "not this"))
    await settle(alpha)
    assert (alpha.has(first), alpha.has(second)) == (True, False)
    for act in (held.release, held.refuse):
        with pytest.raises(NotFound):
            alpha.write(partial(act, site=alpha.site, who="ada", row_id=waiting[0].id))
    # What was turned down may come again, and what was let in may not.
    assert {row.state for row in alpha.read(lambda tx: received.newest(tx, 2))} == {"done", "refused"}


async def test_an_agreed_peer_is_told_of_what_was_refused_after_it_was_taken_in(scene: Scene, world: World) -> None:
    forum, group = await follow_group(scene, world)
    alpha = scene.alpha
    service = forum.actor("forum", "Application")
    await fetching.actor(alpha.site, service)
    apply(
        alpha,
        rule(
            '"reject"', 'author = "https://other.example/users/eve"', 'reason = { code = "author", text = "not hers" }'
        ),
    )

    async def announce(name: str) -> None:
        note = scene.other.note(scene.eve, name, audience=group, to=[PUBLIC, group])
        create = scene.other.activity("Create", scene.eve, note, audience=group)
        batch = {"type": "Collection", "items": [create]}
        answer = await forum.send(alpha, forum.activity("Announce", group, batch))
        assert answer.status == 202
        await settle(alpha)
        assert not alpha.has(note["id"])

    await announce("one")
    assert forum.got("Reject") == []  # it would say to anybody what gets through
    alpha.write(lambda tx: peers.change(tx, "forum.example", stance="agreed", instance_actor=service))
    await announce("two")
    told = forum.got("Reject")
    assert len(told) == 1
    assert told[0]["actor"] == alpha.site.instance_iri
    assert told[0]["object"]["type"] == "Create"
    assert (told[0]["peer:problem"]["detail"], told[0]["peer:problem"]["code"]) == ("not hers", "author")


async def test_what_a_peer_says_that_it_did_not_take_is_known_here(scene: Scene) -> None:
    alpha, peer = scene.alpha, scene.peer
    await peer.send(alpha, peer.activity("Follow", scene.bob, scene.ada.iri))
    await settle(alpha)
    post = alpha.write(lambda tx: posts.publish(tx, alpha.site, scene.ada, Draft("Hello")))
    await settle(alpha)
    create = peer.got("Create")[-1]
    service = peer.actor("peer", "Application")
    problem = {"detail": "No greetings", "code": "greeting", "peer:rule": "r-7"}
    # A person speaks for themselves, not for their institution; and a stranger's word is not kept.
    for stance, by in (("agreed", scene.bob), ("none", service)):
        alpha.write(partial(peers.change, host="peer.example", stance=stance))
        await peer.send(alpha, peer.activity("Reject", by, create["id"], **{"peer:problem": problem}))
        await settle(alpha)
        assert alpha.read(lambda tx: troubles.newest(tx, 5)) == []
    alpha.write(lambda tx: peers.change(tx, "peer.example", stance="agreed"))
    for _ in range(2):
        await peer.send(alpha, peer.activity("Reject", service, create["id"], **{"peer:problem": problem}))
        await settle(alpha)
    found = alpha.read(lambda tx: troubles.newest(tx, 5))
    assert [(one.host, one.activity_id, one.reason) for one in found] == [
        ("peer.example", create["id"], "policy: No greetings")
    ]
    row = scene.decided()[0]
    assert (row.direction, row.host, row.code, row.reason, row.rule) == (
        "out",
        "peer.example",
        "greeting",
        "No greetings",
        "r-7",
    )
    assert not alpha.post(post.iri).deleted_at


async def test_what_is_too_much_in_a_minute_is_refused(scene: Scene) -> None:
    apply(scene.alpha, rule('"rate(3/min)"', 'peer = "peer.example", activity = "Create"'))
    there = [scene.alpha.has(await scene.publish(scene.peer, scene.bob, f"n{number}")) for number in range(5)]
    assert there == [True, True, True, False, False]
    assert scene.alpha.has(await scene.publish(scene.other, scene.eve, "free"))
    row = scene.decided()[0]
    assert row.facts is not None
    assert dict(unpacked_facts(row.facts).rates) == {"r": 5}


async def test_every_decision_has_an_envelope_and_a_new_version_counts_at_once(scene: Scene) -> None:
    alpha = scene.alpha
    before = len(kept(scene))
    await scene.publish(scene.other, scene.eve, "plain")
    assert kept(scene)[before:] == [("in", "accept", "accepted")]
    assert scene.decided() == []
    apply(alpha, rule('"reject"', 'peer = "other.example"'))
    assert not alpha.has(await scene.publish(scene.other, scene.eve, "late"))
    alpha.write(lambda tx: policies.rollback(tx, alpha.site, "ada", 0, "back"))
    assert alpha.has(await scene.publish(scene.other, scene.eve, "later"))


async def test_a_follow_that_the_other_policy_refuses_does_not_wait_for_ever(
    world: World, alpha: Instance, databases: Databases, tmp_path: Path
) -> None:
    url = databases.new("sqlite")
    beta = await instance(world, "beta.example", url, tmp_path)
    ada, bea = alpha.person("ada"), beta.person("bea")
    apply(
        beta,
        rule('"reject"', 'peer = "alpha.example", activity = "Follow"', 'reason = { code = "no", text = "Not yet" }'),
    )
    there = await fetching.actor(alpha.site, bea.iri)
    alpha.write(lambda tx: follows.follow(tx, alpha.site, ada, there))
    await settle(alpha, beta)
    assert alpha.read(lambda tx: follow_rows.find(tx, ada.id, there.id)) is None
    assert [one.reason for one in alpha.read(lambda tx: troubles.newest(tx, 5))] == ["policy: Not yet"]
    await close(beta)
    databases.drop(url)


async def test_a_follow_that_is_refused_late_is_answered_as_any(scene: Scene) -> None:
    alpha = scene.alpha
    alpha.write(lambda tx: peers.change(tx, "peer.example", stance="agreed"))
    facts = Facts(
        at=alpha.site.clock(), direction="in", host="peer.example", activity="Follow", stance="agreed",
        activity_id="https://peer.example/follows/1", actor=scene.bob, object_id=scene.ada.iri,
    )  # fmt: skip
    judged = Judged(facts, Decision(Verdict.REJECT, "scope", "not this group"))
    alpha.write(lambda tx: refusing.tell(tx, alpha.site, judged))
    await settle(alpha)
    told = scene.peer.got("Reject")[-1]
    assert (told["actor"], told["summary"]) == (scene.ada.iri, "not this group")
    assert told["object"] == {"id": facts.activity_id, "type": "Follow", "actor": scene.bob, "object": scene.ada.iri}
