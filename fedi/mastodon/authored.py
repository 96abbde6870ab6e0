"""What an account wrote and passed on: GET /api/v1/accounts/ID/statuses. Of a group these are its threads, last active first.

Clients page by the ids of what they got (`max_id` of the last one) or by the Link header, expect ids to fall, and have
never heard of threads that move up. So a wrapper on a group's page has an id of its own, made of the id of its thread's
newest post that the caller may see (`storage.ids.place`): a thread with a new answer has a greater id, all ids of the
page fall, each is a cursor of the same order, and nothing has to be written when somebody answers. Each of these ids leads
to the thread wherever an id of a status is taken (`load.find`). In homes and lists a thread stays where it came first.
"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fedi import visibility
from fedi.callers import bearer, identify, viewer
from fedi.context import Site
from fedi.feeds import is_noise
from fedi.hiding import hidden
from fedi.mastodon import arguments
from fedi.mastodon.accounts import there
from fedi.mastodon.answers import Json
from fedi.mastodon.entities.status import statuses as statuses_of
from fedi.mastodon.load import Shown, bundle, of_entry
from fedi.mastodon.paging import Paging, fill, links
from fedi.mastodon.timelines import Shows, shows
from fedi.visibility import Viewer
from storage import pins, reactions, threads, timelines
from storage.actors import Actor
from storage.ids import place, without_place
from storage.metadata import Tx
from storage.posts import Post
from storage.tags import plain, tags_of
from storage.timelines import Entry, Page


class Statuses(Paging, kw_only=True):
    """The query of GET /api/v1/accounts/ID/statuses."""

    pinned: bool = False
    exclude_replies: bool = False
    exclude_reblogs: bool = False
    exclude_direct: bool = False  # direct posts are never listed here
    only_media: bool = False
    tagged: str = ""


async def statuses(request: Request) -> Response:
    """GET /api/v1/accounts/ID/statuses: what it wrote and boosted; of a group, the threads it put before its members.

    Whom the caller mutes is shown, as one came to read them; who blocks the caller, or is blocked, is not.
    """
    site: Site = request.app.state.site
    account_id = arguments.path_id(request)
    asked = arguments.query(request, Statuses)
    token = bearer(request)

    def unit(tx: Tx) -> Shows:
        looks = viewer(identify(tx, token, "read:statuses"))
        owner = there(tx, account_id)
        if owner.state != "active" or visibility.shut_out(tx, looks, [owner.id]):
            return [], None, None
        if owner.is_group and not visibility.may_see_group(tx, looks, owner):
            return [], None, None
        if asked.pinned:
            return _pinned(tx, site, looks, owner, asked.page())
        if owner.is_group:
            return _of_group(tx, site, looks, owner, asked)
        return _of_person(tx, site, looks, owner, asked)

    found, first, last = await site.db.read_quickly(unit)
    return Json(found, headers=links(request, first, last))


def _of_person(tx: Tx, site: Site, looks: Viewer, owner: Actor, asked: Statuses) -> Shows:
    blocked = hidden(tx, looks.person_id, site.clock()).blocked - {owner.id}
    gate = visibility.entry_visible_to(looks)
    seen: dict[int, Post] = {}

    def keep(rows: list[Entry]) -> list[Entry]:
        seen.update(visibility.seen(tx, looks, list({row.post_id for row in rows} - seen.keys())))
        return [row for row in rows if row.post_id in seen and seen[row.post_id].author_id not in blocked]

    def fetch(at: Page) -> list[Entry]:
        return timelines.of_actor(
            tx,
            owner.id,
            at,
            boosts=not asked.exclude_reblogs,
            replies=not asked.exclude_replies,
            media=asked.only_media,
            tag=asked.tagged or None,
            visible=gate,
        )

    filled = fill(asked.page(), fetch, lambda row: row.id, keep)
    return shows(tx, site, looks, [of_entry(row) for row in filled.items], filled, seen)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a group's page: a thread where its newest post puts it, or (`entry`) what a group elsewhere passed on or
    wrote beside its threads."""

    at: int
    post_id: int
    entry: Entry | None = None


def _of_group(tx: Tx, site: Site, looks: Viewer, group: Actor, asked: Statuses) -> Shows:
    page = asked.page()
    page = Page(page.limit, *(None if one is None else without_place(one) for one in _bounds(page)))
    gate = visibility.visible_to(looks)
    blocked = hidden(tx, looks.person_id, site.clock()).blocked
    tag = plain(asked.tagged)
    seen: dict[int, Post] = {}

    def fetch(at: Page) -> list[_Line]:
        lines: list[_Line] = []
        if not asked.exclude_reblogs:
            lines = [_Line(one.last_id, one.root_id) for one in threads.of_group(tx, group.id, gate, at)]
        if not group.local:
            passed_on = visibility.entry_visible_to(looks)
            others = timelines.of_actor(tx, group.id, at, boosts=not asked.exclude_reblogs, visible=passed_on)
            lines += [_Line(entry.id, entry.post_id, entry) for entry in others]
        lines.sort(key=lambda line: line.at, reverse=at.min_id is None)
        return sorted(lines[: at.limit], key=lambda line: line.at, reverse=True)

    def keep(lines: list[_Line]) -> list[_Line]:
        ids = list({line.post_id for line in lines} - seen.keys())
        seen.update(visibility.seen(tx, looks, ids))
        tagged = tags_of(tx, ids) if tag else {}
        return [
            line
            for line in lines
            if (post := seen.get(line.post_id)) is not None
            and post.author_id not in blocked
            and _belongs(line, post, group)
            and (not asked.only_media or post.attachments)
            and (not tag or tag in tagged.get(post.id, ()))
        ]

    filled = fill(page, fetch, lambda line: line.at, keep)
    known = reactions.boosts_among(tx, group.id, [line.post_id for line in filled.items])
    items = [_shown(line, group, known.get(line.post_id)) for line in filled.items]
    first, last = ((None if at is None else place(at)) for at in (filled.first, filled.last))
    rows = bundle(tx, site, looks, items, seen=seen)
    return statuses_of(rows, items), first, last


def _bounds(page: Page) -> tuple[int | None, int | None, int | None]:
    return page.max_id, page.since_id, page.min_id


def _belongs(line: _Line, post: Post, group: Actor) -> bool:
    if line.entry is None:
        return post.group_id == group.id and post.reply_to_iri is None
    # A thread of the group's own has its line already.
    return not line.entry.boost or (post.group_id != group.id and not is_noise(line.entry, post))


def _shown(line: _Line, group: Actor, boost_id: int | None) -> Shown:
    if line.entry is not None and not line.entry.boost:
        return Shown(line.entry.id, line.post_id)
    return Shown(place(line.at), line.post_id, group.id, boost_id)


def _pinned(tx: Tx, site: Site, looks: Viewer, owner: Actor, page: Page) -> Shows:
    """What a person or group put first, last pinned first; they are few, so there is one page."""
    if page.max_id is not None or page.min_id is not None or page.since_id is not None:
        return [], None, None
    ids = [pin.post_id for pin in pins.of(tx, owner.id)]
    seen = visibility.seen(tx, looks, ids)
    items = [Shown(one, one) for one in ids if one in seen][: page.limit]
    return statuses_of(bundle(tx, site, looks, items, seen=seen), items), None, None


ROUTES = [
    Route("/api/v1/accounts/{id}/statuses", statuses),
]
