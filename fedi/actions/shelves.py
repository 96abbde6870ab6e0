"""Shelves of a group's library: who may make them, put things on them, and how that is told.

A shelf is an OrderedCollection of the group's. What is put on it or taken from it is an `Add` or a `Remove` of a post, by who
did it; the group passes it on, as all that is done in it. Only the group's home says what a shelf is called.
"""

from typing import Any

from federation.vocabulary.context import AS2
from fedi.actions import memberships, passing_on, sending
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound
from fedi.languages import _
from fedi.text import to_text
from storage import follows, library, outbox, shelves
from storage import posts as post_rows
from storage.actors import Actor
from storage.memberships import find
from storage.metadata import Tx
from storage.shelves import Shelf

MOST = 60
"""Shelves of a group."""
MAX_NAME = 80


def may_shelve(tx: Tx, who: Actor, group: Actor) -> bool:
    """Whether somebody may put things on shelves: every member may, as every member adds."""
    membership = find(tx, group.id, who.id)
    if membership is not None and membership.state == "accepted":
        return True
    follow = follows.find(tx, who.id, group.id) if not group.local else None
    return follow is not None and follow.state == "accepted"


def iri_of(group: Actor, shelf_id: int) -> str:
    """The address of a shelf of a group here."""
    return f"{group.iri}/library/shelves/{shelf_id}"


def make(tx: Tx, site: Site, who: Actor, group: Actor, name: str) -> Shelf:
    """A new shelf in a group here, or the one of that name. Raises Forbidden for who is not in it, Invalid for no name, too
    many, or a group of another server, whose home makes its shelves."""
    if not group.local:
        raise Invalid(
            _("Shelves are made where the group is at home; what stands on them can be changed here."), code="home"
        )
    if not may_shelve(tx, who, group):
        raise Forbidden(_("Only members arrange the library."), code="not-a-member")
    name = " ".join(name.split())[:MAX_NAME]
    if not name:
        raise Invalid(_("Give the shelf a name."), code="name")
    known = shelves.of(tx, group.id, MOST + 1)
    for one in known:
        if one.name.casefold() == name.casefold():
            return one
    if len(known) >= MOST:
        raise Invalid(_("A library has at most %(most)s shelves.") % {"most": MOST}, code="limit")
    shelf_id = site.new_id()
    shelf = Shelf(shelf_id, group.id, iri_of(group, shelf_id), name, site.clock())
    shelves.insert(tx, shelf)
    return shelf


def remove(tx: Tx, who: Actor, group: Actor, shelf: Shelf) -> None:
    """Take a shelf of a group here away; what stood on it stays. Raises Forbidden for who is no moderator."""
    if not group.local or shelf.group_id != group.id or not memberships.moderates(tx, who, group):
        raise Forbidden(_("Only a moderator takes a shelf away."), code="not-a-moderator")
    shelves.remove(tx, shelf.id)


def put(tx: Tx, site: Site, who: Actor, group: Actor, shelf: Shelf, item_id: int) -> None:
    """Put an item on a shelf. Again is nothing. Raises Forbidden for who is not in the group, NotFound for what is not in its
    library."""
    _move(tx, site, who, group, shelf, item_id, "Add")


def take(tx: Tx, site: Site, who: Actor, group: Actor, shelf: Shelf, item_id: int) -> None:
    """Take an item from a shelf. Again is nothing. Raises as `put`."""
    _move(tx, site, who, group, shelf, item_id, "Remove")


def _move(tx: Tx, site: Site, who: Actor, group: Actor, shelf: Shelf, item_id: int, type: str) -> None:
    if not may_shelve(tx, who, group):
        raise Forbidden(_("Only members arrange the library."), code="not-a-member")
    item = library.item(tx, item_id)
    if item is None or item.group_id != group.id or shelf.group_id != group.id:
        raise NotFound(_("That is not in this library."))
    done = shelves.put(tx, shelf.id, item.id, site.clock()) if type == "Add" else shelves.take(tx, shelf.id, item.id)
    added_by = library.first_post(tx, item.id)
    if not done or added_by is None:
        return
    to, cc = passing_on.addressed(tx, group)
    target: dict[str, Any] = {
        "id": shelf.iri,
        "type": "OrderedCollection",
        "name": shelf.name,
        "attributedTo": group.iri,
    }
    audience = outbox.Audience() if group.local else outbox.Audience(actors=(group.id,))
    _iri, body = sending.send(
        tx,
        site,
        who,
        type,
        added_by,
        to=to,
        cc=cc,
        audience=audience,
        group=group,
        target=target,
        context=AS2,
    )
    if group.local:
        passing_on.announce(tx, site, group, body, None, "other")


def target_of(document: dict[str, Any], groups: list[Actor]) -> tuple[Actor, str, str] | None:
    """(group, IRI, name) of the shelf that an Add or Remove of a peer names as its `target`; None where that is no shelf of one
    of these groups."""
    target = document.get("target")
    iri = target.get("id") if isinstance(target, dict) else target
    name = target.get("name") if isinstance(target, dict) else None
    if not isinstance(iri, str) or len(iri) > 1000:
        return None
    for group in groups:
        if iri.startswith(f"{group.iri}/library/shelves/"):
            return group, iri, " ".join(to_text(name).split())[:MAX_NAME] if isinstance(name, str) else ""
    return None


def moved(tx: Tx, site: Site, who: Actor, shelf: tuple[Actor, str, str], post_iri: str, *, adds: bool) -> bool:
    """A peer put a post's item on a shelf, or took it away: whether that was news.

    Of a group here its members may, on shelves that there are; of one elsewhere its home told it, and a shelf that is new is
    made. Raises Forbidden, NotFound.
    """
    group, iri, name = shelf
    known = shelves.by_iri(tx, iri)
    if group.local and not may_shelve(tx, who, group):
        raise Forbidden(f"{who.iri} is no member of {group.iri}", code="not-a-member")
    if known is None and group.local:
        raise NotFound(f"{iri} is no shelf of {group.iri}")
    if known is None:
        if not adds or len(shelves.of(tx, group.id, MOST + 1)) > MOST:
            return False
        known = Shelf(site.new_id(), group.id, iri, name or "…", site.clock())
        shelves.insert(tx, known)
    elif not group.local and name and name != known.name:
        shelves.rename(tx, known.id, name)
    post = post_rows.by_iri(tx, post_iri)
    entry = library.entry(tx, post.id) if post is not None and post.group_id == group.id else None
    if entry is None or entry.item_id is None:
        return False
    if adds:
        return shelves.put(tx, known.id, entry.item_id, site.clock())
    return shelves.take(tx, known.id, entry.item_id)
