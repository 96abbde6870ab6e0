"""What each key of `when` means, and that the quick way of asking many rules is the plain way."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from federation.policy.compile import compile_rules, specificity
from federation.policy.decide import Decision, Policy, Verdict, counted, decide, explain
from federation.policy.document import read
from federation.policy.facts import Facts
from federation.policy.rules import EFFECTS, Rate, Rule
from federation.policy.text import Patterns, finds, fold, keyword_pattern
from federation.policy.when import KEYS, read_condition


def facts(**values: Any) -> Facts:
    seen = {"visibility": "public"} if "text" in values else {}
    return Facts(**{"at": 1_000, "direction": "in", "host": "a.example", "activity": "Create", **seen, **values})


GROUP = "https://b.example/groups/msc-ai"
LIKE = {"author_host": "x.b.example", "announcer_host": "c.example"}


@pytest.mark.parametrize(
    ("key", "value", "fits", "fits_not"),
    [
        ("direction", ["in", "fetch"], [{}, {"direction": "fetch"}], [{"direction": "out"}]),
        ("peer", "a.example", [{}, {"host": "x.a.example"}, {"host": "a.example:8443"}], [{"host": "ba.example"}]),
        ("peer", "b.example", [LIKE, {"announcer_host": "b.example"}], [{}]),  # of whomever it is
        ("peer", "!b.example", [{}], [LIKE, {"host": "b.example"}]),
        (
            "peer",
            ["example", "!a.example"],
            [{"host": "b.example"}],
            [{}, {"host": "b.example", "author_host": "a.example"}],
        ),
        ("peer", "*.EXAMPLE.", [{}], [{"host": "example.org"}]),
        ("peer", "münchen.example", [{"host": "xn--mnchen-3ya.example"}], [{}]),
        (
            "outside",
            ["a.example"],
            [LIKE, {"host": "b.example"}],
            [{}, {"host": "x.a.example", "author_host": "a.example"}],
        ),
        ("tier", ["agreed", "members"], [{"tier": "members"}], [{}]),
        ("software", "Mastodon", [{"software": "mastodon"}], [{}, {"software": "lemmy"}]),
        ("software", "!mastodon", [{"software": "lemmy"}], [{"software": "mastodon"}, {}]),  # not known: fits nothing
        (
            "version",
            "4.2",
            [{"version": "4.2.10+glitch"}, {"version": "v4.2"}],
            [{"version": "4.20"}, {"version": "4"}, {}],
        ),
        (
            "version",
            "<4.2.10",
            [{"version": "4.2.9"}, {"version": "3.5"}],
            [{"version": "4.2.10"}, {"version": "main"}],
        ),
        ("version", ">=4.0 <4.2.10", [{"version": "4.0"}], [{"version": "3.9.9"}, {"version": "4.2.10"}]),
        ("activity", "Create", [{}], [{"activity": "Like"}, {"activity": ""}]),
        ("object", ["Note", "Page"], [{"object": "Page"}], [{}, {"object": "Event"}]),
        ("group", "msc-ai", [{"group": GROUP}, {"group": GROUP + "/"}], [{}, {"group": GROUP + "x"}]),
        ("group", GROUP, [{"group": GROUP}], [{"group": "https://c.example/groups/msc-ai"}]),
        ("group", "!msc-ai", [{"group": "https://b.example/groups/x"}], [{"group": GROUP}, {}]),
        ("group", "*", [{"group": GROUP}], [{}]),
        ("group_scope", "agreed", [{"group_scope": "agreed"}], [{}]),
        (
            "affiliation",
            "student",
            [{"affiliation": ("student@b.example",)}],
            [{}, {"affiliation": ("alum@b.example",)}],
        ),
        (
            "affiliation",
            "member@b.example",
            [{"affiliation": ("staff@b.example",)}],
            [{"affiliation": ("alum@b.example",)}],
        ),
        ("affiliation", "!member", [{}, {"affiliation": ("alum",)}], [{"affiliation": ("faculty",)}]),
        ("account_days", "<7", [{"account_days": 6}], [{"account_days": 7}, {}]),
        ("followers", 3, [{"followers": 3}], [{"followers": 4}, {}]),
        ("followed", False, [{"followed": False}], [{"followed": True}, {}]),
        ("mentions", ">5 <=10", [{"mentions": 6}, {"mentions": 10}], [{"mentions": 5}, {"mentions": 11}]),
        ("mentions", "5..6", [{"mentions": 5}, {"mentions": 6}], [{"mentions": 4}, {"mentions": 7}]),
        ("media", True, [{"media": 1}], [{}]),
        (
            "media_types",
            "image/*",
            [{"media_types": ("video/mp4", "image/png")}],
            [{"media_types": ("video/mp4",)}, {}],
        ),
        ("media_bytes", ">8MiB", [{"media_bytes": 8 * 2**20 + 1}], [{"media_bytes": 8 * 2**20}, {}]),
        ("size", ">=10kB", [{"size": 10_000}], [{"size": 9_999}]),
        ("language", "pt", [{"language": "pt-BR"}, {"language": "pt"}], [{"language": "ptx"}, {}]),
        ("keyword", "gro", [{"text": "GRO!"}], [{"text": "die größe"}, {"text": "groß"}, {}]),
        (
            "keyword",
            "dose",
            [{"text": "a dose", "visibility": "unlisted"}],
            [{"text": "a dose", "visibility": one} for one in (None, "followers", "direct", "peers", "members")],
        ),
        ("pattern", "dose", [{"text": "a dose"}], [{"text": "a dose", "visibility": "direct"}]),
        ("keyword", ["free money"], [{"text": "Free,\nMONEY"}], [{"text": "money free"}]),
        ("keyword", "casino", [{"text": "ca\u200bsi\u00adno"}, {"text": "ｃａｓｉｎｏ"}], [{"text": "casinos"}]),
        ("keyword", "日本", [{"text": "これは日本語"}], [{"text": "本日"}]),
        ("pattern", "(?i)buy[0-9]+now", [{"text": "x BUY22now"}], [{"text": "buy now"}]),
        ("pattern", "^$", [], [{}, {"text": "x"}]),  # a text that is not known
        ("hashtag", "#Exam", [{"hashtags": ("exam",)}], [{"hashtags": ("exams",)}, {}]),
        ("hashtag", ">2", [{"hashtags": ("a", "b", "c")}], [{"hashtags": ("a", "b")}]),
        ("links", "bit.example", [{"links": ("ok.example", "x.bit.example")}], [{"links": ("rabbit.example",)}, {}]),
        ("links", ">1", [{"links": ("a", "b")}], [{"links": ("a",)}]),
        ("visibility", "public", [{"visibility": "public"}], [{"visibility": "unlisted"}, {}]),
        ("sensitive", True, [{"sensitive": True}], [{}]),
        ("reply", False, [{}], [{"reply": True}]),
        ("actor", "https://a.example/u", [{"actor": "https://a.example/u"}], [{"actor": "https://a.example/u2"}, {}]),
        (
            "author",
            "!https://a.example/u",
            [{"author": "https://a.example/v"}],
            [{"author": "https://a.example/u"}, {}],
        ),
        ("announcer", "https://a.example/g", [{"announcer": "https://a.example/g"}], [{}]),
    ],
)
def test_what_a_key_means(key: str, value: Any, fits: list[dict[str, Any]], fits_not: list[dict[str, Any]]) -> None:
    condition = read_condition(key, value)
    assert not isinstance(condition, Rate)
    policy = Policy(1, compile_rules([Rule("x", (condition,), Verdict.HOLD)]))
    fetched = Policy(1, compile_rules([Rule("x", (condition,), Verdict.REJECT)]))
    for given_facts, fitting in [(one, True) for one in fits] + [(one, False) for one in fits_not]:
        asked = facts(**given_facts)
        assert condition.holds(asked) is fitting, given_facts
        assert bool(list(policy.compiled.fitting(asked))) is fitting, given_facts
        assert explain(fetched, asked)[3].matched is fitting
        assert condition.says(asked).startswith(condition.name)


@pytest.mark.parametrize(
    "when",
    [
        *("mentions = '<5'", "media = false", "size = '<9'", "links = '<3'", "hashtag = '<3'", "sensitive = false"),
        *(
            "reply = false",
            "hashtag = '!a'",
            "links = '!a.example'",
            "media_types = '!image/*'",
            "affiliation = '!member'",
        ),
    ],
)
def test_of_a_host_alone_nothing_is_known_of_what_it_says(when: str) -> None:
    (rule,) = read(f"[[rule]]\nid = 'x'\nwhen = {{ {when} }}\nthen = 'reject'").rules
    policy = Policy(1, compile_rules([rule]))
    assert decide(policy, facts(direction="fetch", activity="Create")).verdict is Verdict.REJECT
    assert decide(policy, facts(direction="fetch", activity="", object="Note")).verdict is Verdict.REJECT
    assert decide(policy, facts(direction="fetch", activity="")).verdict is Verdict.ACCEPT


def test_every_key_is_in_the_table_above() -> None:
    tested = test_what_a_key_means.pytestmark[0].args[1]
    assert {one[0] for one in tested} | {"rate"} == set(KEYS)


def test_rates() -> None:
    document = read(
        '[[rule]]\nid = "flood"\nwhen = { activity = "Follow", rate = ">2/min by actor" }\nthen = "hold"\n'
        '[[rule]]\nid = "all"\nwhen = {}\nthen = "rate(5/10min)"'
    )
    policy = Policy(1, compile_rules(document.rules))
    follow = facts(activity="Follow", actor="https://a.example/u")
    assert {(one.rule, one.of, one.window) for one in counted(policy, follow)} == {
        ("flood", "https://a.example/u", 60_000),
        ("all", "a.example", 600_000),
    }
    assert [one.rule for one in counted(policy, facts())] == ["all"]
    assert decide(policy, structs.replace(follow, rates=(("flood", 2), ("all", 5)))).verdict is Verdict.ACCEPT
    assert decide(policy, structs.replace(follow, rates=(("flood", 3), ("all", 5)))).rule == "flood"
    refused = decide(policy, structs.replace(follow, rates=(("flood", 2), ("all", 6))))
    assert (refused.verdict, refused.code) == (Verdict.REJECT, "rate")
    assert decide(policy, follow).verdict is Verdict.ACCEPT  # nothing counted
    assert counted(Policy(), follow) == ()


def test_the_order_of_rules() -> None:
    text = """
        [[rule]]
        id = "any"
        when = {}
        then = "reject"
        [[rule]]
        id = "domain"
        when = { peer = "example" }
        then = "reject"
        [[rule]]
        id = "host"
        when = { peer = "a.example" }
        then = "accept"
        [[rule]]
        id = "narrow"
        when = { peer = "example", activity = "Like" }
        then = "hold"
        [[rule]]
        id = "first"
        when = {}
        then = "limit"
        priority = 1
    """
    compiled = compile_rules(read(text).rules)
    assert [rule.id for rule in compiled.rules] == ["first", "narrow", "host", "domain", "any"]


def test_patterns_in_the_thousands_and_halves_of_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f"w{n:05}x" for n in range(3_000)]
    several = Patterns([pattern for word in words if (pattern := keyword_pattern(word)) is not None])
    assert sorted(several.found(fold("w00007x, W02999x und w00008xx"))) == [7, 2999]
    assert sorted(Patterns(["x", "[?]"]).found("\ud800 x")) == [0, 1]
    assert finds("x", "\ud800 x")
    monkeypatch.setattr("federation.policy.text._MEMORY", 1 << 18)
    huge = Patterns([f"[a-z]{{1,90}}{n}[0-9]{{90}}" for n in range(90)] + ["needle"])  # too much for all together
    assert huge._set is None
    assert huge.found("a needle") == [90]


HOSTS = st.sampled_from(["a.example", "b.a.example", "c.example", "example", "d.test:8443"])
SOME: dict[str, st.SearchStrategy[Any]] = {
    "direction": st.sampled_from(["in", "out", "fetch", "show"]),
    "host": HOSTS,
    "author_host": st.none() | HOSTS,
    "activity": st.sampled_from(["Create", "Like", "Flag", "Delete", ""]),
    "actor": st.none() | st.just("https://a.example/u"),
    "group": st.none() | st.sampled_from(["https://a.example/g", "https://c.example/groups/h"]),
    "stance": st.sampled_from(["none", "none", "agreed", "limited", "blocked"]),
    "mode": st.sampled_from(["open", "open", "open", "peers"]),
    "version": st.none() | st.sampled_from(["4.2.1", "4.3", "main"]),
    "account_days": st.none() | st.integers(0, 4),
    "mentions": st.integers(0, 4),
    "hashtags": st.lists(st.sampled_from("abc"), max_size=2).map(tuple),
    "followed": st.none() | st.booleans(),
    "visibility": st.sampled_from([None, "public", "public", "unlisted", "members"]),
    "text": st.sampled_from(["", "a b", "größe", "b c"]),
    "at": st.integers(0, 20),
    "rates": st.dictionaries(st.sampled_from(["0", "1", "2"]), st.integers(0, 3)).map(lambda one: tuple(one.items())),
}
FACTS = st.fixed_dictionaries(SOME).map(lambda values: Facts(**values))
_ONE_OR_MORE = {
    "peer": st.sampled_from(["example", "!a.example", "a.example", "d.test", "!c.example", "d.test:8443"]),
    "activity": st.sampled_from(["Create", "!Like", "Flag"]),
    "direction": st.sampled_from(["in", "!in", "fetch"]),
    "group": st.sampled_from(["g", "!h", "*"]),
    "hashtag": st.sampled_from(["a", "!b", "c"]),
    "actor": st.sampled_from(["https://a.example/u", "!https://a.example/u"]),
    "keyword": st.sampled_from(["a", "c", "gro", "größe"]),
    "pattern": st.sampled_from(["^a", "b", "[cd]$"]),
}
WHEN: dict[str, st.SearchStrategy[Any]] = {
    **{key: st.lists(values, min_size=1, max_size=3) for key, values in _ONE_OR_MORE.items()},
    "mentions": st.sampled_from(["<2", ">1", "1..3", 0]),
    "account_days": st.sampled_from(["<2", ">1", "1..3", 0]),
    "version": st.sampled_from(["<4.3", "4.2", ">=4.2 <5"]),
    "followed": st.booleans(),
    "outside": st.lists(st.sampled_from(["example", "a.example", "c.example", "d.test"]), min_size=1, max_size=2),
}


@st.composite
def rules(draw: st.DrawFn) -> list[Rule]:
    made = []
    for place in range(draw(st.integers(0, 5))):
        keys = draw(st.lists(st.sampled_from(sorted(WHEN)), max_size=3, unique=True))
        when = tuple(read_condition(key, draw(WHEN[key])) for key in keys)
        verdict = draw(st.none() | st.sampled_from(Verdict))
        made.append(
            Rule(
                str(place),
                tuple(one for one in when if not isinstance(one, Rate)),
                verdict,
                tuple(draw(st.lists(st.sampled_from(EFFECTS), max_size=2, unique=True))) if verdict is None else (),
                priority=draw(st.integers(0, 1)),
                not_after=draw(st.none() | st.integers(5, 15)),
                observe=draw(st.integers(0, 4)) == 0,
                rate=draw(st.none() | st.none() | st.just(Rate(1, 1_000))),
            )
        )
    return made


def naive(several: list[Rule], default: Verdict, asked: Facts) -> tuple[Verdict, str | None, set[str]]:
    """The language as it is told in `deploy/policy.md`, without any quickness."""
    if asked.stance == "blocked":
        return Verdict.REJECT, "stance", set()
    if asked.mode == "peers" and asked.stance != "agreed":
        return Verdict.REJECT, "mode", set()
    taking = asked.direction in ("in", "fetch", "show", "announce")
    effects: set[str] = set()
    verdict, by = default, None
    for rule in sorted(several, key=lambda one: (-one.priority, -specificity(one))):
        late = rule.not_after is not None and asked.at > rule.not_after
        few = rule.rate is not None and dict(asked.rates).get(rule.id, 0) <= rule.rate.number
        if late or few or rule.observe or not all(one.holds(asked) for one in rule.when):
            continue
        effects |= set(rule.effects)
        refused = {"reject-reports": "Flag", "reject-deletes": "Delete"}
        if any(refused.get(one) == asked.activity for one in rule.effects):
            return Verdict.REJECT, rule.id, set()
        skipped = (rule.verdict is Verdict.HOLD and asked.direction not in ("in", "fetch")) or (
            rule.verdict is Verdict.LIMIT and not taking
        )
        if rule.verdict is not None and not skipped:
            verdict, by = rule.verdict, rule.id
            break
    else:
        if (verdict is Verdict.HOLD and asked.direction not in ("in", "fetch")) or (
            verdict is Verdict.LIMIT and not taking
        ):
            verdict = Verdict.ACCEPT
    if verdict is Verdict.HOLD and asked.direction == "fetch":
        verdict = Verdict.REJECT
    if verdict is Verdict.ACCEPT and asked.stance == "limited" and taking:
        verdict, by = Verdict.LIMIT, "stance"
    return verdict, by, set() if verdict is Verdict.REJECT else effects


@given(rules(), st.sampled_from(Verdict), FACTS)
def test_decisions_are_those_of_a_plain_interpreter(several: list[Rule], default: Verdict, asked: Facts) -> None:
    policy = Policy(3, compile_rules(several, default))
    decision = decide(policy, asked)
    verdict, by, effects = naive(several, default, asked)
    assert (decision.verdict, set(decision.effects)) == (verdict, effects)
    if by is not None:
        assert decision.rule == by
    assert decide(Policy(3, compile_rules(several, default)), structs.replace(asked)) == decision
    assert_explained(policy, asked, decision)


def assert_explained(policy: Policy, asked: Facts, decision: Decision) -> None:
    """What is told of each rule is what was decided."""
    steps = explain(policy, asked)
    fitted = [step.rule for step in steps if step.matched and not (step.effect or "observe").startswith("observe")]
    for rule in decision.because:
        assert rule in fitted
    for rule, _ in decision.observed:
        assert any(step.rule == rule and step.matched for step in steps)
    if decision.verdict is Verdict.REJECT:
        assert steps[-1].rule == decision.rule


ANY = st.text(max_size=30)
WILD: dict[str, st.SearchStrategy[Any]] = {
    name: st.none() | ANY
    for name in "object activity_id actor author announcer author_host announcer_host software version agreement group "
    "group_scope language visibility".split()
}
NUMBER = st.integers(-(2**63), 2**63)


@given(
    st.fixed_dictionaries(
        {
            **WILD,
            **{
                name: st.lists(ANY, max_size=3).map(tuple)
                for name in ("affiliation", "hashtags", "links", "media_types")
            },
            **{name: st.none() | NUMBER for name in ("account_days", "followers", "media_bytes")},
            **dict.fromkeys(("at", "mentions", "media", "size"), NUMBER),
            **dict.fromkeys(("host", "activity", "stance", "mode", "tier"), ANY),
            "text": st.text(alphabet=st.characters(exclude_categories=()), max_size=50),
            "direction": st.sampled_from(["in", "out", "fetch", "show", "announce", "answer"]),
        }
    )
)
@example({"at": 0, "direction": "in", "host": "[::1]:8443", "text": "\ud800"})
def test_no_facts_make_it_fail(values: dict[str, Any]) -> None:
    asked = Facts(**values)
    several = [Rule(key, _conditions(key), Verdict.HOLD, observe=True) for key in WHEN]
    policy = Policy(1, compile_rules(several, Verdict.LIMIT))
    assert decide(policy, asked).verdict in Verdict
    assert_explained(policy, asked, decide(policy, asked))
    for rule in several:
        holds = all(one.holds(asked) for one in rule.when)
        assert holds == any(one.id == rule.id for one in policy.compiled.candidates(asked))


def _conditions(key: str) -> Any:
    examples = {
        "followed": True,
        "mentions": ">1",
        "account_days": "<5",
        "version": "<4",
        "group": "!g",
        "peer": "!a.b",
    }
    value = examples.get(key, {"direction": "in", "activity": "Create", "actor": "https://a.example/u"}.get(key, "a"))
    return (read_condition(key, value),)
