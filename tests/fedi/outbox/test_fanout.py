"""What each host gets of what a group says, by what it runs, and when."""

import asyncio
import itertools
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from federation.client import Client
from federation.hosts import Networks
from federation.transport import Response
from fedi.actions import groups, people, posts, reactions
from fedi.actions.posts import Draft
from fedi.config import Config
from fedi.context import Site
from fedi.worker import deliveries
from fedi.worker.deliveries import Deliveries
from storage import groups as group_rows
from storage import links, memberships, outbox, peers, spreading
from storage import posts as post_rows
from storage import twins as twin_rows
from storage.actors import Actor
from storage.database import Database
from storage.groups import Group
from storage.memberships import Membership
from storage.metadata import Tx
from storage.outbox import Audience
from storage.twins import Twin
from tests.conftest import Clock
from tests.fedi.outbox.network import Network, follower, site_on
from tests.storage import rows

pytestmark = pytest.mark.anyio


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def site(network: Network, config: Config, db: Database, clock: Clock) -> Site:
    made = site_on(network, config, db, clock)
    db.write_now(lambda tx: people.ensure_instance_actor(tx, made))
    return made


@pytest.fixture
def ada(site: Site) -> Actor:
    return site.db.write_now(lambda tx: people.register(tx, site, username="ada", email="ada@alpha.example"))


def group(site: Site, owner: Actor, see: str = "public") -> Actor:
    return site.db.write_now(
        lambda tx: groups.create(tx, site, name="mlops", title="ML Ops", owner=owner, see=see, join_mode="open")
    )


async def deliver(site: Site) -> None:
    work = Deliveries(site)
    while await work.begin():
        await work.finish()


def kinds(network: Network, host: str) -> list[str]:
    """What a host took, in order: the type, with that of what an Announce holds."""
    found = []
    for _, document in network.got[host]:
        inner = document["object"]
        within = "id" if isinstance(inner, str) else inner["type"]
        found.append(f"{document['type']} {within}" if document["type"] == "Announce" else document["type"])
    return found


async def test_each_software_gets_the_form_it_acts_on(site: Site, ada: Actor, network: Network) -> None:
    mlops = group(site, ada)
    known = ("lemmy", "nodebb", "discourse", "mastodon", "gotosocial", "somethingnew")

    def begin(tx: Tx) -> None:
        for software in known:
            follower(tx, f"{software}.example", mlops, software=software)
        follower(tx, "silent.example", mlops)
        peers.change(tx, "silent.example", nodeinfo_at=2**60)

    site.db.write_now(begin)
    thread = site.db.write_now(lambda tx: posts.publish(tx, site, ada, Draft("@mlops Hello")))
    answer = site.db.write_now(lambda tx: posts.publish(tx, site, ada, Draft("More", reply_to_id=thread.id)))
    site.db.write_now(lambda tx: reactions.like(tx, site, ada, thread))
    site.db.write_now(lambda tx: reactions.unlike(tx, site, ada, thread))
    await deliver(site)
    both = ["Announce Create", "Announce id", "Announce Create", "Announce Like", "Announce Undo"]
    assert kinds(network, "lemmy.example") == [one for one in both if one != "Announce id"]
    assert kinds(network, "discourse.example") == [one for one in both if one != "Announce id"]
    assert kinds(network, "nodebb.example") == ["Announce Create", "Announce Create", "Announce Like"]
    for host in ("mastodon.example", "gotosocial.example"):
        assert kinds(network, host) == ["Announce id"]
        assert network.got[host][0][1]["object"] == thread.iri
    for host in ("silent.example", "somethingnew.example"):
        assert kinds(network, host) == both
    assert answer.iri in msgspec.json.encode(network.got["lemmy.example"][1][1]).decode()


class Asked(Network):
    """A network whose hosts say what they run, when they are asked."""

    def __init__(self, software: dict[str, str]) -> None:
        super().__init__()
        self.software = software
        self.order: list[tuple[str, str]] = []

    async def send(
        self, method: str, url: str, headers: Any, body: bytes | None, *, timeout: float, limit: int
    ) -> Response:
        host = url.split("/")[2]
        self.order.append((method, host))
        if method == "POST":
            return await super().send(method, url, headers, body, timeout=timeout, limit=limit)
        name = self.software.get(host)
        if name == "hangs":
            await asyncio.sleep(3600)
        if name is None:
            return Response(404, {}, b"")
        schema = "http://nodeinfo.diaspora.software/ns/schema/2.1"
        document: Any = {"links": [{"rel": schema, "href": f"https://{host}/nodeinfo/2.1"}]}
        if url.endswith("/2.1"):
            document = {"version": "2.1", "software": {"name": name, "version": "1.0"}, "protocols": ["activitypub"]}
        return Response(200, {"content-type": "application/json"}, msgspec.json.encode(document))


async def test_a_host_is_asked_what_it_runs_before_the_first_of_a_group(
    config: Config, db: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Asked({"m.example": "mastodon", "l.example": "lemmy", "slow.example": "hangs"})
    site = Site(config=config, db=db, client=Client(network, Networks(), "fedi-tests", clock), clock=clock)
    db.write_now(lambda tx: people.ensure_instance_actor(tx, site))
    ada = db.write_now(lambda tx: people.register(tx, site, username="ada", email="ada@alpha.example"))
    mlops = group(site, ada)
    hosts = ("m.example", "l.example", "slow.example", "mute.example")
    db.write_now(lambda tx: [follower(tx, host, mlops) for host in hosts])
    monkeypatch.setattr(deliveries, "ASK_SECONDS", 2.0)  # on a busy machine the others need a while as well
    db.write_now(lambda tx: posts.publish(tx, site, ada, Draft("@mlops Hello")))
    await deliver(site)
    assert kinds(network, "m.example") == ["Announce id"]
    assert kinds(network, "l.example") == ["Announce Create"]
    for host in ("slow.example", "mute.example"):
        assert kinds(network, host) == ["Announce Create", "Announce id"]
    for host in hosts:
        methods = [method for method, at in network.order if at == host]
        assert methods[0] == "GET", host
        # Nobody who does not say it is asked again at each delivery.
        known = db.read_now(lambda tx, host=host: peers.by_host(tx, host))  # type: ignore[misc]
        assert known is not None
        assert known.nodeinfo_at is not None


async def test_what_is_no_groups_word_asks_nobody_first(config: Config, db: Database, clock: Clock) -> None:
    network = Asked({"m.example": "mastodon"})
    site = Site(config=config, db=db, client=Client(network, Networks(), "fedi-tests", clock), clock=clock)
    ada = db.write_now(lambda tx: people.register(tx, site, username="ada", email="ada@alpha.example"))
    db.write_now(lambda tx: follower(tx, "m.example", ada))
    db.write_now(lambda tx: posts.publish(tx, site, ada, Draft("Hello")))
    await deliver(site)
    assert network.order == [("POST", "m.example")]


async def test_a_twin_gets_activities_whatever_its_host_runs(site: Site, ada: Actor, network: Network) -> None:
    mlops = group(site, ada)

    def begin(tx: Tx) -> None:
        there = follower(tx, "mobilizon.example", mlops, software="mobilizon", kind="Group", name="club")
        group_rows.save(tx, Group(there.id, "open", "public", "members", [], None, 0))
        rows.follow(tx, mlops, there)
        twin_rows.save(tx, Twin(mlops.id, there.id, "joined", 0))
        follower(tx, "mobilizon.example", mlops, name="person")

    site.db.write_now(begin)
    site.db.write_now(lambda tx: posts.publish(tx, site, ada, Draft("@mlops Hello")))
    await deliver(site)
    assert kinds(network, "mobilizon.example") == ["Announce Create", "Announce id"]
    assert network.got["mobilizon.example"][0][0] == "https://mobilizon.example/people/club/inbox"


async def test_members_own_inboxes_get_what_is_private_and_shared_ones_where_that_is_kept(
    site: Site, ada: Actor, network: Network
) -> None:
    thesis = group(site, ada, see="members")
    hosts = {"lemmy": "1.0.2", "old": "0.19.3", "piefed": "1.2"}

    def begin(tx: Tx) -> None:
        for name, version in hosts.items():
            for person in ("one", "two"):
                there = follower(
                    tx, f"{name}.example", thesis, name=person, software="piefed" if name == "piefed" else "lemmy"
                )
                memberships.save(tx, Membership(thesis.id, there.id, "member", "accepted", 0))
            peers.change(tx, f"{name}.example", version=version)
        # Follows, but is not in: what could be a follower of before.
        follower(tx, "piefed.example", thesis, name="three", software="piefed")

    site.db.write_now(begin)
    site.db.write_now(lambda tx: posts.publish(tx, site, ada, Draft("@mlops Hello")))
    await deliver(site)
    assert [url for url, _ in network.got["lemmy.example"]] == ["https://lemmy.example/inbox"]
    for name in ("old", "piefed"):
        urls = sorted(url for url, _ in network.got[f"{name}.example"])
        assert urls == [f"https://{name}.example/people/{person}/inbox" for person in ("one", "two")]


def test_many_hosts_hear_of_anothers_post_one_after_another(site: Site, ada: Actor, clock: Clock) -> None:
    mlops = group(site, ada)
    hosts = [f"h{number}.example" for number in range(spreading.MANY * 4)]

    again = itertools.count()

    def passed_on(tx: Tx, number: int) -> None:
        post = post_rows.by_id(tx, number)
        assert post is not None
        outbox.append(
            tx, activity_id=f"{mlops.iri}/{number}/{next(again)}", actor_id=mlops.id, type="Announce", body=b"{}", now=1,
            audience=Audience(followers_of=(mlops.id,)), post_id=post.id, form="microblog",
        )  # fmt: skip

    def due(tx: Tx) -> list[int]:
        spreading.spread(tx, 500, clock.at)
        return sorted({link.next_attempt_at - clock.at for link in links.everyone(tx) if link.wanted > link.cursor})

    def settle(tx: Tx) -> None:
        for link in links.everyone(tx):
            links.skip(tx, link.host)
        tx.execute(links.links.update().values(next_attempt_at=0))

    link = '<p>See <a href="https://paper.example/1" rel="nofollow">the paper</a></p>'
    mention = '<p><a href="https://far.example/@bob" class="u-url mention">@<span>bob</span></a> hello</p>'
    own = site.db.write_now(lambda tx: posts.publish(tx, site, ada, Draft("Mine https://paper.example/1")))
    foreign = site.db.write_now(lambda tx: rows_post(tx, own.id, link))
    site.db.write_now(lambda tx: [follower(tx, host, mlops) for host in hosts[:20]])
    site.db.write_now(lambda tx: passed_on(tx, foreign))
    assert site.db.write_now(due) == [-clock.at], "twenty at once are no crowd"
    site.db.write_now(settle)
    site.db.write_now(lambda tx: [follower(tx, host, mlops) for host in hosts[20:]])
    foreign = site.db.write_now(lambda tx: rows_post(tx, own.id, link))
    site.db.write_now(lambda tx: passed_on(tx, foreign))
    at = site.db.write_now(due)
    assert len(at) > 20
    assert max(at) <= 30_000
    site.db.write_now(lambda tx: [follower(tx, host, ada, name="friend") for host in hosts])
    site.db.write_now(lambda tx: posts.publish(tx, site, ada, Draft("Good morning")))
    assert max(site.db.write_now(due)) <= 0, "what somebody here says does not wait for what was put off"
    site.db.write_now(settle)
    site.db.write_now(lambda tx: passed_on(tx, foreign))
    assert site.db.write_now(due) == [-clock.at], "a vote on it, say: who fetches for a preview did so"
    for number, why in (
        (own.id, "what is ours is asked for here"),
        (site.db.write_now(lambda tx: rows_post(tx, own.id, mention)), "who is mentioned has no preview"),
    ):
        site.db.write_now(settle)
        site.db.write_now(lambda tx: passed_on(tx, number))
        assert site.db.write_now(due) == [-clock.at], why


def rows_post(tx: Tx, like: int, content: str) -> int:
    """A post of another instance, otherwise as the post `like`; its id."""
    found = post_rows.by_id(tx, like)
    assert found is not None
    author = rows.actor(tx, f"author{len(post_rows.of_author(tx, found.author_id))}x{rows_count(tx)}", "far.example")
    number = rows_count(tx) + 5_000_000
    made = replace(found, id=number, iri=f"https://far.example/{number}", author_id=author.id, local=False)
    made = replace(made, content=content)
    assert post_rows.insert_post(tx, made, [], [])
    return number


def rows_count(tx: Tx) -> int:
    """How many posts there are."""
    return len(tx.execute(post_rows.posts.select()).all())
