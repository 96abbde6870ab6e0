"""Threads that ask: how a question and its accepted answer are said on the wire, and read.

Lemmy 1.0 has tags of a community (`CommunityPostTag`) among a post's `tag`, PieFed an activity `ChooseAnswer` whose object is
the answer, schema.org `acceptedAnswer`. Who knows none of these reads "[solved]" at the beginning of the title and the text.
"""

import re
from typing import Any, NamedTuple

from federation.fields import Json, as_objects, first_id, string, types
from federation.hosts import web_url

SOLVED = "[solved]"
"""What stands before the title and the text of a question that has an accepted answer, in whatever language it is."""

ASKING_TERMS: dict[str, Any] = {
    "lemmy": "https://join-lemmy.org/ns#",
    "CommunityPostTag": "lemmy:CommunityPostTag",
    "acceptedAnswer": {"@id": "http://schema.org/acceptedAnswer", "@type": "@id"},
}
"""Beside `context.POST` in a post that asks."""

CHOICE_TERMS: dict[str, Any] = {"ChooseAnswer": "https://w3id.org/fedi/answers/v1#ChooseAnswer"}
"""PieFed's activity, which no context of its own names."""

_MARKS = ("question", "solved")
_TITLE = 200  # characters that Lemmy takes of one
_MARKED = re.compile(r"(\s*<p>(?:<strong>)?)\[solved\]\s?")
_ALONE = re.compile(r"\s*<p>\[solved\]</p>")
_TITLED = re.compile(r"\s*\[solved\]\s+")


class Asking(NamedTuple):
    """That a post asks: whether it calls itself solved, and the IRI of the answer that it calls accepted."""

    solved: bool
    accepted: str | None


def build_marks(place: str, *, solved: bool) -> list[Json]:
    """The tags of a post that asks; `place` is the IRI of its group, or of its home where it is in none."""
    return [mark(place, name) for name in (_MARKS if solved else _MARKS[:1])]


def mark(place: str, name: str) -> Json:
    """One of the two tags, as Lemmy writes it; the group lists both."""
    return {"type": "CommunityPostTag", "id": f"{place}/tag/{name}", "name": name, "preferredUsername": name}


def build_asking(document: Json, place: str, accepted: str | None, *, solved: bool) -> None:
    """Make the document of a post that of a question: its tags, its accepted answer, and "[solved]" where everyone sees it.

    `document` is as `writing.build_post` makes it, and is changed in its place.
    """
    context = document["@context"]
    document["@context"] = [*(context if isinstance(context, list) else [context]), ASKING_TERMS]
    document["tag"] = [*document["tag"], *build_marks(place, solved=solved)]
    if not solved:
        return
    if accepted is not None:
        document["acceptedAnswer"] = accepted
    document["content"] = marked(document["content"])
    if isinstance(by_language := document.get("contentMap"), dict):
        document["contentMap"] = {name: marked(text) for name, text in by_language.items()}
    if document.get("name"):
        title = marked_text(document["name"])
        document["name"] = title if len(title) <= _TITLE else title[: _TITLE - 1].rstrip() + "…"
    if document.get("summary"):  # the warning, or the excerpt: microblogs show it before all else
        document["summary"] = marked_text(document["summary"])
        if isinstance(preview := document.get("preview"), dict):
            document["preview"] = preview | {"content": marked(preview["content"])}


def marked(content: str) -> str:
    """HTML with "[solved]" at its beginning, within its first paragraph where it begins with one."""
    for opening in ("<p><strong>", "<p>"):
        if content.startswith(opening):
            return f"{opening}{SOLVED} {content.removeprefix(opening)}"
    return f"<p>{SOLVED}</p>{content}"


def marked_text(text: str) -> str:
    """A title or a warning with "[solved]" before it."""
    return f"{SOLVED} {text}"


def unmarked(content: str) -> str:
    """The HTML without what `marked` added."""
    alone = _ALONE.match(content)
    if alone is not None:
        return content[alone.end() :]
    found = _MARKED.match(content)
    return content if found is None else found[1].lstrip() + content[found.end() :]


def unmarked_text(text: str) -> str:
    """A title or a warning without "[solved]" before it."""
    found = _TITLED.match(text)
    return text if found is None else text[found.end() :]


def read_asking(document: Json) -> Asking | None:
    """What a post that opens a thread says of being a question; None of all others."""
    if document.get("inReplyTo") is not None:
        return None
    names = {
        (string(one.get("preferredUsername")) or string(one.get("name")) or "").strip().lower()
        for one in as_objects(document.get("tag"))
        if "CommunityPostTag" in types(one)
    }
    accepted = web_url(first_id(document.get("acceptedAnswer")))
    if names.isdisjoint(_MARKS) and accepted is None:
        return None
    return Asking("solved" in names or accepted is not None, accepted)
