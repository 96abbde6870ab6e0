"""Inviting people into a group, here and at partners: who is invited joins at once, and is told by a message that every server
understands. The state of it is `fedi.actions.memberships.invite`."""

from fedi.actions import memberships, opened, posts
from fedi.context import Site
from fedi.errors import Forbidden, Invalid
from fedi.languages import _
from storage import memberships as rows
from storage.actors import Actor
from storage.metadata import Tx

MOST = (1, 40)
"""How many one person may invite: so many a minute, so many at once."""


def invite(tx: Tx, site: Site, by: Actor, group: Actor, whom: Actor) -> None:
    """A moderator invites somebody and tells them. Again tells nobody twice.

    Raises Forbidden for who does not moderate the group, for whose university is out of its scope (code `scope`), and for who invites
    too many; Invalid for what is no person.
    """
    if whom.is_group or whom.kind == "Application" or whom.state != "active":
        raise Invalid(_("Only people can be invited."), code="no-person")
    known = rows.find(tx, group.id, whom.id)
    if not whom.local:
        opened.check(tx, group, whom.host, "read")
    memberships.invite(tx, site, by, group, whom)
    if (known is not None and known.state in ("accepted", "invited")) or whom.id == by.id:
        return
    if not site.searches.allow(f"invites {by.id}", *MOST, site.clock()):
        raise Forbidden(_("You have invited many people at once; go on in some minutes."), code="too-many")
    handle = whom.username if whom.local else whom.handle
    said = _("You are invited to the group %(title)s: %(url)s") % {"title": group.name, "url": group.iri}
    how = "" if whom.local else _("To join, follow %(handle)s.") % {"handle": group.handle}
    posts.publish(tx, site, by, posts.Draft(f"@{handle} {said} {how}".strip(), visibility="direct"))
