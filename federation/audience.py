"""Who may see it: `to`, `cc` and the collection Public (ActivityPub section 5.6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from federation.fields import ids

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"

_PUBLIC_SPELLINGS = frozenset({PUBLIC, "as:Public", "Public", "http://www.w3.org/ns/activitystreams#Public"})

Visibility = Literal["public", "unlisted", "followers", "direct"]


@dataclass(frozen=True, slots=True)
class Audience:
    """The IRIs in `to` and `cc`, Public left out; `public_in` says where Public stood (`to` wins), None: nowhere."""

    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    public_in: Literal["to", "cc"] | None = None

    @property
    def everyone(self) -> tuple[str, ...]:
        """`to`, then `cc`, without doubles."""
        return tuple(dict.fromkeys(self.to + self.cc))


def is_public(iri: str) -> bool:
    """Whether this is the collection Public, in any spelling that peers use (`as:Public`, bare `Public`, with http)."""
    return iri in _PUBLIC_SPELLINGS


def read_audience(document: Mapping[str, Any]) -> Audience:
    """The audience of an activity or object. `bto` and `bcc`, which nobody should send, count as `to` and `cc`."""
    to, cc = ids(document.get("to")), ids(document.get("cc"))
    if "bto" in document or "bcc" in document:
        to, cc = to + ids(document.get("bto")), cc + ids(document.get("bcc"))
    public_in: Literal["to", "cc"] | None = None
    if not _PUBLIC_SPELLINGS.isdisjoint(to):
        public_in = "to"
    elif not _PUBLIC_SPELLINGS.isdisjoint(cc):
        public_in = "cc"
    return Audience(
        tuple([iri for iri in to if iri not in _PUBLIC_SPELLINGS]),
        tuple([iri for iri in cc if iri not in _PUBLIC_SPELLINGS]),
        public_in,
    )


def visibility(audience: Audience, followers_iri: str | None) -> Visibility:
    """Mastodon's four words for an audience: Public in `to`, Public in `cc`, the author's followers, or none of them."""
    if audience.public_in == "to":
        return "public"
    if audience.public_in == "cc":
        return "unlisted"
    if followers_iri is not None and followers_iri in audience.everyone:
        return "followers"
    return "direct"
