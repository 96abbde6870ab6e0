"""A clock that is set: nothing is stuck after a step back, nothing is given up, deleted or published after a step far forward
that may be wrong, and the log says what happened."""

import logging
from dataclasses import asdict
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from federation.dates import Dates
from fedi.clock import BELIEVED, FAR
from fedi.context import Site, close_site, open_site
from fedi.mastodon.limits import READING, Windows
from fedi.worker import clock as watching
from fedi.worker import schedule
from fedi.worker.schedule import SCHEDULE
from storage import cursors, ids, jobs, links, peers, received
from storage.links import Link
from storage.metadata import Tx, insert_new
from tests.conftest import Clock
from tests.storage import rows

HOUR = 3_600_000
YEAR = 365 * 24 * HOUR


class Steady:
    """Ms by a clock that nobody sets; a second goes by at each look, for the site's clock as well."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.at = 0

    def __call__(self) -> int:
        self.at += 1000
        self.clock.at += 1000
        return self.at


@pytest.fixture
def watch(site: Site, clock: Clock) -> watching.Watch:
    return watching.Watch(site, Steady(clock))


@pytest.mark.anyio
@pytest.mark.parametrize("ahead", [HOUR, YEAR])
async def test_nothing_is_stuck_after_the_clock_was_set_back(
    site: Site, clock: Clock, watch: watching.Watch, ahead: int, caplog: pytest.LogCaptureFixture
) -> None:
    """It had been ahead: what was planned meanwhile is due now, not when that time comes again."""
    await watch.look()
    clock.at += ahead
    await watch.look()

    def plan(tx: Tx) -> None:
        now = site.clock()
        received.insert(tx, rows.activity(site.new_id(), due_at=now + 60_000, via=None))
        jobs.add(tx, 1, "card", "1", {}, now, now + 60_000)
        jobs.add(tx, 2, "scheduled", "2", {}, now, now + 60_000)
        peers.meet(tx, "dead.example", now)
        peers.change(tx, "dead.example", nodeinfo_at=now)
        made = Link("dead.example", 0, 1, 1, now, 0, now + 60_000, now + 20_000, "open", None, None)
        insert_new(tx, links.links, asdict(made))
        cursors.advance(tx, "schedule: sweep media", now, now)

    await site.db.write(plan)
    clock.at -= ahead
    assert await watch.look() < 0
    now = site.clock()

    def due(tx: Tx) -> None:
        assert jobs.claim(tx, now, now + 1, 10)[0].id == 1
        link = links.by_host(tx, "dead.example")
        assert link is not None
        assert link.next_attempt_at <= now
        assert (link.claimed_until or 0) <= now + watching.LEASE
        assert cursors.position(tx, "schedule: sweep media") <= now
        peer = peers.by_host(tx, "dead.example")
        assert peer is not None
        assert (peer.nodeinfo_at or 0) <= now
        assert received.newest(tx, 1)[0].due_at <= now

    await site.db.write(due)
    assert "set back" in caplog.text


@pytest.mark.anyio
async def test_what_was_set_back_while_no_process_ran_is_found_at_the_start(
    site: Site, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    at = site.clock() + HOUR
    await site.db.write(lambda tx: jobs.add(tx, ids.first_at(at), "card", "1", {}, at, at))
    await watching.Watch(site, Steady(clock)).look()
    assert len(await site.db.write(lambda tx: jobs.claim(tx, site.clock(), site.clock() + 1, 10))) == 1
    assert "behind the newest thing in the database" in caplog.text


@pytest.mark.anyio
async def test_a_step_far_forward_ends_nothing_until_it_is_believed(
    site: Site, clock: Clock, watch: watching.Watch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    await watch.look()
    before = site.clock()
    await schedule.run_due(site)
    clock.at += YEAR
    await watch.look()
    assert before <= site.surely() < before + HOUR
    assert site.clock_in_doubt
    # The clock of tests goes on at each look, so what is due every minute may be; nothing that is due later is.
    await schedule.run_due(site)
    done = await site.db.read(lambda tx: {one.name: cursors.position(tx, f"schedule: {one.name}") for one in SCHEDULE})
    assert max(done.values()) < before + HOUR
    assert all(done[one.name] < before + one.every for one in SCHEDULE if one.every >= HOUR)
    assert "set forward by 365 days" in caplog.text
    for _ in range(BELIEVED // 1000 + 2):
        await watch.look()
    assert site.surely() >= before + YEAR
    assert await schedule.run_due(site) > 0


@pytest.mark.anyio
async def test_a_step_far_forward_is_in_doubt_before_it_was_noticed(
    site: Site, clock: Clock, watch: watching.Watch
) -> None:
    """In the second between two looks everything could be given up that waits."""
    await watch.look()
    clock.at += YEAR
    assert site.surely() < clock.at - YEAR + HOUR
    assert site.clock_in_doubt
    await watch.look()
    assert site.surely() < clock.at - YEAR + HOUR


@pytest.mark.anyio
async def test_a_step_far_forward_that_peers_confirm_is_believed_at_once(
    site: Site, clock: Clock, watch: watching.Watch
) -> None:
    await watch.look()
    clock.at += YEAR
    await watch.look()
    assert site.clock_in_doubt
    for number in range(3):
        site.client.dates.hear(f"h{number}.example", _dated(site.clock()), site.clock())
    await watch.look()
    assert not site.clock_in_doubt


@pytest.mark.anyio
async def test_a_step_forward_and_back_leaves_no_doubt(site: Site, clock: Clock, watch: watching.Watch) -> None:
    await watch.look()
    clock.at += YEAR
    await watch.look()
    clock.at -= YEAR
    await watch.look()
    assert not site.clock_in_doubt
    assert site.doubt.ms == 0


@pytest.mark.anyio
@pytest.mark.parametrize("step", [500, -500, FAR - 60_000])
async def test_what_is_no_far_step_is_in_no_doubt(site: Site, clock: Clock, watch: watching.Watch, step: int) -> None:
    await watch.look()
    clock.at += step
    await watch.look()
    assert abs(clock.at - site.surely()) < 3000


@pytest.mark.anyio
async def test_a_clock_that_peers_disagree_with_is_said_once(
    site: Site, watch: watching.Watch, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        site.client.dates.hear(f"h{number}.example", _dated(site.clock() + 3 * HOUR), site.clock())
    for _ in range(5):
        await watch.look()
    assert caplog.text.count("our clock is 3 hours behind") == 1


def test_the_time_by_others_is_that_of_most() -> None:
    dates = Dates()
    at = 1_790_000_000_000
    dates.hear("liar.example", _dated(at + YEAR), at)
    dates.hear("a.example", _dated(at), at)
    assert dates.off(at) is None  # too few
    dates.hear("b.example", _dated(at + 1000), at)
    dates.hear("broken.example", {"date": "yesterday"}, at)
    dates.hear("cache.example", {"date": _dated(at - HOUR)["date"], "age": "3600"}, at)
    assert abs(dates.off(at) or 0) < 2000
    assert dates.off(at + 2 * HOUR) is None  # too long ago
    for number in range(1000):
        dates.hear(f"h{number}.example", _dated(at), at)
    assert len(dates._heard) <= 64


def test_a_refusal_is_blamed_on_our_clock_only_when_it_is_wrong() -> None:
    dates = Dates()
    at = 1_790_000_000_000
    dates.hear("a.example", _dated(at + HOUR), at)
    assert dates.blame(_dated(at + HOUR), at)
    assert not dates.blame(_dated(at), at)
    assert not dates.blame({}, at)
    right = Dates()
    right.hear("a.example", _dated(at), at)
    assert not right.blame(_dated(at + HOUR), at)  # it is theirs


def test_a_window_of_the_rate_limit_does_not_last_longer_when_the_clock_is_set_back() -> None:
    windows = Windows()
    at = 1_790_000_000_000
    for _ in range(READING.requests):
        windows.count("read me", READING, at)
    assert not windows.count("read me", READING, at).allowed
    assert windows.count("read me", READING, at - HOUR).allowed


@pytest.mark.anyio
async def test_ids_go_on_where_they_were_though_the_clock_was_set_back_and_the_process_began_anew(site: Site) -> None:
    """An id that is made twice is an activity that is taken for one that is here already."""
    clock = Clock(site.clock() + 2 * YEAR)
    ahead = open_site(site.config, clock=clock)
    try:
        made = ahead.new_id()
        await ahead.db.write(lambda tx: jobs.add(tx, made, "card", "1", {}, clock.at))
        clock.at -= YEAR
        assert ahead.new_id() > made
    finally:
        await close_site(ahead)
    again = open_site(site.config, clock=Clock(clock.at))
    try:
        assert again.new_id() > made
    finally:
        await close_site(again)


def _dated(at: int) -> dict[str, str]:
    return {"date": format_datetime(datetime.fromtimestamp(at / 1000, UTC), usegmt=True)}
