"""`fedi.inbox.backlog`: who sends faster than it is worked out is told to wait, within its share; what was taken stays."""

from typing import Any

import msgspec
import pytest

from federation.transport import Response
from fedi.inbox import backlog
from fedi.inbox.backlog import OVERHEAD, Backlog
from storage import backlog as waits
from storage import decisions, received, waiting
from storage.database import StorageUnavailable
from tests.world import Instance, Peer, World

pytestmark = pytest.mark.anyio

BODY = 900
EACH = BODY + OVERHEAD


def sized(peer: Peer, actor: str) -> dict[str, Any]:
    """An activity of about as many bytes as the others."""
    made = peer.activity("Like", actor, f"https://alpha.example/posts/{len(peer.documents):05}", name="")
    return made | {"name": "x" * (BODY - len(msgspec.json.encode(made)))}


async def send(alpha: Instance, peer: Peer, actor: str, count: int) -> list[Response]:
    return [await peer.send(alpha, sized(peer, actor)) for _ in range(count)]


async def looked(watched: Backlog) -> None:
    """Wait for a look that is under way."""
    if watched._looking is not None:
        await watched._looking


def work_out(alpha: Instance, host: str) -> None:
    """All of a host's is done."""
    ids = [row.id for row in alpha.read(lambda tx: received.newest(tx, 1000, host=host))]
    alpha.write(lambda tx: received.settle(tx, ids, "done", alpha.site.clock()))


async def test_a_host_with_its_share_waiting_hears_429_and_others_don_t(
    alpha: Instance, peer: Peer, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "MOST", 20 * EACH)
    bob, other = peer.actor("bob"), Peer(world, "other.example")
    eve = other.actor("eve")
    answers = await send(alpha, peer, bob, 14)
    assert [answer.status for answer in answers] == [202] * 10 + [429] * 4
    assert answers[-1].headers["retry-after"] == "120"
    assert msgspec.json.decode(answers[-1].body)["type"] == "urn:fedi:too-much-waiting"
    assert len(alpha.read(lambda tx: received.newest(tx, 100))) == 10
    assert {one.code for one in alpha.read(lambda tx: decisions.newest(tx, 10))} == {"too-much-waiting"}
    assert alpha.site.outcomes.all()["refused", "too-much-waiting"] == 4
    assert [answer.status for answer in await send(alpha, other, eve, 3)] == [202] * 3


async def test_what_was_worked_out_makes_room_again(
    alpha: Instance, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "MOST", 20 * EACH)
    monkeypatch.setattr(backlog, "AGAIN", 0.0)
    bob = peer.actor("bob")
    await send(alpha, peer, bob, 10)
    work_out(alpha, peer.host)
    assert (await send(alpha, peer, bob, 1))[0].status == 429  # and so it is looked at
    assert alpha.app.inbox._backlog is not None
    await looked(alpha.app.inbox._backlog)
    assert (await send(alpha, peer, bob, 1))[0].status == 202


async def test_who_is_worked_out_in_time_is_never_refused(
    alpha: Instance, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "MOST", 20 * EACH)
    monkeypatch.setattr(backlog, "STEP", 5 * EACH)
    bob = peer.actor("bob")
    for _ in range(10):
        assert {answer.status for answer in await send(alpha, peer, bob, 4)} == {202}
        work_out(alpha, peer.host)
        if alpha.app.inbox._backlog is not None:
            await looked(alpha.app.inbox._backlog)


async def test_what_waited_before_the_start_and_what_is_tried_again_counts(
    alpha: Instance, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_WALKED", 2)  # so that it takes several steps
    bob = peer.actor("bob")
    await send(alpha, peer, bob, 7)
    now = alpha.site.clock()
    for row in alpha.write(lambda tx: waits.claim(tx, now, now + 1000, 3)):
        alpha.write(lambda tx, row=row: received.later(tx, row, now + 60_000, "later"))  # type: ignore[misc]  # a lambda with a default
    monkeypatch.setattr(backlog, "MOST", 20 * EACH)
    monkeypatch.setattr(backlog, "STEP", 1)
    after = Backlog(alpha.site)
    assert after.enter(peer.host, BODY)
    await looked(after)
    # 7 wait by the database, whatever this process remembers.
    assert [after.enter(peer.host, BODY) for _ in range(5)].count(True) == 3


async def test_what_is_not_stored_after_all_does_not_count(
    alpha: Instance, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "MOST", 20 * EACH)
    bob = peer.actor("bob")
    assert (await send(alpha, peer, bob, 1))[0].status == 202

    def insert(*_: Any) -> int:
        raise StorageUnavailable("full")

    with monkeypatch.context() as broken:
        broken.setattr(received, "insert_arrived", insert)
        assert {answer.status for answer in await send(alpha, peer, bob, 15)} == {503}
    assert {answer.status for answer in await send(alpha, peer, bob, 8)} == {202}
