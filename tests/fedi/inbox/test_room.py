"""`fedi.inbox.room`: who floods fills its own share, and never that of others."""

from hypothesis import given
from hypothesis import strategies as st

from fedi.inbox.room import Room


def fill(room: Room, who: str, size: int = 1) -> int:
    count = 0
    while room.enter(who, size):
        count += 1
    return count


def test_one_that_floods_leaves_half() -> None:
    room = Room(100)
    assert fill(room, "flood.example") == 50
    assert room.enter("other.example", 20)


def test_two_that_flood_leave_a_third() -> None:
    room = Room(99)
    counts = {"one.example": 0, "other.example": 0}
    for who in ["one.example", "other.example"] * 99:  # in turn, as they come
        counts[who] += room.enter(who, 1)
    assert set(counts.values()) == {33}
    assert room.enter("third.example", 16)


def test_what_is_given_back_is_free_again() -> None:
    room = Room(100)
    count = fill(room, "flood.example", 5)
    assert not room.enter("flood.example", 5)
    for _ in range(count):
        room.leave("flood.example", 5)
    assert room.fits("flood.example", 50)
    assert fill(room, "flood.example", 5) == count


def test_what_is_larger_than_the_room_never_enters() -> None:
    assert not Room(100).enter("big.example", 101)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans(), st.integers(0, 40))))
def test_never_more_than_there_is(asked: list[tuple[str, bool, int]]) -> None:
    room = Room(100)
    inside: list[tuple[str, int]] = []
    for who, comes, size in asked:
        if comes and room.enter(who, size):
            inside.append((who, size))
        elif not comes and inside:
            room.leave(*inside.pop(size % len(inside)))
        assert sum(one for _, one in inside) <= 100
    for one in inside:
        room.leave(*one)
    assert fill(room, "after") == 50
