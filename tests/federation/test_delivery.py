"""The state machine of a link: schedule, classes and horizons as POLICY's section on delivery queues adopts them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.delivery import (
    HORIZON,
    HORIZON_AGREED,
    LONGEST_BUSY,
    SCHEDULE,
    SUSPEND_AFTER,
    LinkState,
    Outcome,
    after,
    expired,
    outcome_of,
)
from federation.errors import AddressForbidden, Busy, Gone, Malformed, Refused, Unreachable

NOW = 1_700_000_000_000
MINUTE = 60_000
DOWN = Outcome("unreachable", "unreachable: no connection")


def test_waits_grow_to_six_hours_and_stay_there() -> None:
    state = LinkState()
    waits = []
    for _ in range(10):
        state = after(state, DOWN, NOW, 0.5)
        waits.append((state.next_attempt_at - NOW) / MINUTE)
    assert waits == [0.5, 2, 10, 30, 60, 120, 240, 360, 360, 360]
    assert state.failures == 10
    assert state.failing_since == NOW
    assert state.problem == DOWN.reason


@given(st.floats(min_value=0, max_value=1, exclude_max=True), st.integers(min_value=0, max_value=30))
def test_jitter_is_half_of_the_wait_both_ways(random: float, failures: int) -> None:
    state = after(LinkState(failures=failures), DOWN, NOW, random)
    planned = SCHEDULE[min(failures, len(SCHEDULE) - 1)]
    assert planned * 0.5 <= state.next_attempt_at - NOW <= planned * 1.5


def test_the_window_is_one_after_a_failure_and_eight_after_a_delivery() -> None:
    state = after(LinkState(), DOWN, NOW, 0.5)
    assert (LinkState().window, state.window) == (8, 1)
    state = after(state, Outcome("delivered"), NOW + MINUTE, 0.5)
    assert state == LinkState(next_attempt_at=NOW + MINUTE, last_success_at=NOW + MINUTE)
    assert state.window == 8


def test_failing_since_is_the_first_failure() -> None:
    state = after(after(LinkState(), DOWN, NOW, 0.5), DOWN, NOW + MINUTE, 0.5)
    assert state.failing_since == NOW


def test_a_busy_peer_is_asked_when_it_says_and_not_before() -> None:
    for random in (0.0, 0.5, 0.999):
        wait = after(LinkState(), Outcome("busy", "429", 120), NOW, random).next_attempt_at - NOW
        assert 120_000 <= wait <= 180_000
    assert after(LinkState(), Outcome("busy", "429", 86_400), NOW, 0.5).next_attempt_at == NOW + LONGEST_BUSY
    assert after(LinkState(), Outcome("busy", "429", 0), NOW, 0.0).next_attempt_at == NOW + 1000
    assert after(LinkState(), Outcome("busy", "503"), NOW, 0.5).next_attempt_at == NOW + 30_000
    assert after(LinkState(failures=9), Outcome("busy", "503"), NOW, 0.5).next_attempt_at == NOW + LONGEST_BUSY


def test_refusals_are_not_retried_and_twenty_in_a_row_suspend() -> None:
    state = LinkState(failures=3, failing_since=NOW)
    for count in range(1, SUSPEND_AFTER + 1):
        state = after(state, Outcome("refused", f"refused: {count}"), NOW, 0.5)
        assert state.next_attempt_at == NOW  # the next row may go at once
        assert state.state == ("suspended" if count == SUSPEND_AFTER else "open")
    assert (state.failures, state.failing_since, state.problem) == (0, None, "refused: 20")
    assert after(state, Outcome("delivered"), NOW, 0.5).state == "open"
    # A rule of theirs about one activity is no reason to stop: they take others.
    rule = after(LinkState(refused_in_row=SUSPEND_AFTER - 1), Outcome("refused", "policy: no files"), NOW, 0.5)
    assert (rule.state, rule.refused_in_row, rule.problem) == ("open", SUSPEND_AFTER - 1, "policy: no files")
    assert after(LinkState(refused_in_row=5), Outcome("delivered"), NOW, 0.5).refused_in_row == 0


def test_what_an_operator_blocked_stays_so() -> None:
    blocked = LinkState(state="blocked", refused_in_row=SUSPEND_AFTER)
    for outcome in (Outcome("delivered"), Outcome("refused"), DOWN, Outcome("gone")):
        assert after(blocked, outcome, NOW, 0.5).state == "blocked"


def test_an_inbox_that_is_gone_says_that_the_host_lives() -> None:
    state = after(LinkState(failures=4, failing_since=1, refused_in_row=2), Outcome("gone", "gone: 410"), NOW, 0.5)
    assert (state.failures, state.failing_since, state.refused_in_row, state.state) == (0, None, 2, "open")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, Outcome("delivered")),
        (Unreachable("x"), Outcome("unreachable", "unreachable: x")),
        (Busy("x", retry_after=3), Outcome("busy", "busy: x", 3)),
        (Refused("x", answered=403), Outcome("refused", "refused: x")),
        (Gone("x"), Outcome("gone", "gone: x")),
        (AddressForbidden("x"), Outcome("refused", "address-forbidden: x")),
        (Malformed("x"), Outcome("refused", "malformed: x")),
    ],
)
def test_outcomes_of_errors(error: Unreachable | None, outcome: Outcome) -> None:
    assert outcome_of(error) == outcome
    assert outcome.settled is (outcome.kind in ("delivered", "refused", "gone"))


def test_horizons() -> None:
    assert not expired(0, HORIZON, agreed=False)
    assert expired(0, HORIZON + 1, agreed=False)
    assert not expired(0, HORIZON + 1, agreed=True)
    assert expired(0, HORIZON_AGREED + 1, agreed=True)
    assert HORIZON_AGREED == 30 * 86_400_000
    assert HORIZON == 7 * 86_400_000
