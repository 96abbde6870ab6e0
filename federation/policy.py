"""Federation policy."""
from dataclasses import dataclass
from enum import Enum
from typing import Literal

Mode = Literal["open", "peers", "closed"]
Stance = Literal["none", "agreed", "limited", "blocked"]

class Verdict(Enum):
    """In order of strictness."""
    ACCEPT = "accept"
    LIMIT = "limit"
    HOLD = "hold"
    REJECT = "reject"

@dataclass(frozen=True, slots=True)
class Rule:
    id: int
    host: str | None
    activity: str | None
    verdict: Verdict
    reason: str

@dataclass(frozen=True, slots=True)
class Policy:
    mode: Mode = "open"
    version: int = 0
    rules: tuple[Rule, ...] = ()

@dataclass(frozen=True, slots=True)
class Decision:
    verdict: Verdict
    code: str
    text: str
    because: tuple[Rule, ...] = ()
    policy: int = 0

def decide(policy: Policy, host: str, stance: str, activity: str) -> Decision:
    raise NotImplementedError

def decide_delivery(policy: Policy, host: str, stance: str) -> Decision:
    raise NotImplementedError
