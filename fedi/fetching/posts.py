"""Posts elsewhere, with those they answer; and what an address that somebody typed leads to."""

from federation import fields as wire
from federation.errors import (
    Busy,
    FederationError,
    Gone,
    Malformed,
    Refused,
    WrongOrigin,
)
from federation.hosts import host_of, same_origin
from federation.vocabulary.note import PostDocument, read_post
from fedi.actions import conversations, moderated, remote_posts, threads
from fedi.context import Site
from fedi.errors import NotFound
from fedi.fetching.actors import ACTOR_KINDS, actor
from fedi.fetching.asking import ROTATIONS, get, once, permitted
from storage import actors, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post

MAX_PARENTS = 20


async def post(
    site: Site,
    iri: str,
    *,
    fresh: bool = False,
    late: bool = True,
    again: bool = False,
    parents: int = MAX_PARENTS,
) -> Post | None:
    """The post with this IRI, with its author and the posts it answers; None when it is no post, or not there any more.

    `fresh`: ask its origin how it is now; `late`: ask for the rest of its thread and for what it quotes as well, in the
    background, when it was not known; `again`: also what is deleted here, whose author wants it back. Raises the errors
    of `federation.errors` when it can't be asked.
    """
    known = await site.db.read(lambda tx: posts.by_iri(tx, iri))
    if known is not None and (known.local or (known.deleted_at is not None and not again) or not fresh):
        return known if known.deleted_at is None else None
    if site.is_local(iri):
        return None
    if known is not None and not site.rotations.allow(f"fresh {iri}", *ROTATIONS, site.clock()):
        # A group may cry that a post was changed as often as it likes; what it says is looked into later, once for all.
        raise Busy(f"{iri[:200]} was asked how it is often enough; it is asked again in a minute", retry_after=60)
    chain: list[tuple[PostDocument, Actor]] = []
    wanted: str | None = iri
    while wanted is not None and len(chain) < parents:
        if chain and await _known_post(site, wanted):
            break
        try:
            found = await _fetch_post(site, wanted)
        except _Removed:
            if known is not None and not chain:
                await site.db.write(lambda tx: moderated.hidden(tx, site, known))
                return None
            break
        except FederationError:
            if chain:
                break  # a parent that can't be had: its thread begins below it
            raise
        if found is None:
            break
        chain.append(found)
        wanted = found[0].in_reply_to
    if not chain:
        if known is not None:
            await site.db.write(lambda tx: remote_posts.delete(tx, site, known))
        return None

    def keep(tx: Tx) -> Post | None:
        kept = None
        if known is not None and known.deleted_at is not None and chain[0][1].id == known.author_id:
            threads.undeleted(tx, known)
        for document, author in reversed(chain):
            kept = remote_posts.record(tx, site, document, author, live=False, look_at_quote=late)
        if kept is not None and known is not None:
            moderated.shown(tx, site, kept.post)
        if kept is not None and kept.new and late:
            conversations.met_late(tx, site, kept.post)
        return kept.post if kept is not None else None

    return await site.db.write(keep)


class _Removed(Exception):
    """What was asked for is a Tombstone that may be taken back."""


async def _fetch_post(site: Site, iri: str) -> tuple[PostDocument, Actor] | None:
    """A post from its origin with its author; None when the origin says that it is gone, or it is something else.

    Raises _Removed for a Tombstone that is served with 200: it was taken out, and may come back (FEP-4f05).
    """
    await permitted(site, host_of(iri))
    try:
        fetched = await once(site, iri, lambda: get(site, iri))
    except Gone:
        return None
    except Refused as problem:
        if problem.answered == 404:
            return None
        raise
    kinds = wire.types(fetched.document)
    if "Tombstone" in kinds:
        raise _Removed
    if ACTOR_KINDS.intersection(kinds):
        return None
    if "Create" in kinds and isinstance(fetched.document.get("object"), dict):
        read = read_post(fetched.document["object"])
    else:
        read = read_post(fetched.document)
    if not same_origin(read.id, fetched.url) or not same_origin(read.author, read.id):
        raise WrongOrigin(f"{read.id} is not its author's to say: {read.author}")
    return read, await actor(site, read.author)


async def _known_post(site: Site, iri: str) -> bool:
    return await site.db.read(lambda tx: posts.by_iri(tx, iri)) is not None


async def resolve(site: Site, query: str) -> Actor | Post | None:
    """What a person means by an address or a handle (`@user@host`, `!group@host`, a URL); None when nothing is there."""
    text = query.strip()
    try:
        if text.startswith(("https://", "http://")):
            return await _resolve_url(site, text)
        if "@" in text.lstrip("@!"):
            return await actor(site, text.lstrip("@!"))
    except (FederationError, NotFound):
        return None
    return None


async def _resolve_url(site: Site, url: str) -> Actor | Post | None:
    def known(tx: Tx) -> Actor | Post | None:
        return actors.by_iri(tx, url) or posts.by_iri(tx, url) or posts.by_url(tx, url)

    found = await site.db.read(known)
    if found is not None:
        return found if isinstance(found, Actor) or found.deleted_at is None else None
    if site.is_local(url):
        page = url.removeprefix(site.config.origin + "/").rstrip("/")
        return (
            await actor(site, f"{page[1:]}@{site.config.handle_domain}")
            if page[:1] == "@" and "/" not in page
            else None
        )
    await permitted(site, host_of(url))
    fetched = await once(site, url, lambda: get(site, url))
    iri = wire.id_of(fetched.document)
    if iri is None:
        raise Malformed(f"{url} has no id")
    if ACTOR_KINDS.intersection(wire.types(fetched.document)):
        return await actor(site, iri)
    return await post(site, iri)
