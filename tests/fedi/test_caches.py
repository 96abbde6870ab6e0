"""Caches: never more than they may hold, what is used stays, and figures for everybody are worked out once."""

import asyncio

import pytest

from fedi.caches import Cache, Recent


def test_never_more_entries_than_allowed() -> None:
    cache: Cache[int, int] = Cache(100, 1 << 20)
    for number in range(1_000):
        cache.put(number, number, 10)
        assert cache.figures().entries <= 100
        assert cache.get(number) == number


def test_never_more_bytes_than_allowed() -> None:
    cache: Cache[int, bytes] = Cache(1_000_000, 10_000)
    for number in range(1_000):
        cache.put(number, b"", 1 + number % 700)
        assert cache.figures().bytes <= 10_000
    cache.put(1, b"", 20_000)
    assert cache.get(1) is None
    assert cache.figures().bytes <= 10_000


def test_what_is_used_stays() -> None:
    cache: Cache[int, str] = Cache(100, 1 << 20)
    cache.put(-1, "used", 10)
    for number in range(1_000):
        cache.put(number, "", 10)
        assert cache.get(-1) == "used"
    assert cache.get(0) is None


def test_the_latest_is_given_and_the_forgotten_is_not() -> None:
    cache: Cache[int, str] = Cache(4, 1 << 20)
    cache.put(1, "first", 10)
    cache.put(2, "", 10)
    cache.put(3, "", 10)  # 1 is of the old generation now
    cache.put(1, "second", 30)
    assert cache.get(1) == "second"
    cache.forget(1)
    assert cache.get(1) is None
    cache.put(4, "", 10)
    cache.clear()
    assert cache.get(4) is None
    assert cache.figures()[:2] == (0, 0)


def test_hits_and_misses_are_counted() -> None:
    cache: Cache[str, int] = Cache(10, 1 << 20)
    cache.put("known", 1, 5)
    cache.get("known")
    cache.get("unknown")
    cache.get("known")
    assert cache.figures() == (1, 5, 2, 1)


async def test_figures_are_worked_out_once_for_all_and_again_when_old() -> None:
    recent, asked = Recent(), 0
    going = asyncio.Event()

    async def work() -> int:
        nonlocal asked
        asked += 1
        await going.wait()
        return asked

    several = [asyncio.create_task(recent.get("people", 1_000, 500, work)) for _ in range(5)]
    await asyncio.sleep(0)
    several[0].cancel()
    going.set()
    assert await asyncio.gather(*several[1:]) == [1, 1, 1, 1]
    assert await recent.get("people", 1_499, 500, work) == 1
    assert await recent.get("people", 1_500, 500, work) == 2
    assert await recent.get("people", 900, 500, work) == 3  # a clock that was set back
    assert await recent.get("posts", 900, 500, work) == 4


async def test_a_failure_is_told_and_not_kept() -> None:
    recent = Recent()

    async def fail() -> int:
        raise LookupError("no database")

    async def work() -> int:
        return 7

    with pytest.raises(LookupError):
        await recent.get("people", 1_000, 500, fail)
    await asyncio.sleep(0)
    assert await recent.get("people", 1_001, 500, work) == 7
