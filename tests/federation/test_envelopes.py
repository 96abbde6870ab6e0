from dataclasses import replace
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from federation.policy.compile import compile_rules
from federation.policy.decide import Decision, Policy, Verdict, decide
from federation.policy.document import read
from federation.policy.envelopes import (
    OPEN,
    Envelope,
    concerns,
    envelope,
    packed,
    packed_facts,
    same,
    squeezed,
    unpacked,
    unpacked_facts,
)
from federation.policy.facts import Direction, Facts
from federation.policy.replay import Replay

WORDS = st.sampled_from(["", "a", "größe", "\U0001f393", "pills"])
HOSTS = st.sampled_from(["a.example", "b.example", "c.example"])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "host": HOSTS,
    "activity": st.sampled_from(["Create", "Like", ""]),
    "actor": st.none() | HOSTS.map(lambda host: f"https://{host}/u"),
    "author_host": st.none() | HOSTS,
    "visibility": st.none() | st.sampled_from(["public", "unlisted", "followers", "members", "direct"]),
    "text": st.sampled_from(["", "pills", "words"]),
    "at": st.integers(0, 1 << 40),
}
KINDS: dict[Any, st.SearchStrategy[Any]] = {
    str: WORDS,
    str | None: st.none() | WORDS,
    int: st.integers(0, 3),
    int | None: st.none() | st.integers(0, 1 << 40),
    bool: st.booleans(),
    bool | None: st.none() | st.booleans(),
    tuple[str, ...]: st.sampled_from([(), ("a",), ("a", "pills")]),
    tuple[tuple[str, int], ...]: st.sampled_from([(), (("words", 7),)]),
    Direction: st.sampled_from(["in", "out", "fetch"]),
}
ANY = st.fixed_dictionaries(
    {name: FIELDS[name] if name in FIELDS else KINDS[hint] for name, hint in get_type_hints(Facts).items()}
).map(lambda values: Facts(**values))
DOCUMENT = read(
    """
[[rule]]
id = "words"
when = { keyword = "pills", visibility = ["public", "unlisted"] }
then = "reject"

[[rule]]
id = "b"
when = { peer = "b.example" }
then = ["sensitive", "hold"]

[[rule]]
id = "try"
when = { activity = "Like" }
then = "reject"
observe = true
"""
)
POLICY = Policy(3, compile_rules(DOCUMENT.rules, DOCUMENT.default))


@given(st.lists(ANY, min_size=1, max_size=3))
@settings(max_examples=60)
def test_what_is_kept_is_decided_the_same_way_again(several: list[Facts]) -> None:
    kept = [envelope(one, decide(POLICY, one)) for one in several]
    for body in (packed(kept), squeezed(kept)):
        assert unpacked(body) == kept
    for given_, one in zip(several, unpacked(packed(kept)), strict=True):
        assert same(one, decide(POLICY, one.facts))
        assert not one.facts.text or one.facts.visibility in OPEN
        assert structs.replace(one.facts, text="") == structs.replace(given_, text="")
        assert unpacked_facts(packed_facts(given_)) == one.facts
    replay = Replay(POLICY, POLICY, "https://a.example")
    replay.count(kept, replay.decided(kept))
    assert replay.tally.kinds == {"same": len(kept)}


def test_halves_of_characters_break_nothing() -> None:
    bad = Facts(1, "in", "a.example", visibility="public", text="a\ud800b", hashtags=("\udc00",))
    kept = envelope(bad, Decision(Verdict.ACCEPT, "accepted", ""))
    [one] = unpacked(packed([kept]))
    assert (one.facts.text, one.facts.hashtags) == ("a?b", ("?",))
    assert unpacked_facts(packed_facts(bad)).text == "a?b"


def test_what_is_overlong_is_cut_and_what_is_usual_is_not() -> None:
    plain = Decision(Verdict.ACCEPT, "accepted", "")
    long = Facts(1, "in", "a.example", visibility="public", text="ü" * 5_000, actor="https://a.example/u")
    usual = envelope(long, plain)
    huge = Facts(1, "in", "a.example", "x" * 900_000, hashtags=("y" * 900,) * 5_000)
    for given_ in (huge, structs.replace(huge, media_bytes=1 << 70, mentions=-(1 << 70))):
        first, cut, last = unpacked(packed([usual, envelope(given_, plain), usual]))
        assert (first, last) == (usual, usual)
        assert (len(cut.facts.activity), len(cut.facts.hashtags)) == (5_000, 100)
        assert unpacked_facts(packed_facts(given_)) == cut.facts
        if given_ is not huge:
            assert (cut.facts.media_bytes, cut.facts.mentions) == (2**62, -(2**62))
    assert unpacked_facts(packed_facts(long)) == long


@pytest.mark.parametrize(
    "change", [{"code": "x"}, {"rule": "x"}, {"effects": ("sensitive",)}, {"observed": (("x", "y"),)}]
)
def test_another_answer_is_another_in_every_part(change: dict[str, Any]) -> None:
    decision = Decision(Verdict.LIMIT, "c", "words do not matter", 1, "r")
    kept = envelope(Facts(1, "in", "a.example"), decision)
    assert same(kept, replace(decision, text="other words", policy=2))
    assert not same(kept, replace(decision, **change))
    assert not same(kept, replace(decision, verdict=Verdict.HOLD))


def test_whom_it_concerns() -> None:
    facts = Facts(1, "in", "a.example", actor="1", author="2", announcer="3", object_id="4", activity_id="5", group="6")
    assert [concerns(facts, frozenset({one})) for one in "1234567"] == [True] * 5 + [False] * 2
    assert isinstance(envelope(facts, Decision(Verdict.ACCEPT, "", "")), Envelope)
