"""Federation policy: pure rules in, one explained decision out.

Nothing here reads a clock, a database or a socket, so a decision can be replayed.
"""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Literal

Mode = Literal["open", "peers", "closed"]
"""Who may speak to us: all but the blocked, only institutions with an agreement, nobody."""
Stance = Literal["none", "agreed", "limited", "blocked"]
"""How we stand to a host."""


class Verdict(Enum):
    """In order of strictness: taken, taken but shown to followers only, parked for a person to decide, refused."""

    ACCEPT = "accept"
    LIMIT = "limit"
    HOLD = "hold"
    REJECT = "reject"


_STRICTNESS = {verdict: place for place, verdict in enumerate(Verdict)}


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a policy: what happens to activities of a type (None: any) from a host and its subdomains (None: any)."""

    id: int
    host: str | None
    activity: str | None
    verdict: Verdict
    reason: str

    def matches(self, host: str, activity: str) -> bool:
        """Whether the rule is about this activity type from this host (both as `host_of` and `Activity.type` give them)."""
        if self.host is not None and host != self.host and not host.endswith(f".{self.host}"):
            return False
        return self.activity is None or self.activity == activity


@dataclass(frozen=True, slots=True)
class Policy:
    """What an instance decided: its mode and its rules, with the version that decisions refer to."""

    mode: Mode = "open"
    version: int = 0
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with its reason: `code` for programs, `text` for people, the rules that were hit, the policy's version."""

    verdict: Verdict
    code: str
    text: str
    because: tuple[Rule, ...] = ()
    policy: int = 0


def decide(policy: Policy, host: str, stance: str, activity: str) -> Decision:
    """What happens to an activity of this type from this host. The stance and the mode go first; of the rules that match,
    the strictest wins."""
    refused = _refusal(policy, host, stance)
    if refused is not None:
        return refused
    if not policy.rules and stance != "limited":
        return _accepted(policy.version)
    hits = [rule for rule in policy.rules if rule.matches(host, activity)]
    verdict = max((rule.verdict for rule in hits), key=_STRICTNESS.__getitem__, default=Verdict.ACCEPT)
    if stance == "limited" and verdict in (Verdict.ACCEPT, Verdict.LIMIT):
        return Decision(Verdict.LIMIT, "host-limited", f"{host} is limited here", policy=policy.version)
    because = tuple(rule for rule in hits if rule.verdict is verdict)
    if not because:
        return _accepted(policy.version)
    return Decision(verdict, f"rule-{verdict.value}", because[0].reason, because, policy.version)


def decide_delivery(policy: Policy, host: str, stance: str) -> Decision:
    """Whether anything may be sent to this host or shown to it when it asks: what isn't taken from it isn't sent to it."""
    refused = _refusal(policy, host, stance)
    if refused is not None:
        return refused
    return _accepted(policy.version)


@lru_cache(maxsize=16)
def _accepted(version: int) -> Decision:
    return Decision(Verdict.ACCEPT, "accepted", "nothing speaks against it", policy=version)


def _refusal(policy: Policy, host: str, stance: str) -> Decision | None:
    if stance == "blocked":
        return Decision(Verdict.REJECT, "host-blocked", f"{host} is blocked here", policy=policy.version)
    if policy.mode == "closed":
        return Decision(Verdict.REJECT, "federation-closed", "this instance does not federate", policy=policy.version)
    if policy.mode == "peers" and stance != "agreed":
        return Decision(Verdict.REJECT, "no-agreement", f"there is no agreement with {host}", policy=policy.version)
    return None
