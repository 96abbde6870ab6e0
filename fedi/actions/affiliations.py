"""What a person is to the institution (student, faculty, staff, alum), as the first field of their profile, with the green tick.

The field's link is `<actor>/affiliation`, a page of this instance that says the same and links back with rel=me, so that any
server that verifies links (Mastodon) shows the tick as well. It is there while the person has the affiliation and shows it.

Nobody gets the tick by hand: a typed field may not lead to such a page (`refuse`), and links to one's own host are never
verified by what stands there (`fedi.actions.verifying`). Another fedi believes it (`believed`) of an actor's first field only,
when the link is that very actor's `<id>/affiliation` and so names the host that says so, and that host runs fedi by its NodeInfo:
a host can speak for its own people alone, and the reader sees which host it is.
"""

import re
from dataclasses import dataclass
from html import escape, unescape
from typing import Any
from urllib.parse import unquote, urlsplit

from fedi.context import Site
from fedi.errors import Invalid
from fedi.languages import N_, _
from fedi.rendering.actors import AFFILIATION, affiliation_page
from fedi.text import to_text
from storage import actors, people
from storage.actors import Actor
from storage.metadata import Tx
from storage.people import AFFILIATIONS, Person

NAMES = {"student": N_("Student"), "faculty": N_("Faculty"), "staff": N_("Staff"), "alum": N_("Alum")}
_LONE = re.compile(
    r"\s*(?:<p>)?<a\s[^<>]*href=\"(https?://[^\"<>]{1,2000})\"[^<>]*>((?:(?!</?a[\s>]).)*)</a>(?:</p>)?\s*", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Stated:
    """What an institution says that somebody is there. `name`: a word of `NAMES`; `where`: the institution by its name, or by
    its domain where it is another one; `domain`: who says so; `page`: where they say it."""

    name: str
    where: str
    domain: str
    page: str


def stated(actor: Actor) -> Stated | None:
    """The affiliation that an actor's profile shows and their own institution vouches for; None for whatever they typed."""
    if not actor.fields:
        return None
    first = actor.fields[0]
    name, value = str(first.get("name") or ""), str(first.get("value") or "")
    page = affiliation_page(actor.iri)
    if actor.local:
        kept = NAMES.get(str(first.get("affiliation") or ""))
        return Stated(kept, to_text(value), actor.domain, page) if kept is not None else None
    # `verified_at` is set by `fedi.actions.verifying`, after `believed`.
    if not first.get("verified_at") or name not in NAMES.values() or lone_link(value) != page:
        return None
    return Stated(name, actor.domain, actor.domain, page)


def shown(person: Person | None) -> str | None:
    """The affiliation that a person has and shows; None when there is none to see."""
    if person is None or person.affiliation is None or person.settings.get("show_affiliation") is False:
        return None
    return person.affiliation


def field(site: Site, iri: str, affiliation: str, at: int) -> dict[str, Any]:
    """The field of a profile: it leads to its page and is called by the institution; verified since `at` (ms)."""
    value = f'<a href="{escape(affiliation_page(iri))}" rel="me nofollow noopener noreferrer">{escape(site.config.name)}</a>'
    return {"name": NAMES[affiliation], "value": value, "verified_at": at, "affiliation": affiliation}


def typed(fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The fields that the person typed."""
    return [one for one in fields if "affiliation" not in one]


def arranged(site: Site, actor: Actor, person: Person | None, fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The fields of a profile with the affiliation first, where it is shown; `fields` may hold an earlier one."""
    wanted = shown(person)
    if wanted is None:
        return typed(fields)
    known = next((one for one in actor.fields if one.get("affiliation") == wanted), None)
    return [field(site, actor.iri, wanted, known["verified_at"] if known is not None else site.clock()), *typed(fields)]


def settle(tx: Tx, site: Site, actor: Actor) -> bool:
    """Bring the profile of a local person in line with their affiliation; whether that changed it, so that it must be told."""
    now = actors.by_id(tx, actor.id)
    if now is None:
        return False
    fields = arranged(site, now, people.by_id(tx, now.id), now.fields)
    if fields == now.fields:
        return False
    actors.change(tx, now.id, fields=fields)
    return True


def settle_all(tx: Tx, site: Site) -> int:
    """The same of everyone, at the start: the institution may have another name now. How many changed."""
    known = people.everyone(tx)
    there = actors.by_ids(tx, [person.actor_id for person in known])
    changed = 0
    for person in known:
        actor = there.get(person.actor_id)
        if actor is None or actor.state != "active":
            continue
        fields = arranged(site, actor, person, actor.fields)
        if fields != actor.fields:
            actors.change(tx, actor.id, fields=fields)
            changed += 1
    return changed


def check(affiliation: str | None) -> None:
    """Raises Invalid for an affiliation that does not exist."""
    if affiliation is not None and affiliation not in AFFILIATIONS:
        raise Invalid(
            f"The affiliation {affiliation!r} does not exist; there are {', '.join(AFFILIATIONS)}.", code="affiliation"
        )


def refuse(site: Site, url: str) -> None:
    """Raises Invalid for a typed link to a page of this instance that states somebody's affiliation."""
    try:
        parts = urlsplit(url)
        host, path = (parts.netloc.rpartition("@")[2].lower(), unquote(unquote(parts.path)).lower())
    except ValueError:
        return
    own = {site.config.host.lower(), site.config.handle_domain.lower()}
    if (host in own or host.partition(":")[0] in own) and AFFILIATION in path:
        raise Invalid(_("What you are to the institution is shown by itself; it can't be typed in."), code="fields")


def lone_link(value: str) -> str | None:
    """The address of a field's (sanitised) HTML that is nothing but a link which shows where it leads; else None.

    Anything else could show one address and lead to another (Mastodon asks the same of remote profiles).
    """
    found = _LONE.fullmatch(value[:5000])
    if found is None:
        return None
    url = unescape(found.group(1))
    return url if to_text(found.group(2)).replace("\n", "") == url else None


def believed(iri: str, fields: list[dict[str, Any]], software: str | None) -> bool:
    """Whether the first field (sanitised) of a remote actor is its host's word about what the actor is there (see above)."""
    if software != "fedi" or not fields:
        return False
    name, value = str(fields[0].get("name") or ""), str(fields[0].get("value") or "")
    return name in NAMES.values() and lone_link(value) == affiliation_page(iri)
