"""What a group tells whom (FEP-1b12), toward software that knows groups and software that does not.

Forums (Lemmy, Mbin, PieFed, NodeBB ...) want every activity wrapped in an Announce. Microblogs (Mastodon, GoToSocial ...)
show an Announce as a boost of its object: a wrapped comment would flood their readers, so they get an Announce of the bare
id, for the first post of a thread only (Lemmy issues 2224 and 2606). Software we don't know gets both forms.
"""

from typing import Literal

import msgspec

from federation.activity import Activity
from federation.fields import Json, as_objects, types

Form = Literal["any", "forum", "microblog", "notice", "profile"]
Kind = Literal["thread", "reply", "other"]

GROUP_AWARE = frozenset(
    {
        "fedi",
        "lemmy",
        "mbin",
        "kbin",
        "piefed",
        "nodebb",
        "discourse",
        "friendica",
        "mitra",
        "hubzilla",
        "streams",
        "forte",
        "lotide",
    }
)
"""NodeInfo software names that act on Announce{activity} of a Group."""

MICROBLOGS = frozenset(
    {
        "mastodon",
        "hometown",
        "gotosocial",
        "pleroma",
        "akkoma",
        "misskey",
        "sharkey",
        "firefish",
        "iceshrimp",
        "iceshrimp.net",
        "foundkey",
        "calckey",
        "cherrypick",
        "pixelfed",
        "loops",
        "takahe",
        "wordpress",
        "writefreely",
        "snac",
        "honk",
        "microblogpub",
        "tootik",
        "bookwyrm",
        "peertube",
        "mobilizon",
        "gancio",
        "ghost",
        "hollo",
        "wafrn",
    }
)
"""NodeInfo software names that show Announce{object} as a boost and do nothing good with Announce{activity}."""


def announce_forms(kind: Kind) -> tuple[Form, ...]:
    """The rows a group writes to its log for an accepted activity.

    `kind`: "thread" is a new first post, "reply" a new answer, "other" everything else (edit, vote, removal).
    """
    return ("forum", "microblog") if kind == "thread" else ("forum",)


_POSTS = frozenset({"Create", "Update", "Delete"})
_ACTS_ON = {
    "discourse": _POSTS | {"Like", "Undo{Like}"},
    "nodebb": _POSTS | {"Like"},
    "friendica": _POSTS | {"Like", "Dislike", "EmojiReact", "Undo{Like}", "Undo{Dislike}", "Undo{EmojiReact}"},
    "mitra": _POSTS | {"Like", "Dislike"},
}
"""What of what a group passes on these act on; they drop or refuse the rest, and who refuses often is thought broken."""
_PROFILES = frozenset({"Update{Group}", "Delete{Group}"})
_REFUSES = {
    "lemmy": frozenset(
        {"EmojiReact", "Undo{EmojiReact}", "Create{Question}", "Update{Question}", "ChooseAnswer", "Undo{ChooseAnswer}"}
    ),
    "discourse": _PROFILES
    | {f"{act}{{{kind}}}" for act in ("Create", "Update") for kind in ("Page", "Question", "Event", "Video", "Audio")},
    "nodebb": _PROFILES | {"Create{Event}", "Update{Event}"},
    "friendica": _PROFILES,
    "mitra": _PROFILES,
}
_BY_MODERATORS = frozenset({"fedi", "lemmy", "mbin", "kbin", "piefed", "lotide", "discourse"})
"""What takes a change of a group only as a moderator's activity that the group passes on (Discourse: not at all)."""


def wants(form: str, software: str | None, inner: str | None = None) -> bool:
    """Whether a host that runs `software` (NodeInfo name in lower case, None: not known) gets a row of this form.

    `inner` says what is passed on, where it matters (`picky`), as `inner_type` does.
    """
    if form == "forum":
        if inner is not None and software is not None:
            either = {inner, inner.partition("{")[0]}
            acts_on = _ACTS_ON.get(software)
            return either.isdisjoint(_REFUSES.get(software, ())) and (acts_on is None or not either.isdisjoint(acts_on))
        return software not in MICROBLOGS
    if form in ("microblog", "notice"):  # a boost of a thread; a few words about one that not everyone may read
        return software not in GROUP_AWARE
    if form == "profile":  # the group's own document, as the group itself says it
        return software not in _BY_MODERATORS
    return True


def picky(software: str | None) -> bool:
    """Whether it matters to this software which activity a group passes on."""
    return software in _ACTS_ON or software in _REFUSES


def keeps_private(software: str | None, version: str | None) -> bool:
    """Whether what comes to the shared inbox of such a host stays with the members of the group that it names (R6).

    fedi, and Lemmy from 1.0 on, have groups that not everyone may read; others show such a post by rules of their own, or
    to nobody, so of them only members' own inboxes get it.
    """
    if software == "lemmy":
        major = (version or "").partition(".")[0]
        return major.isdigit() and int(major) >= 1
    return software == "fedi"


def may_announce(activity: Activity, group: str) -> bool:
    """Whether a group may pass this on: never an Announce, never what holds one, never its own words.

    FEP-d36d lets groups follow groups and has no rule against loops; this is ours. NodeBB collapses nested announces.
    """
    if activity.type == "Announce" or activity.actor == group:
        return False
    return not any("Announce" in types(inner) for inner in as_objects(activity.object))


class _Outer(msgspec.Struct):
    object: msgspec.Raw = msgspec.Raw()


class _Typed(msgspec.Struct):
    type: str | list[str] = ""
    object: msgspec.Raw = msgspec.Raw()


def inner_type(announce: bytes) -> str | None:
    """What an Announce of ours holds, as `Like`, or with the type of its object where that is embedded: `Undo{Like}`,
    `Create{Page}`. None when it is an IRI."""
    try:
        inner = msgspec.json.decode(msgspec.json.decode(announce, type=_Outer).object, type=_Typed)
    except msgspec.DecodeError:
        return None
    try:
        held = _first(msgspec.json.decode(inner.object, type=_Typed).type)
    except msgspec.DecodeError:
        held = None
    kind = _first(inner.type)
    return f"{kind}{{{held}}}" if kind and held else kind


def _first(types: str | list[str]) -> str | None:
    return types if isinstance(types, str) else next(iter(types), None)


def inner_bytes(announce: bytes, inner: Json) -> bytes | None:
    """The JSON of `inner` as it stands in the Announce that holds it, so that it can be passed on byte for byte (FEP-1b12).

    None when it is not what the Announce is of as a whole (one of several, PieFed's batches).
    """
    try:
        raw = bytes(msgspec.json.decode(announce, type=_Outer).object)
        return raw if msgspec.json.decode(raw) == inner else None
    except msgspec.DecodeError:
        return None
