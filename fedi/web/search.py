"""`/search`: the one thing that a handle or address means, anywhere; else people, groups, tags, what libraries have, and posts
known here by words. All of it as the viewer may see it; nothing is counted."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from fedi import searching, visibility
from fedi.actions import library
from fedi.actions.library import Shown as Item
from fedi.context import Site
from fedi.errors import NotFound
from fedi.forms import person, see_other
from fedi.html import fitted, page
from fedi.languages import N_, _
from fedi.text import to_text
from fedi.text.mentions import shortened
from fedi.web import groups, listing
from fedi.web.listing import Listing
from fedi.web.paths import actor_path, post_path
from storage import actors, hashtags, queries
from storage import library as library_rows
from storage.actors import Actor
from storage.metadata import Tx

NAMES = 10
"""People and groups that are shown above the posts; of tags and of what libraries have half as many."""
LONGEST = 500
_FILTERS = (
    ("is:question", N_("Questions")),
    ("is:open", N_("Still open")),
    ("is:solved", N_("Solved")),
    ("has:image", N_("With pictures")),
    ("has:pdf", N_("With a PDF")),
    ("has:link", N_("With links")),
    ("from:me", N_("By me")),
)
_OF_QUESTIONS = 3
_IN_GROUPS = 4


_EMPTY: dict[str, Any] = {
    **dict.fromkeys(("filters", "named", "tags", "items", "cards"), ()),
    **dict.fromkeys(("older", "newer", "meant", "meant_href", "ask_href")),
    "nothing": False,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """A link that narrows what is shown, or (`on`) widens it again."""

    text: str
    href: str
    on: bool


@dataclass(frozen=True, slots=True)
class _Paper:
    """Something of a library: its title, the page of the post that brought it, and what it is."""

    title: str
    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Found:
    named: list[Actor]
    tags: list[str]
    items: list[Item]
    said: Listing
    groups: list[Actor]
    meant: str | None


async def search(request: Request) -> Response:
    """On to the page of the one thing that is meant, else who is called so and what says so; without words the form."""
    site: Site = request.app.state.site
    me = await person(request)
    words = " ".join(request.query_params.get("q", "").replace("\x00", " ").split())[:LONGEST]
    if not words:
        return page(request, "search.html", **_EMPTY, title=_("Search"), typed="")
    found = await searching.resolve(site, me.id, words)
    if isinstance(found, Actor):
        return see_other(actor_path(found))
    if found is not None:
        post = found

        def read(tx: Tx) -> str | None:
            author = actors.by_id(tx, post.author_id)
            seen = visibility.may_see(tx, visibility.person(me.id), post)
            return post_path(post, author) if author is not None and seen else None

        path = await site.db.read(read)
        if path is not None:
            return see_other(path)
    before = listing.before(request)
    there = await site.db.read(lambda tx: _look(tx, site, me, words, before))
    nothing = not (there.named or there.tags or there.items or there.said.cards)
    if nothing and searching.names_something(site, words):
        raise NotFound(
            _(
                "Nothing was found for “%(words)s”. A handle is written @name@domain, a group !name@domain;"
                " its server may also not answer right now."
            )
            % {"words": shortened(words, 80)}
        )
    context: dict[str, Any] = {
        "title": _("Found for “%(words)s”") % {"words": shortened(words, 80)},
        "typed": words,
        "filters": _filters(words, there.groups),
        "named": [
            groups.Named(one, actor_path(one), f"@{one.handle}", shortened(to_text(one.summary[:2000]), 110))
            for one in there.named
        ],
        "tags": there.tags,
        "items": [
            _Paper(one.work.title, post_path(line.post, line.author), one.kind)
            for one in there.items
            for line in one.lines[:1]
        ],
        "nothing": nothing,
        "meant": there.meant,
        "meant_href": f"/search?{urlencode({'q': there.meant})}" if there.meant else None,
        "ask_href": f"/compose?{urlencode({'question': '1', 'title': _plain(words)[:200]})}",
    }
    return fitted(request, "search.html", listing.variants(request, there.said, **context))


def _look(tx: Tx, site: Site, me: Actor, words: str, before: int | None) -> _Found:
    ids = searching.posts(tx, site, me.id, words, listing.PAGE + 1, max_id=before)
    said = listing.of_ids(tx, me, ids, site.clock())
    if before is not None:
        return _Found([], [], [], said, [], None)
    viewer = visibility.person(me.id)
    visible = visibility.visible_to(viewer)
    asked = queries.parse(words)
    plain = not asked.operators
    named = searching.accounts(tx, site, me.id, words, NAMES) if plain else []
    tag = words.lstrip("#＃")
    tags = hashtags.find(tx, tag, NAMES // 2, visible) if plain and tag.isalnum() else []
    typed = [word for several in (*asked.wanted, *asked.exact) for word in several]
    items = library_rows.search(tx, visible, typed, NAMES // 2) if plain and typed else []
    shown = library.shown(tx, viewer, items)
    known = actors.by_ids(tx, searching.groups(tx, me.id, ids)[:_IN_GROUPS])
    meant = None if ids or named or tags or items else searching.corrected(tx, site, me.id, words)
    return _Found(named, tags, shown, said, list(known.values()), meant)


def _filters(words: str, found: list[Actor]) -> list[Filter]:
    """What narrows it by a tap: kinds of posts, and the groups that the first of them are in."""
    pieces = words.split()
    lower = [piece.lower() for piece in pieces]
    made = []
    wanted = [(operator, _(text)) for operator, text in _FILTERS[:_OF_QUESTIONS]]
    if not any(piece.startswith(("in:", "group:")) for piece in lower):
        wanted += [(f"in:!{one.handle}", one.name or one.username) for one in found]
    else:
        wanted += [(piece, piece.partition(":")[2].lstrip("!")) for piece in pieces if piece.lower().startswith("in:")]
    wanted += [(operator, _(text)) for operator, text in _FILTERS[_OF_QUESTIONS:]]
    for operator, text in wanted:
        on = operator.lower() in lower
        left = [piece for piece in pieces if piece.lower() != operator.lower()]
        query = " ".join(left if on else [*pieces, operator])[:LONGEST]
        made.append(Filter(text, f"/search?{urlencode({'q': query})}" if query else "/search", on))
    return made


def _plain(words: str) -> str:
    """What was typed without operators: the title of a question."""
    return " ".join(piece for piece in words.split() if not queries.parse(piece).operators).strip('"')
