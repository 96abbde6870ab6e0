"""Search as every door offers it: accounts, posts, and what is elsewhere, as one person (or nobody) may find them.

Posts are found by `storage.searches` under the gate's condition, without those of whom the person does not want to meet.
Other servers are asked only for what can be an address there, and of each person only so often: some clients search at
each keystroke, and ask for that each time (Elk, twice).
"""

import asyncio
import re

from fedi import fetching, hiding, visibility
from fedi.context import Site
from storage import account_searches, actors, searches, spelling
from storage import posts as post_rows
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post
from storage.queries import Query, parse
from storage.searches import Searcher

RESOLVING = (20, 20)
"""How often other servers are asked for what one person typed: so many times a minute, so many at once."""

MEANT = (20, 20)
"""How often words that nothing was found for are looked at for mistakes, as `RESOLVING`: it takes some 0.1 s."""
_CALLED = 20
"""Accounts that a name may mean."""
_PIECES = 12
"""Words that are looked at for mistakes."""

_HANDLE = re.compile(r"(?:acct:)?[@!]?[\w.-]{1,100}@(?:[\w-]{1,63}\.)+[a-z][\w-]*(?::\d{1,5})?\Z", re.IGNORECASE)
_LOCAL_HANDLE = re.compile(r"(?:acct:)?[@!]?[\w.-]{1,100}@(?:localhost|[\d.]{7,15}|\[[0-9a-f:]+\])(?::\d{1,5})?\Z")
_URL = re.compile(r"https?://[^\s/]+\S*\Z", re.IGNORECASE)


def is_url(typed: str) -> bool:
    """Whether this is the address of something, and not words."""
    return _URL.match(typed) is not None


def names_something(site: Site, typed: str) -> bool:
    """Whether this is an address, or a whole handle: `user@host`, `@user@host`, `!group@host`."""
    if is_url(typed) or _HANDLE.match(typed) is not None:
        return True
    return bool(site.config.federation.private_networks) and _LOCAL_HANDLE.match(typed) is not None


async def resolve(site: Site, person_id: int, typed: str) -> Actor | Post | None:
    """What this address or handle means, asked for at its server where it is not known here; None for anything else, for
    what can't be had, and for a person who asked too often. The same question asked twice at once is one."""
    typed = typed.strip().removeprefix("acct:")
    if len(typed) > 2000 or not names_something(site, typed):
        return None
    known = await site.db.read(lambda tx: _known(tx, site, typed))
    if known is not None:
        return known
    running = site.questions.running
    question = f"search {typed}"
    task = running.get(question)
    if task is None:
        if not site.searches.allow(f"person {person_id}", *RESOLVING, site.clock()):
            return None
        task = running[question] = asyncio.get_running_loop().create_task(fetching.resolve(site, typed))
        task.add_done_callback(lambda _: running.pop(question, None))
    found: Actor | Post | None = await asyncio.shield(task)
    return found


def _known(tx: Tx, site: Site, typed: str) -> Actor | Post | None:
    """What this address or handle means, as far as it is known here."""
    if is_url(typed):
        post = post_rows.by_iri(tx, typed) or post_rows.by_url(tx, typed)
        return actors.by_iri(tx, typed) or (post if post is not None and post.deleted_at is None else None)
    username, _, domain = typed.lstrip("@!").partition("@")
    domain = site.config.handle_domain if domain.lower() == site.config.host else domain
    return actors.by_name(tx, username, domain)


def searcher(tx: Tx, site: Site, person_id: int | None) -> Searcher:
    """Who searches, as `storage.searches` wants it: posts of whom they block or mute are not found."""
    unwanted = hiding.hidden(tx, person_id, site.clock())
    domains = (site.config.handle_domain, site.config.host)
    return Searcher(person_id, domains, unwanted.blocked | unwanted.muted, unwanted.domains)


def accounts(
    tx: Tx, site: Site, person_id: int | None, typed: str, limit: int, offset: int = 0, *, following: bool = False
) -> list[Actor]:
    """Accounts by name or handle, best first. Muting hides what somebody writes, not that they are there."""
    unwanted = hiding.hidden(tx, person_id, site.clock())
    who = Searcher(person_id, (site.config.handle_domain, site.config.host), unwanted.blocked, unwanted.domains)
    return account_searches.accounts(tx, typed, who, limit=limit, offset=offset, following=following)


def posts(
    tx: Tx,
    site: Site,
    person_id: int,
    typed: str | Query,
    limit: int,
    offset: int = 0,
    *,
    author_id: int | None = None,
    max_id: int | None = None,
    min_id: int | None = None,
) -> list[int]:
    """The ids of posts that this person may find, newest first."""
    query = parse(typed) if isinstance(typed, str) else typed
    return searches.find(
        tx,
        query,
        visibility.visible_to(visibility.person(person_id)),
        searcher(tx, site, person_id),
        called=_called(tx, site, person_id, query),
        limit=limit,
        offset=offset,
        author_id=author_id,
        max_id=max_id,
        min_id=min_id,
    )


def _called(tx: Tx, site: Site, person_id: int, query: Query) -> dict[str, list[int]]:
    """Whom each `by:` means: the accounts that this person would find by that name."""
    names = {one.value for one in query.operators if one.name == "by"}
    return {name: [one.id for one in accounts(tx, site, person_id, name, _CALLED)] for name in list(names)[:3]}


def corrected(tx: Tx, site: Site, person_id: int, typed: str) -> str | None:
    """The same question with the words that were likely meant, where these find something for this person; None where every
    word is known, or none is like a known one. Operators and what stands in quotation marks stay."""
    pieces = typed.split()[:_PIECES]
    if '"' in typed or not pieces or not site.searches.allow(f"meant {person_id}", *MEANT, site.clock()):
        return None
    visible = visibility.visible_to(visibility.person(person_id))
    known = spelling.vocabulary(tx, visible, searches.findable(searcher(tx, site, person_id)))
    better = [(spelling.nearest(piece, known) if ":" not in piece else None) or piece for piece in pieces]
    if better == pieces:
        return None
    meant = " ".join(better)
    found = posts(tx, site, person_id, meant, 1) or accounts(tx, site, person_id, meant, 1)
    return meant if found else None


def groups(tx: Tx, person_id: int, ids: list[int]) -> list[int]:
    """The groups that these posts are in, as far as this person sees them, in their order."""
    seen = visibility.seen(tx, visibility.person(person_id), ids)
    return list(dict.fromkeys(post.group_id for one in ids if (post := seen.get(one)) and post.group_id is not None))
