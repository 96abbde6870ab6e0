"""HTML of peers -> HTML that may be shown.

What is kept is what Mastodon keeps (lib/sanitize_ext/sanitize_config.rb), since that is what clients can show.
"""

import re
from html import escape, unescape

import nh3

from fedi.text.formulas import ATTRIBUTES, ELEMENTS, flattened

MAX_HTML = 200_000
"""Characters of HTML that are read; the rest is cut. An essay of 20,000 words has 150,000."""
MAX_TAGS = 5_000
"""Tags in one document. html5ever needs time that grows with the square of the depth (27 s for 650 kB of `<i><u><b></p>`),
so that what has more is shown as text."""
MAX_DEPTH = 50
"""Elements within each other; deeper, clients that walk the tree by recursion break."""

_INLINE = {"a", "b", "br", "code", "del", "em", "i", "rp", "rt", "ruby", "span", "strong", "u"}
_BLOCKS = {"blockquote", "li", "ol", "p", "pre", "ul"}
DROPPED = {"script", "style", "title", "template", "noscript", "iframe", "object", "svg", "textarea", "select"}
"""Elements that go with all that is in them."""
_CLASSES = {
    "a": {"mention", "hashtag", "u-url", "u-in-reply-to"},
    "span": {"h-card", "p-name", "p-author", "invisible", "ellipsis", "mention", "hashtag"},
    "p": {"quote-inline"},
}
_ATTRIBUTES = {
    "a": {"href", "translate"},
    "span": {"translate"},
    "ol": {"start", "reversed"},
    "li": {"value"},
    "p": {"lang", "dir"},
}
_cleaner = nh3.Cleaner(
    tags=_INLINE | _BLOCKS,
    attributes=_ATTRIBUTES,
    allowed_classes=_CLASSES,
    clean_content_tags=DROPPED,
    url_schemes={"http", "https", "mailto", "xmpp", "gemini"},
    url_relative="deny",  # it would lead to a page of ours
    link_rel="nofollow noopener noreferrer",
)


def _kept(element: str, name: str, value: str) -> str | None:
    """The value of an attribute; of formulas only those that draw over nothing."""
    wanted = ATTRIBUTES.get(element)
    return value if wanted is None or (name in wanted and wanted[name].fullmatch(value)) else None


# Asks Python for each attribute, so it is for posts with formulas alone.
_math_cleaner = nh3.Cleaner(
    tags=_INLINE | _BLOCKS | ELEMENTS,
    attributes={**_ATTRIBUTES, **{element: set(known) for element, known in ATTRIBUTES.items()}},
    attribute_filter=_kept,
    allowed_classes=_CLASSES,
    clean_content_tags=DROPPED,
    url_schemes={"http", "https", "mailto", "xmpp", "gemini"},
    url_relative="deny",
    link_rel="nofollow noopener noreferrer",
)

# Each stops at the next angle bracket, so that it takes linear time.
_HEADING = re.compile(r"<(/?)h[1-6](?=[\s/>])[^<>]*>", re.IGNORECASE)
_CELL = re.compile(r"</t[dh]\s{0,9}>", re.IGNORECASE)
_ROW = re.compile(r"</(?:tr|dt|dd|figcaption|summary)\s{0,9}>", re.IGNORECASE)
_MATH = re.compile(r"<math", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_CLEAN_TAG = re.compile(r"<(/?)(?!br>)[a-z]")


def sanitise(html: str) -> str:
    """What may be shown of `html`, well-formed, with nothing that runs, loads, submits, positions or restyles.

    Links keep http, https, mailto, xmpp and gemini addresses, absolute ones only. A heading becomes a bold paragraph,
    a table's rows become lines. Formulas keep what MathML Core draws in its place (FEP-dc88). Input beyond `MAX_HTML` characters is cut; with more than `MAX_TAGS` tags, or
    deeper than `MAX_DEPTH`, all of it becomes text.
    """
    html = html[:MAX_HTML]
    if html.count("<") > MAX_TAGS:
        return _as_text(html)
    if "<h" in html or "<H" in html:
        html = _HEADING.sub(_as_paragraph, html)
    if "</" in html:
        html = _ROW.sub("<br>", _CELL.sub(" ", html))
    clean = (_math_cleaner if _MATH.search(html) else _cleaner).clean(html)
    return _as_text(html) if clean.count("<") > 2 * MAX_DEPTH and _depth(clean) > MAX_DEPTH else clean


def untagged(html: str) -> str:
    """`html` with each tag replaced by a space and nothing parsed; entities stay. Quick whatever is in it."""
    return _TAG.sub(" ", html)


def _as_text(html: str) -> str:
    return f"<p>{escape(unescape(untagged(flattened(html))), quote=False)}</p>"


def _depth(clean: str) -> int:
    """How deep the elements of well-formed HTML are within each other."""
    depth = deepest = 0
    for tag in _CLEAN_TAG.finditer(clean):
        depth += -1 if tag[1] else 1
        deepest = max(deepest, depth)
    return deepest


def _as_paragraph(found: re.Match[str]) -> str:
    return "</strong></p>" if found[1] else "<p><strong>"
