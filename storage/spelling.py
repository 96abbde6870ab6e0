"""What somebody may have meant by a word that nothing was found for: the nearest word of those that they may read.

The words come from posts that the searcher may see and find, so that no suggestion tells of any other, nor changes with one.
"""

from collections import Counter
from collections.abc import Mapping
from string import ascii_lowercase

from sqlalchemy import ColumnElement, select

from storage.actors import actors
from storage.metadata import Tx
from storage.posts import posts
from storage.words import folded, plain, unspaced, words_of

POSTS = 800
"""The newest posts whose words are known."""
_CHARACTERS = 4_000
_NAMES = 400
_SHORTEST, _TWO_FROM = 4, 8
"""Letters from which on a word is looked at, and may differ by two."""


def vocabulary(tx: Tx, *conditions: ColumnElement[bool]) -> Counter[str]:
    """The words of the newest posts that meet all of these conditions, and of people and groups here who want to be found, with
    how often each is there."""
    found: Counter[str] = Counter()
    query = select(posts.c.title, posts.c.content).where(*conditions)
    for title, content in tx.execute(query.order_by(posts.c.id.desc()).limit(POSTS)):
        found.update(_words(f"{title or ''} {plain(content[:_CHARACTERS])}"))
    listed = select(actors.c.username, actors.c.name).where(
        actors.c.local, actors.c.discoverable, actors.c.state == "active", actors.c.kind.in_(("Person", "Group"))
    )
    for username, name in tx.execute(listed.order_by(actors.c.followers_count.desc(), actors.c.id).limit(_NAMES)):
        found.update(_words(f"{username} {name}"))
    return found


def _words(text: str) -> list[str]:
    return [word for word in words_of(text) if len(word) >= _SHORTEST - 1 and not unspaced(word) and word.isalpha()]


def nearest(word: str, known: Mapping[str, int]) -> str | None:
    """The known word that differs by a letter left out, too much, wrong or in the wrong place; of long words also by two of
    these. Of several the most frequent; None for what is known, begins a known word, or is like none."""
    word = folded(word)
    if len(word) < _SHORTEST or not word.isalpha() or unspaced(word) or any(one.startswith(word) for one in known):
        return None
    letters = {*ascii_lowercase, *(letter for one in known for letter in one)}
    near = [one for one in _edits(word, letters if len(letters) < 200 else set(ascii_lowercase)) if one in known]
    if not near and len(word) >= _TWO_FROM:
        near = [
            one for one in known if abs(len(one) - len(word)) <= 2 and _alike(one, word) and _distance(one, word) == 2
        ]
    return max(near, key=lambda one: (known[one], one)) if near else None


def _edits(word: str, letters: set[str]) -> set[str]:
    pieces = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    return {
        *(a + b[1:] for a, b in pieces if b),
        *(a + b[1] + b[0] + b[2:] for a, b in pieces if len(b) > 1),
        *(a + letter + b[1:] for a, b in pieces if b for letter in letters),
        *(a + letter + b for a, b in pieces for letter in letters),
    } - {word}


def _alike(one: str, other: str) -> bool:
    """Whether two words begin or end alike, as nearly all do that are one with mistakes in it."""
    return one[:3] == other[:3] or one[-3:] == other[-3:]


def _distance(one: str, other: str) -> int:
    """How many letters must be left out, added, changed or swapped with the next one to make one word of the other."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            least = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                least = min(least, before[j - 2] + 1)
            row.append(least)
        before, last = last, row
    return last[-1]
