"""The activities by which a follow is asked for, taken back, and answered. What they change here is `fedi.actions.follows`,
of people and of who joins a group, and `fedi.actions.twins`, of groups that follow groups."""

from typing import Any

from fedi.actions import sending
from fedi.context import Site
from storage import outbox
from storage.actors import Actor
from storage.follows import Follow
from storage.metadata import Tx


def ask(tx: Tx, site: Site, follow: Follow, follower: Actor, target: Actor) -> None:
    """A local `follower` asks a remote `target`: `Follow`."""
    _send(tx, site, follower, "Follow", target.iri, target, activity_id=follow.iri)


def take_back(tx: Tx, site: Site, follow: Follow, follower: Actor, target: Actor) -> None:
    """A local `follower` follows a remote `target` no longer, or does not want to any more: `Undo`."""
    _send(tx, site, follower, "Undo", _document(follow, follower, target), target)


def answer(
    tx: Tx, site: Site, type: str, follow: Follow, follower: Actor, target: Actor, why: str | None = None
) -> None:
    """A local `target` answers a remote `follower`: `Accept` or `Reject` (`type`), with what it answers embedded, since Mbin
    ignores one that is only named; Mastodon matches its id. `why` is the reason, where it is told."""
    _send(tx, site, target, type, _document(follow, follower, target), follower, summary=why)


def _document(follow: Follow, follower: Actor, target: Actor) -> dict[str, Any]:
    # Who asked by a Join (Mobilizon, Smithereen) is answered to a Join, and leaves by a Leave.
    return {"id": follow.iri, "type": follow.kind, "actor": follower.iri, "object": target.iri}


def _send(
    tx: Tx,
    site: Site,
    by: Actor,
    type: str,
    object: Any,
    to: Actor,
    *,
    activity_id: str | None = None,
    summary: str | None = None,
) -> None:
    audience = outbox.Audience(actors=(to.id,))
    sending.send(
        tx, site, by, type, object, to=[to.iri], cc=[], audience=audience, activity_id=activity_id, summary=summary
    )
