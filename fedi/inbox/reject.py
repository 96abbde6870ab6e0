"""Reject: a remote actor does not want to be followed by somebody here, or put them out of a group."""

from federation.activity import Authentic
from fedi.actions import follows
from fedi.context import Site
from fedi.inbox.accept import answered
from fedi.inbox.handling import NOTHING, Fetched, Needs
from fedi.inbox.objects import signer
from storage.metadata import Tx


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """Nothing."""
    return NOTHING


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """The follow is taken away, accepted or not."""
    follows.rejected(tx, site, answered(tx, received, signer(tx, received)))
