"""What waits for a suspended peer, or for terms to be signed, comes after, whatever happens in between and in whatever order."""

import random
from collections import Counter
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from federation.peering.sequence import read_header
from federation.transport import Response
from fedi.actions import people, posts, sending, suspensions
from fedi.actions.posts import Draft
from fedi.config import Config
from fedi.context import Site
from fedi.worker.deliveries import Deliveries
from storage import links, outbox, peers, sequences, troubles
from storage.actors import Actor
from storage.database import Database
from storage.metadata import Tx
from tests.conftest import Clock
from tests.fedi.outbox.network import Network, follower, site_on

pytestmark = pytest.mark.anyio

HOST = "peer.example"
AGREEMENT = {"id": "https://alpha.example/peering/agreements/1/v1", "type": ["Document", "peer:Agreement"]}


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def site(network: Network, config: Config, db: Database, clock: Clock) -> Site:
    return site_on(network, config, db, clock)


class Peering:
    """A peer with one reader, and what may happen to it."""

    def __init__(self, site: Site, network: Network) -> None:
        self.site = site
        self.network = network
        write = site.db.write_now
        self.instance: Actor = write(partial(people.ensure_instance_actor, site=site))
        self.ada = write(lambda tx: people.register(tx, site, username="ada", email="ada@alpha.example"))
        write(self._meet)
        self.public: list[str] = []
        self.private: list[str] = []
        self.messages: list[str] = []

    def _meet(self, tx: Tx) -> None:
        follower(tx, HOST, self.ada, software="fedi")
        self.theirs = follower(tx, HOST, self.instance, name="instance")
        peers.change(tx, HOST, stance="agreed", instance_actor=self.theirs.iri, tier="members")

    def post(self, visibility: str) -> None:
        draft = Draft(f"{visibility} words", visibility=visibility)
        made = self.site.db.write_now(lambda tx: posts.publish(tx, self.site, self.ada, draft))
        (self.public if visibility == "public" else self.private).append(f"{made.iri}/activity")

    def message(self) -> None:
        audience = outbox.Audience(actors=(self.theirs.id,))

        def unit(tx: Tx) -> str:
            return sending.send(tx, self.site, self.instance, "Update", AGREEMENT, to=[], cc=[], audience=audience)[0]

        self.messages.append(self.site.db.write_now(unit))

    def act(self, what: str) -> None:
        act: Any = {
            "suspend": lambda tx: suspensions.began(tx, self.site, HOST, None),
            "resume": lambda tx: suspensions.over(tx, self.site, HOST),
            "pause": lambda tx: suspensions.pause_private(tx, self.site, HOST),
            "unpause": lambda tx: suspensions.unpause(tx, self.site, HOST),
        }[what]
        self.site.db.write_now(act)

    async def deliver(self) -> None:
        work = Deliveries(self.site)
        while await work.begin():
            await work.finish()

    @property
    def came(self) -> list[str]:
        return self.network.names(HOST)


async def test_only_what_the_two_have_to_say_about_it_goes_on(site: Site, network: Network) -> None:
    peering = Peering(site, network)
    peering.act("suspend")
    peering.post("public")
    peering.message()
    peering.post("followers")
    await peering.deliver()
    assert peering.came == peering.messages
    link = site.db.read_now(lambda tx: links.by_host(tx, HOST))
    assert link is not None
    assert link.cursor == link.wanted  # it is passed over, and looked at no more until it goes on
    assert link.kept_from is not None
    peering.act("resume")
    await peering.deliver()
    assert Counter(peering.came) == Counter([*peering.messages, *peering.public, *peering.private])
    assert site.db.read_now(lambda tx: troubles.newest(tx, 10)) == []


async def test_what_was_public_and_waited_comes_though_what_is_private_waits_on(site: Site, network: Network) -> None:
    peering = Peering(site, network)
    peering.act("pause")
    peering.post("followers")
    peering.act("suspend")
    for _ in range(40):  # more than in one turn
        peering.post("public")
    await peering.deliver()
    assert peering.came == []
    peering.act("resume")
    await peering.deliver()
    assert peering.came == peering.public
    peering.act("unpause")
    await peering.deliver()
    assert set(peering.came) == {*peering.public, *peering.private}


async def test_what_waited_for_weeks_is_not_too_old(site: Site, network: Network, clock: Clock) -> None:
    peering = Peering(site, network)
    site.db.write_now(lambda tx: peers.change(tx, HOST, stance="none"))  # deliveries to it are kept for a week
    peering.act("suspend")
    peering.post("public")
    await peering.deliver()
    clock.pass_(days=29)
    peering.act("resume")
    await peering.deliver()
    assert peering.came == peering.public


async def test_who_resumes_while_a_turn_is_under_way_loses_nothing(site: Site, network: Network) -> None:
    peering = Peering(site, network)
    peering.act("pause")
    peering.post("public")
    peering.post("followers")

    def answer(url: str, document: Any) -> int:
        peering.act("unpause")
        return 202

    network.answers[HOST] = answer
    await peering.deliver()
    assert peering.came == [*peering.public, *peering.private]


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_happens_all_of_it_comes_and_nothing_out_of_turn(
    site: Site, network: Network, clock: Clock, seed: int
) -> None:
    dice = random.Random(seed)
    peering = Peering(site, network)
    suspended = paused = False
    mischief: list[str] = []

    def answer(url: str, document: Any) -> int:
        if mischief:
            peering.act(mischief.pop())  # while a turn is under way
        return dice.choice([202, 202, 202, 202, 503])

    network.answers[HOST] = answer
    for _ in range(40):
        what = dice.choice(
            ["public", "public", "followers", "message", "deliver", "deliver", "suspend", "resume", "pause", "unpause", "mid"]
        )  # fmt: skip
        if what in ("public", "followers"):
            peering.post(what)
        elif what == "message":
            peering.message()
        elif what in ("deliver", "mid"):
            if what == "mid":
                mischief.append(dice.choice(["suspend", "resume", "pause", "unpause"]))
            before, quiet = set(peering.came), not mischief
            await peering.deliver()
            new = set(peering.came) - before
            if quiet and suspended:
                assert new <= set(peering.messages)
            elif quiet and paused:
                assert new.isdisjoint(peering.private)
            peer = site.db.read_now(lambda tx: peers.by_host(tx, HOST))
            assert peer is not None
            mischief.clear()
            suspended, paused = peer.stance == "suspended", peer.paused
        else:
            peering.act(what)
            suspended = {"suspend": True, "resume": False}.get(what, suspended)
            paused = {"pause": True, "unpause": False}.get(what, paused)
        clock.pass_(seconds=dice.choice([0, 60, 7200]))
    network.answers.clear()
    for what in ["resume"] * suspended + ["unpause"] * paused:
        peering.act(what)
    clock.pass_(days=1)
    await peering.deliver()
    assert set(peering.came) == {*peering.messages, *peering.public, *peering.private}
    link = site.db.read_now(lambda tx: links.by_host(tx, HOST))
    assert link is not None
    assert (link.cursor, link.kept_from) == (link.wanted, None)
    assert site.db.read_now(lambda tx: troubles.newest(tx, 10)) == []
    numbered = site.db.read_now(lambda tx: sequences.between(tx, HOST, link.epoch, 1, link.sequence))
    assert numbered[0].first == 1
    assert all(one.last + 1 == other.first for one, other in pairwise(numbered))
    assert numbered[-1].last == link.sequence


class Seen:
    """The network, with the headers of what was sent."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.headers: list[Mapping[str, str]] = []

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, **more: Any
    ) -> Response:
        self.headers.append(headers)
        return await self.network.send(method, url, headers, body, **more)

    async def close(self) -> None:
        """Nothing to close."""


async def test_each_post_has_a_number_and_keeps_it_until_it_is_taken(
    site: Site, network: Network, clock: Clock
) -> None:
    peering = Peering(site, network)
    site.client.transport = seen = Seen(network)
    for _ in range(3):
        peering.post("public")
    network.answers[HOST] = lambda url, document: 503
    await peering.deliver()
    clock.pass_(days=1)
    del network.answers[HOST]
    await peering.deliver()
    told = [read_header(headers["peering-seq"]) for headers in seen.headers]
    assert [number for number, _ in told] == [1, 1, 2, 3]
    assert len({epoch for _, epoch in told}) == 1
    for headers in seen.headers:
        assert "peering-seq" in headers.get("signature-input", headers["signature"])  # nobody on the way can change it


async def test_who_does_not_speak_of_peering_gets_no_number(site: Site, network: Network) -> None:
    peering = Peering(site, network)
    site.db.write_now(lambda tx: peers.change(tx, HOST, one_sided=True))
    site.client.transport = seen = Seen(network)
    peering.post("public")
    await peering.deliver()
    assert ["peering-seq" in headers for headers in seen.headers] == [False]
