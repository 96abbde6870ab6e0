"""`/metrics`: what an operator's Prometheus reads, of the instance and of each of its processes."""

import asyncio
import re
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request

from fedi import telemetry
from fedi.app import build
from fedi.context import Site
from fedi.exposition import Exposition
from fedi.metrics import PEERS, metrics
from storage import agreements, delivered, jobs, links, peers, processes, received, waiting
from storage.agreements import AgreementRow
from storage.delivered import Delivered
from storage.links import Link
from storage.metadata import Tx, insert_new
from storage.processes import Process
from storage.received import Received
from tests.conftest import Clock
from tests.storage.rows import activity, actor, said

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scraped(site: Site, figures: telemetry.Figures | None = None) -> Samples:
    """What Prometheus reads, by name and labels."""
    state = SimpleNamespace(site=site, figures=figures or telemetry.Figures(site, "serve"))
    answer = await metrics(Request({"type": "http", "app": SimpleNamespace(state=state), "headers": []}))
    assert answer.media_type == "text/plain; version=0.0.4; charset=utf-8"
    families = list(text_string_to_metric_families(bytes(answer.body).decode()))
    assert all(family.type in ("gauge", "counter") and family.documentation for family in families)
    assert len({family.name for family in families}) == len(families)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    """One of them."""
    return samples[name, frozenset(labels.items())]


def arrived(site: Site, number: int, at: int, **more: Any) -> Received:
    """An activity that came at `at`."""
    return replace(activity(number), due_at=at, received_at=at, **more)


def link(host: str, cursor: int, wanted: int, **more: Any) -> Link:
    """A link at a position of the log."""
    values: dict[str, Any] = {
        "failures": 0,
        "failing_since": None,
        "refused_in_row": 0,
        "next_attempt_at": 0,
        "claimed_until": None,
        "state": "open",
        "last_success_at": None,
        "problem": None,
    }
    return Link(host=host, cursor=cursor, wanted=wanted, **(values | more))


async def test_ages_of_the_queues(site: Site, clock: Clock) -> None:
    now = clock.at

    def fill(tx: Tx) -> None:
        for number, before in enumerate((90_000, 30_000, 10_000)):
            received.insert(tx, arrived(site, number, now - before))
        received.insert(tx, arrived(site, 9, now - 5_000, via=None))
        jobs.add(tx, site.new_id(), "card", "1", {}, now - 60_000)
        jobs.add(tx, site.new_id(), "card", "2", {}, now, now + 3_600_000)

    await site.db.write(fill)
    samples = await scraped(site)
    assert value(samples, "fedi_queue_due", queue="received") == 4
    assert value(samples, "fedi_queue_oldest_seconds", queue="received") == pytest.approx(90, abs=1)
    assert value(samples, "fedi_received_oldest_seconds") == pytest.approx(90, abs=1)
    assert value(samples, "fedi_received", state="new") == 4
    assert value(samples, "fedi_queue_due", queue="jobs") == 1
    assert value(samples, "fedi_queue_oldest_seconds", queue="jobs") == pytest.approx(60, abs=1)
    assert value(samples, "fedi_queue_due", queue="outbox") == 0
    assert value(samples, "fedi_queue_oldest_seconds", queue="outbox") == 0


async def test_counting_has_an_end(site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOST", 3)
    await site.db.write(lambda tx: [received.insert(tx, arrived(site, one, clock.at - 1)) for one in range(9)])
    assert value(await scraped(site), "fedi_queue_due", queue="received") == 3


async def test_the_peers_that_are_most_behind_are_told_of_by_name(site: Site, clock: Clock) -> None:
    def fill(tx: Tx) -> None:
        ada = actor(tx, "ada")
        at = [said(tx, ada, clock.at - 1000 * (10 - number)) for number in range(5)]
        made = [link(f"h{number}.example", at[2], at[4]) for number in range(PEERS + 5)]
        made.append(link("slow.example", at[0], at[4], failures=3, last_success_at=clock.at - 7_000))
        made.append(link("quick.example", at[4], at[4]))
        for one in made:
            insert_new(tx, links.links, asdict(one))

    await site.db.write(fill)
    samples = await scraped(site)
    slow = {"host": "slow.example", "state": "open"}
    assert value(samples, "fedi_peer_behind_rows", **slow) == 4
    assert value(samples, "fedi_peer_behind_seconds", **slow) == pytest.approx(9, abs=1)
    assert value(samples, "fedi_peer_failures", **slow) == 3
    assert value(samples, "fedi_peer_last_success_seconds", **slow) == pytest.approx(clock.at / 1000 - 7, abs=1)
    named = {dict(labels)["host"] for name, labels in samples if name == "fedi_peer_behind_rows"}
    assert len(named) == PEERS
    assert "slow.example" in named
    assert "quick.example" not in named
    assert value(samples, "fedi_queue_due", queue="outbox") == PEERS + 6
    assert value(samples, "fedi_queue_oldest_seconds", queue="outbox") == pytest.approx(9, abs=1)
    assert value(samples, "fedi_links") == PEERS + 7
    assert value(samples, "fedi_links_waiting") == PEERS + 6
    assert value(samples, "fedi_links_failing") == 1


async def test_what_a_process_does_is_told(site: Site) -> None:
    site.steps.add("inbox.process", 0.25, 100)
    site.steps.add("inbox.process", 0.5, 20)
    site.outcomes.add("processed", "done", 119)
    site.outcomes.add("processed", "bad-date")
    samples = await scraped(site)
    of = {"process": str(site.db.slot)}
    assert value(samples, "fedi_step_seconds_total", step="inbox.process", **of) == 0.75
    assert value(samples, "fedi_step_runs_total", step="inbox.process", **of) == 2
    assert value(samples, "fedi_step_items_total", step="inbox.process", **of) == 120
    assert value(samples, "fedi_outcomes_total", kind="processed", code="bad-date", **of) == 1
    assert value(samples, "fedi_process_memory_bytes", **of) > 10 << 20
    assert value(samples, "fedi_cache_bytes", cache="posts", **of) >= 0
    assert value(samples, "fedi_database_bytes") > 10_000


async def test_any_process_tells_of_all_that_live(site: Site, clock: Clock) -> None:
    mine = telemetry.Figures(site, "serve")
    others = mine.now() | {"role": "worker", "steps": {"deliver.post": [1, 7, 2.5]}}

    def fill(tx: Tx) -> None:
        processes.say(tx, Process(60, clock.at - 5_000, others | {"steps": {}}))
        processes.say(tx, Process(60, clock.at - 1_000, others))
        processes.say(tx, Process(61, clock.at - telemetry.GONE - 1_000, others))
        processes.say(tx, Process(site.db.slot, clock.at, others))  # who had this number before

    await site.db.write(fill)
    samples = await scraped(site, mine)
    assert value(samples, "fedi_step_items_total", step="deliver.post", process="60") == 7
    told = {dict(labels)["process"] for name, labels in samples if name == "fedi_process_memory_bytes"}
    assert told == {str(site.db.slot), "60"}
    own = [labels for name, labels in samples if name == "fedi_step_items_total"]
    assert own == [frozenset({("step", "deliver.post"), ("process", "60")})]


async def test_a_process_says_what_changed_until_it_ends(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "EVERY", 0.02)
    monkeypatch.setattr(type(site.db), "shared", property(lambda _: True))
    app = build(site.config, site=site, worker=False)
    site.steps.add("home.read", 0.5)
    async with app.router.lifespan_context(app):
        rows: list[Process] = []
        for _ in range(500):
            rows = rows or await site.db.read(lambda tx: processes.since(tx, 0))
            await asyncio.sleep(0 if rows else 0.01)
        assert rows[0].slot == site.db.slot
        assert rows[0].figures["steps"] == {"home.read": [1, 1, 0.5]}
        assert rows[0].figures["role"] == "serve"
    assert await site.db.read(lambda tx: processes.since(tx, 0)) == []


def test_hosts_cant_write_lines_of_their_own() -> None:
    out = Exposition()
    out.gauge("fedi_peer_failures", "Failures in a row", 2, host='evil"} 1\nfedi_people 0\\')
    [family] = text_string_to_metric_families(out.text())
    [sample] = family.samples
    assert sample.labels == {"host": 'evil"} 1\nfedi_people 0\\'}
    assert sample.value == 2


def agreed(tx: Tx, now: int) -> None:
    """A peering that was asked how it goes."""
    peers.meet(tx, "peer.example", now)
    status = {"gaps": [[3, 4]], "asked": {"sent": 9, "epoch": 1, "skewMs": 250}}
    peers.change(tx, "peer.example", stance="agreed", status=status, status_at=now)
    delivered.add(tx, {"peer.example": Delivered(taken=3, failed=1, quick=3)}, now)
    row = AgreementRow(
        1, "https://a.example/1/v1", "https://a.example/o/1", "peer.example", True, 1, None, b"{}", "", [], "active", now, now + 40 * 86_400_000,
        None, None, now, now,
    )  # fmt: skip
    agreements.insert(tx, row)


async def test_peerings_are_told_of_by_name_and_no_other_host_is(site: Site, clock: Clock) -> None:
    def fill(tx: Tx) -> None:
        agreed(tx, clock.at)
        peers.meet(tx, "stranger.example", clock.at)

    await site.db.write(fill)
    found = await scraped(site)
    assert value(found, "fedi_peering_health", peer="peer.example") == 2
    assert value(found, "fedi_peering_missing", peer="peer.example", direction="out") == 2
    assert value(found, "fedi_peering_missing", peer="peer.example", direction="in") == 0
    assert value(found, "fedi_peering_success_ratio", peer="peer.example") == 0.75
    assert value(found, "fedi_peering_agreement_days", peer="peer.example") == 39
    assert value(found, "fedi_peering_clock_skew_seconds", peer="peer.example") == 0.25
    assert {dict(labels).get("peer", "peer.example") for _, labels in found} == {"peer.example"}


async def test_every_figure_is_explained(site: Site, clock: Clock) -> None:
    site.steps.add("inbox.process", 0.25)
    site.outcomes.add("processed", "done")

    def fill(tx: Tx) -> None:
        at = said(tx, actor(tx, "ada"), clock.at)
        insert_new(tx, links.links, asdict(link("slow.example", at - 1, at, last_success_at=clock.at)))
        jobs.add(tx, site.new_id(), "card", "1", {}, clock.at)
        agreed(tx, clock.at)

    await site.db.write(fill)
    told = {name for name, _ in await scraped(site)}
    document = (Path(__file__).parents[2] / "deploy" / "monitoring.md").read_text("utf-8")
    table, _, rules = document.partition("## Rules for alerts")
    assert set(re.findall(r"`(fedi_\w+)`", table)) == told
    assert set(re.findall(r"\bfedi_\w+", rules)) <= told
