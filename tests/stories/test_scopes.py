"""The scope of a group (POLICY U6): with which institutions it federates, what these may do there, and what happens to those
that lose it; and what agreements open (U1), by the gate's answers to signed requests."""

from collections.abc import Collection
from functools import partial
from typing import Any

import msgspec
import pytest

from federation.peering import agreement
from federation.peering.terms import Terms
from federation.signatures.sign import sign_get
from fedi import visibility
from fedi.actions import narrowing, reactions, scopes, sending
from fedi.errors import Forbidden, Invalid
from storage import agreements, audit, decisions, follows, memberships, outbox, peers
from storage.actors import Actor
from storage.agreements import AgreementRow
from storage.memberships import Membership
from storage.metadata import Tx
from storage.posts import Post
from storage.reactions import boosts_of
from tests.stories.conftest import Three
from tests.stories.test_private_groups import ask, let_in, publish
from tests.world import Instance, Peer, settle

pytestmark = pytest.mark.anyio


def agree(
    instance: Instance, host: str, *, stance: str = "agreed", tier: str = "members", terms: Terms | None = None
) -> None:
    """This instance stands so to a host from now on, under these terms (none: as was agreed before there were documents)."""
    site = instance.site

    def unit(tx: Tx) -> None:
        peers.meet(tx, host, site.clock())
        before = peers.by_host(tx, host)
        values: dict[str, Any] = {"stance": stance, "tier": tier}
        if stance == "suspended":
            values["stance_before"] = before.stance if before is not None else None
        peers.change(tx, host, **values)
        if terms is not None:
            number = site.new_id()
            for old in agreements.of_host(tx, host):
                agreements.change(tx, old.id, state="replaced")
            iri = site.iri(f"/peering/agreements/{number}/v1")
            made = agreement.build(
                iri=iri, version=1, parties=(site.instance_iri, f"https://{host}/actor"), terms=terms
            )
            agreements.insert(
                tx,
                AgreementRow(
                    id=number, iri=iri, offer=site.iri(f"/peering/offers/{number}"), host=host, ours=True, version=1,
                    replaces=None, document=agreement.canonical(made), digest=agreement.digest(made), proofs=[],
                    state="active", starts_at=None, ends_at=None, notice_at=None, reason=None, pause=None,
                    created_at=site.clock(), changed_at=site.clock(),
                ),
            )  # fmt: skip
        scopes.agreement_changed(tx, site, host)

    instance.write(unit)


def scope(
    instance: Instance, group: Actor, mode: str, hosts: Collection[str] = (), may: Collection[str] | None = None
) -> None:
    """An admin says with whom a group federates."""
    instance.write(lambda tx: scopes.set_scope(tx, instance.site, "root", group, mode, hosts, may))


async def asked(of: Instance, by: Instance, post: Post) -> int:
    """What the institution `by` is answered when it asks for a post."""
    return await asked_at(of, by, post.iri)


async def asked_at(of: Instance, by: Instance, iri: str) -> int:
    """The same for any address."""
    key = by.read(lambda tx: by.site.private_key(tx, by.site.instance_iri))
    headers = {name.lower(): value for name, value in sign_get(key, iri, of.site.clock()).items()}
    path = iri.removeprefix(of.site.config.origin)
    return (await of.get(path, accept="application/activity+json", **headers)).status


def inside(instance: Instance, group: Actor) -> dict[str, int]:
    """How many of each host are in a group."""
    return instance.read(lambda tx: memberships.hosts(tx, group.id))


def rejected(three: Three, host: str) -> list[Any]:
    """The Rejects that a host was sent."""
    sent = [msgspec.json.decode(body) for to, _, body in three.world.sent if to == host]
    return [one for one in sent if one["type"] == "Reject"]


async def test_what_everyone_reads_can_be_kept_from_nobody(three: Three) -> None:
    alpha = three.alpha
    group = alpha.group("open", alpha.person("olga"))
    with pytest.raises(Invalid, match=r"Everyone on the web reads Open.*see: peers.*see: members"):
        scope(alpha, group, "agreed")
    scope(alpha, group, "public", may=["read", "react"])  # what they may do there can be chosen
    closed = alpha.group("closed", alpha.person("oskar"), see="members")
    for mode, hosts, why in (
        ("some", (), "A scope is one of"),
        ("named", (), "at least one peer"),
        ("named", ("nowhere.example",), "fedi peer invite nowhere.example"),
        ("named", ("not a host",), "is no host"),
        ("named", ("alpha.example",), "always in scope"),
        ("agreed", ("beta.example",), "names none"),
    ):
        with pytest.raises(Invalid, match=why):
            scope(alpha, closed, mode, hosts)
    with pytest.raises(Invalid, match="there is no 'write'"):
        scope(alpha, closed, "local", (), ["read", "write"])
    with pytest.raises(Invalid, match="who may not read"):
        scope(alpha, closed, "local", (), ["reply"])


async def test_a_named_peer_is_let_in_and_others_are_told_why_not(three: Three) -> None:
    alpha, beta, gamma = three.all
    olga = alpha.person("olga")
    group = alpha.group("seminar", olga, see="peers", join_mode="approval")
    agree(alpha, "beta.example")
    agree(alpha, "gamma.example")
    scope(alpha, group, "named", ["beta.example"])
    document = await alpha.document("/groups/seminar")
    assert document["federatesWith"] == "named"
    assert document["audiencePeers"] == ["https://beta.example/"]
    assert (document["membership"], document["manuallyApprovesFollowers"]) == ("approval", True)

    ada, chi = beta.person("ada"), gamma.person("chi")
    await ask(beta, ada, "seminar@alpha.example")
    await ask(gamma, chi, "seminar@alpha.example")
    await let_in(alpha, group, beta, gamma)
    assert inside(alpha, group) == {"alpha.example": 1, "beta.example": 1}
    [refusal] = rejected(three, "gamma.example")
    assert refusal["summary"] == "Seminar is not open to gamma.example: it is for the institutions that it names."
    assert gamma.read(lambda tx: follows.find(tx, chi.id, gamma.actor(group.iri).id)) is None
    kept = alpha.read(lambda tx: decisions.newest(tx, 10, "gamma.example"))
    assert [(one.verdict, one.code, one.type) for one in kept] == [("reject", "scope", "Follow")]
    assert rejected(three, "beta.example") == []

    said = publish(alpha, olga, "@seminar a word")
    assert (said.group_id, said.visibility) == (group.id, "peers")
    assert [await asked(alpha, one, said) for one in (beta, gamma)] == [200, 404]
    assert (await alpha.get(f"/people/olga/posts/{said.id}", accept="application/activity+json")).status == 404
    await settle(*three.all)
    assert (beta.has(said.iri), gamma.has(said.iri)) == (True, False)

    # And what it does not let out, its members' servers don't either.
    agree(beta, "gamma.example")
    answer = publish(beta, ada, "an answer", beta.post(said.iri))
    await settle(*three.all)
    assert beta.post(answer.iri).visibility == "peers"
    assert await asked(beta, gamma, answer) == 404
    scope(alpha, group, "public")
    await settle(*three.all)
    assert "federatesWith" not in await alpha.document("/groups/seminar")
    assert await asked(alpha, gamma, said) == 200
    assert await asked(beta, gamma, answer) == 200


async def test_a_peer_does_what_it_may_and_nothing_else(three: Three) -> None:
    alpha, beta, _ = three.all
    olga = alpha.person("olga")
    group = alpha.group("seminar", olga, see="members", join_mode="approval")
    agree(alpha, "beta.example")
    ada = beta.person("ada")
    await ask(beta, ada, "seminar@alpha.example")
    await let_in(alpha, group, beta)
    said = publish(alpha, olga, "@seminar a word")
    scope(alpha, group, "agreed", may=["read", "react"])
    await settle(alpha, beta)
    there = beta.post(said.iri)

    beta.write(lambda tx: reactions.like(tx, beta.site, ada, there))
    answer = publish(beta, ada, "an answer", there)
    thread = publish(beta, ada, "@seminar@alpha.example a thread")
    await settle(alpha, beta)
    assert alpha.post(said.iri).likes_count == 1
    assert not alpha.has(answer.iri)
    assert not alpha.has(thread.iri) or alpha.post(thread.iri).group_id is None
    for act in ("read", "react"):
        alpha.read(partial(scopes.check, group=group, host="beta.example", act=act))
    for act in ("reply", "post", "announce", "moderate"):
        with pytest.raises(Forbidden, match=f"does not let people of beta.example {act}") as refused:
            alpha.read(partial(scopes.check, group=group, host="beta.example", act=act))
        assert refused.value.code == "scope"

    scope(alpha, group, "agreed", may=["read", "reply", "react"])
    assert beta.read(lambda tx: follows.find(tx, ada.id, beta.actor(group.iri).id)) is not None  # one post is one post
    again = publish(beta, ada, "an answer again", there)
    await settle(alpha, beta)
    assert alpha.post(again.iri).group_id == group.id


async def test_who_loses_a_group_is_put_out_and_asked_to_erase(three: Three) -> None:
    alpha, beta, gamma = three.all
    olga = alpha.person("olga")
    group = alpha.group("seminar", olga, see="members", join_mode="approval")
    agree(alpha, "beta.example")
    agree(alpha, "gamma.example")
    ada, chi = beta.person("ada"), gamma.person("chi")
    await ask(beta, ada, "seminar@alpha.example")
    await ask(gamma, chi, "seminar@alpha.example")
    await let_in(alpha, group, beta, gamma)
    said = publish(alpha, olga, "@seminar a word")
    await settle(*three.all)
    theirs = publish(gamma, chi, "of gamma", gamma.post(said.iri))
    own = publish(beta, ada, "of beta", beta.post(said.iri))
    await settle(*three.all)
    assert all(beta.post(one.iri).deleted_at is None for one in (said, theirs, own))
    assert alpha.read(lambda tx: scopes.readers(tx, alpha.site, group)) == (3, 3)
    assert alpha.read(lambda tx: scopes.words(tx, alpha.site, group)) == "3 universities, 3 people"

    start = len(three.world.sent)
    scope(alpha, group, "named", ["gamma.example"])
    await settle(*three.all)
    assert inside(alpha, group) == {"alpha.example": 1, "gamma.example": 1}
    [refusal] = rejected(three, "beta.example")
    assert refusal["summary"] == "Seminar does not federate with your institution any more"
    assert beta.read(lambda tx: follows.find(tx, ada.id, beta.actor(group.iri).id)) is None
    # Erased there, but for what its own people wrote; nowhere else.
    assert [beta.post(one.iri).deleted_at is not None for one in (said, theirs, own)] == [True, True, False]
    assert beta.post(said.iri).content == ""
    for instance in (alpha, gamma):
        assert all(instance.post(one.iri).deleted_at is None for one in (said, theirs, own)), instance.name
    deletes = [(to, msgspec.json.decode(body)) for to, _, body in three.world.sent[start:] if b'"Delete"' in body]
    assert {to for to, _ in deletes} == {"beta.example"}
    assert all("peer:receiptBy" in one for _, one in deletes)
    [row] = alpha.read(lambda tx: audit.newest(tx, 5, about=group.handle))
    assert (row.who, row.action, row.body["lost"]) == ("root", "group.scope", ["beta.example"])
    assert await asked(alpha, beta, said) == 404
    # Nor does it erase what its own people wrote when a group asks for it.
    there = alpha.actor(ada.iri)
    audience = outbox.Audience(actors=(there.id,))
    alpha.write(
        lambda tx: sending.send(tx, alpha.site, group, "Delete", own.iri, to=[ada.iri], cc=[], audience=audience)
    )
    await settle(*three.all)
    assert beta.post(own.iri).deleted_at is None
    # What is written from now on goes to who is left.
    more = publish(alpha, olga, "@seminar another word")
    await settle(*three.all)
    assert (beta.has(more.iri), gamma.has(more.iri)) == (False, True)
    assert alpha.read(lambda tx: scopes.readers(tx, alpha.site, group)) == (2, 2)


async def test_an_agreement_opens_what_it_names(three: Three) -> None:
    alpha, beta, _ = three.all
    olga = alpha.person("olga")
    agreed_on = alpha.group("physics", olga, see="peers")
    other = alpha.group("history", olga, see="peers")
    inner = alpha.group("council", olga, see="members")
    said = [publish(alpha, olga, f"@{name} a word") for name in ("physics", "history", "council")]

    async def told() -> list[int]:
        return [await asked(alpha, beta, one) for one in said]

    assert await told() == [404, 404, 404]
    agree(alpha, "beta.example")
    assert await told() == [200, 200, 404]  # nobody of beta is in the council
    agree(alpha, "beta.example", terms=Terms(groups=(agreed_on.iri, inner.iri)))
    assert await told() == [200, 404, 404]
    assert [await asked_at(alpha, beta, f"{one.iri}/outbox?page=true") for one in (agreed_on, other)] == [200, 404]
    ada = beta.person("ada")
    for name in ("physics", "history", "council"):
        await ask(beta, ada, f"{name}@alpha.example")
    await settle(alpha, beta)
    assert [inside(alpha, one).get("beta.example", 0) for one in (agreed_on, other, inner)] == [1, 0, 1]
    [refusal] = rejected(three, "beta.example")
    assert "agreement" in refusal["summary"]
    assert await told() == [200, 404, 200]

    # A tier that falls closes what members read, and puts nobody out.
    agree(alpha, "beta.example", tier="agreed")
    assert await told() == [200, 404, 404]
    assert inside(alpha, inner)["beta.example"] == 1
    agree(alpha, "beta.example", tier="members")
    assert await told() == [200, 404, 200]

    # Suspended: nothing to see on either side, and everything as before after it.
    agree(alpha, "beta.example", stance="suspended")
    assert set(await told()) <= {403, 404}
    assert (
        alpha.read(lambda tx: visibility.seen(tx, visibility.Viewer(host="beta.example"), [one.id for one in said]))
        == {}
    )
    assert inside(alpha, inner)["beta.example"] == 1
    agree(alpha, "beta.example")
    assert await told() == [200, 404, 200]

    # A narrower version: only what agreed institutions read, so whoever is in the council is put out.
    agree(alpha, "beta.example", terms=Terms(visibility=("public", "peers"), groups=("*",)))
    assert await told() == [200, 200, 404]
    assert "beta.example" not in inside(alpha, inner)
    # Were somebody left in it, they would read nothing there all the same.
    scope(alpha, inner, "agreed")
    there = alpha.actor(ada.iri)
    alpha.write(lambda tx: memberships.save(tx, Membership(inner.id, there.id, "member", "accepted", 0)))
    assert await told() == [200, 200, 404]
    agree(alpha, "beta.example", terms=Terms(groups=("*",)))
    assert await told() == [200, 200, 200]
    agree(alpha, "beta.example", terms=Terms(visibility=("public",), groups=("*",)))
    assert await told() == [404, 404, 404]


async def test_who_waits_is_let_in_when_something_opens(three: Three) -> None:
    alpha, beta, gamma = three.all
    olga = alpha.person("olga")
    free = alpha.group("free", olga, see="peers")
    asked_for = alpha.group("asked", olga, see="peers", join_mode="approval")
    ada, chi = beta.person("ada"), gamma.person("chi")
    for name in ("free", "asked"):
        await ask(beta, ada, f"{name}@alpha.example")
        await ask(gamma, chi, f"{name}@alpha.example")
    await settle(*three.all)
    assert inside(alpha, free) == inside(alpha, asked_for) == {"alpha.example": 1}  # no agreement: a moderator decides
    agree(alpha, "beta.example")
    await settle(*three.all)
    assert inside(alpha, free) == {"alpha.example": 1, "beta.example": 1}
    assert inside(alpha, asked_for) == {"alpha.example": 1}  # there a moderator decides in any case
    edge = beta.read(lambda tx: follows.find(tx, ada.id, beta.actor(free.iri).id))
    assert edge is not None
    assert edge.state == "accepted"

    # Who asks again is looked at anew, whatever was forgotten meanwhile.
    lemmy = Peer(three.world, "lemmy.example", "lemmy")
    await lemmy.send(alpha, lemmy.activity("Follow", lemmy.actor("member"), free.iri))
    await settle(alpha)
    assert "lemmy.example" not in inside(alpha, free)
    alpha.write(lambda tx: peers.change(tx, "lemmy.example", stance="agreed", tier="members"))
    await lemmy.send(alpha, lemmy.activity("Follow", lemmy.iri("/users/member"), free.iri))
    await settle(alpha)
    assert inside(alpha, free)["lemmy.example"] == 1
    assert len(lemmy.got("Accept")) == 1

    # And who waits where nobody of theirs comes in any more is told so.
    scope(alpha, asked_for, "named", ["beta.example"])
    await settle(*three.all)
    assert [one["summary"][:14] for one in rejected(three, "gamma.example")] == ["Asked is not o"]
    assert alpha.read(lambda tx: [one.state for one in memberships.of_group(tx, asked_for.id, "pending")]) == [
        "pending"
    ]


async def test_what_a_suspended_host_wrote_is_hidden_and_kept(three: Three) -> None:
    alpha, beta, _ = three.all
    olga = alpha.person("olga")
    group = alpha.group("open", olga)
    ada = beta.person("ada")
    await ask(beta, ada, "open@alpha.example")
    await settle(alpha, beta)
    said = publish(beta, ada, "@open@alpha.example a word")
    hers = publish(alpha, olga, "@open another word")
    await settle(alpha, beta)
    beta.write(lambda tx: reactions.boost(tx, beta.site, ada, beta.post(hers.iri)))
    await settle(alpha, beta)
    number = alpha.post(said.iri).id
    [boost] = [one for one in alpha.read(lambda tx: boosts_of(tx, hers.id, 10)) if one.actor_id != group.id]

    def shown() -> bool:
        unseen = alpha.read(lambda tx: visibility.unseen_boosts(tx, visibility.NOBODY, [boost]))
        post = number in alpha.read(lambda tx: visibility.seen(tx, visibility.NOBODY, [number]))
        assert post == (boost.id not in unseen)
        return post

    assert shown()
    agree(alpha, "beta.example", stance="suspended")
    assert not shown()
    agree(alpha, "beta.example", stance="none")
    assert shown()
    assert inside(alpha, group)["beta.example"] == 1


async def test_a_plain_peer_is_told_by_what_it_understands(three: Three, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrowing, "BATCH", 1)  # of two posts: what is left is another job
    alpha = three.alpha
    olga = alpha.person("olga")
    group = alpha.group("seminar", olga, see="members", join_mode="open")
    lemmy, other = Peer(three.world, "lemmy.example", "lemmy"), Peer(three.world, "mastodon.example", "mastodon")
    for peer in (lemmy, other):
        member = peer.actor("member")
        await peer.send(alpha, peer.activity("Follow", member, group.iri))
    await settle(alpha)
    assert inside(alpha, group) == {"alpha.example": 1, "lemmy.example": 1, "mastodon.example": 1}
    said, more = (publish(alpha, olga, f"@seminar {word}") for word in ("a word", "more"))
    await settle(alpha)
    scope(alpha, group, "agreed")
    await settle(alpha)
    assert inside(alpha, group) == {"alpha.example": 1}
    for peer in (lemmy, other):
        [refusal] = peer.got("Reject")
        assert (refusal["actor"], refusal["object"]["type"]) == (group.iri, "Follow")
        deletes = [(one["actor"], one["object"]["id"], one["object"]["type"]) for one in peer.got("Delete")]
        assert deletes == [(olga.iri, one.iri, "Tombstone") for one in (more, said)]
    await lemmy.send(alpha, lemmy.activity("Follow", lemmy.iri("/users/member"), group.iri))
    await settle(alpha)
    assert lemmy.got("Reject")[-1]["summary"].startswith("Seminar is not open to lemmy.example")
