"""Polls: the options and counts of a Question, and votes (FEP-9967; ActivityStreams section 5.2)."""

from dataclasses import dataclass

from federation.fields import Json, as_objects, integer, milliseconds, string, text_of, timestamp, types

MAX_OPTIONS = 20
MAX_OPTION = 200
_MAX_COUNT = 2_000_000_000


@dataclass(frozen=True, slots=True)
class PollDocument:
    """A poll as its Question says: `options` plain texts, each once; `votes` how many each got; times in ms.

    `voters` is how many people voted, as far as it is said or follows. `closed` is when it was closed; Pleroma writes the
    end of an open poll there, so it may lie ahead.
    """

    multiple: bool
    options: list[str]
    votes: list[int]
    voters: int
    ends_at: int | None
    closed: int | None


def read_question(document: Json) -> PollDocument | None:
    """The poll in a Question; None where there is none: another type, or nothing to choose from.

    Mastodon has `oneOf` or `anyOf`, Pleroma both with one of them empty, Misskey `endTime: null`.
    """
    if "Question" not in types(document):
        return None
    single = _options(document.get("oneOf"))
    several = {} if single else _options(document.get("anyOf"))
    votes = single or several
    if not votes:
        return None
    counts = list(votes.values())
    said = integer(document.get("votersCount"), 0, _MAX_COUNT)
    known = document.get("voters")
    if said is None and isinstance(known, list):
        said = len(known)  # Pleroma
    return PollDocument(
        multiple=not single,
        options=list(votes),
        votes=counts,
        # Whoever chose the most popular option voted; of one choice each, everyone did once.
        voters=said if said is not None else (max(counts) if several else min(sum(counts), _MAX_COUNT)),
        ends_at=milliseconds(document.get("endTime")) or milliseconds(document.get("closed")),
        closed=milliseconds(document.get("closed")),
    )


def _options(value: object) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in as_objects(value):
        name = text_of(one, "name")
        name = " ".join(name[: 4 * MAX_OPTION].split())[:MAX_OPTION] if name else ""
        if not name or name in found:
            continue
        replies = one.get("replies")
        total = integer(replies.get("totalItems"), 0, _MAX_COUNT) if isinstance(replies, dict) else None
        found[name] = total or 0
        if len(found) == MAX_OPTIONS:
            break
    return found


def build_options(poll: PollDocument) -> Json:
    """The properties that make a post a Question, beside its type."""
    options = [
        {"type": "Note", "name": name, "replies": {"type": "Collection", "totalItems": votes}}
        for name, votes in zip(poll.options, poll.votes, strict=True)
    ]
    built: Json = {"anyOf" if poll.multiple else "oneOf": options, "votersCount": poll.voters}
    if poll.ends_at is not None:
        built["endTime"] = timestamp(poll.ends_at)
    if poll.closed is not None:
        built["closed"] = timestamp(poll.closed)
    return built


def is_vote(document: Json) -> bool:
    """Whether a Note is a vote: it has a name, answers something and has no content, nor anything else to show.

    It is never to be shown as a post. (Mastodon takes content with it for a vote all the same, and writes none.)
    """
    return (
        "Note" in types(document)
        and string(document.get("name")) is not None
        and document.get("inReplyTo") is not None
        and not any(document.get(name) for name in ("content", "contentMap", "summary", "attachment", "source"))
    )


def build_vote(id: str, voter: str, author: str, question: str, option: str) -> Json:
    """A vote of `voter` for the option `option` (its text) of a Question by `author`, for its author alone."""
    return {
        "id": id,
        "type": "Note",
        "name": option,
        "attributedTo": voter,
        "to": [author],
        "cc": [],
        "inReplyTo": question,
    }
