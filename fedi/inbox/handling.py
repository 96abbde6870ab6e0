"""What every handler of an activity type is given and gives: the protocol that the modules of `table.py` satisfy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from federation.activity import Activity, Authentic
from federation.policy.decide import Decision, Verdict
from fedi import policy
from fedi.actions.graduated import Waits
from fedi.context import Site
from fedi.errors import Problem
from fedi.facts import Known
from fedi.policy import Judged
from storage.actors import Actor
from storage.metadata import Tx


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be fetched before an activity can be handled.

    `actors` and `posts` (IRIs) are asked for as far as they are not known, actors anew; `fresh` posts are asked for as they
    are now, those in `again` although they were deleted; of the groups in `moderators` (IRIs) it is asked who moderates
    them; `inner` are activities that were passed on.
    """

    actors: tuple[str, ...] = ()
    posts: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    moderators: tuple[str, ...] = ()
    inner: tuple["Inner", ...] = ()

    def __bool__(self) -> bool:
        return bool(self.actors or self.posts or self.fresh or self.again or self.moderators or self.inner)

    def __add__(self, other: "Needs") -> "Needs":
        return Needs(
            tuple(dict.fromkeys(self.actors + other.actors)),
            tuple(dict.fromkeys(self.posts + other.posts)),
            tuple(dict.fromkeys(self.fresh + other.fresh)),
            tuple(dict.fromkeys(self.again + other.again)),
            tuple(dict.fromkeys(self.moderators + other.moderators)),
            self.inner + other.inner,
        )


@dataclass(frozen=True, slots=True)
class Inner:
    """An activity that somebody passed on, as they wrote it, of which nothing is proven yet.

    Its actor's proof is held against it; without one that holds it is fetched by its id from its own origin, if `by_id`,
    since nobody but its origin can vouch for it. `then` is needed once it is proven (None: what its own handler needs),
    `otherwise` when it is not.
    """

    document: dict[str, Any]
    by_id: bool
    then: Needs | None = None
    otherwise: Needs = field(default_factory=Needs)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched of an activity's needs: activities by IRI, and the posts that their origin does not have (any more)."""

    activities: Mapping[str, Authentic] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()


NOTHING = Needs()


class Ignored(Exception):
    """The activity is fine and does not concern us; `code` and text say why, for the operator. No error of anyone."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Unwanted(Problem):
    """The policy refuses it; what was decided by is kept beside it (`Item.judged`, `judged`)."""

    status = 403

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.text, code=decision.code)
        self.decision = decision


class HeldBack(Exception):
    """The policy wants a person to decide whether it is taken (`fedi.actions.held`); or, with `waits`, the rights that grow
    in a group want its moderators to."""

    def __init__(self, decision: Decision, waits: Waits | None = None) -> None:
        super().__init__(decision.text)
        self.decision = decision
        self.waits = waits


def decision_of(received: Authentic) -> Decision | None:
    """What the policy decided about an activity, as it was asked before it is handled."""
    found: Decision | None = received.activity.read.get("decision")
    return found


def passed(tx: Tx, site: Site, outer: Authentic, inner: Activity, announcer: Actor) -> None:
    """Ask the policy about what a group passed on (`inner` in `outer`), proven or as the group has it. Raises Unwanted where it
    is not taken: nobody can hold a part of what a group said."""
    facts = Known(tx, site).passed_on(inner, announcer)
    judged = policy.judge(tx, site, policy.current(tx, site), facts)
    outer.activity.read.setdefault("passed_on", []).append(judged)
    if judged.decision.verdict in (Verdict.REJECT, Verdict.HOLD):
        raise Unwanted(judged.decision)
    inner.read["decision"] = judged.decision


def judged(received: Authentic) -> list[Judged]:
    """What was decided about an activity and what was passed on in it, in this run of its handler."""
    own: Judged | None = received.activity.read.get("judged")
    return [*([own] if own is not None else []), *received.activity.read.get("passed_on", [])]


class Handler(Protocol):
    """A module for one activity type."""

    def needs(self, tx: Tx, site: Site, received: Authentic) -> Needs:
        """What must be fetched first; only reads."""

    def handle(self, tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
        """Make it so. Raises Ignored, `fedi.errors.Problem` or FederationError; then nothing of it is kept."""
