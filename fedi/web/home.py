"""`/home`: what those whom one follows wrote, and the groups one is in; `/notifications`: what concerns oneself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi import visibility
from fedi.actions import told
from fedi.actions.moderated import WARNING
from fedi.actions.reports import NEWS
from fedi.actions.suspensions import SEVERED
from fedi.context import Site
from fedi.forms import person
from fedi.html import fitted
from fedi.web import cards, listing
from fedi.web.cards import Card, actor_path
from fedi.web.listing import PAGE, page_of
from storage import actors, notifications
from storage.actors import Actor
from storage.metadata import Tx
from storage.moderations import Moderation
from storage.notifications import Notification
from storage.reports import Report
from storage.severed import Loss

_SAID = {
    "mention": "answered or mentioned you",
    "status": "wrote",
    "reblog": "passed on",
    "favourite": "likes",
    "follow": "follows you",
    "follow_request": "asks to follow you or to join",
    "update": "changed",
    "poll": "ended a poll",
    "quote": "quoted you",
    "quoted_update": "changed what you quoted",
    "admin.sign_up": "signed up",
    WARNING: "moderates",
    NEWS: "was reported",
    SEVERED: "ended a peering",
}
_OF_MODERATION = (WARNING, NEWS, SEVERED)


async def home(request: Request) -> Response:
    """The home timeline of who is logged in."""
    site: Site = request.app.state.site
    me = await person(request)
    found = await site.db.read(lambda tx: listing.of_home(tx, me, page_of(request), site.clock()))
    return fitted(request, "home.html", listing.variants(request, found))


@dataclass(frozen=True, slots=True)
class _News:
    actor: Actor
    actor_path: str | None
    said: str
    at: int
    card: Card | None
    words: str | None = None
    path: str | None = None


def _words(one: Notification, by: Actor, warnings: Mapping[int, Moderation], severed: Mapping[int, Loss]) -> str | None:
    """What stands below the line of a notification."""
    if one.id in severed:
        return told.lost(severed[one.id])
    return told.words(warnings[one.id], by) if one.id in warnings else _waits(by)


def _waits(by: Actor) -> str | None:
    """Of who signed up and is not let in yet, how that is done."""
    if by.state != "pending":
        return None
    return f"waits for approval: in an app for moderators, or by «fedi person approve {by.username}»"


def _where(report: Report | None, groups: dict[int, Actor]) -> str | None:
    """Where a report is looked at."""
    if report is None:
        return None
    group = groups.get(report.group_id or 0)
    return "/reports" if group is None else f"{actor_path(group)}/moderation"


async def news(request: Request) -> Response:
    """The notifications of who is logged in."""
    site: Site = request.app.state.site
    me = await person(request)

    def read(tx: Tx) -> tuple[list[_News], list[cards.Asking], int | None]:
        found = notifications.of_person(tx, me.id, page_of(request))
        shown = found[:PAGE]
        by = actors.by_ids(tx, list({one.actor_id for one in shown}))
        seen = visibility.seen(tx, cards.viewer_of(me), list({one.post_id for one in shown if one.post_id is not None}))
        of_post = {card.post.id: card for card in cards.of_posts(tx, me, list(seen.values()))}
        warnings, reports = told.warnings(tx, me, shown), told.reports(tx, me, shown)
        severed = told.severed(tx, me, shown)
        about = actors.by_ids(tx, [one.group_id for one in reports.values() if one.group_id is not None])
        news = [
            _News(
                by[one.actor_id],
                actor_path(by[one.actor_id]) if by[one.actor_id].state != "pending" else None,
                _SAID.get(one.kind, one.kind),
                one.created_at,
                of_post.get(one.post_id or 0),
                _words(one, by[one.actor_id], warnings, severed),
                _where(reports.get(one.id), about),
            )
            for one in shown
            if one.actor_id in by
            and (
                (one.id in warnings or one.id in reports or one.id in severed)
                if one.kind in _OF_MODERATION
                else one.post_id is None or one.post_id in of_post
            )
        ]
        return news, cards.asking(tx, me.id), shown[-1].id if len(found) > PAGE else None

    found, asked, last = await site.db.read(read)

    def variants() -> Iterator[dict[str, Any]]:
        newer = "/notifications" if listing.before(request) is not None else None
        yield {
            "news": found,
            "asked": asked,
            "older": f"/notifications?before={last}" if last else None,
            "newer": newer,
        }

    return fitted(request, "notifications.html", variants())
