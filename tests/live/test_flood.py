"""A peer that floods, with activities that are all valid, or all with bad signatures: others are served, memory is bounded,
nothing accepted is lost, and the doctor says who it is. `python -m tests.bench.faults` does it at full rate."""

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from federation.signatures.sign import sign_post
from storage import received
from storage.metadata import Tx
from storage.received import Received
from tests.attacks.hostile import Hostile, Target, followed, post
from tests.live.client import Person, wait_until
from tests.live.faults import doctor
from tests.live.traffic import running
from tests.servers import Server

pytestmark = pytest.mark.live

BACKLOG = 6000


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    with running(Server(tmp_path, f"sqlite:///{tmp_path}/fedi.db", "Flooded")) as made:
        yield made


def test_a_backlog_of_one_host_holds_up_nobody_else(target: Target, hostile: Hostile) -> None:
    """Thousands of accepted rows of one peer wait; what another sends is there at once, a person's own post even sooner, and
    all of the first is worked out in the end."""
    flood, other = hostile.actor("flood", "fay"), hostile.actor("calm", "cal")
    followed(target, hostile, flood)
    followed(target, hostile, other)
    first = hostile.activity("Create", flood, hostile.note(flood, "/notes/first"))
    assert hostile.send(target.server, first) == (202, "")
    assert target.outcome(first) == ("done", "")
    model = target.row(first["id"])
    assert model is not None
    before = target.read(received.totals).get("done", 0)
    target.db.write_now(lambda tx: _backlog(tx, target, hostile, flood, model))
    note = hostile.note(other, "/notes/calm")
    assert hostile.send(target.server, hostile.activity("Create", other, note)) == (202, "")
    begun = time.monotonic()
    Person(target.server, "ada", target.token).post("my own goes ahead")
    assert "my own goes ahead" in Person(target.server, "ada", target.token).home(40)
    assert time.monotonic() - begun < 5
    wait_until(lambda: target.post(str(note["id"])) is not None, 10)
    assert target.read(received.totals).get("new", 0) > 0  # the flood is still being worked out
    wait_until(lambda: target.read(received.totals).get("done", 0) == before + BACKLOG + 1, 90)
    assert target.server.memory < 250


def test_a_flood_of_valid_activities(target: Target, hostile: Hostile) -> None:
    """As fast as this machine can send them; every one that got a 2xx is there, and others are answered meanwhile."""
    flood, other = hostile.actor("valid", "val"), hostile.actor("calm", "carla")
    followed(target, hostile, other)
    followed(target, hostile, flood)
    activities = [hostile.activity("Create", flood, hostile.note(flood, f"/notes/{number}")) for number in range(800)]
    with ThreadPoolExecutor(16) as pool:
        sent = [pool.submit(hostile.send, target.server, one) for one in activities]
        for number in range(3):
            note = hostile.note(other, f"/notes/{number}")
            assert hostile.send(target.server, hostile.activity("Create", other, note)) == (202, "")
            wait_until(lambda: target.post(str(note["id"])) is not None, 20)
        statuses = [one.result()[0] for one in sent]
    assert set(statuses) <= {202, 429, 503}
    taken = [one["object"]["id"] for one, status in zip(activities, statuses, strict=True) if status == 202]
    assert len(taken) > 100
    wait_until(lambda: all(target.post(iri) is not None for iri in taken[-1:] + taken[:1]), 60)
    wait_until(lambda: all(target.post(iri) is not None for iri in taken), 60)
    assert target.server.memory < 250
    found = target.read(lambda tx: received.newest_hosts(tx, 500))
    assert found[0][0] == hostile.host("valid")


def test_a_flood_of_bad_signatures(target: Target, hostile: Hostile) -> None:
    """Of a known actor, by another's key: each is refused, few are kept, its key is asked for again now and then, and the
    doctor names the host."""
    known, other = hostile.actor("forged", "fred"), hostile.actor("calm", "cleo")
    followed(target, hostile, known)
    followed(target, hostile, other)
    asked = len(hostile.asked_at("forged", "/users/fred"))
    activity = hostile.activity("Create", known, hostile.note(known, "/notes/1"))
    body = json.dumps(activity).encode()
    url = target.server.url + "/inbox"
    headers = sign_post(hostile.keys[known], url, body, time.time_ns() // 1_000_000)
    forged = {**headers, "signature": re.sub(r'signature="....', 'signature="AAAA', headers["signature"])}
    before = sum(target.read(received.totals).values())
    with ThreadPoolExecutor(16) as pool:
        sent = [pool.submit(post, url, body, forged) for _ in range(400)]
        for number in range(3):
            note = hostile.note(other, f"/notes/{number}")
            assert hostile.send(target.server, hostile.activity("Create", other, note)) == (202, "")
            wait_until(lambda: target.post(str(note["id"])) is not None, 20)
        assert {one.result()[0] for one in sent} <= {401, 429, 503}
    assert len(hostile.asked_at("forged", "/users/fred")) - asked <= 14
    kept = sum(target.read(received.totals).values()) - before
    assert kept < 200
    assert target.server.memory < 250
    assert target.server.log.read_text().count("\n") < 200
    # What the same peer signs well is taken all the same, some seconds after the last forgery in its name.
    wait_until(lambda: hostile.send(target.server, activity) == (202, ""), 10)
    assert target.outcome(activity) == ("done", "")
    said = doctor(target.server)
    assert kept < 100 or "forged.localhost" in said


def _backlog(tx: Tx, target: Target, hostile: Hostile, flood: str, model: Received) -> None:
    now = time.time_ns() // 1_000_000
    for number in range(BACKLOG):
        activity = hostile.activity("Create", flood, hostile.note(flood, f"/notes/backlog-{number}"))
        row = replace(
            model, id=target.db.ids.next(now), activity_id=activity["id"], body=json.dumps(activity).encode(), state="new",
            attempts=0, due_at=now, received_at=now, settled_at=None, code=None, problem=None,
        )  # fmt: skip
        assert received.insert(tx, row)
