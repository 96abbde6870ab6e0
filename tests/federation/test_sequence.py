import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import Malformed
from federation.peering.sequence import MOST_GAPS, Arrived, build_header, closed, heard, missing, read_header


@pytest.mark.parametrize(
    ("value", "read"),
    [("88121; epoch=5", (88121, 5)), (" 1;epoch = 0 ", (1, 0)), (build_header(7, 29_000_000), (7, 29_000_000))],
)
def test_the_header_is_read(value: str, read: tuple[int, int]) -> None:
    assert read_header(value) == read


@pytest.mark.parametrize(
    "value",
    ["", "88121", "0; epoch=1", "-1; epoch=1", "1; epoch=", "1; epoch=5; x", "9" * 17 + "; epoch=1", "1; epoch=4294967296", "١; epoch=1"],
)  # fmt: skip
def test_what_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(Malformed):
        read_header(value)


@given(st.permutations(range(1, 13)), st.sets(st.integers(1, 12)), st.lists(st.integers(1, 12), max_size=5))
def test_whatever_the_order_the_gaps_are_what_never_came(order: list[int], lost: set[int], again: list[int]) -> None:
    came = [number for number in order if number not in lost]
    found: Arrived | None = Arrived(5, 0)
    for at, number in enumerate([*came, *(one for one in again if one in came)]):
        found = heard(found, number, 5, at)
    assert found is not None
    last = max(came, default=0)
    assert found.last == last
    told = {one for first, until in missing(found, 1_000) for one in range(first, until + 1)}
    assert told == {number for number in lost if number < last}
    everything = closed(found, told)
    assert missing(everything, 1_000) == ()


def test_a_later_epoch_begins_anew_and_an_earlier_one_says_nothing() -> None:
    known = heard(Arrived(5, 100, ((3, 4, 0),)), 3, 6, 50)
    assert known == Arrived(6, 3, ((1, 2, 50),))
    assert heard(known, 500, 5, 60) == known


def test_the_first_that_is_heard_tells_of_no_gap() -> None:
    assert heard(None, 88121, 5, 0) == Arrived(5, 88121)


def test_what_may_only_have_been_overtaken_is_not_missing_yet() -> None:
    known = heard(Arrived(1, 1), 4, 1, 1_000)
    assert missing(known, 1_000) == ()
    assert missing(known, 1_001) == ((2, 3),)


def test_a_hostile_sender_makes_no_endless_list() -> None:
    known = Arrived(1, 0)
    for number in range(2, 4 * MOST_GAPS, 2):
        known = heard(known, number, 1, number)
    assert len(known.gaps) == MOST_GAPS
    assert known.gaps[0][0] == 1  # nothing that is missing was dropped: the oldest were joined
    for number in range(3, 4 * MOST_GAPS - 1, 4):  # and splitting them makes no more
        known = heard(known, number, 1, number)
    assert len(known.gaps) <= MOST_GAPS
