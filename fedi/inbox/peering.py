"""Offer, TentativeAccept, and those Accept, Reject, Update and Undo that are about an agreement between institutions."""

from dataclasses import dataclass

from federation.activity import Activity, Authentic
from federation.peering.machine import is_peering
from fedi.actions import peer_heard
from fedi.context import Site
from fedi.inbox.handling import NOTHING, Fetched, Handler, Ignored, Needs
from fedi.inbox.objects import signer
from storage.metadata import Tx


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """Who signs, as their server shows them now, where the key that is known here does not fit."""
    if not _is_ours(site, received.activity) or peer_heard.offered_key(tx, site, received.activity):
        return NOTHING
    return Needs(actors=(received.signer,))


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Hold it against what is agreed, and make it so."""
    if not _is_ours(site, received.activity):
        raise Ignored("ignored-type", f"this {received.activity.type} is about no agreement between institutions")
    refusal = peer_heard.heard(tx, site, received.activity, signer(tx, received))
    if refusal is not None:
        raise Ignored(refusal.code, refusal.text)


def _is_ours(site: Site, activity: Activity) -> bool:
    """Whether it is about an agreement: by what it holds, or as an answer to an offer of ours that it names."""
    if is_peering(activity.type, activity.document):
        return True
    named = activity.object
    return isinstance(named, str) and named.startswith(site.iri("/peering/offers/"))


@dataclass(frozen=True, slots=True)
class OrPeering:
    """The handler of a type, but for activities that are about an agreement."""

    handler: Handler

    def needs(self, tx: Tx, site: Site, received: Authentic) -> Needs:
        """What must be fetched first."""
        if _is_ours(site, received.activity):
            return needs(tx, site, received)
        return self.handler.needs(tx, site, received)

    def handle(self, tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
        """Make it so."""
        if _is_ours(site, received.activity):
            handle(tx, site, received, fetched)
        else:
            self.handler.handle(tx, site, received, fetched)
