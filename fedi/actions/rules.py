"""Rules of groups: a list that a person accepts once, when they join or first post by a page; changed ones are asked again.

Apps of Mastodon know nothing of it and work as ever: who writes with one is bound by the rules all the same.
"""

import hashlib
from collections.abc import Sequence

from fedi.actions import memberships
from fedi.context import Site
from fedi.errors import Forbidden
from fedi.languages import _
from storage import groups, rule_acceptances
from storage.actors import Actor
from storage.metadata import Tx

CODE = "rules"


def of(tx: Tx, group: Actor) -> list[str]:
    """The rules of a group, as far as they are known here."""
    row = groups.by_id(tx, group.id)
    return list(row.rules) if row is not None else []


def version(rules: Sequence[str]) -> str:
    """What tells these rules from others: 16 hexadecimal digits."""
    return hashlib.blake2b("\n".join(rules).encode(), digest_size=8).hexdigest()


def pending(tx: Tx, me: Actor, group: Actor) -> list[str]:
    """The rules of a group that `me` has not accepted as they are now; none where there are none, and for who makes them."""
    rules = of(tx, group)
    if not rules or rule_acceptances.version_of(tx, group.id, me.id) == version(rules):
        return []
    return [] if memberships.moderates(tx, me, group) else rules


def accept(tx: Tx, site: Site, me: Actor, group: Actor, seen: str) -> bool:
    """`me` accepts the rules in the version `seen`; False when they are others by now."""
    if seen != version(of(tx, group)):
        return False
    rule_acceptances.save(tx, group.id, me.id, seen, site.clock())
    return True


def demand(tx: Tx, site: Site, me: Actor, group: Actor, ticked: str) -> None:
    """Accept the rules that a form shows (`ticked`: their version, empty where it was not ticked). Raises Forbidden (code
    `rules`) while some are not accepted."""
    if ticked and accept(tx, site, me, group, ticked):
        return
    if pending(tx, me, group):
        name = group.name or group.username
        raise Forbidden(
            _("%(group)s has rules. Read them and tick that you accept them, then go on.") % {"group": name}, code=CODE
        )
