"""A batch of activities: what fails leaves what it would leave alone, and holds up nothing but what must wait for it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import OperationalError

from federation.activity import Authentic
from federation.errors import Unreachable, WrongOrigin
from fedi.context import Site
from fedi.errors import Problem
from fedi.inbox import create
from fedi.inbox.handling import Fetched, Ignored, Needs
from fedi.inbox.process import process
from fedi.inbox.table import HANDLERS
from fedi.worker import loop
from storage import actors, backlog, claims, decisions, indexed, received, timelines
from storage import posts as post_rows
from storage.database import StorageUnavailable
from storage.events import note
from storage.metadata import Tx
from storage.received import Received
from storage.tags import tags
from tests.conftest import Databases
from tests.world import Instance, Peer, World, close, instance, settle

pytestmark = pytest.mark.anyio

FOREVER = 2**60


@pytest.fixture(params=["sqlite", "postgresql"])
async def alpha(
    world: World, databases: Databases, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Instance]:
    """An instance, on both databases."""
    url = databases.new(request.param)
    made = await instance(world, "alpha.example", url, tmp_path)
    yield made
    await close(made)
    databases.drop(url)


PROBLEMS: dict[str, Exception] = {
    "ignored": Ignored("nobody-here", "it is of no interest"),
    "refused": Problem("It is forbidden.", code="forbidden", status=403),
    "forged": WrongOrigin("the object is another's"),
    "later": Unreachable("its origin does not answer"),
    "fault": ZeroDivisionError("ours"),
}


class WritesAndFails:
    """A Create that is kept, as every other, and then raises what its content names."""

    def needs(self, tx: Tx, site: Site, received: Authentic) -> Needs:
        return create.needs(tx, site, received)

    def handle(self, tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
        create.handle(tx, site, received, fetched)
        content = received.activity.object["content"]
        if content == "broken":
            tx.execute(insert(tags), [{"tag": "x", "post_id": 404}])  # no such post
        if content in PROBLEMS:
            note(tx, "person", content)
            raise PROBLEMS[content]


async def _followed(alpha: Instance, peers: list[Peer]) -> list[str]:
    """An actor of each peer, whom ada follows."""
    ada = alpha.person("ada")
    authors = [peer.actor("bob") for peer in peers]
    for peer, author in zip(peers, authors, strict=True):
        await peer.send(alpha, peer.activity("Follow", author, ada.iri))
    await settle(alpha)
    return authors


def _kept(alpha: Instance) -> dict[str, list[str]]:
    """All that a batch of Creates may leave."""
    kept, row = post_rows.posts.c, received.received.c
    log = decisions.decisions.c
    asked = {
        "posts": select(kept.iri, kept.content, kept.visibility, kept.replies_count).where(~kept.local),
        "tags": select(tags.c.tag, kept.iri).where(tags.c.post_id == kept.id),
        "entries": select(kept.iri).where(timelines.entries.c.post_id == kept.id),
        "actors": select(actors.actors.c.iri, actors.actors.c.posts_count).where(~actors.actors.c.local),
        "received": select(row.activity_id, row.state, row.code, row.problem, row.attempts, row.settled_at.is_(None)),
        "decisions": select(log.activity_id, log.host, log.verdict, log.code, log.reason),
        "words": select(func.count()).select_from(indexed.searches),
    }
    asked["received"] = asked["received"].where(row.type == "Create")
    return alpha.read(lambda tx: {name: sorted(map(repr, tx.execute(query))) for name, query in asked.items()})


CONTENTS = ("fine", "ignored", "fine", "refused", "forged", "fine", "later", "fault", "broken", "fine")


@pytest.mark.parametrize("failing", [CONTENTS, ("fine", "fault"), ("ignored",) * 6, ("broken", "fine")])
async def test_one_that_fails_in_a_batch_leaves_what_it_leaves_alone(
    alpha: Instance,
    world: World,
    databases: Databases,
    tmp_path: Path,
    failing: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(HANDLERS, "Create", WritesAndFails())
    caplog.set_level(logging.CRITICAL)
    url = databases.new(alpha.site.db.kind)
    alone = await instance(world, "alone.example", url, tmp_path)
    both = []
    for one in (alpha, alone):
        peers = [Peer(world, f"h{number}.example") for number in range(2)]
        authors = await _followed(one, peers)
        for number, content in enumerate(failing):
            peer, author = peers[number % 2], authors[number % 2]
            written = peer.note(author, f"n{number}", content=content, tag=[{"type": "Hashtag", "name": "#maths"}])
            assert (
                await peer.send(one, peer.activity("Create", author, written, id=f"{written['id']}#c"))
            ).status == 202
        heard = one.site.db.events.subscribe("person")
        limit = len(failing) if one is alpha else 1
        while rows := one.write(lambda tx: backlog.claim(tx, one.site.clock(), FOREVER, limit)):
            await process(one.site, rows)
        await asyncio.sleep(0.05)
        assert [payload for payload in heard.take(100) if payload in PROBLEMS] == []
        heard.close()
        both.append(_kept(one))
    assert both[0] == both[1]
    assert len(both[0]["posts"]) == failing.count("fine")
    states = {row.state for row in alpha.read(lambda tx: received.newest(tx, len(failing)))}
    assert states <= {"done", "refused", "new"}
    await close(alone)
    databases.drop(url)


async def test_what_the_batch_undid_is_not_told_and_what_it_kept_is(
    alpha: Instance, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(HANDLERS, "Create", WritesAndFails())
    peer = Peer(world, "h1.example")
    [bob] = await _followed(alpha, [peer])
    for content in ("fine", "ignored", "fine"):
        written = peer.note(bob, f"{content}{len(peer.documents)}", content=content)
        await peer.send(alpha, peer.activity("Create", bob, written))
    heard = alpha.site.db.events.subscribe("stream")
    await process(alpha.site, alpha.write(lambda tx: backlog.claim(tx, alpha.site.clock(), FOREVER, 10)))
    await asyncio.sleep(0.05)
    entries = {int(payload.split()[2]) for payload in heard.take(100) if payload.startswith("entry")}
    heard.close()
    stored = alpha.read(lambda tx: set(tx.scalars(select(timelines.entries.c.id))))
    assert entries == stored
    assert len(entries) == 2


async def test_a_refusal_in_a_batch_is_kept_for_the_operator_with_its_reason(
    alpha: Instance, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(HANDLERS, "Create", WritesAndFails())
    peer = Peer(world, "h1.example")
    [bob] = await _followed(alpha, [peer])
    for content in ("fine", "refused", "fine"):
        written = peer.note(bob, f"{content}{len(peer.documents)}", content=content)
        await peer.send(alpha, peer.activity("Create", bob, written))
    await settle(alpha)
    newest = alpha.read(lambda tx: received.newest(tx, 3))
    assert [(row.state, row.code) for row in reversed(newest)] == [
        ("done", None),
        ("refused", "forbidden"),
        ("done", None),
    ]
    [decision] = alpha.read(lambda tx: decisions.newest(tx, 5))
    assert (decision.verdict, decision.code, decision.activity_id) == ("reject", "forbidden", newest[1].activity_id)


async def test_who_lost_its_claim_keeps_nothing_of_its_work(alpha: Instance, world: World) -> None:
    peers = [Peer(world, "h1.example"), Peer(world, "h2.example")]
    authors = await _followed(alpha, peers)
    for peer, author in zip(peers, authors, strict=True):
        await peer.send(alpha, peer.activity("Create", author, peer.note(author, "first")))
    now = alpha.site.clock()
    slow = alpha.write(lambda tx: backlog.claim(tx, now, now + 10, 10, by=1))
    # It stood still for longer than its claim, and another took one of its hosts.
    other = alpha.write(lambda tx: claims.take(tx, 2, ["h1.example"], now + 11, FOREVER))
    assert other == ["h1.example"]
    await process(alpha.site, slow, 1)
    assert not alpha.has(peers[0].iri("/notes/first"))
    assert alpha.has(peers[1].iri("/notes/first"))
    states = {row.host: row.state for row in alpha.read(lambda tx: received.newest(tx, 2))}
    assert states == {"h1.example": "new", "h2.example": "done"}
    assert alpha.read(lambda tx: list(tx.execute(select(claims.claims.c.host, claims.claims.c.claim)))) == [
        ("h1.example", 2)
    ]


async def test_a_backlog_is_handled_once_though_its_worker_dies_in_the_middle(
    alpha: Instance, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    peers = [Peer(world, f"h{number}.example") for number in range(3)]
    authors = await _followed(alpha, peers)
    for number in range(12):
        peer, author = peers[number % 3], authors[number % 3]
        await peer.send(alpha, peer.activity("Create", author, peer.note(author, f"n{number}")))
    now = alpha.site.clock()

    async def work(at: int, until: int, limit: int, claim: int) -> list[Received]:
        rows = alpha.write(lambda tx: backlog.claim(tx, at, until, limit, by=claim))
        if rows:
            await process(alpha.site, rows, claim)
        return rows

    await work(now, now + 10, 6, 1)
    handle, times = create.handle, iter(range(100))

    def dies(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
        handle(tx, site, received, fetched)
        if next(times) == 2:
            raise OperationalError("the connection is gone", None, Exception())

    monkeypatch.setattr(create, "handle", dies)
    with pytest.raises((OperationalError, StorageUnavailable)):
        await work(now, now + 10, 6, 2)
    monkeypatch.undo()
    assert await work(now + 9, FOREVER, 6, 3) == []  # the dead one's hosts are its own until its claim ends
    while await work(now + 10, FOREVER, 6, 4):
        pass
    stored = alpha.read(lambda tx: list(tx.execute(select(timelines.entries.c.actor_id, timelines.entries.c.post_id))))
    assert len(stored) == len({post for _, post in stored}) == 12
    counts = [alpha.actor(author).posts_count for author in authors]
    assert counts == [4, 4, 4]
    assert {row.state for row in alpha.read(lambda tx: received.newest(tx, 20))} == {"done"}


async def test_what_waits_for_another_server_holds_up_its_own_host_alone(alpha: Instance, world: World) -> None:
    peers = [Peer(world, "slow.example"), Peer(world, "quick.example")]
    authors = await _followed(alpha, peers)
    asked, go = asyncio.Event(), asyncio.Event()
    elsewhere = Peer(world, "elsewhere.example")
    parent = elsewhere.note(elsewhere.actor("eve"), "parent")
    answer = world.apps["elsewhere.example"]

    async def hangs(scope: Any, receive: Any, send: Any) -> None:
        asked.set()
        await go.wait()
        await answer(scope, receive, send)

    world.apps["elsewhere.example"] = hangs
    for peer, author in zip(peers, authors, strict=True):
        more = {"inReplyTo": parent["id"]} if peer.host == "slow.example" else {}
        await peer.send(alpha, peer.activity("Create", author, peer.note(author, "first", **more)))
        await peer.send(alpha, peer.activity("Create", author, peer.note(author, "second")))
    work = loop.Work(alpha.site)
    assert await work.receive() == 4
    await asyncio.wait_for(asked.wait(), 5)
    async with asyncio.timeout(5):
        while not alpha.has(peers[1].iri("/notes/second")):  # noqa: ASYNC110 - what is waited for is in the database
            await asyncio.sleep(0.01)
    # In order: what came after from the slow host is not handled before.
    assert not alpha.has(peers[0].iri("/notes/second"))
    assert await work.receive() == 0
    go.set()
    await work.finish()
    first, second = (alpha.post(peers[0].iri(f"/notes/{name}")) for name in ("first", "second"))
    assert first.id < second.id
    assert first.reply_to_id == alpha.post(parent["id"]).id
