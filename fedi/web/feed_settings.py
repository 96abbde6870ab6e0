"""`/settings/feeds`: addresses of feeds of what not everybody may read; made here, listed with their last use, and taken back."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi import visibility
from fedi.actions import feed_tokens as actions
from fedi.actions import reading
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.forms import number, person, see_other, sent, text
from fedi.html import page
from fedi.languages import N_, _
from fedi.web import cards
from fedi.web.paths import actor_path
from fedi.web.preferences import parts
from storage import actors, feed_tokens
from storage.actors import Actor
from storage.feed_tokens import FeedToken
from storage.metadata import Tx

_KINDS = {"group": N_("Group"), "thread": N_("Thread"), "search": N_("Search")}
_DONE = {"gone": N_("The address works no more; who polls it is told so.")}


async def feeds(request: Request) -> Response:
    """The page; a POST makes an address (`kind` and `target`), which is shown this once, or takes one back (`revoke`)."""
    site: Site = request.app.state.site
    me = await person(request)
    typed = {name: request.query_params.get(name, "")[:300] for name in ("group", "thread", "q")}
    if request.method != "POST":
        done = _DONE.get(request.query_params.get("done", ""))
        known = await site.db.read(lambda tx: _read(tx, me, typed))
        return page(request, "feeds.html", **known, done=_(done) if done else "", problem="", made="")
    form = await sent(request)
    if text(form, "revoke", 20):
        every = text(form, "revoke", 20) == "all"
        await site.db.write(lambda tx: actions.revoke(tx, site, me, None if every else number(form, "revoke") or 0))
        return see_other("/settings/feeds?done=gone")
    kind = text(form, "kind", 10)
    target = text(form, "words" if kind == "search" else kind if kind in actions.KINDS else "group", 300)
    made, problem, status = "", "", 200
    try:
        made = await site.db.write(lambda tx: actions.make(tx, site, me, kind, target))
    except (Invalid, NotFound) as refused:
        problem, status = refused.text, refused.status
    known = await site.db.read(lambda tx: _read(tx, me, {kind: target, "q": text(form, "words", 300)}))
    address = site.iri(f"/feeds/{made}.atom") if made else ""
    return page(request, "feeds.html", status, **known, done="", problem=problem, made=address)


def _read(tx: Tx, me: Actor, typed: dict[str, str]) -> dict[str, Any]:
    mine = reading.mine(tx, me.id)
    known = actors.by_ids(tx, mine)
    thread = typed.get("thread", "")
    root = actions.root_of(tx, int(thread), visibility.person(me.id)) if thread.isdigit() and len(thread) < 19 else None
    return {
        "parts_": parts(),
        "rows": [
            (row, _(_KINDS[row.kind]), *_named(tx, me, row)) for row in feed_tokens.of_person(tx, me.id, actions.MOST)
        ],
        "groups": [known[one] for one in mine if one in known],
        "group": typed.get("group", ""),
        "thread": cards.of_posts(tx, me, [root])[0] if root is not None else None,
        "words": typed.get("q", ""),
    }


def _named(tx: Tx, me: Actor, row: FeedToken) -> tuple[str, str, bool]:
    """(what a feed is of, its page, whether it still works) for its owner."""
    if row.kind == "search":
        return row.target, "/search", True
    works = actions.allowed(tx, row)
    if row.kind == "group":
        group = actions.group_of(tx, row)
        return (group.name or group.username, actor_path(group), works) if group is not None else ("–", "", False)
    root = actions.thread_of(tx, row)
    found = cards.of_posts(tx, me, [root]) if root is not None else []
    return (found[0].named(80), found[0].path, works) if found else ("–", "", False)
