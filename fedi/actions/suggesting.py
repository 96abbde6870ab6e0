"""Groups that a person might join, each with the reason why: never one that they are in, wait for or are banned from.

Reasons say only what everyone may know: how many there are, not who. Groups that do not want to be found are not found.
"""

from dataclasses import dataclass

from sqlalchemy import func, select

from fedi import visibility
from fedi.context import Site
from fedi.hiding import hidden
from fedi.languages import _, named, ngettext
from storage import follows, memberships, people, suggestions
from storage import groups as group_rows
from storage.actors import Actor
from storage.groups import Group
from storage.memberships import memberships as membership_rows
from storage.metadata import Tx

_LOOKED_AT = 200
"""Candidates of each kind."""
_ROWS = 4_000
"""Memberships of people in one's groups that are looked at: groups may have everybody in them."""
_FEW = 3
"""People in one's groups from which on a reason speaks of them: of one or two it would tell who they are."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A group, why it is suggested (a sentence without full stop, in the reader's language), how many universities and people
    are in it, as far as they are known here."""

    group: Actor
    reason: str
    institutions: int
    members: int


def groups(tx: Tx, site: Site, me: Actor, limit: int) -> list[Suggestion]:
    """The groups that a person is in are where it begins: what others of these are in as well, then what is in the person's
    languages, then what most people of this instance are in."""
    out = {row.group_id for row in memberships.everything_of(tx, me.id)} | follows.groups_of(tx, me.id)
    shared = _shared(tx, me.id)
    candidates = dict.fromkeys([*shared, *(one.actor_id for one in suggestions.near(tx, me.id, _LOOKED_AT))])
    candidates |= dict.fromkeys(one.id for one in group_rows.listed(tx, _LOOKED_AT, local=True))
    candidates |= dict.fromkeys(one.id for one in group_rows.listed(tx, 40, local=False))
    known = suggestions.of(tx, [one for one in candidates if one not in out])
    found = [one for one in known.values() if one.is_group and hidden(tx, me.id, site.clock()).reads(one)]
    rows = group_rows.by_ids(tx, [one.id for one in found])
    now = site.clock()
    found = [one for one in found if _can_join(rows.get(one.id), now)]
    person = people.by_id(tx, me.id)
    speaks = _languages(person.settings if person is not None else {})
    found.sort(key=lambda one: _rank(one, rows.get(one.id), shared, speaks))
    return [_suggestion(tx, me, one, rows.get(one.id), shared, speaks) for one in found[:limit]]


def _can_join(row: Group | None, now: int) -> bool:
    return row is None or (row.join_mode != "invite" and not row.is_over(now))


def _languages(settings: dict[str, object]) -> set[str]:
    """The languages of a person, by their settings; none where they said nothing."""
    several = settings.get("languages")
    said = [settings.get("locale"), *(several if isinstance(several, list) else [])]
    return {one.partition("-")[0].lower() for one in said if isinstance(one, str) and one}


def _rank(group: Actor, row: Group | None, shared: dict[int, int], speaks: set[str]) -> tuple[int, int, int, int]:
    speaking = bool(row is not None and speaks & set(row.languages))
    foreign = bool(row is not None and row.languages and speaks and not speaking)
    return (foreign, -min(shared.get(group.id, 0), 50), -speaking, -group.followers_count)


def _suggestion(
    tx: Tx, me: Actor, group: Actor, row: Group | None, shared: dict[int, int], speaks: set[str]
) -> Suggestion:
    seen = visibility.may_see_group(tx, visibility.person(me.id), group)
    hosts = memberships.hosts(tx, group.id) if seen else {}
    institutions = max(1, len(hosts))
    common = shared.get(group.id, 0)
    spoken = sorted(speaks & set(row.languages)) if row is not None else []
    if common >= _FEW:
        reason = ngettext(
            "%(num)s person of your groups is in it", "%(num)s people of your groups are in it", common
        ) % {"num": common}
    elif spoken:
        reason = _("In %(language)s, which you speak") % {"language": named(spoken[0])}
    elif institutions > 1:
        reason = _("People of %(num)s universities are in it") % {"num": institutions}
    elif group.local:
        reason = _("At your university")
    elif group.followers_count:
        reason = _("People of your university are in it")
    else:
        reason = _("At %(name)s") % {"name": group.domain}
    return Suggestion(group, reason, institutions, group.followers_count)


def _shared(tx: Tx, person_id: int) -> dict[int, int]:
    """How many people of one's groups are in other groups, whose members everyone may know; most first."""
    mine = select(membership_rows.c.group_id).where(
        membership_rows.c.actor_id == person_id, membership_rows.c.state == "accepted"
    )
    some = (
        select(membership_rows.c.actor_id)
        .where(
            membership_rows.c.group_id.in_(mine),
            membership_rows.c.state == "accepted",
            membership_rows.c.actor_id != person_id,
        )
        .distinct()
        .limit(_ROWS)
        .subquery()
    )
    number = func.count().label("number")
    query = (
        select(membership_rows.c.group_id, number)
        .join(group_rows.groups, group_rows.groups.c.actor_id == membership_rows.c.group_id)
        .where(
            membership_rows.c.actor_id.in_(select(some.c.actor_id)),
            membership_rows.c.state == "accepted",
            membership_rows.c.group_id.not_in(mine),
            group_rows.groups.c.see == "public",
        )
        .group_by(membership_rows.c.group_id)
        .order_by(number.desc(), membership_rows.c.group_id)
        .limit(_LOOKED_AT)
    )
    return {row[0]: row[1] for row in tx.execute(query)}
