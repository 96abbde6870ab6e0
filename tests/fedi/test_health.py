"""How a peering is judged: by what is known, with the reasons, the worst first."""

from collections.abc import Callable
from typing import Any

import pytest

from fedi import health
from fedi.cli.peer_health import health_fields
from fedi.context import Site
from fedi.health import DAY, HOUR, Health
from storage import decisions, delivered, links, peers, probes, sequences, troubles
from storage.decisions import DecisionRow
from storage.delivered import Delivered
from storage.metadata import Tx, insert_new
from storage.probes import Probe
from storage.sequences import Heard
from storage.troubles import Trouble
from tests.conftest import Clock

HOST = "peer.example"
Change = Callable[[Tx, Site], None]


def met(tx: Tx, site: Site, **values: Any) -> None:
    peers.meet(tx, HOST, site.clock())
    peers.change(tx, HOST, **{"stance": "agreed", "instance_actor": f"https://{HOST}/actor"} | values)


def of(site: Site) -> Health:
    found = site.db.read_now(lambda tx: health.of_peer(tx, site, HOST))
    assert found is not None
    return found


def link(tx: Tx, site: Site, **values: Any) -> None:
    row = {
        "host": HOST, "cursor": 5, "wanted": 5, "failures": 0, "refused_in_row": 0, "next_attempt_at": 0, "state": "open",
    }  # fmt: skip
    insert_new(tx, links.links, row | values)


def lost_here(tx: Tx, site: Site) -> None:
    sequences.save_heard(tx, Heard(HOST, 7, 10, site.clock(), [[4, 5, site.clock() - HOUR], [9, 9, site.clock()]]))


def lost_there(tx: Tx, site: Site) -> None:
    peers.change(tx, HOST, status={"gaps": [[1, 3]]}, status_at=site.clock())


def fewer_there(tx: Tx, site: Site) -> None:
    status = {"lastReceived": {"seq": 90, "epoch": 7}, "asked": {"sent": 92, "epoch": 7}}
    peers.change(tx, HOST, status=status, status_at=site.clock())


def failed_check(tx: Tx, site: Site) -> None:
    probes.insert(tx, Probe(1, HOST, "unsigned-fetch", "failed", "it showed it", [], "", None, None, site.clock()))


def unreliable(tx: Tx, site: Site) -> None:
    delivered.add(tx, {HOST: Delivered(taken=18, failed=2, quick=18)}, site.clock())


def refused(tx: Tx, site: Site) -> None:
    for number in range(3):
        row = DecisionRow(
            site.new_id(), "in", HOST, None, f"https://{HOST}/{number}", "Create", "reject", "media", "too large", 1, site.clock()
        )  # fmt: skip
        decisions.insert(tx, row)


@pytest.mark.parametrize(
    ("change", "colour", "words"),
    [
        (lambda tx, site: None, "green", "all is well"),
        (lambda tx, site: peers.change(tx, HOST, stance="none"), "grey", "nothing is agreed with it"),
        (lambda tx, site: peers.change(tx, HOST, stance="blocked"), "grey", "it is blocked"),
        (
            lambda tx, site: peers.change(tx, HOST, stance="suspended", suspended_until=site.clock() + 10 * DAY + HOUR),
            "yellow",
            "it is suspended and ends in 10 days unless it is resumed",
        ),
        (lambda tx, site: peers.change(tx, HOST, paused=True), "yellow", "what is not public waits until both have signed the new terms"),
        (lambda tx, site: peers.change(tx, HOST, one_sided=True), "yellow", "it was agreed by us alone: its server does not speak of peering"),
        (lost_here, "red", "2 of what it sent never came"),
        (lost_there, "red", "it says that 3 of what we sent never came"),
        (fewer_there, "red", "it took 92 and says that only 90 came"),
        (failed_check, "red", "it failed the checks unsigned-fetch"),
        (unreliable, "yellow", "it took 90% of what was sent in a day"),
        (refused, "yellow", "3 of what it sent was refused in a day: media 3"),
        (lambda tx, site: peers.change(tx, HOST, status={}, status_at=site.clock() - 3 * DAY), "yellow", "it has not told its own account for 3 days"),
        (lambda tx, site: link(tx, site, failures=4, problem="unreachable: asleep"), "yellow", "the last 4 tries failed: unreachable: asleep"),
        (
            lambda tx, site: troubles.add(tx, Trouble(1, HOST, "", 5, "x", "refused", "no", site.clock())),
            "yellow",
            "1 delivery of a day ended without being taken",
        ),
    ],
)  # fmt: skip
def test_a_colour_has_its_reason(site: Site, change: Change, colour: str, words: str) -> None:
    site.db.write_now(lambda tx: met(tx, site))
    site.db.write_now(lambda tx: change(tx, site))
    found = of(site)
    assert (found.colour, found.words) == (colour, (words,))
    assert health_fields(found)["because"] == words
    assert health.as_fields(found)["words"] == [words]


def test_what_is_wrong_comes_before_what_is_to_be_looked_at(site: Site) -> None:
    site.db.write_now(lambda tx: met(tx, site, paused=True))
    site.db.write_now(lambda tx: lost_here(tx, site))
    found = of(site)
    assert found.colour == "red"
    assert found.words[0] == "2 of what it sent never came"
    assert found.missing_in == ((4, 5),)  # the other may only have been overtaken


def test_what_went_by_is_forgotten(site: Site, clock: Clock) -> None:
    site.db.write_now(lambda tx: met(tx, site))
    for change in (unreliable, refused):
        site.db.write_now(lambda tx, change=change: change(tx, site))  # type: ignore[misc]  # a lambda with a default
    clock.pass_(days=2)
    found = of(site)
    assert (found.colour, found.success_day, found.refused_in) == ("green", None, {})
    site.db.write_now(lambda tx: delivered.forget(tx, site.clock()))
    assert site.db.read_now(lambda tx: delivered.since(tx, HOST, 0, 2**50)) == Delivered()


def test_a_host_that_was_never_met_has_none(site: Site) -> None:
    assert site.db.read_now(lambda tx: health.of_peer(tx, site, "never.example")) is None


def test_what_a_peer_says_of_itself_breaks_nothing(site: Site) -> None:
    site.db.write_now(lambda tx: met(tx, site))
    strange: list[Any] = [
        {"gaps": "many"}, {"gaps": [[1], ["a", 2], 7]}, {"lastReceived": 3, "asked": []},
        {"lastReceived": {"seq": "9"}, "asked": {"sent": None}}, {"asked": {"skewMs": "late"}},
    ]  # fmt: skip
    for status in strange:
        site.db.write_now(lambda tx, status=status: peers.change(tx, HOST, status=status, status_at=site.clock()))  # type: ignore[misc]  # a lambda with a default
        assert of(site).colour == "green"
