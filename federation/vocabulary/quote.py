"""Quotes: what a post says it quotes, who may quote a post, and the author's leave (FEP-044f, FEP-e232)."""

from dataclasses import dataclass
from typing import Any, Literal

from federation.audience import PUBLIC, is_public
from federation.errors import Malformed, WrongOrigin
from federation.fields import Json, first_id, id_of, ids, string, types
from federation.hosts import same_origin, web_url
from federation.vocabulary.context import AS2, QUOTE_TERMS

Policy = Literal["public", "followers", "nobody"]

_REL = ("https://misskey-hub.net/ns#_misskey_quote", "https://w3id.org/fep/044f#quote")
_SPELLINGS = ("quote", "quoteUri", "quoteUrl", "_misskey_quote")
_OBJECT_TYPES = ("application/activity+json", "application/ld+json")


@dataclass(frozen=True, slots=True)
class QuoteDocument:
    """The post that a post quotes, and the QuoteAuthorization it names for that. Neither is proven by being named."""

    iri: str
    authorization: str | None


def read_quote(document: Json) -> QuoteDocument | None:
    """What a post quotes: FEP-044f's `quote`, else `quoteUri` (Fedibird), `quoteUrl`, `_misskey_quote`, else a Link tag
    (FEP-e232). None when it quotes nothing, what was deleted, or itself."""
    named = next(
        (found for name in _SPELLINGS if name in document and (found := web_url(first_id(document[name]))) is not None),
        None,
    )
    if named is None:
        named = _linked(document.get("tag"))
    if named is None or named == document.get("id"):
        return None
    return QuoteDocument(named, web_url(first_id(document.get("quoteAuthorization"))))


def _linked(tags: object) -> str | None:
    """The object of a Link tag that is a quote: it says so in `rel`, or is written `RE: …` in the text (FEP-e232)."""
    for one in tags if isinstance(tags, list) else [tags]:
        if not isinstance(one, dict) or "Link" not in types(one):
            continue
        media = (string(one.get("mediaType")) or "").partition(";")[0].strip().lower()
        rel = one.get("rel")
        quotes = any(name in _REL for name in (rel if isinstance(rel, list) else [rel]))
        if media in _OBJECT_TYPES and (quotes or (string(one.get("name")) or "").startswith("RE:")):
            found = web_url(one.get("href"))
            if found is not None:
                return found
    return None


def read_quote_allowed(document: Json) -> list[str] | None:
    """Whose quotes of a post are allowed at once (`interactionPolicy.canQuote`), IRIs; None when it does not say.

    GoToSocial wrote `always` for what is now `automaticApproval`.
    """
    policy = document.get("interactionPolicy")
    rule = policy.get("canQuote") if isinstance(policy, dict) else None
    if not isinstance(rule, dict):
        return None
    return ids(rule.get("automaticApproval") if "automaticApproval" in rule else rule.get("always"))[:50]


def quote_policy(allowed: list[str] | None, followers: str | None) -> Policy | None:
    """The same in one word, for a post whose author has this followers collection.

    Single actors that may quote count as nobody, the narrower reading.
    """
    if allowed is None:
        return None
    if any(is_public(one) for one in allowed):
        return "public"
    return "followers" if followers is not None and followers in allowed else "nobody"


def build_quote_policy(policy: Policy, author: str, followers: str | None) -> Json:
    """`interactionPolicy` of a post: as Mastodon, whom nobody may quote names its author alone."""
    allowed = {"public": PUBLIC, "followers": followers or author, "nobody": author}[policy]
    return {"canQuote": {"automaticApproval": [allowed]}}


def check_authorization(document: Json, id: str, quoting: str, quoted: str, author: str) -> None:
    """Whether a QuoteAuthorization, as its origin served it at `id`, allows the post `quoting` to quote `quoted` by `author`.

    Raises Malformed when it is something else, WrongOrigin when it is of another, or for other posts.
    """
    if "QuoteAuthorization" not in types(document) or id_of(document) != id:
        raise Malformed(f"{id} is no QuoteAuthorization", code="not-an-authorization")
    if not same_origin(id, author) or first_id(document.get("attributedTo")) != author:
        raise WrongOrigin(f"{id} is not {author}'s to give")
    if first_id(document.get("interactingObject")) != quoting or first_id(document.get("interactionTarget")) != quoted:
        raise WrongOrigin(f"{id} is about other posts")


def build_authorization(id: str, author: str, quoting: str, quoted: str) -> Json:
    """The leave of `author` that the post `quoting` quotes the post `quoted`, to be served at `id`."""
    return {
        "@context": [AS2, QUOTE_TERMS],
        "id": id,
        "type": "QuoteAuthorization",
        "attributedTo": author,
        "interactingObject": quoting,
        "interactionTarget": quoted,
    }


def build_request(id: str, actor: str, quoted: str, instrument: Any) -> Json:
    """A QuoteRequest, as it is embedded in its answer."""
    return {"id": id, "type": "QuoteRequest", "actor": actor, "object": quoted, "instrument": instrument}


def quote_properties(iri: str, authorization: str | None) -> Json:
    """The properties of a post that quotes `iri`, in every spelling that peers read, but for the text."""
    named: Json = {"quote": iri, "quoteUri": iri, "_misskey_quote": iri}
    return named if authorization is None else named | {"quoteAuthorization": authorization}


def quote_link(iri: str) -> Json:
    """The tag that names the quoted post for who reads object links (FEP-e232)."""
    return {
        "type": "Link",
        "mediaType": 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"',
        "rel": _REL[0],
        "href": iri,
        "name": f"RE: {iri}",
    }
