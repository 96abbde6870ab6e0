"""Quotes: the Quote and ShallowQuote entities, and QuoteApproval: who may quote a post (Mastodon 4.5). Pure."""

from typing import Any

import msgspec

from fedi.mastodon.load import Bundle
from fedi.rendering.posts import quote_policy
from storage.posts import Post

_encode = msgspec.json.Encoder().encode

AUTOMATIC = {"public": ["public"], "followers": ["followers"]}
"""posts.quote_policy -> who may quote without asking, in Mastodon's words."""


def state(bundle: Bundle, post: Post) -> str:
    """The state of the quote that a post makes, as far as the caller may know."""
    said = post.quote_state or "pending"
    if said != "accepted":
        return said if said in ("pending", "rejected", "revoked") else "pending"
    if post.quote_id is None or post.quote_id in bundle.missing:
        return "deleted"
    # It is there, and not for the caller: not even its author is told.
    return "accepted" if post.quote_id in bundle.posts else "unauthorized"


def shallow(bundle: Bundle, post: Post) -> dict[str, Any] | None:
    """ShallowQuote: the quote that a quoted post makes itself, by id."""
    if post.quote_iri is None:
        return None
    said = state(bundle, post)
    return {"state": said, "quoted_status_id": str(post.quote_id) if said == "accepted" else None}


def approval(bundle: Bundle, post: Post) -> bytes:
    """`"quote_approval":{…}`: by whom a post may be quoted, and whether by the caller.

    Mastodon's rule: what not everyone may read is quoted by its author at most; nobody is `denied` without a policy's
    word.
    """
    policy = quote_policy(post) if post.local else post.quote_policy or ""
    own = bundle.person_id is not None and bundle.person_id == post.author_id and post.visibility != "direct"
    let = policy == "public" or (policy == "followers" and post.author_id in bundle.followed)
    invited = bundle.person_id is not None and post.visibility in ("public", "unlisted") and let
    current = "automatic" if own or invited else "denied"
    return _approval(policy, current)


def _approval(policy: str, current: str) -> bytes:
    key = (policy, current)
    known = _ready.get(key)
    if known is None:
        said = {"quote_approval": {"automatic": AUTOMATIC.get(policy, []), "manual": [], "current_user": current}}
        known = b"," + _encode(said)[1:-1]
        if policy in AUTOMATIC or policy in ("", "nobody"):
            _ready[key] = known
    return known


_ready: dict[tuple[str, str], bytes] = {}
