"""What clients send becomes one struct, whatever form it has; what can't is told, never a crash."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedi.errors import Problem
from fedi.mastodon.arguments import fit, nested


class Inner(msgspec.Struct, kw_only=True):
    name: str = ""
    value: str = ""


class Shape(msgspec.Struct, kw_only=True):
    flag: bool | None = None
    number: int | None = None
    text: str | None = None
    ids: list[int] = msgspec.field(default_factory=list)
    words: list[str] = msgspec.field(default_factory=list)
    source: Inner | None = None
    fields: list[Inner] | None = None


class Needed(msgspec.Struct, kw_only=True):
    text: str


@pytest.mark.parametrize(
    ("pairs", "tree"),
    [
        ([("a", "1")], {"a": "1"}),
        ([("a", "1"), ("a", "2")], {"a": ["1", "2"]}),
        ([("a[]", "1"), ("a[]", "2")], {"a": ["1", "2"]}),
        ([("a[][]", "1"), ("a[][]", "2")], {"a": ["1", "2"]}),  # Mastodon.py
        ([("a[b]", "1"), ("a[c]", "2")], {"a": {"b": "1", "c": "2"}}),
        ([("a[b][]", "1")], {"a": {"b": ["1"]}}),
        ([("a[][n]", "1"), ("a[][v]", "2"), ("a[][n]", "3")], {"a": [{"n": "1", "v": "2"}, {"n": "3"}]}),
        ([("a[0][n]", "1"), ("a[1][n]", "2")], {"a": {"0": {"n": "1"}, "1": {"n": "2"}}}),
        ([("a", "1"), ("a[b]", "2")], {"a": "1"}),
        ([("[b]", "2"), ("x[", "1"), ("", "3")], {"x": "1", "": "3"}),
    ],
)
def test_names_nest_as_rack_does(pairs: list[tuple[str, str]], tree: dict[str, Any]) -> None:
    assert nested(pairs) == tree


@pytest.mark.parametrize("yes", ["1", "true", "True", "t", "on", True, 1])
def test_what_is_true(yes: object) -> None:
    assert fit({"flag": yes}, Shape).flag is True


@pytest.mark.parametrize("no", ["0", "false", "False", "f", "off", False, 0])
def test_what_is_false(no: object) -> None:
    assert fit({"flag": no}, Shape).flag is False


@pytest.mark.parametrize("nothing", [None, ""])
def test_nothing_is_not_false(nothing: object) -> None:
    assert fit({"flag": nothing, "number": nothing}, Shape) == Shape()


def test_numbers_and_lists_from_texts() -> None:
    shape = fit({"number": "12", "ids": "3", "words": ["a", "b"], "text": 7}, Shape)
    assert shape == Shape(number=12, ids=[3], words=["a", "b"], text="7")


def test_objects_by_index_keep_their_order() -> None:
    shape = fit({"fields": {"10": {"name": "c"}, "2": {"name": "b"}, "0": {"name": "a"}}}, Shape)
    assert [one.name for one in shape.fields or []] == ["a", "b", "c"]


def test_a_number_beyond_63_bits_is_the_largest() -> None:
    assert fit({"number": "9" * 30}, Shape).number == 2**63 - 1


@pytest.mark.parametrize(
    "found",
    [
        {"number": "12a"},
        {"number": 1.5},
        {"number": {"a": 1}},
        {"text": {"a": 1}},
        {"text": "a\x00b"},
        {"text": "\ud800"},
        {"ids": ["1", "x"]},
        {"source": "x"},
        {"fields": ["x"]},
    ],
)
def test_wrong_kinds_are_422(found: dict[str, Any]) -> None:
    with pytest.raises(Problem, match="Validation failed") as refused:
        fit(found, Shape)
    assert refused.value.status == 422


def test_what_is_needed_and_missing_is_named() -> None:
    with pytest.raises(Problem, match="text can't be blank"):
        fit({}, Needed)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    [
        "flag",
        "number",
        "text",
        "ids",
        "words",
        "source",
        "fields",
        "fields[]",
        "source[name]",
        "ids[]",
        "fields[0][name]",
        "a[b",
        "a]b",
        "[]",
        "ids[][]",
    ]
)


@given(st.lists(st.tuples(names | st.text(max_size=12), json_values), max_size=8))
def test_nothing_but_a_problem_is_raised(pairs: list[tuple[str, Any]]) -> None:
    # Anything else than a Problem would fail the test by itself.
    with contextlib.suppress(Problem):
        fit(nested(pairs), Shape)
