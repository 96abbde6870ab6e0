"""Federation policy, asked: may we take this, fetch from there, send, show, pass on, or answer? What is not simply taken is kept.

The rules are `federation.policy.decide` (pure), the facts come from `fedi.facts`; here they meet the version that is in force in the
database. It is asked for in each transaction, so that a version counts in all processes as soon as it is committed.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from msgspec import structs

from federation.errors import FederationError
from federation.hosts import host_of
from federation.peering.agreement import read
from federation.peering.terms import VISIBILITY
from federation.policy.compile import Compiled, compile_rules
from federation.policy.decide import Decision, Policy, Scope, Verdict, counted
from federation.policy.decide import decide as by_rules
from federation.policy.document import Invalid
from federation.policy.document import read as read_document
from federation.policy.envelopes import OPEN, packed_facts
from federation.policy.facts import Direction, Facts
from federation.vocabulary.actor import ActorDocument
from fedi.context import Site
from fedi.facts import Known
from storage import agreements, decisions, policies
from storage.decisions import DecisionRow
from storage.metadata import Tx

log = logging.getLogger(__name__)

_VERSIONS = 8
"""Versions of the policy that stay in memory, compiled."""
_EARLIER = 100
"""Versions that are looked through for one that can be read."""
_AGREEMENTS = 5_000
_TEXT = 1_000
UNCONFIRMED = "key-unconfirmed"
"""Code of what is refused until the key that an agreement was signed by is confirmed."""


class Unreadable(LookupError):
    """A version of the policy that is in the database and can't be read: the row is damaged, or of another fedi."""


class Judged(NamedTuple):
    """What was asked, and what was decided."""

    facts: Facts
    decision: Decision


def current(tx: Tx, site: Site) -> Policy:
    """The policy in force; without any, one that takes what stance, mode and agreements allow.

    What can't be read does not replace what can: then the version before it counts. Raises Unreadable when there is none, as
    nobody knows what was to be refused; who sends or delivers tries again.
    """
    version = policies.version_in_force(tx)
    try:
        return of_version(tx, site, site.policies.instead.get(version, version))
    except Unreadable as problem:
        return _earlier(tx, site, version, problem)


def _earlier(tx: Tx, site: Site, version: int, problem: Unreadable) -> Policy:
    """The last version before one that can't be read, that can be. Raises the problem when there is none."""
    older = policies.by_version(tx, version)
    for _ in range(_EARLIER):
        older = policies.applied_before(tx, older) if older is not None else None
        if older is None:
            break
        try:
            found = of_version(tx, site, older.version)
        except Unreadable:
            continue
        log.error("%s; version %d counts instead", problem, older.version)
        site.policies.instead[version] = older.version
        return found
    raise problem


def of_version(tx: Tx, site: Site, version: int) -> Policy:
    """A version of the policy, with what agreements open; 0 has no rules. Raises LookupError when there is no such version, and
    Unreadable when it can't be read (any more)."""
    return Policy(version, _compiled(tx, site, version), site.policies.scopes)


def _compiled(tx: Tx, site: Site, version: int) -> Compiled:
    kept = site.policies.compiled
    found = kept.get(version)
    if found is None:
        if version == 0:
            found = Compiled()
        else:
            row = policies.by_version(tx, version)
            if row is None:
                raise LookupError(f"there is no version {version} of the policy")
            try:
                document = read_document(row.document)
            except Invalid as problem:
                raise Unreadable(
                    f"version {version} of the policy can't be read: {problem.problems[0]}; apply another, or «fedi policy rollback VERSION»"
                ) from problem
            found = compile_rules(document.rules, document.default)
            site.policies.digests[version] = row.digest
        while len(kept) >= _VERSIONS:
            site.policies.digests.pop(oldest := next(iter(kept)), None)
            kept.pop(oldest)
        kept[version] = found
    return found


def has_rules(policy: Policy) -> bool:
    """Whether a policy asks more than how we stand to a host, and what an agreement opens."""
    return bool(policy.compiled.rules) or policy.compiled.default is not Verdict.ACCEPT


def name(site: Site, version: int) -> str:
    """What a version of the policy is called on the wire: its digest, where it was read lately, else its number."""
    found = site.policies.digests.get(version)
    return f"sha256:{found}" if found is not None else f"version {version}"


def judge(tx: Tx, site: Site, policy: Policy, facts: Facts, *, counts: bool = True) -> Judged:
    """What happens to what these facts tell of, under this policy. `counts`: rules that count take it for one more; else they
    are as if nothing had come."""
    if facts.text and facts.visibility not in OPEN:
        facts = structs.replace(facts, text="")  # as it is kept: whatever decides by it can be decided again
    if facts.agreement is not None and facts.agreement not in policy.scopes:
        _open(tx, site, facts.agreement)
    if counts and (several := counted(policy, facts)):
        rates = ((one.rule, site.policies.counts.count(one.rule, one.of, one.window, facts.at)) for one in several)
        facts = structs.replace(facts, rates=tuple(rates))
    return Judged(facts, by_rules(policy, facts))


def decide(tx: Tx, site: Site, facts: Facts) -> Decision:
    """What happens to what these facts tell of, under the policy in force."""
    return judge(tx, site, current(tx, site), facts).decision


def scopes(tx: Tx, site: Site, iris: set[str]) -> Mapping[str, Scope]:
    """What these versions of agreements open, by IRI; those that are not known are left out."""
    for iri in iris - site.policies.scopes.keys():
        _open(tx, site, iri)
    return site.policies.scopes


def _open(tx: Tx, site: Site, iri: str) -> None:
    """Read what a version of an agreement opens; it never changes."""
    row = agreements.by_iri(tx, iri)
    if row is None:
        return
    try:
        agreement = read(row.document)
        parties = [host_of(one) for one in agreement.parties if one not in agreement.terms.groups]
    except FederationError:
        return  # of what can't be read nothing is open but what everybody may see
    terms = agreement.terms
    visibility = tuple(one for one in VISIBILITY if terms.opens(one))
    kept = site.policies.scopes
    if len(kept) >= _AGREEMENTS:
        kept.clear()
    kept[iri] = Scope(tuple(parties), visibility, terms.groups, terms.media != 0)


def receiving(tx: Tx, site: Site, host: str, type: str, about: str | None = None) -> Decision:
    """Whether an activity of this type (`about` something) may come from this host at all, as far as that can be told before it
    was read: how we stand to it, and whom this instance speaks with."""
    facts = Known(tx, site).host("in", host, activity=type, about=about)
    return until_confirmed(tx, Judged(facts, speaking(tx, site, facts))).decision


def speaking(tx: Tx, site: Site, facts: Facts) -> Decision:
    """Whether this instance speaks with a host at all: how we stand to it, and with whom we speak, without the rules of the
    document, which are about single activities."""
    return by_rules(Policy(policies.version_in_force(tx)), facts)


def fetching(tx: Tx, site: Site, host: str, about: str | None = None) -> Judged:
    """Whether we ask this host for anything (`about` something), and so take what it answers."""
    return judge(tx, site, current(tx, site), Known(tx, site).host("fetch", host, about=about))


def of_actor(tx: Tx, site: Site, document: ActorDocument, about: str | None = None) -> Judged:
    """Whether an actor that was read at its origin, for what is `about` something, is kept, and how."""
    facts = Known(tx, site).actor(document, host_of(document.id), about)
    return judge(tx, site, current(tx, site), facts, counts=False)


def answering(tx: Tx, site: Site, host: str, actor: str | None = None) -> Judged:
    """Whether a signed request of this host (and actor) is answered."""
    return judge(tx, site, current(tx, site), Known(tx, site).host("answer", host, actor=actor))


def refuses(decision: Decision) -> bool:
    """Whether a decision means no."""
    return decision.verdict is Verdict.REJECT


def until_confirmed(tx: Tx, judged: Judged) -> Judged:
    """What was decided of what came in, or that it shall come again: where it is refused for want of an agreement that they have
    signed, which waits for an admin here to confirm their key. For them it is in force, so nothing of it may be lost."""
    facts, decision = judged
    if not refuses(decision) or decision.rule not in ("mode", "default") or facts.agreement is not None:
        return judged
    if not agreements.awaits_confirmation(tx, facts.host):
        return judged
    text = f"{facts.host} has signed, and its key is not confirmed here yet; send it again later"
    return Judged(facts, replace(decision, code=UNCONFIRMED, text=text))


def is_plain(decision: Decision) -> bool:
    """Whether something is simply taken, so that only its envelope is kept."""
    return decision.verdict is Verdict.ACCEPT and not decision.effects


def effects(decision: Decision | None) -> tuple[str, ...]:
    """What is done to what is taken: what rules say, and of what is limited, that it is in no public timeline and that its
    follows wait for a person's yes (Mastodon's silence)."""
    if decision is None:
        return ()
    if decision.verdict is Verdict.LIMIT:
        return (*decision.effects, "delist", "require-approval")
    return decision.effects


def keep_judged(tx: Tx, site: Site, judged: Judged) -> None:
    """Keep what was decided by these facts, unless it was simply taken."""
    facts, decision = judged
    if not is_plain(decision):
        keep(
            tx,
            site,
            decision,
            facts.direction,
            facts.host,
            actor=facts.actor,
            activity_id=facts.activity_id,
            type=facts.activity or None,
            facts=facts,
        )


def keep(
    tx: Tx,
    site: Site,
    decision: Decision,
    direction: Direction,
    host: str,
    *,
    actor: str | None = None,
    activity_id: str | None = None,
    type: str | None = None,
    facts: Facts | None = None,
) -> None:
    """Keep a decision for admins, with the facts where it was made by the policy, so that it can be made again."""
    decisions.insert(
        tx,
        DecisionRow(
            id=site.new_id(),
            direction=direction,
            host=host,
            actor=actor,
            activity_id=activity_id,
            type=type[:60] if type is not None else None,
            verdict=decision.verdict.value,
            code=decision.code,
            reason=decision.text[:_TEXT],
            policy=decision.policy,
            created_at=site.clock(),
            rule=decision.rule,
            effects=list(decision.effects) or None,
            facts=packed_facts(facts) if facts is not None else None,
        ),
    )
