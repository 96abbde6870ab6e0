"""What a group of another server passes on: believed by its actor's proof (FEP-8b32), else its origin is asked."""

from typing import Any

import pytest

from federation.signatures.integrity import add_proof
from federation.signatures.keys import encode_multikey, generate_ed25519, load_private
from fedi import fetching
from fedi.actions import follows, posts
from fedi.actions.drafts import Draft
from storage import feeds, reactions, received, timelines
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
    return len(alpha.read(lambda tx: feeds.read(tx, feeds.Reads(ada.id), timelines.Page())))


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


async def test_what_was_said_before_an_edit_does_not_come_back(alpha: Instance, peer: Peer, forum: Peer) -> None:
    """A group, or a slow way, may bring proven words again that their author has changed since."""
    _, group = await join(alpha, forum)
    bob = peer.actor("bob")
    first = peer.note(bob, "1", cc=[group], audience=group, content="<p>first</p>")
    now = alpha.site.clock()
    create = proven(peer, bob, peer.activity("Create", bob, first, cc=[group]), now)
    key = peer.documents[bob]["assertionMethod"]
    edits = []
    for number in (1, 2):
        words = first | {"content": f"<p>edit {number}</p>", "updated": f"2026-11-0{number + 1}T12:00:00Z"}
        edits.append(peer.activity("Update", bob, words, cc=[group]))
    await forum.send(alpha, forum.activity("Announce", group, create))
    await settle(alpha)
    assert peer.documents[bob]["assertionMethod"] == key
    for edit in reversed(edits):
        await peer.send(alpha, edit)
    await forum.send(alpha, forum.activity("Announce", group, create))
    await settle(alpha)
    assert "edit 2" in alpha.post(first["id"]).content


async def test_a_post_that_was_fetched_before_it_came_is_passed_on(alpha: Instance, peer: Peer, forum: Peer) -> None:
    """Answers of different servers overtake each other: the group's host has read the first as parent of the second."""
    olga = alpha.person("olga")
    group = alpha.group("ops", olga)
    bob = peer.actor("bob")
    reader = forum.actor("reader")
    for host, actor in ((peer, bob), (forum, reader)):
        await host.send(alpha, host.activity("Follow", actor, group.iri))
    await settle(alpha)
    thread = peer.note(bob, "1", cc=[group.iri])
    answer = forum.note(reader, "2", cc=[group.iri], inReplyTo=thread["id"])
    await forum.send(alpha, forum.activity("Create", reader, answer))
    await settle(alpha)
    late = peer.activity("Create", bob, thread)
    await peer.send(alpha, late)
    await settle(alpha)
    assert late in [one["object"] for one in forum.got("Announce")]


async def test_an_update_is_no_way_around_the_gate(alpha: Instance, peer: Peer) -> None:
    ada = alpha.person("ada")
    secret = alpha.write(lambda tx: posts.publish(tx, alpha.site, ada, posts.Draft("for nobody", "direct")))
    bob = peer.actor("bob")
    note = peer.note(bob, "1", inReplyTo=secret.iri, updated="2026-11-02T12:00:00Z")
    await peer.send(alpha, peer.activity("Update", bob, note))
    await settle(alpha)
    assert alpha.post(secret.iri).replies_count == 0


@pytest.mark.parametrize(
    ("to", "visibility"),
    [([AS + "#Public"], "public"), ([], "public"), (["followers"], "followers"), (["friend"], "followers")],
)
async def test_whom_a_boost_is_for(alpha: Instance, world: World, to: list[str], visibility: str) -> None:
    """A boost that names some people alone is shown to no more than followers."""
    peer = Peer(world, "micro.example", "mastodon")
    ada, mallory = alpha.person("ada"), peer.actor("mallory")
    post = alpha.write(lambda tx: posts.publish(tx, alpha.site, ada, Draft("Hello")))
    named = {"followers": f"{mallory}/followers", "friend": peer.actor("friend")}
    await peer.send(alpha, peer.activity("Announce", mallory, post.iri, to=[named.get(one, one) for one in to]))
    await settle(alpha)
    (boost,) = alpha.read(lambda tx: reactions.boosts_of(tx, post.id, 9))
    assert boost.visibility == visibility
