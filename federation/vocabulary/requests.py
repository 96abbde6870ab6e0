"""Reading what asks, answers and takes back: Follow, Join, Accept, Reject, QuoteRequest, Undo, Move, Announce.

One pure reader a kind, for the shapes that peers send. Every reader takes the decoded activity, embedded or not, and raises
Malformed (code `no-object`) when it does not say about what.
"""

from dataclasses import dataclass
from typing import Literal

from federation.audience import is_public
from federation.errors import Malformed, WrongOrigin
from federation.fields import Json, as_list, as_objects, first_id, id_of, ids, types
from federation.hosts import web_url
from federation.parse import ACTIVITIES

MAX_ANNOUNCED = 100
"""So many activities of one Announce are read (FEP-1a11; PieFed's own reader has no bound)."""

Verdict = Literal["accept", "reject", "tentative"]


@dataclass(frozen=True, slots=True)
class Request:
    """A Follow, a Join or a Leave: `object` is the actor (or, of Join and Leave, the event) that it is about.

    `relay`: it asks for everything that is public (FEP-ae0c: a Follow of Public).
    """

    object: str
    relay: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An Accept or a Reject. `of` is the type of what is answered (None: only its id is given, as Mastodon and Mitra do),
    `id` that id (None: Lemmy before 0.19), `asker` and `asked` who asked for what; `result` the stamp that a quote gets
    (FEP-044f)."""

    verdict: Verdict
    of: str | None
    id: str | None
    asker: str | None
    asked: str | None
    result: str | None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """An Undo. `id` is what is undone (None: embedded without one), `of` its type (None: only the id is given), `object`
    what that was about; `inner` the embedded activity."""

    id: str | None
    of: str | None
    object: str | None
    inner: Json | None


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    """FEP-044f: `object` is the post to be quoted, `instrument` the post that quotes it."""

    object: str
    instrument: str


@dataclass(frozen=True, slots=True)
class Move:
    """FEP-7628 and FEP-f15d: `object` moves to `target`. `account`: the actor itself moves, and says so under its old name
    or (pull mode) under its new one; else a post or a thread moves, out of `origin`."""

    object: str
    target: str
    origin: str | None
    account: bool


@dataclass(frozen=True, slots=True)
class Announced:
    """An Announce. `ids` are what is boosted or passed on, at most 100, in order; `activities` are those that are embedded
    as activities (FEP-1b12, FEP-1a11), `objects` embedded otherwise. Nothing that is embedded is proven."""

    ids: tuple[str, ...]
    activities: tuple[Json, ...]
    objects: tuple[Json, ...]


def activity_type(document: Json) -> str | None:
    """The type of an embedded activity: of several the one that is known, else the first; None without any."""
    named = types(document)
    return next((one for one in named if one in ACTIVITIES), named[0] if named else None)


def read_request(document: Json) -> Request:
    """A Follow, Join or Leave; the object may be an IRI, embedded, or in a list of one."""
    found = ids(document.get("object"))
    if len(found) != 1:
        raise Malformed("a request about nothing, or several things", code="no-object")
    if is_public(found[0]):
        return Request(found[0], relay=True)
    if web_url(found[0]) is None:
        raise Malformed("a request about what is no IRI", code="no-object")
    return Request(found[0])


_VERDICTS: dict[str, Verdict] = {
    "Accept": "accept",
    "Reject": "reject",
    "TentativeAccept": "tentative",
    "TentativeReject": "reject",
    "Ignore": "reject",
}


def read_answer(document: Json) -> Answer:
    """An Accept, Reject or one of their kin. Mbin embeds what it answers, Mitra and gup.pe give its id, FEP-f228's
    `GroupJoin` and the like keep their own type."""
    verdict = next((_VERDICTS[one] for one in types(document) if one in _VERDICTS), None)
    held = as_list(document.get("object"))
    if verdict is None or len(held) != 1:
        raise Malformed("an answer to nothing, or to several things", code="no-object")
    inner = held[0] if isinstance(held[0], dict) else None
    named = web_url(id_of(held[0]))
    asker = web_url(first_id(inner.get("actor"))) if inner is not None else None
    asked = web_url(first_id(inner.get("object"))) if inner is not None else None
    if named is None and (asker is None or asked is None):
        raise Malformed("an answer to what has no id", code="no-object")
    of = activity_type(inner) if inner is not None else None
    return Answer(verdict, of, named, asker, asked, web_url(first_id(document.get("result"))))


def read_withdrawal(document: Json) -> Withdrawal:
    """An Undo. Lemmy makes a new id for the inner Like; Mastodon's compact form has the id only.

    Raises WrongOrigin when the embedded activity is another actor's.
    """
    held = as_list(document.get("object"))
    if len(held) != 1:
        raise Malformed("an Undo of nothing, or of several things", code="no-object")
    inner = held[0] if isinstance(held[0], dict) else None
    named = web_url(id_of(held[0]))
    if inner is None:
        if named is None:
            raise Malformed("an Undo of what is no IRI", code="no-object")
        return Withdrawal(named, None, None, None)
    said, undone = first_id(inner.get("actor")), first_id(document.get("actor"))
    if said is not None and undone is not None and said != undone:
        raise WrongOrigin("nobody undoes what another did")
    if not types(inner) and named is None:
        raise Malformed("an Undo of what has neither type nor id", code="no-object")
    return Withdrawal(named, activity_type(inner), web_url(first_id(inner.get("object"))), inner)


def read_quote_request(document: Json) -> QuoteRequest:
    """A QuoteRequest; `instrument` may be embedded, so that who is asked can look at it before it is public."""
    quoted, quoting = ids(document.get("object")), web_url(first_id(document.get("instrument")))
    if len(quoted) != 1 or web_url(quoted[0]) is None or quoting is None:
        raise Malformed("a QuoteRequest that names no two posts", code="no-object")
    return QuoteRequest(quoted[0], quoting)


def read_move(document: Json) -> Move:
    """A Move of an account (Mastodon), of a post between groups (PieFed), or of a thread (NodeBB, FEP-f15d)."""
    moved = ids(document.get("object"))
    target = web_url(first_id(document.get("target")))
    if len(moved) != 1 or web_url(moved[0]) is None or target is None:
        raise Malformed("a Move of nothing, or to nowhere", code="no-object")
    origin = web_url(first_id(document.get("origin")))
    return Move(moved[0], target, origin, first_id(document.get("actor")) in (moved[0], target))


def read_announced(document: Json) -> Announced:
    """An Announce: one IRI, one object, a list of either, or a collection of them (FEP-1a11)."""
    held = as_list(document.get("object"))
    if len(held) == 1 and isinstance(held[0], dict) and {"Collection", "OrderedCollection"} & set(types(held[0])):
        listed = held[0].get("orderedItems")
        held = as_list(held[0].get("items") if listed is None else listed)
    found = [one for one in held if web_url(id_of(one))][:MAX_ANNOUNCED]
    if not found:
        raise Malformed("an Announce of nothing", code="no-object")
    embedded = as_objects(found)
    activities = tuple(one for one in embedded if "actor" in one and "object" in one)
    return Announced(
        ids=tuple(dict.fromkeys(iri for one in found if (iri := id_of(one)))),
        activities=activities,
        objects=tuple(one for one in embedded if one not in activities),
    )
