"""A key that its owner withdrew proves nothing any more, whatever is kept in memory."""

import pytest

from fedi.context import KEY_AGE, now
from fedi.fetching.actors import keep_actor
from storage import keys
from tests.world import Instance, Peer

pytestmark = pytest.mark.anyio


async def test_a_key_that_is_not_listed_any_more_is_refused_at_once(alpha: Instance, peer: Peer) -> None:
    bob = peer.actor("bob")
    old = peer.keys[bob]
    assert (await peer.send(alpha, peer.activity("Like", bob, "https://alpha.example/posts/1"))).status == 202
    document = peer.documents[bob]
    document["publicKey"] = {**document["publicKey"], "id": f"{bob}#new-key"}
    await keep_actor(alpha.site, document)
    assert peer.keys[bob] is old
    assert (await peer.send(alpha, peer.activity("Like", bob, "https://alpha.example/posts/2"))).status == 403


async def test_a_key_that_another_process_changed_is_refused_within_a_minute(alpha: Instance, peer: Peer) -> None:
    bob = peer.actor("bob")
    assert (await peer.send(alpha, peer.activity("Like", bob, "https://alpha.example/posts/1"))).status == 202
    stolen = peer.keys[bob]
    peer.actor("bob")  # another pair under the same id
    public = peer.documents[bob]["publicKey"]["publicKeyPem"]
    alpha.write(lambda tx: keys.save(tx, keys.Key(stolen.id, bob, "peer.example", public, None, now(), now())))
    peer.keys[bob] = stolen
    object.__setattr__(alpha.site, "clock", lambda: now() + KEY_AGE)
    assert (await peer.send(alpha, peer.activity("Like", bob, "https://alpha.example/posts/2"))).status == 401
