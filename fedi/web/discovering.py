"""`/groups`: the groups one is in, with what is new in them; some that one might join, with the reason; all that want to be
found, here and elsewhere, by words and by language."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from fedi import languages, searching, visibility
from fedi.actions import reading, suggesting
from fedi.context import Site
from fedi.html import fitted
from fedi.languages import _, ngettext
from fedi.sessions import signed_in
from fedi.web import listing
from fedi.web.cards import viewer_of
from fedi.web.groups import Named, named
from fedi.web.paths import actor_path
from storage import actors
from storage import groups as group_rows
from storage.actors import Actor
from storage.metadata import Tx

_LISTED = 40
_MINE = 100
_SUGGESTED = 5
_WORDS = 100


@dataclass(frozen=True, slots=True)
class Mine:
    """A group that one is in, and how many of its threads have something new."""

    actor: Actor
    path: str
    unread: int


@dataclass(frozen=True, slots=True)
class Suggested:
    """A group that one might join: why, and how large it is, in words."""

    actor: Actor
    path: str
    reason: str
    size: str


@dataclass(frozen=True, slots=True)
class _Asked:
    words: str
    language: str
    cursor: int | None

    @property
    def plain(self) -> bool:
        """Whether nothing is sought: the first page as it is."""
        return not (self.words or self.language or self.cursor)


@dataclass(frozen=True, slots=True)
class _Found:
    mine: list[Mine]
    suggested: list[Suggested]
    here: list[Named]
    elsewhere: list[Named]


async def index(request: Request) -> Response:
    """The list of groups."""
    site: Site = request.app.state.site
    me = await signed_in(request)
    language = request.query_params.get("language", "")
    words = " ".join(request.query_params.get("q", "").replace("\x00", " ").split())[:_WORDS]
    asked = _Asked(words, language if language in spoken() else "", listing.before(request))
    found = await site.db.read(lambda tx: _read(tx, site, me, asked))

    above = {one.actor.id for one in found.mine}
    elsewhere = [one for one in found.elsewhere if one.actor.id not in above]

    def variants() -> Iterator[dict[str, Any]]:
        for count in (_LISTED, 20, 10, 5):
            shown = found.here[:count]
            others = [one for one in shown if one.actor.id not in above]
            lists = [(_("At %(name)s") % {"name": site.config.name}, others)] if others else []
            if elsewhere:
                lists.append((_("At other universities"), elsewhere[: max(count // 2, 5)]))
            kept = {"q": asked.words, "language": asked.language, "before": str(shown[-1].actor.id) if shown else ""}
            older = urlencode({name: value for name, value in kept.items() if value})
            yield {
                "lists": lists,
                "mine": found.mine[: max(count, 10)],
                "more": max(0, len(found.mine) - max(count, 10)),
                "suggested": found.suggested,
                "typed": asked.words,
                "language_wanted": asked.language,
                "spoken": [(code, languages.named(code)) for code in spoken()],
                "plain": asked.plain,
                "older": f"/groups?{older}" if len(found.here) > count and not asked.words else None,
            }

    return fitted(request, "groups.html", variants())


def spoken() -> tuple[str, ...]:
    """The languages that one may look for: those that pages are in, and some more that many students speak."""
    return tuple(dict.fromkeys([*languages.available(), "it", "pt", "nl", "pl", "tr", "ar", "uk", "zh", "ja", "hi"]))


def _read(tx: Tx, site: Site, me: Actor | None, asked: _Asked) -> _Found:
    if asked.words:
        sought = searching.accounts(tx, site, me.id if me is not None else None, f"!{asked.words}", _LISTED)
        groups = [one for one in sought if one.is_group and (one.discoverable or _inside(tx, me, one))]
        here = [as_named(one) for one in groups if one.local]
        return _Found([], [], here, [as_named(one) for one in groups if not one.local])
    here = named(tx, local=True, limit=_LISTED + 1, after=asked.cursor, language=asked.language)
    elsewhere = named(tx, local=False, limit=20, language=asked.language) if asked.cursor is None else []
    if me is None or not asked.plain:
        return _Found([], [], here, elsewhere)
    return _Found(_mine(tx, site, me), suggested(tx, site, me, _SUGGESTED), here, elsewhere)


def _inside(tx: Tx, me: Actor | None, group: Actor) -> bool:
    return me is not None and visibility.may_see_group(tx, viewer_of(me), group)


def as_named(group: Actor) -> Named:
    """A group as a line of a list."""
    return Named.of(group)


def _mine(tx: Tx, site: Site, me: Actor) -> list[Mine]:
    ids = reading.mine(tx, me.id)[:_MINE]
    known, new = actors.by_ids(tx, ids), reading.unread(tx, me, ids, site.clock())
    found = [Mine(known[one], actor_path(known[one]), new.get(one, 0)) for one in ids if one in known]
    # What is new first; then those that were written in last.
    return sorted(found, key=lambda one: (one.unread == 0, -(one.actor.last_post_at or 0)))


def suggested(tx: Tx, site: Site, me: Actor, limit: int) -> list[Suggested]:
    """Groups that a person might join, as pages show them."""
    made = []
    for one in suggesting.groups(tx, site, me, limit):
        sizes = []
        if one.members:
            sizes.append(ngettext("%(num)s person", "%(num)s people", one.members) % {"num": one.members})
        if one.institutions > 1:
            at = ngettext("%(num)s university", "%(num)s universities", one.institutions) % {"num": one.institutions}
            sizes.append(at)
        size = " · ".join(sizes)
        made.append(Suggested(one.group, actor_path(one.group), one.reason, size))
    return made


def languages_of(tx: Tx, group: Actor) -> list[str]:
    """What the languages of a group call themselves."""
    row = group_rows.by_id(tx, group.id)
    return [languages.named(code) for code in row.languages] if row is not None else []
