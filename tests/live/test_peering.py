"""Two universities peer, over real HTTP between real processes: asked, reviewed, compared, probed, signed; exactly what is
agreed opens; tighter terms pause what is private until both signed; suspended and resumed, with all that was missed; ended by
two admins after the time lock, and expired."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.client import wait_until
from tests.live.universities import DAY, University, find, has, join, later, relation, university

pytestmark = pytest.mark.live


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[University, University]]:
    """North, with three groups, and South, with one."""
    made: list[University] = []
    try:
        groups = {"ai": ("anna", "peers"), "thesis": ("anna", "members"), "staff": ("anna", "peers")}
        made.append(university(tmp_path, "north", ["anna"], groups))
        made.append(university(tmp_path, "south", ["boris"], {"lab": ("boris", "peers")}))
        yield made[0], made[1]
    finally:
        for one in made:
            one.server.stop()


def stored(here: University, text: str) -> bool:
    """Whether a text is anywhere in an instance's tables."""
    with sqlite3.connect(f"file:{here.server.folder}/fedi.db?mode=ro", uri=True) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in db.execute(f'SELECT * FROM "{table}"'):
                if any(text.encode() in (one if isinstance(one, bytes) else str(one).encode()) for one in row):
                    return True
    return False


def nothing_is_missing(here: University, host: str) -> bool:
    """Whether all that a peer numbered arrived, and the other way round, and nothing waits."""
    health = here.call("GET", f"/peers/{host}")["health"]
    return (health["missing_in"], health["missing_out"], health["queue"]) == ([], [], 0)


def test_two_universities_peer_from_the_first_question_to_the_end(two: tuple[University, University]) -> None:
    north, south = two
    anna, boris = north.people["anna"], south.people["boris"]

    # Before: without an agreement nobody there gets into a group of peers by themselves.
    ai = join(boris, f"@ai@{north.host}", waits=True)

    # North asks, for two of its groups and the one of South.
    groups = [north.group("ai"), north.group("thesis"), south.group("lab")]
    terms = {"groups": groups, "visibility": ["public", "peers", "members"]}
    body = {"institution": south.server.url, "terms": terms, "fingerprint": south.fingerprint()}
    offered = north.call("POST", "/agreements", body)
    assert offered["state"] == "offered"
    wait_until(lambda: south.state(north.host) == "offered")
    theirs = south.agreements(north.host)[0]

    # South reviews and compares. Whoever signs must have been told their key.
    south.call("POST", f"/agreements/{theirs['id']}/review")
    wait_until(lambda: north.state(south.host) == "review")
    rows = {row["field"]: row for row in south.call("GET", f"/agreements/{theirs['id']}/comparison")}
    assert rows["groups"]["ours"] == "*"
    assert rows["groups"]["relation"] == "narrower"
    assert rows["visibility"]["relation"] == "equal"
    south.call("POST", f"/agreements/{theirs['id']}/sign", {}, status=422)
    south.call("POST", f"/agreements/{theirs['id']}/sign", {"fingerprint": "0" * 64}, status=422)
    assert north.peer(south.host)["stance"] == "none"
    south.call("POST", f"/agreements/{theirs['id']}/sign", {"fingerprint": north.fingerprint()})
    wait_until(lambda: north.state(south.host) == "active" and south.state(north.host) == "active")
    document = north.call("GET", f"/agreements/{offered['id']}")["document"]
    assert len(document["proof"]) == 2
    assert document == south.call("GET", f"/agreements/{theirs['id']}")["document"] | {"proof": document["proof"]}

    # Both try each other with canaries before what is for members may flow.
    wait_until(lambda: {north.peer(south.host)["tier"], south.peer(north.host)["tier"]} == {"members"}, 60)
    probes = {one["check"]: one["verdict"] for one in north.call("GET", f"/peers/{south.host}")["probes"]}
    assert set(probes.values()) == {"passed"}
    assert len(probes) >= 4

    # What is agreed opens, and nothing else.
    anna.ask("POST", f"/api/v1/accounts/{find(anna, f'@boris@{south.host}')}/follow")
    boris_follows_anna = join(boris, f"@anna@{north.host}")
    join(boris, f"@thesis@{north.host}")
    join(anna, f"@lab@{south.host}")
    boris.ask("POST", f"/api/v1/accounts/{ai}/unfollow")
    join(boris, f"@ai@{north.host}")
    staff = find(boris, f"@staff@{north.host}")
    boris.ask("POST", f"/api/v1/accounts/{staff}/follow")
    anna.post(f"@ai@{north.host} for peers")
    anna.post(f"@thesis@{north.host} for members")
    anna.post(f"@staff@{north.host} canary-of-staff")
    wait_until(lambda: has(boris, "for peers") and has(boris, "for members"))
    assert not relation(boris, staff)["following"]
    assert not stored(south, "canary-of-staff")

    # South tightens: nothing for members any more. What is private waits, what is public does not.
    narrower = {"visibility": ["public", "peers"]}
    south.call("POST", f"/peers/{north.host}/agreements", narrower)
    wait_until(lambda: north.state(south.host) == "offered")
    boris.post(f"@lab@{south.host} while it waits")
    boris.post("public all the while")
    wait_until(lambda: has(anna, "public all the while"))
    assert not has(anna, "while it waits")
    newer = north.agreements(south.host)[0]
    assert newer["version"] == 2
    north.call("POST", f"/agreements/{newer['id']}/sign", {})
    wait_until(lambda: has(anna, "while it waits"))
    wait_until(lambda: north.peer(south.host)["tier"] == south.peer(north.host)["tier"] == "agreed")
    anna.post(f"@thesis@{north.host} for fewer now")
    anna.post(f"@ai@{north.host} still for peers")
    wait_until(lambda: has(boris, "still for peers"))
    assert not stored(south, "for fewer now")

    # North suspends: at once, in both directions, and no follow is lost. Then all that was missed comes.
    impact = north.call("GET", f"/peers/{south.host}/impact")
    assert impact["people"] >= 1
    assert impact["following"] >= 1
    north.call("PUT", f"/peers/{south.host}/suspension", {"reason": "incident 4411", "days": 7})
    wait_until(lambda: south.peer(north.host)["stance"] == "suspended")
    anna.post("north said meanwhile")
    anna.post(f"@ai@{north.host} north said to peers meanwhile")
    boris.post("south said meanwhile")
    boris.post(f"@lab@{south.host} south said to peers meanwhile")
    north.server.kill()  # what waits is on disk
    north.server.start()
    assert not stored(south, "north said")
    assert not stored(north, "south said")
    north.call("DELETE", f"/peers/{south.host}/suspension")
    wait_until(lambda: has(boris, "north said meanwhile") and has(boris, "north said to peers meanwhile"), 60)
    wait_until(lambda: has(anna, "south said meanwhile") and has(anna, "south said to peers meanwhile"), 60)
    assert relation(boris, boris_follows_anna)["following"]
    assert relation(boris, boris_follows_anna)["followed_by"]

    # Both can prove what arrived.
    for one, other in ((north, south), (south, north)):
        wait_until(lambda one=one, other=other: nothing_is_missing(one, other.host))

    # One admin can't end it alone, nor before its time.
    proposed = north.call("POST", f"/peers/{south.host}/end", {"reason": "the consortium is over"}, status=202)
    north.call("POST", f"/pending/{proposed['id']}/approve", who="kim", status=403)
    north.call("POST", f"/pending/{proposed['id']}/approve", who="lee")
    assert north.state(south.host) == "active"
    later(1.1, south, north)  # south first: north tells it at once, and later where it is not up
    wait_until(lambda: north.state(south.host) == "ended" and south.state(north.host) == "ended", 60)
    anna.post(f"@ai@{north.host} after the end")
    assert north.peer(south.host)["tier"] == "public"

    time.sleep(2)
    assert not stored(south, "after the end")

    # They agree anew, for a week, and it expires by itself.
    until = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 7 * DAY))
    north.server.fedi("peer", "invite", south.server.url, "--until", until)
    wait_until(lambda: south.state(north.host) == "offered")
    south.server.fedi("peer", "sign", north.host)  # their key is known from before
    wait_until(lambda: north.state(south.host) == south.state(north.host) == "active", 60)
    later(8, south, north)
    wait_until(lambda: north.state(south.host) == south.state(north.host) == "expired", 60)
    assert north.peer(south.host)["stance"] == south.peer(north.host)["stance"] == "none"
