"""What a person wants to publish, and what may be published: text, title, poll, quote. Making it so is `posts`,
keeping it for later is `unsent`.
"""

from dataclasses import dataclass, field
from typing import Any

from fedi.actions.shelving import Addition
from fedi.errors import Invalid
from fedi.text import mentions as mention_text
from storage.actors import Actor
from storage.posts import Post

MAX_CHARACTERS = 5000
CLIENT_VISIBILITIES = ("public", "unlisted", "followers", "direct")
ARTICLE_FROM = 1500
"""Characters from which on a post with a title of its own is an Article: three times what a microblog's post holds.
Mastodon shows title, excerpt and link of an Article, and the whole of a Note; what is read at a glance stays a Note."""
MIN_OPTIONS, MAX_OPTIONS = 2, 10
MAX_OPTION_CHARACTERS = 100
MAX_POLL_DAYS = 366
QUOTE_POLICIES = ("public", "followers", "nobody")
MAX_ATTACHMENTS = 16

_NO_TITLE = ("```", "~~~", "$$", "\\[")
"""What begins code or a formula on lines of its own."""
_DAY = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class PollDraft:
    """A poll to be: its options, whether one may choose several, when it ends (ms since 1970; None: never), and whether how
    it stands is shown only then."""

    options: tuple[str, ...]
    multiple: bool = False
    ends_at: int | None = None
    hide_totals: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person wants to publish. `visibility` is one of `CLIENT_VISIBILITIES`; a group may narrow it.

    `attachments` as `federation.vocabulary.link.read_attachments` gives them, `description` is the alt text; `media_ids` are
    uploaded files (`storage.media`), in their order, which become attachments beside those. `quote_id` is
    the post that this one quotes; `quote_policy` one of `QUOTE_POLICIES`, who may quote this one (None: everyone, where
    everyone may read it). `question`: what opens a thread asks something, and one answer can be accepted.
    `link`: the page that it is about; `library`: what it adds to the library of its group.
    """

    text: str
    visibility: str = "public"
    reply_to_id: int | None = None
    summary: str = ""
    sensitive: bool = False
    language: str | None = None
    title: str | None = None
    app_id: int | None = None
    poll: PollDraft | None = None
    quote_id: int | None = None
    quote_policy: str | None = None
    attachments: tuple[dict[str, Any], ...] = field(default=())
    media_ids: tuple[int, ...] = ()
    question: bool = False
    link: str | None = None
    library: Addition | None = None


def check(draft: Draft, now: int, *, shows: bool = False) -> None:
    """Raises Invalid, in Mastodon's words, for what can't be published. With `shows` the post has pictures already."""
    if not draft.text.strip() and not (draft.media_ids or draft.attachments or shows):
        raise Invalid("Validation failed: Text can't be blank")
    if len(draft.text) + len(draft.summary) > MAX_CHARACTERS:
        raise Invalid(f"Validation failed: Text character limit of {MAX_CHARACTERS} exceeded")
    if "\x00" in draft.text or "\x00" in draft.summary or "\x00" in (draft.title or ""):
        raise Invalid("Validation failed: Text holds a NUL character")
    if draft.visibility not in CLIENT_VISIBILITIES:
        raise Invalid(f"Validation failed: Visibility is one of {', '.join(CLIENT_VISIBILITIES)}")
    if draft.quote_policy is not None and draft.quote_policy not in QUOTE_POLICIES:
        raise Invalid(f"Validation failed: Quote policy is one of {', '.join(QUOTE_POLICIES)}")
    if len(draft.attachments) > MAX_ATTACHMENTS:
        raise Invalid(f"Validation failed: A post has at most {MAX_ATTACHMENTS} attachments")
    if draft.poll is not None:
        _check_poll(draft, draft.poll, now)


def _check_poll(draft: Draft, poll: PollDraft, now: int) -> None:
    options = options_of(poll)
    if len(options) < MIN_OPTIONS:
        raise Invalid("Validation failed: Options must have more than one item")
    if len(options) > MAX_OPTIONS:
        raise Invalid(f"Validation failed: Options can't contain more than {MAX_OPTIONS} items")
    if any(len(one) > MAX_OPTION_CHARACTERS or "\x00" in one for one in options):
        raise Invalid(f"Validation failed: Options cannot be longer than {MAX_OPTION_CHARACTERS} characters each")
    if len(set(options)) != len(options):
        raise Invalid("Validation failed: Options contain duplicate items")
    if poll.ends_at is not None and poll.ends_at <= now:
        raise Invalid("Validation failed: Expires at is too soon")
    if poll.ends_at is not None and poll.ends_at > now + MAX_POLL_DAYS * _DAY:
        raise Invalid("Validation failed: Expires at is too far into the future")
    if draft.media_ids:
        raise Invalid("Cannot attach more than 4 files")  # Mastodon's words, also beside a poll
    if draft.attachments:
        raise Invalid("Validation failed: A poll has no attachments")  # Mastodon takes one or the other
    if draft.quote_id is not None:
        raise Invalid("Validation failed: A poll quotes nothing")


def options_of(poll: PollDraft) -> list[str]:
    """The options of a poll as they are kept: blank ones are left out, as in Mastodon."""
    return [option for one in poll.options if (option := " ".join(one.split()))]


def kind_of(draft: Draft) -> str:
    """Question with a poll; Article for what has a title of its own and is long; else Note, shown whole on every peer.

    With a warning it stays a Note: an Article has its excerpt where the warning would be.
    """
    if draft.poll is not None:
        return "Question"
    if draft.library is not None and draft.reply_to_id is None:
        return "Page"  # of which microblogs show title, summary and link, and forums the link
    titled = draft.reply_to_id is None and bool(draft.title and draft.title.strip())
    return "Article" if titled and len(draft.text) >= ARTICLE_FROM and not draft.summary.strip() else "Note"


def title_of(draft: Draft, group: Actor | None, parent: Post | None) -> str | None:
    """A thread in a group has a title: the one given, or the first line (as Lemmy does); replies have none."""
    if parent is not None:
        return None
    if draft.title and draft.title.strip():
        return " ".join(draft.title.split())[:200]
    if group is None:
        return None
    return _first_line(draft.text) or " ".join(draft.text.split())[:200]  # nothing but mentions: forums need a title


def _first_line(text: str) -> str | None:
    """The first line of a text without the handles it begins and ends with, 200 characters at most; what a forum calls a
    title."""
    for line in text.splitlines():
        if line.strip()[:3] in _NO_TITLE:
            continue
        pieces = list(mention_text.tokens(line))
        while pieces and (pieces[0].kind == "mention" or not pieces[0].text.strip()):
            pieces.pop(0)
        while pieces and (pieces[-1].kind == "mention" or not pieces[-1].text.strip()):
            pieces.pop()
        title = "".join(piece.text for piece in pieces).strip()
        if title:
            return title if len(title) <= 200 else title[:199].rstrip() + "…"
    return None
