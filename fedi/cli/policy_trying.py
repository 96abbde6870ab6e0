"""`fedi policy simulate`, `explain`, `counts`: what a policy would do, and did, and why."""

import asyncio
import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from fedi.cli.console import CommandError, moment, opened, print_json, print_rows, timestamp
from fedi.cli.options import AsJson, ConfigPath

if TYPE_CHECKING:
    from fedi.actions.explaining import Explained
    from storage.simulations import Simulation

_STEPS = 25
"""Rules of a trace that are printed, those that fit and some of the others."""
_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def simulate(
    document: Annotated[str, typer.Argument(metavar="FILE|VERSION", help="A file (- for standard input), or a draft.")],
    since: Annotated[str, typer.Option(help="How far back, as 90m, 12h, 7d, 2w; or RFC 3339.")] = "14d",
    processes: Annotated[
        int | None, typer.Option(min=1, max=64, help="How many processes replay; else as it fits.")
    ] = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """What a policy would have done to what came and went lately, beside what the one in force did. Changes nothing."""
    from fedi.cli.policy import given

    number, text = given(document)
    with opened(config) as site:
        from fedi import simulating
        from fedi.actions import pending, policies

        if number is not None:
            wanted = number
            text = site.db.read_now(lambda tx: policies.version(tx, wanted)).document
        begun = _since(since, site.clock())
        told = _progress if sys.stderr.isatty() else None
        found = asyncio.run(
            simulating.simulate(site, pending.COMMAND_LINE, text or "", since=begun, processes=processes, told=told)
        )
    if as_json:
        print_json({"id": str(found.id), "digest": found.digest, "against": found.against, **found.result})
    else:
        _print_simulation(found)


def explain(
    wanted: Annotated[
        str, typer.Argument(metavar="ID|HOST", help="The id of an activity or of its object; or a host.")
    ],
    every: Annotated[bool, typer.Option("--all", help="Also every rule that does not fit.")] = False,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Why something was taken, changed, held or refused: each decision upon it, made again under the version of then."""
    with opened(config) as site:
        from fedi.actions import explaining, results

        found = site.db.read_now(lambda tx: explaining.explained(tx, site, wanted))
    if not found:
        raise CommandError(
            f"nothing is known of {wanted}: it was never asked about, or so long ago that it is forgotten (policy.keep_days)"
        )
    if as_json:
        print_json([_explained(one) for one in found])
        return
    for at, one in enumerate(found):
        print("\n" * (at > 0) + _heading(one))
        if not one.known:
            continue
        shown = one.steps if every else results.shortened(one.steps, _STEPS)
        print_rows(
            [
                {"rule": step.rule, "fits": "yes" if step.matched else "no", "does": step.effect or "", "why": step.why}
                for step in shown
            ],
            ("rule", "fits", "does", "why"),
            none="no rules",
        )
        if len(shown) < len(one.steps):
            print(f"{len(one.steps) - len(shown)} more that do not fit: --all")


def counts(
    version: Annotated[int | None, typer.Argument(metavar="[VERSION]", help="Else the one in force.")] = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """What each rule of a version did, beside what a simulation said before; also of rules that only observe."""
    with opened(config) as site:
        from fedi.actions import forecasts

        found = site.db.read_now(lambda tx: forecasts.compare(tx, site, version))
    rows: list[dict[str, Any]] = [
        {
            "rule": one.rule,
            "a_day": round(one.fact, 1),
            "forecast_a_day": None if one.forecast is None else round(one.forecast, 1),
            "did": one.did,
            "would": one.would,
        }
        for one in found.rules
    ]
    if as_json:
        print_json(
            {
                "version": found.version,
                "since": timestamp(found.since),
                "until": timestamp(found.until),
                "days_simulated": found.simulated,
                "rules": rows,
            }
        )
        return
    print(f"version {found.version}, from {moment(found.since)} to {moment(found.until)}")
    for row in rows:
        row["did"] = [f"{number} {word}" for word, number in row["did"].items()]
        row["would"] = [f"{number} {word}" for word, number in row["would"].items()]
    print_rows(rows, ("rule", "a_day", "forecast_a_day", "did", "would"), none="nothing was decided yet")


def _since(text: str, now: int) -> int:
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if found is not None:
        return max(now - int(found[1]) * _UNITS[found[2]] * 1000, 0)
    from federation.fields import milliseconds

    at = milliseconds(text)
    if at is None:
        raise CommandError(f"--since {text!r}: write 90m, 12h, 7d, 2w, or a time as 2026-11-01T00:00:00Z")
    return at


def _progress(done: int, total: int) -> None:
    end = "\n" if done >= total else ""
    print(f"\r{done} of {total}", end=end, file=sys.stderr, flush=True)


def _print_simulation(found: "Simulation") -> None:
    result = found.result
    if not result["envelopes"]:
        print("nothing was kept since then: there is nothing to try it on")
        return
    newly = result["newly"]
    print(
        f"{result['envelopes']} activities from {moment(result['first_at'])} to {moment(result['last_at'])}, against version {found.against}"
    )
    print(f"{result['milliseconds'] / 1000:.1f} s, {result['nanoseconds_each'] / 1000:.1f} µs to decide each")
    print("; ".join(f"{word.replace('_', ' ')}: {number}" for word, number in newly.items()))
    for kind, hit in result["hit"].items():
        totals, follows = hit["totals"], hit["follows"]
        print(
            f"{kind.replace('_', ' ')}: {totals['hosts']} hosts, {totals['groups']} groups, {totals['actors']} actors there, "
            f"{totals['people']} people here; follows: {follows['from_here']} of {follows['people']} people here, "
            f"{follows['of_here']} from there"
        )
        for what in ("groups", "hosts"):
            for one in hit[what][:10]:
                print(f"  {what.removesuffix('s')} {one.get('handle') or one['name']}: {one['count']}")
    print()
    print_rows(
        result["rules"], ("rule", "hits", "newly_refused", "newly_let_in", "newly_held", "changed"), none="no rules"
    )
    if result["never"]:
        print(f"never fitted: {', '.join(result['never'])}")
    for sample in result["samples"]:
        before, after = sample["before"], sample["after"]
        why = next((step["why"] for step in sample["steps"] if step["rule"] == after["rule"] and step["matched"]), "")
        print(
            f"\n{sample['kind'].replace('_', ' ')}: {sample['activity']} {sample['object'] or ''} {sample['direction']} "
            f"{sample['host']} {moment(sample['at'])}\n  {sample['activity_id'] or '-'}\n"
            f"  {before['verdict']} ({before['rule'] or before['code']}) -> {after['verdict']} ({after['rule'] or after['code']}) {why}"
        )


def _why_unknown(one: "Explained") -> str:
    """Why there are no rules to show: who decided it without them."""
    if one.facts.direction == "out":
        return f"{one.facts.host} says so"
    if one.again.rule is None:
        return "no rule was asked: the activity itself is not what it says it is, or nothing could be done with it"
    return "what this was decided by is not kept any more"


def _heading(one: "Explained") -> str:
    facts, again = one.facts, one.again
    if not one.known:
        return (
            f"{facts.activity or 'anything'} {facts.direction} {facts.host}, {moment(facts.at)}\n"
            f"  {again.verdict.value}: {again.text} ({again.code}{f', rule {again.rule}' if again.rule else ''})\n"
            f"  {_why_unknown(one)}"
        )
    what = f"{facts.activity or 'anything'} {facts.object or ''}".strip()
    said = [
        f"{what} {facts.direction} {facts.host}"
        + (f", {moment(facts.at)}" if one.given is not None else ", if it came now"),
        f"  {facts.activity_id}" if facts.activity_id else "",
        f"  policy {again.policy} by {one.author}"
        + (f", approved by {', '.join(one.approvers)}" if one.approvers else ""),
        f"  {again.verdict.value}: {again.text} ({again.code}{f', rule {again.rule}' if again.rule else ''})"
        + (f"; {', '.join(again.effects)}" if again.effects else ""),
        "" if one.same or one.given is None else f"  it was {one.given.verdict} ({one.given.code}) then: not the same",
    ]
    return "\n".join(line for line in said if line)


def _explained(one: "Explained") -> dict[str, Any]:
    given, again = one.given, one.again
    return {
        "facts": msgspec.to_builtins({name: getattr(one.facts, name) for name in one.facts.__struct_fields__}),
        "policy": again.policy,
        "author": one.author,
        "approvers": list(one.approvers),
        "verdict": again.verdict.value,
        "code": again.code,
        "text": again.text,
        "rule": again.rule,
        "effects": list(again.effects),
        "observed": [list(pair) for pair in again.observed],
        "given": None
        if given is None
        else {"verdict": given.verdict, "code": given.code, "rule": given.rule, "effects": list(given.effects)},
        "same": one.same,
        "facts_known": one.known,
        "steps": [{"rule": s.rule, "matched": s.matched, "why": s.why, "effect": s.effect} for s in one.steps],
    }
