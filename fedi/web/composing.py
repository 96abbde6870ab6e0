"""The form in which a post is written: what was typed in it, where it may go, and the page that shows it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from fedi import languages, visibility
from fedi.actions import media, posts, rules, scopes
from fedi.actions.drafts import MAX_CHARACTERS, MAX_OPTIONS, PollDraft
from fedi.actions.unsent import Words
from fedi.context import Site
from fedi.forms import number, text, upload
from fedi.html import page
from fedi.languages import _
from fedi.web import cards
from fedi.web.card import Card
from fedi.web.paths import actor_path
from storage import actors, follows, people
from storage import media as media_rows
from storage.actors import Actor
from storage.media import Medium
from storage.metadata import Tx
from storage.timelines import Page

OPTIONS = 4
"""Options of a poll that the page asks for; who wants more has an app."""
DAYS = (1, 3, 7, 14, 30)
_DAY = 24 * 3600 * 1000
_GROUPS = 60
_IN_WORDS = 30
"""Groups of which the page says who reads them."""
_LANGUAGES = "ar cs da de el en es fa fi fr he hi hu id it ja ko nl no pl pt ro ru sv tr uk vi zh".split()


@dataclass(frozen=True, slots=True)
class Typed:
    """What came in a form: the `words`, the draft that they are kept in, the form's own `key` and the rules that were
    ticked."""

    words: Words
    draft_id: int | None = None
    key: str = ""
    ticked: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A group that one may write in, and who reads it."""

    group: Actor
    readers: str


def read(form: FormData) -> Typed:
    """What was typed. Where it goes is `where` (a visibility, or g and the id of a group), or `group` and `visibility`."""
    where = text(form, "where", 30)
    group_id, visible = number(form, "group"), text(form, "visibility", 30) or "public"
    if where.startswith("g") and where[1:].isdecimal() and len(where) < 20:
        group_id, visible = int(where[1:]), "public"
    elif where:
        group_id, visible = None, where
    kept = [int(one) for one in form.getlist("media") if isinstance(one, str) and one.isdecimal() and len(one) < 19]
    return Typed(
        Words(
            text=text(form, "text").replace("\r\n", "\n"),
            title=text(form, "title", 500),
            warning=text(form, "warning", 5000),
            visibility=visible,
            language=_tag(text(form, "language", 35)),
            question=bool(text(form, "question", 5)),
            group_id=group_id,
            reply_to_id=number(form, "reply_to"),
            media_ids=tuple(dict.fromkeys(kept))[: media.MOST],
            poll=_poll(form),
        ),
        number(form, "draft"),
        text(form, "key", 64),
        text(form, "rules", 80),
    )


def _tag(value: str) -> str:
    """A language's tag; empty for what is none."""
    return value if value.isascii() and value.replace("-", "").isalnum() else ""


def _poll(form: FormData) -> dict[str, Any] | None:
    options = [" ".join(text(form, f"option{at}", 300).split()) for at in range(MAX_OPTIONS)]
    chosen = [one for one in options if one]
    days = number(form, "days") or 3
    return {"options": chosen, "multiple": bool(text(form, "multiple", 5)), "days": days} if chosen else None


def poll_of(words: Words, now: int) -> PollDraft | None:
    """The poll that was typed."""
    if words.poll is None:
        return None
    poll = words.poll
    return PollDraft(tuple(poll["options"]), bool(poll["multiple"]), now + int(poll["days"]) * _DAY)


def key_of(typed: Typed, form: FormData) -> str | None:
    """What tells this post from any other that the person sends: the same form with the same words twice is one post, so
    that a double tap, a reload and a line that broke give one. None where the form has no key."""
    if not typed.key:
        return None
    said = typed.words
    files = [one.size for at in range(media.MOST) if (one := upload(form, f"picture{at}")) is not None]
    whole = repr((typed.key, said.text, said.title, said.warning, said.visibility, said.group_id, said.reply_to_id))
    return "page:" + hashlib.blake2b((whole + repr((said.media_ids, files))).encode(), digest_size=20).hexdigest()


def places(tx: Tx, site: Site, me: Actor, *, also: int | None = None) -> list[Place]:
    """The groups that a person is in, by name, with who reads each; `also`: and this one. How many read one is no secret to who
    may see who is in it."""
    ids = [edge.target_id for edge in follows.joined(tx, me.id, Page(limit=_GROUPS))]
    known = actors.by_ids(tx, list({*ids, *([also] if also is not None else [])}))
    found = sorted((one for one in known.values() if one.is_group), key=lambda one: one.name.casefold())
    seen = visibility.groups_seen(tx, cards.viewer_of(me), found)
    return [
        Place(group, scopes.words(tx, site, group) if group.id in seen and (at < _IN_WORDS or group.id == also) else "")
        for at, group in enumerate(found)
    ]


def problem_with(words: Words, number_of_pictures: int) -> str | None:
    """What is wrong with what was typed, in words for who typed it; None where nothing is seen here."""
    over = len(words.text) + len(words.warning) - MAX_CHARACTERS
    if over > 0:
        return languages.ngettext(
            "Your text is %(number)s character too long. Shorten it, or write it in two posts.",
            "Your text is %(number)s characters too long. Shorten it, or write it in two posts.",
            over,
        ) % {"number": languages.number(over)}
    if words.poll is not None and len(words.poll["options"]) < 2:
        return _("A poll needs two options at least.")
    if words.poll is not None and (number_of_pictures or words.media_ids):
        return _("A post has a poll or pictures, not both.")
    return None


def pictures(tx: Tx, me: Actor, ids: Sequence[int]) -> list[Medium]:
    """The uploaded files of these ids that are the person's, in this order."""
    known = media_rows.by_ids(tx, ids)
    return [known[one] for one in ids if one in known and known[one].person_id == me.id]


def context(tx: Tx, site: Site, me: Actor, typed: Typed, *, preview: bool = False) -> dict[str, Any]:
    """What the page needs to show the form with everything typed in it, and with `preview` the post as it will look."""
    words = typed.words
    answered = None
    if words.reply_to_id is not None and words.reply_to_id < 2**63:
        seen = visibility.seen(tx, cards.viewer_of(me), [words.reply_to_id])
        answered = next(iter(cards.of_posts(tx, me, list(seen.values()))), None)
    shown = places(tx, site, me, also=words.group_id) if words.reply_to_id is None else []
    group = next((one for one in shown if one.group.id == words.group_id), None)
    person = people.by_id(tx, me.id)
    wanted = rules.pending(tx, me, group.group) if group is not None else []
    kept = pictures(tx, me, words.media_ids)
    return {
        "words": replace(words, media_ids=tuple(one.id for one in kept)),
        "draft": typed.draft_id,
        "answered": answered,
        "places": shown,
        "group": group,
        "group_path": actor_path(group.group) if group is not None else None,
        "readers": _readers(tx, site, group, answered),
        "pictures": [(one, media.rendered(site, one)) for one in kept],
        "rules": wanted,
        "rules_version": rules.version(wanted) if wanted else "",
        "options": range(OPTIONS if words.poll is None else max(OPTIONS, len(words.poll["options"]))),
        "days": DAYS,
        "languages": [(code, languages.named(code)) for code in _LANGUAGES],
        "own_language": (person.settings.get("language") if person is not None else None) or "",
        # No more than a post may have: of what is too long that is said beside it.
        "preview": posts.as_html(tx, site, words.text[:MAX_CHARACTERS]) if preview else None,
        "most": MAX_CHARACTERS,
    }


def _readers(tx: Tx, site: Site, group: Place | None, answered: Card | None) -> str | None:
    if group is not None:
        return group.readers or None
    if answered is not None and answered.group is not None and answered.post.visibility != "direct":
        return scopes.words(tx, site, answered.group)
    return None


def form_page(
    request: Request, shown: dict[str, Any], status: int = 200, *, problem: str | None = None, done: str | None = None
) -> Response:
    """The page with the form; `problem`: what is wrong, `done`: what was done."""
    return page(request, "compose.html", status, problem=problem, done=done, refused=status != 200, **shown)
