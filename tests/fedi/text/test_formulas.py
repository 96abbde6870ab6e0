"""Formulas: LaTeX becomes MathML that a sanitiser keeps, text where it can't, and text again for who knows no MathML."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedi.text import sanitise, to_html, to_text
from fedi.text.formulas import MAX_TEX, flattened, to_mathml
from fedi.text.sanitise import MAX_DEPTH, MAX_TAGS, _depth


def html(text: str) -> str:
    return to_html(text, {}, lambda tag: f"https://uni.example/tags/{tag}")


SQUARE = (
    "<math><semantics><mrow><msup><mi>x</mi><mn>2</mn></msup></mrow>"
    '<annotation encoding="application/x-tex">x^2</annotation></semantics></math>'
)


@pytest.mark.parametrize("typed", ["$x^2$", r"\(x^2\)", r"\( x^2 \)"])
def test_a_formula_within_a_line(typed: str) -> None:
    assert html(f"If {typed} is odd") == f"<p>If {SQUARE} is odd</p>"


@pytest.mark.parametrize("typed", ["$$x^2$$", "$$\nx^2\n$$", r"\[x^2\]", "\\[\nx^2\n\\]"])
def test_a_formula_on_its_own(typed: str) -> None:
    block = SQUARE.replace("<math>", '<math display="block">')
    assert html(f"So:\n\n{typed}\n\nDone") == f"<p>So:</p><p>{block}</p><p>Done</p>"


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5, or $6 later",
        "from US$5-$6",
        "between $5-$10",
        "set $HOME and $PATH",
        "$HOME:$PATH",
        "($5)($6)",
        "5$ or 6$",
        "$ x $",
        "$$$",
        "$$",
        r"\(",
        r"\[ x",
        "$$\nnot closed",
    ],
)
def test_money_and_shells_are_no_formulas(text: str) -> None:
    assert "<math" not in html(text)
    assert "<code" not in html(text)


@pytest.mark.parametrize(
    "tex",
    [
        r"\nosuchcommand",
        r"\frac{a",
        r"\def\a{\b\b}\a",
        r"\newcommand{\a}{x}\a",
        r"\href{javascript:alert(1)}{x}",
        r"\style{position:fixed}{x}",
        r"\rule{900em}{900em}",
        "{" * 60 + "x^{y_{z}}" * 40,
        "x^{" * 60 + "}" * 60,
    ],
)
def test_what_can_not_be_read_stays_as_typed(tex: str) -> None:
    made = html(f"${tex}$")
    assert "<math" not in made
    assert to_text(made) == f"${tex}$"
    assert made.startswith("<p><code>$")


def test_what_is_in_a_formula_is_escaped() -> None:
    made = html(r"$\text{<script>alert(1)</script>}$")
    assert "<script" not in made
    assert sanitise(made) == made


def test_a_formula_is_bounded() -> None:
    assert to_mathml("1" * MAX_TEX) is not None
    assert to_mathml("1" * (MAX_TEX + 1)) is None
    post = html("$" + "$ $".join(["xxxxxxxxxx"] * 450) + "$")
    assert post.count("<") < MAX_TAGS  # or a page would show none of it
    assert "<code>$xxxxxxxxxx$</code>" in post
    assert to_text(post).split() == ["$xxxxxxxxxx$"] * 450
    assert _depth(html("$" + "{" * 24 + "x" + "}" * 24 + "$")) < MAX_DEPTH


@given(st.text(alphabet=r"\{}^_&$xfracsqt12()[]<'", max_size=80))
def test_whatever_is_typed_is_what_a_sanitiser_lets_through(tex: str) -> None:
    made = html(f"${tex}$")
    assert sanitise(made).replace("&nbsp;", "\u00a0") == made


def test_who_knows_no_formulas_gets_their_text() -> None:
    assert flattened(f"<p>If {SQUARE} is odd</p>") == "<p>If $x^2$ is odd</p>"
    assert flattened(html("$$a<b$$")) == "<p>$$a&lt;b$$</p>"
    assert to_text(html("$a<b$ & so on")) == "$a<b$ & so on"
    assert to_text('<math alttext="a over b"><mfrac><mi>a</mi><mi>b</mi></mfrac></math>') == "a over b"
    plain = '<math><semantics><mi>x</mi><annotation encoding="text/plain">the unknown</annotation></semantics></math>'
    assert to_text(plain) == "the unknown"
    assert to_text("<math><mi>a</mi><mo>+</mo><mi>b</mi></math>") == "a + b"
    assert flattened("<math><mi>never closed") == "<math><mi>never closed"


@pytest.mark.parametrize(
    ("peer", "kept"),
    [
        ("<math><mi>x</mi></math>", "<math><mi>x</mi></math>"),
        ("<math href='https://x.example' style='color:red' class=x id=y><mi>x</mi></math>", "<math><mi>x</mi></math>"),
        ("<math><mi xlink:href='javascript:alert(1)' onclick='alert(1)'>x</mi></math>", "<math><mi>x</mi></math>"),
        ("<math><mspace width='900em'/></math>", "<math><mspace></mspace></math>"),
        ("<math><mspace width='1em'/></math>", '<math><mspace width="1em"></mspace></math>'),
        ("<math><mspace width='-90em'/></math>", "<math><mspace></mspace></math>"),
        ("<math><mpadded width=0 voffset='-9em' lspace='-9em'>x</mpadded></math>", "<math><mpadded>x</mpadded></math>"),
        ("<math><mstyle scriptlevel='-40' mathsize='99em'>x</mstyle></math>", "<math><mstyle>x</mstyle></math>"),
        (
            "<math><mfrac linethickness='90em'><mi>a</mi><mi>b</mi></mfrac></math>",
            "<math><mfrac><mi>a</mi><mi>b</mi></mfrac></math>",
        ),
        ("<math><maction actiontype='toggle'><mi>a</mi></maction></math>", "<math><mi>a</mi></math>"),
        (
            "<math><annotation-xml encoding='text/html'><img src=x onerror=alert(1)></annotation-xml></math>",
            "<math></math>",
        ),
        ("<math><mtext><img src=x onerror=alert(1)></mtext></math>", "<math><mtext></mtext></math>"),
        ("<math><mglyph src='https://x.example/a.png'></math>", "<math></math>"),
    ],
)
def test_of_a_formula_of_a_peer_stays_what_draws_in_its_place(peer: str, kept: str) -> None:
    assert sanitise(peer) == kept


@pytest.mark.parametrize(
    "html_",
    [
        '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
        '<math><mi//xlink:href="data:x,<script>alert(4)</script>">',
        "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        '<svg></p><style><a id="</style><img src=1 onerror=alert(1)>"><math>',
        '<math><annotation encoding="text/html"><svg><script>alert(1)</script></svg></annotation></math>',
        '<math><semantics><annotation-xml encoding="application/xhtml+xml"><style><img src=x onerror=alert(1)>',
    ],
)
def test_tricks_with_two_languages(html_: str) -> None:
    """Those that got through other sanitisers by being read in another way the second time."""
    clean = sanitise(html_)
    tags = clean.split("<")[1:]
    assert not any(
        bad in tag.split(">")[0] for tag in tags for bad in ("onerror", "script", "style", "src", "img", "href")
    )
    assert sanitise(clean) == clean


@given(st.text(alphabet="<>/ mathoixe=\"'&;n!-stylp"))
def test_clean_formulas_stay_clean(text: str) -> None:
    once = sanitise(f"<math>{text}")
    assert sanitise(once) == once
