"""The pipeline around the handlers: what is wrong with one activity is no reason to hold up the others."""

import logging

import pytest

from federation.activity import Authentic
from fedi.actions import posts
from fedi.actions.posts import Draft
from fedi.context import Site
from fedi.inbox.handling import NOTHING, Fetched, Inner, Needs
from fedi.inbox.table import HANDLERS
from storage import received
from storage.metadata import Tx
from tests.world import Instance, Peer, settle

pytestmark = pytest.mark.anyio


class Faulty:
    """A handler with a fault of ours at one of its steps."""

    def __init__(self, step: str) -> None:
        self.step = step

    def needs(self, tx: Tx, site: Site, received: Authentic) -> Needs:
        if self.step == "needs":
            raise ZeroDivisionError
        return Needs(inner=(Inner({}, by_id=False),)) if self.step == "fetch" else NOTHING

    def handle(self, tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
        if self.step == "handle":
            raise ZeroDivisionError


@pytest.mark.parametrize("step", ["needs", "fetch", "handle"])
async def test_a_fault_of_ours_holds_up_one_activity_only(
    alpha: Instance, peer: Peer, step: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(HANDLERS, "Dislike", Faulty(step))
    if step == "fetch":
        # What proves an activity that was passed on is looked for first.
        monkeypatch.setattr("fedi.fetching.activities.proof_key_id", lambda inner: 1 / 0)
    ada = alpha.person("ada")
    post = alpha.write(lambda tx: posts.publish(tx, alpha.site, ada, Draft("Hello")))
    bob, eve = peer.actor("bob"), peer.actor("eve")
    with caplog.at_level(logging.CRITICAL):
        for activity in (peer.activity("Like", eve, post.iri), peer.activity("Dislike", bob, post.iri)):
            assert (await peer.send(alpha, activity)).status == 202
        await settle(alpha)
    problem = "ZeroDivisionError" if step != "fetch" else "division by zero"
    rows = {row.type: row for row in alpha.read(lambda tx: received.newest(tx, 2))}
    assert (rows["Like"].state, alpha.post(post.iri).likes_count) == ("done", 1)
    assert (rows["Dislike"].state, rows["Dislike"].problem) == ("new", problem)
