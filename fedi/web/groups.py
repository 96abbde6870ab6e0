"""`/groups`: the groups of this instance and those elsewhere that its people are in; `/groups/NAME`: one of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fedi import visibility
from fedi.actions import scopes
from fedi.actions.memberships import banned
from fedi.actions.moderation import may_moderate
from fedi.context import Site
from fedi.errors import NotFound
from fedi.html import fitted
from fedi.languages import day
from fedi.sessions import signed_in
from fedi.text import to_text
from fedi.text.mentions import shortened
from fedi.web import cards, listing
from fedi.web.cards import Card, actor_path, safe_link
from fedi.web.listing import Listing
from storage import actors, follows, memberships, pins, reports, threads, twins
from storage import groups as group_rows
from storage.actors import Actor
from storage.memberships import Membership
from storage.metadata import Tx

_JOINING = {"open": "everyone may join", "approval": "moderators let members in", "invite": "by invitation"}
_READING = {"public": "everyone reads", "peers": "agreed institutions read", "members": "only members read"}
_LISTED = 40
_PINNED = 5


@dataclass(frozen=True, slots=True)
class Named:
    """A group in a list."""

    actor: Actor
    path: str
    members: str
    about: str


def _people(group: Actor) -> str:
    """How many are in it; of a group elsewhere only those of this instance are known."""
    number = group.followers_count
    return f"{number} {'member' if number == 1 else 'members'}{'' if group.local else ' from here'}"


def named(tx: Tx, *, local: bool, limit: int, after: int | None = None) -> list[Named]:
    """Groups for a list of them, as `storage.groups.listed` finds them."""
    found = group_rows.listed(tx, limit, local=local, before=after)
    return [
        Named(
            actor,
            actor_path(actor),
            _people(actor),
            shortened(to_text(actor.summary[:2000]), 110),
        )
        for actor in found
    ]


async def index(request: Request) -> Response:
    """The list of groups."""
    site: Site = request.app.state.site
    me = await signed_in(request)
    cursor = listing.before(request)

    def read(tx: Tx) -> tuple[list[Named], list[Named]]:
        here = named(tx, local=True, limit=_LISTED + 1, after=cursor)
        elsewhere = named(tx, local=False, limit=20) if cursor is None else []
        return here, elsewhere

    here, elsewhere = await site.db.read(read)

    def variants() -> Iterator[dict[str, Any]]:
        for count in (_LISTED, 20, 10, 5):
            shown = here[:count]
            lists = [(f"At {site.config.name}", shown)] if shown else []
            if elsewhere:
                lists.append(("At other universities", elsewhere[: count // 2]))
            yield {
                "lists": lists,
                "me": me,
                "older": f"/groups?before={shown[-1].actor.id}" if len(here) > count else None,
            }

    return fitted(request, "groups.html", variants())


async def local_group(request: Request) -> Actor:
    """The group of this instance that the path names. Raises NotFound."""
    site: Site = request.app.state.site
    name: str = request.path_params["name"]
    found = await site.db.read(lambda tx: actors.by_name(tx, name, site.config.handle_domain))
    if found is None or not found.local or not found.is_group or found.state != "active":
        raise NotFound("There is no group of this name here.")
    return found


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
    found = await site.db.read(lambda tx: _read(tx, site, me, group, listing.before(request)))
    row = found.pop("row")
    context = {
        **found,
        "group": group,
        "members": _people(group),
        "joining": _JOINING.get(row.join_mode, row.join_mode) if row else "joined by following it",
        "reading": _READING.get(row.see, row.see) if row else "everyone reads",
        "rules": row.rules if row else [],
        "original": safe_link(group.url),
        "indexable": group.local and group.indexable,
        "group_path": actor_path(group),
    }
    return fitted(request, "group.html", listing.variants(request, context.pop("listing"), **context))


def _read(tx: Tx, site: Site, me: Actor | None, group: Actor, cursor: int | None) -> dict[str, Any]:
    viewer = cards.viewer_of(me)
    hidden = not visibility.may_see_group(tx, viewer, group) if group.local else False
    moderating = actors.by_ids(tx, memberships.moderators(tx, group.id)[:5]) if not hidden else {}
    follow = follows.find(tx, me.id, group.id) if me is not None else None
    membership = memberships.find(tx, group.id, me.id) if me is not None else None
    row = group_rows.by_id(tx, group.id)
    invited = membership is not None and membership.state == "invited"
    moderates = me is not None and may_moderate(tx, me, group)
    pinned = [] if hidden or cursor is not None else listing.wanted(tx, me, _pinned(tx, me, group), site.clock())
    return {
        "row": row,
        "can_join": row is None or row.join_mode != "invite" or invited,
        "hidden": hidden,
        "asked": cards.asking(tx, group.id) if group.local and membership is not None and membership.moderates else [],
        "moderates": moderates,
        "inside": moderates or (membership is not None and membership.state == "accepted"),
        "open_reports": len(reports.listed(tx, 100, state="open", group_id=group.id)) if moderates else 0,
        "banned": _banned(site, group, membership),
        "pinned": pinned,
        "state": follow.state if follow is not None else None,
        "moved": cards.moved_to(tx, group),
        "waits": cards.waits_at(tx, me, group),
        "scope": scopes.MODE_WORDS[scopes.mode_of(tx, group)] if group.local and row and row.see != "public" else None,
        "readers": scopes.words(tx, site, group, row) if follow is not None and follow.state == "accepted" else None,
        "twins": [] if hidden else _twins(tx, group),
        "moderators": [(actor, actor_path(actor)) for actor in moderating.values()],
        "listing": Listing([], None)
        if hidden
        else _threads(tx, site, me, group, cursor, [one.post.id for one in pinned]),
    }


def _twins(tx: Tx, group: Actor) -> list[tuple[Actor, str]]:
    """The groups elsewhere that a group of this instance is one with, oldest first."""
    joined = [row.other_id for row in twins.of_group(tx, group.id) if row.state == "joined"]
    known = actors.by_ids(tx, joined)
    return [(known[one], actor_path(known[one])) for one in joined if one in known]


def _banned(site: Site, group: Actor, membership: Membership | None) -> str | None:
    """A sentence for who is banned; None for everyone else."""
    if membership is None or not banned(site, membership):
        return None
    end = "" if membership.until is None else f" until {day(membership.until)}"
    why = f" The reason given: {membership.reason}" if membership.reason else ""
    return f"You are banned from {group.name}{end}: you can't post here or join again.{why}"


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


def _threads(tx: Tx, site: Site, me: Actor | None, group: Actor, cursor: int | None, without: list[int]) -> Listing:
    """A page of the group's threads, last active first, `without` those that stand above it."""
    viewer = cards.viewer_of(me)
    found = threads.active(tx, group.id, visibility.visible_to(viewer), listing.PAGE + 1, cursor)
    shown = found[: listing.PAGE]
    seen = visibility.seen(tx, viewer, [thread.root_id for thread in shown] + [thread.last_id for thread in shown])
    roots = cards.of_posts(tx, me, [seen[thread.root_id] for thread in shown if thread.root_id in seen])
    by_root = {thread.root_id: thread for thread in shown}
    made = []
    for card in roots:
        if card.post.id in without:
            continue
        thread = by_root[card.post.id]
        last = seen.get(thread.last_id, card.post)
        made.append(replace(card, cursor=thread.last_id, last_at=last.published_at, replies=thread.posts - 1))
    kept = listing.wanted(tx, me, made, site.clock())
    return Listing(kept, shown[-1].last_id if len(found) > listing.PAGE else None)
