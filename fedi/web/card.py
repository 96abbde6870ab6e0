"""A post as pages show it: its words without what the page says anyway, its pictures, its poll, and where it leads.

Cards are made from rows by `fedi.web.cards`.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from html import unescape
from typing import Any

from federation.fields import is_visible
from fedi.languages import N_, _
from fedi.text import events, first_line, to_text
from fedi.text.mentions import shortened, title_of, without_mentions
from fedi.web.paths import actor_path, safe_link
from storage.actors import Actor
from storage.polls import Poll
from storage.posts import Post

_AUDIENCES = {
    "peers": N_("For partner universities"),
    "members": N_("For members of the group"),
    "followers": N_("For followers"),
    "direct": N_("For whom it mentions"),
}
_QUOTES = re.compile(r'^\s*<p class="quote-inline">.{0,4000}?</p>', re.DOTALL)  # the line for who knows no quotes
# The mention by which a post goes to its group, as we and others write one: before the words, or in a paragraph of its own.
_MENTION = (
    r'(?:<span[^<>]{0,200}>)?<a (?=[^<>]{0,1000}class="[^"<>]{0,200}mention)(?=[^<>]{0,1000}href="([^"<>]{1,800})")[^<>]{1,2000}>'
    r"@(?:<span>)?[^<>]{1,300}(?:</span>)?</a>(?:</span>)?"
)
_ADDRESSED = re.compile(rf"^<p>{_MENTION}(?:(</p>)|(?:\s|<br ?/?>)*)")
_ADDRESSED_BELOW = re.compile(rf"<p>{_MENTION}</p>\s*$")


@dataclass(frozen=True, slots=True)
class Choice:
    """An option of a poll: how many chose it, that many of a hundred votes, and whether the viewer did."""

    title: str
    votes: int
    share: int
    mine: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What a page that a post links to is called; `is_work`: it is one that can be cited."""

    url: str
    title: str
    said: str
    is_work: bool


@dataclass(frozen=True)
class Card:
    """A post with all that a page says of it. `path` is its page here, `depth` how far below the shown post it stands,
    `cursor` the id by which the list it is in goes on, `preview` what the page that it links to is called, `item_path` the item
    that it added to its group's library. `unread`: posts of its thread that the viewer has not read; `new`:
    whether this one is one of them; `above`: what it answers, where that does not stand directly above it."""

    post: Post
    author: Actor
    path: str
    group: Actor | None = None
    boosted_by: Actor | None = None
    answers: Actor | None = None
    liked: bool = False
    depth: int = 0
    cursor: int = 0
    last_at: int | None = None
    replies: int = 0
    pinned: bool = False
    poll: Poll | None = None
    chosen: tuple[int, ...] = ()
    quoted: "Card | None" = None
    preview: Preview | None = None
    item_path: str | None = None
    unread: int = 0
    new: bool = False
    above: "Card | None" = None

    def excerpt(self, length: int) -> str | None:
        """The beginning of the text in `length` characters, where it is too long for a list; else None."""
        # Markup of links and mentions is a few times their text, that of formulas many times (and packs well).
        most = 24 if "<math" in self.body else 4
        if len(self.body) <= length or (len(self.body) <= most * length and len(self._text) <= length):
            return None
        return shortened(to_text(self.body[:20_000]), length)

    @cached_property
    def _content(self) -> str:
        """The HTML without the mention of the group it is in, where that stands before or below the words: the page says where
        it is. A post that is nothing else keeps it."""
        content = self.post.content
        if self.group is None or "mention" not in content:
            return content
        known = (self.group.iri, self.group.url)
        above = _ADDRESSED.match(content)
        if above is not None and unescape(above[1]) in known:
            content = content[above.end() :] if above[2] else "<p>" + content[above.end() :]
        at = content.rfind("<p>")
        below = _ADDRESSED_BELOW.match(content, at) if at > 0 else None
        if below is not None and unescape(below[1]) in known:
            content = content[:at]
        return content if content not in ("", "<p></p>") else self.post.content

    @cached_property
    def _text(self) -> str:
        return to_text(self._content[:20_000])

    @cached_property
    def _first_line(self) -> str:
        return first_line(_QUOTES.sub("", self._content, count=1))

    @cached_property
    def _parted(self) -> tuple[str | None, str]:
        """(title, HTML below it). The first line, where it is the title, is not said twice."""
        title, content = self.post.title, self._content
        if title is None:
            return None, content
        end = content.find("</p>") + 4
        first = content[:end] if 4 <= end <= 2000 and content.startswith("<p>") else ""
        text = to_text(first)
        # Links of that line other than mentions would be lost with it, and so would formulas.
        only_mentions = first.count("<a ") == first.count("mention") and "<math" not in first
        if first and "\n" not in text and only_mentions and title_of(text, len(title)) == title:
            return title, content[end:]
        return (None if title.rstrip("…") == self._first_line[: len(title)].rstrip("…") else title), content

    @property
    def heading(self) -> str | None:
        """The title, unless it is but the beginning of the text, as it is where the author gave none."""
        return self._parted[0]

    @property
    def body(self) -> str:
        """The HTML below the heading; from peers, so it goes through `clean` once more."""
        return self._parted[1]

    @property
    def rest(self) -> str:
        """The beginning of the text without what `named` says of it."""
        if self.heading is not None:
            return shortened(without_mentions(to_text(self.body[:4000])), 400)
        return shortened(self._text.partition(self._first_line.rstrip("…") or "\n")[2].strip("… \n"), 400)

    def named(self, length: int) -> str:
        """What to call the post in at most `length` characters: its title, its first line, or whose it is."""
        for name in (self.post.title, self.post.summary, self._first_line):
            if name and is_visible(name[:length]):
                return shortened(name, length)
        return _("A post by %(name)s") % {"name": shortened(self.author.name or self.author.username, 40)}

    def said(self, length: int) -> str:
        """The beginning of what it says, without whom it speaks to, for who is to know it again."""
        text = shortened(without_mentions(to_text(self._content[:4000])).strip().partition("\n")[0], length)
        return text or self.named(length)

    @property
    def choices(self) -> list[Choice]:
        """The options of the poll, in order."""
        if self.poll is None:
            return []
        if self.poll.hide_totals and self.poll.closed_at is None:
            return [Choice(title, 0, 0, at in self.chosen) for at, title in enumerate(self.poll.options)]
        total = sum(self.poll.votes) or 1
        return [
            Choice(title, votes, round(100 * votes / total), at in self.chosen)
            for at, (title, votes) in enumerate(zip(self.poll.options, self.poll.votes, strict=False))
        ]

    @property
    def event(self) -> str:
        """State, time and places of an event as HTML; empty for any other post."""
        return events.to_html(self.post.event) if self.post.event is not None else ""

    @property
    def audience(self) -> str | None:
        """Who may read it, where that is not everyone."""
        found = _AUDIENCES.get(self.post.visibility)
        return _(found) if found is not None else None

    @property
    def author_path(self) -> str:
        """The author's page here."""
        return actor_path(self.author)

    @property
    def context_path(self) -> str | None:
        """The group's page here."""
        return actor_path(self.group) if self.group is not None else None

    @property
    def booster_path(self) -> str | None:
        """The page here of who passed it on."""
        return actor_path(self.boosted_by) if self.boosted_by is not None else None

    @property
    def answers_path(self) -> str | None:
        """The page here of whom it answers."""
        return actor_path(self.answers) if self.answers is not None else None

    @property
    def images(self) -> list[dict[str, Any]]:
        """The pictures, four at most, with an address that a page may load."""
        return [_sized(one) for one in self._attached if _is_image(one)][:4]

    @property
    def files(self) -> list[dict[str, Any]]:
        """The other attachments, eight at most."""
        found = [one for one in self._attached if not _is_image(one)][:8]
        if self.item_path is None:
            return found
        # What a library has is given here to who may see it, wherever it is at home.
        return [one | {"url": f"/library/files/{self.post.id}"} if _is_paper(one) else one for one in found]

    @property
    def _attached(self) -> list[dict[str, Any]]:
        return [one for one in self.post.attachments if safe_link(one.get("url"))]


def _sized(image: dict[str, Any]) -> dict[str, Any]:
    """A picture with what a page loads of it (`shown`: the preview, where there is one), and its size where it is known,
    so that the text does not jump when it comes."""
    preview = image.get("preview_url")
    small = (image.get("meta") or {}).get("small") or {}
    wide, high = small.get("width") or image.get("width"), small.get("height") or image.get("height")
    known = isinstance(wide, int) and isinstance(high, int)
    return {
        **image,
        "shown": preview if safe_link(preview) else image["url"],
        "wide": wide if known else None,
        "high": high if known else None,
    }


def _is_image(attachment: dict[str, Any]) -> bool:
    return str(attachment.get("media_type") or attachment.get("kind") or "").lower().startswith("image")


def _is_paper(attachment: dict[str, Any]) -> bool:
    return attachment.get("media_type") == "application/pdf"
