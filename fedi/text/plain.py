"""Plain text as a person typed it -> HTML as Mastodon's clients and peers expect it; and HTML -> plain text."""

import re
from collections.abc import Callable, Mapping
from html import escape, unescape

import nh3

from fedi.text.formulas import MAX_ELEMENTS, flattened, to_mathml
from fedi.text.mentions import Token, title_of, tokens
from fedi.text.sanitise import DROPPED, MAX_HTML, MAX_TAGS, untagged
from fedi.text.structure import Block, Span, blocks, spans

_SHOWN = 30
"""Characters of a URL that are shown where a style sheet knows the class `ellipsis`, as in Mastodon."""


def to_html(text: str, mention_links: Mapping[str, tuple[str, str]], tag_url: Callable[[str], str]) -> str:
    """`text` as paragraphs of HTML, in which links, mentions and hashtags are links; code, formulas, quotes and lists, as
    `fedi.text.structure` finds them, are what they are. What is no formula that can be read stays as typed, as code.

    `mention_links` maps a handle as `handles_in` gives it (lower case, no sigil) to the address of the actor's page and
    the name to show (no sigil); a handle that is not in it stays text. `tag_url` is given a hashtag in lower case and
    without #. The markup is Mastodon's (app/lib/text_formatter.rb): mentions are h-cards, hashtags have rel=tag. What
    comes back is safe: only this function's own elements, everything typed is escaped.
    """
    return _Writer(mention_links, tag_url).blocks(blocks(text))


class _Writer:
    """Writes the blocks of one text. `left`: how many elements its formulas may still have."""

    def __init__(self, mention_links: Mapping[str, tuple[str, str]], tag_url: Callable[[str], str]) -> None:
        self.mention_links = mention_links
        self.tag_url = tag_url
        self.left = MAX_ELEMENTS

    def blocks(self, found: list[Block]) -> str:
        return "".join(self._block(one) for one in found)

    def _block(self, block: Block) -> str:
        if block.kind == "paragraph":
            return f"<p>{self._lines(block)}</p>"
        if block.kind == "code":
            return f"<pre><code>{escape(_printable(chr(10).join(block.lines), keep=chr(10)), quote=False)}</code></pre>"
        if block.kind == "formula":
            return f"<p>{self._formula(block.lines[0], block.lines[1], block=True)}</p>"
        if block.kind == "quote":
            return f"<blockquote>{self.blocks(block.inner[0])}</blockquote>"
        items = "".join(f"<li>{self._item(item)}</li>" for item in block.inner)
        if block.start is None:
            return f"<ul>{items}</ul>"
        return f"<ol>{items}</ol>" if block.start == 1 else f'<ol start="{block.start}">{items}</ol>'

    def _item(self, item: list[Block]) -> str:
        """A line of a list has no paragraph of its own."""
        first, rest = item[0], item[1:]
        return (self._lines(first) if first.kind == "paragraph" else self._block(first)) + self.blocks(rest)

    def _lines(self, block: Block) -> str:
        return "<br>".join("".join(self._span(span) for span in spans(line)) for line in block.lines)

    def _span(self, span: Span) -> str:
        if span.kind == "code":
            return f"<code>{escape(_printable(span.text), quote=False)}</code>"
        if span.kind == "formula":
            return self._formula(span.text, span.typed, block=span.block)
        return "".join(_render(token, self.mention_links, self.tag_url) for token in tokens(span.text))

    def _formula(self, tex: str, typed: str, *, block: bool) -> str:
        made = to_mathml(tex, block=block) if self.left > 0 else None
        if made is None or made[1] > self.left:
            return f"<code>{escape(_printable(typed), quote=False)}</code>"
        self.left -= made[1]
        return made[0]


def _render(token: Token, mention_links: Mapping[str, tuple[str, str]], tag_url: Callable[[str], str]) -> str:
    if token.kind == "link":
        return _link(token.name)
    if token.kind == "hashtag":
        url = escape(tag_url(token.name.lower()))
        return f'<a href="{url}" class="mention hashtag" rel="tag">#<span>{escape(token.name)}</span></a>'
    if token.kind == "mention" and (known := mention_links.get(token.name.lower())) is not None:
        url, shown = escape(known[0]), escape(known[1])
        return f'<span class="h-card"><a href="{url}" class="u-url mention">@<span>{shown}</span></a></span>'
    return escape(_printable(token.text), quote=False)


def _link(url: str) -> str:
    scheme, rest = url.split("://", 1)
    hidden = f"{scheme}://"
    if rest[:4].lower() == "www.":
        hidden, rest = hidden + rest[:4], rest[4:]
    kind = "ellipsis" if len(rest) > _SHOWN else ""
    return (
        f'<a href="{escape(url)}" rel="nofollow noopener noreferrer">'
        f'<span class="invisible">{escape(hidden)}</span>'
        f'<span class="{kind}">{escape(rest[:_SHOWN])}</span>'
        f'<span class="invisible">{escape(rest[_SHOWN:])}</span></a>'
    )


def _printable(text: str, keep: str = "") -> str:
    """Without control characters, which HTML forbids; a tab stays, and those to `keep`."""
    if text.isprintable():
        return text
    return "".join(
        character
        for character in text
        if (character >= " " and not "\x7f" <= character <= "\x9f") or character == "\t" or character in keep
    )


_stripper = nh3.Cleaner(tags=set(), clean_content_tags=DROPPED)

# Each stops at the next angle bracket, so that it takes linear time.
_BREAK = re.compile(r"<(?:br|/?(?:li|tr|h[1-6]|div|blockquote|ul|ol|pre))(?=[\s/>])[^<>]*>", re.IGNORECASE)
_PARAGRAPH = re.compile(r"</p\s{0,9}>", re.IGNORECASE)


def to_text(html: str) -> str:
    """The text of `html`: paragraphs parted by a blank line, line breaks kept, no markup, formulas as
    LaTeX. Not HTML: escape it."""
    html = flattened(html[:MAX_HTML])
    if html.count("<") > MAX_TAGS:
        return unescape(untagged(html)).strip()
    broken = _BREAK.sub("\n", _PARAGRAPH.sub("\n\n", html))
    lines: list[str] = []
    for raw in unescape(_stripper.clean(broken)).split("\n"):
        line = raw.strip()
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).strip()


def first_line(html: str, limit: int = 200) -> str:
    """The first line of `html` as plain text, for a title: mentions at its beginning left out, at most `limit` characters.

    Empty when there is nothing but mentions.
    """
    return title_of(to_text(html[: 50 * limit]), limit) or ""
