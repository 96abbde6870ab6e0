"""Trust is tried: an institution finds out whether another keeps what it signed, with canaries and nobody's own posts."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from federation.peering import agreement as documents
from federation.peering.terms import Terms
from federation.signatures.integrity import check_proof
from federation.signatures.keys import load_public
from fedi import fetching, visibility
from fedi.actions import canaries, handshakes, probes, remote_posts
from fedi.actions import follows as follow_actions
from fedi.actions import peers as acts
from fedi.actions import posts as post_actions
from fedi.fetching.institutions import look_up
from fedi.health import of_peer
from fedi.inbox import update
from fedi.outbox import documents as door
from fedi.worker import loop, probing
from fedi.worker.jobs import nodeinfo
from storage import agreements, audit, edges, follows, jobs, peers, posts, trials
from storage import probes as rows
from storage.agreements import AgreementRow
from storage.metadata import Tx
from tests.conftest import KINDS, Databases
from tests.world import Instance, Peer, World, close, instance, settle

pytestmark = pytest.mark.anyio

DAY = 24 * 3600 * 1000


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody pauses between two looks."""
    monkeypatch.setattr(probing, "PAUSE", 0)


@dataclasses.dataclass(slots=True)
class Two:
    """Two universities in one process."""

    world: World
    alpha: Instance
    beta: Instance


@contextlib.asynccontextmanager
async def universities(databases: Databases, kind: str, folder: Path) -> AsyncIterator[Two]:
    """Two that know nothing of each other."""
    world = World()
    urls = [databases.new(kind) for _ in range(2)]
    names = ("alpha.example", "beta.example")
    made = [await instance(world, name, url, folder) for name, url in zip(names, urls, strict=True)]
    yield Two(world, *made)
    await close(*made)
    for url in urls:
        databases.drop(url)


@pytest.fixture
async def two(databases: Databases, tmp_path: Path) -> AsyncIterator[Two]:
    """Two universities on SQLite."""
    async with universities(databases, "sqlite", tmp_path) as made:
        yield made


@pytest.fixture(params=KINDS)
async def on_both(request: pytest.FixtureRequest, databases: Databases, tmp_path: Path) -> AsyncIterator[Two]:
    """Two universities on SQLite, and on PostgreSQL."""
    async with universities(databases, request.param, tmp_path) as made:
        yield made


def agreed(one: Instance, other: Instance | Peer, *, consent: bool = True, state: str = "active") -> None:
    """`one` has an agreement in force with the other that opens what is for members and, with `consent`, lets both try."""
    host = other.name if isinstance(other, Instance) else other.host
    terms = Terms(visibility=("public", "members"), groups=("*",), probes=consent)
    parties = (f"https://{one.name}/actor", f"https://{host}/actor")
    document = documents.build(iri=f"{parties[0]}/agreement", version=1, parties=parties, terms=terms)

    def unit(tx: Tx) -> None:
        now = one.site.clock()
        blank: dict[str, Any] = {field.name: None for field in dataclasses.fields(AgreementRow)}
        values = blank | {
            "id": one.site.new_id(),
            "iri": document["id"],
            "offer": f"{document['id']}/offer",
            "host": host,
            "ours": True,
            "version": 1,
            "document": documents.canonical(document),
            "digest": documents.digest(document),
            "proofs": [],
            "trusted": True,
            "state": state,
            "created_at": now,
            "changed_at": now,
        }
        agreements.insert(tx, AgreementRow(**values))
        peers.meet(tx, host, now)
        peers.change(
            tx, host, stance="agreed" if state == "active" else "none", tier="agreed", instance_actor=parties[1]
        )

    one.write(unit)


async def tried(one: Instance, *others: Instance, host: str) -> dict[str, rows.Probe]:
    """What came of the trial of `host`, by check."""
    one.write(lambda tx: probes.wanted(tx, one.site, host, "a test"))
    await settle(one, *others, rounds=80)
    assert one.read(lambda tx: trials.by_host(tx, host)) is None
    return {row.check: row for row in one.read(lambda tx: rows.latest(tx, host))}


def canaries_of(one: Instance) -> canaries.Canaries:
    """The canaries of an instance."""
    found = one.read(lambda tx: canaries.find(tx, one.site))
    assert found is not None
    return found


def tier(one: Instance, host: str) -> str:
    """The tier of a peer."""
    peer = one.read(lambda tx: peers.by_host(tx, host))
    assert peer is not None
    return peer.tier


async def signed(two: Two) -> None:
    """Both have signed terms that open what is for members, and let both try: each tries the other, at the same time."""
    alpha, beta = two.alpha, two.beta
    keys = {one.name: one.read(lambda tx: acts.our_fingerprint(tx, one.site)) for one in (alpha, beta)}
    found = await look_up(alpha.site, "https://beta.example")
    terms = Terms(visibility=("public", "members"), probes=True)
    alpha.write(lambda tx: acts.invite(tx, alpha.site, "ada", found, terms, fingerprint=keys["beta.example"]))
    await settle(alpha, beta)
    row = beta.read(lambda tx: agreements.of_host(tx, "alpha.example"))[0]
    beta.write(lambda tx: acts.sign(tx, beta.site, "bo", row.id, fingerprint=keys["alpha.example"]))
    await settle(alpha, beta, rounds=200)


async def test_who_keeps_it_passes_once_both_signed_and_may_see_what_is_for_members(on_both: Two) -> None:
    alpha, beta = on_both.alpha, on_both.beta
    await signed(on_both)
    for one, host in ((alpha, "beta.example"), (beta, "alpha.example")):
        found = {row.check: row for row in one.read(lambda tx: rows.latest(tx, host))}
        assert {check: row.verdict for check, row in found.items()} == dict.fromkeys(rows.CHECKS, "passed"), found
        assert tier(one, host) == "members"
        health = one.read(lambda tx: of_peer(tx, one.site, host))
        assert health is not None
        assert health.refused_in == {}, "what was sent to be refused is no trouble"
        assert all(row.evidence and len(row.digest) == 64 for row in found.values())
    # Nothing is left: no follow, no post that is not deleted, no notification; and no person saw anything.
    for one in (alpha, beta):
        ours = canaries_of(one)
        for canary in (ours.asker, ours.guest, ours.stranger):
            for state in ("accepted", "pending"):
                assert one.read(lambda tx: follows.followers(tx, canary.id, 9, state=state)) == []
                assert one.read(lambda tx: follows.following(tx, canary.id, 9, state=state)) == []
    # The other side was told, with our proof.
    told = [
        row for row in beta.read(lambda tx: audit.newest(tx, 50, about="alpha.example")) if row.action == "peer.probed"
    ]
    assert {one["verdict"] for one in told[0].body["checks"]} == {"passed"}
    report = alpha.read(lambda tx: probes.report(tx, alpha.site, "beta.example"))
    key = beta.read(lambda tx: peers.by_host(tx, "alpha.example"))
    assert report is not None
    assert key is not None
    proven = load_public(key.pinned_key or "", "https://alpha.example/actor#ed25519-key", "https://alpha.example/actor")
    check_proof(report, proven, alpha.site.clock())


async def test_people_never_meet_a_canary(two: Two) -> None:
    alpha, beta = two.alpha, two.beta
    agreed(alpha, beta)
    agreed(beta, alpha)
    ada, bo = alpha.person("ada"), beta.person("bo")
    await tried(alpha, beta, host="beta.example")
    for one, somebody in ((alpha, ada), (beta, bo)):
        answers = [
            await one.get(path, accept=accept)
            for path in (
                "/api/v1/timelines/public", "/api/v1/directory", "/api/v2/search?q=canary", "/api/v2/instance",
                "/api/v1/instance", "/nodeinfo/2.1", "/", "/about",
            )
            for accept in ("application/json", "text/html")
        ]  # fmt: skip
        for answer in answers:
            assert b"canary" not in answer.body
        assert msgspec.json.decode((await one.get("/nodeinfo/2.1")).body)["usage"]["users"]["total"] == 1
        assert msgspec.json.decode((await one.get("/nodeinfo/2.1")).body)["usage"]["localPosts"] == 0
        ours = canaries_of(one)
        viewer = visibility.person(somebody.id)
        assert not one.read(lambda tx: visibility.may_see(tx, viewer, ours.note))
        page = await one.get("/people/canary-guest", accept="text/html")
        assert page.status == 404
        for handle in ("canary-guest", "canary-asker@alpha.example", "canary-guest@beta.example"):
            assert (await one.get(f"/api/v1/accounts/lookup?acct={handle}")).status == 404, handle


async def test_a_server_that_counts_follows_as_accepted_fails_and_is_lowered_at_once(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CVE-2025-30741: a follow that nobody accepted showed followers-only posts to people."""
    alpha, beta = two.alpha, two.beta
    agreed(alpha, beta)
    agreed(beta, alpha)
    alpha.write(lambda tx: peers.change(tx, "beta.example", tier="members"))
    real = handshakes.ask

    def hasty(tx: Tx, site: Any, made: follows.Follow, follower: Any, target: Any) -> None:
        real(tx, site, made, follower, target)
        if site is beta.site:
            follow_actions.settled(tx, site, made, follower, target)

    monkeypatch.setattr(handshakes, "ask", hasty)
    found = await tried(alpha, beta, host="beta.example")
    assert found["waits-for-accept"].verdict == "failed"
    assert tier(alpha, "beta.example") == "public"
    told = beta.read(lambda tx: audit.newest(tx, 9, about="alpha.example"))
    assert any("failed" in {one["verdict"] for one in row.body.get("checks", [])} for row in told)


async def test_a_server_that_shows_restricted_posts_to_anyone_fails(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, beta = two.alpha, two.beta
    agreed(alpha, beta)
    agreed(beta, alpha)
    monkeypatch.setattr(door, "may_see", lambda *_: True)
    found = await tried(alpha, beta, host="beta.example")
    assert found["unsigned-fetch"].verdict == "failed"
    assert "/posts/" in found["unsigned-fetch"].text
    assert tier(alpha, "beta.example") == "public"


async def test_a_server_that_takes_forgeries_fails(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, beta = two.alpha, two.beta
    agreed(alpha, beta)
    agreed(beta, alpha)

    def credulous(tx: Tx, site: Any, received: Any, fetched: Any) -> None:
        held = received.activity.object
        known = posts.by_iri(tx, held["id"])
        if known is not None:
            posts.change(tx, known.id, content=held["content"])

    monkeypatch.setattr(update, "handle", credulous)
    found = await tried(alpha, beta, host="beta.example")
    assert found["forged-update"].verdict == "failed"


async def test_a_server_that_keeps_what_was_deleted_fails(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, beta = two.alpha, two.beta
    agreed(alpha, beta)
    agreed(beta, alpha)
    monkeypatch.setattr(remote_posts, "delete", lambda *_: None)
    monkeypatch.setattr(probing, "BOUND", 1500)
    found: dict[str, rows.Probe] = {}
    alpha.write(lambda tx: probes.wanted(tx, alpha.site, "beta.example", "a test"))
    for _ in range(400):
        for one in (alpha, beta):
            await loop.step(one.site)
        found = {row.check: row for row in alpha.read(lambda tx: rows.latest(tx, "beta.example"))}
        if found:
            break
    assert found["forgets-deleted"].verdict == "failed"
    assert found["waits-for-accept"].verdict == "passed"


async def test_nobody_tries_us_without_an_agreement_that_consents(two: Two) -> None:
    alpha, beta = two.alpha, two.beta
    agreed(alpha, beta)
    agreed(beta, alpha, consent=False)
    found = await tried(alpha, beta, host="beta.example")
    assert {row.verdict for row in found.values()} == {"unknown"}
    assert "by which each may probe the other" in found["unsigned-fetch"].text
    assert tier(alpha, "beta.example") == "agreed"
    assert (await beta.get("/peering/probing")).status == 401
    assert beta.read(lambda tx: canaries.find(tx, beta.site)) is None


async def test_of_a_plain_server_is_said_what_can_be_seen(two: Two) -> None:
    alpha = two.alpha
    plain = Peer(two.world, "plain.example", software="mastodon")
    plain.documents["https://plain.example/actor"] = plain.documents[plain.actor("x", kind="Application")] | {
        "id": "https://plain.example/actor"
    }
    agreed(alpha, plain)
    found = await tried(alpha, host="plain.example")
    assert {row.verdict for row in found.values()} == {"unknown"}
    assert "no canaries" in found["unsigned-fetch"].text
    assert tier(alpha, "plain.example") == "agreed"


async def test_trials_are_due_weekly_and_with_a_new_version(two: Two) -> None:
    alpha, beta = two.alpha, two.beta
    agreed(alpha, beta)
    agreed(beta, alpha)
    now = alpha.site.clock()
    assert alpha.read(lambda tx: probes.due(tx, now)) == [("beta.example", "weekly")]
    await tried(alpha, beta, host="beta.example")
    now = alpha.site.clock()
    assert alpha.read(lambda tx: probes.due(tx, now)) == []
    assert alpha.read(lambda tx: probes.due(tx, now + 7 * DAY)) == [("beta.example", "weekly")]
    alpha.write(lambda tx: peers.change(tx, "beta.example", software="fedi", version="0.0.1"))
    assert alpha.read(lambda tx: probes.due(tx, now))[0][1] == "it runs fedi 0.0.1 now"
    assert not alpha.read(lambda tx: jobs.waits(tx, "probe", "beta.example"))
    await nodeinfo(alpha.site, {"host": "beta.example"})
    assert alpha.read(lambda tx: jobs.waits(tx, "probe", "beta.example")), "it says that it runs another one"


async def test_a_peer_that_can_not_be_tried_any_more_keeps_its_tier_for_three_weeks(two: Two) -> None:
    alpha, beta = two.alpha, two.beta
    agreed(alpha, beta)
    agreed(beta, alpha)
    await tried(alpha, beta, host="beta.example")
    beta.write(lambda tx: agreements.change(tx, agreements.of_host(tx, "alpha.example")[0].id, state="ended"))
    await tried(alpha, beta, host="beta.example")
    assert tier(alpha, "beta.example") == "members"
    alpha.write(lambda tx: tx.execute(rows.probes.update().values(at=rows.probes.c.at - 22 * DAY)))
    await tried(alpha, beta, host="beta.example")
    assert tier(alpha, "beta.example") == "agreed"


async def test_a_person_who_follows_a_canary_is_refused(two: Two) -> None:
    alpha, beta = two.alpha, two.beta
    agreed(alpha, beta)
    agreed(beta, alpha)
    ours = await canaries.ready(alpha.site)
    bo = beta.person("bo")
    guest = await fetching.actor(beta.site, ours.guest.iri)
    beta.write(lambda tx: follow_actions.follow(tx, beta.site, bo, guest))
    await settle(alpha, beta)
    assert beta.read(lambda tx: follows.find(tx, bo.id, guest.id)) is None
    assert alpha.read(lambda tx: follows.followers(tx, ours.guest.id, 9)) == []


async def test_one_may_try_before_one_signs_and_nothing_follows_from_it_but_knowledge(two: Two) -> None:
    alpha, beta = two.alpha, two.beta
    agreed(alpha, beta, state="offered")
    agreed(beta, alpha, state="review")
    found = await tried(beta, alpha, host="alpha.example")
    assert {row.verdict for row in found.values()} == {"passed"}
    peer = beta.read(lambda tx: peers.by_host(tx, "alpha.example"))
    assert peer is not None
    assert (peer.stance, peer.tier) == ("none", "agreed")


async def test_people_are_not_tried_whatever_a_peer_calls_them(two: Two) -> None:
    alpha = two.alpha
    liar = Peer(two.world, "liar.example")
    one, other = liar.actor("one"), liar.actor("other")
    speaker = liar.documents[liar.actor("x", kind="Application")]
    liar.documents["https://liar.example/actor"] = speaker | {
        "id": "https://liar.example/actor",
        "probing": "https://liar.example/probing",
    }
    liar.documents["https://liar.example/probing"] = {
        "id": "https://liar.example/probing",
        "type": "Document",
        "canaries": {"guest": one, "stranger": other},
        "note": liar.iri("/notes/1"),
    }
    agreed(alpha, liar)
    found = await tried(alpha, host="liar.example")
    assert "people or groups" in found["waits-for-accept"].text
    assert liar.got("Follow") == []


async def test_follows_between_canaries_are_no_follows_of_people(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, beta = two.alpha, two.beta
    agreed(alpha, beta)
    agreed(beta, alpha)
    monkeypatch.setattr(probing, "PAUSE", 10_000)
    monkeypatch.setattr(probing, "SOON", 10_000)
    alpha.write(lambda tx: probes.wanted(tx, alpha.site, "beta.example", "a test"))
    await settle(alpha, beta)
    assert alpha.read(lambda tx: trials.by_host(tx, "beta.example")) is not None
    assert beta.read(lambda tx: follows.followers(tx, canaries_of(beta).guest.id, 9)) != []
    for one, host in ((alpha, "beta.example"), (beta, "alpha.example")):
        assert one.read(lambda tx: edges.totals(tx, host)) == (0, 0, 0)
        assert one.read(lambda tx: edges.of_host(tx, host, 9)) == []


async def test_who_signed_and_does_not_behave_gets_nothing_more_that_is_for_members(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only members read flows once the peer passed, and stops by itself when it fails, for both doors alike."""
    alpha, beta = two.alpha, two.beta
    await signed(two)
    olga, bea = alpha.person("olga"), beta.person("bea")
    group = alpha.group("thesis", olga, see="members", join_mode="open")
    there = await fetching.actor(beta.site, group.iri)
    beta.write(lambda tx: follow_actions.follow(tx, beta.site, bea, there))
    await settle(alpha, beta, rounds=80)

    def publish(text: str) -> str:
        draft = post_actions.Draft(f"@thesis {text}")
        return alpha.write(lambda tx: post_actions.publish(tx, alpha.site, olga, draft)).iri

    viewer = visibility.Viewer(host="beta.example")
    first = publish("before")
    await settle(alpha, beta, rounds=80)
    assert beta.has(first)
    assert alpha.read(lambda tx: visibility.may_see(tx, viewer, alpha.post(first)))
    monkeypatch.setattr(door, "may_see", lambda *_: True)
    await tried(alpha, beta, host="beta.example")
    monkeypatch.undo()
    assert tier(alpha, "beta.example") == "public"
    assert not alpha.read(lambda tx: visibility.may_see(tx, viewer, alpha.post(first)))
    second = publish("after")
    await settle(alpha, beta, rounds=80)
    assert not beta.has(second)
