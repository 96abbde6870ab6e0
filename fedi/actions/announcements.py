"""Announcements: what the operator tells everyone on this instance; people put them away and react to them."""

import re
import unicodedata

from fedi.context import Site
from fedi.errors import Invalid, NotFound
from storage import announcements
from storage.actors import Actor
from storage.announcements import Announcement
from storage.events import note
from storage.metadata import Tx

MAX_CHARACTERS = 5000
MOST_REACTIONS = 8
"""Different emoji below one announcement, as in Mastodon."""
_KEYCAP = re.compile("[0-9#*]\ufe0f?\u20e3")


def create(
    tx: Tx,
    site: Site,
    text: str,
    *,
    starts_at: int | None = None,
    ends_at: int | None = None,
    all_day: bool = False,
    publish_now: bool = True,
) -> Announcement:
    """A new announcement, shown at once or kept as a draft. Times (ms) are of what it is about; it is shown until its end.

    Raises Invalid for no text, too much of it, and times that make no sense.
    """
    now = site.clock()
    text = text.strip()
    if not text:
        raise Invalid("An announcement needs a text.")
    if len(text) > MAX_CHARACTERS:
        raise Invalid(f"An announcement has at most {MAX_CHARACTERS} characters.")
    if ends_at is not None and ends_at <= max(now, starts_at or 0):
        raise Invalid("It has to end after now, and after it begins.")
    made = Announcement(site.new_id(), text, starts_at, ends_at, all_day, None, now, now)
    announcements.insert_announcement(tx, made)
    return publish(tx, site, made.id) if publish_now else made


def publish(tx: Tx, site: Site, announcement_id: int) -> Announcement:
    """Show an announcement to everyone from now on. Raises NotFound, and Invalid for one that is over."""
    known = announcements.by_id(tx, announcement_id)
    now = site.clock()
    if known is None:
        raise NotFound("There is no announcement with this id.")
    if known.ends_at is not None and known.ends_at <= now:
        raise Invalid("It is over.")
    if known.published_at is None:
        announcements.change(tx, known.id, published_at=now, updated_at=now)
        note(tx, "stream", f"announcement {known.id}")
    return announcements.by_id(tx, known.id) or known


def end(tx: Tx, site: Site, announcement_id: int) -> None:
    """Show it no longer. Raises NotFound."""
    known = announcements.by_id(tx, announcement_id)
    if known is None:
        raise NotFound("There is no announcement with this id.")
    _end(tx, known, site.clock())


def lapse(tx: Tx, now: int) -> int:
    """End those whose time is over; how many there were."""
    found = announcements.over(tx, now)
    for one in found:
        _end(tx, one, now)
    return len(found)


def dismiss(tx: Tx, person: Actor, known: Announcement) -> None:
    """A person has read it."""
    announcements.dismiss(tx, known.id, person.id)


def react(tx: Tx, site: Site, person: Actor, known: Announcement, name: str) -> None:
    """A person reacts with an emoji. Raises Invalid, in Mastodon's words, for what is none, and for too many others."""
    if not is_emoji(name):
        raise Invalid("Validation failed: Name is not a recognized emoji")
    there = [one.name for one in announcements.reactions(tx, [known.id], None).get(known.id, [])]
    if name not in there and len(there) >= MOST_REACTIONS:
        raise Invalid("Validation failed: Limit of different reactions reached")
    if announcements.react(tx, known.id, person.id, name, site.clock()):
        note(tx, "stream", f"announcement.reaction {known.id} {name}")


def unreact(tx: Tx, person: Actor, known: Announcement, name: str) -> None:
    """That is taken back."""
    if announcements.unreact(tx, known.id, person.id, name):
        note(tx, "stream", f"announcement.reaction {known.id} {name}")


def is_emoji(name: str) -> bool:
    """Whether this is one emoji, as far as Unicode's categories tell: symbols, with what joins and colours them."""
    if not name or len(name) > 16 or name.isascii():
        return False
    if _KEYCAP.fullmatch(name):
        return True
    return unicodedata.category(name[0]) == "So" and all(
        unicodedata.category(one) in ("So", "Sk", "Mn") or one == "\u200d" or "\U000e0020" <= one <= "\U000e007f"
        for one in name
    )


def _end(tx: Tx, known: Announcement, now: int) -> None:
    if known.published_at is not None:
        announcements.change(tx, known.id, published_at=None, updated_at=now, ends_at=min(known.ends_at or now, now))
        note(tx, "stream", f"announcement.delete {known.id}")
