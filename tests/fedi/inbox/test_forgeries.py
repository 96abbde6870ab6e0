"""Who sends forgery after forgery waits before anything of it is read; whoever is honest does not, at the same address either."""

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from federation.signatures.keys import PrivateKey
from federation.signatures.sign import sign_post
from federation.transport import Response
from fedi.context import now
from fedi.inbox import door, forgeries
from fedi.inbox.forgeries import ADDRESS, CLAIMED, PAID, STANDING, Forgeries, claimed
from tests.world import Instance, Peer, World, call

pytestmark = pytest.mark.anyio

URL = "https://alpha.example/inbox"
ONE, OTHER = "192.0.2.1", "192.0.2.2"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgeries, "HELD_SECONDS", 0.0)


async def send(alpha: Instance, peer: Peer, key: PrivateKey, what: object, address: str) -> Response:
    actor = key.id.partition("#")[0]
    body = msgspec.json.encode(peer.activity("Like", actor, f"https://alpha.example/posts/{what}"))
    headers = {"content-type": "application/activity+json", **sign_post(key, URL, body, alpha.site.clock())}
    return await call(alpha.app, "POST", URL, headers, body, address)


async def two(alpha: Instance, peer: Peer) -> tuple[PrivateKey, PrivateKey]:
    """(the key of somebody known, one under the same id that is not theirs)."""
    bob, eve = peer.actor("bob"), peer.actor("eve")
    right = peer.keys[bob]
    assert (await send(alpha, peer, right, "first", OTHER)).status == 202
    return right, replace(peer.keys[eve], id=right.id)


async def test_forgeries_are_told_to_wait_before_anything_is_read(
    alpha: Instance, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong = await two(alpha, peer)
    for n in range(CLAIMED[1]):
        assert (await send(alpha, peer, wrong, n, ONE)).status == 401
    read: list[bytes] = []

    def parse(raw: bytes) -> Any:
        read.append(raw)
        raise AssertionError

    with monkeypatch.context() as patched:
        patched.setattr(door, "parse", parse)
        answer = await send(alpha, peer, wrong, "x", ONE)
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) > 0
    assert msgspec.json.decode(answer.body)["type"] == "urn:fedi:too-many-forgeries"
    assert read == []
    # The host whose name was abused comes from its own address.
    assert (await send(alpha, peer, right, "true", OTHER)).status == 202


async def test_others_behind_the_same_address_are_taken_all_the_while(
    alpha: Instance, peer: Peer, world: World
) -> None:
    """A proxy that nobody trusts: all have its address."""
    _, wrong = await two(alpha, peer)
    other = Peer(world, "other.example")
    olga = other.keys[other.actor("olga")]
    assert (await send(alpha, other, olga, "first", ONE)).status == 202
    for n in range(3 * ADDRESS[1]):  # in the name of one, and of many
        key = replace(wrong, id=f"https://h{n}.example/users/u#main-key") if n % 2 else wrong
        assert (await send(alpha, peer, key, n, ONE)).status in (401, 429, 202, 503)
    fresh = replace(wrong, id="https://fresh.example/users/u#main-key")
    assert (await send(alpha, peer, fresh, "x", ONE)).status == 429
    for n in range(20):
        assert (await send(alpha, other, olga, n, ONE)).status == 202


async def test_who_was_taken_for_a_forger_is_out_of_it_within_seconds(alpha: Instance, peer: Peer) -> None:
    right, wrong = await two(alpha, peer)
    for n in range(CLAIMED[1] + 5):
        await send(alpha, peer, wrong, n, ONE)
    assert (await send(alpha, peer, wrong, "last", ONE)).status == 429
    later = 60_000 // CLAIMED[0]
    object.__setattr__(alpha.site, "clock", lambda: now() + later)
    for n in range(PAID):
        assert (await send(alpha, peer, right, f"true{n}", ONE)).status == 202


async def test_a_refusal_is_held_back_so_that_the_next_does_not_come_at_once(
    alpha: Instance, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, wrong = await two(alpha, peer)
    for n in range(CLAIMED[1]):
        await send(alpha, peer, wrong, n, ONE)
    monkeypatch.setattr(forgeries, "HELD_SECONDS", 60.0)
    monkeypatch.setattr(forgeries, "HELD", 2)
    held = [asyncio.create_task(send(alpha, peer, wrong, n, ONE)) for n in range(3)]
    await asyncio.sleep(0.05)
    assert [task.done() for task in held] == [False, False, True]  # no more than some wait, others hear it at once
    for task in held:
        task.cancel()


def test_forgeries_in_many_names_meet_the_bucket_of_the_address_and_push_out_no_good_standing() -> None:
    known = Forgeries()
    known.good(ONE, b"good.example", "good.example", 0)
    taken = 0
    for n in range(10_000):
        name = b"h%d.example" % n
        if not known.refuses(ONE, name, 0):
            taken += 1
        known.bad(ONE, name, 0)
    assert taken == ADDRESS[1]
    assert not known.refuses(ONE, b"good.example", 0)
    for n in range(ADDRESS[1]):
        known.bad(ONE, b"h%d.example" % n, STANDING)
    assert known.refuses(ONE, b"good.example", STANDING)
    assert not known.refuses(OTHER, b"h1.example", 0)
    assert max(len(known._claims), len(known._addresses), len(known._good)) <= forgeries._MOST


def test_a_good_signature_of_one_host_is_no_standing_for_the_name_of_another() -> None:
    known = Forgeries()
    known.good(ONE, b"claimed.example", "real.example", 0)
    for n in range(ADDRESS[1]):
        known.bad(ONE, b"h%d" % n, 0)
    assert known.refuses(ONE, b"claimed.example", 0)
    assert known.refuses(ONE, b"real.example", 0)


def test_what_is_forged_in_its_name_counts_though_honest_ones_fill_the_bucket_of_the_address() -> None:
    known = Forgeries()
    for _ in range(CLAIMED[1]):
        known.bad(ONE, b"a.example", 0)
        known.good(ONE, b"b.example", "b.example", 0)
    assert known.refuses(ONE, b"a.example", 0)


def test_a_clock_that_is_set_back_shuts_nobody_out() -> None:
    known = Forgeries()
    for _ in range(CLAIMED[1]):
        known.bad(ONE, b"a.example", 10_000_000)
    assert known.refuses(ONE, b"a.example", 10_000_000)
    assert not known.refuses(ONE, b"a.example", 1_000_000)


@pytest.mark.parametrize(
    ("headers", "host"),
    [
        ({b"signature": b'keyId="https://A.example/users/x#main-key",headers="date"'}, b"a.example"),
        ({b"signature": b'algorithm="hs2019", keyId="https://a.example:8443/x"'}, b"a.example:8443"),
        ({b"signature-input": b'sig1=("@method");created=1;keyid="http://b.example/k"', b"signature": b"sig1=:AA:"},
         b"b.example"),
        ({b"signature": b'xkeyId="https://c.example/k"'}, b""),
        ({b"signature": b"x" * 5000 + b'keyId="https://a.example/"'}, b""),
        ({}, b""),
    ],
)  # fmt: skip
def test_the_host_that_a_request_claims_is_seen_without_reading_it(headers: dict[bytes, bytes], host: bytes) -> None:
    assert claimed(headers) == host
