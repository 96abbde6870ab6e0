"""A post with its thread: `/people/NAME/posts/ID` for posts written here, `/@NAME@DOMAIN/ID` for those from elsewhere.

What the viewer may not see is 404, the same as what is not there.
"""

import contextlib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fedi import deliveries, visibility
from fedi.actions import memberships, reading, scopes
from fedi.actions.moderation import may_moderate
from fedi.context import Site
from fedi.deliveries import Delivery
from fedi.errors import Forbidden, NotFound
from fedi.html import fitted, page
from fedi.languages import N_, _
from fedi.sessions import signed_in
from fedi.text import sanitise
from fedi.web import cards, invited, listing, moderation, questions, read_marks
from fedi.web.card import Card
from fedi.web.listing import PAGE, Listing
from fedi.web.paths import safe_link
from fedi.web.questions import Asked
from fedi.web.read_marks import ReadThread
from storage import actors, pins, replies, threads
from storage import posts as post_rows
from storage.actors import Actor
from storage.mentions import mentioned_in
from storage.metadata import Tx
from storage.outages import StorageUnavailable
from storage.posts import Post

NOTHING = N_("There is no such post, or it is not shown to you. If it is for members or followers, log in first.")
_ABOVE = 3
"""Posts that a reply is shown below of; the thread's first post is named as well."""
_TOLD = 10
"""Institutions that an author is told of, at most, as not having the post."""
_PART = 16_000
"""Characters of HTML of a long text on one page."""


async def show(request: Request) -> Response:
    """`/people/NAME/posts/ID`."""
    return await _page(request)


async def show_remote(request: Request) -> Response:
    """`/@NAME@DOMAIN/ID`."""
    return await _page(request)


@dataclass(frozen=True, slots=True)
class _Read:
    card: Card
    begun: Card | None
    ancestors: list[Card]
    replies: Listing
    indexable: bool
    answered: list[Actor]
    moderates: bool
    refused: str | None
    closed: bool
    readers: str | None
    elsewhere: list[Delivery]
    thread: ReadThread
    asked: Asked | None = None


async def _page(request: Request) -> Response:
    site: Site = request.app.state.site
    me = await signed_in(request)
    post_id: int = request.path_params["post_id"]
    after = listing.before(request)
    found = await site.db.read(lambda tx: _read(tx, site, me, post_id, after))
    if found is None:
        taken_out = await site.db.read(
            lambda tx: moderation.removed(tx, me, post_rows.by_id(tx, post_id) if post_id < 2**63 else None)
        )
        if taken_out is None:
            raise NotFound(_(NOTHING))
        return page(request, "removed.html", **taken_out)
    if unquote(found.card.path) != unquote(request.url.path):
        # The right post by another's name: one address for each, and nobody is given another's words.
        return RedirectResponse(found.card.path, 302)
    shown = read_marks.Shown()
    invitations = await invited.into(site, me, found.card.post) if me is not None else []
    variants = ({**context, "invited": invitations} for context in _variants(request, me, found))
    answer = fitted(request, "post.html", shown.noting(variants))
    up_to = read_marks.read_up_to(found.thread, shown.ids)
    if me is not None and up_to is not None:
        with contextlib.suppress(StorageUnavailable):  # a page can be read on a full disk
            await site.db.write(lambda tx: reading.read(tx, me.id, found.thread.root_id, up_to))
    return answer


def _read(tx: Tx, site: Site, me: Actor | None, post_id: int, after: int | None) -> _Read | None:
    viewer = cards.viewer_of(me)
    # SQLite and PostgreSQL take no number that is larger.
    post = visibility.seen(tx, viewer, [post_id]).get(post_id) if post_id < 2**63 else None
    if post is None:
        return None
    root = post.root_id or post.id
    shape = threads.shape(tx, root, visibility.visible_to(viewer))
    above, below = _around(post, shape)
    start = 0 if after is None else next((i + 1 for i, (reply, _) in enumerate(below) if reply == after), 0)
    shown = below[start : start + PAGE]
    near = above[-_ABOVE:]
    named = [root] if root != post.id and root not in near else []
    wanted = [post.id, *named, *near, *(reply for reply, _ in shown)]
    seen = visibility.seen(tx, viewer, wanted)
    made = {
        card.post.id: card
        for card in cards.of_posts(tx, me, [seen[one] for one in wanted if one in seen], depths=dict(shown))
    }
    if post.id not in made:
        return None
    card = made[post.id]
    thread = read_marks.of(tx, me, card, shape, [*above, post.id, *(reply for reply, _depth in below)], start)
    made = {one: replace(each, new=True) if one in thread.new else each for one, each in made.items()}
    made |= read_marks.answered_elsewhere(tx, me, made, [post.id, *(reply for reply, _depth in shown)])
    if card.group is not None and any(pin.post_id == post.id for pin in pins.of(tx, card.group.id)):
        card = replace(card, pinned=True)
    mentioned = actors.by_ids(tx, mentioned_in(tx, [post.id]).get(post.id, [])) if me is not None else {}
    in_private = post.visibility in ("peers", "members")
    group_ok = card.group is None or card.group.indexable
    return _Read(
        card=card,
        begun=made.get(root) if named else None,
        ancestors=[made[one] for one in near if one in made],
        replies=Listing(
            listing.wanted(tx, me, [made[one] for one, _ in shown if one in made], site.clock()),
            shown[-1][0] if start + PAGE < len(below) else None,
        ),
        indexable=post.local and post.visibility == "public" and card.author.indexable and group_ok,
        answered=[card.author, *mentioned.values()],
        moderates=me is not None and card.group is not None and may_moderate(tx, me, card.group),
        refused=_refused(tx, site, me, card) if me is not None else None,
        closed=replies.is_closed(tx, post),
        readers=scopes.words(tx, site, card.group)
        if me is not None and in_private and card.group is not None
        else None,
        elsewhere=_elsewhere(tx, site, post) if me is not None and me.id == post.author_id and post.local else [],
        thread=thread,
        asked=questions.of(tx, site, me, root),
    )


def _elsewhere(tx: Tx, site: Site, post: Post) -> list[Delivery]:
    """For its author: who did not take the post, and where it waits for a reason; at most ten."""
    told = [one for one in deliveries.of_post(tx, site, post) if one.state != "delivered" and one.why is not None]
    return told[:_TOLD]


def _refused(tx: Tx, site: Site, me: Actor, card: Card) -> str | None:
    """Why the viewer can't answer, as the actions would say; None where they can."""
    group = card.group
    try:
        memberships.may_answer(tx, me, card.post)
        if group is not None and card.post.visibility != "direct":
            group = memberships.answers_in(tx, me, group)
            (memberships.may_post if group.local else memberships.may_post_there)(tx, site, me, group)
    except Forbidden as problem:
        return problem.text
    return None


def _around(post: Post, shape: list[tuple[int, int | None]]) -> tuple[list[int], list[tuple[int, int]]]:
    """(what `post` answers, first post first; what answers it in reading order, each with its depth)."""
    parent = dict(shape)
    answers: dict[int, list[int]] = defaultdict(list)
    for reply, to in shape:
        if to is not None:
            answers[to].append(reply)
    above: list[int] = []
    one = post.reply_to_id
    while one is not None and one in parent and one not in above:
        above.append(one)
        one = parent[one]
    below: list[tuple[int, int]] = []
    waiting = [(reply, 1) for reply in reversed(answers[post.id])]
    passed = {post.id}
    while waiting:  # no recursion: peers decide how deep a thread is
        reply, depth = waiting.pop()
        if reply in passed:
            continue
        passed.add(reply)
        below.append((reply, depth))
        waiting += [(further, depth + 1) for further in reversed(answers[reply])]
    return above[::-1], below


def _variants(request: Request, me: Actor | None, found: _Read) -> Iterator[dict[str, Any]]:
    wanted = request.query_params.get("from", "")
    start = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 9 else 0
    card = found.card
    context: dict[str, Any] = {
        "me": me,
        "card": card,
        "begun": found.begun,
        "indexable": found.indexable,
        "moderates": found.moderates,
        "refused": found.refused,
        "closed": found.closed,
        "readers": found.readers,
        "elsewhere": found.elsewhere,
        "mine": me is not None and me.id == card.author.id,
        "done": request.query_params.get("done", ""),
        "jump": found.thread.jump,
        "asked": found.asked,
        "news": len(found.thread.new),
        "root": found.thread.root_id,
        "follows": found.thread.follows,
        "muted": found.thread.muted,
        "in_group": card.group is not None,
        "original": safe_link(card.post.url) if not card.post.local else None,
        "answer_text": _answered(me, found.answered),
        "answer_visibility": card.post.visibility
        if card.post.visibility in ("unlisted", "followers", "direct")
        else "public",
    }
    for size in (_PART, 8_000, 4_000, 2_000, 1_000):
        text, goes_on = part_of(card.body, min(start, len(card.body)), size)
        for variant in listing.variants(request, found.replies):
            replies = variant.pop("cards")
            yield {
                **variant,
                **context,
                "replies": replies,
                "ancestors": found.ancestors
                if len(replies) > 8 or len(found.replies.cards) <= 8
                else found.ancestors[-1:],
                "text": text,
                "start": start,
                "goes_on": goes_on,
            }


def _answered(me: Actor | None, others: list[Actor]) -> str:
    """The handles a reply begins with, as clients do it: the author and whom the post mentions, groups left out."""
    handles = dict.fromkeys(
        f"@{other.username if other.local else other.handle}"
        for other in others[:10]
        if not other.is_group and (me is None or other.id != me.id)
    )
    return "".join(f"{handle} " for handle in handles)


_END = re.compile(r"</(?:p|ul|ol|pre|blockquote)>")


def part_of(content: str, start: int, size: int) -> tuple[str, int | None]:
    """At most `size` characters of `content`, sanitised HTML, from `start` on, and where it goes on (None: nowhere).

    It is cut between blocks where there are any, else between words, never within a tag; what comes back is well-formed.
    """
    if start == 0 and len(content) <= size:
        return content, None
    end = start + size
    if end >= len(content):
        return sanitise(content[start:]), None
    ends = [found.end() for found in _END.finditer(content, start, end)]
    if ends:
        end = ends[-1]
    else:
        opened = content.rfind("<", start, end)
        if opened > content.rfind(">", start, end):
            # A tag longer than the part is passed over whole.
            end = opened if opened > start else content.find(">", end) + 1 or len(content)
        elif (space := content.rfind(" ", start + size // 2, end)) > 0:
            end = space
        elif (entity := content.rfind("&", end - 10, end)) > start:
            end = entity
    return sanitise(content[start:end]), end if end < len(content) else None
