"""Conversation containers (FEP-171b): who began a thread adds to it what others did, which is believed by its proof."""

from typing import Any

import pytest

from fedi.actions import follows
from storage import received
from tests.fedi.inbox.test_announce import proven
from tests.world import Instance, Peer, World, settle

pytestmark = pytest.mark.anyio


@pytest.fixture
async def mitra(world: World, alpha: Instance) -> tuple[Peer, str]:
    """A server and somebody there, whom ada at alpha follows."""
    made = Peer(world, "mitra.example", "mitra")
    test = made.actor("test")
    ada = alpha.person("ada")
    await made.send(alpha, made.activity("Follow", test, ada.iri))
    await settle(alpha)
    target = alpha.actor(test)
    follow = alpha.write(lambda tx: follows.follow(tx, alpha.site, ada, target))
    await made.send(alpha, made.activity("Accept", test, follow.iri))
    await settle(alpha)
    return made, test


async def add(alpha: Instance, mitra: Peer, by: str, inner: Any, target: str) -> str | None:
    """Why what is added is passed by; None when it is kept."""
    await mitra.send(alpha, mitra.activity("Add", by, inner, target=target))
    await settle(alpha)
    [row] = alpha.read(lambda tx: received.newest(tx, 1))
    return row.code


async def test_what_is_added_to_a_thread_is_kept_once_it_is_proven(
    alpha: Instance, peer: Peer, mitra: tuple[Peer, str]
) -> None:
    server, test = mitra
    conversation = server.iri("/collections/conversations/1")
    post = server.note(test, "post", context=conversation)
    await server.send(alpha, server.activity("Create", test, post))
    bob = peer.actor("bob")
    answer = peer.note(bob, "answer", inReplyTo=post["id"], context=conversation)
    create = proven(peer, bob, peer.activity("Create", bob, answer), alpha.site.clock())
    del peer.documents[answer["id"]]
    assert await add(alpha, server, test, create, conversation) is None
    assert alpha.post(answer["id"]).reply_to_iri == post["id"]
    # Without a proof its origin is asked.
    like = peer.activity("Like", bob, post["id"])
    assert await add(alpha, server, test, like, conversation) is None
    assert alpha.post(post["id"]).likes_count == 1
    like = peer.activity("Like", bob, answer["id"])
    del peer.documents[like["id"]]
    assert await add(alpha, server, test, like, conversation) == "unproven"


async def test_nobody_adds_lies_or_to_what_is_not_theirs(alpha: Instance, peer: Peer, mitra: tuple[Peer, str]) -> None:
    server, test = mitra
    bob = peer.actor("bob")
    note = peer.note(bob, "lie")
    create = proven(peer, bob, peer.activity("Create", bob, note), alpha.site.clock())
    del peer.documents[create["id"]]
    forged = {**create, "object": {**note, "content": "<p>forged</p>"}}
    assert await add(alpha, server, test, forged, server.iri("/conversations/1")) == "unproven"
    assert await add(alpha, server, test, create, peer.iri("/conversations/1")) == "unknown-target"
    assert not alpha.has(note["id"])
    # A stranger can't make us ask.
    stranger = server.actor("stranger")
    other = peer.activity("Create", bob, peer.note(bob, "other"))
    asked = len(peer.asked)
    assert await add(alpha, server, stranger, other, server.iri("/conversations/2")) == "unproven"
    assert len(peer.asked) == asked
