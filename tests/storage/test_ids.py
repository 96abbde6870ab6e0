import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.database import Database
from storage.ids import SLOTS, Ids, first_at, time_of
from storage.slots import FileSlot, NoSlot


@given(st.lists(st.integers(0, 2**46), max_size=50))
def test_ids_grow_whatever_the_clock_does(moments: list[int]) -> None:
    ids = Ids(5)
    made = [ids.next(moment) for moment in moments]
    assert made == sorted(set(made))


def test_an_id_tells_its_time_and_fits_64_bits() -> None:
    made = Ids(63).next(1_764_000_000_000)
    assert time_of(made) == 1_764_000_000_000
    assert made >= first_at(1_764_000_000_000)
    assert made < 2**63


def test_more_than_1024_in_a_millisecond_borrow_from_the_next() -> None:
    ids = Ids(63)
    made = [ids.next(7) for _ in range(3000)]
    assert len(set(made)) == 3000
    assert {time_of(one) for one in made} == {7, 8, 9}


def test_slots_never_make_the_same_id() -> None:
    makers = [Ids(slot) for slot in range(SLOTS)]
    with ThreadPoolExecutor(8) as pool:
        made = [one for part in pool.map(lambda ids: [ids.next(1) for _ in range(2000)], makers) for one in part]
    assert len(set(made)) == SLOTS * 2000


@pytest.mark.parametrize("slot", [-1, SLOTS])
def test_a_slot_outside_is_refused(slot: int) -> None:
    with pytest.raises(ValueError, match="slot"):
        Ids(slot)


def test_databases_on_the_same_tables_hold_different_slots(connect: Callable[..., Database]) -> None:
    first, second = connect(), connect()
    assert first.ids.next(9) != second.ids.next(9)
    number = first._slot.number
    first.close()
    assert connect()._slot.number == number


def _free_in_another_process(path: Path) -> int:
    """The slot that another process would get."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        FileSlot._open.clear()
        FileSlot._held.clear()
        os.write(writer, bytes([FileSlot(str(path)).number]))
        os._exit(0)
    os.waitpid(child, 0)
    number = os.read(reader, 1)[0]
    os.close(reader)
    os.close(writer)
    return number


def test_a_slot_is_held_against_other_processes_until_it_is_released(tmp_path: Path) -> None:
    path = tmp_path / "slots"
    first, second = FileSlot(str(path)), FileSlot(str(path))
    assert (first.number, second.number) == (0, 1)
    assert _free_in_another_process(path) == 2
    first.release()  # and the second is still held, though both are locks of one process on one file
    assert _free_in_another_process(path) == 0
    second.release()
    second.release()


def test_when_all_slots_are_taken_it_says_so(tmp_path: Path) -> None:
    held = [FileSlot(str(tmp_path / "slots")) for _ in range(SLOTS)]
    with pytest.raises(NoSlot):
        FileSlot(str(tmp_path / "slots"))
    for slot in held:
        slot.release()
