"""Two institutions agree: one asks, the other reviews, compares and signs; terms change, are suspended and resumed, end and expire."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from msgspec import structs
from sqlalchemy import update

from federation.peering.agreement import read
from federation.peering.terms import Terms
from fedi import fetching, health
from fedi.actions import follows as follow_actions
from fedi.actions import peers as acts
from fedi.actions import posts, scopes
from fedi.actions.posts import Draft
from fedi.config import Federation, Mail
from fedi.errors import Invalid
from fedi.fetching.institutions import look_up
from fedi.worker.peering import times
from storage import agreement_events, agreements, audit, follows, jobs, links, mails, memberships, peers
from storage.actors import Actor
from storage.agreements import AgreementRow
from storage.metadata import Tx
from storage.peers import Peer as PeerRow
from storage.posts import Post
from tests.conftest import KINDS, Databases
from tests.world import Instance, World, close, instance, settle

pytestmark = pytest.mark.anyio

WHO = "kim"
DAY = 86_400_000


@dataclass(slots=True)
class Two:
    """Two universities in one process."""

    world: World
    alpha: Instance
    beta: Instance

    async def settle(self) -> None:
        """Let both work until nothing is left to do."""
        await settle(self.alpha, self.beta)


@pytest.fixture(params=KINDS)
async def two(request: pytest.FixtureRequest, databases: Databases, tmp_path: Path) -> AsyncIterator[Two]:
    """Two that know nothing of each other."""
    world = World()
    urls = [databases.new(request.param) for _ in range(2)]
    names = ("alpha.example", "beta.example")
    made = [await instance(world, name, url, tmp_path) for name, url in zip(names, urls, strict=True)]
    yield Two(world, *made)
    await close(*made)
    for url in urls:
        databases.drop(url)


def peer(here: Instance, there: Instance) -> PeerRow:
    """How an instance stands to another."""
    found = here.read(lambda tx: peers.by_host(tx, there.name))
    assert found is not None
    return found


def newest(here: Instance, there: Instance) -> AgreementRow:
    """The newest agreement with another."""
    return here.read(lambda tx: agreements.of_host(tx, there.name))[0]


def key_of(there: Instance) -> str:
    """The fingerprint that an institution tells others by telephone."""
    return there.read(lambda tx: acts.our_fingerprint(tx, there.site))


async def invite(here: Instance, there: Instance, terms: Terms, *, fingerprint: str | None = None) -> AgreementRow:
    """One asks another, which hears of it."""
    found = await look_up(here.site, f"https://{there.name}/about")
    assert found.speaks
    return here.write(lambda tx: acts.invite(tx, here.site, WHO, found, terms, fingerprint=fingerprint))


async def agree(two: Two, terms: Terms | None = None) -> None:
    """The two have an agreement in force."""
    terms = terms or Terms(probes=False)
    await invite(two.alpha, two.beta, terms, fingerprint=key_of(two.beta))
    await two.settle()
    row = newest(two.beta, two.alpha)
    two.beta.write(lambda tx: acts.sign(tx, two.beta.site, WHO, row.id, fingerprint=key_of(two.alpha)))
    await two.settle()


def states(two: Two) -> tuple[str, str]:
    """The states of the newest agreement on both sides."""
    return newest(two.alpha, two.beta).state, newest(two.beta, two.alpha).state


async def test_an_agreement_is_asked_for_reviewed_compared_and_signed(two: Two) -> None:
    """In force exactly when both have signed, with keys that admins compared by another way."""
    alpha, beta = two.alpha, two.beta
    terms = Terms(visibility=("public", "peers"), groups=("https://alpha.example/groups/ai",), probes=False)
    await invite(alpha, beta, terms)
    await two.settle()
    assert states(two) == ("offered", "offered")
    assert (peer(alpha, beta).stance, peer(beta, alpha).stance) == ("none", "none")

    row = newest(beta, alpha)
    assert read(row.document).terms.groups == terms.groups
    rows = {one.field: one.relation for one in beta.read(lambda tx: acts.compared(tx, beta.site, row.id))}
    assert (rows["visibility"], rows["groups"], rows["probes"]) == ("narrower", "narrower", "different")
    beta.write(lambda tx: acts.review(tx, beta.site, WHO, row.id))
    await two.settle()
    assert states(two) == ("review", "review")

    with pytest.raises(Invalid, match="fingerprint"):
        beta.write(lambda tx: acts.sign(tx, beta.site, WHO, row.id))
    with pytest.raises(Invalid, match="not the one given"):
        beta.write(lambda tx: acts.sign(tx, beta.site, WHO, row.id, fingerprint=key_of(beta)))
    beta.write(lambda tx: acts.sign(tx, beta.site, WHO, row.id, fingerprint=key_of(alpha).lower().replace(" ", ":")))
    await two.settle()
    assert states(two) == ("review", "active"), "alpha never compared beta's key"
    assert peer(alpha, beta).stance == "none"

    waiting = newest(alpha, beta)
    alpha.write(lambda tx: acts.sign(tx, alpha.site, WHO, waiting.id, fingerprint=key_of(beta)))
    await two.settle()
    assert states(two) == ("active", "active")
    for here, there in ((alpha, beta), (beta, alpha)):
        known = peer(here, there)
        assert (known.stance, known.tier, known.one_sided) == ("agreed", "agreed", False)
    assert newest(alpha, beta).document == newest(beta, alpha).document, "the same bytes"
    assert len(newest(alpha, beta).proofs) == len(newest(beta, alpha).proofs) == 2
    for here, there in ((alpha, beta), (beta, alpha)):
        events = here.read(lambda tx, a=here, b=there: agreement_events.of_agreement(tx, newest(a, b).id))  # type: ignore[misc]  # a lambda with defaults
        assert agreement_events.broken(events) is None
        assert {"offer", "review", "sign"} <= {one.kind for one in events}
        assert here.read(audit.broken) is None


async def test_what_is_refused_or_withdrawn_is_off_on_both_sides(two: Two) -> None:
    """The reason arrives; nothing is agreed."""
    alpha, beta = two.alpha, two.beta
    await invite(alpha, beta, Terms())
    await two.settle()
    row = newest(beta, alpha)
    beta.write(lambda tx: acts.refuse(tx, beta.site, WHO, row.id, "not before the board met"))
    await two.settle()
    assert states(two) == ("refused", "refused")
    assert newest(alpha, beta).reason == "not before the board met"
    again = await invite(alpha, beta, Terms())
    await two.settle()
    alpha.write(lambda tx: acts.withdraw(tx, alpha.site, WHO, again.id))
    await two.settle()
    assert states(two) == ("withdrawn", "withdrawn")
    assert (peer(alpha, beta).stance, peer(beta, alpha).stance) == ("none", "none")


async def test_both_ask_at_once(two: Two) -> None:
    """Glare: one of the offers stands, the same on both sides, and can be signed."""
    alpha, beta = two.alpha, two.beta
    await invite(alpha, beta, Terms(probes=False), fingerprint=key_of(beta))
    await invite(beta, alpha, Terms(probes=False), fingerprint=key_of(alpha))
    await two.settle()
    still = [one for one in alpha.read(lambda tx: agreements.of_host(tx, beta.name)) if one.state == "offered"]
    other = [one for one in beta.read(lambda tx: agreements.of_host(tx, alpha.name)) if one.state == "offered"]
    assert [one.iri for one in still] == [one.iri for one in other]
    rows = (
        alpha.read(lambda tx: agreements.of_host(tx, beta.name)),
        beta.read(lambda tx: agreements.of_host(tx, alpha.name)),
    )
    for several in rows:
        assert [
            "both offered at once" in (one.reason or "") for one in several if one.state in ("withdrawn", "refused")
        ] == [True]
    here, there = (beta, alpha) if still[0].ours else (alpha, beta)
    mine = (other if still[0].ours else still)[0]
    here.write(lambda tx: acts.sign(tx, here.site, WHO, mine.id))
    await two.settle()
    assert here.read(lambda tx: agreements.in_force(tx, there.name)) is not None
    assert there.read(lambda tx: agreements.in_force(tx, here.name)) is not None


async def test_tighter_terms_pause_what_is_private_until_both_signed(two: Two) -> None:
    """The old version stays in force; nothing widens, and private delivery waits on both sides."""
    alpha, beta = two.alpha, two.beta
    await agree(two)
    first = newest(alpha, beta)
    beta.write(
        lambda tx: acts.change(tx, beta.site, WHO, alpha.name, Terms(probes=False, visibility=("public", "peers")))
    )
    await two.settle()
    assert states(two) == ("offered", "offered")
    for here, there in ((alpha, beta), (beta, alpha)):
        assert peer(here, there).paused
        assert here.read(lambda tx, host=there.name: agreements.in_force(tx, host)).iri == first.iri  # type: ignore[misc, union-attr]  # as above
    row = newest(alpha, beta)
    alpha.write(lambda tx: acts.sign(tx, alpha.site, WHO, row.id))
    await two.settle()
    assert states(two) == ("active", "active")
    for here, there in ((alpha, beta), (beta, alpha)):
        assert not peer(here, there).paused
        known = here.read(lambda tx, host=there.name: [one.state for one in agreements.of_host(tx, host)])  # type: ignore[misc]  # as above
        assert known == ["active", "replaced"]


async def test_either_side_suspends_and_resumes(two: Two) -> None:
    """It holds as long as one of them wants it; messages about it get through."""
    alpha, beta = two.alpha, two.beta
    await agree(two)
    alpha.write(lambda tx: acts.suspend(tx, alpha.site, WHO, beta.name, "incident 4411"))
    await two.settle()
    assert states(two) == ("suspended", "suspended")
    assert (peer(alpha, beta).stance, peer(beta, alpha).stance) == ("suspended", "suspended")
    assert peer(beta, alpha).reason == "incident 4411"
    beta.write(lambda tx: acts.suspend(tx, beta.site, WHO, alpha.name, "we look, too"))
    await two.settle()
    alpha.write(lambda tx: acts.resume(tx, alpha.site, WHO, beta.name))
    await two.settle()
    assert (peer(alpha, beta).stance, peer(beta, alpha).stance) == ("suspended", "suspended"), "beta has not resumed"
    beta.write(lambda tx: acts.resume(tx, beta.site, WHO, alpha.name))
    await two.settle()
    assert states(two) == ("active", "active")
    assert (peer(alpha, beta).stance, peer(beta, alpha).stance) == ("agreed", "agreed")


async def test_it_ends_and_begins_anew(two: Two) -> None:
    """After the end the other side is told, and a new agreement can be signed."""
    alpha, beta = two.alpha, two.beta
    await agree(two)
    beta.write(lambda tx: acts.notice(tx, beta.site, WHO, alpha.name, beta.site.clock() + 40 * DAY, "the course ends"))
    await two.settle()
    assert states(two) == ("notice", "notice")
    assert newest(alpha, beta).notice_at is not None
    alpha.write(lambda tx: acts.end(tx, alpha.site, WHO, beta.name, "no more courses together"))
    await two.settle()
    assert states(two) == ("ended", "ended")
    assert (peer(alpha, beta).tier, peer(beta, alpha).stance) == ("public", "none")
    await agree(two)
    assert states(two) == ("active", "active")
    assert newest(alpha, beta).version == 2


async def test_it_begins_is_reminded_of_and_expires_by_time(two: Two) -> None:
    """Each side finds that by itself."""
    alpha, beta = two.alpha, two.beta
    now = alpha.site.clock() // 1000 * 1000
    await agree(two, Terms(probes=False, starts=now + DAY, ends=now + 6 * DAY))
    assert states(two) == ("review", "review"), "signed by both, and its time has not come"
    assert peer(alpha, beta).stance == "none"
    for here, there in ((alpha, beta), (beta, alpha)):
        number = newest(here, there).id
        here.write(lambda tx, one=number: agreements.change(tx, one, starts_at=now - DAY))  # type: ignore[misc]  # a lambda with a default
        here.person("boss", role="admin")
        here.person("student")
        config = structs.replace(here.site.config, mail=Mail(url="smtps://mail.example", sender="fedi@mail.example"))
        site = replace(here.site, config=config)
        await times(site, {})
        await times(site, {})
        (mail,) = here.read(lambda tx: mails.in_state(tx, "waits", 0, 9))
        assert (mail.recipient, mail.kind) == (f"boss@{here.name}", "agreement")
        assert f"The agreement with {there.name} ends within 7 days." in mail.text
        told = here.read(lambda tx, one=number: agreement_events.of_agreement(tx, one))  # type: ignore[misc]  # as above
        assert [one.text for one in told if one.kind == "remind"] == ["ends within 7 days"]
    assert states(two) == ("active", "active")
    assert (peer(alpha, beta).stance, peer(beta, alpha).stance) == ("agreed", "agreed")
    for here, there in ((alpha, beta), (beta, alpha)):
        number = newest(here, there).id
        here.write(lambda tx, one=number: agreements.change(tx, one, ends_at=now - 1))  # type: ignore[misc]  # as above
        await times(here.site, {})
    assert states(two) == ("expired", "expired")
    assert (peer(alpha, beta).stance, peer(beta, alpha).tier) == ("none", "public")


async def test_institutions_that_speak_with_agreed_peers_alone_can_agree(databases: Databases, tmp_path: Path) -> None:
    """In mode `peers` nothing else passes between them before, and all messages about the agreement do."""
    world = World()
    urls = [databases.new("sqlite") for _ in range(2)]
    closed = Federation(mode="peers")
    alpha = await instance(world, "alpha.example", urls[0], tmp_path, federation=closed)
    beta = await instance(world, "beta.example", urls[1], tmp_path, federation=closed)
    two = Two(world, alpha, beta)
    try:
        await agree(two)
        assert states(two) == ("active", "active")
        alpha.write(lambda tx: acts.suspend(tx, alpha.site, WHO, beta.name, "incident"))
        await two.settle()
        alpha.write(lambda tx: acts.resume(tx, alpha.site, WHO, beta.name))
        await two.settle()
        assert (peer(alpha, beta).stance, peer(beta, alpha).stance) == ("agreed", "agreed")
    finally:
        await close(alpha, beta)
        for url in urls:
            databases.drop(url)


async def test_what_comes_before_the_key_of_who_signed_is_confirmed_comes_again(
    databases: Databases, tmp_path: Path
) -> None:
    """They signed, so that for them it is in force; where nobody confirmed their key yet, they are told to send it later."""
    world = World()
    urls = [databases.new("sqlite") for _ in range(2)]
    alpha = await instance(world, "alpha.example", urls[0], tmp_path, federation=Federation(mode="peers"))
    beta = await instance(world, "beta.example", urls[1], tmp_path)
    two = Two(world, alpha, beta)
    try:
        alpha.person("ada")
        bea, ada = beta.person("bea"), await fetching.actor(beta.site, f"ada@{alpha.name}")
        beta.write(lambda tx: follow_actions.follow(tx, beta.site, bea, ada))
        await two.settle()
        assert (
            beta.read(lambda tx: follows.find(tx, bea.id, ada.id)) is None
        )  # refused for good, so it can be asked again
        await invite(alpha, beta, Terms(probes=False))
        await two.settle()
        row = newest(beta, alpha)
        beta.write(lambda tx: acts.sign(tx, beta.site, WHO, row.id, fingerprint=key_of(alpha)))
        await two.settle()
        assert (peer(alpha, beta).stance, peer(beta, alpha).stance) == ("none", "agreed")
        beta.write(lambda tx: follow_actions.follow(tx, beta.site, bea, ada))
        await two.settle()
        waiting = beta.read(lambda tx: links.by_host(tx, alpha.name))
        assert waiting is not None
        assert "its key is not confirmed here yet" in (waiting.problem or "")
        doing = alpha.read(lambda tx: health.of_peer(tx, alpha.site, beta.name))
        assert doing is not None
        assert "waits for its key to be confirmed" in doing.words[0]
        offered = newest(alpha, beta)
        alpha.write(lambda tx: acts.sign(tx, alpha.site, WHO, offered.id, fingerprint=key_of(beta)))
        beta.write(
            lambda tx: links.wake(tx, alpha.name, beta.site.clock())
        )  # as when the time that it was told is over
        await two.settle()
        follow = beta.read(lambda tx: follows.find(tx, bea.id, ada.id))
        assert follow is not None
        assert follow.state == "accepted"
    finally:
        await close(alpha, beta)
        for url in urls:
            databases.drop(url)


async def join(here: Instance, person: Actor, handle: str) -> Actor:
    """Somebody asks to join a group elsewhere."""
    group = await fetching.actor(here.site, handle)
    here.write(lambda tx: follow_actions.follow(tx, here.site, person, group))
    return group


async def test_groups_open_to_exactly_the_agreed_scope_and_nothing_is_lost(two: Two) -> None:
    """One of two groups is named; tighter terms hold back what is private until both have signed, and then it comes."""
    alpha, beta = two.alpha, two.beta
    olga, bea = alpha.person("olga"), beta.person("bea")
    named = alpha.group("ai", olga, see="peers", join_mode="open")
    other = alpha.group("senate", olga, see="peers", join_mode="open")
    for one in (named, other):
        alpha.write(lambda tx, one=one: scopes.set_scope(tx, alpha.site, WHO, one, "agreed"))  # type: ignore[misc]  # a lambda with a default
    await agree(two, Terms(probes=False, groups=(named.iri,), visibility=("public", "peers")))
    await join(beta, bea, "ai@alpha.example")
    await join(beta, bea, "senate@alpha.example")
    await two.settle()
    inside = [alpha.read(lambda tx, one=one: memberships.hosts(tx, one.id).get(beta.name, 0)) for one in (named, other)]  # type: ignore[misc]  # a lambda with a default
    assert inside == [1, 0]

    def publish(text: str) -> Post:
        return alpha.write(lambda tx: posts.publish(tx, alpha.site, olga, Draft(text)))

    first, closed = publish("@ai one"), publish("@senate two")
    await two.settle()
    assert (beta.has(first.iri), beta.has(closed.iri)) == (True, False)

    tighter = Terms(probes=False, groups=(named.iri,), visibility=("public", "peers"), erasure_within=DAY)
    beta.write(lambda tx: acts.change(tx, beta.site, WHO, alpha.name, tighter, reason="our board wants a day"))
    await two.settle()
    waiting, public = publish("@ai three"), publish("four")
    alpha.write(
        lambda tx: follow_actions.receive(tx, alpha.site, alpha.actor(bea.iri), olga, "https://beta.example/f/1")
    )
    await two.settle()
    assert not beta.has(waiting.iri), "the terms that are in force are not those that beta wants"
    row = newest(alpha, beta)
    assert row.reason == "our board wants a day"
    alpha.write(lambda tx: acts.sign(tx, alpha.site, WHO, row.id))
    await two.settle()
    assert beta.has(waiting.iri)
    assert public.id

    alpha.write(lambda tx: acts.end(tx, alpha.site, WHO, beta.name, "over"))
    await two.settle()
    after = publish("@ai five")
    await two.settle()
    assert not beta.has(after.iri)


async def test_what_the_other_side_has_not_got_yet_is_said_once(two: Two) -> None:
    """Who withdraws while the peer is away sees that it does not know, with the reason, and then no more."""
    alpha, beta = two.alpha, two.beta
    row = await invite(alpha, beta, Terms())
    await two.settle()
    two.world.down.add("beta.example")
    alpha.write(lambda tx: acts.withdraw(tx, alpha.site, WHO, row.id))
    await two.settle()
    events = alpha.read(lambda tx: agreement_events.of_agreement(tx, row.id))
    assert [one.kind for one in events][-1] == "waits"
    assert "beta.example has not got it yet" in events[-1].text
    alpha.write(lambda tx: _hasten(tx, "peer-message"))
    await two.settle()
    assert alpha.read(lambda tx: agreement_events.of_agreement(tx, row.id)) == events
    two.world.down.clear()
    alpha.write(lambda tx: _hasten(tx, "peer-message"))
    await two.settle()
    assert states(two) == ("withdrawn", "withdrawn")


def _hasten(tx: Tx, kind: str) -> None:
    """Try again now what waits."""
    tx.execute(update(jobs.jobs).where(jobs.jobs.c.kind == kind).values(due_at=0))
