"""What comes in together is stored together: each hears its own verdict, and nothing of one's trouble is another's."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from federation.transport import Response
from fedi.inbox import gather
from storage import peers, received
from storage.database import StorageUnavailable
from storage.metadata import Tx
from storage.received import Arrived
from tests.world import Instance, Peer, World

pytestmark = pytest.mark.anyio


@pytest.fixture
def writes(alpha: Instance, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The activities that each transaction of the door stored, in their order."""
    stored: list[list[str]] = []
    true = received.insert_arrived

    def counted(tx: Tx, several: Sequence[Arrived]) -> int:
        stored.append([row.activity_id for row in several])
        return true(tx, several)

    monkeypatch.setattr(received, "insert_arrived", counted)
    return stored


def likes(peer: Peer, count: int, actor: str) -> list[dict[str, Any]]:
    return [peer.activity("Like", actor, f"https://alpha.example/posts/{n}") for n in range(count)]


async def known(alpha: Instance, peer: Peer, name: str) -> str:
    """An actor whose key the instance has."""
    actor = peer.actor(name)
    assert (await peer.send(alpha, peer.activity("Like", actor, "https://alpha.example/posts/first"))).status == 202
    return actor


async def send_all(alpha: Instance, peer: Peer, activities: list[dict[str, Any]]) -> list[Response]:
    """Send them all in one moment, in this order."""
    return await asyncio.gather(*(peer.send(alpha, activity) for activity in activities))


def rows(alpha: Instance) -> list[received.Received]:
    """What is stored, in the order of ids."""
    return sorted(alpha.read(lambda tx: received.newest(tx, 1000)), key=lambda row: row.id)


async def test_what_comes_together_is_one_transaction_in_the_order_of_arrival(
    alpha: Instance, peer: Peer, writes: list[list[str]]
) -> None:
    bob = await known(alpha, peer, "bob")
    writes.clear()
    sent = likes(peer, 40, bob)
    assert {answer.status for answer in await send_all(alpha, peer, sent)} == {202}
    assert writes == [[activity["id"] for activity in sent]]
    assert [row.activity_id for row in rows(alpha)[1:]] == [activity["id"] for activity in sent]
    assert rows(alpha)[1].body == msgspec.json.encode(sent[0])


async def test_more_than_fits_into_one_transaction_goes_into_several_in_order(
    alpha: Instance, peer: Peer, writes: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = await known(alpha, peer, "bob")
    writes.clear()
    monkeypatch.setattr(gather, "ROWS", 15)
    sent = likes(peer, 40, bob)
    assert {answer.status for answer in await send_all(alpha, peer, sent)} == {202}
    assert list(map(len, writes)) == [15, 15, 10]
    assert [one for part in writes for one in part] == [activity["id"] for activity in sent]
    assert [row.activity_id for row in rows(alpha)[1:]] == [activity["id"] for activity in sent]


async def test_bytes_of_one_transaction_are_bounded(
    alpha: Instance, peer: Peer, writes: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = await known(alpha, peer, "bob")
    writes.clear()
    sent = likes(peer, 6, bob)
    monkeypatch.setattr(gather, "BYTES", 2 * max(len(msgspec.json.encode(activity)) for activity in sent))
    assert {answer.status for answer in await send_all(alpha, peer, sent)} == {202}
    assert list(map(len, writes)) == [2, 2, 2]


async def test_the_same_activity_twice_in_one_moment_is_taken_twice_and_stored_once(
    alpha: Instance, peer: Peer, writes: list[list[str]]
) -> None:
    bob = await known(alpha, peer, "bob")
    writes.clear()
    one, other = likes(peer, 2, bob)
    answers = await send_all(alpha, peer, [one, other, one, one])
    assert [answer.status for answer in answers] == [202] * 4
    assert list(map(len, writes)) == [4]
    assert [row.activity_id for row in rows(alpha)[1:]] == [one["id"], other["id"]]


async def test_policy_is_each_hosts_own(alpha: Instance, peer: Peer, world: World, writes: list[list[str]]) -> None:
    bob = await known(alpha, peer, "bob")
    bad = Peer(world, "bad.example")
    mal = await known(alpha, bad, "mal")
    alpha.write(lambda tx: peers.meet(tx, "bad.example", 0))
    alpha.write(lambda tx: peers.change(tx, "bad.example", stance="blocked"))
    writes.clear()
    mine, theirs = likes(peer, 2, bob), likes(bad, 2, mal)
    answers = await asyncio.gather(
        peer.send(alpha, mine[0]), bad.send(alpha, theirs[0]), bad.send(alpha, theirs[1]), peer.send(alpha, mine[1])
    )
    assert [answer.status for answer in answers] == [202, 403, 403, 202]
    assert msgspec.json.decode(answers[1].body)["code"] == "host-blocked"
    assert list(map(len, writes)) == [2]
    assert [row.activity_id for row in rows(alpha)[2:]] == [mine[0]["id"], mine[1]["id"]]


async def test_one_that_can_not_be_stored_fails_alone(
    alpha: Instance, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = await known(alpha, peer, "bob")
    sent = likes(peer, 9, bob)
    poison = sent[4]["id"]
    true = received.insert_arrived

    def insert(tx: Tx, several: Sequence[Arrived]) -> int:
        if any(row.activity_id == poison for row in several):
            raise ValueError("this one does not go in")
        return true(tx, several)

    monkeypatch.setattr(received, "insert_arrived", insert)
    answers = await send_all(alpha, peer, sent)
    assert [answer.status for answer in answers] == [202] * 4 + [500] + [202] * 4
    assert answers[4].headers["content-type"] == "application/problem+json"
    kept = [activity["id"] for activity in sent if activity["id"] != poison]
    assert [row.activity_id for row in rows(alpha)[1:]] == kept


async def test_a_database_that_is_away_takes_nothing_and_says_when_to_come_again(
    alpha: Instance, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = await known(alpha, peer, "bob")
    sent = likes(peer, 5, bob)

    def gone(tx: Tx, several: Sequence[Arrived]) -> int:
        raise StorageUnavailable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(received, "insert_arrived", gone)
        answers = await send_all(alpha, peer, sent)
    assert {answer.status for answer in answers} == {503}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
    assert len(rows(alpha)) == 1
    assert {answer.status for answer in await send_all(alpha, peer, sent)} == {202}
    assert len(rows(alpha)) == 6


async def test_who_goes_away_while_it_waits_takes_nobody_along(
    alpha: Instance, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = await known(alpha, peer, "bob")
    monkeypatch.setattr(gather, "WITHIN", 0.05)
    sent = likes(peer, 3, bob)
    tasks = [asyncio.create_task(peer.send(alpha, activity)) for activity in sent]
    while len(waiting(alpha)) < 3:  # noqa: ASYNC110 - of a list
        await asyncio.sleep(0)
    tasks[1].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers[1], asyncio.CancelledError)
    assert [answer.status for answer in (answers[0], answers[2]) if isinstance(answer, Response)] == [202, 202]
    assert {sent[0]["id"], sent[2]["id"]} <= {row.activity_id for row in rows(alpha)}


def waiting(alpha: Instance) -> list[Any]:
    gatherer = alpha.app.inbox._gatherer
    assert gatherer is not None
    return gatherer._waiting


async def test_while_one_batch_is_written_the_next_gathers(
    alpha: Instance, peer: Peer, writes: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = await known(alpha, peer, "bob")
    writes.clear()
    go_on, true = asyncio.Event(), alpha.site.db.write

    async def slow(unit: Callable[[Tx], Any]) -> Any:
        await go_on.wait()
        return await true(unit)

    monkeypatch.setattr(alpha.site.db, "write", slow)
    sent = likes(peer, 12, bob)
    first = [asyncio.create_task(peer.send(alpha, activity)) for activity in sent[:2]]
    await asyncio.sleep(5 * gather.WITHIN)
    more = [asyncio.create_task(peer.send(alpha, activity)) for activity in sent[2:]]
    await asyncio.sleep(5 * gather.WITHIN)
    assert len(waiting(alpha)) == 10
    go_on.set()
    assert {answer.status for answer in await asyncio.gather(*first, *more)} == {202}
    assert list(map(len, writes)) == [2, 10]
