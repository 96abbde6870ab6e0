"""What is sent to a peer to see whether it keeps what it signed, and how what came back is judged. Nothing here asks anybody.

Who tries has a canary, the asker; who is tried has two, the guest and the stranger: actors of kind Application that stand for
no person. Both follow the asker, who accepts the guest alone, sends a post for its followers, then forgeries, then deletes
it. What the two may see meanwhile the peer tells at its address for probing, by the rules that hold for its people.
"""

from dataclasses import dataclass, field
from typing import Any

from federation.fields import Json, as_list, first_id, timestamp
from federation.hosts import same_origin
from federation.vocabulary.context import AS2

CONTEXT: list[Any] = [AS2]
CHECKS = ("unsigned-fetch", "waits-for-accept", "forged-update", "forgets-deleted")
ASKER, GUEST, STRANGER = "canary-asker", "canary-guest", "canary-stranger"
"""Names of canaries; people's can have no hyphen."""
NAMES = (ASKER, GUEST, STRANGER)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer tells at its address for probing. Canaries as IRIs; `says` is the text of the object as it has it, None
    when it does not have it (any more); `anyone` whether everybody may see it, `seen_by` which canaries may."""

    guest: str
    stranger: str
    note: str
    kept: bool = False
    says: str | None = None
    anyone: bool = False
    seen_by: tuple[str, ...] = ()
    follows: tuple[tuple[str, str], ...] = ()


def build_answer(iri: str, answer: Answer, asked: str | None) -> Json:
    """The document at the address for probing, `iri`; `asked` is the object that it was asked about."""
    made: Json = {
        "@context": CONTEXT,
        "id": iri,
        "type": "Document",
        "canaries": {"guest": answer.guest, "stranger": answer.stranger},
        "note": answer.note,
        "follows": dict(answer.follows),
    }
    if asked is not None:
        seen = {"id": asked, "kept": answer.kept, "says": answer.says, "anyone": answer.anyone}
        made["object"] = seen | {"seenBy": list(answer.seen_by)}
    return made


def read_answer(document: Json, iri: str) -> Answer | None:
    """The same as a peer tells it; None when it is no such answer, or names what is of another origin."""
    canaries = document.get("canaries")
    if not isinstance(canaries, dict):
        return None
    named = [first_id(canaries.get("guest")), first_id(canaries.get("stranger")), first_id(document.get("note"))]
    guest, stranger, note = (one if one is not None and same_origin(one, iri) else None for one in named)
    if guest is None or stranger is None or note is None or guest == stranger:
        return None
    told = document.get("object")
    told = told if isinstance(told, dict) else {}
    follows = document.get("follows")
    follows = follows if isinstance(follows, dict) else {}
    says = told.get("says")
    return Answer(
        guest,
        stranger,
        note,
        kept=told.get("kept") is True,
        says=says[:10_000] if isinstance(says, str) else None,
        anyone=told.get("anyone") is True,
        seen_by=tuple(one for one in as_list(told.get("seenBy"))[:10] if isinstance(one, str)),
        follows=tuple((one, follows[one]) for one in (guest, stranger) if isinstance(follows.get(one), str)),
    )


def note(iri: str, author: str, followers: str, text: str, at: int, *, updated: int | None = None) -> Json:
    """A post of a canary for its followers."""
    made: Json = {
        "id": iri,
        "type": "Note",
        "attributedTo": author,
        "to": [followers],
        "cc": [],
        "content": f"<p>{text}</p>",
        "published": timestamp(at),
    }
    return made if updated is None else made | {"updated": timestamp(updated)}


def activity(iri: str, type: str, actor: str, object: Json, to: list[str]) -> Json:
    """An activity of a canary."""
    return {"@context": CONTEXT, "id": iri, "type": type, "actor": actor, "to": to, "cc": [], "object": object}


@dataclass(slots=True)
class Finding:
    """What came of one check: `passed`, `failed` or `unknown`, what was seen in words, and what was asked and answered."""

    check: str
    verdict: str = "unknown"
    text: str = "not tried"
    evidence: list[dict[str, str]] = field(default_factory=list)


def unsigned_fetch(*, signed: bool, shown: list[str], leaked: bool) -> tuple[str, str]:
    """(verdict, text): whether its note was shown to a `signed` question; `shown` are the questions without a signature that
    got its words all the same; `leaked` whether our own post is for anyone there, or its words were found at a public address.
    """
    if leaked:
        return "failed", "a post that is for followers only is shown to anyone"
    if shown:
        return "failed", f"what is for followers only was given to an unsigned question: {', '.join(shown)}"[:500]
    if not signed:
        return "unknown", "its canary's post was not shown to a signed question either, so a refusal says nothing"
    return "passed", "what is for followers only is given to their server alone"


def waits_for_accept(answer: Answer) -> tuple[str, str]:
    """(verdict, text) of what the guest, who was accepted, and the stranger, who was not, see of a post for followers."""
    if answer.stranger in answer.seen_by:
        return "failed", "who was not accepted as a follower sees what is for followers only"
    if dict(answer.follows).get(answer.stranger) == "accepted":
        return "failed", "a follow counts as accepted that nobody has accepted"
    if answer.guest not in answer.seen_by:
        return "unknown", "the post did not arrive with who was accepted either"
    return "passed", "a follower sees nothing before the follow is accepted"


def forged_update(says: str | None, true: str, forged: str, own: str | None, own_before: str) -> tuple[str, str]:
    """(verdict, text): what the copy `says` when a true and forged Updates were sent, and what its own note says, which one
    of them was about (None when that was not shown)."""
    if says is not None and forged in says:
        return "failed", "an Update by somebody else than its author changed a post"
    if own is not None and forged in own:
        return "failed", "an Update from another server changed a post of its own"
    if says is None or true not in says:
        return "unknown", "a true Update was not applied either, so that forged ones were not says nothing"
    if own is None or own_before not in own:
        return "unknown", "its own note could not be read again after the forged Update"
    return "passed", "Updates by others than the author, or with a signature that does not fit, change nothing"


def forgets_deleted(kept: list[str], minutes: int) -> tuple[str, str]:
    """(verdict, text) from where a deleted post was still found after so many minutes."""
    if kept:
        return "failed", f"{minutes} minutes after it was deleted, a post is still there: {', '.join(kept)}"[:500]
    return "passed", "what is deleted is gone"


def verdict_of(verdicts: list[str]) -> str:
    """What several checks come to: `failed` when one is, `passed` when all are, else `unknown`; `none` without any."""
    if not verdicts:
        return "none"
    if "failed" in verdicts:
        return "failed"
    return "passed" if all(one == "passed" for one in verdicts) else "unknown"
