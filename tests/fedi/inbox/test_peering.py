"""What an institution elsewhere says about agreements, true or not: each falsehood is refused with its reason, and told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from federation.errors import AddressForbidden, Refused
from federation.peering.agreement import build, read
from federation.peering.terms import Terms
from federation.signatures.integrity import add_to_set
from federation.signatures.keys import PrivateKey, encode_multikey, generate_ed25519, load_private
from federation.vocabulary.capabilities import PEERING as SPEAKS
from federation.vocabulary.context import PEERING
from fedi.actions import peers as acts
from fedi.actions import pending
from fedi.errors import Invalid
from fedi.fetching.institutions import look_up
from storage import agreement_events, agreements, audit, jobs, peers, received
from storage.agreements import AgreementRow
from storage.metadata import Tx
from tests.world import Instance, Peer, call, settle

pytestmark = pytest.mark.anyio

WHO = "kim"
DAY = 86_400_000


@dataclass(slots=True)
class There:
    """An institution that speaks of agreements, as a server of somebody else's would."""

    peer: Peer
    alpha: Instance
    actor: str
    key: PrivateKey
    multikey: str

    def agreement(self, number: int = 1, version: int = 1, *, key: PrivateKey | None = None, now: int | None = None,
                  **more: Any) -> dict[str, Any]:  # fmt: skip
        """A document that it signed."""
        values = {"parties": (self.actor, self.alpha.site.instance_iri), "replaces": None} | more
        terms = values.pop("terms", Terms(probes=False, ends=self.alpha.site.clock() + 300 * DAY))
        iri = self.peer.iri(f"/agreements/{number}/v{version}")
        document = build(iri=iri, version=version, terms=terms, **values)
        return add_to_set(document, key or self.key, now or self.alpha.site.clock())

    def offer(self, document: dict[str, Any], number: int = 1, **more: Any) -> dict[str, Any]:
        """An Offer of a document."""
        return {"@context": PEERING, "id": self.peer.iri(f"/offers/{number}"), "type": "Offer", "actor": self.actor,
                "target": self.alpha.site.instance_iri, "object": document, **more}  # fmt: skip

    async def say(self, activity: dict[str, Any], *, key: str | None = None) -> None:
        """Send it, and let it be worked out."""
        answer = await self.peer.send(self.alpha, activity, key=key)
        assert answer.status == 202, answer.body
        await settle(self.alpha)

    def rows(self) -> list[AgreementRow]:
        """The agreements that alpha has with it, newest first."""
        return self.alpha.read(lambda tx: agreements.of_host(tx, self.peer.host))

    def refused(self) -> list[str]:
        """The codes of the offers that could not be taken, newest first."""
        rows = self.alpha.read(lambda tx: audit.newest(tx, 20))
        return [row.body["code"] for row in rows if row.action == "peer.refused-offer"]


@pytest.fixture
def there(alpha: Instance, peer: Peer) -> There:
    """Its instance actor is called as its host."""
    pair = generate_ed25519()
    iri = peer.iri("/users/peer.example")
    multikey = encode_multikey(pair.public)
    key = {"id": f"{iri}#ed25519-key", "type": "Multikey", "controller": iri, "publicKeyMultibase": multikey}
    peer.actor(
        "peer.example", "Application", assertionMethod=[key], generator={"type": "Application", "implements": SPEAKS}
    )
    return There(peer, alpha, iri, load_private(pair.private, f"{iri}#ed25519-key"), multikey)


Make = Callable[[There], dict[str, Any]]


def altered(there: There) -> dict[str, Any]:
    """Somebody changed it after it was signed."""
    document = there.agreement()
    return there.offer(
        document | {"peer:scopes": document["peer:scopes"] | {"groups": ["https://alpha.example/groups/secret"]}}
    )


FALSE: list[tuple[str, str, Make]] = [
    ("altered", "bad-proof", altered),
    ("another key", "bad-proof", lambda it: it.offer(it.agreement(key=load_private(generate_ed25519().private, it.key.id)))),
    ("an unlisted key", "no-key", lambda it: it.offer(it.agreement(
        key=load_private(generate_ed25519().private, f"{it.actor}#another")))),
    ("signed by nobody", "no-key", lambda it: it.offer({**it.agreement(), "proof": []})),
    ("a clock ahead", "clock", lambda it: it.offer(it.agreement(now=it.alpha.site.clock() + DAY))),
    ("other parties", "wrong-party", lambda it: it.offer(it.agreement(
        parties=(it.actor, "https://gamma.example/actor")))),
    ("unknown words", "bad-agreement", lambda it: it.offer({**it.agreement(), "peer:allYourData": True})),
    ("years", "bad-agreement", lambda it: it.offer({**it.agreement(), "peer:horizon": "P1Y"})),
    ("over", "over", lambda it: it.offer(it.agreement(terms=Terms(ends=it.alpha.site.clock() - DAY)))),
    ("a version that is not known", "unknown-version", lambda it: it.offer(it.agreement(
        version=2, replaces="https://peer.example/agreements/9/v1"))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "make"), [(code, make) for _, code, make in FALSE], ids=[name for name, _, _ in FALSE]
)
async def test_a_false_offer_is_refused_with_its_reason(there: There, code: str, make: Make) -> None:
    """Nothing is kept of it as an agreement; who made it and our log are told what is wrong."""
    await there.say(make(there))
    assert there.rows() == []
    assert there.refused() == [code]
    rejects = [one for one in there.peer.got("Reject") if "peer:problem" in one]
    assert len(rejects) == 1
    assert rejects[0]["object"]["id"] == there.peer.iri("/offers/1")
    assert len(rejects[0]["peer:problem"]["detail"]) > 10


async def test_a_person_speaks_for_no_institution(there: There) -> None:
    """Whoever has an account there offers nothing in its name, whatever they sign it with."""
    pair = generate_ed25519()
    eve = there.peer.iri("/users/eve")
    key = {"id": f"{eve}#k", "type": "Multikey", "controller": eve, "publicKeyMultibase": encode_multikey(pair.public)}
    there.peer.actor("eve", assertionMethod=[key])
    parties = (eve, there.alpha.site.instance_iri)
    document = there.agreement(parties=parties, key=load_private(pair.private, f"{eve}#k"))
    await there.say(there.offer(document) | {"actor": eve})
    assert there.rows() == []
    assert there.refused() == []
    [row] = there.alpha.read(lambda tx: received.newest(tx, 5))
    assert row.code == "not-an-institution"


async def test_another_actor_than_who_speaks_for_the_host_offers_nothing(there: There) -> None:
    """Also when it is an Application."""
    await look_up(there.alpha.site, there.peer.host)
    pair = generate_ed25519()
    bot = there.peer.iri("/users/bot")
    key = {"id": f"{bot}#k", "type": "Multikey", "controller": bot, "publicKeyMultibase": encode_multikey(pair.public)}
    there.peer.actor("bot", "Application", assertionMethod=[key])
    document = there.agreement(parties=(bot, there.alpha.site.instance_iri), key=load_private(pair.private, f"{bot}#k"))
    await there.say(there.offer(document) | {"actor": bot})
    assert there.rows() == []
    [row] = there.alpha.read(lambda tx: received.newest(tx, 5))
    assert row.code == "wrong-party"


async def test_an_offer_again_is_nothing_and_altered_is_refused(there: There) -> None:
    """Replayed with the same id, or with another: the version is one row, as it was first."""
    first = there.offer(there.agreement())
    await there.say(first)
    await there.say(first | {"summary": "once more"})
    logged = [row.action for row in there.alpha.read(lambda tx: audit.newest(tx, 20))]
    assert logged == ["peer.offered"], "what changes nothing is not logged again"
    other = there.offer(there.agreement(terms=Terms(groups=("*",), visibility=("public",))))
    await there.say(other | {"id": there.peer.iri("/offers/2")})
    assert [row.digest for row in there.rows()] == [read(first["object"]).digest]
    assert there.refused() == ["altered"]


async def test_only_the_newest_offer_can_be_signed(there: There) -> None:
    """A second offer takes the place of the first; an older version that comes late is none."""
    await there.say(there.offer(there.agreement(2, 2), 2))
    await there.say(there.offer(there.agreement(1, 1), 1))
    assert [row.version for row in there.rows()] == [2]
    await there.say(there.offer(there.agreement(3, 3), 3))
    assert [(row.version, row.state) for row in there.rows()] == [(3, "offered"), (2, "withdrawn")]
    old = there.rows()[1]
    with pytest.raises(Invalid, match="withdrawn"):
        there.alpha.write(
            lambda tx: acts.sign(tx, there.alpha.site, WHO, old.id, fingerprint=acts.shown_keys(tx, old.host)[0])
        )


async def test_a_key_that_was_changed_in_mid_offer_signs_nothing(there: There) -> None:
    """What was signed by the old key is not signed by us; what the new one signs needs its fingerprint."""
    alpha, host = there.alpha, there.peer.host
    await there.say(there.offer(there.agreement()))
    row = there.rows()[0]
    print_ = alpha.read(lambda tx: acts.shown_keys(tx, host))[0]
    pair = generate_ed25519()
    changed = there.peer.documents[there.actor]["assertionMethod"][0] | {
        "publicKeyMultibase": encode_multikey(pair.public)
    }
    there.peer.documents[there.actor]["assertionMethod"] = [changed]
    await look_up(alpha.site, host)
    with pytest.raises(Invalid, match="another key now"):
        alpha.write(lambda tx: acts.sign(tx, alpha.site, WHO, row.id, fingerprint=print_))
    assert alpha.read(lambda tx: agreements.in_force(tx, host)) is None


async def agreed(there: There) -> AgreementRow:
    """An agreement in force that we offered and they signed."""
    alpha, host = there.alpha, there.peer.host
    found = await look_up(alpha.site, host)
    assert found.speaks
    row = alpha.write(
        lambda tx: acts.invite(tx, alpha.site, WHO, found, Terms(probes=False), fingerprint=found.fingerprint)
    )
    await settle(alpha)
    offer = there.peer.got("Offer")[-1]
    await there.say(accept(there, offer))
    return row


def accept(there: There, offer: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Their signature under what we offered."""
    signed = add_to_set(offer["object"], there.key, there.alpha.site.clock())
    number = len(there.peer.documents)
    return {"@context": PEERING, "id": there.peer.iri(f"/messages/{number}{more.get('id', '')}"), "type": "Accept",
            "actor": there.actor, "object": offer["id"], "result": signed} | {k: v for k, v in more.items() if k != "id"}  # fmt: skip


async def test_their_signature_brings_it_into_force(there: There) -> None:
    """The document with both proofs is the one that we offered, byte for byte."""
    row = await agreed(there)
    now = there.rows()[0]
    assert (now.id, now.state, len(now.proofs), now.trusted) == (row.id, "active", 2, True)
    known = there.alpha.read(lambda tx: peers.by_host(tx, there.peer.host))
    assert known is not None
    assert (known.stance, known.tier) == ("agreed", "agreed")
    assert known.pinned_key == there.multikey


async def test_a_signature_under_something_else_is_none(there: There) -> None:
    """An old acceptance for a new version, and one by another key than the confirmed."""
    await agreed(there)
    old = there.peer.got("Offer")[-1]
    alpha, host = there.alpha, there.peer.host
    alpha.write(lambda tx: acts.change(tx, alpha.site, WHO, host, Terms(probes=False, visibility=("public",))))
    await settle(alpha)
    new = there.peer.got("Offer")[-1]
    assert new["peer:pause"] == "private"
    await there.say(accept(there, old, id="-old") | {"object": new["id"]})
    stranger = load_private(generate_ed25519().private, there.key.id)
    forged = add_to_set(new["object"], stranger, alpha.site.clock())
    await there.say(accept(there, new, id="-forged") | {"result": forged})
    assert [row.state for row in there.rows()] == ["offered", "active"]
    events = alpha.read(lambda tx: agreement_events.of_agreement(tx, there.rows()[0].id))
    refusals = [one.text for one in events if one.kind == "ignore"]
    assert len(refusals) == 2
    assert "altered" in refusals[0]
    assert "bad-proof" in refusals[1]


async def test_a_new_key_counts_when_it_is_confirmed(there: There) -> None:
    """What it signs before is refused, and what it means is told; an admin confirms it by its fingerprint."""
    await agreed(there)
    alpha, host = there.alpha, there.peer.host
    pair = generate_ed25519()
    there.key = load_private(pair.private, there.key.id)
    listed = there.peer.documents[there.actor]["assertionMethod"][0]
    there.peer.documents[there.actor]["assertionMethod"] = [
        listed | {"publicKeyMultibase": encode_multikey(pair.public)}
    ]
    await look_up(alpha.site, host)
    await there.say(there.offer(there.agreement(5, 5)))
    assert there.refused() == ["key-changed"]
    [reject] = [one for one in there.peer.got("Reject") if "peer:problem" in one]
    assert "fedi peer pin" in reject["peer:problem"]["detail"]
    with pytest.raises(Invalid, match="shows no key"):
        alpha.write(lambda tx: acts.confirm(tx, alpha.site, WHO, host, "ABCD"))
    alpha.write(lambda tx: acts.confirm(tx, alpha.site, WHO, host, acts.shown_keys(tx, host)[0]))
    await there.say(there.offer(there.agreement(6, 6), 6))
    assert there.rows()[0].state == "offered"


async def test_a_suspension_that_comes_late_does_not_undo_the_resumption(there: There) -> None:
    """The highest serial counts, whatever comes last."""
    row = await agreed(there)

    async def said(status: str, serial: int) -> str:
        about = {
            "type": ["Document", "peer:Agreement"],
            "id": row.iri,
            "peer:status": status,
            "peer:serial": str(serial),
        }
        name = there.peer.iri(f"/messages/{status}-{serial}")
        await there.say({"@context": PEERING, "id": name, "type": "Update", "actor": there.actor, "object": about})
        found = there.alpha.read(lambda tx: peers.by_host(tx, there.peer.host))
        assert found is not None
        return found.stance

    assert await said("suspended", 1) == "suspended"
    assert await said("active", 9) == "agreed"
    assert await said("suspended", 5) == "agreed"
    assert await said("suspended", 10) == "suspended"


async def test_agreements_are_shown_to_the_other_side_alone(there: There) -> None:
    """To all others there is nothing."""
    row = await agreed(there)
    path = row.iri.removeprefix("https://alpha.example")
    offer = row.offer.removeprefix("https://alpha.example")
    for one in (path, offer):
        assert (await there.alpha.get(one, accept="application/activity+json")).status == 404
        shown = await signed_get(there, one, there.actor)
        assert shown.status == 200, shown.body
        stranger = Peer(there.peer.world, "stranger.example")
        assert (await signed_get(there, one, stranger.actor("stranger.example", "Application"), stranger)).status == 404
    document = msgspec.json.decode((await signed_get(there, path, there.actor)).body)
    assert len(document["proof"]) == 2


async def signed_get(there: There, path: str, actor: str, peer: Peer | None = None) -> Any:
    """What a signed question is answered."""
    from federation.signatures.sign import sign_get

    url = there.alpha.site.config.origin + path
    headers = {
        name.lower(): value
        for name, value in sign_get((peer or there.peer).keys[actor], url, there.alpha.site.clock()).items()
    }
    return await call(there.alpha.app, "GET", url, headers | {"accept": "application/activity+json"})


async def test_so_many_offers_a_day_are_taken(there: There) -> None:
    """Somebody who floods us with offers is not kept."""
    for number in range(1, 24):
        await there.peer.send(there.alpha, there.offer(there.agreement(number, number), number))
    await settle(there.alpha)
    assert len(there.rows()) == 20


async def test_an_instance_that_asks_to_follow_this_one_waits_for_an_admin(there: There) -> None:
    """As Mobilizon's do. Agreed to alone, it gets its Accept and is asked in turn; it is one-sided."""
    alpha, host = there.alpha, there.peer.host
    follow = there.peer.activity("Follow", there.actor, alpha.site.instance_iri)
    await there.say(follow)
    assert [one.host for one in alpha.read(lambda tx: acts.requests(tx, alpha.site))] == [host]
    assert there.peer.got("Accept") == []
    alpha.write(lambda tx: acts.agree_alone(tx, alpha.site, WHO, host, Terms(probes=False)))
    await settle(alpha)
    assert [one["object"]["id"] for one in there.peer.got("Accept")] == [follow["id"]]
    assert [one["object"] for one in there.peer.got("Follow")] == [there.actor]
    known = alpha.read(lambda tx: peers.by_host(tx, host))
    assert known is not None
    assert (known.stance, known.one_sided) == ("agreed", True)


async def test_a_server_without_agreements_is_agreed_with_alone(alpha: Instance, peer: Peer) -> None:
    """Invited, it is said that it speaks of none; suspended, resumed and ended without a word to it."""
    found = await look_up(alpha.site, "https://peer.example/")
    assert (found.speaks, found.software) == (False, "mastodon")
    with pytest.raises(Invalid, match="agree-alone"):
        alpha.write(lambda tx: acts.invite(tx, alpha.site, WHO, found, Terms()))
    row = alpha.write(lambda tx: acts.agree_alone(tx, alpha.site, WHO, "peer.example", Terms()))
    assert (row.state, row.proofs) == ("active", [])

    def stance() -> tuple[str, bool, str]:
        known = alpha.read(lambda tx: peers.by_host(tx, "peer.example"))
        assert known is not None
        return known.stance, known.one_sided, alpha.read(lambda tx: agreements.of_host(tx, "peer.example"))[0].state

    assert stance() == ("agreed", True, "active")
    alpha.write(lambda tx: acts.suspend(tx, alpha.site, WHO, "peer.example", "spam"))
    assert stance() == ("suspended", True, "suspended")
    alpha.write(lambda tx: acts.resume(tx, alpha.site, WHO, "peer.example"))
    assert stance() == ("agreed", True, "active")
    alpha.write(lambda tx: acts.end(tx, alpha.site, WHO, "peer.example", "no more"))
    assert stance() == ("none", False, "ended")
    await settle(alpha)
    assert peer.inbox == []


async def test_a_draft_is_told_to_nobody_before_it_is_offered(there: There) -> None:
    """And can be withdrawn, or be too old."""
    alpha, host = there.alpha, there.peer.host
    found = await look_up(alpha.site, host)
    drafts = [alpha.write(lambda tx: acts.draft(tx, alpha.site, WHO, found, Terms())) for _ in range(2)]
    await settle(alpha)
    assert there.peer.got("Offer") == []
    assert alpha.write(lambda tx: acts.offer(tx, alpha.site, WHO, drafts[1].id)).state == "offered"
    await settle(alpha)
    [told] = there.peer.got("Offer")
    assert read(told["object"]).version == 2
    with pytest.raises(Invalid, match="not newer"):
        alpha.write(lambda tx: acts.offer(tx, alpha.site, WHO, drafts[0].id))
    assert alpha.write(lambda tx: acts.withdraw(tx, alpha.site, WHO, drafts[0].id)).state == "withdrawn"
    with pytest.raises(Invalid, match="no draft"):
        alpha.write(lambda tx: acts.offer(tx, alpha.site, WHO, drafts[0].id))


async def test_who_is_suspended_is_resumed_before_anything_is_agreed(there: There) -> None:
    """Else it would be neither."""
    alpha, host = there.alpha, there.peer.host
    found = await look_up(alpha.site, host)
    alpha.write(lambda tx: acts.suspend(tx, alpha.site, WHO, host, "spam"))
    with pytest.raises(Invalid, match="resume"):
        alpha.write(lambda tx: acts.invite(tx, alpha.site, WHO, found, Terms()))
    alpha.write(lambda tx: acts.resume(tx, alpha.site, WHO, host))
    assert alpha.write(lambda tx: acts.invite(tx, alpha.site, WHO, found, Terms())).state == "offered"


async def test_a_message_waits_for_a_peer_that_is_away(there: There) -> None:
    """It is a job of its own, tried again later, and noted with the agreement when it is refused for good."""
    alpha, host = there.alpha, there.peer.host
    found = await look_up(alpha.site, host)
    there.peer.world.down.add(host)
    alpha.write(lambda tx: acts.invite(tx, alpha.site, WHO, found, Terms()))
    await settle(alpha)
    assert there.peer.got("Offer") == []
    waiting = alpha.read(lambda tx: jobs.waits(tx, "peer-message", there.rows()[0].offer))
    assert waiting


async def test_what_is_noted_of_refused_offers_has_a_bound(there: There) -> None:
    """The audit log keeps everything for good, and anybody can send what can't be taken."""
    for number in range(1, 45):
        bad = there.agreement(number, number) | {"peer:terms": {}}
        await there.peer.send(there.alpha, there.offer(bad, number))
    await settle(there.alpha)
    noted = len(
        there.alpha.read(lambda tx: [row for row in audit.newest(tx, 100) if row.action == "peer.refused-offer"])
    )
    assert noted == 30


async def test_a_blocked_peer_with_an_agreement_can_be_let_in_again_or_ended(there: There) -> None:
    """A block is at once and by one alone; it must not be a trap."""
    alpha, host = there.alpha, there.peer.host
    await there.say(there.offer(there.agreement()))
    [row] = there.rows()
    shown = alpha.read(lambda tx: acts.shown_keys(tx, host))[0]
    alpha.write(lambda tx: acts.sign(tx, alpha.site, WHO, row.id, fingerprint=shown))
    alpha.write(lambda tx: acts.set_stance(tx, alpha.site, WHO, host, "blocked", "incident"))
    with pytest.raises(Invalid, match="suspend or end"):
        alpha.write(lambda tx: acts.set_stance(tx, alpha.site, WHO, host, "limited", "less"))
    alpha.read(lambda tx: pending.check(tx, "peer.end", {"host": host}))
    alpha.write(lambda tx: acts.set_stance(tx, alpha.site, WHO, host, "none", ""))
    peer = alpha.read(lambda tx: peers.by_host(tx, host))
    assert peer is not None
    assert (peer.stance, peer.stance_before) == ("agreed", None)
    alpha.write(lambda tx: acts.set_stance(tx, alpha.site, WHO, host, "blocked", "incident"))
    alpha.write(lambda tx: acts.end(tx, alpha.site, WHO, host, "incident"))
    peer = alpha.read(lambda tx: peers.by_host(tx, host))
    assert peer is not None
    assert peer.stance == "blocked"
    assert [one.state for one in there.rows()] == ["ended"]


async def test_nobody_leads_us_to_a_host_that_is_blocked_or_suspended(alpha: Instance) -> None:
    """Neither by a redirect nor as who knows better of a handle."""

    def stand(tx: Tx) -> None:
        for stance in ("blocked", "suspended", "limited"):
            peers.meet(tx, f"{stance}.example", 1)
            peers.change(tx, f"{stance}.example", stance=stance)

    alpha.write(stand)
    for host in ("blocked.example", "suspended.example"):
        with pytest.raises(Refused, match=f"leads to {host}"):
            await alpha.site.client.led_to(host)
    await alpha.site.client.led_to("limited.example")
    await alpha.site.client.led_to("unknown.example")


async def test_an_address_that_may_not_be_asked_is_no_institution(alpha: Instance) -> None:
    """And is not kept as a host that was met."""
    for wanted in ("169.254.169.254", "http://10.0.0.1/", "[fd00::1]"):
        with pytest.raises(AddressForbidden):
            await look_up(alpha.site, wanted)
    assert alpha.read(peers.total) == 0


async def test_a_person_who_follows_the_instance_asks_for_no_peering(there: There) -> None:
    """Or anybody could be what an admin agrees with, and push away who asks."""
    alpha = there.alpha
    follow = there.peer.activity("Follow", there.peer.actor("eve"), alpha.site.instance_iri)
    await there.say(follow)
    assert alpha.read(lambda tx: acts.requests(tx, alpha.site)) == []
    assert len(there.peer.got("Reject")) == 1


async def test_who_asks_again_and_again_is_noted_a_few_times(there: There) -> None:
    alpha = there.alpha
    for number in range(6):
        follow = there.peer.activity("Follow", there.actor, alpha.site.instance_iri) | {
            "id": there.peer.iri(f"/f/{number}")
        }
        await there.say(follow)
        await there.say(there.peer.activity("Undo", there.actor, follow))
    assert len([row for row in alpha.read(lambda tx: audit.newest(tx, 50)) if row.action == "peer.requested"]) == 3


async def test_what_we_agree_to_alone_ends_not_at_once_by_new_terms(alpha: Instance, peer: Peer) -> None:
    """Which would be to end it without a second admin."""
    alpha.write(lambda tx: peers.meet(tx, peer.host, 1))
    alpha.write(lambda tx: acts.agree_alone(tx, alpha.site, WHO, peer.host, Terms(probes=False)))
    soon = Terms(probes=False, ends=alpha.site.clock() + 60_000)
    with pytest.raises(Invalid, match="fedi peer end"):
        alpha.write(lambda tx: acts.agree_alone(tx, alpha.site, WHO, peer.host, soon))
