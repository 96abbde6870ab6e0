"""The rules that every policy has before its own: `stance` (how we stand to the host), `mode` (whom this instance speaks with)
and `agreement` (what the agreement in force opens). And what a decision is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from federation.errors import FederationError
from federation.hosts import host_of
from federation.policy.compile import Compiled
from federation.policy.facts import Facts
from federation.policy.rules import Verdict

TAKING = ("in", "fetch", "show", "announce")
"""Directions in which something of another host comes in or is shown: only there something is limited."""
PEERING = "peer:Agreement"
"""The object of messages about peering itself: they pass while nothing else may, or no agreement could begin or resume."""
OPEN = ("public", "unlisted", "followers", "direct")
"""Visibilities that an agreement says nothing about."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What one version of an agreement opens: of which hosts' groups it speaks, which visibilities and groups (`*`: all of
    them; else IRIs) it opens beside what is public, and whether files go along."""

    parties: tuple[str, ...]
    visibility: tuple[str, ...] = ("public", "peers")
    groups: tuple[str, ...] = ("*",)
    media: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """What an instance decided: its rules with the version that decisions refer to, and what the agreements open, by IRI of
    their version."""

    version: int = 0
    compiled: Compiled = field(default_factory=Compiled)
    scopes: Mapping[str, Scope] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with its reason: `code` for programs, `text` for people; the rule that gave it and all that had a part in it
    (ids, in order), what is done to what is taken, and what rules that only observe would have done (id and effect)."""

    verdict: Verdict
    code: str
    text: str
    policy: int = 0
    rule: str | None = None
    effects: tuple[str, ...] = ()
    because: tuple[str, ...] = ()
    observed: tuple[tuple[str, str], ...] = ()


def _rejected(policy: Policy, rule: Literal["stance", "mode", "agreement"], code: str, text: str) -> Decision:
    return Decision(Verdict.REJECT, code, text, policy.version, rule, because=(rule,))


def limited(policy: Policy, facts: Facts) -> Decision | None:
    """What the stance `limited` makes of what would be taken."""
    if facts.stance != "limited" or facts.direction not in TAKING:
        return None
    text = f"{facts.host} is limited here"
    return Decision(Verdict.LIMIT, "host-limited", text, policy.version, "stance", because=("stance",))


def stance(policy: Policy, facts: Facts) -> Decision | None:
    """What is refused because of how we stand to a host."""
    if facts.stance == "blocked":
        return _rejected(policy, "stance", "host-blocked", f"{facts.host} is blocked here")
    if facts.stance == "suspended" and facts.object != PEERING:
        return _rejected(policy, "stance", "host-suspended", f"the peering with {facts.host} is suspended")
    return None


def mode(policy: Policy, facts: Facts) -> Decision | None:
    """What is refused because of whom this instance speaks with."""
    if facts.mode == "closed":
        return _rejected(policy, "mode", "federation-closed", "this instance does not federate")
    if facts.mode == "peers" and facts.stance != "agreed" and facts.object != PEERING:
        return _rejected(policy, "mode", "no-agreement", f"there is no agreement with {facts.host}")
    return None


def agreement(policy: Policy, facts: Facts) -> Decision | None:
    """What the agreement does not open. It says nothing of what everybody may see anyway, unless this instance speaks with
    agreed institutions only: then a group that it does not name is closed to that peer."""
    if facts.agreement is None or facts.stance != "agreed":
        return None
    scope = policy.scopes.get(facts.agreement)
    inner = facts.visibility is not None and facts.visibility not in OPEN
    scoped = facts.group_scope in ("named", "agreed")
    if scope is None:
        if inner or scoped:
            return _rejected(policy, "agreement", "scope", f"what the agreement with {facts.host} opens is not known")
        return None
    group = facts.group
    asked = inner or scoped or facts.mode == "peers"
    if asked and group is not None and not _covers(scope, group):
        text = f"the agreement with {facts.host} does not cover the group {group}"
        return _rejected(policy, "agreement", "scope", text)
    if facts.visibility == "peers" and not {"peers", "members"}.intersection(scope.visibility):
        text = f"the agreement with {facts.host} covers only what is public"
        return _rejected(policy, "agreement", "scope", text)
    if facts.visibility == "members" and "members" not in scope.visibility:
        text = f"the agreement with {facts.host} does not cover what is for members"
        return _rejected(policy, "agreement", "scope", text)
    if facts.visibility == "members" and facts.tier != "members":
        text = f"{facts.host} has not passed the checks that come before what is for members"
        return _rejected(policy, "agreement", "tier", text)
    if not scope.media and facts.media:
        text = f"the agreement with {facts.host} does not cover files"
        return Decision(Verdict.ACCEPT, "accepted", text, policy.version, "agreement", ("strip-media",), ("agreement",))
    return None


def passes(name: str, facts: Facts) -> str:
    """Why one of the three has nothing to say, in words."""
    if name == "stance":
        return f"{facts.host} is {facts.stance}" if facts.stance != "none" else f"nothing is agreed with {facts.host}"
    if name == "mode":
        return f"this instance is {facts.mode}"
    return "there is none in force" if facts.agreement is None else "it covers this"


def _covers(scope: Scope, group: str) -> bool:
    """Whether an agreement opens a group, or says nothing of it because it is of neither party."""
    if "*" in scope.groups or group in scope.groups:
        return True
    try:
        return host_of(group) not in scope.parties
    except FederationError:
        return False
