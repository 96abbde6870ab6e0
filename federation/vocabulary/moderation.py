"""Reading what moderators and reporters say: Block, Lock, Add, Remove, Flag, Resolve, Warn, Delete.

One pure reader a kind: what was said, in the shapes that Lemmy, Mbin, PieFed, Mastodon and Mobilizon send it in. Who may
say it is asked elsewhere, by who knows the group. Every reader takes the decoded activity, embedded or not, and raises
Malformed (code `no-object`, or `no-target`) when it does not say about what.
"""

from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from federation.errors import Malformed
from federation.fields import Json, as_list, as_objects, first_id, ids, milliseconds, string, text_of, types
from federation.hosts import web_url

MAX_OBJECTS = 100
"""So many objects of one report or of one Add are read."""
MAX_REASON = 5000
MAX_RULES = 30
MAX_RULE = 500

Listed = Literal["featured", "moderators", "other"]


@dataclass(frozen=True, slots=True)
class Ban:
    """Who (`object`) is shut out of what (`target`: a group or an instance's actor; None: one person blocks another).

    `until` in ms (None: for good); `remove_data`: what they wrote goes as well; `reason` is plain text, perhaps empty.
    """

    object: str
    target: str | None
    until: int | None
    remove_data: bool
    reason: str

    @property
    def whole_instance(self) -> bool:
        """Whether the target is a whole instance: its actor's IRI has no path (Lemmy's `https://host/`), as PieFed tells."""
        return self.target is not None and urlsplit(self.target).path in ("", "/")


@dataclass(frozen=True, slots=True)
class Listing:
    """`objects` (IRIs) are put into a collection `target`, or taken out (the activity's type says which).

    `listed` guesses from the address which collection it is; an actor's own document knows. `inner` is the activity that
    was added to a conversation's history (FEP-171b), which its own origin must confirm.
    """

    objects: tuple[str, ...]
    target: str
    listed: Listed
    inner: Json | None


@dataclass(frozen=True, slots=True)
class Report:
    """What is reported: IRIs of actors and posts, in any order; `text` is plain, perhaps empty."""

    objects: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A Lock or a Warn of a post, or the Resolve of a Flag: `object` is its IRI; `reason` is plain text, perhaps empty."""

    object: str
    reason: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """What goes. `removal`: a moderator did it, as there is a `summary` (Lemmy; Mbin's is one blank), whose text is `reason`.

    `with_replies`: its answers go too (Lemmy 1.0); `remove_data`: of an actor, everything that it wrote.
    """

    object: str
    removal: bool
    reason: str
    with_replies: bool
    remove_data: bool


def read_ban(document: Json) -> Ban:
    """A Block: Lemmy says `endTime`, Mbin `expires`; Mastodon's has no target."""
    until = milliseconds(document.get("endTime"))
    return Ban(
        object=_object(document),
        target=_iri(document.get("target")),
        until=milliseconds(document.get("expires")) if until is None else until,
        remove_data=document.get("removeData") is True,
        reason=_reason(document),
    )


def read_listing(document: Json) -> Listing:
    """An Add or a Remove. `target` may be an IRI or the collection itself (PieFed, FEP-171b); a Remove with `origin` only
    takes out of that (AS2, Mobilizon)."""
    target = _iri(document.get("target")) or _iri(document.get("origin"))
    if target is None:
        raise Malformed(f"{_kind(document)} to no collection", code="no-target")
    objects = tuple(one for one in ids(document.get("object")) if web_url(one))[:MAX_OBJECTS]
    if not objects:
        raise Malformed(f"{_kind(document)} of nothing", code="no-object")
    embedded = as_objects(document.get("object"))
    inner = next((one for one in embedded if "actor" in one and "object" in one), None)
    return Listing(objects, target, _listed(target), inner)


def _listed(target: str) -> Listed:
    """Lemmy, PieFed and we say `featured`, Mbin `pinned`; all say `moderators`, but for `mods` of old Lotide."""
    last = urlsplit(target).path.rstrip("/").rpartition("/")[2].lower()
    if last in ("featured", "pinned"):
        return "featured"
    return "moderators" if last in ("moderators", "mods") else "other"


def read_report(document: Json) -> Report:
    """A Flag: Mastodon lists the account and its posts, Lemmy names one post; the text is in `content` or `summary`."""
    objects = tuple(one for one in ids(document.get("object")) if web_url(one))[:MAX_OBJECTS]
    if not objects:
        raise Malformed("a Flag of nothing", code="no-object")
    return Report(objects, (text_of(document, "content") or "").strip()[:MAX_REASON] or _reason(document))


def read_rules(value: object) -> list[str]:
    """The rules that a group says of itself: a list of texts, thirty at most, each of 500 characters at most."""
    found = [string(one) for one in as_list(value)[:MAX_RULES]]
    return list(dict.fromkeys(one.strip()[:MAX_RULE] for one in found if one is not None and one.strip()))


def read_notice(document: Json) -> Notice:
    """A Lock, Warn or Resolve. Lemmy embeds the Flag that it resolves."""
    return Notice(_object(document), _reason(document))


def read_deletion(document: Json) -> Deletion:
    """A Delete: of an IRI (Lemmy), a Tombstone (Mastodon, Mbin) or the whole thing (an account of Mastodon's)."""
    return Deletion(
        object=_object(document),
        removal=isinstance(document.get("summary"), str),
        reason=_reason(document),
        with_replies=document.get("withReplies") is True,
        remove_data=document.get("removeData") is True,
    )


def _kind(document: Json) -> str:
    return next(iter(types(document)), "?")[:40]


def _iri(value: Any) -> str | None:
    return web_url(first_id(value))


def _object(document: Json) -> str:
    found = ids(document.get("object"))
    if len(found) != 1 or len(as_list(document.get("object"))) != 1 or web_url(found[0]) is None:
        raise Malformed(f"{_kind(document)} needs one object with an id", code="no-object")
    return found[0]


def _reason(document: Json) -> str:
    text = text_of(document, "summary") or string(document.get("content")) or ""
    return text.strip()[:MAX_REASON]
