"""A clock that jumps by hours and by a year, both ways, under a process that runs: nothing is stuck, nothing accepted is lost,
ids go on, and the log and `fedi doctor` say what happened."""

import json
import mmap
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.hostile import Answer, Hostile, Target, followed
from tests.live.client import wait_until
from tests.live.faults import doctor
from tests.live.traffic import running
from tests.servers import Server

pytestmark = pytest.mark.live

HOUR = 3600
DAY = 24 * HOUR
YEAR = 365 * 24 * HOUR
JUMPING = """
import mmap, struct, time
_file = open({path!r}, "r+b")
_told = mmap.mmap(_file.fileno(), 8)
_ns, _s = time.time_ns, time.time
time.time_ns = lambda: _ns() + struct.unpack("q", _told)[0] * 1_000_000_000
time.time = lambda: _s() + struct.unpack("q", _told)[0]
"""


class Jumping:
    """An instance whose clock is set from here."""

    def __init__(self, folder: Path) -> None:
        told = folder / "offset"
        told.write_bytes(struct.pack("q", 0))
        with told.open("r+b") as file:
            self._told = mmap.mmap(file.fileno(), 8)
        before = JUMPING.format(path=str(told))
        self.server = Server(folder, f"sqlite:///{folder}/fedi.db", "Jumping", before=before)

    def jump(self, seconds: int) -> None:
        """Set its clock to so many seconds from the true time."""
        before = self._said()
        self._told[:] = struct.pack("q", seconds)
        wait_until(lambda: self._said() > before, 10)  # it looks each second

    def _said(self) -> int:
        return self.server.log.read_text().count("the clock was set ")


@pytest.fixture
def jumping(tmp_path: Path) -> Iterator[tuple[Jumping, Target]]:
    made = Jumping(tmp_path)
    with running(made.server) as target:
        yield made, target


@pytest.mark.parametrize("ahead", [2 * HOUR, YEAR])
def test_a_clock_that_was_ahead_and_is_set_back(jumping: tuple[Jumping, Target], hostile: Hostile, ahead: int) -> None:
    made, target = jumping
    author = hostile.actor("peer", f"p{ahead}")
    followed(target, hostile, author)
    posts = [target.api("POST", "/api/v1/statuses", status="before")["id"]]
    made.jump(ahead)
    assert "the clock was set forward by" in made.server.log.read_text()
    posts += [target.api("POST", "/api/v1/statuses", status=f"ahead {number}")["id"] for number in range(3)]
    # What a peer signs now is not taken, nor refused for good: it is we who are wrong.
    note = hostile.note(author, f"/notes/{ahead}")
    create = hostile.activity("Create", author, note)
    assert hostile.send(target.server, create) == (503, "clock")
    made.jump(0)
    assert "the clock was set back by" in made.server.log.read_text()
    assert hostile.send(target.server, create) == (202, "")
    wait_until(lambda: target.post(str(note["id"])) is not None, 15)
    posts += [target.api("POST", "/api/v1/statuses", status=f"after {number}")["id"] for number in range(3)]
    assert sorted(posts, key=int) == posts
    assert len(set(posts)) == len(posts)
    newest = target.api("GET", "/api/v1/timelines/home")
    assert newest[0]["content"] == "<p>after 2</p>"
    assert "ahead of the clock" in doctor(made.server)
    # And over a restart.
    made.server.stop()
    made.server.start()
    again = target.api("POST", "/api/v1/statuses", status="again")["id"]
    assert int(again) > int(posts[-1])
    assert "behind the newest thing in the database" in made.server.log.read_text()


def test_a_clock_that_jumps_there_and_back(jumping: tuple[Jumping, Target], hostile: Hostile) -> None:
    """By an hour and by a day, both ways: tokens go on, ids go up, and what a peer sends is taken when the clock is right."""
    made, target = jumping
    author = hostile.actor("there", "thea")
    followed(target, hostile, author)
    follow = hostile.activity("Follow", author, f"{made.server.url}/people/ada")
    assert hostile.send(target.server, follow) == (202, "")
    wait_until(lambda: "Accept" in heard(hostile, author))
    posts: list[str] = []
    for number, offset in enumerate((HOUR, -HOUR, DAY, -DAY)):
        made.jump(offset)
        posts.append(target.api("POST", "/api/v1/statuses", status=f"wrong {number}")["id"])
        create = hostile.activity("Create", author, hostile.note(author, f"/notes/{number}"))
        # An hour behind is what peers are forgiven; for the rest it is we who are wrong.
        assert hostile.send(target.server, create) == ((202, "") if offset == -HOUR else (503, "clock"))
        made.jump(0)
        posts.append(target.api("POST", "/api/v1/statuses", status=f"right {number}")["id"])
        assert hostile.send(target.server, create) == (202, "")
        wait_until(lambda: target.post(str(create["object"]["id"])) is not None, 15)
    assert sorted(set(posts), key=int) == posts
    # Nothing that was planned by a wrong clock is left behind: the peer hears of each post.
    wait_until(lambda: heard(hostile, author).count("Create") == len(posts), 30)


def test_what_waits_for_a_peer_is_not_stuck_nor_given_up(jumping: tuple[Jumping, Target], hostile: Hostile) -> None:
    """Written before the clock went a year ahead, for a peer that is down; it goes out when the clock is right again."""
    made, target = jumping
    author = hostile.actor("down", "dora")
    followed(target, hostile, author)
    follow = hostile.activity("Follow", author, f"{made.server.url}/people/ada")
    assert hostile.send(target.server, follow) == (202, "")
    assert target.outcome(follow) == ("done", "")
    wait_until(lambda: "Accept" in heard(hostile, author))
    hostile.posted = Answer({}, 503, headers={"retry-after": "5"})
    try:
        target.api("POST", "/api/v1/statuses", status="while it is down")
        made.jump(YEAR)
        made.server.fedi("delivery", "retry", hostile.host("down"))
        time.sleep(2)
        made.jump(0)
    finally:
        hostile.posted = Answer(b"", 202)
    wait_until(lambda: "Create" in heard(hostile, author), 40)


def heard(hostile: Hostile, author: str) -> list[str]:
    """The types of what the host of an actor was sent and took."""
    host = author.removeprefix("http://").partition("/")[0]
    return [json.loads(one.body)["type"] for one in hostile.taken if one.host == host]
