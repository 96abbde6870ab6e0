"""Adding to a group's library, and what is in it for who asks. What is kept of a post that adds is `fedi.actions.shelving`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement

from fedi import visibility
from fedi.actions import posts as post_actions
from fedi.actions import shelves as shelf_actions
from fedi.actions import shelving
from fedi.actions.drafts import Draft
from fedi.actions.shelving import Addition
from fedi.citing import csl, identifiers, licences
from fedi.citing.identifiers import Identifier
from fedi.citing.works import MAX_TITLE, Work, citation, plain
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from fedi.languages import N_, _
from fedi.visibility import Viewer
from storage import actors, cards, library, shelves
from storage import posts as post_rows
from storage.actors import Actor
from storage.library import Entry, Item
from storage.metadata import Tx
from storage.posts import Post
from storage.shelves import Shelf
from storage.words import asked_for

MOST_NOTE = 3000
"""Characters of what somebody says of what they add."""
PER_DAY = 40
"""Times the largest file: bytes that a person may add within a day."""
NAMES = {
    "article-journal": N_("Article"),
    "paper-conference": N_("Conference paper"),
    "article": N_("Preprint"),
    "book": N_("Book"),
    "chapter": N_("Chapter"),
    "thesis": N_("Thesis"),
    "report": N_("Report"),
    "dataset": N_("Data set"),
    "software": N_("Software"),
    "webpage": N_("Page"),
    "document": N_("Document"),
}
"""A word for each kind of work, to be translated."""
_DAY = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of where something comes from: a post that added it, by whom, when; `has_file`: with a file that can be had."""

    post: Post
    author: Actor
    entry: Entry
    has_file: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """An item for who may see it: the work, where it comes from (oldest first), and where it stands."""

    item: Item
    work: Work
    lines: list[Line]
    shelves: list[Shelf]

    @property
    def kind(self) -> str:
        """A word for what it is, in the reader's language."""
        return _(NAMES[self.work.kind])

    @property
    def file(self) -> Line | None:
        """The first line that has a file."""
        return next((line for line in self.lines if line.has_file), None)

    @property
    def institutions(self) -> int:
        """From how many institutions it was added."""
        return len({line.author.domain for line in self.lines})

    @property
    def citation(self) -> str:
        """As a list of references has it."""
        return citation(self.work)


def add(
    tx: Tx,
    site: Site,
    me: Actor,
    group: Actor,
    addition: Addition,
    *,
    note: str = "",
    shelf_id: int | None = None,
    key: str | None = None,
    app_id: int | None = None,
) -> Post:
    """Add something to the library of a group, by a post to the group that says so. What this person added to it before is
    given once more, and nothing is posted.

    Raises Invalid for no title, a licence that nobody knows, or copies that may be passed on by no licence; Forbidden for who
    may not post there; NotFound for a shelf that is not there.
    """
    addition = _checked(tx, site, me, addition, note)
    known = _mine(tx, group, me, addition)
    post = known if known is not None else _publish(tx, site, me, group, addition, note, key, app_id)
    if shelf_id is not None:
        shelf = shelves.by_id(tx, shelf_id)
        entry = library.entry(tx, post.id)
        if shelf is None or shelf.group_id != group.id or entry is None or entry.item_id is None:
            raise NotFound(_("There is no such shelf in this library."))
        shelf_actions.put(tx, site, me, group, shelf, entry.item_id)
    return post


def _checked(tx: Tx, site: Site, me: Actor, addition: Addition, note: str) -> Addition:
    if not addition.work.title.strip():
        raise Invalid(_("Give it a title."), code="title")
    if len(note) > MOST_NOTE:
        raise Invalid(_("Your note has more than %(most)s characters.") % {"most": MOST_NOTE}, code="note")
    licence = licences.named(addition.licence) or licences.named(addition.work.licence)
    if addition.licence and not licences.named(addition.licence):
        raise Invalid(
            _("«%(name)s» is no licence that lets others pass a copy on; choose one of the list, or none.")
            % {"name": plain(addition.licence, 60)},
            code="licence",
        )
    if addition.shareable and not licence:
        raise Invalid(
            _("Copies may be passed on only by a licence: name the one that it has, or leave that box empty."),
            code="licence",
        )
    since = (site.clock() - _DAY) << 16
    most = PER_DAY * (site.config.library.file_size << 20)
    if addition.file is not None and library.bytes_of(tx, me.id, since) + addition.file.size > most:
        raise Invalid(_("That is more than you may add within a day; go on tomorrow."), code="limit")
    return replace(addition, licence=licence)


def _mine(tx: Tx, group: Actor, me: Actor, addition: Addition) -> Post | None:
    digest = addition.file.digest if addition.file is not None else None
    found = library.known_as(tx, group.id, shelving.keys_of(addition.work, digest))
    mine = post_rows.posts.c.author_id == me.id
    alive = (post_rows.posts.c.deleted_at.is_(None)) & (post_rows.posts.c.removed_at.is_(None))
    for entry in library.entries_in(tx, found, mine & alive):
        if digest is None or entry.digest == digest:
            return post_rows.by_id(tx, entry.post_id)
    return None


def _publish(
    tx: Tx, site: Site, me: Actor, group: Actor, addition: Addition, note: str, key: str | None, app_id: int | None
) -> Post:
    work = addition.work
    handle = group.username if group.local else group.handle
    said = note.replace("\r\n", "\n").strip()
    draft = Draft(
        "\n\n".join(part for part in (citation(work), said, f"@{handle}") if part),
        title=work.line[:200],
        language=work.language[:2].lower() if re.fullmatch(r"[A-Za-z]{2}(-.*)?", work.language) else None,
        link=work.address or None,
        library=addition,
        app_id=app_id,
    )
    return post_actions.publish(tx, site, me, draft, idempotency_key=key)


def from_file(name: str, file_type: str) -> Work:
    """What is said of a file of which nobody said more than its name."""
    title = plain(re.sub(r"\.[A-Za-z0-9]{2,4}$", "", name.replace("_", " ")), MAX_TITLE)
    return Work(title or file_type, kind="document")


def shown(tx: Tx, viewer: Viewer, items: Sequence[Item]) -> list[Shown]:
    """These items for who asks, each with what of its lines they may see; items without any are left out."""
    ids = [item.id for item in items]
    entries = library.entries_in(tx, ids, visibility.visible_to(viewer))
    posts = visibility.seen(tx, viewer, [entry.post_id for entry in entries])
    authors = actors.by_ids(tx, list({post.author_id for post in posts.values()}))
    here = library.files_of(tx, {entry.digest for entry in entries if entry.digest is not None})
    lines: dict[int, list[Line]] = {}
    for entry in entries:
        post = posts.get(entry.post_id)
        if post is not None and entry.item_id is not None and post.author_id in authors:
            has = entry.digest is not None and (entry.digest in here or entry.file_url is not None)
            lines.setdefault(entry.item_id, []).append(Line(post, authors[post.author_id], entry, has))
    standing = shelves.of_items(tx, ids)
    made = []
    for item in items:
        best = max((line.entry.work for line in lines.get(item.id, ())), key=len, default=None)
        work = csl.read(best) if best is not None else None
        if work is not None:
            work = replace(work, retracted=work.retracted or item.retracted_at is not None)
            made.append(Shown(item, work, lines[item.id], standing.get(item.id, [])))
    return made


def listed(
    tx: Tx,
    viewer: Viewer,
    group: Actor,
    limit: int,
    *,
    before: int | None = None,
    shelf: Shelf | None = None,
    words: str = "",
) -> list[Shown]:
    """What is in the library of a group for who asks, last added first; of one shelf, or what these words find."""
    visible = visibility.visible_to(viewer)
    if words.strip():
        found = library.search(tx, visible, asked_for(words), limit, group.id)
    else:
        on: list[ColumnElement[bool]] = [shelves.stands_on(shelf.id)] if shelf is not None else []
        found = library.listed(tx, group.id, visible, limit, before, *on)
    return shown(tx, viewer, found)


def item_of(tx: Tx, viewer: Viewer, item_id: int) -> tuple[Shown, Actor]:
    """(an item, its group). Raises NotFound for what who asks may not see."""
    found = library.seen(tx, [item_id], visibility.visible_to(viewer)).get(item_id)
    group = actors.by_id(tx, found.group_id) if found is not None else None
    made = shown(tx, viewer, [found]) if found is not None else []
    if not made or group is None:
        raise NotFound(_("That is not in this library (any more)."))
    return made[0], group


def share(tx: Tx, site: Site, me: Actor, item_id: int, *, licence: str) -> None:
    """Say what licence an item has that this person added, and that copies may be passed on; an edit of the post tells peers.

    Raises NotFound, Invalid for an unknown licence.
    """
    found, _group = item_of(tx, visibility.person(me.id), item_id)
    line = next((line for line in found.lines if line.author.id == me.id), None)
    if line is None:
        raise NotFound(_("Only who added it can say that."))
    name = licences.named(licence)
    if not name:
        raise Invalid(_("Name the licence that it has: without one nobody may pass copies on."), code="licence")
    library.put(tx, replace(line.entry, licence=name, shareable=True))
    library.change(tx, item_id, licence=name, shareable=True)
    post_actions.retell(tx, site, line.post)


def works_in(tx: Tx, viewer: Viewer, seen_posts: Sequence[Post]) -> list[Work]:
    """The works that these posts add or name, each once, in order: the references of a thread."""
    entries = library.entries_of(tx, [post.id for post in seen_posts])
    addresses = {post.card_url for post in seen_posts if post.card_url is not None}
    told = cards.ready(tx, addresses)
    found: dict[str, Work] = {}
    for post in seen_posts:
        work = csl.read(entries[post.id].work) if post.id in entries else None
        if work is None and post.card_url in told:
            work = csl.read(told[post.card_url].more.get("work"))
        named = identifiers.first(post.source or "") if work is None else None
        if work is None and named is not None:
            work = _bare(named)
        if work is not None:
            found.setdefault(next(iter(shelving.keys_of(work, None)), work.line), work)
    return list(found.values())


def _bare(named: Identifier) -> Work:
    """A work of which nothing is known but what identifies it."""
    made: dict[str, Any] = {named.scheme: named.value}
    return replace(Work(named.key), **made)
