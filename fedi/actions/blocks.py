"""Blocks of one actor by another, either of which may be remote. A block ends what was between the two, and then hides each
from the other (`fedi.visibility`, `fedi.hiding`). Bans from a group are `fedi.actions.moderated`."""

from fedi.actions import follows as follow_actions
from fedi.actions import sending
from fedi.context import Site
from fedi.errors import Invalid
from storage import blocks, follows, notification_policies, notifications, outbox
from storage.actors import Actor
from storage.blocks import Block
from storage.metadata import Tx


def block(tx: Tx, site: Site, person: Actor, target: Actor) -> None:
    """A local person blocks `target`; of a group that means to leave it. Again is nothing.

    Follows and requests end in both directions, and with them lists and endorsements. A remote person's server is told
    (`Block`), as Mastodon does, so that it hides the two from each other as well; whoever is blocked is never told. Raises
    Invalid for oneself.
    """
    if person.id == target.id:
        raise Invalid("You can't block yourself.")
    made = Block(site.new_id(), person.id, target.id, site.iri(f"/activities/{site.new_id()}"), site.clock())
    if blocks.find(tx, person.id, target.id) is not None or not blocks.insert(tx, made):
        return
    follow_actions.unfollow(tx, site, person, target)
    back = follows.find(tx, target.id, person.id)
    if back is not None:
        follow_actions.reject(tx, site, back)
    notifications.forget(tx, person_id=person.id, actor_id=target.id)
    notification_policies.settle(tx, person.id, [target.id])
    if _is_told(target):
        audience = outbox.Audience(actors=(target.id,))
        to = [target.iri]
        sending.send(tx, site, person, "Block", target.iri, to=to, cc=[], audience=audience, activity_id=made.iri)


def unblock(tx: Tx, site: Site, person: Actor, target: Actor) -> None:
    """A local person blocks `target` no longer; a remote one's server is told. Nothing when there was no block."""
    known = blocks.find(tx, person.id, target.id)
    if known is None:
        return
    blocks.remove(tx, known.id)
    if _is_told(target):
        document = {"id": known.iri, "type": "Block", "actor": person.iri, "object": target.iri}
        audience = outbox.Audience(actors=(target.id,))
        sending.send(tx, site, person, "Undo", document, to=[target.iri], cc=[], audience=audience)


def blocked(tx: Tx, site: Site, by: Actor, target: Actor, iri: str) -> bool:
    """A remote `by` blocks a local person: kept, so that they see nothing of `by`, and follows end. False when it was known.

    The local person is not told, as their server hides the two from each other and no more.
    """
    known = blocks.find(tx, by.id, target.id)
    if known is not None:
        if known.iri != iri and blocks.by_iri(tx, iri) is None:
            blocks.remove(tx, known.id)  # its Undo will name the newer one
            blocks.insert(tx, Block(known.id, by.id, target.id, iri, known.created_at))
        return False
    if not blocks.insert(tx, Block(site.new_id(), by.id, target.id, iri, site.clock())):
        return False
    for follower, followed in ((target, by), (by, target)):
        edge = follows.find(tx, follower.id, followed.id)
        if edge is not None:
            follow_actions.ended(tx, edge, follower, followed)
    return True


def unblocked(tx: Tx, known: Block) -> None:
    """A remote actor takes its block back."""
    blocks.remove(tx, known.id)


def _is_told(target: Actor) -> bool:
    return not target.local and not target.is_group
