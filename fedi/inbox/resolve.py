"""Resolve: moderators settled a report (Lemmy 1.0)."""

from federation.activity import Authentic
from fedi.actions import reports as report_actions
from fedi.context import Site
from fedi.errors import Forbidden
from fedi.inbox import moderators
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import object_id, signer
from storage import actors, reports
from storage.actors import Actor
from storage.metadata import Tx


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """Who moderates the group of a report that somebody here made."""
    known = reports.by_iri(tx, object_id(received.activity))
    group = actors.by_id(tx, known.group_id) if known is not None and known.group_id is not None else None
    return moderators.needed(tx, site, received.signer, None, group) if group is not None else NOTHING


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """The report is settled."""
    keep(tx, site, received)


def keep(tx: Tx, site: Site, received: Authentic, *, vouched_by: Actor | None = None) -> None:
    """The same of what a group passed on. A moderator's own word is enough: a report is nobody else's matter."""
    by = signer(tx, received)
    known = reports.by_iri(tx, object_id(received.activity))
    if known is None:
        raise Ignored("unknown-object", "this report is not known here")
    group = actors.by_id(tx, known.group_id) if known.group_id is not None else None
    if group is not None and not group.local:
        moderators.check_listed(tx, by, group)
    elif not report_actions.may_resolve(tx, by, known):
        raise Forbidden(f"{by.iri} does not moderate here", code="not-a-moderator")
    if known.state != "open":
        raise Ignored("known", "this report is settled already")
    reports.resolve(tx, known.id, by.id, site.clock())
