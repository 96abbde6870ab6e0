"""Plain text as a person typed it -> HTML as Mastodon's clients and peers expect it; and HTML -> plain text."""

import re
from collections.abc import Callable, Mapping
from html import escape, unescape

import nh3

from fedi.text.mentions import Token, title_of, tokens
from fedi.text.sanitise import DROPPED, MAX_HTML, MAX_TAGS, untagged

_SHOWN = 30
"""Characters of a URL that are shown where a style sheet knows the class `ellipsis`, as in Mastodon."""


def to_html(text: str, mention_links: Mapping[str, tuple[str, str]], tag_url: Callable[[str], str]) -> str:
    """`text` as paragraphs of HTML, in which links, mentions and hashtags are links.

    `mention_links` maps a handle as `handles_in` gives it (lower case, no sigil) to the address of the actor's page and
    the name to show (no sigil); a handle that is not in it stays text. `tag_url` is given a hashtag in lower case and
    without #. The markup is Mastodon's (app/lib/text_formatter.rb): mentions are h-cards, hashtags have rel=tag. What
    comes back is safe: only this function's own elements, everything typed is escaped.
    """
    paragraphs: list[list[str]] = [[]]
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line.strip():
            paragraphs[-1].append("".join(_render(token, mention_links, tag_url) for token in tokens(line.rstrip())))
        elif paragraphs[-1]:
            paragraphs.append([])
    return "".join(f"<p>{'<br>'.join(lines)}</p>" for lines in paragraphs if lines)


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


def _printable(text: str) -> str:
    """Without control characters, which HTML forbids; a tab stays."""
    if text.isprintable():
        return text
    return "".join(
        character for character in text if (character >= " " and not "\x7f" <= character <= "\x9f") or character == "\t"
    )


_stripper = nh3.Cleaner(tags=set(), clean_content_tags=DROPPED)

# Each stops at the next angle bracket, so that it takes linear time.
_BREAK = re.compile(r"<(?:br|/?(?:li|tr|h[1-6]|div|blockquote|ul|ol|pre))(?=[\s/>])[^<>]*>", re.IGNORECASE)
_PARAGRAPH = re.compile(r"</p\s{0,9}>", re.IGNORECASE)


def to_text(html: str) -> str:
    """The text of `html`: paragraphs parted by a blank line, line breaks kept, no markup. Not HTML: escape it."""
    html = html[:MAX_HTML]
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
