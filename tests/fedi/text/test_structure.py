"""Code, quotes and lists as people type them, and that plain texts stay what they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedi.text import handles_in, hashtags_in, sanitise, to_html, to_text
from fedi.text.structure import blocks
from tests.work import lines


def html(text: str) -> str:
    return to_html(
        text, {"ada": ("https://uni.example/people/ada", "ada")}, lambda tag: f"https://uni.example/tags/{tag}"
    )


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("use `a < b` here", "<p>use <code>a &lt; b</code> here</p>"),
        ("``a ` b``", "<p><code>a ` b</code></p>"),
        ("```python\nif a:\n\n    b()\n```", "<pre><code>if a:\n\n    b()</code></pre>"),
        ("so:\n~~~\nx\n~~~\nthen", "<p>so:</p><pre><code>x</code></pre><p>then</p>"),
        ("> a\n> b\n\nc", "<blockquote><p>a<br>b</p></blockquote><p>c</p>"),
        ("> > a\n> b", "<blockquote><blockquote><p>a</p></blockquote><p>b</p></blockquote>"),
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("* a\n* b", "<ul><li>a</li><li>b</li></ul>"),
        (
            "Bring:\n- a\n  more\n- b\n  - c\n  - d",
            "<p>Bring:</p><ul><li>a<br>more</li><li>b<ul><li>c</li><li>d</li></ul></li></ul>",
        ),
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("3) a\n4) b", '<ol start="3"><li>a</li><li>b</li></ol>'),
    ],
)
def test_what_is_more_than_words(text: str, made: str) -> None:
    assert html(text) == made
    assert sanitise(made) == made


@pytest.mark.parametrize(
    "text",
    [
        "- a single dash",
        "Kind regards\n- Ada",
        "2026. What a year",
        "1. a\n3. c",
        ">:(",
        ">>> print(1)",
        "a * b * c",
        "#not a heading",
        "`one tick",
        "```\nnever closed",
        "a -- b",
        "_under_ *stars*",
        "5 > 3",
        "-a\n-b",
        "   spaces before",
    ],
)
def test_plain_texts_stay_plain(text: str) -> None:
    """As they were before there was any of this: paragraphs, lines, and what was typed."""
    lines = html(text).removeprefix("<p>").removesuffix("</p>").split("<br>")
    assert [to_text(line) for line in lines] == [line.strip() for line in text.split("\n")]
    assert not any(tag in html(text) for tag in ("<ul", "<ol", "<code", "<pre", "<blockquote"))


def test_nobody_is_called_by_code() -> None:
    text = "@ada `@ben #tag` $@eve$\n```\n#include @eve\n```\n> @kim #quoted\n\n- #one\n- @zoe"
    assert handles_in(text) == ["ada", "kim", "zoe"]
    assert hashtags_in(text) == ["quoted", "one"]
    assert '<a href="https://uni.example/people/ada"' in html("- @ada\n- #x")
    assert "<a" not in html("`@ada`\n\n```\n@ada https://x.example\n```")


def test_deep_quotes_end_somewhere() -> None:
    made = html("> " * 100 + "deep")
    assert made.count("<blockquote>") == 5
    assert to_text(made).endswith("> > deep")


@given(
    st.text(alphabet="`~$>-1.* \n\tab@\\()[]<&")
    | st.lists(st.sampled_from(["> ", "- a", "  ", "```", "$$", "1. b", "\n", "x"])).map("".join)
)
def test_nothing_typed_is_lost_or_becomes_markup(text: str) -> None:
    made = html(text)
    assert sanitise(made).replace("&nbsp;", "\u00a0") == made
    kept = [letter for letter in to_text(made) if letter.isalpha()]
    typed = [letter for letter in text if letter.isalpha()]
    fences = sum(line.strip(" `~").isalpha() for line in text.split("\n") if line.lstrip()[:3] in ("```", "~~~"))
    assert len(kept) == len(typed) or fences  # the name of a language beside a fence is not shown


def test_fences_that_nothing_closes_are_sought_once() -> None:
    """Work, not time: twice as much text takes about twice as many steps."""

    def steps(number: int) -> int:
        return lines(lambda: blocks("~~~python\n" * number + "``` \n" * number))

    assert blocks("~~~python\n``` \n")
    assert steps(400) < 3 * steps(200)
