"""What a simulation found, in the form in which it is kept and shown: JSON, with texts and whole numbers."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from federation.policy.decide import Step
from federation.policy.facts import Facts
from federation.policy.replay import DAY, Answer, Sample, Tally
from fedi.context import Site
from storage import actors, follows
from storage.metadata import Tx

if TYPE_CHECKING:
    from fedi.replaying import Done

Chosen = Sample
Traced = tuple[Sample, tuple[Step, ...]]
_SHOWN = 50
"""Groups, hosts and people that are named; of the others there is the number."""
_ACTORS = 20_000
"""Actors whose follows are counted."""
_PAIRS = 500
"""Pairs of a person here and a host whose follows are counted."""
_IDS = ("activity_id", "object_id", "actor", "author")
_STEPS = 40
"""Steps of a trace that are kept: those of rules that fitted, and the first of the others."""


def result(
    tx: Tx, site: Site, done: "Done", traces: Iterable[Traced], *, rules: Sequence[str], milliseconds: int
) -> dict[str, Any]:
    """What is kept of a simulation.

    `verdicts` {before, after} -> word -> number; `newly` kind (`federation.policy.replay.KINDS`) -> number; `rules` one for each rule of
    the draft, and each in force that let something in; `never` ids of rules that nothing fitted; `hit` refused / let in ->
    {groups, hosts, people, actors: [{name, count}], totals, follows}; `days` for a chart; `samples` with their trace;
    `unreadable_rows` of envelopes that were left out.
    """
    tally = done.tally
    return {
        "envelopes": tally.total,
        "first_at": tally.first_at,
        "last_at": tally.last_at,
        "milliseconds": milliseconds,
        "nanoseconds_each": done.nanoseconds // tally.total if tally.total else 0,
        "verdicts": {"before": tally.before, "after": tally.after},
        "newly": {kind.replace(" ", "_"): number for kind, number in sorted(tally.kinds.items())},
        "rules": _rules(tally, rules),
        "never": [name for name in rules if not tally.rules.get(name, {}).get("hits")],
        "hit": {kind.replace(" ", "_"): _hit(tx, whats) for kind, whats in sorted(tally.hit.items())},
        "more": tally.more,
        "unreadable_rows": done.unreadable,
        "days": [
            {"day": day, "at": day * DAY, **{name.replace(" ", "_"): number for name, number in sorted(counts.items())}}
            for day, counts in sorted(tally.days.items())
        ],
        "samples": [_sample(sample, steps) for sample, steps in traces],
    }


def samples(tally: Tally, most: int) -> list[Sample]:
    """Some samples, so that each kind and each rule has its turn: first one of each, then a second of each …"""
    order = {"refused": 0, "let in": 1, "held": 2, "limited": 3, "changed": 4}
    several = [tally.samples[key] for key in sorted(tally.samples)]
    turns: list[Sample] = []
    for turn in range(max(map(len, several), default=0)):
        turns += sorted((found[turn] for found in several if len(found) > turn), key=lambda one: order.get(one.kind, 5))
    return turns[:most]


def _rules(tally: Tally, rules: Sequence[str]) -> list[dict[str, Any]]:
    named = dict.fromkeys([*rules, *sorted(tally.rules)])
    return [
        {
            "rule": name,
            "hits": counts.get("hits", 0),
            "in_draft": name in rules or name in ("stance", "mode", "agreement", "default"),
            "newly_refused": counts.get("refused", 0),
            "newly_let_in": counts.get("let in", 0),
            "newly_held": counts.get("held", 0),
            "newly_limited": counts.get("limited", 0),
            "changed": counts.get("changed", 0),
            "verdicts": {word: counts[word] for word in ("accept", "limit", "hold", "reject") if word in counts},
            "would": {
                word.removeprefix("would "): number for word, number in counts.items() if word.startswith("would ")
            },
        }
        for name in named
        if (counts := tally.rules.get(name, {})) or name in rules
    ]


def _hit(tx: Tx, whats: dict[str, dict[str, int]]) -> dict[str, Any]:
    others, people = whats.get("actors", {}), whats.get("people", {})
    from_here, followers = follows.from_here(tx, _most(others, _ACTORS))
    pairs = [tuple(one.split(" ", 1)) for one in _most(whats.get("deliveries", {}), _PAIRS)]
    found: dict[str, list[dict[str, Any]]] = {
        what: [{"name": name, "count": whats[what][name]} for name in _most(whats.get(what, {}), _SHOWN)]
        for what in ("groups", "hosts", "people", "actors")
    }
    known = actors.by_iris(tx, [one["name"] for one in found["groups"] + found["people"]])
    for one in found["groups"] + found["people"]:
        if (actor := known.get(one["name"])) is not None:
            one["handle"] = f"{actor.username}@{actor.domain}"
    return {
        **found,
        "totals": {what: len(whats.get(what, {})) for what in ("groups", "hosts", "people", "actors")},
        "follows": {
            "from_here": from_here,
            "people": len(followers | {one.id for one in known.values() if one.iri in people}),
            "of_here": follows.of_here(tx, [(pair[0], pair[1]) for pair in pairs]),
        },
    }


def _most(counts: dict[str, int], most: int) -> list[str]:
    return sorted(counts, key=lambda name: (-counts[name], name))[:most]


def _sample(sample: Sample, steps: tuple[Step, ...]) -> dict[str, Any]:
    facts = sample.facts
    return {
        "kind": sample.kind.replace(" ", "_"),
        **activity(facts),
        "before": _answer(sample.before),
        "after": _answer(sample.after),
        "steps": trace(steps),
    }


def activity(facts: Facts) -> dict[str, Any]:
    """What is shown of an activity; never its text."""
    return {
        "at": facts.at,
        "direction": facts.direction,
        "host": facts.host,
        "activity": facts.activity,
        "object": facts.object,
        "activity_id": facts.activity_id,
        "object_id": facts.object_id,
        "actor": facts.actor,
        "author": facts.author,
        "group": facts.group,
        "visibility": facts.visibility,
    }


def trace(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Steps as JSON; of a long trace those that fitted, and the first of the others."""
    return [
        {"rule": step.rule, "matched": step.matched, "why": step.why, "effect": step.effect}
        for step in shortened(steps, _STEPS)
    ]


def shortened(steps: Sequence[Step], most: int) -> list[Step]:
    """So many steps, in order: all that fitted, and the first of the others."""
    left = most - sum(step.matched for step in steps)
    kept = []
    for step in steps:
        if step.matched or left > 0:
            kept.append(step)
            left -= not step.matched
    return kept


def _answer(answer: Answer) -> dict[str, Any]:
    return {"verdict": answer.verdict, "code": answer.code, "rule": answer.rule, "effects": list(answer.effects)}


def without(result: dict[str, Any], iris: frozenset[str]) -> dict[str, Any] | None:
    """A result in which these actors (or what is at these ids) are not named; None when they were not."""
    samples = [one for one in result["samples"] if iris.isdisjoint(one.get(name) for name in _IDS)]
    hit = {
        kind: {
            what: [one for one in value if one["name"] not in iris] if isinstance(value, list) else value
            for what, value in whats.items()
        }
        for kind, whats in result["hit"].items()
    }
    changed = result | {"samples": samples, "hit": hit}
    return None if changed == result else changed
