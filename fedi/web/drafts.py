"""`/drafts`: what a person has begun to write, newest first; to go on with, or to throw away."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from fedi import visibility
from fedi.actions import unsent
from fedi.context import Site
from fedi.forms import number, person, see_other, sent
from fedi.html import page
from fedi.languages import _
from fedi.text.mentions import shortened
from fedi.web import cards, listing
from fedi.web.card import Card
from storage import actors, drafts
from storage.actors import Actor
from storage.drafts import Kept
from storage.metadata import Tx
from storage.timelines import Page

_NAME = 90


@dataclass(frozen=True, slots=True)
class Shown:
    """A draft in the list: what to call it, the beginning of its text, and where it would go."""

    kept: Kept
    name: str
    beginning: str
    where: str | None


async def show(request: Request) -> Response:
    """The list; POST with `delete` throws one away."""
    site: Site = request.app.state.site
    me = await person(request)
    if request.method == "POST":
        gone = number(await sent(request), "delete")
        if gone is not None:
            await site.db.write(lambda tx: unsent.let_go(tx, site, me, gone))
        return see_other("/drafts?deleted=1")
    cursor = listing.before(request)

    def read(tx: Tx) -> tuple[list[Shown], int | None]:
        found = drafts.of_person(tx, me.id, Page(limit=listing.PAGE + 1, max_id=cursor))
        there = found[: listing.PAGE]
        return _shown(tx, me, there), there[-1].id if len(found) > listing.PAGE else None

    shown, last = await site.db.read(read)
    done = None
    if "kept" in request.query_params:
        done = _("It is kept. Nobody else sees it until you post it.")
    elif "deleted" in request.query_params:
        done = _("The draft is deleted.")
    older = f"/drafts?before={last}" if last is not None else None
    newer = "/drafts" if cursor is not None else None
    return page(request, "drafts.html", drafts=shown, done=done, older=older, newer=newer)


def _shown(tx: Tx, me: Actor, found: list[Kept]) -> list[Shown]:
    groups = actors.by_ids(tx, [one.group_id for one in found if one.group_id is not None])
    answers = [one.reply_to_id for one in found if one.reply_to_id is not None]
    seen = {
        card.post.id: card
        for card in cards.of_posts(tx, me, list(visibility.seen(tx, cards.viewer_of(me), answers).values()))
    }
    return [_of(one, groups.get(one.group_id or 0), seen.get(one.reply_to_id or 0)) for one in found]


def _of(one: Kept, group: Actor | None, answered: Card | None) -> Shown:
    where = None
    if answered is not None:
        where = _("an answer to “%(post)s”") % {"post": answered.named(60)}
    elif one.reply_to_id is not None:
        where = _("an answer to a post that is gone")
    elif group is not None:
        where = _("for %(group)s") % {"group": group.name or group.username}
    name = one.title.strip() or one.text.strip().partition("\n")[0] or _("Without words")
    beginning = one.text if one.title.strip() else one.text.strip().partition("\n")[2]
    return Shown(one, shortened(name, _NAME), shortened(beginning[:400], 160), where)
