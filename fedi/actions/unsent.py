"""Drafts: keep what a person has written and not sent, with its pictures, until it is sent or thrown away.

What was refused is kept as well, with the reason, so that nothing typed is lost. What may be published is `drafts.check`'s;
a draft may be anything, within bounds.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from fedi.actions import media
from fedi.actions.drafts import CLIENT_VISIBILITIES, MAX_OPTIONS
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.languages import _
from storage import drafts
from storage import media as media_rows
from storage.actors import Actor
from storage.drafts import Kept
from storage.metadata import Tx

MOST = 100
"""Drafts of one person."""
MAX_CHARACTERS = 50_000
"""Of a draft: ten times what a post may have, so that what is to be shortened can be kept first."""
_TITLE, _WARNING, _LANGUAGE = 500, 5000, 35


@dataclass(frozen=True, slots=True)
class Words:
    """What is typed in a form for a post. `language`: empty for the one the person writes in; `poll`: options, multiple, days."""

    text: str = ""
    title: str = ""
    warning: str = ""
    visibility: str = "public"
    language: str = ""
    question: bool = False
    group_id: int | None = None
    reply_to_id: int | None = None
    media_ids: tuple[int, ...] = ()
    poll: dict[str, Any] | None = field(default=None)

    @property
    def empty(self) -> bool:
        """Whether there is nothing that somebody would miss."""
        return not (self.text.strip() or self.title.strip() or self.media_ids or self.poll)


def keep(
    tx: Tx, site: Site, me: Actor, words: Words, *, draft_id: int | None = None, problem: str | None = None
) -> Kept:
    """Keep what a person has written: as a new draft, or in the place of one of theirs that is still there.

    Files that are not theirs, or that a post shows meanwhile, are left out. Raises Invalid for what is too long, and for
    more drafts than one has.
    """
    if len(words.text) > MAX_CHARACTERS or len(words.warning) > _WARNING or len(words.title) > _TITLE:
        raise Invalid(
            _("A draft has at most %(number)s characters.") % {"number": f"{MAX_CHARACTERS:,}"}, code="draft-too-long"
        )
    if words.visibility not in CLIENT_VISIBILITIES or len(words.language) > _LANGUAGE:
        raise Invalid(_("A draft has no such visibility or language."), code="draft")
    if words.poll is not None and len(words.poll.get("options", ())) > MAX_OPTIONS:
        raise Invalid(_("A poll has at most %(number)s options.") % {"number": MAX_OPTIONS}, code="draft-poll")
    now = site.clock()
    known = drafts.by_id(tx, draft_id, me.id) if draft_id is not None else None
    if known is None and drafts.number(tx, me.id) >= MOST:
        raise Invalid(
            _("You have %(number)s drafts, which is all that are kept. Delete some first.") % {"number": MOST},
            code="too-many-drafts",
        )
    kept_id = known.id if known is not None else site.new_id()
    media.let_go(tx, site, kept_id)
    release(tx, site, me, words.media_ids)
    held = [one.id for one in _usable(tx, me, words.media_ids)]
    media_rows.hold(tx, held, kept_id)
    values = asdict(words) | {"media_ids": held, "problem": problem, "changed_at": now}
    if known is None:
        made = Kept(id=kept_id, person_id=me.id, created_at=now, **values)
        drafts.insert_kept(tx, made)
        return made
    drafts.change(tx, known.id, **values)
    return drafts.by_id(tx, known.id, me.id) or known


def _usable(tx: Tx, me: Actor, ids: tuple[int, ...]) -> list[media_rows.Medium]:
    wanted = list(dict.fromkeys(ids))[: media.MOST]
    known = media_rows.by_ids(tx, wanted)
    return [
        known[one]
        for one in wanted
        if one in known
        and known[one].person_id == me.id
        and known[one].purpose == "post"
        and known[one].post_id is None
        and known[one].scheduled_id is None
    ]


def get(tx: Tx, me: Actor, draft_id: int) -> Kept:
    """A draft of this person. Raises NotFound."""
    known = drafts.by_id(tx, draft_id, me.id)
    if known is None:
        raise NotFound(_("There is no such draft (any more). Perhaps it was sent."))
    return known


def let_go(tx: Tx, site: Site, me: Actor, draft_id: int) -> None:
    """A draft is sent, or thrown away: it is gone, and its files are free for what is published next. Nothing where it is
    gone already."""
    known = drafts.by_id(tx, draft_id, me.id)
    if known is not None:
        media.let_go(tx, site, known.id)
        drafts.remove(tx, known.id)


def release(tx: Tx, site: Site, me: Actor, media_ids: tuple[int, ...]) -> None:
    """Take these files from the drafts of this person that hold them: they are wanted for something else now."""
    for one in media_rows.by_ids(tx, media_ids[: media.MOST]).values():
        if one.scheduled_id is not None and drafts.by_id(tx, one.scheduled_id, me.id) is not None:
            media_rows.change(tx, one.id, scheduled_id=None, loose_since=site.clock())


def words_of(kept: Kept) -> Words:
    """What is typed in a draft."""
    return Words(
        kept.text,
        kept.title,
        kept.warning,
        kept.visibility,
        kept.language,
        kept.question,
        kept.group_id,
        kept.reply_to_id,
        tuple(kept.media_ids),
        kept.poll,
    )
