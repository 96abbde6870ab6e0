"""Peering with servers that speak none of it, over real HTTP: one as Mastodon, one as Lemmy. It is one-sided and says so; exactly
what was decided opens; tighter terms count at once; suspended and resumed, every follow is back and every missed post comes,
also what they gave up sending; it ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.client import wait_until
from tests.live.plain_peer import PlainPeer
from tests.live.universities import University, has, join, later, relation, university

pytestmark = pytest.mark.live


@pytest.fixture(params=["mastodon", "lemmy"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[University, PlainPeer]]:
    """A university with three groups, and a server of another kind."""
    peer = PlainPeer(request.param)
    groups = {"ai": ("anna", "peers"), "thesis": ("anna", "members"), "staff": ("anna", "peers")}
    here = university(tmp_path, "north", ["anna"], groups)
    try:
        yield here, peer
    finally:
        here.server.stop()
        peer.close()


def told(peer: PlainPeer, group: str) -> str:
    """What a group said last to their follow: Accept or Reject."""
    said = [str(one["type"]) for one in peer.inbox if one["actor"] == group and one["type"] in ("Accept", "Reject")]
    return said[-1] if said else ""


def alone(here: University, peer: PlainPeer, terms: dict[str, list[str]]) -> dict[str, Any]:
    """Agree with them by ourselves, or change what was agreed so; the agreement."""
    made: dict[str, Any] = here.call("POST", "/agreements", {"institution": peer.base, "terms": terms, "alone": True})
    return made


def test_peering_with_a_server_that_speaks_none_of_it(both: tuple[University, PlainPeer]) -> None:
    here, peer = both
    anna = here.people["anna"]
    theirs = f"@systems@{peer.host}" if peer.software == "lemmy" else f"@mira@{peer.host}"

    # Offered an agreement, it would never answer: that is said at once, with what to do instead.
    refused = here.call("POST", "/agreements", {"institution": peer.base}, status=422)
    assert "alone" in str(refused)

    # Before: nobody there gets into a group of peers by themselves.
    peer.follow(here.group("ai"))
    wait_until(lambda: here.peer(peer.host)["software"] == peer.software)
    anna.post(f"@ai@{here.host} canary-before")
    assert not told(peer, here.group("ai"))

    # Agreed by us alone, for one group: it says that it is one-sided, and opens that group and no other.
    terms = {"groups": [here.group("ai"), here.group("thesis")], "visibility": ["public", "peers"]}
    assert alone(here, peer, terms)["state"] == "active"
    assert here.peer(peer.host)["one_sided"]
    assert here.peer(peer.host)["tier"] == "agreed"
    peer.follow(here.group("ai"))
    peer.follow(here.group("staff"))
    peer.follow(here.group("thesis"))
    wait_until(lambda: told(peer, here.group("ai")) == "Accept")
    account = join(anna, theirs)
    anna.post(f"@ai@{here.host} for peers")
    anna.post(f"@staff@{here.host} canary-of-staff")
    anna.post(f"@thesis@{here.host} canary-of-thesis")
    wait_until(lambda: "for peers" in peer.texts())
    peer.post("said over there")
    wait_until(lambda: has(anna, "said over there"))
    peer.post("into your group", to_group=here.group("ai"))
    wait_until(lambda: has(anna, "into your group"))

    # Tighter terms: there is nobody to sign them, so they count at once.
    alone(here, peer, terms | {"visibility": ["public"]})
    assert [one["state"] for one in here.agreements(peer.host)] == ["active", "replaced"]
    wait_until(lambda: told(peer, here.group("ai")) == "Reject")
    anna.post(f"@ai@{here.host} canary-tightened")
    alone(here, peer, terms)
    peer.follow(here.group("ai"))
    wait_until(lambda: told(peer, here.group("ai")) == "Accept")
    anna.post(f"@ai@{here.host} for peers again")
    wait_until(lambda: "for peers again" in peer.texts())

    # Suspended: nothing passes, nothing is lost.
    here.call("PUT", f"/peers/{peer.host}/suspension", {"reason": "incident 4411", "days": 7})
    before = len(peer.answers)
    peer.post("sent meanwhile")
    peer.post("sent meanwhile into your group", to_group=here.group("ai"))
    assert set(peer.answers[before:]) == {503}
    assert not has(anna, "said over there")  # hidden, not deleted
    peer.waiting.clear()  # it gives up: whoever was suspended is caught up with
    anna.post(f"@ai@{here.host} answered meanwhile")
    here.call("DELETE", f"/peers/{peer.host}/suspension")
    wait_until(lambda: "answered meanwhile" in peer.texts())
    wait_until(lambda: has(anna, "sent meanwhile") and has(anna, "said over there"), 60)
    assert relation(anna, account)["following"]
    peer.post("and on it goes")
    wait_until(lambda: has(anna, "and on it goes"))

    # It ends, by two admins after the time lock.
    proposed = here.call("POST", f"/peers/{peer.host}/end", {"reason": "no more"}, status=202)
    here.call("POST", f"/pending/{proposed['id']}/approve", who="lee")
    later(1.1, here)
    wait_until(lambda: here.state(peer.host) == "ended", 60)
    anna.post(f"@ai@{here.host} canary-after")
    wait_until(lambda: here.peer(peer.host)["tier"] == "public")
    assert "canary" not in peer.texts()
