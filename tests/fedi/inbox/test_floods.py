"""Ten thousand a second: valid, forged, of unknown keys. Memory, fetches and what is kept of it
have bounds, and others are served."""

import asyncio
import gc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from federation.activity import Activity
from federation.errors import BadSignature, KeyUnavailable
from federation.signatures.keys import PrivateKey
from federation.signatures.sign import sign_post
from federation.transport import Response
from fedi import fetching
from fedi.fetching import asking
from fedi.inbox import door, refusals
from fedi.inbox.room import Room
from fedi.limits import network
from storage import received
from storage.database import StorageUnavailable
from storage.metadata import Tx
from tests.world import Instance, Peer, World, call

pytestmark = pytest.mark.anyio

URL = "https://alpha.example/inbox"
AS = "application/activity+json"


async def known(alpha: Instance, peer: Peer, name: str) -> str:
    """An actor whose key the instance has."""
    actor = peer.actor(name)
    assert (await peer.send(alpha, like(peer, actor, "first"))).status == 202
    return actor


def like(peer: Peer, actor: str, what: object) -> dict[str, Any]:
    return peer.activity("Like", actor, f"https://alpha.example/posts/{what}")


def rows(alpha: Instance, state: str | None = None) -> list[received.Received]:
    return alpha.read(lambda tx: received.newest(tx, 10_000, state=state))


async def forged(alpha: Instance, peer: Peer, key: PrivateKey, what: object, address: str = "192.0.2.1") -> Response:
    """An activity that `key` signed, which is not its actor's, though it has its name."""
    body = msgspec.json.encode(like(peer, key.id.partition("#")[0], what))
    headers = {"content-type": AS, **sign_post(key, URL, body, alpha.site.clock())}
    return await call(alpha.app, "POST", URL, headers, body, address)


def hang(alpha: Instance, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """The disk hangs until this is set."""
    go_on, true = asyncio.Event(), alpha.site.db.write

    async def write(unit: Callable[[Tx], Any]) -> Any:
        await go_on.wait()
        return await true(unit)

    monkeypatch.setattr(alpha.site.db, "write", write)
    return go_on


async def test_a_host_that_floods_is_told_to_wait_and_others_are_taken(
    alpha: Instance, peer: Peer, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = await known(alpha, peer, "bob")
    other = Peer(world, "other.example")
    olga = await known(alpha, other, "olga")
    alpha.app.inbox._proven = Room(40 * door.OVERHEAD)
    stuck = hang(alpha, monkeypatch)
    flood = [asyncio.create_task(peer.send(alpha, like(peer, bob, n))) for n in range(100)]
    await asyncio.sleep(0.05)
    refused = [task.result() for task in flood if task.done()]
    assert {answer.status for answer in refused} == {503}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert 5 <= len(flood) - len(refused) <= 20
    mine = asyncio.create_task(other.send(alpha, like(other, olga, "mine")))
    await asyncio.sleep(0.05)
    assert not mine.done()
    stuck.set()
    assert (await mine).status == 202
    taken = [answer for answer in await asyncio.gather(*flood) if answer.status == 202]
    assert len(taken) == 100 - len(refused)
    assert len(rows(alpha)) == 2 + len(taken) + 1
    assert (await peer.send(alpha, like(peer, bob, "later"))).status == 202


async def test_what_waits_is_a_row_and_no_document(
    alpha: Instance, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read of a body takes many times its bytes."""
    bob = await known(alpha, peer, "bob")
    stuck = hang(alpha, monkeypatch)
    sent = like(peer, bob, "one")
    task = asyncio.create_task(peer.send(alpha, sent))
    await asyncio.sleep(0.02)
    assert not task.done()
    alive = [one for one in gc.get_objects() if isinstance(one, Activity) and one.id == sent["id"]]
    assert alive == []
    stuck.set()
    assert (await task).status == 202


async def test_forgeries_of_one_key_make_us_ask_once_a_minute(alpha: Instance, peer: Peer) -> None:
    bob = await known(alpha, peer, "bob")
    peer.actor("eve")
    wrong = replace(peer.keys[peer.iri("/users/eve")], id=f"{bob}#main-key")
    peer.asked.clear()
    answers = await asyncio.gather(*(forged(alpha, peer, wrong, n, f"198.51.100.{n}") for n in range(200)))
    assert {answer.status for answer in answers} == {401}
    for n in range(200, 220):
        assert (await forged(alpha, peer, wrong, n, "192.0.2.2")).status == 401
    assert peer.asked.count(bob) == 1
    assert (await peer.send(alpha, like(peer, bob, "true"))).status == 202


@pytest.mark.parametrize(("off", "changed", "code"), [(2 * 3_600_000, False, "bad-date"), (0, True, "bad-digest")])
async def test_what_no_other_key_would_prove_asks_for_none(
    alpha: Instance, peer: Peer, off: int, changed: bool, code: str
) -> None:
    bob = await known(alpha, peer, "bob")
    peer.asked.clear()
    body = msgspec.json.encode(like(peer, bob, "x"))
    headers = {"content-type": AS, **sign_post(peer.keys[bob], URL, body, alpha.site.clock() + off)}
    answer = await call(alpha.app, "POST", URL, headers, body.replace(b"Like", b"Lick") if changed else body)
    assert (answer.status, msgspec.json.decode(answer.body)["type"]) == (401, f"urn:fedi:{code}")
    assert peer.asked == []


async def test_who_changed_its_key_and_sends_much_at_once_loses_nothing(alpha: Instance, peer: Peer) -> None:
    bob = await known(alpha, peer, "bob")
    peer.actor("bob")  # another pair under the same id
    peer.asked.clear()
    answers = await asyncio.gather(*(peer.send(alpha, like(peer, bob, n)) for n in range(20)))
    assert {answer.status for answer in answers} == {202}
    assert peer.asked.count(bob) == 1


async def test_what_is_kept_of_forgeries_is_bounded_however_many_addresses_they_come_from(
    alpha: Instance, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = await known(alpha, peer, "bob")
    peer.actor("eve")
    wrong = replace(peer.keys[peer.iri("/users/eve")], id=f"{bob}#main-key")
    monkeypatch.setattr(refusals, "OFTEN_OF_ALL", (5, 20))
    for n in range(100):
        assert (await forged(alpha, peer, wrong, n, f"198.51.100.{n}")).status == 401
    assert 20 <= len(rows(alpha, state="refused")) <= 22


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("2001:db8::1", "2001:db8::2:0:0:1", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "not an address: at all", False),
    ],
)
def test_one_machine_has_a_whole_network_of_ipv6(one: str, other: str, same: bool) -> None:
    assert (network(one) == network(other)) is same


async def test_a_refusal_is_one_also_when_it_can_not_be_kept(
    alpha: Instance, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(unit: Callable[[Tx], Any]) -> Any:
        raise StorageUnavailable("gone")

    monkeypatch.setattr(alpha.site.db, "write", gone)
    answer = await call(alpha.app, "POST", URL, {"content-type": AS}, b"no json")
    assert answer.status == 400


async def test_many_who_wait_for_one_key_are_one_question(alpha: Instance, peer: Peer) -> None:
    bob = peer.actor("bob")
    answers = await asyncio.gather(*(peer.send(alpha, like(peer, bob, n)) for n in range(50)))
    assert {answer.status for answer in answers} == {202}
    assert peer.asked.count(bob) == 1


async def test_many_keys_of_a_dead_host_named_at_once_are_a_few_questions(
    alpha: Instance, peer: Peer, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    actors = [peer.actor(f"u{n}") for n in range(20)]
    asked: list[str] = []
    monkeypatch.setattr(refusals, "OFTEN", (600, 600))

    async def slow(url: str, key: object) -> object:
        asked.append(url)
        await asyncio.sleep(0.01)
        raise KeyUnavailable("no answer")

    monkeypatch.setattr(alpha.site.client, "get_document", slow)
    answers = await asyncio.gather(*(peer.send(alpha, like(peer, actor, "x")) for actor in actors))
    assert {answer.status for answer in answers} == {202}  # kept, to be verified later
    assert 1 <= len(asked) <= 4
    assert alpha.site.questions.queues == {}


async def test_nothing_large_is_kept_without_a_proof(alpha: Instance, peer: Peer, world: World) -> None:
    """Three hundred a minute of a megabyte each would be a full disk within the day."""
    bob = peer.actor("bob")
    world.down.add("peer.example")
    large = {**like(peer, bob, 1), "content": "x" * 100_000}
    answer = await peer.send(alpha, large)
    assert (answer.status, int(answer.headers["retry-after"])) == (503, 60)
    assert rows(alpha) == []
    assert (await peer.send(alpha, like(peer, bob, 2))).status == 202
    assert len(rows(alpha)) == 1


async def test_a_key_that_was_asked_for_in_vain_costs_no_look_into_the_database(
    alpha: Instance, peer: Peer, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = peer.actor("bob")
    peer.status[bob] = 410
    assert (await peer.send(alpha, like(peer, bob, 0))).status == 401
    looked: list[object] = []
    true = alpha.site.db.read

    async def read(unit: Callable[[Tx], Any]) -> Any:
        looked.append(unit)
        return await true(unit)

    monkeypatch.setattr(alpha.site.db, "read", read)
    for n in range(1, 10):
        assert (await peer.send(alpha, like(peer, bob, n))).status == 401
    assert looked == []
    assert peer.asked.count(bob) == 1


async def test_an_answer_that_is_given_again_and_again_does_not_grow(alpha: Instance, peer: Peer) -> None:
    """An exception that is raised anew keeps all frames that it ever passed, and what is in them."""
    problem = BadSignature("no such key")
    asking.remember(alpha.site, "key https://peer.example/k", problem)
    for _ in range(50):
        with pytest.raises(BadSignature):
            fetching.check_failed(alpha.site, "https://peer.example/k")
    depth, at = 0, problem.__traceback__
    while at is not None:
        depth, at = depth + 1, at.tb_next
    assert depth < 10
