"""Blocks between people of two universities, on the wire and on both sides; and what a third can't do in their name."""

import msgspec
import pytest

from federation.signatures.sign import sign_get
from federation.transport import Response
from fedi import fetching, visibility
from fedi.actions import blocks as block_actions
from fedi.actions import follows as follow_actions
from fedi.actions import moves
from fedi.actions import mutes as mute_actions
from fedi.hiding import hidden
from storage import account_notes, blocks, follows, mutes, notifications
from storage.actors import Actor
from storage.metadata import Tx
from storage.timelines import Page
from tests.stories.conftest import Three
from tests.stories.test_group_across_universities import home, join, publish, state
from tests.world import Instance, Peer, call, settle

pytestmark = pytest.mark.anyio


async def friends(three: Three) -> tuple[Actor, Actor]:
    """Ada of alpha and Bob of beta, who follow each other."""
    alpha, beta, _ = three.all
    ada, bob = alpha.person("ada"), beta.person("bob")
    await join(beta, bob, "ada@alpha.example")
    await join(alpha, ada, "bob@beta.example")
    await settle(*three.all)
    assert state(alpha, ada, alpha.actor(bob.iri)) == state(beta, bob, beta.actor(ada.iri)) == "accepted"
    return ada, bob


def sees(instance: Instance, person: Actor, iri: str) -> bool:
    """Whether a person of this instance may see the post with this IRI."""
    post = instance.post(iri)
    return instance.read(lambda tx: visibility.may_see(tx, visibility.person(person.id), post))


async def test_a_block_and_its_undo(three: Three) -> None:
    alpha, beta, gamma = three.all
    ada, bob = await friends(three)
    chi = gamma.person("chi")
    await join(gamma, chi, "ada@alpha.example")
    await join(beta, beta.person("ben"), "ada@alpha.example")
    await settle(*three.all)
    hello = publish(alpha, ada, "hello all")
    await settle(*three.all)
    assert sees(beta, bob, hello.iri)

    three.world.sent.clear()
    alpha.write(lambda tx: block_actions.block(tx, alpha.site, ada, alpha.actor(bob.iri)))
    await settle(*three.all)
    told = [(host, msgspec.json.decode(body)) for host, _, body in three.world.sent]
    assert {host for host, _ in told} == {"beta.example"}, "nobody else is told"
    assert {one["type"] for _, one in told} == {"Undo", "Reject", "Block"}
    (block,) = [one for _, one in told if one["type"] == "Block"]
    assert (block["actor"], block["object"], block["to"]) == (ada.iri, bob.iri, [bob.iri])

    # On both sides the follows are over and the posts gone from sight; nobody else sees less.
    for instance, one, other in ((alpha, ada, bob), (beta, bob, ada)):
        assert state(instance, one, instance.actor(other.iri)) == "none"
        assert state(instance, instance.actor(other.iri), one) == "none"
        assert (instance.actor(one.iri).following_count, instance.actor(bob.iri).followers_count) == (0, 0)
    assert not sees(beta, bob, hello.iri)
    assert sees(beta, beta.actor("https://beta.example/people/ben"), hello.iri)
    assert sees(gamma, chi, hello.iri)
    assert home(beta, bob) == []
    assert beta.read(lambda tx: notifications.of_person(tx, bob.id, Page())) == [], "bob is not told"
    assert beta.read(lambda tx: blocks.between(tx, bob.id, [beta.actor(ada.iri).id]))[1]

    # The block's address tells nobody who is blocked.
    path = block["id"].removeprefix("https://alpha.example")
    assert (await alpha.get(path, accept="application/activity+json")).status == 404

    # Bob can't follow her from home, and if his server tried it would be refused.
    after = publish(alpha, ada, "without bob")
    await settle(*three.all)
    assert not sees(beta, bob, after.iri)
    beta.write(lambda tx: blocks.remove(tx, _row(tx, beta, ada, bob).id))  # a server that forgot it
    await join(beta, bob, "ada@alpha.example")
    await settle(*three.all)
    assert state(alpha, alpha.actor(bob.iri), ada) == "none"
    assert state(beta, bob, beta.actor(ada.iri)) == "none"

    alpha.write(lambda tx: block_actions.unblock(tx, alpha.site, ada, alpha.actor(bob.iri)))
    await settle(*three.all)
    await join(beta, bob, "ada@alpha.example")
    await settle(*three.all)
    assert state(beta, bob, beta.actor(ada.iri)) == "accepted"
    assert sees(beta, bob, hello.iri)


def _row(tx: Tx, instance: Instance, owner: Actor, blocked: Actor) -> blocks.Block:
    found = blocks.find(tx, instance.actor(owner.iri).id, instance.actor(blocked.iri).id)
    assert found is not None
    return found


async def test_undo_by_id_and_by_what_was_blocked(three: Three) -> None:
    alpha = three.alpha
    ada = alpha.person("ada")
    peer = Peer(three.world, "mastodon.example", "mastodon")
    mallory = peer.actor("mallory")
    follow = peer.activity("Follow", mallory, ada.iri)
    assert (await peer.send(alpha, follow)).status == 202
    await settle(alpha)
    assert state(alpha, alpha.actor(mallory), ada) == "accepted"
    for by_id in (True, False):
        block = peer.activity("Block", mallory, ada.iri)
        await peer.send(alpha, block)
        await settle(alpha)
        assert alpha.read(lambda tx: blocks.between(tx, ada.id, [alpha.actor(mallory).id])) == (
            set(),
            {alpha.actor(mallory).id},
        )
        assert state(alpha, alpha.actor(mallory), ada) == "none"
        with pytest.raises(Exception, match="not allowed"):
            alpha.write(lambda tx: follow_actions.follow(tx, alpha.site, ada, alpha.actor(mallory)))
        await peer.send(
            alpha, peer.activity("Undo", mallory, block["id"] if by_id else block | {"id": peer.iri("/another")})
        )
        await settle(alpha)
        assert alpha.read(lambda tx: hidden(tx, ada.id, 0).blocked) == set()


async def test_nobody_blocks_in_anothers_name(three: Three) -> None:
    alpha, beta, _ = three.all
    ada, bob = await friends(three)
    peer = Peer(three.world, "evil.example", "mastodon")
    eve = peer.actor("eve")
    forged = {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": peer.iri("/block/1"),
        "type": "Block",
        "actor": bob.iri,
        "object": ada.iri,
    }
    answers = [await peer.send(alpha, forged, key=eve)]
    answers.append(await peer.send(alpha, forged | {"id": f"{bob.iri}/block"}, key=eve))
    # In a group's name, and about somebody else's business.
    group = peer.actor("group", "Group")
    await peer.send(alpha, peer.activity("Announce", group, forged))
    await peer.send(alpha, peer.activity("Block", group, ada.iri))
    await peer.send(alpha, peer.activity("Block", eve, bob.iri))
    await settle(*three.all)
    assert {answer.status for answer in answers} <= {401, 403, 202}
    assert alpha.read(lambda tx: hidden(tx, ada.id, 0).blocked) == set()
    assert state(alpha, ada, alpha.actor(bob.iri)) == "accepted"
    # Nor does anybody take another's block back.
    beta.write(lambda tx: block_actions.block(tx, beta.site, bob, beta.actor(ada.iri)))
    await settle(*three.all)
    (row,) = alpha.read(lambda tx: [_row(tx, alpha, bob, ada)])
    await peer.send(alpha, peer.activity("Undo", eve, row.iri))
    inner = {"id": row.iri, "type": "Block", "actor": bob.iri, "object": ada.iri}
    await peer.send(alpha, peer.activity("Undo", eve, inner))
    await settle(*three.all)
    assert alpha.read(lambda tx: hidden(tx, ada.id, 0).blocked) == {alpha.actor(bob.iri).id}


async def test_a_signed_request_of_whom_the_author_blocks(three: Three) -> None:
    alpha = three.alpha
    ada = alpha.person("ada")
    peer = Peer(three.world, "mastodon.example", "mastodon")
    mallory, nice = peer.actor("mallory"), peer.actor("nice")
    hello = publish(alpha, ada, "hello")
    theirs = await fetching.actor(alpha.site, mallory)
    alpha.write(lambda tx: block_actions.block(tx, alpha.site, ada, theirs))
    for who, status, items in ((mallory, 404, 0), (nice, 200, 1)):
        answer = await signed_get(alpha, peer, who, hello.iri)
        assert answer.status == status
        listed = await signed_get(alpha, peer, who, f"{ada.iri}/outbox?page=true")
        assert len(msgspec.json.decode(listed.body)["orderedItems"]) == items


async def signed_get(instance: Instance, peer: Peer, who: str, url: str) -> Response:
    """What an instance answers to a GET that this actor of the peer signs."""
    signed = sign_get(peer.keys[who], url, instance.site.clock())
    headers = {name.lower(): value for name, value in signed.items()} | {"accept": "application/activity+json"}
    return await call(instance.app, "GET", url, headers)


async def test_a_blocked_group_is_left(three: Three) -> None:
    alpha, beta, _ = three.all
    ada, bob = alpha.person("ada"), beta.person("bob")
    group = beta.group("maths", bob)
    await join(alpha, ada, "maths@beta.example")
    await settle(*three.all)
    there = alpha.actor(group.iri)
    assert state(alpha, ada, there) == "accepted"
    three.world.sent.clear()
    alpha.write(lambda tx: block_actions.block(tx, alpha.site, ada, there))
    await settle(*three.all)
    assert {msgspec.json.decode(body)["type"] for _, _, body in three.world.sent} == {"Undo"}, "groups are not told"
    assert beta.read(lambda tx: follows.find(tx, beta.actor(ada.iri).id, group.id)) is None


async def test_moving_is_no_way_around_a_block(three: Three) -> None:
    alpha, beta, gamma = three.all
    ada, bob = await friends(three)
    chi = alpha.person("chi")
    await join(alpha, chi, "bob@beta.example")
    await settle(*three.all)
    alpha.write(lambda tx: block_actions.block(tx, alpha.site, ada, alpha.actor(bob.iri)))
    alpha.write(lambda tx: mute_actions.mute(tx, alpha.site, chi, alpha.actor(bob.iri)))
    alpha.write(lambda tx: account_notes.save(tx, ada.id, alpha.actor(bob.iri).id, "rude"))
    robert = gamma.person("robert")
    old = await fetching.actor(gamma.site, bob.iri)
    gamma.write(lambda tx: moves.alias(tx, gamma.site, robert, old))
    new = await fetching.actor(beta.site, robert.iri, fresh=True)
    beta.write(lambda tx: moves.move(tx, beta.site, beta.actor(bob.iri), new))
    await settle(*three.all)
    there = alpha.actor(robert.iri)
    assert state(alpha, chi, there) == "accepted"
    assert alpha.read(lambda tx: blocks.between(tx, ada.id, [there.id]))[0] == {there.id}
    assert alpha.read(lambda tx: mutes.of_person(tx, chi.id, alpha.site.clock())).keys() >= {there.id}
    assert alpha.read(lambda tx: account_notes.among(tx, ada.id, [there.id])) == {there.id: "rude"}
    assert state(gamma, gamma.actor(ada.iri), robert) == "none"
    assert gamma.read(lambda tx: hidden(tx, robert.id, 0).blocked) == {gamma.actor(ada.iri).id}, (
        "its new server is told"
    )
