import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from federation.peering.terms import Terms
from federation.policy.compile import compile_rules
from federation.policy.decide import Decision, Policy, Verdict, decide
from federation.policy.document import read
from federation.policy.envelopes import envelope, squeezed
from federation.policy.facts import Facts
from federation.policy.replay import Tally
from fedi import policy, simulating
from fedi.actions import envelopes as actions
from fedi.actions import explaining, forecasts, peer_alone, policies
from fedi.context import Site
from fedi.errors import Invalid
from fedi.replaying import Task, Work
from fedi.worker import auditing
from fedi.worker import envelopes as worker
from storage import audit, envelopes, rule_counts, simulations
from storage.envelopes import Chunk
from storage.metadata import Tx
from tests.conftest import Clock
from tests.storage import rows

pytestmark = pytest.mark.anyio

NOW = """\
[[rule]]
id = "no-spam"
when = { peer = "spam.example" }
then = "reject"
reason = { code = "spam", text = "no spam" }
"""
DRAFT = """\
[[rule]]
id = "no-films"
when = { direction = "in", media_types = "video/*" }
then = "reject"
reason = { code = "media", text = "no films" }

[[rule]]
id = "fewer-words"
when = { keyword = "pills" }
then = "hold"
observe = true

[[rule]]
id = "warn"
when = { peer = "beta.example", media = ">0" }
then = "sensitive"

[[rule]]
id = "never"
when = { peer = "nobody.example" }
then = "reject"
"""


def facts(at: int, host: str, name: str, **more: object) -> Facts:
    actor = f"https://{host}/users/{name}"
    made = Facts(at, "in", host, "Create", "Note", f"https://{host}/a/{at}", f"https://{host}/p/{at}", actor, actor)
    return structs.replace(made, **{"visibility": "public", **more})


def decided(several: Sequence[Facts], text: str, version: int) -> list[tuple[Facts, Decision]]:
    document = read(text)
    policy = Policy(version, compile_rules(document.rules, document.default))
    return [(one, decide(policy, one)) for one in several]


def film(at: int, **more: object) -> Facts:
    return facts(at, "beta.example", "bob", media=1, media_types=("video/mp4",), **more)


def traffic(start: int) -> list[Facts]:
    """Three films of beta's, a spam, five posts, one of them about pills, and one to beta of somebody here."""
    group = "https://alpha.example/groups/maths"
    ada = "https://alpha.example/users/ada"
    out = structs.replace(facts(start + 90, "beta.example", "x", media=1), direction="out", actor=ada, author=ada)
    return [
        *(film(start + at, group=group) for at in range(3)),
        facts(start + 10, "spam.example", "eve", text="buy pills"),
        *(facts(start + 20 + at, "gamma.example", "gil", text="pills" if at == 2 else "words") for at in range(5)),
        out,
    ]


async def test_what_a_draft_would_do_is_counted_beside_what_was_done(site: Site, clock: Clock) -> None:
    def begin(tx: Tx) -> None:
        policies.apply(tx, site, "ana", NOW, "begin")
        bob, ada = rows.actor(tx, "bob", "beta.example", iri="https://beta.example/users/bob"), rows.actor(tx, "ada")
        rows.follow(tx, ada, bob)
        actions.keep(tx, site, decided(traffic(clock.at), NOW, 1))

    site.db.write_now(begin)
    found = await simulating.simulate(site, "ana", DRAFT)
    result = found.result
    assert found.against == 1
    assert site.db.read_now(lambda tx: simulations.by_id(tx, found.id)) == found
    assert result["envelopes"] == 10
    assert result["verdicts"] == {"before": {"accept": 9, "reject": 1}, "after": {"accept": 7, "reject": 3}}
    assert result["newly"] == {"refused": 3, "let_in": 1, "changed": 1, "same": 5}
    by_id = {rule["rule"]: rule for rule in result["rules"]}
    assert {name: by_id[name]["hits"] for name in by_id} == {
        "no-films": 3, "fewer-words": 2, "warn": 4, "never": 0, "no-spam": 0, "default": 6,
    }  # fmt: skip
    assert by_id["no-films"]["newly_refused"] == 3
    assert by_id["no-spam"]["newly_let_in"] == 1
    assert by_id["fewer-words"]["would"] == {"hold": 2}
    assert by_id["warn"]["changed"] == 1
    assert result["never"] == ["never"]
    hit = result["hit"]["refused"]
    assert hit["groups"] == [{"name": "https://alpha.example/groups/maths", "count": 3}]
    assert hit["hosts"] == [{"name": "beta.example", "count": 3}]
    assert hit["follows"] == {"from_here": 1, "people": 1, "of_here": 0}
    assert [one["total"] for one in result["days"]] == [10]
    kinds = [(one["kind"], one["before"]["rule"], one["after"]["rule"]) for one in result["samples"]]
    assert sorted(kinds) == [
        ("changed", None, "warn"),
        ("let_in", "no-spam", None),
        *[("refused", None, "no-films")] * 3,
    ]
    films = next(one for one in result["samples"] if one["kind"] == "refused")
    assert [(step["rule"], step["matched"]) for step in films["steps"]][-1] == ("no-films", True)
    assert "buy" not in json.dumps(result)  # no text of anybody is kept in what came out
    assert site.db.read_now(policies.in_force).version == 1


async def test_who_is_erased_is_named_in_no_result(site: Site, clock: Clock) -> None:
    site.db.write_now(lambda tx: actions.keep(tx, site, decided(traffic(clock.at), NOW, 0)))
    row = await simulating.simulate(site, "ana", DRAFT)
    bob = "https://beta.example/users/bob"
    assert bob in json.dumps(row.result)
    site.db.write_now(lambda tx: actions.erase(tx, site, bob))
    clock.pass_(seconds=1900)
    await worker.look_after(site, {})
    left = site.db.read_now(lambda tx: simulations.by_id(tx, row.id))
    assert left is not None
    assert bob not in json.dumps(left.result)
    assert left.result["newly"] == row.result["newly"]
    assert len(left.result["samples"]) == len(row.result["samples"]) - 3


async def test_processes_count_the_same_as_one_and_leave_out_what_is_older(site: Site, clock: Clock) -> None:
    old = decided([film(clock.at - 5_000 - at) for at in range(9)], NOW, 0)

    def begin(tx: Tx) -> None:
        for start in range(0, 40_000, 1_000):
            several = [envelope(*one) for one in decided(traffic(clock.at + start), NOW, 0)]
            row = Chunk(
                site.new_id(), several[0].facts.at, several[-1].facts.at, len(several), squeezed(several), joined=True
            )
            envelopes.insert(tx, row)
        actions.keep(tx, site, old + decided(traffic(clock.at + 50_000), NOW, 0))

    since = clock.at
    site.db.write_now(begin)
    told: list[tuple[int, int]] = []
    alone = await simulating.simulate(site, "ana", DRAFT, since=since)
    several = await simulating.simulate(
        site, "ana", DRAFT, since=since, processes=2, told=lambda done, total: told.append((done, total))
    )
    assert alone.result["envelopes"] == 410
    assert alone.result["newly"]["refused"] == 3 * 41
    for name in ("milliseconds", "nanoseconds_each"):
        assert several.result.pop(name) >= 0
        alone.result.pop(name)
    assert several.result == alone.result
    assert told[-1][0] == 400


async def test_rules_that_count_are_counted_anew_in_the_order_of_time(site: Site, clock: Clock) -> None:
    text = '[[rule]]\nid = "slow"\nwhen = { activity = "Create" }\nthen = "rate(3/min)"\n'
    several = [facts(clock.at + at * 10_000, host, "x") for at in range(12) for host in ("b.example", "c.example")]
    site.db.write_now(lambda tx: actions.keep(tx, site, [(one, PLAIN) for one in several]))
    found = await simulating.simulate(site, "ana", text)
    # In a minute six come from each, ten seconds apart: all after the first three are too many.
    assert found.result["newly"] == {"refused": 2 * 9, "same": 2 * 3}
    later = [facts(clock.at + 200_000 + at, "b.example", "x") for at in range(4)]
    site.db.write_now(lambda tx: actions.keep(tx, site, [(one, PLAIN) for one in later]))
    found = await simulating.simulate(site, "ana", text)
    assert found.result["newly"] == {"refused": 2 * 9 + 1, "same": 2 * 3 + 3}


async def test_what_was_decided_by_older_versions_is_held_against_the_one_in_force(site: Site, clock: Clock) -> None:
    site.db.write_now(lambda tx: actions.keep(tx, site, decided(traffic(clock.at), NOW, 0)))
    site.db.write_now(lambda tx: policies.apply(tx, site, "ana", DRAFT, "films"))
    same = await simulating.simulate(site, "ana", DRAFT)
    assert same.result["newly"] == {"same": 10}
    back = await simulating.simulate(site, "ana", NOW)
    assert back.result["newly"] == {"refused": 1, "let_in": 3, "changed": 1, "same": 5}


def test_what_several_counted_apart_is_put_together_to_what_one_counts(clock: Clock) -> None:
    task = Task(draft=DRAFT, base=NOW, version=1, scopes={}, origin="https://alpha.example", since=0, until=1 << 60)
    bodies = [
        squeezed([envelope(*one) for one in decided(traffic(clock.at + start * 40_000_000), NOW, 0)])
        for start in range(6)
    ]

    def counted(several: list[bytes]) -> Tally:
        work = Work(task)
        for body in several:
            work.take(body)
        return work.done().tally

    together = counted(bodies[1::2])
    together.put(counted(bodies[::2]))
    assert together == counted(bodies)
    assert together.total == 60


PLAIN = Decision(Verdict.ACCEPT, "accepted", "nothing speaks against it", 0)


async def test_what_can_not_be_read_is_not_tried_and_what_fails_its_tests_is(site: Site) -> None:
    with pytest.raises(Invalid, match="line 3"):
        await simulating.simulate(site, "ana", '[[rule]]\nid = "x"\nwhen = { pear = "y.example" }\nthen = "reject"\n')
    failing = NOW + '\n[[test]]\ngiven = { peer = "spam.example" }\nexpect = "accept"\n'
    assert (await simulating.simulate(site, "ana", failing)).result["envelopes"] == 0


async def test_only_some_simulations_wait_for_their_turn(site: Site) -> None:
    """Each takes all processors: a button that is pressed often must not keep them busy for hours."""
    async with site.simulating:
        several = [asyncio.create_task(simulating.simulate(site, "ana", NOW)) for _ in range(simulating.WAITING)]
        async with asyncio.timeout(20):
            while site.simulating.waiting < simulating.WAITING:  # noqa: ASYNC110  # there is no event for it
                await asyncio.sleep(0.01)
        with pytest.raises(simulating.Busy):
            await simulating.simulate(site, "ana", NOW)
    assert len({(await one).id for one in several}) == simulating.WAITING


async def test_a_process_that_breaks_down_is_told_and_leaves_nothing(
    site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho out of memory >&2\nexit 9\n")
    broken.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(broken))
    site.db.write_now(lambda tx: actions.keep(tx, site, decided(traffic(clock.at), NOW, 0)))
    with pytest.raises(simulating.Replaying, match="broke off: out of memory"):
        await simulating.simulate(site, "ana", DRAFT, processes=2)
    assert site.db.read_now(lambda tx: simulations.newest(tx, 1)) == []


async def test_a_row_that_can_not_be_read_holds_nothing_up(site: Site, clock: Clock) -> None:
    bad = Chunk(site.new_id(), clock.at, clock.at, 3, b"\x02not ours", joined=False)
    old = Chunk(site.new_id(), clock.at, clock.at, 3, b"\x01not ours", joined=True)
    several = decided(traffic(clock.at), "", 0)

    def begin(tx: Tx) -> None:
        envelopes.insert(tx, bad)
        envelopes.insert(tx, old)
        actions.keep(tx, site, several)
        actions.erase(tx, site, "https://nobody.example/users/x")

    site.db.write_now(begin)
    result = (await simulating.simulate(site, "ana", DRAFT)).result
    assert (result["envelopes"], result["unreadable_rows"]) == (10, 2)
    [_, kept] = await auditing.verify(site, 100)
    assert kept.same == 10
    assert site.db.read_now(lambda tx: explaining.explained(tx, site, str(several[0][0].activity_id)))
    clock.pass_(seconds=3700)
    await worker.look_after(site, {})  # joins what can be read; what can't may be about anybody who is erased, and goes
    assert site.db.read_now(envelopes.total) == 10


async def test_forecast_and_fact_stand_side_by_side(site: Site, clock: Clock) -> None:
    day = 24 * 3600 * 1000

    def keep(start: int, text: str, version: int) -> None:
        several = [one for at in range(10) for one in traffic(start + at * day // 10)]
        site.db.write_now(lambda tx: actions.keep(tx, site, decided(several, text, version)))

    keep(clock.at - day, NOW, 0)
    await simulating.simulate(site, "ana", DRAFT)
    row = site.db.write_now(lambda tx: policies.apply(tx, site, "ana", DRAFT, "films"))
    keep(clock.at, DRAFT, row.version)
    clock.pass_(days=1)
    await worker.look_after(site, {})  # half of what is counted is in the counts for good, half in what was not joined
    keep(clock.at, DRAFT, row.version)
    clock.pass_(days=1)
    compared = site.db.read_now(lambda tx: forecasts.compare(tx, site))
    rules = {one.rule: one for one in compared.rules}
    assert compared.version == row.version
    films = rules["no-films"]
    assert films.did == {"reject": 60}
    assert films.fact == pytest.approx(30, rel=0.01)
    assert films.forecast == pytest.approx(30 / 0.9, rel=0.02)
    assert rules["fewer-words"].would == {"hold": 40}
    assert rules["never"].fact == 0
    assert site.db.read_now(lambda tx: rule_counts.of_version(tx, 99)) == []


async def test_each_decision_is_explained_under_the_version_of_then(site: Site, clock: Clock) -> None:
    site.db.write_now(lambda tx: policies.apply(tx, site, "ana", NOW, "begin"))
    spam, fine = facts(clock.at, "spam.example", "eve"), facts(clock.at + 1, "beta.example", "bob")
    site.db.write_now(lambda tx: actions.keep(tx, site, decided([spam, fine], NOW, 1)))
    site.db.write_now(lambda tx: policies.rollback(tx, site, "kim", 0, "spam is fine"))

    def explained(wanted: str | None) -> list[explaining.Explained]:
        return site.db.read_now(lambda tx: explaining.explained(tx, site, wanted or ""))

    for wanted in (spam.activity_id, spam.object_id):
        [one] = explained(wanted)
        assert one.given is not None
        assert (one.given.verdict, one.given.rule, one.given.policy) == ("reject", "no-spam", 1)
        assert (one.again.verdict, one.again.rule, one.same) == (Verdict.REJECT, "no-spam", True)
        assert one.steps[-1].rule == "no-spam"
        assert one.author == "ana"
    [one] = explained(fine.activity_id)
    assert (one.again.verdict, one.same) == (Verdict.ACCEPT, True)
    assert [step.rule for step in one.steps] == ["stance", "mode", "agreement", "no-spam", "default"]
    now = explained("spam.example")[0]
    assert (now.given, now.again.verdict, now.again.policy) == (None, Verdict.ACCEPT, 2)
    assert explained("https://nobody.example/1") == []


async def test_what_a_peer_said_of_ours_is_told_as_its_word(site: Site) -> None:
    iri = "https://alpha.example/activities/1"
    theirs = Decision(Verdict.REJECT, "scope", "not in our agreement", rule="r-7")
    site.db.write_now(lambda tx: policy.keep(tx, site, theirs, "out", "beta.example", activity_id=iri, type="Create"))
    [one] = site.db.read_now(lambda tx: explaining.explained(tx, site, iri))
    assert (one.known, one.again.text, one.again.rule, one.steps) == (False, "not in our agreement", "r-7", ())
    [own, _] = await auditing.verify(site, 10)
    assert own.checked == 0  # nobody can make it again here


async def test_what_an_agreement_decided_is_decided_again_by_who_has_not_read_it(site: Site, clock: Clock) -> None:
    iri = site.db.write_now(
        lambda tx: peer_alone.agree_alone(tx, site, "ana", "beta.example", Terms(visibility=("public", "peers")))
    ).iri

    def decide_twice(tx: Tx) -> list[Decision]:
        opened, inner = (
            facts(clock.at, "beta.example", "bob", stance="agreed", agreement=iri, visibility=seen)
            for seen in ("peers", "members")
        )
        judged = [policy.judge(tx, site, policy.current(tx, site), one) for one in (inner, opened, film(clock.at))]
        actions.keep(tx, site, judged)
        for one in judged:
            policy.keep_judged(tx, site, one)
        return [one.decision for one in judged]

    assert [one.code for one in site.db.write_now(decide_twice)] == ["scope", "accepted", "accepted"]
    site.policies.scopes.clear()
    for found in await auditing.verify(site, 10):
        assert found.same == found.checked > 0
    site.policies.scopes.clear()
    result = (await simulating.simulate(site, "ana", DRAFT)).result
    assert result["newly"] == {"refused": 1, "same": 2}


async def test_the_newest_decisions_made_again_are_what_they_were_or_that_is_told(site: Site, clock: Clock) -> None:
    site.db.write_now(lambda tx: policies.apply(tx, site, "ana", NOW, "begin"))
    good = decided(traffic(clock.at), NOW, 1)
    for _ in range(3):
        site.db.write_now(lambda tx: actions.keep(tx, site, good))
    [own, kept] = await auditing.verify(site, 25)
    assert (own.checked, kept.checked, kept.same, kept.lost) == (0, 25, 25, 0)
    await auditing.audit_job(site, {})
    assert "decisions.differ" not in [row.action for row in site.db.read_now(lambda tx: audit.newest(tx, 5))]

    # Decisions that this version does not give, or not by this rule, and one of a version that is not there.
    by_another = replace(good[3][1], rule="stance")
    wrong = [
        (good[0][0], good[3][1]),
        (good[3][0], by_another),
        (good[0][0], Decision(Verdict.ACCEPT, "accepted", "", 7)),
    ]
    site.db.write_now(lambda tx: actions.keep(tx, site, wrong))
    [_, kept] = await auditing.verify(site, 100)
    assert (kept.checked, kept.same, kept.lost) == (32, 30, 1)
    assert [given.rule for given, _, _ in kept.differing] == ["stance", "no-spam"]
    await auditing.audit_job(site, {})
    row = site.db.read_now(lambda tx: audit.newest(tx, 1))[0]
    assert (row.action, row.body) == ("decisions.differ", {"checked": 32, "differ": 2})
