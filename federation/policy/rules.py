"""What a rule of the federation policy is: what it asks of an activity (`when`), and what it decides (`then`).

Rules are read from a document by `federation.policy.document`, made quick by `federation.policy.compile`, and asked by
`federation.policy.decide`.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol

from federation.policy.facts import Facts


class Verdict(Enum):
    """In order of strictness: taken, taken but shown to followers only, parked for a person to decide, refused."""

    ACCEPT = "accept"
    LIMIT = "limit"
    HOLD = "hold"
    REJECT = "reject"


EFFECTS = (
    "strip-media",  # taken without its files
    "sensitive",  # shown behind a warning
    "delist",  # not in public timelines, searches and trends; the post itself stays public
    "unlisted",  # a public post is taken as an unlisted one
    "followers-only",  # a public or unlisted post is taken as one for followers
    "require-approval",  # its follows and joins wait for a person's yes, also where others need none
    "strip-avatar",
    "strip-header",
    "reject-reports",  # a report (Flag) is refused
    "reject-deletes",  # a Delete of a post is refused
)
"""What a rule may do to what is taken, in the words of the document."""

REFUSING = {"reject-reports": ("Flag", "reports"), "reject-deletes": ("Delete", "deletes")}
"""Effects that refuse one type of activity: the type, and the code of the refusal."""


class Condition(Protocol):
    """One condition of a rule."""

    @property
    def name(self) -> str:
        """The key of `when`."""

    def holds(self, facts: Facts) -> bool:
        """Whether it is so. What is not known fits no condition, neither one that negates."""

    def says(self, facts: Facts) -> str:
        """In words: what is wanted and what was found."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A rule with a rate fits from the activity on that is one more than `number` within `window` ms, counted for each
    host or for each actor by itself, of those that fit all its other conditions."""

    number: int
    window: int
    by: Literal["host", "actor"] = "host"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. It fits when all conditions hold, up to `not_after` (ms); then its effects are added, and its verdict, if
    it has one, is the answer. A rule that only observes is written down and changes nothing."""

    id: str
    when: tuple[Condition, ...] = ()
    verdict: Verdict | None = None
    effects: tuple[str, ...] = ()
    code: str = "rule"
    text: str = "a rule of this instance"
    owner: str | None = None
    source: str | None = None
    priority: int = 0
    not_after: int | None = None
    observe: bool = False
    rate: Rate | None = None
    line: int = 0

    @property
    def then(self) -> str:
        """What it does, in one word or several."""
        words = self.effects if self.verdict is None else (*self.effects, self.verdict.value)
        return " ".join(words)


def in_time(rule: Rule, facts: Facts) -> bool:
    """Whether a rule still counts."""
    return rule.not_after is None or facts.at <= rule.not_after


def in_rate(rule: Rule, facts: Facts) -> bool:
    """Whether so many came that a rule with a rate fits; one without always does."""
    if rule.rate is None:
        return True
    return any(name == rule.id and number > rule.rate.number for name, number in facts.rates)
