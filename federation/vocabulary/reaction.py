"""Reading votes and reactions: Like, Dislike, EmojiReact (FEP-c0e0), Misskey's Like with `content`."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from federation.errors import Malformed
from federation.fields import Json, ids, string
from federation.hosts import web_url
from federation.vocabulary.emoji import read_emoji

_SHORTCODE = re.compile(r":([\w.+-]{1,100})(?:@[\w.-]{1,253})?:")
_MAX_EMOJI = 64


@dataclass(frozen=True, slots=True)
class Reaction:
    """A vote on a post: `kind` up or down; `emoji` what it was said with, one emoji or a name between colons (None: plain);
    `emoji_url` the picture of a named one."""

    object: str
    kind: Literal["up", "down"]
    emoji: str | None = None
    emoji_url: str | None = None


def read_reaction(document: Json, type_: str) -> Reaction:
    """The vote in a `type_` Like, Dislike or EmojiReact.

    A Like whose content is no emoji is a plain one; an EmojiReact without an emoji says nothing, and is Malformed
    (`bad-emoji`), as is (`no-object`) what names not one post.
    """
    found = ids(document.get("object"))
    if len(found) != 1 or web_url(found[0]) is None:
        raise Malformed(f"a {type_[:40]} of nothing, or of several things", code="no-object")
    if type_ == "Dislike":
        return Reaction(found[0], "down")
    content = (string(document.get("content")) or string(document.get("_misskey_reaction")) or "").strip()
    named = _SHORTCODE.fullmatch(content)
    if named is not None:
        url = _picture(document, named[1])
        if url is not None:
            return Reaction(found[0], "up", f":{named[1]}:", url)
    elif is_one_emoji(content):
        return Reaction(found[0], "up", content)
    if type_ == "EmojiReact":
        raise Malformed("a reaction with what is not one emoji", code="bad-emoji")
    return Reaction(found[0], "up")


def _picture(document: Json, name: str) -> str | None:
    return next((url for shortcode, url in read_emoji(document) if shortcode.partition("@")[0] == name), None)


def _is_symbol(character: str) -> bool:
    if character in "\xa9\xae\u203c\u2049\u3030\u303d":
        return True
    if ord(character) < 0x2000 or "\U0001f1e6" <= character <= "\U0001f1ff":  # half a flag is none
        return False
    category = unicodedata.category(character)
    # Arrows and squares are mathematics to Unicode; what is not assigned yet may be an emoji of a later version.
    return category in ("So", "Cn") or (category == "Sm" and "\u2190" <= character <= "\u2bff")


def is_one_emoji(text: str) -> bool:
    """Whether a text is one emoji as people see it: a symbol with its modifiers, joined ones, a flag, or a keycap.

    By the categories of Unicode, as the standard library has no table of emoji: `~` and `$` are ASCII, and so none.
    """
    if not text or len(text) > _MAX_EMOJI:
        return False
    if re.fullmatch("[0-9#*]\ufe0f?\u20e3", text):
        return True
    if re.fullmatch("[\U0001f1e6-\U0001f1ff]{2}", text):
        return True
    symbols = 0
    joined = True  # the first needs no joiner before it
    for character in text:
        if character == "\u200d":
            if joined:
                return False
            joined = True
        elif character in "\ufe0e\ufe0f" or "\U0001f3fb" <= character <= "\U0001f3ff":
            if symbols == 0:
                return False
        elif "\U000e0020" <= character <= "\U000e007f":
            if symbols == 0:  # the tags of England's and Scotland's flags
                return False
        elif _is_symbol(character) and joined:
            symbols += 1
            joined = False
        else:
            return False
    return symbols > 0 and not joined
