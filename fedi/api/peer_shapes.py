"""What our own API says of peering: peers, agreements, terms."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from federation.peering.terms import Terms, from_table
from fedi.api.shapes import Id, Moment

Stance = Literal["none", "agreed", "limited", "suspended", "blocked"]
Reason = Annotated[str, Meta(min_length=1, max_length=1_000, description="The log keeps it; the other side is told")]
Duration = Annotated[
    str, Meta(max_length=40, description="ISO 8601 in days or less, as P30D; empty: nothing is agreed")
]
Day = Annotated[str, Meta(max_length=40, description="2027-09-30 or 2027-09-30T00:00:00Z")]


class Peer(msgspec.Struct, kw_only=True):
    """A host that was met. `tier` is how far what is not public goes there; `one_sided`: we agreed alone."""

    host: str
    stance: Stance
    tier: Literal["public", "agreed", "members"]
    one_sided: bool
    software: str | None
    version: str | None
    instance_actor: str | None
    fingerprint: str | None
    ror: str | None
    reason: str | None
    suspended_until: Moment | None
    first_seen_at: Moment
    last_seen_at: Moment | None


class Listed(msgspec.Struct, kw_only=True):
    """Which peers: with one stance, or by name."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 40
    stance: Stance | None = None
    beginning: Annotated[str, Meta(max_length=253)] = ""
    after: Annotated[str, Meta(max_length=253, description="`next` of the page before")] = ""


class Peers(msgspec.Struct, kw_only=True):
    """Peers by host; `next` is the `after` of the following page."""

    items: list[Peer]
    next: str | None = None


class Probe(msgspec.Struct, kw_only=True):
    """What a check of a peer found."""

    check: str
    verdict: Literal["passed", "failed", "unknown"]
    text: str
    at: Moment


class Whole(msgspec.Struct, kw_only=True):
    """A peer with how the peering is doing (as `fedi peer show --json` says it) and what checks found."""

    peer: Peer
    health: dict[str, Any]
    probes: list[Probe]


class TermsGiven(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Terms, of which what is left out is as our own (or as what is in force, where these are changed)."""

    visibility: list[Literal["public", "peers", "members"]] | None = None
    groups: Annotated[list[str], Meta(max_length=500, description="* for all, or IRIs")] | None = None
    personal_data: Literal["none", "pseudonymous", "named"] | None = None
    media: Duration | None = None
    moderation: list[Literal["report", "remove-request"]] | None = None
    moderation_within: Duration | None = None
    backfill: Duration | None = None
    erasure_within: Duration | None = None
    horizon: Duration | None = None
    probes: bool | None = None
    terms_href: Annotated[str, Meta(max_length=500)] | None = None
    terms_digest: Annotated[str, Meta(max_length=200)] | None = None
    security_contact: Annotated[str, Meta(max_length=500, description="mailto: or https:")] | None = None
    dpo: Annotated[str, Meta(max_length=500, description="mailto: or https:")] | None = None
    starts: Day | None = None
    ends: Day | None = None

    def over(self, base: Terms) -> Terms:
        """These terms over others. Raises Malformed, which names the field."""
        given = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
        return from_table(given, base)


class Invitation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Whom to offer what. `alone`: agree by ourselves with a server that speaks of no agreements."""

    institution: Annotated[str, Meta(min_length=1, max_length=300, description="Its host or address")]
    terms: TermsGiven = msgspec.field(default_factory=TermsGiven)
    fingerprint: Annotated[str, Meta(max_length=300)] | None = None
    alone: bool = False


class Compared(msgspec.Struct, kw_only=True):
    """One term, ours beside theirs: `relation` says what theirs is."""

    field: str
    ours: str
    theirs: str
    relation: Literal["equal", "narrower", "wider", "different"]


class Event(msgspec.Struct, kw_only=True):
    """What happened to an agreement, chained by hash."""

    at: Moment
    who: str
    kind: str
    text: str
    hash: str


class Agreement(msgspec.Struct, kw_only=True):
    """One version of an agreement. `document` is what both sign, with the proofs that there are."""

    id: Id
    host: str
    iri: str
    version: int
    state: str
    ours: bool
    replaces: str | None
    digest: str
    starts_at: Moment | None
    ends_at: Moment | None
    notice_at: Moment | None
    reason: str | None
    created_at: Moment
    document: dict[str, Any] | None = None
    events: list[Event] = msgspec.field(default_factory=list)


class Signing(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`fingerprint` of their key, as their admin told it in another way; needed once, unless a followed directory names it."""

    fingerprint: Annotated[str, Meta(max_length=300)] | None = None


class Given(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: Reason


class Suspension(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why, and for how many days at most (30)."""

    reason: Reason
    days: Annotated[int, Meta(ge=1, le=30)] = 30


class Notice(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why, and in how many days it ends."""

    reason: Reason
    days: Annotated[int, Meta(ge=1, le=3_660)]


class Impact(msgspec.Struct, kw_only=True):
    """What a suspension would pause, and an end would cost."""

    people: int
    following: int
    followers: int
    groups: list[str]


class StanceChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How we stand to a host that nothing is agreed with."""

    stance: Literal["none", "limited", "blocked"]
    reason: Annotated[str, Meta(max_length=1_000)] = ""
