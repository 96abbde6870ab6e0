"""`/groups/NAME`: a group and its threads, as one wants to see them. `fedi.web.discovering` lists groups, and
`fedi.web.group_about` says what one is like and who is in it."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fedi import visibility
from fedi.actions import reading, scopes, volumes
from fedi.actions.memberships import banned
from fedi.actions.moderation import may_moderate
from fedi.context import Site
from fedi.html import fitted
from fedi.languages import N_, _, day
from fedi.sessions import signed_in
from fedi.text import to_text
from fedi.text.mentions import shortened
from fedi.web import cards, listing
from fedi.web.card import Card
from fedi.web.group_words import VOLUMES, people_in, tabs_of, words_of
from fedi.web.handles import local_group
from fedi.web.listing import Listing
from fedi.web.paths import actor_path, safe_link
from storage import actors, cases, follows, memberships, pins, questions, threads, twins
from storage import groups as group_rows
from storage.actors import Actor
from storage.memberships import Membership
from storage.metadata import Tx
from storage.thread_reads import Unread
from storage.threads import Thread

VIEWS = {
    "active": N_("Active"),
    "new": N_("New"),
    "unread": N_("Unread"),
    "unanswered": N_("Unanswered"),
    "open": N_("Open questions"),
}
_NONE = {
    "unread": N_("You have read everything here."),
    "unanswered": N_("Every thread has an answer."),
    "open": N_("No question is open."),
}
_PINNED = 5


@dataclass(frozen=True, slots=True)
class Named:
    """A group in a list."""

    actor: Actor
    path: str
    members: str
    about: str

    @classmethod
    def of(cls, group: Actor) -> "Named":
        """The line of a group."""
        return cls(group, actor_path(group), people_in(group), shortened(to_text(group.summary[:2000]), 110))


def named(tx: Tx, *, local: bool, limit: int, after: int | None = None, language: str = "") -> list[Named]:
    """Groups for a list of them, as `storage.groups.listed` finds them."""
    return [Named.of(one) for one in group_rows.listed(tx, limit, local=local, before=after, language=language)]


async def show(request: Request) -> Response:
    """`/groups/NAME`: a group of this instance."""
    found = await local_group(request)
    if found.username != request.path_params["name"]:
        return RedirectResponse(actor_path(found), 301)
    return await page_of(request, found)


async def page_of(request: Request, group: Actor) -> Response:
    """The page of a group, wherever it is hosted."""
    site: Site = request.app.state.site
    me = await signed_in(request)
    wanted = request.query_params.get("view", "active")
    asked = Asked(wanted if wanted in VIEWS else "active", listing.before(request))
    found = await site.db.read(lambda tx: _read(tx, site, me, group, asked))
    row = found.pop("row")
    context = {
        **found,
        **words_of(group, row),
        "group": group,
        "done": request.query_params.get("done", ""),
        "lead": shortened(to_text(group.summary[:4000]), 240),
        "rules": row.rules if row else [],
        "original": safe_link(group.url),
        "indexable": group.local and group.indexable and asked.view == "active",
        "group_path": actor_path(group),
        "view": asked.view,
        "nothing": _(_NONE[asked.view]) if asked.view in _NONE else "",
    }
    return fitted(request, "group.html", listing.variants(request, context.pop("listing"), **context))


@dataclass(frozen=True, slots=True)
class Asked:
    """Which threads of a group are wanted: a key of `VIEWS`, and the cursor of the page."""

    view: str
    cursor: int | None


def _read(tx: Tx, site: Site, me: Actor | None, group: Actor, asked: Asked) -> dict[str, Any]:
    viewer = cards.viewer_of(me)
    hidden = not visibility.may_see_group(tx, viewer, group) if group.local else False
    follow = follows.find(tx, me.id, group.id) if me is not None else None
    state = follow.state if follow is not None else None
    membership = memberships.find(tx, group.id, me.id) if me is not None else None
    row = group_rows.by_id(tx, group.id)
    invited = membership is not None and membership.state == "invited"
    moderates = me is not None and may_moderate(tx, me, group)
    inside = moderates or (membership is not None and membership.state == "accepted")
    first = asked.view == "active" and asked.cursor is None and not hidden
    pinned = listing.wanted(tx, me, _pinned(tx, me, group), site.clock()) if first else []
    unread = _unread(tx, site, me, group) if me is not None and state == "accepted" and not hidden else {}
    waiting = cases.waiting(tx, group.id) if moderates else 0
    pinned = [_marked(card, unread) for card in pinned]
    return {
        "row": row,
        "can_join": row is None or row.join_mode != "invite" or invited,
        "invited": invited and state is None,
        "hidden": hidden,
        "asked": cards.asking(tx, group.id) if group.local and membership is not None and membership.moderates else [],
        "tabs": tabs_of(group, inside=inside, moderates=moderates, waiting=waiting),
        "views": _views(group, asked, len(unread) if state == "accepted" else None) if not hidden else [],
        "fresh": bool(unread),
        "banned": _banned(site, group, membership),
        "over": row is not None and row.is_over(site.clock()),
        "pinned": pinned,
        "state": state,
        "volume": volumes.of_group(tx, me.id, group.id) if me is not None and state == "accepted" else None,
        "volumes": {level: (_(name), _(said)) for level, (name, said) in VOLUMES.items()},
        "moved": cards.moved_to(tx, group),
        "waits": cards.waits_at(tx, me, group),
        "scope": scopes.mode_words(tx, group) if group.local and row and row.see != "public" else None,
        "twins": [] if hidden else _twins(tx, group),
        "listing": Listing([], None)
        if hidden
        else _threads(tx, site, me, group, asked, unread, [one.post.id for one in pinned]),
    }


def _views(group: Actor, asked: Asked, unread: int | None) -> list[tuple[str, str, int | None]]:
    """The tabs over the threads; what is unread is for who is in the group."""
    path = actor_path(group)
    return [
        (_(name), path if view == "active" else f"{path}?view={view}", unread if view == "unread" else None)
        for view, name in VIEWS.items()
        if view != "unread" or unread is not None
    ]


def _unread(tx: Tx, site: Site, me: Actor, group: Actor) -> dict[int, Unread]:
    found = reading.threads(tx, me.id, reading.since(tx, me.id, [group.id]), site.clock())
    return {one.root_id: one for one in found.get(group.id, [])}


def _marked(card: Card, unread: dict[int, Unread]) -> Card:
    new = unread.get(card.post.id)
    return replace(card, unread=new.posts) if new is not None else card


def _twins(tx: Tx, group: Actor) -> list[tuple[Actor, str]]:
    """The groups elsewhere that a group of this instance is one with, oldest first."""
    joined = [row.other_id for row in twins.of_group(tx, group.id) if row.state == "joined"]
    known = actors.by_ids(tx, joined)
    return [(known[one], actor_path(known[one])) for one in joined if one in known]


def _banned(site: Site, group: Actor, membership: Membership | None) -> str | None:
    """A sentence for who is banned; None for everyone else."""
    if membership is None or not banned(site, membership):
        return None
    named = {"group": group.name}
    if membership.until is None:
        said = _("You are banned from %(group)s: you can't post here or join again.") % named
    else:
        named["day"] = day(membership.until)
        said = _("You are banned from %(group)s until %(day)s: you can't post here or join again.") % named
    if not membership.reason:
        return said
    return said + " " + _("The reason given: %(reason)s") % {"reason": membership.reason}


def _pinned(tx: Tx, me: Actor | None, group: Actor) -> list[Card]:
    """What moderators put first, last pinned first."""
    ids = [pin.post_id for pin in pins.of(tx, group.id)][:_PINNED]
    viewer = cards.viewer_of(me)
    seen = visibility.seen(tx, viewer, ids)
    counted = threads.summed(tx, list(seen), visibility.visible_to(viewer))
    made = cards.of_posts(tx, me, [seen[one] for one in ids if one in seen])
    return [
        replace(card, replies=counted[card.post.id].posts - 1 if card.post.id in counted else 0, pinned=True)
        for card in made
    ]


def _found(
    tx: Tx, group: Actor, visible: ColumnElement[bool], asked: Asked, unread: dict[int, Unread]
) -> tuple[list[Thread], list[int]]:
    """The threads of a view, one more than a page has, and of each the id by which the list goes on."""
    limit, before = listing.PAGE + 1, asked.cursor
    if asked.view == "unread":
        new = [one for one in unread.values() if before is None or one.last_id < before][:limit]
        known = threads.summed(tx, [one.root_id for one in new], visible)
        return [known[one.root_id] for one in new if one.root_id in known], [
            one.last_id for one in new if one.root_id in known
        ]
    if asked.view == "active":
        found = threads.active(tx, group.id, visible, limit, before)
        return found, [thread.last_id for thread in found]
    if asked.view == "unanswered":
        found = threads.unanswered(tx, group.id, visible, limit, before)
    elif asked.view == "open":
        found = threads.newest(tx, group.id, visible, limit, before, questions.open_in(group.id))
    else:
        found = threads.newest(tx, group.id, visible, limit, before)
    return found, [thread.root_id for thread in found]


def _threads(
    tx: Tx,
    site: Site,
    me: Actor | None,
    group: Actor,
    asked: Asked,
    unread: dict[int, Unread],
    without: list[int],
) -> Listing:
    """A page of the group's threads, `without` those that stand above it."""
    viewer = cards.viewer_of(me)
    found, cursors = _found(tx, group, visibility.visible_to(viewer), asked, unread)
    shown = found[: listing.PAGE]
    seen = visibility.seen(tx, viewer, [thread.root_id for thread in shown] + [thread.last_id for thread in shown])
    roots = cards.of_posts(tx, me, [seen[thread.root_id] for thread in shown if thread.root_id in seen])
    by_root = {thread.root_id: (thread, cursor) for thread, cursor in zip(shown, cursors, strict=False)}
    made = []
    for card in roots:
        if card.post.id in without:
            continue
        thread, cursor = by_root[card.post.id]
        last = seen.get(thread.last_id, card.post)
        made.append(_marked(replace(card, cursor=cursor, last_at=last.published_at, replies=thread.posts - 1), unread))
    kept = listing.wanted(tx, me, made, site.clock())
    return Listing(kept, cursors[listing.PAGE - 1] if len(found) > listing.PAGE else None)
