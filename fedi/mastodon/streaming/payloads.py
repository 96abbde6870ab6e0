"""What is sent of a post to many people: rendered once for all to whom it looks the same, by the same functions as answers.

It looks the same to everyone who did nothing to it, unless it depends on who looks otherwise: to its author, with a quote
that not all may see, where only followers may quote it, or in several languages.
"""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from fedi import filtering, visibility
from fedi.context import Site
from fedi.mastodon.entities.status import status
from fedi.mastodon.load import Shown, bundle
from storage import marks, polls, posts, readers
from storage.metadata import Tx
from storage.posts import Post

_AT_ONCE = 20
"""Renderings in one unit of work, so that answers that wait for a database thread are not held up."""

Alike = list[tuple[int, set[int]]]


async def rendered(site: Site, shown: Shown, people: set[int]) -> list[tuple[bytes, set[int]]]:
    """The status as JSON, with to whom it looks like that; those whom the gate has shut out meanwhile are left out."""
    alike = await site.db.read(lambda tx: looks_alike(tx, site, shown.post_id, people))
    made: list[tuple[bytes, set[int]]] = []
    for at in range(0, len(alike), _AT_ONCE):
        some = alike[at : at + _AT_ONCE]
        made += await site.db.read(lambda tx: list(_render(tx, site, shown, some)))  # noqa: B023 - waited for
    return made


def _render(tx: Tx, site: Site, shown: Shown, alike: Alike) -> Iterable[tuple[bytes, set[int]]]:
    for person_id, people in alike:
        made = one(tx, site, shown, person_id)
        if made is not None:
            yield made, people


def one(tx: Tx, site: Site, shown: Shown, person_id: int) -> bytes | None:
    """A status as one person sees it; None when they may not (any more)."""
    made = status(bundle(tx, site, visibility.person(person_id), [shown]), shown)
    return None if made is None else bytes(msgspec.json.encode(made))


def looks_alike(tx: Tx, site: Site, post_id: int, people: set[int]) -> Alike:
    """Sets of people to whom a post looks the same, each with one of them."""
    post = posts.by_id(tx, post_id)
    if post is None or not people:
        return []
    chain = _quoted(tx, post)
    known = [one.id for one in chain]
    alone = marks.marked(tx, people, known, {one.root_id or one.id for one in chain}) | {one.author_id for one in chain}
    if any(one.content_map is not None for one in chain):
        alone = set(people)
    alone &= people
    alone |= _filtered(tx, site, chain, people - alone)
    classes: dict[tuple[bool, ...], set[int]] = defaultdict(set)
    bits = [visibility.seers(tx, one.id, people) for one in chain[1:]]
    bits += [readers.followers(tx, [one.author_id], people) for one in chain if one.quote_policy == "followers"]
    for person in people - alone:
        classes[tuple(person in bit for bit in bits)].add(person)
    return [(next(iter(some)), some) for some in classes.values()] + [(person, {person}) for person in alone]


def _quoted(tx: Tx, post: Post) -> list[Post]:
    """The post, what it quotes, and what that quotes."""
    chain = [post]
    while len(chain) < 3 and chain[-1].quote_id is not None:
        quoted = posts.by_id(tx, chain[-1].quote_id)
        if quoted is None:
            break
        chain.append(quoted)
    return chain


def _filtered(tx: Tx, site: Site, chain: list[Post], people: set[int]) -> set[int]:
    """Who has filters that one of these posts meets."""
    now, found = site.clock(), set()
    for person in marks.filtering(tx, people):
        rules = filtering.rules(tx, person)
        known = polls.by_posts(tx, [one.id for one in chain if one.kind == "Question"]) if rules else {}
        if any(filtering.met(rules, one, known.get(one.id), now) for one in chain):
            found.add(person)
    return found
