"""The two shapes that the rest of the protocol speaks in: what was said, and the proof of who said it."""

from dataclasses import field
from typing import Any, Literal

from federation.audience import Audience, read_audience
from federation.fields import Json, milliseconds
from federation.plain_class import plain_class

Via = Literal["cavage", "rfc9421", "proof", "fetched"]
"""How it was proven: an HTTP signature of either kind, an integrity proof, or an answer of its own origin."""


@plain_class(frozen=True, slots=True)
class Activity:
    """One activity as it came. Nothing in it is proven.

    `actor` is one IRI; `object` is what the property held (an IRI, an object, a list of both, or None), untouched;
    `raw` the very bytes, which a group must pass on unchanged; `document` the decoded whole.
    """

    id: str
    type: str
    actor: str
    object: Any
    raw: bytes = field(repr=False)
    document: Json = field(repr=False)
    read: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """What was read from the document so far, by whoever reads it, so that it is read once."""

    @property
    def audience(self) -> Audience:
        """Whom it is addressed to."""
        found: Audience | None = self.read.get("audience")
        if found is None:
            found = self.read["audience"] = read_audience(self.document)
        return found

    @property
    def published(self) -> int | None:
        """When it was said, in ms, by its own word."""
        return milliseconds(self.document.get("published"))


@plain_class(frozen=True, slots=True)
class Authentic:
    """An activity whose actor is proven; handlers take nothing else. Made in `signatures/verify.py` only.

    `signer` is the actor's IRI, `key_id` the key that proved it (of what was fetched, the URL that served it).
    """

    activity: Activity
    signer: str
    key_id: str
    via: Via
