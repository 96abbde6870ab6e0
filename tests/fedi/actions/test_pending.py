"""Acts that can't be taken back: a second person, a time lock, and what was approved is what is done."""

from collections.abc import Callable
from typing import Any

import pytest

from fedi.actions import peers as peer_acts
from fedi.actions import pending, people
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound
from storage import audit, peers, pending_actions
from storage.metadata import Tx
from storage.pending_actions import PendingAction
from tests.conftest import Clock

HOUR = 3600 * 1000
PAYLOAD = {"host": "south.example"}


@pytest.fixture
def write(site: Site) -> Callable[[Callable[[Tx], Any]], Any]:
    """Runs a unit."""

    def fill(tx: Tx) -> None:
        people.ensure_instance_actor(tx, site)
        peers.meet(tx, "south.example", 1)
        peers.change(tx, "south.example", stance="agreed")

    site.db.write_now(fill)
    return site.db.write_now


def admins(tx: Tx, site: Site, *names: str) -> None:
    for name in names:
        people.register(tx, site, username=name, email=f"{name}@alpha.example", role="admin")


def propose(tx: Tx, site: Site, who: str = "ada") -> PendingAction:
    return pending.propose(tx, site, who, "peer.end", PAYLOAD, "they closed")


def test_a_second_admin_and_a_day(site: Site, clock: Clock, write: Callable[..., Any]) -> None:
    write(lambda tx: admins(tx, site, "ada", "kim"))
    row = write(lambda tx: propose(tx, site))
    assert 0 <= row.not_before - row.created_at - 24 * HOUR < 1000
    with pytest.raises(Forbidden, match="kim"):
        write(lambda tx: pending.approve(tx, site, "ada", row.id))
    assert write(lambda tx: pending.approve(tx, site, "kim", row.id)).state == "approved"
    clock.pass_(seconds=23 * 3600)
    assert write(lambda tx: pending.due(tx, site, row.id)) is None
    clock.pass_(seconds=2 * 3600)
    found = write(lambda tx: pending.due(tx, site, row.id))
    assert (found.proposer, found.approver) == ("ada", "kim")
    write(lambda tx: pending.done(tx, site, found))
    assert write(lambda tx: pending.due(tx, site, row.id)) is None
    log = write(lambda tx: audit.newest(tx, 10))
    assert [one.action for one in log] == ["pending.done", "pending.approve", "pending.propose"]


def test_who_is_alone_waits_three_times_as_long(site: Site, write: Callable[..., Any]) -> None:
    write(lambda tx: admins(tx, site, "ada"))
    row = write(lambda tx: propose(tx, site))
    approved = write(lambda tx: pending.approve(tx, site, "ada", row.id))
    assert approved.not_before - row.created_at >= 72 * HOUR


def test_to_get_rid_of_the_other_admin_saves_no_time(site: Site, clock: Clock, write: Callable[..., Any]) -> None:
    write(lambda tx: admins(tx, site, "ada", "kim"))
    row = write(lambda tx: propose(tx, site))

    def degrade(tx: Tx) -> None:
        from storage import actors
        from storage import people as persons

        kim = actors.by_name(tx, "kim", site.config.handle_domain)
        assert kim is not None
        persons.change(tx, kim.id, role="member")

    write(degrade)
    clock.pass_(seconds=3600)
    approved = write(lambda tx: pending.approve(tx, site, "ada", row.id))
    assert approved.not_before - approved.changed_at >= 72 * HOUR


def test_the_command_line_is_one_person(site: Site, write: Callable[..., Any]) -> None:
    write(lambda tx: admins(tx, site, "ada", "kim"))
    row = write(lambda tx: propose(tx, site, pending.COMMAND_LINE))
    with pytest.raises(Forbidden, match="ada, kim"):
        write(lambda tx: pending.approve(tx, site, pending.COMMAND_LINE, row.id))
    assert write(lambda tx: pending.approve(tx, site, "kim", row.id)).approver == "kim"


def test_another_payload_is_not_what_was_approved(site: Site, clock: Clock, write: Callable[..., Any]) -> None:
    write(lambda tx: admins(tx, site, "ada", "kim"))
    row = write(lambda tx: propose(tx, site))
    write(lambda tx: pending.approve(tx, site, "kim", row.id))
    write(lambda tx: pending_actions.change(tx, row.id, payload={"host": "north.example"}))
    clock.pass_(days=2)
    assert write(lambda tx: pending.due(tx, site, row.id)) is None
    assert write(lambda tx: pending.by_id(tx, row.id)).state == "dropped"


def test_what_nobody_approves_in_time_lapses(site: Site, clock: Clock, write: Callable[..., Any]) -> None:
    write(lambda tx: admins(tx, site, "ada", "kim"))
    row = write(lambda tx: propose(tx, site))
    with pytest.raises(Invalid, match="waits already"):
        write(lambda tx: propose(tx, site, "kim"))
    clock.pass_(days=9)
    with pytest.raises(Invalid, match="too old"):
        write(lambda tx: pending.approve(tx, site, "kim", row.id))
    assert write(lambda tx: pending.due(tx, site, row.id)) is None
    assert write(lambda tx: pending.by_id(tx, row.id)).state == "expired"


def test_what_can_not_be_proposed(site: Site, write: Callable[..., Any]) -> None:
    for kind, payload, reason, problem in (
        ("peer.eat", PAYLOAD, "why", Invalid),
        ("peer.end", PAYLOAD, " ", Invalid),
        ("peer.end", {"host": "nowhere.example"}, "why", NotFound),
        ("peer.end", {}, "why", NotFound),
        ("peer.purge", PAYLOAD, "still peered", Invalid),
    ):
        with pytest.raises(problem):
            write(lambda tx, k=kind, p=payload, r=reason: pending.propose(tx, site, "ada", k, p, r))
    row = write(lambda tx: propose(tx, site))
    write(lambda tx: pending.drop(tx, site, "kim", row.id, "no"))
    with pytest.raises(Invalid, match="dropped"):
        write(lambda tx: pending.approve(tx, site, "kim", row.id))


def test_who_breaks_the_glass_is_looked_after(site: Site, write: Callable[..., Any]) -> None:
    write(lambda tx: admins(tx, site, "ada", "kim"))
    write(lambda tx: peers.change(tx, "south.example", one_sided=True))
    write(lambda tx: peer_acts.suspend(tx, site, "ada", "south.example", "incident"))
    assert [row.who for _, row in write(pending.to_review)] == ["ada"]
    with pytest.raises(Forbidden, match="kim"):
        write(lambda tx: pending.review(tx, site, "ada", "south.example"))
    write(lambda tx: pending.review(tx, site, "kim", "south.example"))
    assert write(pending.to_review) == []
    write(lambda tx: peer_acts.resume(tx, site, "kim", "south.example"))
    write(lambda tx: peer_acts.suspend(tx, site, "kim", "south.example", "again"))
    assert [row.who for _, row in write(pending.to_review)] == ["kim"]


def test_what_one_admin_does_alone_ends_no_peering_at_once(site: Site, clock: Clock, write: Callable[..., Any]) -> None:
    """A suspension until yesterday would be an end, and so would a notice for in a minute."""
    write(lambda tx: admins(tx, site, "ada", "kim"))
    for until in (site.clock() - 24 * HOUR, site.clock() + HOUR):
        with pytest.raises(Invalid, match="fedi peer end"):
            write(lambda tx, until=until: peer_acts.suspend(tx, site, "ada", "south.example", "incident", until))
    with pytest.raises(Invalid, match="fedi peer end"):
        write(lambda tx: peer_acts.notice(tx, site, "ada", "south.example", site.clock() + HOUR, "over"))
    assert write(lambda tx: peers.by_host(tx, "south.example")).stance == "agreed"
    write(lambda tx: peer_acts.suspend(tx, site, "ada", "south.example", "incident", site.clock() + 24 * HOUR))
