"""What one has read and how much one hears: `/catch-up`, and the forms `POST /read`, `POST /thread`, `POST /volume`."""

from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedi import visibility
from fedi.actions import catching_up, reading, volumes
from fedi.context import Site
from fedi.errors import NotFound, Problem
from fedi.forms import local_path, number, person, see_other, sent, text
from fedi.html import fitted
from fedi.languages import _
from fedi.web import cards
from fedi.web.card import Card
from fedi.web.paths import actor_path
from storage import mutes, posts, thread_reads
from storage.actors import Actor
from storage.metadata import Tx

_SIZES = ((10, 5, 140), (10, 5, 0), (10, 3, 0), (6, 3, 0), (4, 2, 0), (2, 1, 0))
"""(groups, threads of each, characters of each thread), tried in this order until the page fits."""


async def catch_up(request: Request) -> Response:
    """`/catch-up`: what happened since one was here, by group; a reason for each thread, and an end."""
    site: Site = request.app.state.site
    me = await person(request)
    found = await site.db.read(lambda tx: _read(tx, site, me))

    def variants() -> Iterator[dict[str, Any]]:
        for groups, each, cut in _SIZES:
            shown = found["groups"][:groups]
            yield {
                **found,
                "groups": [{**one, "threads": one["threads"][:each]} for one in shown],
                "rest": found["groups"][groups:],
                "cut": cut,
                "done": request.query_params.get("done", ""),
            }

    return fitted(request, "catch-up.html", variants())


def _read(tx: Tx, site: Site, me: Actor) -> dict[str, Any]:
    several = catching_up.of(tx, site, me)
    ids = [thread.root_id for one in several for thread in one.threads]
    seen = visibility.seen(tx, cards.viewer_of(me), ids)
    made: dict[int, Card] = {card.post.id: card for card in cards.of_posts(tx, me, list(seen.values()), quotes=False)}
    groups = [
        {
            "actor": one.group,
            "path": actor_path(one.group),
            "number": one.number,
            "up_to": one.up_to,
            "threads": [
                {"card": made[thread.root_id], "reason": thread.reason, "new": thread.posts, "at": thread.at}
                for thread in one.threads
                if thread.root_id in made
            ],
        }
        for one in several
    ]
    return {
        "groups": [one for one in groups if one["threads"]],
        "number": sum(one.number for one in several),
        "up_to": max((one.up_to for one in several), default=0),
        "has_groups": bool(several) or bool(reading.mine(tx, me.id)),
    }


async def read(request: Request) -> Response:
    """`POST /read`: a thread (`root`), a group (`group`), or everything counts as read, up to the post `up_to`."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    root_id, group_id, up_to = number(form, "root"), number(form, "group"), number(form, "up_to")

    def write(tx: Tx) -> None:
        if root_id is not None:
            last = reading.newest(tx, me.id, root_id)
            if last is not None:
                reading.read(tx, me.id, root_id, min(last, up_to or last))
        else:
            of = [group_id] if group_id is not None else reading.mine(tx, me.id)
            reading.read_groups(tx, site, me.id, of, up_to)

    await site.db.write(write)
    return see_other(_done(text(form, "next"), "read"))


async def thread(request: Request) -> Response:
    """`POST /thread`: hear of answers in it or not, or of nothing in it at all."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    root_id, verb = number(form, "root"), text(form, "do", 20)

    def write(tx: Tx) -> None:
        root = posts.by_id(tx, root_id) if root_id is not None else None
        first = root_id if root is None or root.root_id is None else root.root_id
        # The same answer for what is not shown and for what is not there; what was said before can be taken back all the same.
        if root_id is None or (verb in ("follow", "mute") and reading.newest(tx, me.id, first or 0) is None):
            raise NotFound(_("This thread is not there (any more)."))
        set_hearing(tx, site, me.id, root_id, verb)

    await site.db.write(write)
    said = {"follow": "followed", "unfollow": "unfollowed", "mute": "muted", "unmute": "unmuted"}
    return see_other(_done(text(form, "next"), said[verb]))


def set_hearing(tx: Tx, site: Site, person_id: int, root_id: int, verb: str) -> None:
    """Do one of follow, unfollow, mute, unmute to a thread. Raises Problem for another word."""
    if verb == "follow":
        thread_reads.follow(tx, person_id, root_id, site.clock())
    elif verb == "unfollow":
        thread_reads.unfollow(tx, person_id, root_id)
    elif verb == "mute":
        mutes.mute_thread(tx, person_id, root_id, site.clock())
    elif verb == "unmute":
        mutes.unmute_thread(tx, person_id, root_id)
    else:
        raise Problem(_("This button says nothing that can be done; go back and try again."))


async def volume(request: Request) -> Response:
    """`POST /volume`: how loud a group is."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    group_id, level = number(form, "group"), text(form, "level", 20)
    await site.db.write(lambda tx: volumes.set_volume(tx, me.id, group_id or 0, level))
    return see_other(_done(text(form, "next"), "volume"))


def _done(wanted: str, what: str) -> str:
    """The page to go back to, told what was done; one that has a query is taken as it is."""
    path = local_path(wanted, "/groups")
    return path if "?" in path else f"{path}?done={what}"
