"""A local actor (person, group, the instance itself) as an ActivityStreams document."""

from typing import Any

from fedi.actions.sending import timestamp
from fedi.context import Site
from storage import groups, keys
from storage.actors import Actor
from storage.metadata import Tx

CONTEXT: list[Any] = [
    "https://www.w3.org/ns/activitystreams",
    "https://w3id.org/security/v1",
    {
        "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
        "toot": "http://joinmastodon.org/ns#",
        "discoverable": "toot:discoverable",
        "indexable": "toot:indexable",
        "featured": {"@id": "toot:featured", "@type": "@id"},
        "schema": "http://schema.org#",
        "PropertyValue": "schema:PropertyValue",
        "value": "schema:value",
        "lemmy": "https://join-lemmy.org/ns#",
        "moderators": {"@id": "lemmy:moderators", "@type": "@id"},
        "postingRestrictedToMods": "lemmy:postingRestrictedToMods",
        "fedi": "https://w3id.org/fedi#",
        "visibleTo": "fedi:visibleTo",
        "webfinger": {"@id": "https://purl.archive.org/socialweb/webfinger#webfinger"},
    },
]
GENERATOR = {
    "type": "Application",
    "name": "fedi",
    # FEP-844e: what we can read, so that peers need not find out by trying.
    "implements": [{"name": "RFC-9421: HTTP Message Signatures", "href": "https://datatracker.ietf.org/doc/html/rfc9421"}],
}


def document(tx: Tx, site: Site, actor: Actor) -> dict[str, Any]:
    """The document of a local actor, with its public key; a Tombstone when it is gone."""
    if actor.state == "gone":
        return {"@context": CONTEXT[0], "id": actor.iri, "type": "Tombstone", "formerType": actor.kind}
    made: dict[str, Any] = {
        "@context": CONTEXT,
        "id": actor.iri,
        "type": actor.kind,
        "preferredUsername": actor.username,
        "webfinger": actor.handle,
        "name": actor.name,
        "summary": actor.summary,
        "url": actor.url,
        "inbox": actor.inbox,
        "outbox": actor.outbox,
        "followers": actor.followers,
        "following": actor.following,
        "endpoints": {"sharedInbox": actor.shared_inbox},
        "manuallyApprovesFollowers": actor.approves_followers,
        "discoverable": actor.discoverable,
        "indexable": actor.indexable,
        "published": timestamp(actor.created_at),
        "generator": GENERATOR,
    }
    key = next((key for key in keys.of_owner(tx, actor.iri) if key.private is not None), None)
    if key is not None:
        made["publicKey"] = {"id": key.id, "owner": actor.iri, "publicKeyPem": key.public}
    if actor.featured:
        made["featured"] = actor.featured
    if actor.fields:
        made["attachment"] = [
            {"type": "PropertyValue", "name": field["name"], "value": field["value"]} for field in actor.fields
        ]
    if actor.also_known_as:
        made["alsoKnownAs"] = actor.also_known_as
    if actor.moved_to:
        made["movedTo"] = actor.moved_to
    for name, link in (("icon", actor.icon), ("image", actor.image)):
        if link:
            made[name] = {"type": "Image", "url": link}
    if actor.is_group:
        row = groups.by_id(tx, actor.id)
        made["attributedTo"] = actor.moderators
        made["moderators"] = actor.moderators
        made["postingRestrictedToMods"] = row is not None and row.post == "moderators"
        made["source"] = {"content": actor.source or "", "mediaType": "text/plain"}
        made["mediaType"] = "text/html"
        made["sensitive"] = False
        # Who may read it: public, peers (agreed institutions) or members. Absent means public.
        made["visibleTo"] = row.see if row is not None else "public"
    return made
