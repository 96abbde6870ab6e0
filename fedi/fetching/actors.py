"""Actors elsewhere: by handle or IRI, with their keys; who moderates a group; where a person interacts from home."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from federation import discovery
from federation import fields as wire
from federation.errors import (
    FederationError,
    Gone,
    Refused,
    WrongOrigin,
)
from federation.hosts import host_of
from federation.policy import rewriting
from federation.policy.decide import Verdict
from federation.vocabulary.actor import ActorDocument, read_actor
from federation.vocabulary.capabilities import reads_ed25519
from federation.vocabulary.collection import read_collection
from federation.vocabulary.emoji import read_emoji
from federation.vocabulary.moderation import read_rules
from federation.webfinger import split_handle
from fedi import policy
from fedi.actions import affiliations, conversations, lists, moderated, scopes, showing, twins, verifying
from fedi.context import Site
from fedi.errors import NotFound
from fedi.fetching.asking import document, instance_key, once, permitted
from fedi.rendering.actors import affiliation_page
from fedi.text import sanitise, to_text
from storage import actors, follows, groups, keys, memberships, peers
from storage.actors import Actor
from storage.groups import Group
from storage.keys import Key
from storage.metadata import Tx

ACTOR_KINDS = frozenset({"Person", "Group", "Application", "Service", "Organization"})
MAX_MODERATORS = 100


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
        await permitted(site, domain)
        answer = await once(
            site, f"webfinger {username}@{domain}", lambda: discovery.webfinger(site.client, f"{username}@{domain}")
        )
        iri = answer.actor_iri
    known = await site.db.read(lambda tx: actors.by_iri(tx, iri))
    if known is not None and (known.local or not fresh):
        return known
    if site.is_local(iri):
        raise NotFound
    return await once(site, f"actor {iri}", lambda: _fetch_actor(site, iri))


async def interaction(site: Site, handle: str, iri: str, kinds: Sequence[str]) -> str:
    """Where the person with this handle (`user@host`) follows or answers the object `iri` at home: an address of their
    own server, by FEP-3b86 for the first of `kinds` that it offers, else by the older subscribe template.

    Of our own people it is a path here. Raises NotFound when their server offers none, and the errors of
    `federation.errors` when it can't be asked or leads elsewhere than https.
    """
    username, domain = split_handle(handle)
    if domain in (site.config.handle_domain, site.config.host):
        return f"/authorize_interaction?uri={quote(iri, safe='')}"
    await permitted(site, domain)
    answer = await once(
        site, f"webfinger {username}@{domain}", lambda: discovery.webfinger(site.client, f"{username}@{domain}")
    )
    address = answer.address_for(iri, kinds)
    if address is None:
        raise NotFound(f"{domain} does not say where its people follow or answer what is elsewhere.")
    site.client.networks.check_iri(address.partition("#")[0])
    return address


async def _fetch_actor(site: Site, iri: str) -> Actor:
    await permitted(site, host_of(iri))
    try:
        fetched = await site.client.get_document(iri, await instance_key(site))
    except Gone:
        await site.db.write(lambda tx: _gone(tx, iri))
        raise
    return await keep_actor(site, fetched.document)


async def keep_actor(site: Site, document: dict[str, Any], about: str | None = None) -> Actor:
    """Keep an actor whose document came from its own origin; its handle is checked by WebFinger, there and back. Raises Refused
    where policy does not take it (`about`: what it was read for), and WrongOrigin for what is somebody else's."""
    read = read_actor(document)
    if site.is_local(read.id):
        raise WrongOrigin(f"{read.id} is of this instance, which nobody else describes")
    judged = await site.db.read(lambda tx: policy.of_actor(tx, site, read, about))
    if judged.decision.verdict in (Verdict.REJECT, Verdict.HOLD):
        await site.db.write(lambda tx: policy.keep_judged(tx, site, judged))
        raise Refused(f"policy: {judged.decision.text}", answered=403)
    effects = policy.effects(judged.decision)
    read = rewriting.actor(read, effects)
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
    emoji = [] if "strip-media" in effects else read_emoji(document)
    return await site.db.write(lambda tx: _save(tx, site, read, found, document, emoji))


async def _confirmed_domain(site: Site, read: ActorDocument) -> str | None:
    """The domain of an actor's handle as its WebFinger confirms it; None when it does not. Of an actor that nothing else
    is known of it is the host of its id then.

    Servers may keep handles on another domain than their actors (FEP-2c59, or found by asking).
    """
    try:
        username, domain = split_handle(await discovery.handle_of(site.client, read))
    except FederationError:
        return None
    return domain if username.lower() == read.username.lower() else None


def _save(
    tx: Tx, site: Site, read: ActorDocument, domain: str, document: dict[str, Any], emoji: Sequence[tuple[str, str]]
) -> Actor:
    now = site.clock()
    host = host_of(read.id)
    if peers.meet(tx, host, now):
        showing.met(tx, site, host)
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
        fields=_fields(tx, read, now),
        also_known_as=read.also_known_as[:20],
        moved_to=read.moved_to,
        state="active",
        followers_count=0,
        following_count=0,
        posts_count=0,
        last_post_at=None,
        created_at=read.published if read.published and 0 < read.published < now else now,
        fetched_at=now,
        emoji=[{"shortcode": name, "url": url} for name, url in emoji],
        icon_description=read.icon_description[:1500] if read.icon_description else None,
        image_description=read.image_description[:1500] if read.image_description else None,
    )
    holder = actors.by_name(tx, row.username, domain)
    if holder is not None and holder.iri != row.iri:
        # The name went to another actor of that server; it can't be two here.
        actors.change(tx, holder.id, username=f"{holder.username}_{holder.id}", state="gone")
    before = actors.by_iri(tx, row.iri)
    try:
        saved = actors.save_remote(tx, row)
    except actors.NameTaken as problem:
        raise WrongOrigin(f"{row.handle} belongs to another actor") from problem
    if saved.state == "gone":
        actors.change(tx, saved.id, state="active")
    for key_id, public in read.keys:
        keys.save(tx, Key(key_id, read.id, host, public, None, now, now))
    # Also those that it lists no more, and its IRI, which may have stood for the only one.
    for key_id in (*(one.id for one in keys.of_owner(tx, read.id)), read.id):
        site.forget_public_key(key_id)
    keys.keep_only(tx, read.id, [key_id for key_id, _ in read.keys])
    if verifying.claims(saved) or follows.has_local_follower(tx, saved.id):
        verifying.ask(tx, site, saved)
    if saved.is_group:
        if before is not None:
            lists.renamed(tx, saved, before)
        visible = wire.string(document.get("visibleTo"))
        if visible not in groups.SEE:
            # Lemmy 1.0 marks a private community so; of two readings of a lock, take the narrower.
            visible = "members" if read.approves_followers else "public"
        if saved.id == row.id and visible == "public":  # seen for the first time; others show nothing before one joins
            conversations.pins_of(tx, site, saved)
        mode = "approval" if read.approves_followers else "open"
        said = read_rules(document.get("rules"))
        groups.save(tx, Group(saved.id, mode, visible, "members", said, None, saved.created_at))
        scopes.said(tx, site, saved, document)
        twins.said(tx, site, saved, wire.ids(document.get("twins")))
    return saved


def _fields(tx: Tx, read: ActorDocument, now: int) -> list[dict[str, Any]]:
    """The fields of a profile. A link that was verified stays so while it is the same; what the actor is at its own host is
    verified by that host's word, where it runs fedi (`fedi.actions.affiliations`)."""
    known = actors.by_iri(tx, read.id)
    before = known.fields if known is not None else []
    fields: list[dict[str, Any]] = []
    for index, one in enumerate(read.fields[:16]):
        name, value = to_text(str(one.get("name", "")))[:255], sanitise(str(one.get("value", ""))[:2000])
        own = index == 0 and affiliations.lone_link(value) == affiliation_page(read.id)
        same = [old for old in before if old.get("value") == value and (not own or old.get("name") == name)]
        verified = next((old["verified_at"] for old in same if old.get("verified_at") is not None), None)
        fields.append({"name": name, "value": value, "verified_at": verified})
    peer = peers.by_host(tx, host_of(read.id))
    if affiliations.believed(read.id, fields, peer.software if peer is not None else None):
        fields[0]["verified_at"] = fields[0]["verified_at"] or now
    elif fields and affiliations.lone_link(fields[0]["value"]) == affiliation_page(read.id):
        fields[0]["verified_at"] = None
    return fields


def _gone(tx: Tx, iri: str) -> None:
    known = actors.by_iri(tx, iri)
    if known is not None and not known.local:
        actors.change(tx, known.id, state="gone")


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
