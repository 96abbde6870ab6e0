"""Scheduled posts come out once each, however often the server is killed while it is time for them."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.conftest import KINDS, Databases
from tests.live.client import begin
from tests.servers import Server

pytestmark = pytest.mark.live


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, databases: Databases, tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "alpha", databases.bare(request.param), "Alpha")
    yield made
    made.kill()


def it_is_time(server: Server) -> None:
    """Nobody waits an hour for a test; and what a killed worker had claimed is free at once."""
    engine = create_engine(server.database.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as tx:
        tx.execute(text("UPDATE scheduled SET due_at = 1000"))
        tx.execute(text("UPDATE jobs SET due_at = 1000, claimed_until = NULL WHERE kind = 'scheduled'"))
    engine.dispose()


def test_each_is_published_once(server: Server) -> None:
    ada = begin(server, "ada")
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    wanted = [f"number {n}" for n in range(20)]
    for said in wanted:
        ada.ask("POST", "/api/v1/statuses", status=said, scheduled_at=at, key=said)
    server.kill()
    it_is_time(server)
    server.start()
    server.kill()  # in the middle of it, or before, or after
    it_is_time(server)
    server.start()
    end = time.monotonic() + 30
    while ada.insist("GET", "/api/v1/scheduled_statuses") and time.monotonic() < end:
        time.sleep(0.1)
    me = ada.ask("GET", "/api/v1/accounts/verify_credentials")["id"]
    found = ada.ask("GET", f"/api/v1/accounts/{me}/statuses", limit=40)
    assert sorted(one["content"] for one in found) == sorted(f"<p>{said}</p>" for said in wanted)
    # The key that scheduled one names its post now.
    again = ada.ask("POST", "/api/v1/statuses", status=wanted[0], scheduled_at=at, key=wanted[0])
    assert again["content"] == f"<p>{wanted[0]}</p>"
