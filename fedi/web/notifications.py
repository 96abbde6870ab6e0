"""`/notifications`: what concerns oneself, likes and follows together, with a marker of what is read that apps share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi import visibility
from fedi.actions import notified, told
from fedi.actions.moderated import WARNING
from fedi.actions.reports import NEWS
from fedi.actions.suspensions import SEVERED
from fedi.context import Site
from fedi.forms import number, person, see_other, sent
from fedi.html import fitted
from fedi.languages import N_, _, ngettext
from fedi.web import cards, listing
from fedi.web.card import Card
from fedi.web.listing import PAGE, page_of
from fedi.web.paths import actor_path
from storage import actors, notification_groups, notifications
from storage.actors import Actor
from storage.metadata import Tx
from storage.moderations import Moderation
from storage.notification_groups import GROUPED, Place, Whole
from storage.notifications import Notification
from storage.questions import SOLVED
from storage.severed import Loss

_SAID = {
    "mention": N_("answered or mentioned you"),
    "status": N_("wrote"),
    "reblog": N_("passed on"),
    "favourite": N_("likes"),
    "follow": N_("follows you"),
    "follow_request": N_("asks to follow you or to join"),
    "update": N_("changed"),
    "poll": N_("ended a poll"),
    "quote": N_("quoted you"),
    "quoted_update": N_("changed what you quoted"),
    "admin.sign_up": N_("signed up"),
    WARNING: N_("moderates"),
    NEWS: N_("was reported"),
    SEVERED: N_("ended a peering"),
}
_ACCEPTED = N_("accepted an answer to")
_SAID_BY_SOME = {
    "reblog": N_("passed on"),
    "favourite": N_("like"),
    "follow": N_("follow you"),
    "admin.sign_up": N_("signed up"),
}
_OF_MODERATION = (WARNING, NEWS, SEVERED)
_TO_YOU = ["mention", "quote", "follow_request", *_OF_MODERATION]
"""Kinds of `?only=you`: what somebody wanted of oneself, without what only happened."""


@dataclass(frozen=True, slots=True)
class News:
    """A line of the page: who (and `others`: how many more, in words) did what, to which post, when."""

    actor: Actor
    actor_path: str | None
    others: str
    said: str
    at: int
    new: bool
    card: Card | None
    words: str | None = None
    leads: tuple[str, str] | None = None


def _words(one: Notification, by: Actor, warnings: Mapping[int, Moderation], severed: Mapping[int, Loss]) -> str | None:
    """What stands below the line of a notification."""
    if one.id in severed:
        return told.lost(severed[one.id])
    return told.words(warnings[one.id], by) if one.id in warnings else _waits(by)


def _waits(by: Actor) -> str | None:
    """Of who signed up and is not let in yet, that somebody has to do that."""
    return _("waits to be let in") if by.state == "pending" else None


def _where(one: Notification, by: Actor, paths: Mapping[int, str]) -> tuple[str, str] | None:
    """(path, label) of the page that a notification of duties leads to."""
    path = paths.get(one.id)
    if path is not None:
        return path, _("What was done, and how to object") if one.kind == WARNING else _("Look at the report")
    return ("/sign-ups", _("See who waits")) if one.kind == "admin.sign_up" and by.state == "pending" else None


def _others(whole: Whole | None) -> str:
    count = whole.count - 1 if whole is not None else 0
    return ngettext("and %(count)d other", "and %(count)d others", count) % {"count": count} if count > 0 else ""


def _read(tx: Tx, me: Actor, places: list[Place]) -> list[News]:
    """The lines of these groups, without those of posts that one may not see and of what moderators took back."""
    wholes = notification_groups.wholes(tx, me.id, [place.key for place in places])
    newest = {place.key: wholes[place.key].newest_id if place.key in wholes else place.cursor for place in places}
    known = notifications.by_ids(tx, me.id, list(newest.values()))
    shown = [(place, known[newest[place.key]]) for place in places if newest[place.key] in known]
    found = [one for _place, one in shown]
    by = actors.by_ids(tx, list({one.actor_id for one in found}))
    seen = visibility.seen(tx, cards.viewer_of(me), list({one.post_id for one in found if one.post_id is not None}))
    of_post = {card.post.id: card for card in cards.of_posts(tx, me, list(seen.values()), quotes=False)}
    warnings, paths, severed = told.warnings(tx, me, found), told.paths(tx, me, found), told.severed(tx, me, found)
    since = notified.read_to(tx, me.id)

    def stands(one: Notification) -> bool:
        if one.kind in _OF_MODERATION:
            return one.id in warnings or one.id in paths or one.id in severed
        return one.post_id is None or one.post_id in of_post

    made = []
    for place, one in shown:
        if one.actor_id not in by or not stands(one):
            continue
        others = _others(wholes.get(place.key))
        said = _SAID_BY_SOME.get(one.kind) if others else None
        if one.kind == "update" and one.post_id in of_post and of_post[one.post_id].post.asks == SOLVED:
            said = _ACCEPTED  # which is what changed for who asked, or answered
        made.append(
            News(
                actor=by[one.actor_id],
                actor_path=actor_path(by[one.actor_id]) if by[one.actor_id].state != "pending" else None,
                others=others,
                said=_(said or _SAID.get(one.kind, one.kind)),
                at=one.created_at,
                new=one.id > since,
                card=of_post.get(one.post_id or 0),
                words=_words(one, by[one.actor_id], warnings, severed),
                leads=_where(one, by[one.actor_id], paths),
            )
        )
    return made


async def show(request: Request) -> Response:
    """The notifications of who is logged in; POST: they are read, up to the newest that the page had."""
    site: Site = request.app.state.site
    me = await person(request)
    if request.method == "POST":
        up_to = number(await sent(request), "up_to") or 0
        await site.db.write(lambda tx: notified.mark_read(tx, site, me, up_to))
        return see_other("/notifications")
    only = request.query_params.get("only") == "you"

    def read(tx: Tx) -> tuple[list[News], list[cards.Asking], list[Place]]:
        kinds = _TO_YOU if only else None
        places = notification_groups.page_of(tx, me.id, page_of(request), list(GROUPED), kinds=kinds)
        return _read(tx, me, places[:PAGE]), cards.asking(tx, me.id), places

    found, asked, places = await site.db.read(read)
    chosen = "?only=you" if only else ""
    first = listing.before(request) is None

    def variants() -> Iterator[dict[str, Any]]:
        last = places[PAGE - 1].cursor if len(places) > PAGE else None
        yield {
            "news": found,
            "asked": asked if first else [],
            "tabs": [(_("All"), "/notifications", None), (_("For you"), "/notifications?only=you", None)],
            "current": f"/notifications{chosen}",
            "up_to": places[0].cursor if places and first and not only and any(one.new for one in found) else None,
            "older": f"/notifications{chosen or '?'}{'&' if chosen else ''}before={last}" if last else None,
            "newer": None if first else f"/notifications{chosen}",
        }

    return fitted(request, "notifications.html", variants())
