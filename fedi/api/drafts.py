"""Drafts: what a person has begun to write and not sent, the same on every device of theirs."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from fedi.actions import unsent
from fedi.actions.drafts import MAX_OPTION_CHARACTERS, MAX_OPTIONS, MAX_POLL_DAYS
from fedi.actions.unsent import Words
from fedi.api.operations import Call, Operation
from fedi.api.shapes import Id, MediumId, Moment, Page, Paged
from fedi.mastodon.answers import moment
from storage import drafts
from storage.drafts import Kept
from storage.metadata import Tx
from storage.timelines import Page as Bounds

Thing = Annotated[str, Meta(pattern="^[0-9]{1,18}$")]


class DraftPoll(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A poll that the post would have, and how many days it would run."""

    options: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=MAX_OPTION_CHARACTERS)]],
        Meta(min_length=1, max_length=MAX_OPTIONS),
    ]
    multiple: bool = False
    days: Annotated[int, Meta(ge=1, le=MAX_POLL_DAYS)] = 3


class NewDraft(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What to keep. It may be longer than a post may be. `group_id`: where it would begin a thread; `reply_to_id`: what it would
    answer; both are looked at when it is posted. Files of others, or that a post shows, are left out."""

    text: Annotated[str, Meta(max_length=unsent.MAX_CHARACTERS)] = ""
    title: Annotated[str, Meta(max_length=200)] = ""
    spoiler_text: Annotated[str, Meta(max_length=5000)] = ""
    visibility: Literal["public", "unlisted", "followers", "direct"] = "public"
    language: Annotated[str, Meta(max_length=35, pattern="^[A-Za-z0-9-]*$")] = ""
    question: bool = False
    group_id: Thing | None = None
    reply_to_id: Thing | None = None
    media_ids: Annotated[list[MediumId], Meta(max_length=4)] = []
    poll: DraftPoll | None = None


class Draft(msgspec.Struct, kw_only=True):
    """A draft. `problem` says why it was not posted, where somebody tried; nothing posts it but its author."""

    id: Id
    text: str
    title: str
    spoiler_text: str
    visibility: str
    language: str
    question: bool
    group_id: Id | None
    reply_to_id: Id | None
    media_ids: list[Id]
    poll: DraftPoll | None
    problem: str | None
    created_at: Moment
    changed_at: Moment


class Drafts(Paged, kw_only=True):
    """Which of them."""


def _shown(one: Kept) -> Draft:
    return Draft(
        id=str(one.id),
        text=one.text,
        title=one.title,
        spoiler_text=one.warning,
        visibility=one.visibility,
        language=one.language,
        question=one.question,
        group_id=None if one.group_id is None else str(one.group_id),
        reply_to_id=None if one.reply_to_id is None else str(one.reply_to_id),
        media_ids=[str(medium) for medium in one.media_ids],
        poll=None if one.poll is None else DraftPoll(**one.poll),
        problem=one.problem,
        created_at=moment(one.created_at),
        changed_at=moment(one.changed_at),
    )


def _words(body: NewDraft) -> Words:
    return Words(
        text=body.text.replace("\x00", ""),
        title=body.title.replace("\x00", ""),
        warning=body.spoiler_text.replace("\x00", ""),
        visibility=body.visibility,
        language=body.language,
        question=body.question,
        group_id=None if body.group_id is None else int(body.group_id),
        reply_to_id=None if body.reply_to_id is None else int(body.reply_to_id),
        media_ids=tuple(int(one) for one in body.media_ids),
        poll=None if body.poll is None else msgspec.to_builtins(body.poll),
    )


def listed(tx: Tx, call: Call, query: Drafts) -> Page[Draft]:
    """One's drafts, newest first."""
    found = drafts.of_person(tx, call.me.id, Bounds(limit=query.limit + 1, max_id=query.at))
    page = found[: query.limit]
    following = str(page[-1].id) if len(found) > query.limit else None
    return Page(items=[_shown(one) for one in page], next=following)


def show(tx: Tx, call: Call) -> Draft:
    """One draft."""
    return _shown(unsent.get(tx, call.me, call.ids["id"]))


def create(tx: Tx, call: Call, body: NewDraft) -> Draft:
    """Keep a draft."""
    return _shown(unsent.keep(tx, call.site, call.me, _words(body)))


def change(tx: Tx, call: Call, body: NewDraft) -> Draft:
    """Put another text, and all else, in the place of a draft's."""
    known = unsent.get(tx, call.me, call.ids["id"])
    return _shown(unsent.keep(tx, call.site, call.me, _words(body), draft_id=known.id))


def delete(tx: Tx, call: Call) -> None:
    """Throw a draft away; files that it held can be used in another post for a day."""
    unsent.get(tx, call.me, call.ids["id"])
    unsent.let_go(tx, call.site, call.me, call.ids["id"])


_READ, _WRITE = ("read:statuses",), ("write:statuses",)
OPERATIONS = [
    Operation(method="GET", path="/drafts", unit=listed, tag="drafts", scopes=_READ),
    Operation(method="POST", path="/drafts", unit=create, tag="drafts", scopes=_WRITE, refuses=(422,)),
    Operation(method="GET", path="/drafts/{id}", unit=show, tag="drafts", scopes=_READ, refuses=(404,)),
    Operation(method="PUT", path="/drafts/{id}", unit=change, tag="drafts", scopes=_WRITE, refuses=(404, 422)),
    Operation(method="DELETE", path="/drafts/{id}", unit=delete, tag="drafts", scopes=_WRITE, refuses=(404,)),
]
