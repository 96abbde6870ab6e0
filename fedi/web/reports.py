"""Reports: `/report` asks moderators to look at a post, by a form that names the group's rules; `POST /resolve` settles one;
`/reports` is the queue of this instance's staff. That of a group is on its page of moderation, each case at `/cases/ID`.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi import visibility
from fedi.actions import appeals as appeal_actions
from fedi.actions import reports as actions
from fedi.actions import rules
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound
from fedi.forms import local_path, number, person, see_other, sent, text
from fedi.html import page
from fedi.languages import N_, _
from fedi.web import cards, cases
from fedi.web.card import Card
from storage import actors, appeals, moderations, people
from storage import reports as rows
from storage.actors import Actor
from storage.appeals import Appeal
from storage.metadata import Tx
from storage.moderations import Moderation

_GONE = N_("This post is gone, or not shown to you (any more).")
Waiting = list[tuple[Appeal, Moderation, Actor, Actor]]


async def show(request: Request) -> Response:
    """`/reports`: what this instance's moderators and admins were asked to look at."""
    site: Site = request.app.state.site
    me = await person(request)

    def read(tx: Tx) -> dict[str, Any]:
        row = people.by_id(tx, me.id)
        if row is None or row.role not in ("moderator", "admin"):
            raise Forbidden(_("Reports are for the moderators of %(name)s.") % {"name": site.config.name})
        waiting, open_appeals = cases.listed(tx, site, me, None), appealing(tx, site, me, None)
        return {"waiting": waiting, "appeals": open_appeals, "now": site.clock()}

    return page(request, "reports.html", **await site.db.read(read))


def appealing(tx: Tx, site: Site, me: Actor, group_id: int | None) -> Waiting:
    """The appeals that `me` decides: (appeal, what was done, who appeals, the group)."""
    found: Waiting = []
    for one in appeals.waiting(tx, 50, group_id=group_id):
        done = moderations.by_id(tx, one.moderation_id)
        known = actors.by_ids(tx, [one.actor_id, one.group_id or 0])
        who, group = known.get(one.actor_id), known.get(one.group_id or 0)
        if done is None or who is None or group is None:
            continue
        if appeal_actions.may_decide(tx, site, me, one, done):
            found.append((one, done, who, group))
    return found


async def ask(request: Request) -> Response:
    """`GET /report?post=ID`: the form."""
    site: Site = request.app.state.site
    me = await person(request)
    wanted = request.query_params.get("post", "")
    post_id = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 19 else None
    found = await site.db.read(lambda tx: _form(tx, site, me, post_id))
    named = found["named_only"]
    return page(request, "report.html", **found, text="", rule="", forward=False, named=named, problem=None)


def _card(tx: Tx, me: Actor, post_id: int | None) -> Card:
    post = visibility.seen(tx, visibility.person(me.id), [post_id]).get(post_id) if post_id is not None else None
    made = cards.of_posts(tx, me, [post]) if post is not None else []
    if not made:
        raise NotFound(_(_GONE))
    return made[0]


def _form(tx: Tx, site: Site, me: Actor, post_id: int | None) -> dict[str, Any]:
    card = _card(tx, me, post_id)
    found = rules.of(tx, card.group) if card.group is not None else list(site.config.rules)
    categories = {name: _(said) for name, said in cases.CATEGORIES.items()}
    only = actions.wants_names(tx, card.group)
    return {"card": card, "rules": found, "categories": categories, "named_only": only}


async def report(request: Request) -> Response:
    """Ask moderators to look at a post: those of its group, else the staff of this instance."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    post_id, back = number(form, "post"), local_path(text(form, "next"), "")
    words, wrong = text(form, "text", actions.MAX_TEXT + 1).strip(), text(form, "rule", 400)
    forward, named = "forward" in form, "named" in form

    def write(tx: Tx) -> str:
        card = _card(tx, me, post_id)
        known = _form(tx, site, me, post_id)
        rule = wrong if wrong in known["rules"] else None
        kind = text(form, "category", 20) or (wrong if wrong in actions.CATEGORIES or not wrong else "violation")
        category = "violation" if rule is not None else kind or "other"
        numbers = [known["rules"].index(rule) + 1] if rule is not None and card.group is None else []
        actions.report(tx, site, me, card.author, [card.post], words, category, forward, numbers, rule, named=named)
        return card.path

    try:
        path = await site.db.write(write)
    except Invalid as problem:
        found = await site.db.read(lambda tx: _form(tx, site, me, post_id))
        typed: dict[str, Any] = {"text": words, "rule": wrong, "forward": forward, "named": named}
        return page(request, "report.html", problem.status, **found, **typed, problem=problem.text)
    return page(
        request,
        "thanks.html",
        title=_("Thank you"),
        text=_(
            "Moderators will look at it, and you will hear what became of it. Whom you reported is not told who did."
        ),
        back=back or path,
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
            raise NotFound(_("This report is not there (any more)."))
        actions.resolve(tx, site, me, found)

    await site.db.write(write)
    return see_other(local_path(text(form, "next"), "/reports"))
