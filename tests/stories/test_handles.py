"""Handles on another domain than the actors' host, found both ways (FEP-2c59, RFC 7033)."""

from pathlib import Path

import pytest

from fedi import fetching
from storage import follows
from tests.conftest import Databases
from tests.stories.conftest import Three
from tests.stories.test_group_across_universities import home, join, publish
from tests.world import Peer, close, instance, settle

pytestmark = pytest.mark.anyio


async def test_a_handle_domain_unlike_the_host(three: Three, databases: Databases, tmp_path: Path) -> None:
    beta = three.beta
    url = databases.new("sqlite")
    delta = await instance(three.world, "social.delta.example", url, tmp_path, handle_domain="delta.example")
    three.world.apps["delta.example"] = delta.app  # whose web server passes WebFinger on
    dan, ada = delta.person("dan"), beta.person("ada")
    group = delta.group("chess", dan)
    assert (dan.handle, dan.iri) == ("dan@delta.example", "https://social.delta.example/people/dan")
    for asked in ("dan@delta.example", "dan@social.delta.example", dan.iri):
        assert (await fetching.actor(beta.site, asked, fresh=True)).handle == "dan@delta.example"
    assert (await delta.document("/people/dan"))["webfinger"] == "dan@delta.example"

    await join(beta, ada, "dan@delta.example")
    there = await join(beta, ada, "!chess@delta.example".removeprefix("!"))
    await settle(beta, delta)
    assert there.handle == "chess@delta.example"
    first = publish(delta, dan, "@chess who plays?")
    await settle(beta, delta)
    assert [post.iri for post in home(beta, ada)] == [first.iri]
    reply = publish(beta, ada, "@chess@delta.example I do.", reply_to=beta.post(first.iri))
    await settle(beta, delta)
    assert delta.post(reply.iri).group_id == group.id
    assert len(delta.read(lambda tx: follows.followers(tx, dan.id, 10))) == 1
    await close(delta)
    databases.drop(url)


async def test_a_domain_does_not_take_others_people(three: Three) -> None:
    """An actor that claims a handle elsewhere has it only when that domain's WebFinger leads back to it."""
    alpha = three.alpha
    peer, other = Peer(three.world, "liar.example"), Peer(three.world, "honest.example")
    true = other.actor("zoe")
    false = peer.actor("zoe", webfinger="zoe@honest.example")
    assert (await fetching.actor(alpha.site, false)).handle == "zoe@liar.example"
    assert (await fetching.actor(alpha.site, "zoe@honest.example")).iri == true
    nobody = peer.actor("nobody", webfinger="nobody@honest.example")
    assert (await fetching.actor(alpha.site, nobody)).handle == "nobody@liar.example"
