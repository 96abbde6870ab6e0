"""What an author is told of their post at other servers: where it is, where it waits, who did not take it and why."""

from typing import Any

import pytest

from federation.errors import Unreachable
from fedi import deliveries
from fedi.actions import people, posts, suspensions
from fedi.actions.posts import Draft
from fedi.config import Config
from fedi.context import Site
from fedi.deliveries import Delivery
from fedi.worker.deliveries import Deliveries
from storage import peers, troubles
from storage.actors import Actor
from storage.database import Database
from storage.posts import Post
from storage.troubles import Trouble
from tests.conftest import Clock
from tests.fedi.outbox.network import Network, follower, site_on

pytestmark = pytest.mark.anyio


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def site(network: Network, config: Config, db: Database, clock: Clock) -> Site:
    return site_on(network, config, db, clock)


@pytest.fixture
def ada(site: Site) -> Actor:
    return site.db.write_now(lambda tx: people.register(tx, site, username="ada", email="ada@alpha.example"))


def publish(site: Site, author: Actor, **more: Any) -> Post:
    return site.db.write_now(lambda tx: posts.publish(tx, site, author, Draft("words", **more)))


def follow(site: Site, ada: Actor, *hosts: str, stance: str = "none") -> None:
    for host in hosts:
        site.db.write_now(lambda tx, host=host: follower(tx, host, ada, software="fedi"))  # type: ignore[misc]  # a lambda with a default
        site.db.write_now(lambda tx, host=host: peers.change(tx, host, stance=stance))  # type: ignore[misc]  # a lambda with a default


async def deliver(site: Site) -> None:
    work = Deliveries(site)
    while await work.begin():
        await work.finish()


async def test_a_blocked_host_is_not_said_to_have_it(site: Site, ada: Actor) -> None:
    follow(site, ada, "one.example")
    site.db.write_now(lambda tx: peers.change(tx, "one.example", stance="blocked"))
    post = publish(site, ada)
    await deliver(site)
    assert told(site, post)["one.example"].state == "refused"
    assert "blocked here" in (told(site, post)["one.example"].why or "")


def told(site: Site, post: Post) -> dict[str, Delivery]:
    found = site.db.read_now(lambda tx: deliveries.of_post(tx, site, post))
    return {one.host: one for one in found}


async def test_each_server_has_its_state_and_its_reason(site: Site, ada: Actor, network: Network) -> None:
    follow(site, ada, "has.example", "away.example", "refuses.example")
    network.answers["away.example"] = lambda url, document: Unreachable("asleep")
    network.answers["refuses.example"] = lambda url, document: 403
    post = publish(site, ada)
    assert {one.state for one in told(site, post).values()} == {"pending"}
    await deliver(site)
    found = told(site, post)
    assert {host: one.state for host, one in found.items()} == {
        "has.example": "delivered", "away.example": "pending", "refuses.example": "refused",
    }  # fmt: skip
    assert "asleep" in (found["away.example"].why or "")
    assert "403" in (found["refuses.example"].why or "")
    assert found["refuses.example"].at is not None
    assert next(iter(found)) == "refuses.example"  # what needs a look comes first


async def test_what_a_peer_s_policy_said_is_told_in_its_words(site: Site, ada: Actor) -> None:
    follow(site, ada, "peer.example")
    post = publish(site, ada)
    await deliver(site)

    def refused(tx: Any) -> None:
        from storage import outbox

        row = outbox.by_activity(tx, f"{post.iri}/activity")
        assert row is not None
        reason = "policy: media is not covered by agreement v3"
        troubles.add(tx, Trouble(1, "peer.example", "", row.position, row.activity_id, "refused", reason, 5))

    site.db.write_now(refused)
    assert told(site, post)["peer.example"] == Delivery(
        "peer.example", "refused", "media is not covered by agreement v3", 5
    )


async def test_what_waits_by_our_own_wish_says_so(site: Site, ada: Actor) -> None:
    follow(site, ada, "paused.example", "suspended.example", stance="agreed")
    site.db.write_now(lambda tx: suspensions.pause_private(tx, site, "paused.example"))
    site.db.write_now(lambda tx: suspensions.began(tx, site, "suspended.example", None))
    public, private = publish(site, ada), publish(site, ada, visibility="followers")
    await deliver(site)
    assert {host: one.state for host, one in told(site, public).items()} == {
        "paused.example": "delivered", "suspended.example": "pending",
    }  # fmt: skip
    found = told(site, private)
    assert found["paused.example"].state == "pending"
    assert "new terms" in (found["paused.example"].why or "")
    assert "suspended" in (found["suspended.example"].why or "")
    site.db.write_now(lambda tx: suspensions.unpause(tx, site, "paused.example"))
    site.db.write_now(lambda tx: suspensions.over(tx, site, "suspended.example"))
    await deliver(site)
    for post in (public, private):
        assert {one.state for one in told(site, post).values()} == {"delivered"}


async def test_a_post_that_nobody_elsewhere_gets_has_none(site: Site, ada: Actor) -> None:
    follow(site, ada, "far.example")
    assert told(site, publish(site, ada, visibility="direct")) == {}
