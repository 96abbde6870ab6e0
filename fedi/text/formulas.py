"""Formulas: LaTeX as people type it -> MathML, and HTML with MathML -> HTML with the LaTeX, for who can't show formulas.

The form is that of FEP-dc88: `<math><semantics>…<annotation encoding="application/x-tex">…`, so that who strips or does not
know MathML finds the text of the formula.
"""

import re
from functools import lru_cache
from html import escape, unescape
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # half a megabyte of symbols, for who writes formulas
    from xml.etree.ElementTree import Element

MAX_TEX = 1000
"""Characters of LaTeX in one formula; what is longer stays text. These take 10 ms at the worst (measured)."""
MAX_ELEMENTS = 1000
"""Elements of MathML in one post: beyond, formulas stay as typed, as a page shows no post with too many tags."""
_DEPTH = 25
TEX = "application/x-tex"

ELEMENTS = frozenset(
    "math semantics annotation mrow mi mn mo mtext ms mspace mfrac msqrt mroot msub msup msubsup munder mover munderover"
    " mmultiscripts mprescripts mtable mtr mtd mstyle mphantom mpadded merror".split()
)
"""Those of MathML Core that are kept: none leads anywhere, loads or runs anything."""
_FLAG = re.compile(r"true|false")
ATTRIBUTES: dict[str, dict[str, re.Pattern[str]]] = {
    "math": {"display": re.compile(r"block|inline")},
    "annotation": {"encoding": re.compile(r"application/x-tex|text/plain")},
    "mi": {"mathvariant": re.compile(r"normal")},
    "mo": {
        "form": re.compile(r"prefix|infix|postfix"),
        **dict.fromkeys(("stretchy", "fence", "separator", "symmetric", "largeop", "movablelimits"), _FLAG),
    },
    "mspace": {"width": re.compile(r"-0\.[0-2][0-9]{0,2}em|[0-2]?(?:\.[0-9]{1,4})?em")},
    "mfrac": {"linethickness": re.compile(r"0(?:px|pt|em)?")},
    "mover": {"accent": _FLAG},
    "munder": {"accentunder": _FLAG},
    "munderover": {"accent": _FLAG, "accentunder": _FLAG},
    "mstyle": {"displaystyle": _FLAG, "scriptlevel": re.compile(r"[0-3]")},
}
"""The attributes of these that are kept, with the values that are: nothing that draws over what stands beside a formula."""

_PARTS = dict.fromkeys("mfrac mroot msub msup munder mover".split(), 2) | dict.fromkeys(("msubsup", "munderover"), 3)
"""How many elements are in those of MathML that are nothing with fewer."""

_ESCAPED = re.compile(r"\\[\\{}]")
# What defines macros could grow without end, what leads away or restyles has no place here.
_REFUSED = re.compile(
    r"\\(?:def|newcommand|renewcommand|newenvironment|DeclareMathOperator|let|href|url|style|class|cssId|id|unicode"
    r"|includegraphics|rule|require|html\w*)(?![A-Za-z])"
)


def to_mathml(tex: str, *, block: bool = False) -> tuple[str, int] | None:
    """(MathML of a formula, how many elements it has); None for what is no LaTeX that can be read, or too much of it.

    It comes back safe and well-formed, and a sanitiser that knows `ELEMENTS` and `ATTRIBUTES` changes nothing of it.
    """
    tex = tex.strip()
    if not tex or len(tex) > MAX_TEX or _REFUSED.search(tex) or not tex.isprintable():
        return None
    bare = _ESCAPED.sub("", tex)
    if bare.count("{") != bare.count("}"):  # the converter would guess
        return None
    return _converted(tex, block)


@lru_cache(256)
def _converted(tex: str, block: bool) -> tuple[str, int] | None:
    from latex2mathml.converter import Converter

    try:
        root = Converter(display="block" if block else "inline").convert_to_element(tex)
        parts: list[str] = []
        number = sum(_write(child, parts, 0) for child in root)
    except Exception:  # noqa: BLE001 - a reader of its own kind: whatever it stumbles over
        return None
    if not number or number > MAX_ELEMENTS or not "".join(parts):
        return None
    display = ' display="block"' if block else ""
    annotation = f'<annotation encoding="{TEX}">{escape(tex, quote=False)}</annotation>'
    return f"<math{display}><semantics>{''.join(parts)}{annotation}</semantics></math>", number + 3


class _Unreadable(Exception):
    """There is no MathML for it."""


def _write(element: "Element", parts: list[str], depth: int) -> int:
    """Write an element of the converter to `parts`; how many elements that made. Raises _Unreadable."""
    name = element.tag
    children = list(element)
    if depth > _DEPTH:
        raise _Unreadable
    if name == "menclose":
        name = "mrow"
    elif name not in ELEMENTS or name in ("math", "semantics", "annotation"):
        raise _Unreadable
    text = unescape(element.text or "")
    if "\\" in text:  # a command that it does not know
        raise _Unreadable
    if len(children) != _PARTS.get(name, len(children)):
        raise _Unreadable
    if name == "mrow" and len(children) == 1 and not text and depth:
        return _write(children[0], parts, depth)
    known = ATTRIBUTES.get(name, {})
    attributes = "".join(
        f' {key}="{value}"' for key, value in element.attrib.items() if key in known and known[key].fullmatch(value)
    )
    parts.append(f"<{name}{attributes}>{escape(text, quote=False)}")
    number = 1 + sum(_write(child, parts, depth + 1) for child in children)
    parts.append(f"</{name}>")
    return number


_ANNOTATION = re.compile(r'<annotation\s[^<>]{0,200}?encoding="([^"<>]{0,40})"[^<>]{0,200}>([^<]{0,4000})</annotation')
_ALTTEXT = re.compile(r'alttext="([^"<>]{1,4000})"')
_TAG = re.compile(r"<[^<>]*>")
_OPENING = re.compile(r"<math(?=[\s/>])", re.IGNORECASE)
_CLOSING = re.compile(r"</math\s{0,9}>", re.IGNORECASE)


def flattened(html: str) -> str:
    """`html` with each formula as text: its LaTeX between dollar signs, as Mastodon shows it (FEP-dc88), or what it says
    otherwise. What is no formula stays as it is."""
    if "<m" not in html and "<M" not in html:
        return html
    parts: list[str] = []
    done = 0
    while (opening := _OPENING.search(html, done)) is not None:
        closing = _CLOSING.search(html, opening.end())
        if closing is None:
            break
        parts += [html[done : opening.start()], _said(html[opening.start() : closing.start()])]
        done = closing.end()
    return "".join([*parts, html[done:]])


def _said(formula: str) -> str:
    opening = formula[: formula.find(">") + 1]
    annotations = dict(_ANNOTATION.findall(formula))
    if (tex := annotations.get(TEX)) is not None:
        sign = "$$" if 'display="block"' in opening else "$"
        return f"{sign}{tex.strip()}{sign}"
    alternative = _ALTTEXT.search(opening)
    return annotations.get("text/plain") or (
        alternative[1] if alternative else " ".join(_TAG.sub(" ", formula).split())
    )
