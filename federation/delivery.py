"""State machine of a link."""
from dataclasses import dataclass
from typing import Literal

from federation.errors import FederationError

Kind = Literal["delivered", "unreachable", "busy", "refused", "gone"]

@dataclass(frozen=True, slots=True)
class Outcome:
    """`retry_after` in seconds."""
    kind: Kind
    reason: str = ""
    retry_after: int | None = None
    @property
    def settled(self) -> bool:
        """The row is over (delivered, refused, gone): the cursor may pass it."""
        raise NotImplementedError

@dataclass(frozen=True, slots=True)
class LinkState:
    """Times in ms; state open or suspended or blocked."""
    failures: int = 0
    failing_since: int | None = None
    refused_in_row: int = 0
    next_attempt_at: int = 0
    state: str = "open"
    last_success_at: int | None = None
    problem: str | None = None
    @property
    def window(self) -> int:
        raise NotImplementedError

def outcome_of(error: FederationError | None) -> Outcome:
    raise NotImplementedError

def after(state: LinkState, outcome: Outcome, now: int, random: float, agreed: bool) -> LinkState:
    """`random` in [0, 1)."""
    raise NotImplementedError

def expired(created_at: int, now: int, agreed: bool) -> bool:
    """Whether a row of the log is past its horizon."""
    raise NotImplementedError
