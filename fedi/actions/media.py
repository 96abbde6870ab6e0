"""Media of posts: which files a post may show, and what becomes of them when it is gone. Files are `fedi.media`'s.

A medium is its owner's. It belongs to nothing for a day at most, then to one post, with its history of edits, until that
is deleted.
"""

from typing import Any

from fedi.context import Site
from fedi.errors import Invalid
from storage import jobs, media
from storage.actors import Actor
from storage.media import Medium
from storage.metadata import Tx

MOST = 4
"""Files of a post, as in Mastodon."""
MAX_DESCRIPTION = 1500


def attach(tx: Tx, site: Site, person: Actor, media_ids: tuple[int, ...], post_id: int) -> tuple[dict[str, Any], ...]:
    """Let a post show these files of a person, in this order; its `attachments` come back.

    For an edit the ones that it has are given again; those left out stay its own, for its history. Raises Invalid, in
    Mastodon's words, for too many, for a film beside another file, and for what isn't ready, isn't the person's, or is
    used elsewhere.
    """
    wanted = tuple(dict.fromkeys(media_ids))
    if not wanted:
        return ()
    found = _usable(tx, person, wanted, post_id)
    free = [one.id for one in found if one.post_id is None]
    _taken(free, media.give(tx, free, post_id))
    return tuple(rendered(site, one) for one in found)


def hold(tx: Tx, person: Actor, media_ids: tuple[int, ...], scheduled_id: int) -> list[Medium]:
    """Keep these files for a post that is published later; in this order. Raises as `attach`."""
    wanted = tuple(dict.fromkeys(media_ids))
    found = _usable(tx, person, wanted, None) if wanted else []
    free = [one.id for one in found]
    _taken(free, media.hold(tx, free, scheduled_id))
    return found


def _taken(wanted: list[int], number: int) -> None:
    """Raises Invalid where another process was first with one of these, after it was looked at."""
    if number < len(wanted):
        missing = ", ".join(map(str, wanted))
        raise Invalid(f"Media {missing} not found or already attached to another post")


def let_go(tx: Tx, site: Site, scheduled_id: int) -> None:
    """A scheduled post is published (then its files are attached next) or given up: nothing holds its files any more."""
    for one in media.of_scheduled(tx, scheduled_id):
        media.change(tx, one.id, scheduled_id=None, loose_since=site.clock())


def describe(
    tx: Tx,
    person: Actor,
    post_id: int | None,
    medium_id: int,
    description: str | None,
    focus: tuple[float, float] | None,
) -> None:
    """Change what is said of a file of a person's that nothing shows, or this post; None leaves it as it is.

    What a post shows is in the post as well: `attach` it again then.
    """
    one = media.by_id(tx, medium_id)
    if one is None or one.person_id != person.id or one.post_id not in (None, post_id):
        return
    changed: dict[str, Any] = {}
    if description is not None:
        changed["description"] = description or None
    if focus is not None:
        changed["focus_x"], changed["focus_y"] = focus
    media.change(tx, medium_id, **changed)


def post_deleted(tx: Tx, site: Site, post_id: int, *, keep: bool) -> None:
    """A post is deleted: its files go with it, or (`keep`) can be used in another one for a day, as clients do that let
    one write a post anew."""
    found = media.of_post(tx, post_id)
    if keep:
        for one in found:
            media.change(tx, one.id, post_id=None, loose_since=site.clock())
    else:
        discard(tx, site, found)


def discard(tx: Tx, site: Site, found: list[Medium]) -> None:
    """Forget these media. Their files go by a job, as the transaction may yet fail."""
    files = [name for one in found for name in (one.file, one.preview) if name is not None]
    if files:
        jobs.add(tx, site.new_id(), "files", str(found[0].id), {"files": files}, site.clock())
    media.remove(tx, [one.id for one in found])


def show_face(tx: Tx, site: Site, person: Actor, purpose: str, medium: Medium | None) -> str | None:
    """Let a profile show this file (None: none) as its `avatar` or `header`; the address comes back, and the one before goes.

    Raises Invalid for what is not the person's, not for this purpose, or not ready.
    """
    if medium is not None:
        if medium.person_id != person.id or medium.purpose != purpose or medium.state != "ready":
            raise Invalid(f"Validation failed: {purpose.capitalize()} is invalid")
        media.change(tx, medium.id, loose_since=None)
    kept = medium.id if medium is not None else None
    discard(tx, site, [one for one in media.faces(tx, person.id, purpose) if one.id != kept])
    return address(site, medium.file) if medium is not None else None


def discard_all(tx: Tx, site: Site, person: Actor) -> None:
    """Forget everything that a person uploaded, with its files."""
    while found := media.of_person(tx, person.id):
        discard(tx, site, found)


def rendered(site: Site, one: Medium) -> dict[str, Any]:
    """A ready medium as `posts.attachments` holds it, so that showing a post needs no question for its media."""
    return {
        "id": one.id,
        "url": address(site, one.file),
        "media_type": one.media_type,
        "description": one.description,
        "width": one.width,
        "height": one.height,
        "blurhash": one.blurhash,
        "kind": one.kind,
        "focus": None if one.focus_x is None or one.focus_y is None else [one.focus_x, one.focus_y],
        "preview_url": address(site, one.preview) if one.preview is not None else None,
        "meta": one.meta,
    }


def address(site: Site, file: str) -> str:
    """The URL of a file below the folder of media."""
    return site.iri(f"/media/{file}")


def _usable(tx: Tx, person: Actor, wanted: tuple[int, ...], post_id: int | None) -> list[Medium]:
    if len(wanted) > MOST:
        raise Invalid(f"Cannot attach more than {MOST} files")
    known = media.by_ids(tx, wanted)
    found = [
        one
        for medium_id in wanted
        if (one := known.get(medium_id)) is not None
        and one.person_id == person.id
        and one.purpose == "post"
        and one.post_id in (None, post_id)
        and one.scheduled_id is None
    ]
    if len(found) < len(wanted):
        missing = ", ".join(str(medium_id) for medium_id in wanted if medium_id not in {one.id for one in found})
        raise Invalid(f"Media {missing} not found or already attached to another post")
    if any(one.state != "ready" for one in found):
        raise Invalid("Cannot attach files that have not finished processing. Try again in a moment!")
    if len(found) > 1 and any(one.kind in ("video", "audio") for one in found):
        raise Invalid("Cannot attach a video to a post that already contains images")
    return found
