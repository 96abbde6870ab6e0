"""Invitations to this instance: links of admins, or of members where the setting `invitations` says so, that let people in
without approval, and into groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fedi.actions import follows, memberships
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound
from fedi.languages import N_, _
from storage import actors, groups, invitations, people
from storage import memberships as membership_rows
from storage.actors import Actor
from storage.invitations import Invitation
from storage.metadata import Tx

_DAY = 24 * 3600 * 1000
DAYS, MOST, OPEN = 30, 50, 20
"""Of a member's invitation: days that it counts and people who come by it at most; how many may be open at once."""
ADMIN_DAYS, ADMIN_MOST = 365, 10_000
GROUPS, NOTE = 10, 100

OVER = N_("This invitation is over. Ask whoever sent it for a new one.")
FULL = N_("This invitation was used up. Ask whoever sent it for a new one.")
UNKNOWN = N_("There is no such invitation. Look whether the link is complete, or ask for a new one.")


State = Literal["open", "full", "over"]


@dataclass(frozen=True, slots=True)
class Shown:
    """An invitation as who made it sees it. `state`: open, full or over."""

    row: Invitation
    link: str
    groups: list[Actor]
    came: list[Actor]
    state: State


def may_invite(tx: Tx, site: Site, me: Actor) -> bool:
    """Whether `me` may make invitations here."""
    if site.config.registrations not in ("invite", "approval", "open"):
        return False
    person = people.by_id(tx, me.id)
    if person is None or person.state != "active":
        return False
    return person.role == "admin" or site.config.invitations == "members"


def leads_into(tx: Tx, by: Actor, group: Actor) -> bool:
    """Whether an invitation of `by` may lead into this group: one that everybody reads and they are in, or that they
    moderate, as the link itself says what the group is called."""
    if group.state != "active" or not group.is_group:
        return False
    membership = membership_rows.find(tx, group.id, by.id)
    row = groups.by_id(tx, group.id)
    if membership is None or membership.state != "accepted":
        return memberships.moderates(tx, by, group)
    return (row is not None and row.see == "public") or memberships.moderates(tx, by, group)


def choices(tx: Tx, me: Actor) -> list[Actor]:
    """The groups into which `me` may invite, by name; a hundred at most."""
    joined = [one.group_id for one in membership_rows.of_actor(tx, me.id) if one.state == "accepted"][:200]
    found = [one for one in actors.by_ids(tx, joined).values() if leads_into(tx, me, one)]
    return sorted(found, key=lambda one: (one.name or one.username).lower())[:100]


def create(
    tx: Tx,
    site: Site,
    me: Actor,
    code: str,
    *,
    note: str = "",
    group_ids: Sequence[int] = (),
    most: int | None = 1,
    days: int = 7,
) -> Invitation:
    """Make an invitation by `me`; `code` (`secrets.token_urlsafe`) is made before, `most` None lets any number come.

    Raises Forbidden for who may not, Invalid for bounds that are broken and groups that it can't lead into.
    """
    if not may_invite(tx, site, me):
        raise Forbidden(_("Inviting people is up to the admins here."), code="not-allowed")
    person = people.by_id(tx, me.id)
    admin = person is not None and person.role == "admin"
    longest, largest = (ADMIN_DAYS, ADMIN_MOST) if admin else (DAYS, MOST)
    if not 1 <= days <= longest:
        raise Invalid(_("An invitation counts for 1 to %(days)s days.") % {"days": longest}, code="days")
    if (most is None and not admin) or (most is not None and not 1 <= most <= largest):
        raise Invalid(_("By one invitation come 1 to %(most)s people.") % {"most": largest}, code="most")
    if len(note) > NOTE:
        raise Invalid(_("For whom it is: %(most)s characters at most.") % {"most": NOTE}, code="note")
    now = site.clock()
    if not admin and invitations.open_of(tx, me.id, now) >= OPEN:
        raise Invalid(
            _("You have %(number)s open invitations, which is the most. End one first.") % {"number": OPEN},
            code="too-many",
        )
    wanted = list(dict.fromkeys(group_ids))
    known = actors.by_ids(tx, wanted[: GROUPS + 1])
    if len(wanted) > GROUPS or any(one not in known or not leads_into(tx, me, known[one]) for one in wanted):
        raise Invalid(
            _("It can lead into %(most)s groups at most: public ones that you are in, and those that you moderate.")
            % {"most": GROUPS},
            code="groups",
        )
    made = Invitation(site.new_id(), code, me.id, note.strip(), wanted, most, now, now + days * _DAY)
    invitations.insert(tx, made)
    return made


def state_of(site: Site, one: Invitation, came: int) -> State:
    """open, full or over."""
    if one.expires_at <= site.clock():
        return "over"
    return "full" if one.most is not None and came >= one.most else "open"


def check(tx: Tx, site: Site, code: str) -> Invitation:
    """The invitation of a link, which counts. Raises NotFound or Forbidden with what to do."""
    found = invitations.by_code(tx, code) if 0 < len(code) <= 100 else None
    by = actors.by_id(tx, found.by_id) if found is not None else None
    if found is None or by is None or site.config.registrations in ("closed", "sso"):
        raise NotFound(_(UNKNOWN))
    state = state_of(site, found, len(invitations.came(tx, [found.id]).get(found.id, [])))
    if state == "over" or by.state != "active" or not may_invite(tx, site, by):
        raise Forbidden(_(OVER), code="over")
    if state == "full":
        raise Forbidden(_(FULL), code="full")
    return found


def into(tx: Tx, found: Invitation) -> list[Actor]:
    """The groups that an invitation leads into now."""
    by = actors.by_id(tx, found.by_id)
    known = actors.by_ids(tx, found.groups)
    return [known[one] for one in found.groups if by is not None and one in known and leads_into(tx, by, known[one])]


def welcome(tx: Tx, site: Site, found: Invitation, actor: Actor) -> None:
    """Bring who came by an invitation into its groups, as far as these take them."""
    by = actors.by_id(tx, found.by_id)
    for group in into(tx, found):
        try:
            if by is not None and group.local and memberships.moderates(tx, by, group):
                memberships.invite(tx, site, by, group, actor)
            follows.follow(tx, site, actor, group)
        except (Forbidden, Invalid):
            continue  # banned, or closed meanwhile: the account is made all the same


def listed(tx: Tx, site: Site, me: Actor, limit: int = 50) -> list[Shown]:
    """The invitations of `me`, newest first, with who came by each."""
    found = invitations.of_person(tx, me.id, limit)
    came = invitations.came(tx, [one.id for one in found])
    wanted = {other for ids in came.values() for other in ids} | {group for one in found for group in one.groups}
    known = actors.by_ids(tx, list(wanted))
    return [
        Shown(
            one,
            site.iri(f"/join/{one.code}"),
            [known[group] for group in one.groups if group in known],
            [known[other] for other in came.get(one.id, []) if other in known and known[other].state == "active"],
            state_of(site, one, len(came.get(one.id, []))),
        )
        for one in found
    ]


def end(tx: Tx, site: Site, me: Actor, invitation_id: int) -> None:
    """End an invitation of `me`, or as an admin anyone's. Raises NotFound for others'."""
    found = invitations.by_id(tx, invitation_id)
    person = people.by_id(tx, me.id)
    if found is None or not (found.by_id == me.id or (person is not None and person.role == "admin")):
        raise NotFound
    if found.expires_at > site.clock():
        invitations.end(tx, found.id, site.clock())
