"""Reports: `POST /report` asks moderators to look at a post, `POST /resolve` settles one; `/reports` shows those of this
instance's staff. Those of a group are on its page of moderation.
"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from fedi import visibility
from fedi.actions import reports as actions
from fedi.context import Site
from fedi.errors import Forbidden, NotFound
from fedi.forms import local_path, number, person, see_other, sent, text
from fedi.html import page
from fedi.web import cards
from fedi.web.cards import Card, actor_path
from storage import actors, people, posts
from storage import reports as rows
from storage.actors import Actor
from storage.metadata import Tx
from storage.reports import Report

_LISTED = 30


@dataclass(frozen=True, slots=True)
class Shown:
    """A report with who is in it, and its posts, also those that were removed meanwhile."""

    row: Report
    whom: Actor
    whom_path: str
    by: Actor | None
    by_path: str | None
    cards: list[Card]


def listed(tx: Tx, me: Actor, group_id: int | None) -> list[Shown]:
    """The open reports that `me` decides about, newest first: of a group, or (None) all."""
    found = [one for one in rows.listed(tx, 200, state="open", group_id=group_id) if actions.may_resolve(tx, me, one)]
    found = found[:_LISTED]
    known = actors.by_ids(tx, [one for each in found for one in (each.actor_id, each.reporter_id) if one is not None])
    about = posts.by_ids(tx, [one for each in found for one in each.post_ids[:5]])
    made = {card.post.id: card for card in cards.of_posts(tx, me, list(about.values()))}
    return [
        Shown(
            each,
            whom,
            actor_path(whom),
            by,
            None if by is None else actor_path(by),
            [made[one] for one in each.post_ids[:5] if one in made],
        )
        for each in found
        if (whom := known.get(each.actor_id)) is not None
        for by in [known.get(each.reporter_id or 0)]
    ]


async def show(request: Request) -> Response:
    """`/reports`: what this instance's moderators and admins were asked to look at."""
    site: Site = request.app.state.site
    me = await person(request)

    def read(tx: Tx) -> list[Shown]:
        row = people.by_id(tx, me.id)
        if row is None or row.role not in ("moderator", "admin"):
            raise Forbidden(f"Reports are for the moderators of {site.config.name}.")
        return listed(tx, me, None)

    return page(request, "reports.html", reports=await site.db.read(read))


async def report(request: Request) -> Response:
    """Ask moderators to look at a post: those of its group, else the staff of this instance."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    post_id = number(form, "post")
    words, category = text(form, "text", actions.MAX_TEXT).strip(), text(form, "category", 20) or "other"

    def write(tx: Tx) -> None:
        post = visibility.seen(tx, visibility.person(me.id), [post_id]).get(post_id) if post_id is not None else None
        author = actors.by_id(tx, post.author_id) if post is not None else None
        if post is None or author is None:
            raise NotFound("This post is gone, or not shown to you (any more).")
        actions.report(tx, site, me, author, [post], words, category, "forward" in form)

    await site.db.write(write)
    return page(
        request,
        "thanks.html",
        title="Thank you",
        text="Moderators will look at it. Whom you reported is not told who did.",
        back=local_path(text(form, "next"), "/home"),
    )


async def resolve(request: Request) -> Response:
    """Settle a report."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    report_id = number(form, "id")

    def write(tx: Tx) -> None:
        found = rows.by_id(tx, report_id) if report_id is not None else None
        if found is None or not actions.may_resolve(tx, me, found):
            raise NotFound("This report is not there (any more).")
        actions.resolve(tx, site, me, found)

    await site.db.write(write)
    return see_other(local_path(text(form, "next"), "/reports"))
