"""What any document of a peer means, in one line: for the operator who looks at what came, and for the test that reads
everything that peers are known to send.

    create: post Page thread public titled linked          announce: vote down            undo: lock
    ban from a group until 2026-12-01                      report of 3                    actor Group main
"""

from datetime import UTC, datetime

from federation.errors import FederationError, Malformed
from federation.fields import Json, as_objects, first_id, ids, text_of, types
from federation.nodeinfo import read_index, read_nodeinfo
from federation.parse import ACTIVITIES, read_activity
from federation.vocabulary import actor, collection, note
from federation.vocabulary.moderation import read_ban, read_deletion, read_listing, read_notice, read_report
from federation.vocabulary.reaction import read_reaction
from federation.vocabulary.requests import (
    read_announced,
    read_answer,
    read_move,
    read_quote_request,
    read_request,
    read_withdrawal,
)
from federation.webfinger import read_answer as read_webfinger

_COLLECTIONS = {"Collection", "OrderedCollection", "CollectionPage", "OrderedCollectionPage"}
_DEPTH = 3


def describe(document: Json) -> str:
    """What a whole document means.

    Raises the errors of its reader: Malformed, WrongOrigin, UnsupportedHost. What is no ActivityPub, or of no concern to
    servers like ours, is told as such.
    """
    kinds = types(document)
    if not kinds:
        return _untyped(document)
    if not {*actor.KINDS, *_COLLECTIONS, *note.KINDS}.isdisjoint(kinds) and "actor" not in document:
        return _thing(document)
    if not ACTIVITIES.isdisjoint(kinds) and ACTIVITIES.intersection(kinds) != {"Question"}:
        return _activity(document, read_activity(document, b"").type, 0)
    return _thing(document)


def _untyped(document: Json) -> str:
    if "subject" in document and "links" in document:
        return f"webfinger {read_webfinger(document).subject}"
    if "software" in document and "version" in document:
        return f"nodeinfo {read_nodeinfo(document).software}"
    if as_objects(document.get("links")):
        href = next((one.get("href") for one in as_objects(document["links"]) if isinstance(one.get("href"), str)), "")
        read_index(document, "/".join(str(href).split("/")[:3]))
        return "nodeinfo index"
    if "@context" in document and document.keys() <= {"@context", "@id"}:
        return "context document"
    return "not ActivityPub: no type"


def _thing(document: Json) -> str:
    """An actor, a collection, a post, or something else that is no activity."""
    kinds = types(document)
    if not {*actor.KINDS}.isdisjoint(kinds):
        if "inbox" not in document and "publicKey" in document:
            return "key"  # GoToSocial's stub of an actor, at the address of its key
        read = actor.read_actor(document)
        return f"actor {read.kind} {read.username}"
    if not _COLLECTIONS.isdisjoint(kinds):
        found = collection.read_collection(document)
        held = len(found.items)
        if isinstance(found.first, dict):
            held += len(collection.read_collection(found.first).items)
        total = "" if found.total is None else f" of {found.total}"
        paged = any(kind in _COLLECTIONS and kind.endswith("Page") for kind in kinds)
        return f"{'page' if paged else 'collection'} with {held}{total}"
    if "Tombstone" in kinds:
        return "tombstone"
    if not {*note.KINDS}.isdisjoint(kinds):
        return _post(document)
    return f"other {_kind(document)}"


def _post(document: Json) -> str:
    read = note.read_post(document)
    if is_vote(document):
        return "vote in a poll"
    words = ["post", read.kind, "thread" if read.in_reply_to is None else "reply"]
    words.append({"to": "public", "cc": "unlisted", None: "limited"}[read.audience.public_in])
    if read.title:
        words.append("titled")
    if read.summary:
        words.append("warned")
    if read.link:
        words.append("linked")
    if read.attachments:
        words.append(f"{len(read.attachments)} media")
    if not read.content and not read.title:
        words.append("empty")
    return " ".join(words)


def is_vote(document: Json) -> bool:
    """Whether a Note is a choice in somebody's poll: a name, no content, and what it answers (FEP-9967)."""
    named = text_of(document, "name") is not None and first_id(document.get("inReplyTo")) is not None
    return "Note" in types(document) and named and text_of(document, "content") is None


def _activity(document: Json, kind: str, depth: int) -> str:
    if depth > _DEPTH:
        raise Malformed("an activity in an activity, too often", code="nested")
    if kind in ("Like", "Dislike", "EmojiReact"):
        vote = read_reaction(document, kind)
        return f"vote {vote.kind}" + (f" {vote.emoji}" if vote.emoji else "")
    if kind in ("Create", "Update"):
        return _published(document, kind)
    if kind == "Announce":
        return _announced(document, depth)
    if kind == "Undo":
        taken = read_withdrawal(document)
        if taken.inner is None or taken.of is None:
            return "undo by id"
        return "undo: " + _inner(taken.inner, depth)
    if kind in ("Accept", "Reject", "TentativeAccept", "TentativeReject"):
        answer = read_answer(document)
        return f"{answer.verdict} {answer.of or 'by id'}"
    return _simple(document, kind, depth)


def _published(document: Json, kind: str) -> str:
    verb = kind.lower()
    embedded = as_objects(document.get("object"))
    if not embedded:
        return f"{verb} by id" if ids(document.get("object")) else _nothing(kind)
    if len(embedded) > 1:
        if all(is_vote(one) for one in embedded):
            return f"{verb}: {len(embedded)} votes in a poll"  # GoToSocial, in polls with several choices
        return f"{verb}: {len(embedded)} objects"
    if first_id(document.get("actor")) is None:
        raise Malformed("no actor")
    return f"{verb}: {_thing(embedded[0])}"


def _announced(document: Json, depth: int) -> str:
    found = read_announced(document)
    if len(found.ids) > 1:
        return f"announce of {len(found.ids)}"
    if found.activities:
        return "announce: " + _inner(found.activities[0], depth)
    if found.objects:
        return "boost of embedded " + _kind(found.objects[0])
    return "boost"


def _kind(document: Json) -> str:
    """The type of something: of several one that is known, else the first."""
    named = types(document)
    known = {*note.KINDS, *actor.KINDS, *_COLLECTIONS, *ACTIVITIES}
    return next((one for one in named if one in known), named[0] if named else "?")[:60]


def _inner(document: Json, depth: int) -> str:
    kind = next((one for one in types(document) if one in ACTIVITIES), None)
    if kind is None:
        return "other " + _kind(document)
    return _activity(document, kind, depth + 1)


def _simple(document: Json, kind: str, depth: int) -> str:
    if kind in ("Follow", "Join", "Leave"):
        return "follow of a relay" if read_request(document).relay else kind.lower()
    if kind == "Block":
        ban = read_ban(document)
        if ban.target is None:
            return "block of a person"
        until = "for good" if ban.until is None else f"until {datetime.fromtimestamp(ban.until // 1000, UTC):%Y-%m-%d}"
        scope = "an instance" if ban.whole_instance else "a group"
        return f"ban from {scope} {until}" + (" with data" if ban.remove_data else "")
    if kind in ("Add", "Remove"):
        listing = read_listing(document)
        if listing.inner is not None:
            return f"{kind.lower()} to a thread: " + _inner(listing.inner, depth)
        adds = {"featured": "pin", "moderators": "appoint", "other": "add to a collection"}
        removes = {"featured": "unpin", "moderators": "dismiss", "other": "remove from a collection"}
        return (adds if kind == "Add" else removes)[listing.listed]
    if kind == "Flag":
        return f"report of {len(read_report(document).objects)}"
    if kind in ("Lock", "Warn", "Resolve"):
        read_notice(document)
        return {"Lock": "lock", "Warn": "warning", "Resolve": "resolve a report"}[kind]
    if kind == "Delete":
        gone = read_deletion(document)
        what = "an actor" if gone.object == first_id(document.get("actor")) else "an object"
        return f"delete {what}" + (" by a moderator" if gone.removal else "")
    if kind == "Move":
        moved = read_move(document)
        return "move an account" if moved.account else "move an object"
    if kind == "QuoteRequest":
        read_quote_request(document)
        return "quote request"
    return f"no concern of ours: {kind}"


def _nothing(kind: str) -> str:
    raise Malformed(f"a {kind} of nothing", code="no-object")


def describe_safely(document: Json) -> str:
    """As `describe`, with `refused: code` in place of an error: what lists and tables show."""
    try:
        return describe(document)
    except FederationError as problem:
        return f"refused: {problem.code}"
