"""Text -> the words under which it is found, the same for what is indexed and for what is asked, on both databases.

Case, accents and width of letters make no difference. Scripts without spaces (Chinese, Japanese, Thai …) are cut into
pairs of letters, as Lucene does, so that any two letters or more are found. Long words are found by what they are made of:
a German `Datenbankzugriff` also by `Bankzugriff` and by `Zugriff`. Pure.
"""

import re
import unicodedata
from html import unescape

LONGEST = 40
"""Letters of a word that count; a longer one is found by these."""
MOST = 8_000
"""Words of one text at most, since PostgreSQL takes no more than a megabyte of them."""
COMPOUND, _HEAD, _TAIL = 9, 3, 4
"""A word of so many letters may be a compound; its parts begin after so many letters and have so many at least."""

# Thai to Lao, Burmese, Khmer, Japanese kana, Chinese, Korean, and the Chinese letters beyond the first plane.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003134f"
)
_PIECES = re.compile(rf"([{_UNSPACED}]+)|[^\W_{_UNSPACED}]+")
_RUN = re.compile(rf"[{_UNSPACED}]")
_SPACED = re.compile(r"[^\W_]+")
_ASCII = bytes(code if code < 128 and chr(code).isalnum() else 32 for code in range(256))
_ACCENTS = re.compile("[\u0300-\u036f]")
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
_BLOCKS = re.compile(r"</?(?:p|br|li|ul|ol|div|blockquote|pre|h[1-6]|tr|td|th|hr|rt|rp)\b[^>]*>", re.IGNORECASE)
_TAGS = re.compile(r"<[^>]*>")


def plain(html: str) -> str:
    """Sanitised HTML as text; blocks are set apart by spaces, and a link's address stays in one piece."""
    return unescape(_TAGS.sub("", _BLOCKS.sub(" ", html)))


def folded(text: str) -> str:
    """Without differences of case, accents and width: `Straße` is `strasse`, `Café` is `cafe`."""
    if text.isascii():
        return text.lower()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFC", bare).casefold().translate(_LETTERS)


def words_of(text: str, most: int = MOST) -> list[str]:
    """The words of a text in their order, as they are indexed."""
    plainly = folded(text)
    if plainly.isascii():  # in a fifth of the time, for each post
        found = plainly.encode().translate(_ASCII).decode().split()[:most]
        return [word[:LONGEST] for word in found] if max(map(len, found), default=0) > LONGEST else found
    if not _RUN.search(plainly):
        return [word[:LONGEST] for word in _SPACED.findall(plainly)[:most]]
    found = []
    for piece in _PIECES.finditer(plainly):
        run = piece[1]
        if run is None:
            found.append(piece[0][:LONGEST])
        else:
            found += [run[at : at + 2] for at in range(len(run))]  # the last letter stands alone, too
        if len(found) >= most:
            return found[:most]
    return found


def asked_for(text: str, most: int = 32) -> list[str]:
    """The words that stand for `text` in a question: as indexed, but that a run of letters may go on where it ends."""
    found = words_of(text, most)
    if len(found) > 1 and len(found[-1]) == 1 and unspaced(found[-1]) and found[-2][-1:] == found[-1]:
        found.pop()
    return found


def unspaced(word: str) -> bool:
    """Whether a word is of a script without spaces."""
    piece = _PIECES.match(word)
    return piece is not None and piece[1] is not None


def parts_of(word: str) -> list[str]:
    """The ends of a long word: what a question for a later part of a compound begins with."""
    if len(word) < COMPOUND or not word.isalpha() or unspaced(word):
        return []
    return [word[at:] for at in range(_HEAD, len(word) - _TAIL + 1)]


def begins(word: str) -> bool:
    """Whether words that begin with this one are meant as well: not of one or two letters, but of a single Chinese one."""
    return len(word) > 2 or (len(word) == 1 and unspaced(word))
