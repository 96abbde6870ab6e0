"""Who can do what about a case: this institution, the group's, the author's home, those that reported."""

from dataclasses import dataclass

from fedi.actions import cases as case_actions
from fedi.actions import memberships
from fedi.context import Site
from fedi.languages import N_
from storage import actors, people, posts, reports
from storage.actors import Actor
from storage.cases import Case
from storage.metadata import Tx

HIDE, REMOVE, LOCK, WARN, BAN, SUSPEND = "hide", "remove", "lock", "warn", "ban", "suspend"
NAMES = {
    HIDE: N_("Hide the post from people at that university"),
    REMOVE: N_("Take the post out of the group, for everyone"),
    LOCK: N_("Lock it: only moderators answer"),
    WARN: N_("Warn its author"),
    BAN: N_("Ban its author from the group"),
    SUSPEND: N_("Suspend its author's account"),
}
SHORT = {
    HIDE: N_("Hide it there"),
    REMOVE: N_("Take it out"),
    LOCK: N_("Lock it"),
    WARN: N_("Warn"),
    BAN: N_("Ban"),
    SUSPEND: N_("Suspend the account"),
}
_IN_GROUP = (REMOVE, LOCK, WARN, BAN)


@dataclass(frozen=True, slots=True)
class Party:
    """An institution with a part in a case; `roles` say which: here, group, author, reporter."""

    host: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Powers:
    """What each party can do. `table`: act -> a word for each party: can, asks (of the group's institution), no. `mine`: the
    acts that have effect when `me` does them now; `ask`: the hosts that can be asked to act."""

    parties: tuple[Party, ...]
    table: dict[str, tuple[str, ...]]
    mine: tuple[str, ...]
    ask: tuple[str, ...]


def powers(tx: Tx, site: Site, me: Actor, case: Case) -> Powers:
    """Who can do what about a case, for a moderator of this instance who looks at it."""
    here = site.config.host
    author = actors.by_id(tx, case.actor_id)
    group = actors.by_id(tx, case.group_id) if case.group_id is not None else None
    roles: dict[str, list[str]] = {here: ["here"]}
    if group is not None:
        roles.setdefault(group.host, []).append("group")
    if author is not None:
        roles.setdefault(author.host, []).append("author")
    for made in reports.of_cases(tx, [case.id])[:20]:
        known = roles.setdefault(case_actions.host_of(tx, site, made), [])
        if "reporter" not in known:
            known.append("reporter")
    if len(roles) > _PARTIES:
        roles = dict(list(roles.items())[:_PARTIES])
    parties = tuple(Party(host, tuple(names)) for host, names in roles.items())
    moderates = group is not None and memberships.moderates(tx, me, group)
    mine = _mine(tx, me, case, group, author, moderates=moderates)
    table = {act: tuple(_word(act, one, here, mine, group, moderates=moderates) for one in parties) for act in NAMES}
    if group is None:
        table = {act: words for act, words in table.items() if act not in _IN_GROUP}
    asked = [one["host"] for one in case.asked]
    ask = tuple(
        host for host in ([author.host] if author is not None and not author.local else []) if host not in asked
    )
    return Powers(parties, table, mine, ask)


_PARTIES = 5


def _mine(
    tx: Tx, me: Actor, case: Case, group: Actor | None, author: Actor | None, *, moderates: bool
) -> tuple[str, ...]:
    found = [one for one in posts.by_ids(tx, case.post_ids).values() if one.deleted_at is None]
    standing = [one for one in found if one.removed_at is None]
    mine: list[str] = []
    if standing and _staff(tx, me) and not (moderates and group is not None and group.local):
        mine.append(HIDE)  # of a group here, taking it out says the same to everyone
    if moderates and group is not None:
        mine += [REMOVE] if standing else []
        mine += [LOCK] if any(not one.locked for one in standing) else []
        mine += [WARN] if found else []
        member = author is not None and author.id != me.id
        mine += [BAN] if member else []
    return tuple(mine)


def _staff(tx: Tx, me: Actor) -> bool:
    person = people.by_id(tx, me.id) if me.local else None
    return person is not None and person.state == "active" and person.role in ("moderator", "admin")


def _word(act: str, party: Party, here: str, mine: tuple[str, ...], group: Actor | None, *, moderates: bool) -> str:
    if act == HIDE:
        return "can"
    if act == SUSPEND:
        return "can" if "author" in party.roles else "no"
    if group is not None and party.host == group.host:
        return "can"
    return "asks" if party.host == here and moderates and act in mine else "no"
