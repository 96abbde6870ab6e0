"""What the outcome of a delivery means for the link to that host: when to try again, and when not.

Unreachable is not refused: a host that doesn't answer is tried again over weeks, as universities close for two of them; a
host that says no is not asked the same again. After trouble a link carries one delivery at a time, and the oldest row is
the probe. Nothing here reads a clock or throws dice: both are handed in.
"""

from dataclasses import dataclass, replace
from typing import Literal

from federation.errors import Busy, FederationError, Gone

Kind = Literal["delivered", "unreachable", "busy", "refused", "gone"]

_MINUTE = 60_000
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR

SCHEDULE = (30_000, 2 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 4 * _HOUR, 6 * _HOUR)
"""Waits after the first, second, ... failure in a row, in ms; the last one from then on."""
JITTER = 0.5
"""Each wait is drawn from the schedule's plus or minus this part of it, so that links don't wake together."""
LONGEST_BUSY = _HOUR
"""How long a peer's Retry-After is believed, in ms."""
WINDOW = 8
"""Deliveries under way to one host at once, while it answers."""
SUSPEND_AFTER = 20
"""Refusals in a row after which a link is suspended until an operator looks."""
POLICY = "policy: "
"""How the reason of a refusal begins that a policy gave, by a rule (`answers.check_status`)."""
HORIZON_AGREED = 30 * _DAY
HORIZON = 7 * _DAY


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one delivery ended; `reason` for operators, `retry_after` in seconds when a busy peer said when."""

    kind: Kind
    reason: str = ""
    retry_after: int | None = None

    @property
    def settled(self) -> bool:
        """Whether this delivery is over for good: the cursor may pass its row."""
        return self.kind in ("delivered", "refused", "gone")


@dataclass(frozen=True, slots=True)
class LinkState:
    """The state of sending to one host.

    `failures` in a row since `failing_since`; `refused_in_row` refusals with nothing taken between; times in ms; `state`
    is open, suspended (refused too often) or blocked (by an operator); `problem` the last reason.
    """

    failures: int = 0
    failing_since: int | None = None
    refused_in_row: int = 0
    next_attempt_at: int = 0
    state: str = "open"
    last_success_at: int | None = None
    problem: str | None = None

    @property
    def window(self) -> int:
        """How many deliveries may be under way at once: eight, and one after a failure."""
        return 1 if self.failures else WINDOW


def outcome_of(error: FederationError | None) -> Outcome:
    """The outcome that an error of `Client.post` stands for; None is a delivery that was taken."""
    if error is None:
        return Outcome("delivered")
    reason = f"{error.code}: {error.text}"
    if isinstance(error, Busy):
        return Outcome("busy", reason, error.retry_after)
    if isinstance(error, Gone):
        return Outcome("gone", reason)
    return Outcome("unreachable" if error.retry else "refused", reason)


def after(state: LinkState, outcome: Outcome, now: int, random: float, agreed: bool = False) -> LinkState:
    """The link's state after a delivery ended at `now` (ms); `random` is drawn from [0, 1)."""
    if outcome.kind == "delivered":
        return LinkState(
            state="blocked" if state.state == "blocked" else "open", next_attempt_at=now, last_success_at=now
        )
    if outcome.kind == "gone":  # one inbox of a host that answers
        return replace(state, failures=0, failing_since=None, next_attempt_at=now, problem=outcome.reason)
    if outcome.kind == "refused":
        # A rule of theirs about one activity says nothing of the next.
        refused = state.refused_in_row + (not outcome.reason.startswith(POLICY))
        suspended = state.state == "open" and refused >= SUSPEND_AFTER
        return replace(
            state,
            failures=0,
            failing_since=None,
            refused_in_row=refused,
            next_attempt_at=now,
            state="suspended" if suspended else state.state,
            problem=outcome.reason,
        )
    failures = state.failures + 1
    if outcome.kind == "busy" and outcome.retry_after is not None:
        # Later than asked for is polite, earlier is not.
        wait = min(int(max(outcome.retry_after, 1) * 1000 * (1 + JITTER * random)), LONGEST_BUSY)
    else:
        wait = int(SCHEDULE[min(failures, len(SCHEDULE)) - 1] * (1 - JITTER + 2 * JITTER * random))
        if outcome.kind == "busy":
            wait = min(wait, LONGEST_BUSY)
    return replace(
        state,
        failures=failures,
        failing_since=now if state.failing_since is None else state.failing_since,
        next_attempt_at=now + wait,
        problem=outcome.reason,
    )


def expired(created_at: int, now: int, agreed: bool) -> bool:
    """Whether a row written at `created_at` is too old to be sent still: 30 days for agreed peers, 7 for others."""
    return now - created_at > (HORIZON_AGREED if agreed else HORIZON)
