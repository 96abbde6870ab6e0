"""A peer that is down for a while gets everything when it returns; one that never returns costs the others nothing."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import actors, links, peers
from storage.database import Database
from storage.metadata import Tx
from tests.live.client import begin, wait_until
from tests.servers import Server, free_port
from tests.storage import rows

pytestmark = pytest.mark.live


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Server]]:
    made = [Server(tmp_path / name, f"sqlite:///{tmp_path / name}/fedi.db", name.title()) for name in ("alpha", "beta")]
    yield made
    for server in made:
        server.kill()


def test_a_peer_that_was_down_gets_everything_when_it_returns(servers: list[Server]) -> None:
    alpha, beta = servers
    ada, bob = begin(alpha, "ada"), begin(beta, "bob")
    bob.follow(ada)
    ada.follow(bob)
    beta.kill()
    wanted = [f"while you were away {number:02}" for number in range(40)]
    for text in wanted:
        ada.post(text)
    beta.start()
    bob.post("I am back")  # who speaks is awake: alpha does not wait for its next try
    wait_until(lambda: len(bob.home()) == 41)
    assert [text for text in reversed(bob.home()) if text != "I am back"] == wanted  # in order, each once


class Hole:
    """Hosts on loopback that accept connections and never answer, each on a port of its own."""

    def __init__(self, count: int) -> None:
        self.sockets = [socket.create_server(("127.0.0.1", 0), backlog=64) for _ in range(count)]
        self.ports = [one.getsockname()[1] for one in self.sockets]
        self.held: list[socket.socket] = []
        for one in self.sockets:
            threading.Thread(target=self._accept, args=(one,), daemon=True).start()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                self.held.append(listening.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        """End them."""
        for one in [*self.sockets, *self.held]:
            one.close()


def test_peers_that_hang_or_never_return_cost_the_others_nothing(servers: list[Server]) -> None:
    """Eighty dead hosts follow the author, half of them hang; the one that lives gets each post within seconds."""
    alpha, beta = servers
    ada, bob = begin(alpha, "ada"), begin(beta, "bob")
    bob.follow(ada)
    hole = Hole(40)
    gone = [free_port() for _ in range(40)]
    db = Database(alpha.database)
    try:
        db.write_now(lambda tx: follow(tx, [f"127.0.0.1:{port}" for port in [*hole.ports, *gone]], "ada"))
        for number in range(3):
            ada.post(f"hello {number}")
            wait_until(lambda: f"hello {number}" in bob.home(), 5)
        time.sleep(1)
        by_host = {link.host: link for link in db.read_now(links.everyone)}
        well = by_host[f"127.0.0.1:{beta.port}"]
        assert well.failures == 0
        assert well.cursor == well.wanted
        refusing = [by_host[f"127.0.0.1:{port}"] for port in gone]
        assert all(link.failures >= 1 and link.wanted > link.cursor for link in refusing)  # what waits is kept
    finally:
        db.close()
        hole.close()


def follow(tx: Tx, hosts: list[str], name: str) -> None:
    """Somebody at each of these hosts follows a local person: known here, as their Follow would have made it."""
    target = next(one for one in actors.local(tx) if one.username == name)
    for host in hosts:
        base = f"http://{host}"
        reader = rows.actor(
            tx, "reader", host, iri=f"{base}/reader", inbox=f"{base}/inbox", shared_inbox=f"{base}/inbox"
        )
        rows.follow(tx, reader, target)
        peers.meet(tx, host, 0)
