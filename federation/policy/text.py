"""Text patterns of a policy, in linear time: many at once, by RE2 (github.com/google/re2), which knows no pattern that takes
longer than the text is long.

A keyword is found where its words stand as words: «gro» is not in «größe». Both are folded before: case, width and ligatures
(NFKC), and characters that nobody sees. In scripts that put no blanks between words it is found anywhere.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import re2

PATTERN = 1_000
"""Characters that one pattern or keyword may have."""
STEPS = 400_000
"""Steps of all patterns of a policy together, and of all keywords: RE2 joins them in one go, while which nothing else runs."""
_MEMORY_OF_ONE = 1 << 19
_MEMORY = 64 << 20
"""Bytes for one pattern, and for all together: a pattern takes time by the length of the text times its own size."""
_UNSEEN = frozenset("\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufe0f\ufeff")
_FOLDED = bytes(
    code if code >= 128 else ord(chr(code).lower()) if chr(code).isalnum() or chr(code) == "_" else 32
    for code in range(256)
)
"""Letters and digits of ASCII in lower case, blanks for the rest of ASCII, and all else as it is."""
# Han, Hiragana, Katakana, Thai, Lao, Khmer, Burmese: words are not parted there.
_UNPARTED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]"
)


def fold(text: str) -> bytes:
    """A text as keywords are looked for in it: words in lower case, parted by blanks, with one before and behind; UTF-8."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).casefold()
        for sign in set(text):
            if sign > "\x7f" and not sign.isalnum():
                text = text.replace(sign, "" if sign in _UNSEEN else " ")
    return b" %b " % text.encode("utf-8", "replace").translate(_FOLDED)


@lru_cache(maxsize=4096)
def keyword_pattern(keyword: str) -> str | None:
    """The pattern that finds a keyword in a folded text; None for one without a letter or digit."""
    words = fold(keyword).decode().split()
    if not words:
        return None
    start = "" if _UNPARTED.match(words[0]) else " "
    end = "" if _UNPARTED.match(words[-1][-1]) else " "
    return start + " +".join(re2.escape(word) for word in words) + end


def problem(pattern: str) -> str | None:
    """Why RE2 does not take a pattern, in its words; None for one that it takes."""
    if len(pattern) > PATTERN:
        return f"it has {len(pattern)} characters; {PATTERN} are allowed"
    try:
        _compiled(pattern)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return None


def steps(pattern: str) -> int:
    """How large a pattern that has no problem is, in steps of RE2: about one a character, `a{100}` is a hundred."""
    return int(_compiled(pattern).programsize)


def finds(pattern: str, text: str | bytes) -> bool:
    """Whether a pattern that has no problem is found in a text."""
    return _compiled(pattern).search(_whole(text)) is not None


def _whole(text: str | bytes) -> bytes:
    """A text as UTF-8, which has no form for halves of characters (lone surrogates): they become `?`."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "replace")


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> "re2._Regexp":
    return re2.compile(pattern, _options())


def _options() -> "re2.Options":
    made = re2.Options()
    made.log_errors = False
    made.max_mem = _MEMORY_OF_ONE
    return made


class Patterns:
    """Several patterns, looked for in one pass."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = tuple(patterns)
        self._set = self._made()
        self._each: list[re2._Regexp] = []

    def _made(self) -> "re2.Set | None":
        options = _options()
        options.max_mem = _MEMORY
        made = re2.Set.SearchSet(options)
        try:
            made.Add("")  # is always found: an answer without it means that the memory was not enough
            for pattern in self._patterns:
                made.Add(pattern)
            made.Compile()
        except re2.error:  # all together are too large, though each by itself is not
            return None
        return made

    def found(self, text: str | bytes) -> list[int]:
        """The places of those that are in the text, in no order."""
        text = _whole(text)
        seen = self._set.Match(text) if self._set is not None else None
        if not seen:
            return [at for at, one in enumerate(self._one_by_one()) if one.search(text) is not None]
        return [at - 1 for at in seen if at]

    def _one_by_one(self) -> "list[re2._Regexp]":
        if not self._each:
            self._each = [re2.compile(pattern, _options()) for pattern in self._patterns]
        return self._each
