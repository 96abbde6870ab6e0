"""Opening a group with nothing but a title: what it is for decides the rest, unless one says otherwise.

What can't be so is refused with what to do instead. `fedi.actions.groups` founds it, `fedi.actions.scopes` says with whom it
federates.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from fedi.actions import groups, posts, scopes
from fedi.actions.people import check_name
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, Taken
from fedi.languages import _
from storage import actors as actor_rows
from storage import audit, memberships, peers, people
from storage import groups as group_rows
from storage.actors import Actor
from storage.metadata import Tx

DEFAULTS = {
    "open": ("open", "public"),
    "cohort": ("approval", "peers"),
    "course": ("approval", "peers"),
    "project": ("invite", "members"),
    "mentoring": ("invite", "members"),
}
"""(who joins, who reads) of a group of each kind."""
_TWICE = 2 * 60_000
"""Milliseconds in which the same title by the same person is the same form, sent twice."""
WISHES = (1 / 600, 5)
"""How many agreements one person may wish for: so many a minute, so many at once."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A group to open. Empty `join` and `see` are as the kind has them; `scope` is one of `storage.group_scopes.MODES`, empty: no
    limit but who reads; `hosts` are those of the scope `named`."""

    title: str
    kind: str = "open"
    name: str = ""
    join: str = ""
    see: str = ""
    description: str = ""
    rules: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    ends_at: int | None = None
    scope: str = ""
    hosts: tuple[str, ...] = ()


class Unpeered(Invalid):
    """A group is to be open to a university with which nothing is agreed; `host` is its host."""

    def __init__(self, text: str, host: str) -> None:
        super().__init__(text, code="unpeered")
        self.host = host


def open_group(tx: Tx, site: Site, me: Actor, wanted: Wanted) -> Actor:
    """Found the group. The same form sent twice gives the same group.

    Raises Invalid with the mend, Unpeered for a university with which nothing is agreed, Taken for a name in use that one typed.
    """
    title = " ".join(wanted.title.split())
    if not title:
        raise Invalid(_("Give the group a title; the rest can stay as it is."), code="title")
    again = _just_founded(tx, site, me, title)
    if again is not None:
        return again
    join, see = settled(wanted)
    check(tx, site, wanted, see)
    group = groups.found(
        tx,
        site,
        me,
        name=wanted.name or name_for(tx, site, title),
        title=title,
        join_mode=join,
        see=see,
        description=wanted.description,
        rules=list(wanted.rules),
        kind=wanted.kind,
        languages=wanted.languages,
        ends_at=wanted.ends_at,
    )
    if wanted.scope and wanted.scope != "public" and see != "public":
        scopes.choose(tx, site, me, group, wanted.scope, wanted.hosts if wanted.scope == "named" else ())
    return group


def settled(wanted: Wanted) -> tuple[str, str]:
    """(who joins, who reads), with what the kind has where nothing was said."""
    join, see = DEFAULTS.get(wanted.kind, DEFAULTS["open"])
    return wanted.join or join, wanted.see or see


def check(tx: Tx, site: Site, wanted: Wanted, see: str) -> None:
    """Raises Invalid, with the mend, where what was chosen does not go together."""
    if see == "public" and wanted.scope not in ("", "public"):
        raise Invalid(
            _(
                "Everyone on the web reads this group, so it can't be kept to some universities. Choose who reads: partner"
                " universities, or only members."
            ),
            code="scope-of-public",
        )
    if wanted.scope == "named" and not wanted.hosts:
        raise Invalid(_("Tick the universities it is for, or choose another answer there."), code="scope-peers")
    for host in wanted.hosts if wanted.scope == "named" else ():
        peer = peers.by_host(tx, host)
        if peer is None or peer.stance != "agreed":
            raise Unpeered(
                _(
                    "Your university has no agreement with %(host)s, so what is private here can't be shown there. Open the"
                    " group without it, and ask your admins for an agreement."
                )
                % {"host": host[:100]},
                host,
            )


def _just_founded(tx: Tx, site: Site, me: Actor, title: str) -> Actor | None:
    since = site.clock() - _TWICE
    mine = [one.group_id for one in memberships.of_actor(tx, me.id) if one.role == "owner" and one.since >= since]
    rows = group_rows.by_ids(tx, mine)
    found = [one for one in actor_rows.by_ids(tx, mine).values() if one.name == title and one.id in rows]
    return found[0] if found else None


_NOT_PLAIN = re.compile(r"[^a-z0-9]+")
_SPECIAL = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "ł": "l", "đ": "d", "ı": "i"})


def name_for(tx: Tx, site: Site, title: str) -> str:
    """A name that is free for a group of this title: its letters as ASCII has them, with a number where that is taken."""
    spelt = unicodedata.normalize("NFKD", title.lower().translate(_SPECIAL)).encode("ascii", "ignore").decode()
    plain = _NOT_PLAIN.sub("_", spelt).strip("_")[:24].strip("_") or "group"
    for number in range(1, 200):
        name = plain if number == 1 else f"{plain}_{number}"
        try:
            return check_name(tx, site, name)
        except Taken:
            continue
    raise Invalid(_("Choose a name for its address yourself; many like this one are taken."), code="name")


def wish(tx: Tx, site: Site, me: Actor, host: str, reason: str) -> None:
    """Ask the admins of this instance to agree with a university; they get a message that they can answer.

    Raises Invalid where that is agreed already, Forbidden for who asks too often.
    """
    peer = peers.by_host(tx, host)
    if peer is not None and peer.stance == "agreed":
        raise Invalid(
            _("Your university has an agreement with %(host)s already.") % {"host": host[:100]}, code="agreed"
        )
    if not site.searches.allow(f"wishes {me.id}", *WISHES, site.clock()):
        raise Forbidden(_("You have asked for some agreements already; wait for the answers."), code="too-many")
    audit.add(tx, site.new_id(), site.clock(), me.username, "peer.wished", host[:253], {"reason": reason[:500]})
    admins = [one for one in actor_rows.by_ids(tx, people.by_role(tx, "admin")[:20]).values() if one.state == "active"]
    named = " ".join(f"@{one.username}" for one in admins if one.id != me.id)
    if named:
        said = _("Please make an agreement with %(host)s: I would like to have a group with people there.") % {
            "host": host
        }
        draft = posts.Draft(f"{named} {said} {reason[:500]}".strip(), visibility="direct")
        posts.publish(tx, site, me, draft)


def hosts_of(tx: Tx, several: Sequence[str] = ("agreed",)) -> list[str]:
    """The universities with which something is agreed, by host."""
    return sorted(peer.host for peer in peers.with_stance(tx, several))
