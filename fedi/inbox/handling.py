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

    `actors` and `posts` (IRIs) only where they are not known; `fresh` posts are asked for as they are now; `activities`
    are fetched from their own origin, since nobody but their origin can vouch for them. `inner` is an activity that was
    passed on with its actor's proof: when that holds, the rest is not needed but what the inner one needs.
    """

    actors: tuple[str, ...] = ()
    posts: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    activities: tuple[str, ...] = ()
    inner: dict[str, Any] | None = None

    def __bool__(self) -> bool:
        return bool(self.actors or self.posts or self.fresh or self.activities or self.inner)


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
