"""Facts: all that a policy may ask about one activity or request. A policy sees nothing else, so that what it decided can be
decided again, with the same answer, from the facts alone.

Bodies of what is not public are never part of the facts.
"""

from typing import Literal

import msgspec

Direction = Literal["in", "out", "fetch", "show", "announce", "answer"]
"""Where a policy is asked: about what was received, what is delivered, a host that we ask, what people here are shown, what a
group here announces, and a signed request that is answered."""

TEXT = 5_000
"""Characters of a public text that are kept."""


class Facts(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What is known of one activity or request. Hosts as `host_of` gives them, names of types as ActivityStreams has them,
    hashtags without `#` and folded, sizes in bytes; what is not known is None, and fits no condition."""

    at: int
    direction: Direction
    host: str
    """Who speaks to us, or whom we would speak to."""
    activity: str = ""
    object: str | None = None
    activity_id: str | None = None
    object_id: str | None = None
    actor: str | None = None
    author: str | None = None
    announcer: str | None = None
    author_host: str | None = None
    announcer_host: str | None = None
    software: str | None = None
    version: str | None = None
    mode: str = "open"
    stance: str = "none"
    tier: str = "public"
    agreement: str | None = None
    """The IRI of the version of the agreement with `host` that is in force: what it opens is part of what is decided."""
    group: str | None = None
    group_scope: str | None = None
    affiliation: tuple[str, ...] = ()
    account_days: int | None = None
    followers: int | None = None
    followed: bool | None = None
    """Whether somebody here follows the author."""
    mentions: int = 0
    hashtags: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    """Hosts that the text links to."""
    media: int = 0
    media_types: tuple[str, ...] = ()
    media_bytes: int | None = None
    language: str | None = None
    visibility: str | None = None
    sensitive: bool = False
    reply: bool = False
    size: int = 0
    text: str = ""
    rates: tuple[tuple[str, int], ...] = ()
    """How many came in the window of each rule that asks for a rate, with this one: pairs of the rule's id and the number."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """All hosts that it concerns: a rule about a host is about each of them."""
        found = (self.host, self.author_host, self.announcer_host)
        return tuple(dict.fromkeys(host for host in found if host is not None))
