"""What `fedi doctor` says on bad days: each with what to do."""

import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from federation.transport import Response, SocketTransport
from fedi.cli import doctor, doctor_load
from fedi.cli.console import opened
from fedi.context import now
from storage import decisions, ids, jobs, links, received
from storage.decisions import DecisionRow
from storage.links import Link
from storage.metadata import Tx, insert_new
from tests.fedi.cli.conftest import Operator, both
from tests.fedi.cli.test_doctor import findings
from tests.storage import rows

HOUR = 3_600_000


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_get", lambda *_: "no route to host")


@pytest.fixture
def write(operator: Operator) -> Callable[[Callable[[Tx], Any]], None]:
    """Run a unit in the operator's database."""
    operator.person("ada", "--role", "admin")

    def run(unit: Callable[[Tx], Any]) -> None:
        with opened(None) as site:
            site.db.write_now(unit)

    return run


def link(host: str, **more: Any) -> Link:
    """A link to a host, with a row to send."""
    made = Link(host, 0, 1, 0, None, 0, now(), None, "open", None, None)
    return replace(made, **more)


@both
def test_old_queues(operator: Operator, write: Callable[..., None]) -> None:
    at = now() - HOUR

    def unit(tx: Tx) -> None:
        received.insert(tx, rows.activity(1, due_at=at, received_at=at))
        jobs.add(tx, 1, "card", "1", {}, at)
        insert_new(tx, links.links, asdict(link("waits.example", next_attempt_at=at)))
        insert_new(tx, links.links, asdict(link("dead.example", failures=5, problem="timeout: no answer")))
        insert_new(tx, links.links, asdict(link("closed.example", state="suspended")))

    write(unit)
    _, found = findings(operator)
    assert "does «fedi serve» or «fedi worker» run" in found["worker", "look"]
    assert "does a worker run" in found["jobs", "look"]
    said = operator.fedi("doctor").out
    assert "dead.example: timeout: no answer" in said
    assert "closed.example" in said
    assert "1 hosts that answer wait" in said


@both
def test_a_flood_of_what_is_refused(operator: Operator, write: Callable[..., None]) -> None:
    def unit(tx: Tx) -> None:
        for number in range(150):
            decisions.insert(
                tx,
                DecisionRow(
                    number + 1, "in", "bad.example", None, None, "Like", "reject", "bad-signature", "x", 1, now()
                ),
            )
            decisions.insert(
                tx,
                DecisionRow(
                    1000 + number, "in", "old.example", None, None, "Like", "reject", "x", "x", 1, now() - 2 * HOUR
                ),
            )

    write(unit)
    _, found = findings(operator)
    assert "bad.example" in found["flood", "look"]
    assert "bad-signature" in found["flood", "look"]
    assert "fedi peer block bad.example" in found["flood", "look"]
    assert "old.example" not in found["flood", "look"]


@both
def test_a_host_of_which_too_much_waits(operator: Operator, write: Callable[..., None]) -> None:
    def unit(tx: Tx) -> None:
        for number in range(150):
            row = DecisionRow(
                number + 1, "in", "busy.example", None, None, "Like", "reject", "too-much-waiting", "x", 1, now()
            )
            decisions.insert(tx, row)

    write(unit)
    _, found = findings(operator)
    assert "so much of busy.example waits to be worked out" in found["flood", "look"]


@both
def test_a_flood_of_what_is_taken(
    operator: Operator, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_load, "_LOOKED_AT", 100)
    at = now() - 1000

    def unit(tx: Tx) -> None:
        for number in range(90):
            received.insert(tx, rows.activity(number + 1, host="flood.example", received_at=at, due_at=at))
        for number in range(10):
            received.insert(tx, rows.activity(200 + number, host="quiet.example", received_at=at, due_at=at))

    write(unit)
    _, found = findings(operator)
    assert "90 of the newest 100 activities" in found["flood", "look"]
    assert "fedi peer block flood.example" in found["flood", "look"]


@both
def test_things_of_the_future(operator: Operator, write: Callable[..., None]) -> None:
    write(lambda tx: jobs.add(tx, ids.first_at(now() + HOUR), "card", "1", {}, now()))
    assert "ahead of the clock" in findings(operator)[1]["clock", "look"]


@both
@pytest.mark.parametrize(("ahead", "state"), [(0, None), (-180, "look"), (7200, "broken")])
def test_our_clock_by_those_of_peers(
    operator: Operator,
    write: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    ahead: int,
    state: str | None,
) -> None:
    async def send(*_: Any, **__: Any) -> Response:
        return Response(404, {"date": formatdate(now() / 1000 + ahead, usegmt=True)}, b"{}")

    monkeypatch.setattr(SocketTransport, "send", send)

    def unit(tx: Tx) -> None:
        for number in range(3):
            insert_new(tx, links.links, asdict(link(f"h{number}.example", wanted=0, last_success_at=now())))

    write(unit)
    _, found = findings(operator)
    if state is None:
        assert not any(about == "clock" for about, _ in found)
    else:
        assert "timedatectl" in found["clock", state]


def test_a_full_disk(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    operator.person("ada", "--role", "admin")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=1 << 30, used=1 << 30, free=1 << 20))
    status, found = findings(operator)
    assert status == 1
    assert "is full" in found["database", "broken"]
    assert "is full" in found["data", "broken"]


def test_a_database_that_is_broken(operator: Operator) -> None:
    operator.person("ada", "--role", "admin")
    with opened(None) as site:
        path = Path(site.config.database.removeprefix("sqlite:///"))
    for file in path.parent.glob(path.name + "*"):
        if file.stat().st_size:
            file.write_bytes(b"this is a letter and no database" * 1000)
    status, found = findings(operator)
    assert status == 1
    assert ("database", "broken") in found
