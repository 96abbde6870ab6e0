"""A person's filters (Mastodon's, version 2): which of them a post meets, by its words or by itself.

As Mastodon does, a status names every filter that it meets, wherever it is shown; in which contexts a filter is to
apply, and what is done then (warn, hide, blur), stands in the filter and is for the client to do.

Each keyword is looked for as a plain substring, so time grows with the length of the text alone, whatever the keywords
are. Whole words: both text and keyword get a mark on each side of every word, so that a keyword found with its marks
begins and ends where words do.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from fedi.text.plain import to_text
from storage import filters
from storage.filters import Filter, FilteredPost, Keyword
from storage.metadata import Tx
from storage.polls import Poll
from storage.posts import Post

_CHARACTERS = 16_000_000
"""Of keywords, that are kept ready for all people together; a number of posts in filters counts as eight."""
_MARK = "\x00"
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Words:
    """A text as keywords are compared with it: folded, and the same with a mark on each side of every word."""

    folded: str
    marked: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One filter, ready to be applied: (keyword as typed, as it is looked for, whole word) and the posts in it."""

    row: Filter
    keywords: tuple[tuple[str, str, bool], ...]
    posts: frozenset[int]


@dataclass(frozen=True, slots=True)
class Met:
    """A filter that a post meets: the keywords in it, and the post's id where it is in the filter itself."""

    row: Filter
    keywords: list[str]
    posts: list[int]


_kept: dict[int, tuple[list[Filter], tuple[Rule, ...]]] = {}
"""What was made ready of a person's filters, with the rows that it was made of: `version` says that a keyword changed."""
_held = 0


def rules(tx: Tx, person_id: int) -> tuple[Rule, ...]:
    """The filters of a person, ready to be applied; those that ended are left out by `met`."""
    rows = filters.of_person(tx, person_id)
    if not rows:
        return ()
    known = _kept.get(person_id)
    if known is not None and known[0] == rows:
        return known[1]
    ids = [row.id for row in rows]
    keywords, posts = filters.keywords_of(tx, ids), filters.posts_of(tx, ids)
    made = tuple(_rule(row, keywords.get(row.id, []), posts.get(row.id, [])) for row in rows)
    _keep(person_id, rows, made)
    return made


def _keep(person_id: int, rows: list[Filter], made: tuple[Rule, ...]) -> None:
    # Several threads read and write here, so all goes at once when it is too much; a count that is off by some is fine.
    global _held  # noqa: PLW0603 - what is kept, and how much it is, belong together
    held = sum(8 * len(rule.posts) + sum(len(one) + len(wanted) for one, wanted, _ in rule.keywords) for rule in made)
    if _held + held > _CHARACTERS:
        _kept.clear()
        _held = 0
    _held += held
    _kept[person_id] = (rows, made)


def met(known: tuple[Rule, ...], post: Post, poll: Poll | None, now: int) -> list[Met]:
    """Which of these filters a post meets at `now` ms; its poll's options and its pictures' descriptions count."""
    found: list[Met] = []
    words: Words | None = None
    for rule in known:
        if rule.row.expires_at is not None and rule.row.expires_at <= now:
            continue
        if words is None and rule.keywords:
            words = words_of(post, poll)
        keywords = [] if words is None else [one for one, wanted, whole in rule.keywords if _in(words, wanted, whole)]
        posts = [post.id] if post.id in rule.posts else []
        if keywords or posts:
            found.append(Met(rule.row, keywords, posts))
    return found


def words_of(post: Post, poll: Poll | None) -> Words:
    """All that can be read of a post."""
    said = (post.content, *(post.content_map or {}).values())
    return _words(
        post.summary or "",
        post.title or "",
        said,
        tuple(poll.options) if poll is not None else (),
        tuple(str(one["description"]) for one in post.attachments if one.get("description")),
    )


@lru_cache(4096)
def _words(
    summary: str, title: str, html: tuple[str, ...], options: tuple[str, ...], descriptions: tuple[str, ...]
) -> Words:
    parts = (summary, title, *(to_text(one) for one in dict.fromkeys(html)), *options, *descriptions)
    folded = "\n".join(_folded(part) for part in parts if part)
    return Words(folded, _marked(folded))


def _rule(row: Filter, keywords: list[Keyword], posts: list[FilteredPost]) -> Rule:
    wanted = []
    for one in keywords:
        folded = _folded(one.keyword)
        if folded:
            wanted.append((one.keyword, _marked(folded) if one.whole_word else folded, one.whole_word))
    return Rule(row, tuple(wanted), frozenset(one.post_id for one in posts))


def _in(words: Words, wanted: str, whole: bool) -> bool:
    return wanted in (words.marked if whole else words.folded)


def _folded(text: str) -> str:
    """Without case, composed, and with one space between words."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.casefold().replace(_MARK, "").split())


def _marked(folded: str) -> str:
    """With a mark on each side of every word. Marks upon letters (vowel signs) are of the word, as in Ruby's [[:word:]]."""
    if not folded.isascii():
        upon = "".join(one for one in set(folded) if unicodedata.category(one).startswith("M"))
        if upon:
            return re.sub(rf"[\w{re.escape(upon)}]+", rf"{_MARK}\g<0>{_MARK}", folded)
    return _WORD.sub(rf"{_MARK}\g<0>{_MARK}", folded)
