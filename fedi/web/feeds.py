"""Atom feeds: of a group and a thread that everybody may read at their own address, of all others at one with a token.

`/groups/NAME/feed.atom`, `/threads/ID/feed.atom`, `/feeds/TOKEN.atom`. What is in one is what its reader would see on the page,
at each poll; who may not read it any more, or took the address back, gets 410, which readers take for an end.
"""

import gzip
import hashlib
from dataclasses import replace
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from fedi import searching, visibility
from fedi.actions import feed_tokens as actions
from fedi.context import Site
from fedi.errors import NotFound
from fedi.hiding import hidden
from fedi.html import WIRE
from fedi.languages import N_, _
from fedi.rendering import atom
from fedi.rendering.atom import Entry, Feed
from fedi.text import sanitise
from fedi.visibility import Viewer
from fedi.web import cards
from fedi.web.card import Card
from fedi.web.paths import actor_path, post_path
from fedi.web.posts import part_of
from storage import actors, feed_tokens, news
from storage.actors import Actor
from storage.feed_tokens import FeedToken
from storage.metadata import Tx
from storage.posts import Post

POSTS = 30
_SIZES = ((POSTS, 6_000), (POSTS, 2_000), (20, 1_000), (20, 400), (10, 300), (5, 200), (1, 200))
"""(entries, characters of each), tried in this order until the feed fits into what a page may have on the wire."""
PRIVATE = N_("Not everybody may read this. Make a feed of your own in your settings, under Feeds.")
GONE = "This feed is gone: its address was taken back, or may not be read any more. Make a new one in your settings.\n"


async def group(request: Request) -> Response:
    """`/groups/NAME/feed.atom`: what everybody may read of a group."""
    site: Site = request.app.state.site
    name: str = request.path_params["name"]

    def read(tx: Tx) -> Feed | None:
        found = actors.by_name(tx, name, site.config.handle_domain)
        if found is None or not found.local or not found.is_group:
            return None
        if found.state != "active" or not visibility.may_see_group(tx, visibility.NOBODY, found):
            return None
        return _of_group(tx, site, None, found, site.iri(f"{actor_path(found)}/feed.atom"))

    return _answered(request, await site.db.read(read))


async def thread(request: Request) -> Response:
    """`/threads/ID/feed.atom`: what everybody may read of a thread, by the id of any post in it."""
    site: Site = request.app.state.site
    post_id: int = request.path_params["id"]

    def read(tx: Tx) -> Feed | None:
        root = actions.root_of(tx, post_id, visibility.NOBODY) if post_id < 2**63 else None
        return None if root is None else _of_thread(tx, site, None, root, site.iri(f"/threads/{root.id}/feed.atom"))

    return _answered(request, await site.db.read(read))


async def private(request: Request) -> Response:
    """`/feeds/TOKEN.atom`: the one feed that this token is for, as its owner sees it."""
    site: Site = request.app.state.site
    token: str = request.path_params["token"]
    address = site.iri(f"/feeds/{token}.atom")

    def read(tx: Tx) -> tuple[FeedToken | None, Feed | None]:
        row = feed_tokens.by_token(tx, token) if len(token) < 100 else None
        if row is None or not actions.allowed(tx, row):
            return row, None
        me = actors.by_id(tx, row.person_id)
        if row.kind == "group":
            found = actions.group_of(tx, row)
            return row, None if found is None else _of_group(tx, site, me, found, address)
        if row.kind == "thread":
            root = actions.thread_of(tx, row)
            return row, None if root is None else _of_thread(tx, site, me, root, address)
        return row, _of_search(tx, site, me, row.target, address)

    row, feed = await site.db.read(read)
    if row is None:
        raise NotFound(_("There is no feed at this address."))
    if feed is None:
        return PlainTextResponse(GONE, 410, {"cache-control": "no-store"})
    now = site.clock()
    if not actions.is_noted(row, now):
        await site.db.write(lambda tx: actions.used(tx, row, now))
    return _answered(request, feed)


def _of_group(tx: Tx, site: Site, me: Actor | None, group_: Actor, address: str) -> Feed:
    viewer = cards.viewer_of(me)
    ids = news.newest(tx, group_.id, visibility.visible_to(viewer), POSTS)
    title = f"{group_.name or group_.username} – {site.config.name}"
    return _feed(
        tx, site, me, ids, Feed(group_.iri, address, site.iri(actor_path(group_)), title, group_.created_at, ())
    )


def _of_thread(tx: Tx, site: Site, me: Actor | None, root: Post, address: str) -> Feed:
    viewer = cards.viewer_of(me)
    ids = news.newest_in(tx, root.root_id or root.id, visibility.visible_to(viewer), POSTS)
    (card,) = cards.of_posts(tx, me, [root]) or (None,)
    title = f"{card.named(100) if card is not None else root.iri} – {site.config.name}"
    page = site.iri(card.path if card is not None else "/")
    # Not the post's own id: a feed and an entry of it are two things.
    return _feed(tx, site, me, ids, Feed(f"{root.iri}#thread", address, page, title, root.published_at, ()))


def _of_search(tx: Tx, site: Site, me: Actor | None, words: str, address: str) -> Feed:
    ids = [] if me is None else searching.posts(tx, site, me.id, words, POSTS)
    page = site.iri(f"/search?q={quote(words, safe='')}")
    return _feed(tx, site, me, ids, Feed(page, address, page, f"{words} – {site.config.name}", 0, ()))


def _feed(tx: Tx, site: Site, me: Actor | None, ids: list[int], frame: Feed) -> Feed:
    """The feed with these posts, through the gate, without those of whom its reader does not want to meet."""
    viewer: Viewer = cards.viewer_of(me)
    seen = visibility.seen(tx, viewer, ids)
    hides = hidden(tx, me.id if me is not None else None, site.clock())
    made = [
        card for card in cards.of_posts(tx, me, [seen[one] for one in ids if one in seen]) if hides.reads(card.author)
    ]
    wanted = [card.post.reply_to_id for card in made if card.post.reply_to_id is not None]
    above = visibility.seen(tx, viewer, wanted)
    writers = actors.by_ids(tx, [one.author_id for one in above.values()])
    entries = [_entry(site, card, above.get(card.post.reply_to_id or 0), writers) for card in made]
    return replace(frame, entries=entries)


def _entry(site: Site, card: Card, above: Post | None, writers: dict[int, Actor]) -> Entry:
    """Of what has a warning only that is told, as on the page before it is opened."""
    post = card.post
    answers = None
    if post.reply_to_iri is not None:
        by = writers.get(above.author_id) if above is not None else None
        page = site.iri(post_path(above, by)) if above is not None and by is not None else post.reply_to_iri
        answers = (post.reply_to_iri, page)
    return Entry(
        post.iri,
        site.iri(card.path),
        card.named(120),
        card.author.name or card.author.username,
        site.iri(card.author_path),
        post.published_at,
        post.edited_at or post.published_at,
        "" if post.summary else sanitise(card.post.content),
        answers,
        post.language or "",
    )


def _answered(request: Request, feed: Feed | None) -> Response:
    """A feed of as many entries as fit, or 304 where the reader has it already; 404 for None."""
    if feed is None:
        raise NotFound(_(PRIVATE))
    body, wire, zipped = b"", b"", "gzip" in request.headers.get("accept-encoding", "")
    for number, size in _SIZES:
        body = atom.render(_shortened(feed, number, size)).encode()
        wire = gzip.compress(body, 6, mtime=0) if zipped else body
        if len(gzip.compress(body, 6, mtime=0) if not zipped else wire) <= WIRE - 500:
            break
    etag = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"etag": etag, "cache-control": "private, max-age=600", "vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    headers |= {"x-content-type-options": "nosniff", "content-security-policy": "default-src 'none'; sandbox"}
    if zipped:
        headers["content-encoding"] = "gzip"
    return Response(wire, 200, headers, "application/atom+xml")


def _shortened(feed: Feed, number: int, size: int) -> Feed:
    cut = [
        replace(entry, html=part_of(entry.html, 0, size)[0] + "<p>…</p>") if len(entry.html) > size else entry
        for entry in feed.entries[:number]
    ]
    return replace(feed, entries=cut)
