"""A local actor (person, group, the instance itself) as an ActivityStreams document."""

from html import escape
from typing import Any

from federation.signatures.keys import encode_multikey
from federation.vocabulary.actor import build_actor
from federation.vocabulary.asking import build_marks
from federation.vocabulary.capabilities import IMPLEMENTS
from federation.vocabulary.tombstone import build_tombstone
from fedi.context import MAIN_KEY, PROOF_KEY, Site
from storage import group_scopes, groups, keys, twins
from storage.actors import Actor
from storage.metadata import Tx

TERMS = {
    "fedi": "https://w3id.org/fedi#",
    "CommunityPostTag": "https://join-lemmy.org/ns#CommunityPostTag",
    "visibleTo": "fedi:visibleTo",
    "twins": {"@id": "fedi:twins", "@type": "@id"},
    "probing": {"@id": "fedi:probing", "@type": "@id"},
    "federatesWith": "fedi:federatesWith",
    "audiencePeers": {"@id": "fedi:audiencePeers", "@type": "@id"},
    "peersMay": "fedi:peersMay",
    "membership": "fedi:membership",
    "rules": {"@id": "fedi:rules", "@container": "@list"},
    "implements": "https://w3id.org/fep/844e/implements",
    "pendingFollowers": {"@id": "https://purl.archive.org/socialweb/pending#pendingFollowers", "@type": "@id"},
    "pendingFollowing": {"@id": "https://purl.archive.org/socialweb/pending#pendingFollowing", "@type": "@id"},
}
"""What our documents say beyond the terms that peers share; peers that do not know them pass them by."""

AFFILIATION = "/affiliation"
"""After the id of a person: the page that states what they are to the institution."""

GENERATOR = {
    "type": "Application",
    "name": "fedi",
    # FEP-844e: what we can read, so that peers need not find out by trying.
    "implements": IMPLEMENTS,
}


KEY_ONLY = (
    *("@context", "id", "type", "preferredUsername", "inbox", "endpoints", "publicKey", "assertionMethod"),
    *("manuallyApprovesFollowers", "webfinger", "generator"),
)
"""What is told of an actor where nothing else is told without a signature."""


def stub(document: dict[str, Any]) -> dict[str, Any]:
    """An actor's document cut down to its key and how to reach it."""
    return {name: value for name, value in document.items() if name in KEY_ONLY}


def document(tx: Tx, site: Site, actor: Actor) -> dict[str, Any]:
    """The document of a local actor, with its public key; a Tombstone when it is gone.

    Raises LookupError when the actor has no key here, which no local actor is without.
    """
    if actor.state == "gone":
        return build_tombstone(actor.iri, actor.kind, actor.created_at)
    key, proofs = keys.by_id(tx, actor.iri + MAIN_KEY), keys.by_id(tx, actor.iri + PROOF_KEY)
    if key is None:
        raise LookupError(f"{actor.iri} has no key here")
    made = build_actor(
        kind=actor.kind,
        id=actor.iri,
        username=actor.username,
        webfinger=actor.handle,
        name=actor.name,
        summary=actor.summary,
        source=actor.source,
        url=actor.url,
        inbox=actor.inbox,
        shared_inbox=actor.shared_inbox,
        outbox=actor.outbox or "",
        followers=actor.followers,
        following=actor.following,
        featured=actor.featured,
        moderators=actor.moderators,
        icon=actor.icon,
        image=actor.image,
        icon_description=actor.icon_description,
        image_description=actor.image_description,
        approves_followers=actor.approves_followers,
        discoverable=actor.discoverable,
        indexable=actor.indexable,
        fields=[_field(actor.iri, field) for field in actor.fields],
        also_known_as=actor.also_known_as,
        moved_to=actor.moved_to,
        published=actor.created_at,
        key_id=key.id,
        public_pem=key.public,
        multikeys=[(proofs.id, encode_multikey(proofs.public))] if proofs is not None else None,
    )
    made["generator"] = GENERATOR
    if actor.kind != "Application":
        # FEP-4ccd; readable by the actor alone.
        made["pendingFollowers"] = f"{actor.iri}/pendingFollowers"
        made["pendingFollowing"] = f"{actor.iri}/pendingFollowing"
    if actor.iri == site.instance_iri:
        # Where agreed peers may try whether we keep to what was agreed (fedi.outbox.probing).
        made["probing"] = site.iri("/peering/probing")
    if actor.is_group:
        row = groups.by_id(tx, actor.id)
        made["postingRestrictedToMods"] = row is not None and row.post == "moderators"
        # Who may read it: public, peers (agreed institutions) or members. Absent means public.
        made["visibleTo"] = row.see if row is not None else "public"
        made["membership"] = row.join_mode if row is not None else "open"
        if row is not None and row.rules:
            made["rules"] = row.rules  # so that members elsewhere read, accept and cite them
        made |= _scope(tx, site, actor)
        made["tag"] = build_marks(
            actor.iri, solved=True
        )  # of its questions; Lemmy takes no tag that its group does not list
        # Which groups elsewhere it is joined with: what they pass on of it is its own (FEP-d36d has it in `following`).
        if joined := twins.joined_iris(tx, actor.id):
            made["twins"] = joined
    made["@context"] = [*made["@context"], TERMS]
    return made


def _scope(tx: Tx, site: Site, group: Actor) -> dict[str, Any]:
    """With which institutions a group federates (absent: with everybody), and what people of these may do in it."""
    scope = group_scopes.of_group(tx, group.id)
    if scope is None:
        return {}
    said: dict[str, Any] = {"federatesWith": scope.mode, "peersMay": scope.may}
    if scope.mode == "named":
        scheme = site.config.origin.partition(":")[0]
        said["audiencePeers"] = [f"{scheme}://{one.host}/" for one in group_scopes.named(tx, group.id)]
    return said


def affiliation_page(iri: str) -> str:
    """The address of the page that states the affiliation of the actor with this IRI."""
    return iri + AFFILIATION


def _field(iri: str, field: dict[str, Any]) -> dict[str, str]:
    """A field as peers get it. An affiliation shows its address: Mastodon verifies no link that shows something else."""
    if "affiliation" not in field:
        return {"name": field["name"], "value": field["value"]}
    page = escape(affiliation_page(iri))
    return {"name": field["name"], "value": f'<a href="{page}" rel="me nofollow noopener noreferrer">{page}</a>'}
