import pytest
from msgspec import structs

from federation.policy.facts import Facts
from fedi import policy
from fedi.actions import explaining, policies, versions
from fedi.actions.checking import check
from fedi.cli.doctor_policy import of_policy
from fedi.context import Site
from fedi.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from storage import audit, simulations
from storage.metadata import Tx
from storage.policies import PolicyRow
from storage.policies import policies as policies_table
from storage.simulations import Simulation
from tests.conftest import Clock

A = """\
[[rule]]
id = "no-spam"
owner = "ana"
source = "list:partners"
when = { peer = "spam.example" }
then = "reject"
reason = { code = "spam", text = "no spam" }

[[test]]
name = "spam is refused"
given = { peer = "mail.spam.example", activity = "Create" }
expect = "reject:spam"
"""
B = A + '\n[[rule]]\nid = "no-films"\nwhen = { media_types = "video/*" }\nthen = "strip-media"\n'


def apply(site: Site, text: str, comment: str = "why", who: str = "ana", parent: int | None = None) -> PolicyRow:
    return site.db.write_now(lambda tx: policies.apply(tx, site, who, text, comment, parent=parent))


def with_settings(site: Site, **values: object) -> None:
    changed = structs.replace(site.config, policy=structs.replace(site.config.policy, **values))
    object.__setattr__(site, "config", changed)


def verdict(site: Site, host: str) -> tuple[str, int]:
    facts = Facts(site.clock(), "in", host, "Create", "Note")
    found = site.db.read_now(lambda tx: policy.decide(tx, site, facts))
    return found.verdict.value, found.policy


def test_what_was_applied_last_counts_and_every_save_is_a_version(site: Site) -> None:
    assert verdict(site, "spam.example") == ("accept", 0)
    first = apply(site, A, "begin")
    assert (first.version, first.parent, first.state, first.author, first.message) == (1, 0, "applied", "ana", "begin")
    assert verdict(site, "spam.example") == ("reject", 1)
    draft = site.db.write_now(lambda tx: policies.save_draft(tx, site, "kim", B, "films"))
    assert (draft.version, draft.parent, draft.state) == (2, 1, "draft")
    assert verdict(site, "spam.example") == ("reject", 1)  # a draft counts for nothing
    site.db.write_now(lambda tx: policies.apply_version(tx, site, "ana", 2, "read twice"))
    row = site.db.read_now(lambda tx: policies.version(tx, 2))
    assert (row.state, row.author, row.message, row.document) == ("applied", "kim", "films\nread twice", B)
    assert verdict(site, "spam.example") == ("reject", 2)


def test_a_message_is_kept_as_text_and_has_a_bound(site: Site) -> None:
    assert apply(site, A, " a\0b\ud800 ").message == "ab?"
    with pytest.raises(Invalid, match="2001 characters"):
        apply(site, B, "x" * 2001)
    assert check("\0").unreadable
    assert check(A + "# \0").unreadable
    assert check("x" * 2_100_000).unreadable


def test_what_can_not_be_read_or_fails_its_tests_never_replaces_what_does(site: Site) -> None:
    apply(site, A)
    before = site.db.read_now(policies.in_force)
    typo = A.replace("peer = ", "pear = ", 1)
    failing = A.replace("reject:spam", "accept")
    for text, said in ((typo, "line 5"), (failing, "line 9"), ("[[rule]", "line 1"), (A * 2, "no-spam")):
        for act in (policies.apply, policies.save_draft):
            with pytest.raises(Invalid) as caught:
                site.db.write_now(lambda tx, act=act, text=text: act(tx, site, "ana", text, "x"))  # type: ignore[misc]
            assert said in caught.value.text
    assert "pear" in check(typo).errors[0].text
    assert "did you mean peer" in check(typo).errors[0].mend
    assert site.db.read_now(policies.in_force) == before
    assert verdict(site, "spam.example") == ("reject", 1)


def test_a_version_that_can_not_be_read_any_more_leaves_the_one_before_it_in_force(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    def damage(number: int) -> None:
        site.policies.compiled.clear()  # as in a process that was started anew
        row = policies_table.update().where(policies_table.c.version == number)
        site.db.write_now(lambda tx: tx.execute(row.values(document=A.replace("peer = ", "pear = ", 1))))

    apply(site, A)
    apply(site, B)
    damage(2)
    assert verdict(site, "spam.example") == ("reject", 1)
    assert verdict(site, "spam.example") == ("reject", 1)
    said = [one.message for one in caplog.records if one.levelname == "ERROR"]
    assert len(said) == 1
    assert "version 2 of the policy can't be read: line 5" in said[0]
    assert "version 1 counts instead" in said[0]
    (found,) = [one for one in site.db.read_now(lambda tx: list(of_policy(tx, site))) if one.about == "policy"]
    assert found.text.endswith("until then version 1 counts")
    assert site.db.read_now(lambda tx: explaining.expected(tx, site, "spam.example")).again.policy == 1
    site.policies.instead.clear()
    damage(1)
    with pytest.raises(policy.Unreadable, match="version 2"):  # and nobody guesses what it refused
        verdict(site, "spam.example")
    apply(site, B)
    assert verdict(site, "spam.example") == ("reject", 3)


def test_who_began_from_another_version_than_the_one_in_force_is_told(site: Site) -> None:
    apply(site, A)
    stale = site.db.write_now(lambda tx: policies.save_draft(tx, site, "kim", B, "films", parent=1))
    apply(site, A + "\n", parent=1)
    for act in (
        lambda tx: policies.apply(tx, site, "kim", B, "films", parent=1),
        lambda tx: policies.apply_version(tx, site, "kim", stale.version),
    ):
        with pytest.raises(Conflict) as caught:
            site.db.write_now(act)
        assert "version 3 is in force" in caught.value.text
    assert site.db.read_now(policies.in_force).version == 3


def test_a_draft_needs_the_approvals_that_the_settings_want_and_not_of_its_author(site: Site) -> None:
    with_settings(site, approvals=2)
    with pytest.raises(Forbidden):
        apply(site, A)
    draft = site.db.write_now(lambda tx: policies.save_draft(tx, site, "ana", A, "begin")).version

    def approve(who: str) -> None:
        site.db.write_now(lambda tx: policies.approve(tx, site, who, draft))

    def enact() -> None:
        site.db.write_now(lambda tx: policies.apply_version(tx, site, "ana", draft))

    with pytest.raises(Forbidden, match="can't approve it"):
        approve("ana")
    approve("kim")
    with pytest.raises(Invalid, match="already"):
        approve("kim")
    with pytest.raises(Forbidden, match="1 of the 2"):
        enact()
    approve("joe")
    enact()
    assert policies.approvers(site.db.read_now(policies.in_force)) == ["kim", "joe"]
    with pytest.raises(Invalid):
        approve("eve")
    # Going back needs none: that version was in force before.
    site.db.write_now(lambda tx: policies.rollback(tx, site, "ana", 0, "too strict"))
    assert verdict(site, "spam.example") == ("accept", 2)


def test_a_policy_is_simulated_first_where_the_settings_want_that(site: Site, clock: Clock) -> None:
    with_settings(site, simulate_first=True)
    with pytest.raises(Forbidden, match="simulated"):
        apply(site, A)

    def simulated(at: int) -> None:
        row = Simulation(site.new_id(), check(A).digest, A, 0, 0, "ana", {"envelopes": 7, "samples": [1]}, at)
        site.db.write_now(lambda tx: simulations.insert(tx, row))

    simulated(clock.at)
    clock.pass_(days=1.1)
    with pytest.raises(Forbidden, match="simulated"):
        apply(site, A)
    simulated(clock.at)
    forecast = apply(site, A).forecast
    assert forecast is not None
    assert forecast["envelopes"] == 7
    assert "samples" not in forecast
    with pytest.raises(Forbidden, match="simulated"):
        apply(site, B)


def test_a_rollback_is_a_version_with_the_document_of_another(site: Site) -> None:
    apply(site, A)
    apply(site, B)
    back = site.db.write_now(lambda tx: policies.rollback(tx, site, "kim", 1, "films are wanted"))
    assert (back.version, back.parent, back.document, back.message) == (3, 2, A, "back to version 1: films are wanted")
    assert verdict(site, "spam.example") == ("reject", 3)
    for number, wrong in ((1, Invalid), (3, Invalid), (9, NotFound)):
        with pytest.raises(wrong):
            site.db.write_now(lambda tx, number=number: policies.rollback(tx, site, "kim", number, ""))  # type: ignore[misc]
    draft = site.db.write_now(lambda tx: policies.save_draft(tx, site, "ana", B + "\n", "x"))
    with pytest.raises(Problem, match="never in force"):
        site.db.write_now(lambda tx: policies.rollback(tx, site, "kim", draft.version, ""))
    none = site.db.write_now(lambda tx: policies.rollback(tx, site, "kim", 0, ""))
    assert none.document == ""
    assert verdict(site, "spam.example") == ("accept", none.version)


def test_each_act_stands_in_the_audit_log(site: Site) -> None:
    apply(site, A, who="ana")
    draft = site.db.write_now(lambda tx: policies.save_draft(tx, site, "kim", B, "films"))
    site.db.write_now(lambda tx: policies.approve(tx, site, "ana", draft.version))
    site.db.write_now(lambda tx: policies.apply_version(tx, site, "joe", draft.version))
    site.db.write_now(lambda tx: policies.rollback(tx, site, "joe", 1, ""))
    rows = site.db.read_now(lambda tx: audit.after(tx, 0, 10))
    assert [(row.who, row.action, row.about) for row in rows] == [
        ("ana", "policy.apply", "1"),
        ("kim", "policy.draft", "2"),
        ("ana", "policy.approve", "2"),
        ("joe", "policy.apply", "2"),
        ("joe", "policy.rollback", "3"),
    ]
    assert rows[3].body["digest"] == check(B).digest
    assert rows[3].body["before"] == 1
    assert rows[4].body["back_to"] == 1
    assert site.db.read_now(audit.broken) is None


def test_what_differs_and_which_version_brought_a_rule(site: Site) -> None:
    apply(site, A, "begin", "ana")
    apply(site, B, "films", "kim")
    changed = B.replace('"no spam"', '"no spam, please"').replace('then = "strip-media"', 'then = "sensitive"')
    apply(site, changed, "softer", "joe")
    apply(site, "# a comment\n" + changed, "said", "joe")

    def blamed(tx: Tx) -> list[tuple[str, int, str, str | None, str | None]]:
        return [(one.rule, one.version, one.author, one.owner, one.source) for one in versions.blame(tx)]

    assert site.db.read_now(blamed) == [
        ("no-spam", 3, "joe", "ana", "list:partners"),
        ("no-films", 3, "joe", None, None),
    ]
    site.db.write_now(lambda tx: policies.rollback(tx, site, "ana", 2, ""))
    assert site.db.read_now(lambda tx: [one.version for one in versions.blame(tx)]) == [5, 5]
    apply(site, B.replace("no spam", "no"), "x", "eve")
    assert site.db.read_now(lambda tx: versions.blame(tx, "no-films"))[0].version == 5
    assert site.db.read_now(lambda tx: versions.blame(tx, "no-spam"))[0].author == "eve"

    one = site.db.read_now(lambda tx: versions.diff(tx, 1, 3))
    assert (one.added, one.removed, one.changed) == (("no-films",), (), ("no-spam",))
    assert '-reason = { code = "spam", text = "no spam" }' in one.text
    back = site.db.read_now(lambda tx: versions.diff(tx, 3, 0))
    assert (back.added, back.removed, back.changed) == ((), ("no-spam", "no-films"), ())
    with pytest.raises(NotFound):
        site.db.read_now(lambda tx: versions.diff(tx, 1, 77))


def test_a_clock_that_is_set_back_lets_no_older_version_count(site: Site, clock: Clock) -> None:
    apply(site, A)
    clock.at -= 3_600_000
    apply(site, B)
    assert site.db.read_now(policies.in_force).version == 2
