"""What every handler of an activity type is given and gives: the protocol that the modules of `table.py` satisfy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from federation.activity import Authentic
from fedi.context import Site
from storage.metadata import Tx


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be fetched before an activity can be handled.

    `actors` and `posts` (IRIs) are asked for as far as they are not known, actors anew; `fresh` posts are asked for as they
    are now, those in `again` although they were deleted; of the groups in `moderators` (IRIs) it is asked who moderates
    them; `inner` are activities that were passed on.
    """

    actors: tuple[str, ...] = ()
    posts: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    moderators: tuple[str, ...] = ()
    inner: tuple["Inner", ...] = ()

    def __bool__(self) -> bool:
        return bool(self.actors or self.posts or self.fresh or self.again or self.moderators or self.inner)

    def __add__(self, other: "Needs") -> "Needs":
        return Needs(
            tuple(dict.fromkeys(self.actors + other.actors)),
            tuple(dict.fromkeys(self.posts + other.posts)),
            tuple(dict.fromkeys(self.fresh + other.fresh)),
            tuple(dict.fromkeys(self.again + other.again)),
            tuple(dict.fromkeys(self.moderators + other.moderators)),
            self.inner + other.inner,
        )


@dataclass(frozen=True, slots=True)
class Inner:
    """An activity that somebody passed on, as they wrote it, of which nothing is proven yet.

    Its actor's proof is held against it; without one that holds it is fetched by its id from its own origin, if `by_id`,
    since nobody but its origin can vouch for it. `then` is needed once it is proven (None: what its own handler needs),
    `otherwise` when it is not.
    """

    document: dict[str, Any]
    by_id: bool
    then: Needs | None = None
    otherwise: Needs = field(default_factory=Needs)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched of an activity's needs: activities by IRI, and the posts that their origin does not have (any more)."""

    activities: Mapping[str, Authentic] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()


NOTHING = Needs()


class Ignored(Exception):
    """The activity is fine and does not concern us; `code` and text say why, for the operator. No error of anyone."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Handler(Protocol):
    """A module for one activity type."""

    def needs(self, tx: Tx, site: Site, received: Authentic) -> Needs:
        """What must be fetched first; only reads."""

    def handle(self, tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
        """Make it so. Raises Ignored, `fedi.errors.Problem` or FederationError; then nothing of it is kept."""
