"""The policy document: what is read, and what each slip is answered with."""

import re
from contextlib import suppress
from pathlib import Path as FilePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.policy.cases import run
from federation.policy.compile import compile_rules
from federation.policy.decide import EFFECTS, Policy
from federation.policy.document import MAX_BYTES, MAX_RULES, Invalid, read
from federation.policy.lines import Path, lines
from federation.policy.rules import Rate, Verdict
from federation.policy.warnings import warnings
from federation.policy.when import AFFILIATIONS, DIRECTIONS, GROUP_SCOPES, KEYS, TIERS, VISIBILITIES

WHOLE = """\
# What this university decided.
[policy]
default = "hold"

[[rule]]
id = "r-0142"
when = { direction = "in", peer = "b.example", group = "!msc-ai" }
then = "reject"
reason = { code = "scope", text = "Agreement v3 covers msc-ai only" }
source = "agreement:v3"
owner = "ana"
priority = 10
not_after = "2027-09-30"

[[rule]]
id = "no-floods"
when = { activity = ["Create", "Announce"], account_days = "<7" }
then = "rate(30/min by actor)"
observe = true

[[test]]
name = "other groups are refused"
given = { peer = "b.example", activity = "Create", group = "https://b.example/groups/other", at = "2027-01-01" }
expect = "reject:scope"
"""


def test_a_whole_document() -> None:
    document = read(WHOLE)
    scope, floods = document.rules
    assert document.default is Verdict.HOLD
    assert (scope.id, scope.line, scope.verdict, scope.code) == ("r-0142", 5, Verdict.REJECT, "scope")
    assert (scope.text, scope.source, scope.owner) == ("Agreement v3 covers msc-ai only", "agreement:v3", "ana")
    assert (scope.priority, scope.not_after) == (10, 1_822_348_799_999)  # the last ms of that day
    assert [one.name for one in scope.when] == ["direction", "peer", "group"]
    assert (floods.rate, floods.verdict, floods.code) == (Rate(30, 60_000, "actor"), Verdict.REJECT, "rate")
    assert floods.observe
    assert (document.cases[0].expect, document.cases[0].given.host) == ("reject:scope", "b.example")
    assert read("") == read(b"\xef\xbb\xbf[policy]\r\n")


def rule(body: str) -> str:
    return f'[[rule]]\nid = "x"\n{body}\n'


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[policy]\ndefualt = 'accept'", 2, ["defualt", "did you mean default?"]),
        ("[policy]\ndefault = 'allow'", 2, ["allow"]),
        ("[[rules]]\nid = 'x'", 1, ["rules", "[[rule]]"]),
        ("[rule]\nid = 'x'", 1, ["[[rule]]"]),
        ("[[rule]]\nwhen = {}\nthen = 'hold'", 1, ["without an id"]),
        ("[[rule]]\nid = 'mode'\nwhen = {}\nthen = 'hold'", 2, ["every policy has"]),
        (rule("when = {}\nthen = 'hold'") + rule("when = {}\nthen = 'hold'"), 6, ["'x' is on line 2"]),
        (rule("then = 'hold'"), 1, ["when = {} if it is about everything"]),
        (rule("when = {}"), 1, ["without `then`", "strip-media"]),
        (rule("wehn = {}\nwhen = {}\nthen = 'hold'"), 3, ["wehn", "did you mean when?"]),
        (rule("peer = 'b.example'\nwhen = {}\nthen = 'hold'"), 3, ["peer", "into when = {"]),
        (rule("when = { perr = 'b.example' }\nthen = 'hold'"), 3, ["perr", "peer"]),
        (rule("when = { peer = ['b.example',\n'c example'] }\nthen = 'hold'"), 4, ["c example", "like uni.example"]),
        (rule("when = { peer = 'https://b.example/users/a' }\nthen = 'hold'"), 3, ["write the host alone"]),
        (rule("when = { peer = [] }\nthen = 'hold'"), 3, ["list of texts"]),
        (rule("when = { outside = '!b.example' }\nthen = 'hold'"), 3, ["!b.example", "like uni.example"]),
        (rule("when = { direction = 'inn' }\nthen = 'hold'"), 3, ["inn", "did you mean in?"]),
        (rule("when = { activity = 'Anounce' }\nthen = 'hold'"), 3, ["Announce"]),
        (rule("when = { object = 'note' }\nthen = 'hold'"), 3, ["did you mean Note?"]),
        (rule("when = { mentions = 'many' }\nthen = 'hold'"), 3, ["many", '">10"']),
        (rule("when = { mentions = '5..2' }\nthen = 'hold'"), 3, ["smaller number first"]),
        (rule("when = { mentions = '<0' }\nthen = 'hold'"), 3, ["fits no number"]),
        (rule("when = { mentions = '>3MB' }\nthen = 'hold'"), 3, ["no unit"]),
        (rule("when = { media_bytes = '>3XB' }\nthen = 'hold'"), 3, ["MiB"]),
        (rule("when = { version = 'latest' }\nthen = 'hold'"), 3, ["4.2"]),
        (rule("when = { language = 'german!' }\nthen = 'hold'"), 3, ["BCP 47"]),
        (rule("when = { media_types = 'png' }\nthen = 'hold'"), 3, ["image/png"]),
        (rule("when = { affiliation = 'alumni' }\nthen = 'hold'"), 3, ["did you mean alum"]),
        (rule("when = { actor = 'maria' }\nthen = 'hold'"), 3, ["whole address"]),
        (rule("when = { sensitive = 'yes' }\nthen = 'hold'"), 3, ["sensitive = true"]),
        (rule("when = { keyword = '!!' }\nthen = 'hold'"), 3, ["letters or digits"]),
        (rule("when = { pattern = '(a+)+\\1' }\nthen = 'hold'"), 3, ["invalid escape sequence", "linear time"]),
        (rule("when = { pattern = 'a(?=b)' }\nthen = 'hold'"), 3, ["linear time"]),
        (rule("when = { pattern = '((a{100}){100}){100}' }\nthen = 'hold'"), 3, ["repetition"]),
        (rule("when = { pattern = '[a-z]{1000}[0-9]{1000}\\pL{900}' }\nthen = 'hold'"), 3, ["too large"]),
        (rule("when = { rate = '30' }\nthen = 'hold'"), 3, ["30/min"]),
        (rule("when = { rate = '30/3d' }\nthen = 'hold'"), 3, ["from a second to a day"]),
        (rule("when = {}\nthen = 'rate(0/min)'"), 4, ["1 at least"]),
        (rule("when = { rate = '>3/h' }\nthen = 'rate(3/h)'"), 4, ["write one of them"]),
        (rule("when = {}\nthen = ['rate(3/h)', 'sensitive']"), 4, ["does nothing else"]),
        (rule("when = {}\nthen = 'rejekt'"), 4, ["did you mean reject"]),
        (rule("when = {}\nthen = [\n'sensitive',\n'suspend']"), 6, ["here that is reject"]),
        (rule("when = {}\nthen = ['reject', 'accept']"), 4, ["cannot both be"]),
        (rule("when = {}\nthen = ['reject', 'sensitive']"), 4, ["not changed too"]),
        (rule("when = {}\nthen = 'hold'\nreason = { kode = 'x' }"), 5, ["kode", "code"]),
        (rule("when = {}\nthen = 'hold'\nreason = { code = 'No Spam' }"), 5, ["no-spam"]),
        (rule("when = {}\nthen = 'hold'\npriority = 'high'"), 5, ["whole number"]),
        (rule("when = {}\nthen = 'hold'\nnot_after = '30.9.2027'"), 5, ["2027-09-30"]),
        (rule("when = {}\nthen = 'hold'\nobserve = 1"), 5, ["observe = true"]),
        ("[[test]]\ngiven = { peer = 'a.example' }\nexpect = 'rejekt'", 3, ["did you mean reject"]),
        ("[[test]]\ngiven = { peer = 'a.example' }\nexpect = 'accept+strip-meda'", 3, ["strip-media"]),
        ("[[test]]\ngiven = { activity = 'Create' }\nexpect = 'accept'", 2, ["names no peer"]),
        ("[[test]]\ngiven = { peer = 'a.example', mention = 3 }\nexpect = 'accept'", 2, ["did you mean mentions"]),
        ("[[test]]\ngiven = { peer = 'a.example', mentions = '3' }\nexpect = 'accept'", 2, ["write a number"]),
        ("[[test]]\nfile = 3\nexpect = 'accept'", 2, ['file = "activity.json"']),
        ("[[rule]\nid = 'x'", 1, ["not TOML"]),
        ("[policy]\ndefault = accept", 2, ["put texts in quotes"]),
        ("[policy]\ndefault = 'accept'\ndefault = 'hold'", 3, ["stand there once"]),
        ("x = " + "[" * 10_000, 1, ["too deep"]),
    ],
)
def test_a_slip_is_answered_with_its_line_and_the_mend(text: str, line: int, words: list[str]) -> None:
    with pytest.raises(Invalid) as found:
        read(text)
    problem = found.value.problems[0]
    assert problem.line == line, str(found.value)
    for word in words:
        assert word in str(problem)


def test_every_slip_is_told_at_once() -> None:
    with pytest.raises(Invalid) as found:
        read(rule("when = { peer = 'a b', mentions = 'x' }\nthen = 'no'") + "[[test]]\nexpect = 'no'")
    assert [problem.line for problem in found.value.problems] == [3, 3, 4, 5]


def test_what_is_too_much_is_refused() -> None:
    several: list[tuple[str | bytes, str]] = [
        (b"#" * (MAX_BYTES + 1), "bytes"),
        ("".join(f"[[rule]]\nid = 'r{n}'\nwhen = {{}}\nthen = 'hold'\n" for n in range(MAX_RULES + 1)), f"{MAX_RULES}"),
        (rule(f"when = {{ keyword = {['w'] * 100_001} }}\nthen = 'hold'"), "100000"),
        (b"x = '\xff'", "UTF-8"),
    ]
    for text, word in several:
        with pytest.raises(Invalid, match=word):
            read(text)


def test_a_test_may_lie_in_a_file(tmp_path: FilePath) -> None:
    (tmp_path / "note.json").write_text(
        '{"type": "Create", "actor": "https://b.example/u/a", "to": "as:Public", "object": {"type": "Note", "to":'
        ' "as:Public", "audience": "https://b.example/groups/ai", "attachment": [{"mediaType": "image/png"}]}}'
    )
    text = "[[test]]\ngiven = 'note.json'\nexpect = 'accept'"
    given = read(text, lambda name: (tmp_path / name).read_bytes()).cases[0].given
    assert (given.host, given.activity, given.object, given.visibility) == ("b.example", "Create", "Note", "public")
    assert (given.group, given.media, given.media_types) == ("https://b.example/groups/ai", 1, ("image/png",))
    assert read(text).unread == ((1, "note.json"),)  # where a stored document is read, there are no files
    assert read(text).cases == ()
    with pytest.raises(Invalid, match=r"nothing\.json"):
        read("[[test]]\nfile = 'nothing.json'\nexpect = 'accept'", lambda name: (tmp_path / name).read_bytes())


@pytest.mark.parametrize(
    ("given_facts", "expect", "got"),
    [
        ("", "accept+strip-media", None),
        ("", "accept+strip-media+sensitive", "accept:changed (rule x)+strip-media"),
        ("", "accept", None),  # effects that nobody names may be there
        ("", "hold", "accept:changed (rule x)+strip-media"),
        ("activity = 'Like'", "reject:likes", None),
        ("activity = 'Like'", "reject:y", None),  # the rule instead of the code
        ("activity = 'Like'", "reject:x", "reject:likes (rule y)"),
        ("activity = 'Like', at = '2026-01-02'", "accept", None),
        ("activity = 'Like', at = '2026-01-01'", "accept", "reject:likes (rule y)"),
    ],
)
def test_tests_of_a_policy(given_facts: str, expect: str, got: str | None) -> None:
    more = f", {given_facts}" if given_facts else ""
    document = read(
        "[[rule]]\nid = 'x'\nwhen = { peer = 'a.example' }\nthen = 'strip-media'\n"
        "[[rule]]\nid = 'y'\nwhen = { activity = 'Like' }\nthen = 'reject'\nreason = { code = 'likes' }\n"
        f"not_after = 2026-01-01\n[[test]]\ngiven = {{ peer = 'a.example'{more} }}\nexpect = '{expect}'"
    )
    failed = run(document.cases, Policy(1, compile_rules(document.rules)), 1_767_225_600_000)  # 2026-01-01
    assert [(one.got, one.line, one.expected) for one in failed] == ([] if got is None else [(got, 11, expect)])


def test_lines_of_values_in_every_form_of_toml() -> None:
    text = '[a]\nb.c = 1 # [[x]]\n"d" = """\n[[a]]\n"""\n[[t]]\nx = [1,\n [2,\n 3]]\n[[t]]\n[t.y]\nz = { p = "}", q = [\n4] }\n'
    found = lines(text)
    wanted: dict[Path, int] = {
        ("a",): 1,
        ("a", "b", "c"): 2,
        ("a", "d"): 3,
        ("t", 0): 6,
        ("t", 0, "x"): 7,
        ("t", 0, "x", 1): 8,
    }
    wanted |= {("t", 0, "x", 1, 1): 9, ("t", 1): 10, ("t", 1, "y"): 11, ("t", 1, "y", "z", "q", 0): 13}
    assert {path: found.get(path) for path in wanted} == wanted


@pytest.mark.parametrize(
    ("key", "one", "several"),
    [("pattern", "a{}.{{0,100}}b", 500), ("pattern", r"\\pL{{9}}{}", 40), ("keyword", "word{} " * 18, 3_000)],
)
def test_texts_that_are_too_large_together_are_refused_where_they_become_so(key: str, one: str, several: int) -> None:
    """RE2 joins them in one go, and a server stands still for so long."""
    listed = [one.replace("{}", str(place)).replace("{{", "{").replace("}}", "}") for place in range(several)]
    rules = [
        f'[[rule]]\nid = "r{at}"\nwhen = {{ {key} = "{text}" }}\nthen = "hold"\n' for at, text in enumerate(listed)
    ]
    with pytest.raises(Invalid, match=f"the {key}s up to this one are too large together") as refused:
        read("\n".join(rules))
    assert len(refused.value.problems) == 1
    assert 4 < refused.value.problems[0].line < 5 * several
    read("\n".join(rules[: several // 8]))
    texts = ", ".join(f'"{text}"' for text in listed)
    with pytest.raises(Invalid, match="too large together"):
        read(f'[[rule]]\nid = "r"\nwhen = {{ {key} = [{texts}] }}\nthen = "hold"\n')


@given(st.text(alphabet="[]{}=,.\"'#\n ab1\\", max_size=60))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    lines(text)
    with suppress(Invalid):
        read(text)


GUIDE = (FilePath(__file__).parents[2] / "deploy/policy.md").read_text("utf-8")


def test_the_guide_names_every_word_of_the_language() -> None:
    named = set(re.findall(r"`([^`\n]+)`", re.sub(r"(?s)```.*?```", "", GUIDE)))
    assert {*KEYS, *EFFECTS, *(one.value for one in Verdict)} - named == set()
    assert {*DIRECTIONS, *TIERS, *GROUP_SCOPES, *VISIBILITIES, *AFFILIATIONS} - named == set()


def test_the_examples_of_the_guide_are_policies_that_pass_their_tests() -> None:
    examples = re.findall(r"(?s)```toml\n(.*?)```", GUIDE)
    assert examples
    for text in examples:
        document = read(text)
        assert warnings(document) == ()
        assert run(document.cases, Policy(1, compile_rules(document.rules, document.default)), 1_790_000_000_000) == ()
