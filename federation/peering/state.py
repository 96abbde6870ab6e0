"""What the two machines of a peering (`federation.peering.machine`) are made of: versions of an agreement as one side sees them, the state
between two institutions, the moves of either side, and what a move comes to. All are values.
"""

from dataclasses import dataclass, field
from typing import Literal

Side = Literal["ours", "theirs"]
BOTH: frozenset[Side] = frozenset({"ours", "theirs"})
OPEN = frozenset({"offered", "review"})


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an agreement as one side sees it. `by` offered it; `signed` are those whose proof is there; `trusted` says
    that the other side's key is known to be its institution's. Times in ms."""

    offer: str
    iri: str
    digest: str
    number: int
    by: Side
    replaces: str | None = None
    starts: int | None = None
    ends: int | None = None
    pause: bool = False
    state: str = "offered"  # review active refused withdrawn replaced ended expired
    signed: frozenset[Side] = frozenset()
    trusted: bool = False
    notice_at: int | None = None


@dataclass(frozen=True, slots=True)
class State:
    """All versions with one peer, oldest first, and who suspended what is agreed; `heard`: the time in the newest message of
    theirs that said so."""

    versions: tuple[Version, ...] = ()
    suspended: frozenset[Side] = frozenset()
    heard: int = 0

    def of_offer(self, offer: str) -> Version | None:
        """The version that came with this Offer."""
        return next((one for one in self.versions if one.offer == offer), None)

    def of_iri(self, iri: str) -> Version | None:
        """The version with this IRI."""
        return next((one for one in self.versions if one.iri == iri), None)

    @property
    def in_force(self) -> Version | None:
        """The version that both signed and whose time has come."""
        return next((one for one in self.versions if one.state == "active"), None)

    def open_by(self, side: Side) -> tuple[Version, ...]:
        """What this side offered and nobody decided."""
        return tuple(one for one in self.versions if one.state in OPEN and one.by == side)

    @property
    def paused(self) -> bool:
        """Whether what is private waits for new terms: they are offered, or we offered them and they were refused."""
        now = self.in_force
        return now is not None and any(
            one.pause
            and (one.state in OPEN or (one.state == "refused" and one.by == "ours"))
            and one.replaces == now.iri
            for one in self.versions
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What one side does: `by` us, or by them as their message says. `stamp`: the time (ms) in a message on a suspension; `at`:
    when a notice ends it."""

    kind: str  # offer review sign refuse withdraw suspend resume notice end confirm tick
    by: Side
    offer: str = ""
    iri: str = ""
    digest: str | None = None
    version: Version | None = None
    trusted: bool = False
    stamp: int = 0
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a move was not made: `code` for programs, the text says what is wrong and what helps."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """The state after a move; what must be said to the other side: pairs of a kind of message and the IRI of the offer (or, of
    suspensions, notices and ends, of the version); and why nothing was changed, if so."""

    state: State
    answers: tuple[tuple[str, str], ...] = ()
    refusal: Refusal | None = None
    changed: tuple[Version, ...] = field(default=())
