"""`fedi.pressure`: background work gives way to a burst, and is never starved by one. Time is the test's own."""

import asyncio

import pytest

from fedi import pressure
from fedi.pressure import BURST, LONGEST, PAUSE, Pressure


class Time:
    """A clock that goes on only while somebody sleeps; `every` seconds a request arrives meanwhile."""

    def __init__(self, subject: Pressure) -> None:
        self.subject = subject
        self.now = 1000.0
        self.every: float | None = None
        self.last = 1000.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        end = self.now + seconds
        while self.every is not None and self.last + self.every <= end:
            self.last = self.now = self.last + self.every
            self.subject.arrived()
        self.now = end


@pytest.fixture
def subject() -> Pressure:
    return Pressure()


@pytest.fixture
def time(subject: Pressure, monkeypatch: pytest.MonkeyPatch) -> Time:
    own = Time(subject)
    monkeypatch.setattr(pressure, "monotonic", own.monotonic)
    monkeypatch.setattr(asyncio, "sleep", own.sleep)
    return own


async def test_who_asks_on_a_quiet_day_waits_for_nothing(subject: Pressure, time: Time) -> None:
    await subject.room()
    assert time.now == 1000.0


async def test_few_requests_hold_nothing_up(subject: Pressure, time: Time) -> None:
    for _ in range(BURST - 1):
        subject.arrived()
    assert await subject.room()
    assert time.now == 1000.0


async def test_after_a_burst_a_pause_is_waited_for(subject: Pressure, time: Time) -> None:
    for _ in range(BURST):
        subject.arrived()
    assert await subject.room()
    assert time.now == pytest.approx(1000.0 + PAUSE)
    assert await subject.room()
    assert time.now == pytest.approx(1000.0 + PAUSE)


async def test_a_burst_is_waited_out(subject: Pressure, time: Time) -> None:
    for _ in range(BURST):
        subject.arrived()
    time.every = PAUSE / BURST / 2
    assert not await subject.room()
    time.every = 2 * PAUSE / (BURST - 1)  # less than a pause apart, but no burst
    assert await subject.room()
    assert time.now - 1000.0 < LONGEST + 2 * PAUSE


async def test_requests_without_end_hold_work_up_for_a_moment_only(subject: Pressure, time: Time) -> None:
    for _ in range(BURST):
        subject.arrived()
    time.every = 0.001
    assert not await subject.room()
    assert time.now - 1000.0 == pytest.approx(LONGEST)
