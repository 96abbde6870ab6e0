"""Ask other servers for what is not known here: actors, their keys, posts. The only code below the doors that does.

Every answer passes policy and proves its origin (FEP-fe34) before anything of it is kept. The same question asked twice
at once is one request; what could not be had is not asked for again for a minute.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy.exc import IntegrityError

from federation import fields as wire
from federation.activity import Authentic
from federation.client import Document
from federation.errors import (
    BadSignature,
    Busy,
    FederationError,
    Gone,
    KeyUnavailable,
    Malformed,
    MissingSignature,
    Refused,
    WrongOrigin,
)
from federation.hosts import host_of, same_origin
from federation.parse import read_activity
from federation.policy import Verdict
from federation.signatures.integrity import proof_key_id
from federation.signatures.keys import PrivateKey, PublicKey, load_public
from federation.signatures.verify import authentic_fetched, authentic_proof
from federation.vocabulary.actor import ActorDocument, owner_of_key, read_actor
from federation.vocabulary.capabilities import reads_ed25519
from federation.vocabulary.collection import read_collection
from federation.vocabulary.emoji import read_emoji
from federation.vocabulary.note import PostDocument, read_post
from federation.webfinger import split_handle
from fedi import policy
from fedi.actions import conversations, moderated, remote_posts, threads, twins
from fedi.context import Site
from fedi.errors import NotFound
from fedi.text import sanitise, to_text
from storage import actors, groups, keys, memberships, peers, posts
from storage.actors import Actor
from storage.groups import Group
from storage.keys import Key
from storage.metadata import Tx
from storage.posts import Post

T = TypeVar("T")

ACTOR_KINDS = frozenset({"Person", "Group", "Application", "Service", "Organization"})
ROTATIONS = (6, 12)
"""How often the key of one host is read again because a signature did not fit, one post because somebody says that it was
changed, or a host asked for keys that it does not have: so many a minute, so many at once."""
MAX_PARENTS = 20
MAX_MODERATORS = 100
_FAILED_FOR = 60_000
_REMEMBERED = 10_000


async def _once(site: Site, question: str, ask: Callable[[], Awaitable[T]]) -> T:
    """Run `ask` unless the same question runs already (share its answer) or failed within the last minute."""
    asked = site.questions
    known = asked.failed.get(question)
    if known is not None:
        if known[0] > site.clock():
            raise known[1]
        del asked.failed[question]
    task = asked.running.get(question)
    if task is None:

        async def run() -> T:
            async with asked.slots:
                return await ask()

        task = asyncio.get_running_loop().create_task(run())
        asked.running[question] = task
        task.add_done_callback(lambda _: asked.running.pop(question, None))
    try:
        return await asyncio.shield(task)
    except FederationError as problem:
        _remember(site, question, problem)
        raise


def _remember(site: Site, question: str, problem: FederationError) -> None:
    failed = site.questions.failed
    if len(failed) >= _REMEMBERED:
        failed.pop(next(iter(failed)))
    failed[question] = (site.clock() + _FAILED_FOR, problem)


async def actor(site: Site, handle_or_iri: str, *, fresh: bool = False) -> Actor:
    """The actor with this IRI or handle (`user@host`); from the network only when it is not known, or `fresh`.

    Raises NotFound when there is none, or the errors of `federation.errors` when its server can't be asked.
    """
    iri = handle_or_iri
    if not iri.startswith(("https://", "http://")):
        username, domain = split_handle(iri)
        if domain in (site.config.handle_domain, site.config.host):
            known = await site.db.read(lambda tx: actors.by_name(tx, username, site.config.handle_domain))
            if known is None:
                raise NotFound
            return known
        known = await site.db.read(lambda tx: actors.by_name(tx, username, domain))
        if known is not None and not fresh:
            return known
        await _permitted(site, domain)
        answer = await _once(
            site, f"webfinger {username}@{domain}", lambda: site.client.webfinger(f"{username}@{domain}")
        )
        iri = answer.actor_iri
    known = await site.db.read(lambda tx: actors.by_iri(tx, iri))
    if known is not None and (known.local or not fresh):
        return known
    if site.is_local(iri):
        raise NotFound
    return await _once(site, f"actor {iri}", lambda: _fetch_actor(site, iri))


async def interaction(site: Site, handle: str, iri: str, kinds: Sequence[str]) -> str:
    """Where the person with this handle (`user@host`) follows or answers the object `iri` at home: an address of their
    own server, by FEP-3b86 for the first of `kinds` that it offers, else by the older subscribe template.

    Of our own people it is a path here. Raises NotFound when their server offers none, and the errors of
    `federation.errors` when it can't be asked or leads elsewhere than https.
    """
    username, domain = split_handle(handle)
    if domain in (site.config.handle_domain, site.config.host):
        return f"/authorize_interaction?uri={quote(iri, safe='')}"
    await _permitted(site, domain)
    answer = await _once(site, f"webfinger {username}@{domain}", lambda: site.client.webfinger(f"{username}@{domain}"))
    address = answer.address_for(iri, kinds)
    if address is None:
        raise NotFound(f"{domain} does not say where its people follow or answer what is elsewhere.")
    site.client.networks.check_iri(address.partition("#")[0])
    return address


async def _fetch_actor(site: Site, iri: str) -> Actor:
    await _permitted(site, host_of(iri))
    try:
        fetched = await site.client.get_document(iri, await instance_key(site))
    except Gone:
        await site.db.write(lambda tx: _gone(tx, iri))
        raise
    return await keep_actor(site, fetched.document)


async def keep_actor(site: Site, document: dict[str, Any]) -> Actor:
    """Keep an actor whose document came from its own origin; its handle is checked by WebFinger, there and back."""
    read = read_actor(document)
    if site.is_local(read.id):
        raise WrongOrigin(f"{read.id} is of this instance, which nobody else describes")
    known = await site.db.read(lambda tx: actors.by_iri(tx, read.id))
    domain = await _confirmed_domain(site, read)
    if domain is None and known is not None:
        # Who was known by one name takes another only when WebFinger leads back from it: else anybody who may write their
        # own document could take a name of their host that is, or was, somebody else's.
        read, domain = replace(read, username=known.username), known.domain
    found = domain or host_of(read.id)
    holder = await site.db.read(lambda tx: actors.by_name(tx, read.username, found))
    if domain is None and holder is not None and holder.iri != read.id and holder.state != "gone":
        raise WrongOrigin(f"{holder.handle} is another actor, and WebFinger does not say otherwise")
    return await site.db.write(lambda tx: _save(tx, site, read, found, document))


async def _confirmed_domain(site: Site, read: ActorDocument) -> str | None:
    """The domain of an actor's handle as its WebFinger confirms it; None when it does not. Of an actor that nothing else
    is known of it is the host of its id then.

    Servers may keep handles on another domain than their actors (FEP-2c59, or found by asking).
    """
    try:
        username, domain = split_handle(await site.client.handle_of(read))
    except FederationError:
        return None
    return domain if username.lower() == read.username.lower() else None


def _save(tx: Tx, site: Site, read: ActorDocument, domain: str, document: dict[str, Any]) -> Actor:
    now = site.clock()
    host = host_of(read.id)
    peers.meet(tx, host, now)
    ed25519 = reads_ed25519(document)
    if ed25519 is not None and (peer := peers.by_host(tx, host)) is not None and peer.ed25519 != ed25519:
        peers.change(tx, host, ed25519=ed25519)
    row = Actor(
        id=site.new_id(),
        iri=read.id,
        kind=read.kind if read.kind in ACTOR_KINDS else "Person",
        username=read.username,
        domain=domain,
        host=host,
        local=False,
        name=to_text(read.name)[:200] or read.username,
        summary=sanitise(read.summary),
        source=None,
        url=read.url if read.url.startswith("http") else read.id,
        inbox=read.inbox,
        shared_inbox=read.shared_inbox,
        outbox=read.outbox,
        followers=read.followers,
        following=read.following,
        featured=read.featured,
        moderators=read.moderators,
        icon=read.icon,
        image=read.image,
        approves_followers=read.approves_followers,
        discoverable=read.discoverable,
        indexable=read.indexable,
        fields=[
            {
                "name": to_text(str(one.get("name", "")))[:255],
                "value": sanitise(str(one.get("value", ""))[:2000]),
                "verified_at": None,
            }
            for one in read.fields[:16]
        ],
        also_known_as=read.also_known_as[:20],
        moved_to=read.moved_to,
        state="active",
        followers_count=0,
        following_count=0,
        posts_count=0,
        last_post_at=None,
        created_at=read.published if read.published and 0 < read.published < now else now,
        fetched_at=now,
        emoji=[{"shortcode": name, "url": url} for name, url in read_emoji(document)],
    )
    holder = actors.by_name(tx, row.username, domain)
    if holder is not None and holder.iri != row.iri:
        # The name went to another actor of that server; it can't be two here.
        actors.change(tx, holder.id, username=f"{holder.username}_{holder.id}", state="gone")
    try:
        saved = actors.save_remote(tx, row)
    except IntegrityError as problem:
        raise WrongOrigin(f"{row.handle} belongs to another actor") from problem
    if saved.state == "gone":
        actors.change(tx, saved.id, state="active")
    for key_id, public in read.keys:
        keys.save(tx, Key(key_id, read.id, host, public, None, now, now))
        site.forget_public_key(key_id)
    keys.keep_only(tx, read.id, [key_id for key_id, _ in read.keys])
    if saved.is_group:
        visible = wire.string(document.get("visibleTo"))
        if visible not in groups.SEE:
            # Lemmy 1.0 marks a private community so; of two readings of a lock, take the narrower.
            visible = "members" if read.approves_followers else "public"
        if saved.id == row.id and visible == "public":  # seen for the first time; others show nothing before one joins
            conversations.pins_of(tx, site, saved)
        mode = "approval" if read.approves_followers else "open"
        known = groups.by_id(tx, saved.id)
        groups.save(tx, Group(saved.id, mode, visible, "members", known.rules if known else [], None, saved.created_at))
        twins.said(tx, site, saved, wire.ids(document.get("twins")))
    return saved


def _gone(tx: Tx, iri: str) -> None:
    known = actors.by_iri(tx, iri)
    if known is not None and not known.local:
        actors.change(tx, known.id, state="gone")


async def key(site: Site, key_id: str, *, fresh: bool = False) -> PublicKey:
    """The public key with this id, whose owner's own document lists it; fetched when not known, or `fresh`.

    Raises KeyUnavailable when it can't be had now, BadSignature and its like when its owner does not stand by it.
    """
    if not fresh:
        known = site.cached_public_key(key_id) or await site.db.read(lambda tx: site.public_key(tx, key_id))
        if known is not None:
            return known
    host = host_of(key_id)
    _check_answers(site, host)
    asked = f"key {key_id}"
    known_to_fail = asked in site.questions.failed
    try:
        return await _once(site, asked, lambda: _fetch_key(site, key_id))
    except FederationError as problem:
        if not known_to_fail:
            _note_failure(site, host, problem)
        raise


def _check_answers(site: Site, host: str) -> None:
    """Raises KeyUnavailable for a host that was asked for keys in vain lately, whichever key is wanted now: everybody may
    name any number of keys there, and each would cost it, and us, a request (CVE-2026-34148)."""
    failed = site.questions.failed.get(f"host {host}")
    if failed is not None and failed[0] > site.clock():
        raise failed[1]


def _note_failure(site: Site, host: str, problem: FederationError) -> None:
    """Leave a host alone for a minute once it does not answer, or had none of a dozen keys that it was asked for."""
    now = site.clock()
    if problem.retry or not site.rotations.allow(f"keys in vain {host}", *ROTATIONS, now):
        left = KeyUnavailable(f"{host} was asked for keys in vain a moment ago; it is asked again in a minute")
        _remember(site, f"host {host}", left)


async def rotated_key(site: Site, key_id: str) -> PublicKey | None:
    """The key as its owner gives it now, for a signature that did not fit: it may have been changed since we read it.

    None when it can't be had, or its host was asked too often lately: each forgery would make us ask.
    """
    if not site.rotations.allow(host_of(key_id), *ROTATIONS, site.clock()):
        return None
    try:
        return await key(site, key_id, fresh=True)
    except FederationError:
        return None


async def _fetch_key(site: Site, key_id: str) -> PublicKey:
    address = key_id.partition("#")[0]
    if site.is_local(address):
        raise WrongOrigin(f"{key_id} is a key of this instance, which does not write to itself")
    await _permitted(site, host_of(address))
    try:
        document = first = (await site.client.get_document(address, await instance_key(site))).document
        owner = owner_of_key(document, key_id)
        if owner is None:
            raise WrongOrigin(f"{key_id} does not say whose key it is")
        if owner != wire.id_of(document):
            # GoToSocial serves a key at an address of its own, with a stub of its owner.
            document = (await site.client.get_document(owner, await instance_key(site))).document
        await keep_actor(site, document)
        site.forget_public_key(key_id)  # also when it is the actor's IRI, under which no key is kept
    except (WrongOrigin, BadSignature):
        raise
    except FederationError as problem:
        text = f"{key_id} can't be had: {problem.text}"
        # What its server answered us is no answer to whoever writes to us: a 410 would say that we are gone.
        raise (KeyUnavailable(text) if problem.retry else BadSignature(text, code="no-key")) from problem
    found = await site.db.read(lambda tx: site.public_key(tx, key_id))
    if found is None and key_id in wire.ids(document.get("publicKey")) and first is not document:
        # The owner names its key by id only; the document of the key has it.
        found = await _keep_key(site, key_id, owner, first)
    if found is None:
        raise WrongOrigin(f"the owner of {key_id} does not list it")
    return found


async def _keep_key(site: Site, key_id: str, owner: str, document: dict[str, Any]) -> PublicKey | None:
    public = wire.string(document.get("publicKeyPem")) or wire.string(document.get("publicKeyMultibase"))
    if public is None:
        return None
    now = site.clock()
    load_public(public, key_id, owner)  # raises when it is none
    await site.db.write(lambda tx: keys.save(tx, Key(key_id, owner, host_of(key_id), public, None, now, now)))
    return await site.db.read(lambda tx: site.public_key(tx, key_id))


async def activity(site: Site, iri: str) -> Authentic:
    """An activity as its own origin serves it. Raises the errors of `federation.errors`."""
    await _permitted(site, host_of(iri))
    fetched = await _once(site, iri, lambda: _get(site, iri))
    return authentic_fetched(fetched.document, fetched.url, fetched.raw)


async def proven(site: Site, inner: dict[str, Any], raw: bytes | None = None) -> Authentic:
    """An activity that somebody passed on, proven by its actor's own proof (FEP-8b32); at most the key is fetched.

    `raw` is its JSON as it came, to be passed on byte for byte.

    Raises MissingSignature when it has none, and the other errors of `federation.errors`.
    """
    key_id = proof_key_id(inner)
    if key_id is None:
        raise MissingSignature("the activity that was passed on has no proof")
    read = read_activity(inner, wire.encode(inner) if raw is None else raw)
    await _permitted(site, host_of(key_id))
    found = await key(site, key_id)
    try:
        return authentic_proof(read, found, site.clock())
    except BadSignature:
        rotated = await rotated_key(site, key_id)
        if rotated is None:
            raise
        return authentic_proof(read, rotated, site.clock())


async def document(site: Site, iri: str) -> Document:
    """Whatever ActivityPub object (a collection, a page of one) is at this IRI, as its host serves it to our signature.

    What is in it is its host's word alone. Raises the errors of `federation.errors`, also when policy is against it.
    """
    await _permitted(site, host_of(iri))
    return await _once(site, iri, lambda: _get(site, iri))


async def moderators(site: Site, iri: str) -> None:
    """Ask a group elsewhere (by IRI) who moderates it (FEP-1b12: the collection that `attributedTo` names) and keep that.

    Raises the errors of `federation.errors` when it can't be asked. Who is in the list and can't be had is left out.
    """
    group = await site.db.read(lambda tx: actors.by_iri(tx, iri))
    if group is None or group.local or not group.is_group or group.moderators is None:
        return
    read = read_collection((await document(site, group.moderators)).document)
    if not read.items and read.first is not None:
        page = read.first if isinstance(read.first, dict) else (await document(site, read.first)).document
        read = read_collection(page)
    named = [one for item in read.items[:MAX_MODERATORS] if (one := wire.id_of(item)) is not None]
    known = await site.db.read(lambda tx: actors.by_iris(tx, named))
    for one in [one for one in named if one not in known and not site.is_local(one)]:
        try:
            await actor(site, one)
        except (FederationError, NotFound):
            continue

    def keep(tx: Tx) -> None:
        now = actors.by_iris(tx, named)
        for one in now.values():
            moderated.listed(tx, site, group, one)
        for other in actors.by_ids(tx, memberships.moderators(tx, group.id)).values():
            if other.iri not in named:
                moderated.unlisted(tx, group, other)

    await site.db.write(keep)


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
    await _permitted(site, host_of(iri))
    try:
        fetched = await _once(site, iri, lambda: _get(site, iri))
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


async def _get(site: Site, iri: str) -> Document:
    return await site.client.get_document(iri, await instance_key(site))


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
    await _permitted(site, host_of(url))
    fetched = await _once(site, url, lambda: _get(site, url))
    iri = wire.id_of(fetched.document)
    if iri is None:
        raise Malformed(f"{url} has no id")
    if ACTOR_KINDS.intersection(wire.types(fetched.document)):
        return await actor(site, iri)
    return await post(site, iri)


async def instance_key(site: Site) -> PrivateKey:
    """The key that signs what we fetch: the instance's own, whose document everyone may read unsigned."""
    return await site.db.read(partial(site.private_key, owner_iri=site.instance_iri))


async def _permitted(site: Site, host: str) -> None:
    """Raises Refused (403) when policy does not let us ask this host; the decision is kept."""
    decision = await site.db.read(lambda tx: policy.fetching(tx, site, host))
    if decision.verdict is Verdict.REJECT:
        await site.db.write(lambda tx: policy.keep(tx, site, decision, "fetch", host))
        raise Refused(f"policy: {decision.text}", answered=403)
