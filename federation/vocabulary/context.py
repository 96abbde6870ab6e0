"""The JSON-LD contexts of what we emit, as constants; nothing is ever fetched to read or write a document."""

from typing import Any

AS2 = "https://www.w3.org/ns/activitystreams"
SECURITY = "https://w3id.org/security/v1"
MULTIKEY = "https://w3id.org/security/multikey/v1"
DATA_INTEGRITY = "https://w3id.org/security/data-integrity/v2"

PLAIN: str = AS2
"""For activities whose object is an id or an activity."""

ACTOR: list[Any] = [
    AS2,
    SECURITY,
    MULTIKEY,
    {
        "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
        "alsoKnownAs": {"@id": "as:alsoKnownAs", "@type": "@id"},
        "movedTo": {"@id": "as:movedTo", "@type": "@id"},
        "schema": "http://schema.org#",
        "PropertyValue": "schema:PropertyValue",
        "value": "schema:value",
        "toot": "http://joinmastodon.org/ns#",
        "featured": {"@id": "toot:featured", "@type": "@id"},
        "discoverable": "toot:discoverable",
        "indexable": "toot:indexable",
        "sensitive": "as:sensitive",
        "lemmy": "https://join-lemmy.org/ns#",
        "postingRestrictedToMods": "lemmy:postingRestrictedToMods",
        "moderators": {"@id": "lemmy:moderators", "@type": "@id"},
        "webfinger": {"@id": "https://purl.archive.org/socialweb/webfinger#webfinger"},
        # Neither of the two contexts for keys has it, and without it Fedify finds no key to check a proof with.
        "assertionMethod": {"@id": "https://w3id.org/security#assertionMethod", "@type": "@id", "@container": "@set"},
    },
]
"""For actors: keys, Mastodon's and Lemmy's terms, FEP-2c59's `webfinger`."""

POST: list[Any] = [
    AS2,
    {
        "Hashtag": "as:Hashtag",
        "sensitive": "as:sensitive",
        "toot": "http://joinmastodon.org/ns#",
        "blurhash": "toot:blurhash",
        "Emoji": "toot:Emoji",
        "focalPoint": {"@container": "@list", "@id": "toot:focalPoint"},
        "contextHistory": {"@id": "https://w3id.org/fep/171b/contextHistory", "@type": "@id"},
        "gts": "https://gotosocial.org/ns#",
        "interactionPolicy": {"@id": "gts:interactionPolicy", "@type": "@id"},
        "canQuote": {"@id": "gts:canQuote", "@type": "@id"},
        "automaticApproval": {"@id": "gts:automaticApproval", "@type": "@id"},
    },
]
"""For posts, and for the activities that hold one."""

QUOTE_TERMS: dict[str, Any] = {
    "gts": "https://gotosocial.org/ns#",
    "quote": {"@id": "https://w3id.org/fep/044f#quote", "@type": "@id"},
    "quoteUri": "http://fedibird.com/ns#quoteUri",
    "_misskey_quote": "https://misskey-hub.net/ns#_misskey_quote",
    "quoteAuthorization": {"@id": "https://w3id.org/fep/044f#quoteAuthorization", "@type": "@id"},
    "QuoteAuthorization": "https://w3id.org/fep/044f#QuoteAuthorization",
    "QuoteRequest": "https://w3id.org/fep/044f#QuoteRequest",
    "interactingObject": {"@id": "gts:interactingObject", "@type": "@id"},
    "interactionTarget": {"@id": "gts:interactionTarget", "@type": "@id"},
}
"""FEP-044f and the older words for quotes, beside `POST` where a post quotes."""

RESOURCE_TERMS: dict[str, Any] = {
    "schema": "http://schema.org/",
    "edu": "https://w3id.org/fedi/edu/v1#",
    "schema:mainEntity": {"@id": "schema:mainEntity", "@type": "@id"},
    "LearningResource": "schema:LearningResource",
    "identifier": "schema:identifier",
    "license": "schema:license",
    "learningResourceType": "schema:learningResourceType",
    "inLanguage": "schema:inLanguage",
    "size": "schema:contentSize",
    "digestMultibase": {"@id": "https://w3id.org/security#digestMultibase"},
    "edu:addedBy": {"@id": "edu:addedBy", "@type": "@id"},
    "edu:csl": {"@id": "edu:csl", "@type": "@json"},
    "edu:shareable": "edu:shareable",
}
"""What a library says of a work, beside `POST`."""

POLL_TERMS: dict[str, Any] = {"votersCount": "toot:votersCount"}
"""Mastodon's word, beside `POST` in a Question."""

MODERATION: list[Any] = [
    AS2,
    {
        "lemmy": "https://join-lemmy.org/ns#",
        "expires": "as:endTime",
        "removeData": "lemmy:removeData",
        "Lock": "lemmy:Lock",
        "Resolve": "lemmy:Resolve",
        "Warn": "lemmy:Warn",
    },
]
"""For what moderators do: Lemmy's terms; Mbin says `expires` for `endTime`."""

REPORT: list[Any] = [AS2, {"rule": "https://w3id.org/fedi#rule"}]
"""For a Flag: the rule of the group that it names."""

COLLECTION: list[Any] = [
    AS2,
    {
        "likesOf": {"@id": "https://w3id.org/fep/5711#likesOf", "@type": "@id"},
        "sharesOf": {"@id": "https://w3id.org/fep/5711#sharesOf", "@type": "@id"},
        "repliesOf": {"@id": "https://w3id.org/fep/5711#repliesOf", "@type": "@id"},
        "inboxOf": {"@id": "https://w3id.org/fep/5711#inboxOf", "@type": "@id"},
        "outboxOf": {"@id": "https://w3id.org/fep/5711#outboxOf", "@type": "@id"},
        "followersOf": {"@id": "https://w3id.org/fep/5711#followersOf", "@type": "@id"},
        "followingOf": {"@id": "https://w3id.org/fep/5711#followingOf", "@type": "@id"},
        "collectionOf": "https://fediversity.site/apschema#collectionOf",
        "history": {"@id": "https://w3id.org/fep/bad1/history", "@type": "@id"},
        "pendingFollowersOf": {"@id": "https://purl.archive.org/socialweb/pending#pendingFollowersOf", "@type": "@id"},
        "pendingFollowingOf": {"@id": "https://purl.archive.org/socialweb/pending#pendingFollowingOf", "@type": "@id"},
    },
]
"""For collections that say whose they are (FEP-5711, FEP-4ccd), and what a thread's hold (FEP-171b, FEP-f228)."""

PEER_TERMS: dict[str, Any] = {
    "peer": "https://w3id.org/fedi/peering/v1#",
    "peer:parties": {"@id": "peer:parties", "@type": "@id", "@container": "@list"},
    "peer:replaces": {"@id": "peer:replaces", "@type": "@id"},
    "peer:securityContact": {"@id": "peer:securityContact", "@type": "@id"},
    "peer:dpo": {"@id": "peer:dpo", "@type": "@id"},
    "digestMultibase": {"@id": "https://w3id.org/security#digestMultibase"},
    "visibility": "peer:visibility",
    "groups": "peer:groups",
    "personalData": "peer:personalData",
    "media": "peer:media",
    "moderation": "peer:moderation",
    "moderationWithin": "peer:moderationWithin",
    "backfill": "peer:backfill",
}
"""The words of agreements between institutions. The version is in the address: a term never changes its meaning."""

PEERING: list[Any] = [AS2, DATA_INTEGRITY, PEER_TERMS]
"""For agreements, and for the messages about them."""
