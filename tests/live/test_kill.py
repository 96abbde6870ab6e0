"""What was accepted survives SIGKILL at any moment, and arrives exactly once."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage import received
from storage.database import Database
from tests.conftest import KINDS, Databases
from tests.live.client import Person, begin, wait_until
from tests.servers import Server

pytestmark = pytest.mark.live

POSTS = {"sqlite": 100, "postgresql": 30}
"""From each side to the other; fewer where every process start takes longer."""
KILLS = {"sqlite": 6, "postgresql": 3}


@pytest.fixture(params=KINDS)
def servers(request: pytest.FixtureRequest, databases: Databases, tmp_path: Path) -> Iterator[list[Server]]:
    made = [Server(tmp_path / name, databases.bare(request.param), name.title()) for name in ("alpha", "beta")]
    yield made
    for server in made:
        server.kill()


def test_every_post_arrives_exactly_once_though_processes_are_killed(servers: list[Server]) -> None:
    """200 posts cross between two instances while their processes are killed at random moments, again and again."""
    alpha, beta = servers
    kind = "sqlite" if alpha.database.startswith("sqlite") else "postgresql"
    posts = POSTS[kind]
    ada, bob = begin(alpha, "ada"), begin(beta, "bob")
    ada.follow(bob)
    bob.follow(ada)
    writers = [threading.Thread(target=_write, args=(person, posts), daemon=True) for person in (ada, bob)]
    for writer in writers:
        writer.start()
    chance = random.Random(20261124)
    kills = 0
    while kills < KILLS[kind] or any(writer.is_alive() for writer in writers):
        time.sleep(chance.uniform(0.05, 1.5))
        victims = chance.choice([[alpha], [beta], [alpha, beta]])
        for victim in victims:
            victim.kill()
        with ThreadPoolExecutor() as pool:
            list(pool.map(Server.start, victims))
        kills += 1
        assert kills < 40, "the writers never get through"
    for writer in writers:
        writer.join(60)
    # Who was down is tried again after half a minute; an operator need not wait for that.
    for server, other in ((alpha, beta), (beta, alpha)):
        server.fedi("delivery", "retry", f"127.0.0.1:{other.port}")
    for reader, writer_name in ((ada, "bob"), (bob, "ada")):
        wanted = sorted(f"{writer_name} {number:03}" for number in range(posts))
        wait_until(lambda: sum(text.startswith(writer_name) for text in reader.home()) >= posts, 60)
        assert sorted(text for text in reader.home() if text.startswith(writer_name)) == wanted
    for server in servers:
        server.stop()
        _nothing_failed(server)


def _write(person: Person, posts: int) -> None:
    for number in range(posts):
        person.post(f"{person.name} {number:03}")
        time.sleep(0.05)


def _nothing_failed(server: Server) -> None:
    db = Database(server.database)
    totals = db.read_now(received.totals)
    db.close()
    assert set(totals) == {"done"}, totals
