"""What in plain text is a link, a mention or a hashtag: one scanner that `to_html` and the lists below share.

Rules follow Mastodon's `MENTION_RE` and `HASHTAG_RE` (app/models/account.rb, tag.rb), with Lemmy's `!group@host` as a
further spelling of a mention. Nothing inside a URL is a mention or a hashtag.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fedi.text.structure import prose

Kind = Literal["text", "link", "mention", "hashtag"]

MAX_TAG = 100
"""Characters of a hashtag; what is longer is text."""
MAX_LINK = 2000
"""Characters of a URL; what is longer is text."""

# Python's \w leaves out combining marks, without which words of many scripts fall apart.
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u0900-\u0963\u0966-\u0df3\u0e30-\u0e4e\u0eb0-\u0ecd\u0f71-\u0f84\u1000-\u1049\u1050-\u109d\u1dc0-\u1dff\u20d0-\u20f0"
)
# Characters that reorder or hide text, which a shown URL must not hold.
_HIDDEN = "\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
_LABEL = r"[^\W_](?:[\w-]*[^\W_])?"

_TOKEN = re.compile(
    rf"""
      (?P<link>(?<![\w])https?://[^\s/?\#<>"'{_HIDDEN}][^\s<>"{_HIDDEN}]*)
    | (?<![\w/=@.{_MARKS}])(?P<sigil>[@!])(?P<handle>
        [a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?
        (?:@(?>{_LABEL}(?:\.{_LABEL})*)(?::[0-9]{{1,5}}(?![0-9]))?)?
      )(?![@\w])
    | (?<![\w/=&)#＃{_MARKS}])[#＃](?P<tag>[\w{_MARKS}·\u200c]+)
    """,
    re.VERBOSE | re.IGNORECASE,
)


_SIGNS = ("@", "#", "://", "＃")
"""One of these is in every link, mention and hashtag."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text: `text` as typed; `name` is the URL, the handle or the tag, without its sigil."""

    kind: Kind
    text: str
    name: str


def tokens(text: str) -> Iterator[Token]:
    """The pieces of `text` in order; their `text` joined gives the whole again."""
    if not any(sign in text for sign in _SIGNS):  # as of most lines
        if text:
            yield Token("text", text, "")
        return
    done = 0
    for found in _TOKEN.finditer(text):
        token = _token(found)
        if token is None:
            continue
        if found.start() > done:
            yield Token("text", text[done : found.start()], "")
        yield token
        done = found.start() + len(token.text)
    if done < len(text):
        yield Token("text", text[done:], "")


def _token(found: re.Match[str]) -> Token | None:
    whole = found.group()
    if (link := found["link"]) is not None:
        link = _without_punctuation(link)
        return Token("link", link, link) if len(link) <= MAX_LINK else None
    if (handle := found["handle"]) is not None:
        # «!important» is no mention: without a host only @ makes one.
        return Token("mention", whole, handle) if found["sigil"] == "@" or "@" in handle else None
    tag = found["tag"]
    if len(tag) > MAX_TAG or not any(character.isalpha() for character in tag):
        return None
    return Token("hashtag", whole, tag)


def _without_punctuation(link: str) -> str:
    """A URL without the punctuation of the sentence around it; a closing bracket stays if the URL opened one."""
    surplus = {close: link.count(close) - link.count(opening) for opening, close in ("()", "[]", "{}")}
    end = len(link)
    while end:
        last = link[end - 1]
        if last in surplus:
            if surplus[last] <= 0:
                break
            surplus[last] -= 1
        elif last not in ".,;:!?'…*_~`’”»":
            break
        end -= 1
    return link[:end]


def handles_in(text: str) -> list[str]:
    """The handles that `text` mentions, each once, lower case, without sigil: `ada`, `ada@uni.example`, `ada@host:8001`;
    what stands in code mentions nobody."""
    return list(dict.fromkeys(token.name.lower() for token in tokens(prose(text)) if token.kind == "mention"))


def hashtags_in(text: str) -> list[str]:
    """The hashtags of `text` without their #, as first typed; the same tag in other letters' case comes once; in code there
    are none."""
    found: dict[str, str] = {}
    for token in tokens(prose(text)):
        if token.kind == "hashtag":
            found.setdefault(token.name.lower(), token.name)
    return list(found.values())


_MENTIONS = re.compile(r"^\s*(?:[@!][\w.@:-]+[\s,:]*)*")


def without_mentions(text: str) -> str:
    """Plain text without the mentions that it begins with, which say whom it is for."""
    return _MENTIONS.sub("", text, count=1).strip()


def title_of(text: str, limit: int = 200) -> str | None:
    """The first line of plain text, for a title: mentions at its beginning left out, at most `limit` characters.

    Microblogs have no titles: their posts to a group begin with the mention of the group, and forums take the first line
    as the title. None when there is nothing but mentions.
    """
    for raw in text.split("\n"):
        line = without_mentions(raw)
        if line:
            return shortened(line, limit)
    return None


def shortened(text: str, limit: int) -> str:
    """`text` in one line of at most `limit` characters, cut between words where that is possible."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    space = cut.rfind(" ")
    return (cut[:space] if space > limit // 2 else cut).rstrip(" ,.;:") + "…"
