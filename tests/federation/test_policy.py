"""Decisions: how the stance, the mode, the agreement and the rules come together (POLICY.md U3, appendix A)."""

import pickle
from typing import Any

import pytest

from federation.policy.compile import compile_rules
from federation.policy.conditions import Outside, Terms, Text
from federation.policy.decide import Policy, Scope, Verdict, decide, explain
from federation.policy.facts import Facts
from federation.policy.rules import Rate, Rule

GROUP = "https://b.example/groups/ai"
V3 = "https://b.example/peering/agreements/7/v3"


def facts(**values: Any) -> Facts:
    return Facts(**{"at": 1_000, "direction": "in", "host": "a.example", "activity": "Create", **values})


def policy(*rules: Rule, default: Verdict = Verdict.ACCEPT, v3: Scope | None = None) -> Policy:
    return Policy(7, compile_rules(rules, default), {} if v3 is None else {V3: v3})


@pytest.mark.parametrize(
    ("mode", "stance", "verdict", "code"),
    [
        ("open", "none", Verdict.ACCEPT, "accepted"),
        ("open", "agreed", Verdict.ACCEPT, "accepted"),
        ("open", "limited", Verdict.LIMIT, "host-limited"),
        ("open", "blocked", Verdict.REJECT, "host-blocked"),
        ("open", "suspended", Verdict.REJECT, "host-suspended"),
        ("peers", "none", Verdict.REJECT, "no-agreement"),
        ("peers", "limited", Verdict.REJECT, "no-agreement"),
        ("peers", "suspended", Verdict.REJECT, "host-suspended"),
        ("peers", "agreed", Verdict.ACCEPT, "accepted"),
        ("closed", "agreed", Verdict.REJECT, "federation-closed"),
    ],
)
def test_modes_and_stances(mode: str, stance: str, verdict: Verdict, code: str) -> None:
    decision = decide(policy(), facts(mode=mode, stance=stance))
    assert (decision.verdict, decision.code, decision.policy) == (verdict, code, 7)
    assert decision.text
    sending = decide(policy(), facts(mode=mode, stance=stance, direction="out"))
    assert sending.verdict is (
        Verdict.REJECT if verdict is Verdict.REJECT else Verdict.ACCEPT
    )  # a limited host is sent to


@pytest.mark.parametrize(
    ("mode", "stance", "verdict"),
    [
        ("peers", "none", Verdict.ACCEPT),
        ("open", "suspended", Verdict.ACCEPT),
        ("open", "blocked", Verdict.REJECT),
        ("closed", "none", Verdict.REJECT),
    ],
)
def test_messages_about_peering_pass_where_nothing_else_may(mode: str, stance: str, verdict: Verdict) -> None:
    assert (
        decide(policy(), facts(mode=mode, stance=stance, activity="Offer", object="peer:Agreement")).verdict is verdict
    )


def test_rules_count_for_messages_about_peering_where_they_name_them() -> None:
    """Else nobody could ask for an agreement of whom speaks with agreed institutions only."""
    offer = facts(activity="Offer", object="peer:Agreement")
    everyone = Rule("all", (), Verdict.REJECT)
    outside = Rule("outside", (Outside(("b.example",)),), Verdict.REJECT)
    others = Rule("others", (Terms("peer", (), ("b.example",)),), Verdict.REJECT)
    decision = decide(policy(everyone, outside, others, default=Verdict.REJECT), offer)
    assert (decision.verdict, decision.because) == (Verdict.ACCEPT, ())
    assert explain(policy(everyone, default=Verdict.REJECT), offer)[-1].effect == "accept"
    named = Rule("named", (Terms("peer", ("a.example",)),), Verdict.REJECT)
    assert decide(policy(everyone, named), offer).rule == "named"
    assert (
        decide(policy(Rule("no", (Terms("object", ("peer:Agreement",)),), Verdict.HOLD)), offer).verdict is Verdict.HOLD
    )
    assert decide(policy(everyone), facts(activity="Offer")).verdict is Verdict.REJECT


MSC = Scope(("b.example", "a.example"), ("public", "peers"), (GROUP,), media=True)
OTHER = "https://b.example/groups/other"


@pytest.mark.parametrize(
    ("scope", "given", "code"),
    [
        (MSC, {"group": GROUP, "group_scope": "agreed", "visibility": "peers"}, "accepted"),
        (MSC, {"group": OTHER, "group_scope": "agreed", "visibility": "peers"}, "scope"),
        (MSC, {"group": OTHER, "visibility": "peers"}, "scope"),
        (MSC, {"group": OTHER, "group_scope": "public", "visibility": "public"}, "accepted"),
        (MSC, {"group": OTHER, "group_scope": "public", "visibility": "public", "mode": "peers"}, "scope"),
        (MSC, {"group": "https://c.example/g", "visibility": "peers"}, "accepted"),  # not of the two who signed
        (MSC, {"visibility": "members"}, "scope"),
        (Scope(MSC.parties, ("public", "members")), {"visibility": "members"}, "tier"),
        (Scope(MSC.parties, ("public", "members")), {"visibility": "members", "tier": "members"}, "accepted"),
        (Scope(MSC.parties, ("public",)), {"visibility": "peers"}, "scope"),
        (Scope(MSC.parties, ("public", "members")), {"visibility": "peers"}, "accepted"),
        (None, {"visibility": "peers"}, "scope"),
        (None, {"visibility": "public"}, "accepted"),
        (MSC, {"visibility": "direct"}, "accepted"),
    ],
)
def test_what_an_agreement_opens(scope: Scope | None, given: dict[str, Any], code: str) -> None:
    rules = policy(v3=scope)
    decision = decide(rules, facts(stance="agreed", agreement=V3, **given))
    assert decision.code == code
    assert decision.rule == (None if code == "accepted" else "agreement")


def test_without_files_in_the_agreement_they_are_left_out() -> None:
    rules = policy(Rule("late", (), None, ("sensitive",)), v3=Scope(MSC.parties, media=False))
    decision = decide(rules, facts(stance="agreed", agreement=V3, media=2))
    assert (decision.verdict, decision.effects) == (Verdict.ACCEPT, ("strip-media", "sensitive"))
    assert decision.because == ("agreement", "late")


def test_the_first_verdict_ends_and_effects_before_it_add_up() -> None:
    rules = (
        Rule("last", (), Verdict.REJECT, code="never"),
        Rule("second", (), Verdict.HOLD, ("sensitive", "delist"), "look", "look at it", priority=5),
        Rule("shadow", (), Verdict.REJECT, priority=6, observe=True),
        Rule("first", (), None, ("strip-media", "sensitive"), priority=9),
    )
    decision = decide(policy(*rules), facts())
    assert (decision.verdict, decision.code, decision.text, decision.rule) == (
        Verdict.HOLD,
        "look",
        "look at it",
        "second",
    )
    assert decision.effects == ("strip-media", "sensitive", "delist")
    assert decision.because == ("first", "second")
    assert decision.observed == (("shadow", "reject"),)
    steps = explain(policy(*rules), facts())
    assert [(step.rule, step.matched, step.effect) for step in steps[3:]] == [
        ("first", True, "strip-media sensitive"),
        ("shadow", True, "observe reject"),
        ("second", True, "sensitive delist hold"),
    ]


def test_who_only_observes_decides_nothing() -> None:
    decision = decide(policy(Rule("shadow", (), Verdict.REJECT, observe=True)), facts())
    assert (decision.verdict, decision.code, decision.rule, decision.because) == (Verdict.ACCEPT, "accepted", None, ())
    limited = decide(policy(Rule("shadow", (), Verdict.REJECT, observe=True)), facts(stance="limited"))
    assert (limited.code, limited.rule, limited.observed) == ("host-limited", "stance", (("shadow", "reject"),))
    changed = decide(policy(Rule("a", (), None, ("sensitive",))), facts(stance="limited"))
    assert (changed.verdict, changed.effects, changed.because) == (Verdict.LIMIT, ("sensitive",), ("stance", "a"))


def test_verdicts_where_they_make_no_sense() -> None:
    hold = policy(Rule("h", (), Verdict.HOLD))
    said = {
        direction: decide(hold, facts(direction=direction)).verdict.value
        for direction in ("in", "fetch", "out", "show")
    }
    assert said == {"in": "hold", "fetch": "reject", "out": "accept", "show": "accept"}
    limit = policy(Rule("l", (), Verdict.LIMIT))
    assert decide(limit, facts(direction="out")).verdict is Verdict.ACCEPT
    assert decide(limit, facts(direction="announce")).verdict is Verdict.LIMIT


def test_reports_and_deletes_are_refused_by_effects() -> None:
    rules = policy(Rule("r", (), None, ("strip-media", "reject-reports", "reject-deletes")))
    assert decide(rules, facts(activity="Flag")).verdict is Verdict.REJECT
    assert decide(rules, facts(activity="Delete")).rule == "r"
    assert decide(rules, facts()).effects == ("strip-media", "reject-reports", "reject-deletes")


def test_a_limited_host_stays_limited_whatever_a_rule_allows() -> None:
    allowed = policy(Rule("ok", (), Verdict.ACCEPT))
    assert decide(allowed, facts(stance="limited")).verdict is Verdict.LIMIT
    assert decide(allowed, facts(stance="limited")).because == ("stance", "ok")
    assert explain(allowed, facts(stance="limited"))[0].effect == "limit"
    refused = policy(Rule("no", (), Verdict.REJECT))
    assert decide(refused, facts(stance="limited")).verdict is Verdict.REJECT


def test_the_default_may_be_no() -> None:
    closed = policy(Rule("friends", (), Verdict.ACCEPT, not_after=500), default=Verdict.REJECT)
    decision = decide(closed, facts())
    assert (decision.verdict, decision.code, decision.rule) == (Verdict.REJECT, "default", "default")
    assert decide(closed, facts(at=500)).verdict is Verdict.ACCEPT  # it had not run out then


def test_a_policy_goes_to_other_processes() -> None:
    rules = policy(
        Rule("x", (Text("keyword", ("spam",)),), Verdict.HOLD, rate=Rate(1, 1_000)), default=Verdict.LIMIT, v3=MSC
    )
    other = pickle.loads(pickle.dumps(rules))
    asked = facts(text="spam", visibility="public", rates=(("x", 2),))
    assert decide(other, asked) == decide(rules, asked)
    assert decide(other, asked).rule == "x"
    assert (other.compiled.rules, other.scopes) == (rules.compiled.rules, rules.scopes)
