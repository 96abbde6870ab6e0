"""Rights that grow: how much somebody unknown may do in a group here at once, and what waits for its moderators then.

A right comes from a role that one's institution vouches for, or from what one contributed since when, without a case that ended
against one; never from how long somebody read, which nobody measures. What waits is told with the rule that it waits by.
"""

import re
from dataclasses import dataclass
from typing import Any

from fedi.actions import cases as case_actions
from fedi.actions import notices
from fedi.context import Site
from fedi.languages import N_
from fedi.text import to_text
from storage import cases, posts
from storage.actors import Actor
from storage.ids import time_of
from storage.metadata import Tx
from storage.posts import Post

CODE = "graduated"
LINKS = 3
"""So many links who is new may post in a group."""
NEW = 7 * 24 * 3600 * 1000
"""How long (ms) one is new in a group, from the first contribution on."""
RULE = N_("New accounts post three links in a group in their first week")
_MOST = 50
_LINK = re.compile(r"<a\s([^<>]{0,2000})>", re.IGNORECASE)
_NO_LINK = re.compile(r"class=\"[^\"]*\b(?:mention|hashtag)\b|href=\"#")


@dataclass(frozen=True, slots=True)
class Waits:
    """What waits for moderators: in which group, of whom, what it says."""

    group: Actor
    author: Actor
    title: str | None
    content: str
    summary: str | None
    language: str | None


def links(html: str) -> int:
    """How many links are in a text as HTML; mentions, hashtags and places in the text itself are none."""
    return sum(1 for found in _LINK.finditer(html[:200_000]) if not _NO_LINK.search(found.group(1)))


def verified(author: Actor) -> bool:
    """Whether an institution vouches for what this actor is to it."""
    return any("affiliation" in one for one in author.fields)


def waits(tx: Tx, site: Site, author: Actor, group: Actor, content: str, known: Post | None = None) -> bool:
    """Whether a post of somebody elsewhere waits for the moderators of a group here: the fourth link of who is new there.
    `known`: it is a new version of this post."""
    here = links(content)
    if here == 0 or author.local or not group.local or verified(author):
        return False
    before = posts.in_group_by(tx, group.id, author.id, _MOST)
    first = min((time_of(one.id) for one in before), default=site.clock())
    if site.clock() - first >= NEW and cases.upheld(tx, author.id, group.id, 1) == 0:
        return False
    recent = [one for one in before if site.clock() - time_of(one.id) < NEW]
    others = sum(links(one.content) for one in recent if known is None or one.id != known.id)
    return here + others > LINKS and (known is None or here > links(known.content))


def held(tx: Tx, site: Site, found: Waits, received_id: int) -> None:
    """What waits is a case of the group's moderators; its author is told by which rule."""
    said: dict[str, Any] = {
        "id": 0,
        "title": found.title,
        "content": found.content[:20_000],
        "summary": found.summary,
        "language": found.language,
        "at": site.clock(),
        "pictures": [],
    }
    case = case_actions.open_(tx, site, "held", found.author, found.group, [], [said], 1, received_id=received_id)
    cases.change(tx, case.id, rule=RULE)
    from fedi.actions import reports  # which stands on cases

    reports.tell_deciders(tx, site, found.author, found.group)
    name = found.group.name or found.group.username
    notices.waits(tx, site, found.group, found.author, f"{to_text(name)}: {RULE}")
