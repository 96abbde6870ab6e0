"""`fedi policy`: what is typed, what is printed, and how it ends."""

from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import update

from federation.policy.facts import Facts
from fedi import policy
from fedi.actions import envelopes
from fedi.cli.console import opened
from storage.audit import audit as audit_table
from storage.metadata import Tx
from storage.policies import policies as policies_table
from tests.fedi.cli.conftest import Operator, both

A = """\
[[rule]]
id = "no-spam"
when = { peer = "spam.example" }
then = "reject"
reason = { code = "spam", text = "no spam" }

[[test]]
name = "spam is refused"
given = { peer = "spam.example", activity = "Create" }
expect = "reject:spam"
"""
B = A + '\n[[rule]]\nid = "no-films"\nwhen = { media_types = "video/*" }\nthen = "strip-media"\n'


@pytest.fixture
def written(tmp_path: Path) -> Path:
    file = tmp_path / "policy.toml"
    file.write_text(A)
    return file


def _tampered(document: str, tx: Tx) -> None:
    """As somebody with a shell of the database does."""
    tx.execute(update(policies_table).values(document=document))


def fails(operator: Operator, *words: str) -> str:
    """What a command complains of that does nothing."""
    done = operator.try_(*words)
    assert done.status == 1, done
    return done.err


def came(host: str, number: int) -> None:
    """So many posts came from a host, and were decided upon."""
    with opened(None) as site:

        def unit(tx: Tx) -> None:
            judged = []
            for at in range(number):
                iri = f"https://{host}/users/x"
                facts = Facts(
                    site.clock(),
                    "in",
                    host,
                    "Create",
                    "Note",
                    f"https://{host}/a/{at}",
                    None,
                    iri,
                    iri,
                    visibility="public",
                )
                judged.append(policy.judge(tx, site, policy.current(tx, site), facts))
                policy.keep_judged(tx, site, judged[-1])
            envelopes.keep(tx, site, judged)

        site.db.write_now(unit)


def _unlike(number: int) -> str:
    return f'\n[[rule]]\nid = "other-{number}"\nwhen = {{ peer = "spam.example", media = {number + 1} }}\nthen = "reject"\n'


@both
def test_a_policy_is_checked_tried_applied_explained_and_taken_back(operator: Operator, written: Path) -> None:
    came("spam.example", 3)
    assert operator.fedi("policy", "check", str(written)).out.endswith("1 rules, 1 tests, 0 to mend, 0 warnings\n")
    tried = operator.fedi("policy", "simulate", str(written), "--since", "1h", "--json").json
    assert tried["newly"] == {"refused": 3}
    said = operator.fedi("policy", "simulate", str(written)).out
    assert "refused: 3" in said
    assert "accept (accepted) -> reject (no-spam)" in said
    assert operator.fedi("policy", "show").out.endswith(
        "no rules: the stance to each host, the mode and agreements decide\n"
    )

    assert "--comment" in fails(operator, "policy", "apply", str(written))
    operator.fedi("policy", "apply", str(written), "--comment", "no spam")
    came("spam.example", 2)
    assert operator.fedi("policy", "show").out.endswith(A)
    one = operator.fedi("policy", "explain", "https://spam.example/a/0", "--json").json
    assert [(each["verdict"], each["rule"], each["policy"], each["same"]) for each in one] == [
        ("reject", "no-spam", 1, True),
        ("accept", None, 0, True),
    ]
    written.write_text(A + "".join(_unlike(number) for number in range(60)))
    operator.fedi("policy", "apply", str(written), "--comment", "many")
    long = operator.fedi("policy", "explain", "spam.example").out
    assert "more that do not fit: --all" in long
    assert ["no-spam", "yes"] in [line.split()[:2] for line in long.splitlines()]
    assert "other-59" in operator.fedi("policy", "explain", "spam.example", "--all").out
    operator.fedi("policy", "rollback", "1")
    host = operator.fedi("policy", "explain", "spam.example").out
    assert "reject: no spam (spam, rule no-spam)" in host
    assert "policy 3 by command line" in host
    assert "neither the id of something nor a host" in fails(operator, "policy", "explain", "no host")
    assert operator.fedi("policy", "explain", "SPAM.example", "--json").json[0]["rule"] == "no-spam"
    assert "forgotten" in fails(operator, "policy", "explain", "https://nobody.example/1")
    counted = operator.fedi("policy", "counts", "1", "--json").json
    assert [(each["rule"], each["did"]) for each in counted["rules"]] == [("no-spam", {"reject": 2})]
    assert counted["rules"][0]["forecast_a_day"] > 0
    verified = operator.fedi("policy", "verify", "--json").json
    assert {name: (each["checked"], each["same"]) for name, each in verified.items()} == {
        "decisions": (2, 2),
        "envelopes": (5, 5),
    }

    operator.fedi("policy", "rollback", "0", "--comment", "spam is fine")
    rows = operator.fedi("policy", "history", "--json").json
    assert [(row["version"], row["in_force"], row["author"]) for row in rows] == [
        (4, True, "command line"),
        (3, False, "command line"),
        (2, False, "command line"),
        (1, False, "command line"),
    ]
    assert '-id = "no-spam"' in operator.fedi("policy", "diff", "3", "4").out


@both
def test_a_draft_waits_and_each_rule_says_who_brought_it(operator: Operator, written: Path) -> None:
    operator.fedi("policy", "apply", str(written), "--comment", "begin")
    written.write_text(B)
    assert "version 2 is a draft" in operator.fedi("policy", "draft", str(written), "--comment", "films").out
    assert "can't approve" in fails(operator, "policy", "approve", "2")
    assert operator.fedi("policy", "simulate", "2", "--json").json["envelopes"] == 0
    operator.fedi("policy", "apply", "2")
    blamed = operator.fedi("policy", "blame", "--json").json
    assert [(one["rule"], one["version"], one["message"]) for one in blamed] == [
        ("no-spam", 1, "begin"),
        ("no-films", 2, "films"),
    ]
    assert "added: no-films" in operator.fedi("policy", "diff", "1", "2").out
    assert "has no rule" in fails(operator, "policy", "blame", "nothing")
    assert "version 2 is in force" in fails(operator, "policy", "apply", str(written), "--comment", "x", "--from", "1")


def test_a_typo_names_the_line_and_the_mend_and_changes_nothing(operator: Operator, written: Path) -> None:
    operator.fedi("policy", "apply", str(written), "--comment", "begin")
    written.write_text(A.replace("then =", "den ="))
    checked = operator.try_("policy", "check", str(written), "--json")
    assert checked.status == 1
    found = {(one["kind"], one["line"]): one["mend"] for one in checked.json["findings"]}
    assert "then" in found["error", 4]
    assert "line" in fails(operator, "policy", "apply", str(written), "--comment", "x")
    assert operator.fedi("policy", "show").out.endswith(A)
    assert "No such file" in fails(operator, "policy", "check", str(written) + "x")
    written.write_bytes(b"\xff")
    assert "UTF-8" in fails(operator, "policy", "check", str(written))
    assert "--since" in fails(operator, "policy", "simulate", "1", "--since", "yesterday")
    assert "no version 9" in fails(operator, "policy", "rollback", "9")


def test_a_test_may_name_a_file_that_lies_beside_the_policy(operator: Operator, written: Path) -> None:
    written.write_text(A + '\n[[test]]\nname = "a real one"\nfile = "note.json"\nexpect = "reject:spam"\n')
    activity = '{"type": "Create", "actor": "https://%s/users/x", "object": {"type": "Note"}}'
    beside = written.parent / "note.json"
    assert "note.json" in fails(operator, "policy", "apply", str(written), "--comment", "x")
    beside.write_text(activity % "fine.example")
    assert "expects reject:spam and gets accept" in fails(operator, "policy", "apply", str(written), "--comment", "x")
    assert operator.fedi("policy", "history", "--json").json == []
    beside.write_text(activity % "spam.example")
    done = operator.try_("policy", "apply", str(written), "--comment", "x")
    assert done.status == 0
    assert operator.fedi("policy", "show", "--json").json["version"] == 1
    beside.unlink()
    came("spam.example", 1)  # what was saved can be read without the file
    assert operator.fedi("policy", "verify", "--json").json["decisions"]["same"] == 1


def test_what_never_counts_is_warned_of(operator: Operator, written: Path) -> None:
    written.write_text(
        A
        + '\n[[rule]]\nid = "late"\nwhen = { peer = "a.spam.example", activity = "Like" }\npriority = -1\nthen = "hold"\n'
    )
    done = operator.try_("policy", "check", str(written), "--json")
    assert done.status == 0
    assert [(one["kind"], one["line"]) for one in done.json["findings"]] == [("warning", 12)]


def test_lists_of_others_become_drafts_and_are_replaced_when_they_come_again(
    operator: Operator, written: Path, tmp_path: Path
) -> None:
    operator.fedi("policy", "apply", str(written), "--comment", "begin")
    blocks = tmp_path / "blocks.csv"
    header = "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\n"
    blocks.write_text(
        header + "bad.example,suspend,false,false,spam,false\nloud.example,silence,true,false,loud,false\n"
    )
    printed = operator.fedi("policy", "import", str(blocks), "--source", "partners").out
    assert '"bad.example"' in printed
    assert len(operator.fedi("policy", "history", "--json").json) == 1  # printed alone
    assert (
        "version 2 is a draft" in operator.fedi("policy", "import", str(blocks), "--source", "partners", "--draft").out
    )
    operator.fedi("policy", "apply", "2")
    exported = operator.fedi("policy", "export", "--kind", "mastodon").out
    assert {line.split(",")[0]: line.split(",")[1] for line in exported.splitlines()[1:]} == {
        "bad.example": "suspend",
        "loud.example": "silence",
        "spam.example": "suspend",
    }
    own = '\n# ours\n[[rule]]\nid = "own"\nwhen = { peer = "own.example" }\nthen = "limit"\n'
    written.write_text(operator.fedi("policy", "export").out + own)
    operator.fedi("policy", "apply", str(written), "--comment", "and ours")
    # What the partners took back goes; what was written here stays as it was, comments as well.
    blocks.write_text(header + "worse.example,suspend,false,false,spam,false\n")
    operator.fedi("policy", "import", str(blocks), "--source", "partners", "--draft")
    document = operator.fedi("policy", "export", "4").out
    assert 'id = "own"' in document
    assert document.startswith(A.rstrip())
    assert "worse.example" in document
    assert "bad.example" not in document
    assert "loud.example" not in document
    blocks.write_text("")
    assert "no rule" in fails(operator, "policy", "import", str(blocks), "--source", "x")


def test_who_writes_into_the_audit_log_by_hand_is_found_out(operator: Operator, written: Path) -> None:
    for comment in ("one", "two"):
        written.write_text(A + f"# {comment}\n")
        operator.fedi("policy", "apply", str(written), "--comment", comment)
    assert operator.fedi("policy", "audit", "--json").json["sound"]
    assert "policy.apply" in operator.fedi("policy", "audit").out
    with opened(None) as site:
        site.db.write_now(
            lambda tx: tx.execute(update(audit_table).where(audit_table.c.about == "1").values(who="eve"))
        )
    done = operator.try_("policy", "audit")
    assert done.status == 1
    assert "was changed" in done.err
    found = {each["about"]: each["state"] for each in operator.try_("doctor", "--json").json}
    assert found["audit log"] == "broken"
    assert found["policy"] == "fine"


def test_the_doctor_says_when_the_policy_in_force_can_not_be_read_or_decides_otherwise(
    operator: Operator, written: Path
) -> None:
    operator.fedi("policy", "apply", str(written), "--comment", "begin")
    came("spam.example", 1)

    def doctor() -> dict[str, tuple[str, str]]:
        found = operator.try_("doctor", "--json").json
        return {each["about"]: (each["state"], each["text"]) for each in found}

    assert doctor()["policy"][0] == "fine"
    assert "decisions" not in doctor()
    for document, about, said in (
        (A.replace("reject", "accept"), "decisions", "1 of 1"),
        ("[[rule]", "policy", "line 1"),
    ):
        with opened(None) as site:
            site.db.write_now(partial(_tampered, document))
        assert doctor()[about][0] == "broken"
        assert said in doctor()[about][1]
