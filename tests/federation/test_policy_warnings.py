"""What a policy is warned of: rules that never fit, are never reached, or contradict each other, with both lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.policy.compile import compile_rules
from federation.policy.decide import Policy, decide
from federation.policy.document import Document, read
from federation.policy.facts import Facts
from federation.policy.rules import Rule
from federation.policy.warnings import warnings
from tests.federation.test_policy_conditions import FACTS, rules


def document(*several: tuple[str, str]) -> Document:
    """Rules a, b, c … on the lines 1, 5, 9 …"""
    return read(
        "".join(
            f'[[rule]]\nid = "{"abcdef"[place]}"\nwhen = {{ {when} }}\nthen = {then}\n'
            for place, (when, then) in enumerate(several)
        )
    )


@pytest.mark.parametrize(
    ("several", "line", "words"),
    [
        ([("peer = 'a.example'", "'reject'"), ("peer = 'a.example'", "'accept'")], 5, ["'a' on line 1", "contradicts"]),
        ([("peer = 'a.example'", "'reject'"), ("peer = 'a.example'", "'reject'")], 5, ["'a' on line 1", "already"]),
        ([("", "'reject'\npriority = 1"), ("peer = 'a.example'", "'accept'")], 6, ["'a' on line 1", "never reached"]),
        (
            [("peer = 'x.example'", "'reject'\npriority = 1"), ("peer = ['a.x.example', 'x.example']", "'hold'")],
            6,
            ["'a'"],
        ),
        ([("mentions = '>5'", "'reject'\npriority = 1"), ("mentions = '>7'", "'hold'")], 6, ["'a' on line 1"]),
        ([("keyword = ['x', 'y']", "'reject'\npriority = 1"), ("keyword = 'y', reply = true", "'hold'")], 6, ["'a'"]),
        ([("activity = '!Like'", "'reject'\npriority = 1"), ("activity = 'Create'", "'hold'")], 6, ["'a' on line 1"]),
        (
            [("peer = '!a.x.example'", "'reject'\npriority = 1"), ("peer = '!x.example'", "'accept'")],
            6,
            ["'a' on line 1"],
        ),
        ([("affiliation = 'member'", "'accept'\npriority = 1"), ("affiliation = 'student'", "'hold'")], 6, ["'a'"]),
        ([("", "'hold'\npriority = 1"), ("direction = 'in'", "'reject'")], 6, ["'a' on line 1"]),
        ([("peer = ['a.example', '!example']", "'reject'")], 1, ["never fits", "peer"]),
        ([("keyword = 'x', visibility = 'direct'", "'reject'")], 1, ["never fits", "public texts"]),
        ([("direction = 'out'", "'hold'")], 1, ["does nothing", "direction"]),
        ([("direction = ['out', 'answer']", "'limit'")], 1, ["does nothing"]),
        ([("", "'reject'\nnot_after = '2001-01-01'")], 1, ["has run out"]),
    ],
)
def test_what_is_warned_of(several: list[tuple[str, str]], line: int, words: list[str]) -> None:
    found = warnings(document(*several), 1_700_000_000_000)
    assert [one.line for one in found] == [line], found
    for word in words:
        assert word in str(found[0])


@pytest.mark.parametrize(
    "several",
    [
        [("peer = 'a.example'", "'reject'"), ("peer = 'b.example'", "'accept'")],
        [("peer = 'a.x.example'", "'reject'\npriority = 1"), ("peer = 'x.example'", "'accept'")],
        [("peer = 'a.example'", "'reject'\npriority = 1"), ("peer = ['a.example', 'b.example']", "'accept'")],
        [("peer = 'a.example'", "'sensitive'\npriority = 1"), ("peer = 'a.example'", "'accept'")],  # adds up
        [("peer = 'a.example'", "'rate(3/h)'\npriority = 1"), ("peer = 'a.example'", "'accept'")],
        [("", "'reject'\nobserve = true\npriority = 1"), ("peer = 'a.example'", "'accept'")],
        [("", "'reject'\nnot_after = '2099-01-01'\npriority = 1"), ("peer = 'a.example'", "'accept'")],
        [("", "'hold'\npriority = 1"), ("", "'reject'")],  # a hold means nothing when sending, a reject does
        [("activity = 'Create'", "'accept'\npriority = 1"), ("object = 'Note'", "'reject'")],
        [
            ("peer = '!b.example'", "'accept'\npriority = 1"),
            ("peer = 'a.example'", "'reject'"),
        ],  # a host of b may be beside
        [("mentions = '>5'", "'reject'\npriority = 1"), ("mentions = '>3'", "'hold'")],
        [("keyword = 'x'", "'reject'\npriority = 1"), ("keyword = ['x', 'y']", "'hold'")],
    ],
)
def test_what_is_fine(several: list[tuple[str, str]]) -> None:
    assert warnings(document(*several), 1_700_000_000_000) == ()


def test_a_test_whose_file_is_not_at_hand_is_told() -> None:
    (found,) = warnings(read("[[test]]\nfile = 'x.json'\nexpect = 'accept'"))
    assert (found.line, "x.json" in found.text) == (1, True)


@given(rules(), st.lists(FACTS, max_size=20))
def test_a_rule_that_is_said_to_be_never_reached_never_decides(several: list[Rule], asked: list[Facts]) -> None:
    lines = [
        Rule(**{name: getattr(rule, name) for name in Rule.__slots__} | {"line": n}) for n, rule in enumerate(several)
    ]
    silent = {
        str(one.line)
        for one in warnings(Document(tuple(lines)))
        if "never" in one.text or "does nothing" in one.text or "already" in one.text or "contradicts" in one.text
    }
    policy = Policy(1, compile_rules(lines))
    for facts in asked:
        assert decide(policy, facts).rule not in silent


def test_five_thousand_rules_are_looked_through() -> None:
    text = "".join(
        f"[[rule]]\nid = 'r{n}'\nwhen = {{ peer = 'h{n}.example', activity = 'Create' }}\nthen = 'reject'\n"
        for n in range(4_998)
    )
    text += "[[rule]]\nid = 'x'\nwhen = { peer = 'a.h4000.example', activity = 'Create' }\nthen = 'accept'\n"
    text += "[[rule]]\nid = 'y'\nwhen = { peer = 'h4000.example', activity = 'Create' }\nthen = 'accept'\n"
    (found,) = warnings(read(text))
    assert "'y'" in found.text
    assert "'r4000'" in found.text
