"""By what servers that know more than the usual sign what they send each other."""

import pytest

from storage import peers, received
from tests.stories.conftest import Three
from tests.stories.test_group_across_universities import join, publish
from tests.world import Peer, settle

pytestmark = pytest.mark.anyio


async def test_servers_that_say_so_get_signatures_that_cost_little(three: Three) -> None:
    """FEP-844e: fedi reads RFC 9421 with Ed25519, so that is what fedi sends it once it has read an actor there; to others
    the draft with RSA."""
    alpha, beta = three.alpha, three.beta
    blog = Peer(three.world, "blog.example", "mastodon")
    zoe = blog.actor("zoe")
    ada, bob = alpha.person("ada"), beta.person("bob")
    await blog.send(alpha, blog.activity("Follow", zoe, ada.iri))
    await join(beta, bob, "ada@alpha.example")
    await settle(*three.all)
    publish(alpha, ada, "hello")
    await settle(*three.all)
    rows = beta.read(lambda tx: received.newest(tx, 10))
    created = next(row for row in rows if row.type == "Create")
    assert (created.state, created.via, created.key_id) == ("done", "rfc9421", f"{ada.iri}#ed25519-key")
    assert [activity["object"]["content"] for activity in blog.got("Create")] == ["<p>hello</p>"]
    known = alpha.read(lambda tx: peers.by_hosts(tx, ["beta.example", "blog.example"]))
    assert (known["beta.example"].ed25519, known["blog.example"].ed25519) == (True, None)
