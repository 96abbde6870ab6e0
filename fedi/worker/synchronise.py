"""The job `followers`: ask a peer which people of ours follow one of its actors, and go by that (FEP-8fcf)."""

import logging
from typing import Any

from federation import fields as wire
from federation.errors import Malformed, WrongOrigin
from federation.hosts import same_origin
from federation.vocabulary.collection import read_collection
from fedi import fetching
from fedi.actions import followers
from fedi.context import Site
from storage import actors, follows
from storage.actors import Actor
from storage.follows import Follow
from storage.metadata import Tx

log = logging.getLogger(__name__)

PAGES = 10


async def synchronise(site: Site, payload: dict[str, Any]) -> None:
    """Ask at `url` for the followers of `actor` (its IRI). Raises FederationError when it can't be asked."""

    def known(tx: Tx) -> tuple[Actor | None, list[Follow]]:
        actor = actors.by_iri(tx, str(payload["actor"]))
        return actor, follows.followers(tx, actor.id, 100_000) if actor is not None else []

    actor, before = await site.db.read(known)
    if actor is None or actor.local or actor.state != "active":
        return
    listed = await _listed(site, actor, str(payload["url"]))
    done = await site.db.write(lambda tx: followers.reconcile(tx, site, actor, before, listed))
    log.info("followers of %s: %d dropped, %d accepted, %d taken back", actor.iri, *done)


async def _listed(site: Site, actor: Actor, url: str) -> set[str]:
    """The people of this instance in the list, to its very end: nobody may be dropped for a list that was cut off."""
    found: set[str] = set()
    following: Any = url
    first = True
    asked: set[str] = set()
    for _ in range(PAGES):
        if isinstance(following, dict):
            page = read_collection(following)
        else:
            if not same_origin(following, actor.iri) or following in asked:
                raise WrongOrigin(f"{following[:200]} can't tell who follows {actor.iri}")
            asked.add(following)
            answer = await fetching.document(site, following)
            if not same_origin(answer.url, actor.iri):
                raise WrongOrigin(f"{answer.url[:200]} can't tell who follows {actor.iri}")
            page = read_collection(answer.document)
        found |= {one for item in page.items if (one := wire.first_id(item)) is not None and site.is_local(one)}
        following = (page.first if first and not page.items else None) or page.next
        first = False
        if following is None:
            return found
    raise Malformed(f"the list of who follows {actor.iri} has no end")
