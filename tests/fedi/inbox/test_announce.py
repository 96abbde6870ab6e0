"""What a group of another server passes on: believed by its actor's proof (FEP-8b32), else its origin is asked."""

from typing import Any

import pytest

from federation.signatures.integrity import add_proof
from federation.signatures.keys import encode_multikey, generate_ed25519, load_private
from fedi import fetching
from fedi.actions import follows
from storage import received, timelines
from storage.actors import Actor
from tests.world import Instance, Peer, World, settle

pytestmark = pytest.mark.anyio

AS = "https://www.w3.org/ns/activitystreams"


@pytest.fixture
def forum(world: World) -> Peer:
    """A server that hosts a group."""
    return Peer(world, "forum.example", "lemmy")


async def join(alpha: Instance, forum: Peer) -> tuple[Actor, str]:
    """(somebody at alpha, the group that they joined)."""
    ada = alpha.person("ada")
    group = forum.actor("mlops", "Group")
    target = await fetching.actor(alpha.site, group)
    follow = alpha.write(lambda tx: follows.follow(tx, alpha.site, ada, target))
    inner = {"id": follow.iri, "type": "Follow", "actor": ada.iri, "object": group}
    await forum.send(alpha, forum.activity("Accept", group, inner))
    await settle(alpha)
    return ada, group


def proven(peer: Peer, actor: str, activity: dict[str, Any], now: int) -> dict[str, Any]:
    """The activity with a proof of its actor, who gets a key for it."""
    key_id = f"{actor}#ed25519-key"
    pair = generate_ed25519()
    peer.documents[actor]["assertionMethod"] = [
        {"id": key_id, "type": "Multikey", "controller": actor, "publicKeyMultibase": encode_multikey(pair.public)}
    ]
    return add_proof(activity, load_private(pair.private, key_id), now)


def at_home(alpha: Instance, ada: Actor) -> int:
    return len(alpha.read(lambda tx: timelines.home(tx, ada.id, timelines.Page())))


async def test_a_proof_is_believed_and_nobody_is_asked(alpha: Instance, peer: Peer, forum: Peer) -> None:
    ada, group = await join(alpha, forum)
    bob = peer.actor("bob")
    note = peer.note(bob, "1", cc=[group], audience=group, content="<p>proven words</p>")
    create = proven(peer, bob, peer.activity("Create", bob, note, cc=[group]), alpha.site.clock())
    del peer.documents[note["id"]]
    await forum.send(alpha, forum.activity("Announce", group, create))
    await settle(alpha)
    assert "proven words" in alpha.post(note["id"]).content
    assert note["id"] not in peer.asked
    assert at_home(alpha, ada) == 1


async def test_changed_words_are_not_believed(alpha: Instance, peer: Peer, forum: Peer) -> None:
    ada, group = await join(alpha, forum)
    bob = peer.actor("bob")
    note = peer.note(bob, "1", cc=[group], audience=group, content="<p>true words</p>")
    create = proven(peer, bob, peer.activity("Create", bob, note, cc=[group]), alpha.site.clock())
    forged = create | {"object": note | {"content": "<p>false words</p>"}}
    await forum.send(alpha, forum.activity("Announce", group, forged))
    await settle(alpha)
    assert "true words" in alpha.post(note["id"]).content  # as its origin has it
    assert at_home(alpha, ada) == 1


async def test_a_proof_by_the_key_of_another_is_none(alpha: Instance, peer: Peer, forum: Peer) -> None:
    ada, group = await join(alpha, forum)
    bob, eve = peer.actor("bob"), peer.actor("eve")
    note = peer.note(bob, "1", cc=[group], audience=group)
    create = peer.activity("Create", bob, note, cc=[group])
    forged = proven(peer, eve, create, alpha.site.clock())
    del peer.documents[note["id"]]
    await forum.send(alpha, forum.activity("Announce", group, forged))
    await settle(alpha)
    assert not alpha.has(note["id"])
    assert at_home(alpha, ada) == 0


async def test_without_a_proof_the_origin_is_asked(alpha: Instance, peer: Peer, forum: Peer) -> None:
    ada, group = await join(alpha, forum)
    bob = peer.actor("bob")
    true = peer.note(bob, "1", cc=[group], audience=group, content="<p>true words</p>")
    create = peer.activity("Create", bob, true | {"content": "<p>false words</p>"}, cc=[group])
    await forum.send(alpha, forum.activity("Announce", group, create))
    await settle(alpha)
    assert "true words" in alpha.post(true["id"]).content
    assert at_home(alpha, ada) == 1
    rows = alpha.read(lambda tx: received.newest(tx, 1))
    assert rows[0].state == "done"
