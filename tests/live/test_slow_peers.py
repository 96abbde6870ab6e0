"""Peers that answer slowly, a byte at a time, never, or with gigabytes: as those whose keys, posts and actors we ask for, and as
those that we send to. Memory is bounded, others are served, and what was accepted is not lost."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from federation.signatures.keys import load_private
from storage import links, received
from tests.attacks.hostile import Hostile, Target, ada, followed, key_pair
from tests.live.client import Person, wait_until
from tests.live.faults import doctor
from tests.live.slow import KINDS, Slow
from tests.live.test_outage import follow
from tests.live.traffic import running
from tests.servers import Server

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("slow") / "fedi"
    with running(Server(folder, f"sqlite:///{folder}/fedi.db", "Patient")) as made:
        yield made


@pytest.fixture
def flooded(tmp_path: Path) -> Iterator[Target]:
    """An instance of its own: for a while after a flood it asks all who are new at the same address to wait."""
    with running(Server(tmp_path / "fedi", f"sqlite:///{tmp_path}/fedi.db", "Flooded")) as made:
        yield made


@pytest.fixture(scope="module")
def slow() -> Iterator[Slow]:
    made = Slow()
    yield made
    made.close()


def test_keys_that_never_come_do_not_hold_up_those_that_do(flooded: Target, hostile: Hostile, slow: Slow) -> None:
    """Three hundred unknown keys at sixty hosts that are slow in every way; an honest stranger is let in meanwhile."""

    def send(number: int) -> int:
        host = slow.host(KINDS[number % len(KINDS)], number % 60)
        actor = f"http://{host}/users/{number}"
        key = load_private(key_pair().private, f"{actor}#main-key")
        return hostile.send(flooded.server, hostile.activity("Follow", actor, ada(flooded)), key=key)[0]

    with ThreadPoolExecutor(60) as pool:
        sent = [pool.submit(send, number) for number in range(300)]
        wait_until(lambda: slow.asked.total() >= 5)
        honest = hostile.actor("honest", "hanna")
        asked = hostile.activity("Follow", honest, ada(flooded))
        begun = time.monotonic()
        wait_until(lambda: hostile.send(flooded.server, asked)[0] == 202, 60)
        assert flooded.outcome(asked) == ("done", "")
        assert time.monotonic() - begun < 45
        assert hostile.get(flooded.server, "/people/ada", None) == 200
        # kept to be verified, not there, too many of those from one address, or come again
        assert {one.result() for one in sent} <= {202, 401, 429, 503}
    assert flooded.server.memory < 250


def test_posts_that_never_come_do_not_hold_up_others(target: Target, hostile: Hostile, slow: Slow) -> None:
    """Somebody answers posts at slow hosts, a hundred times; what others send is there within seconds, and theirs is kept."""
    one, other = hostile.actor("reply", "rita"), hostile.actor("other", "otto")
    followed(target, hostile, one)
    followed(target, hostile, other)
    before = target.read(received.totals)
    sent = []
    for number in range(100):
        parent = f"http://{slow.host(KINDS[number % len(KINDS)], number)}/notes/{number}"
        note = hostile.note(one, f"/notes/{number}", inReplyTo=parent)
        sent.append(hostile.activity("Create", one, note))
        assert hostile.send(target.server, sent[-1]) == (202, "")
    for number in range(5):
        note = hostile.note(other, f"/notes/{number}")
        assert hostile.send(target.server, hostile.activity("Create", other, note)) == (202, "")
        wait_until(lambda: target.post(str(note["id"])) is not None, 10)
    after = target.read(received.totals)
    assert sum(after.values()) == sum(before.values()) + 105
    assert after.get("failed", 0) == before.get("failed", 0)
    assert target.server.memory < 250


def test_who_takes_what_we_send_slowly_holds_up_nobody(target: Target, hostile: Hostile, slow: Slow) -> None:
    """Ninety followers at hosts that answer a POST slowly, never or without end; who is quick has each post at once."""
    quick = hostile.actor("quick", "quinn")
    asked = hostile.activity("Follow", quick, ada(target))
    assert hostile.send(target.server, asked) == (202, "")
    assert target.outcome(asked) == ("done", "")
    target.db.write_now(
        lambda tx: follow(tx, [slow.host(kind, 200 + number) for kind in KINDS for number in range(15)], "ada")
    )
    me = Person(target.server, "ada", target.token)
    for number in range(3):
        me.post(f"to everybody {number}")
        wait_until(lambda: _heard(hostile, quick, f"to everybody {number}"), 15)
    wait_until(lambda: any(link.failures for link in target.read(links.everyone)), 40)
    assert target.server.memory < 250
    assert slow.sent < 2_000_000_000


def test_who_searches_at_a_slow_host_waits_alone(target: Target, hostile: Hostile, slow: Slow) -> None:
    """Handles and addresses at slow hosts are looked for by forty people at once; pages and timelines are answered meanwhile."""

    def search(number: int) -> Any:
        host = slow.host(KINDS[number % len(KINDS)], 300 + number)
        query = f"@u@{host}" if number % 2 else f"http://{host}/notes/{number}"
        return target.api("GET", "/api/v2/search", q=query, resolve="true")["accounts"]

    def searched(number: int) -> bool:
        try:
            return bool(search(number) == [])
        except OSError:
            return True  # a time-out of the client's own, or 503: it could not be had

    with ThreadPoolExecutor(40) as pool:
        found = [pool.submit(searched, number) for number in range(40)]
        for _ in range(10):
            begun = time.monotonic()
            target.api("GET", "/api/v1/timelines/home")
            assert hostile.get(target.server, "/people/ada", None) == 200
            assert time.monotonic() - begun < 5
        assert all(one.result() for one in found)
    assert target.server.memory < 250


def test_the_doctor_names_who_does_not_take_anything(target: Target, slow: Slow) -> None:
    host = slow.host("never", 900)
    target.db.write_now(lambda tx: follow(tx, [host], "ada"))
    Person(target.server, "ada", target.token).post("to somebody who never answers")
    wait_until(lambda: any(link.host == host for link in target.read(links.everyone)))
    failed = links.links.update().where(links.links.c.host == host).values(failures=3)
    assert target.db.write_now(lambda tx: tx.execute(failed).rowcount) == 1
    assert "hosts don't take what we send" in doctor(target.server)
    assert "Traceback" not in target.server.log.read_text()


def _heard(hostile: Hostile, actor: str, text: str) -> bool:
    host = actor.removeprefix("http://").partition("/")[0]
    return any(one.host == host and text.encode() in one.body for one in hostile.taken)


def test_slow_is_slow(slow: Slow, tmp_path: Path) -> None:
    """The other side does what the tests above believe of it."""
    assert slow.asked.keys() >= set(KINDS)
