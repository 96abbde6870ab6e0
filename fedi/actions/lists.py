"""Lists of a person's: made by hand, or one for each group they are in, kept in step with what they join and leave.

A list that was made for a group (`List.group_id`) is the person's like any other. Once they have changed it, by another
name, policy or member, it is theirs alone: it is neither renamed nor removed any more, and one that they deleted is not
made again, unless they ask for group lists anew.
"""

from dataclasses import replace

from fedi.context import Site
from fedi.errors import Invalid, NotFound
from storage import actors, follows, lists, memberships, people
from storage.actors import Actor
from storage.lists import POLICIES, List
from storage.metadata import Tx

MOST = 50
"""Lists that a person makes by hand, as at Mastodon; those of groups do not count."""
MAX_TITLE = 256


def create(
    tx: Tx, site: Site, person: Actor, title: str, *, replies_policy: str = "list", exclusive: bool = False
) -> List:
    """A new list of this person's. Raises Invalid, in Mastodon's words."""
    _check(title, replies_policy)
    if lists.total(tx, person.id) >= MOST:
        raise Invalid("Validation failed: You have reached the maximum number of lists", code="limit")
    made = List(site.new_id(), person.id, title.strip(), replies_policy, exclusive, None, site.clock())
    lists.insert(tx, made)
    return made


def edit(
    tx: Tx,
    one: List,
    *,
    title: str | None = None,
    replies_policy: str | None = None,
    exclusive: bool | None = None,
) -> List:
    """Change a list; None leaves a thing as it is. Raises Invalid, in Mastodon's words."""
    changed = replace(
        one,
        title=one.title if title is None else title.strip(),
        replies_policy=one.replies_policy if replies_policy is None else replies_policy,
        exclusive=one.exclusive if exclusive is None else exclusive,
    )
    _check(changed.title, changed.replies_policy)
    if changed == one:
        return one
    changed = replace(changed, group_id=None)  # it is theirs now
    lists.change(
        tx,
        one.id,
        title=changed.title,
        replies_policy=changed.replies_policy,
        exclusive=changed.exclusive,
        group_id=None,
    )
    return changed


def add(tx: Tx, site: Site, one: List, actor_ids: list[int]) -> None:
    """Put whom its person follows, or asked to, into a list (or the person). Raises NotFound for others and Invalid for who
    is in it already, as Mastodon; nobody is added then."""
    wanted = list(dict.fromkeys(actor_ids))
    mine, _ = follows.between(tx, one.person_id, wanted)
    known = actors.by_ids(tx, wanted)
    for actor_id in wanted:
        if actor_id not in known or known[actor_id].state != "active":
            raise NotFound
        if actor_id != one.person_id and actor_id not in mine:
            raise NotFound
    if not all(lists.add(tx, site.new_id(), one.id, actor_id) for actor_id in wanted):
        raise Invalid("Validation failed: Account has already been taken", code="taken")
    if wanted and one.group_id is not None:
        lists.change(tx, one.id, group_id=None)


def drop(tx: Tx, one: List, actor_ids: list[int]) -> None:
    """Take actors out of a list; who is not in it is no matter."""
    lists.drop(tx, one.id, actor_ids)
    if one.group_id is not None and one.group_id in actor_ids:
        lists.change(tx, one.id, group_id=None)


def set_group_lists(tx: Tx, site: Site, person: Actor, on: bool) -> None:
    """Whether a person wants one list for each group they are in (setting `group_lists`); such a list has the group's name
    and keeps it out of home. Made and removed at once."""
    _set(tx, person, "group_lists", on)
    if not on:
        for one in lists.of_person(tx, person.id):
            if one.group_id is not None:
                lists.remove(tx, one.id)
        return
    joined = [row.group_id for row in memberships.of_actor(tx, person.id)]
    has = {one.group_id for one in lists.of_person(tx, person.id)}
    groups = [one for one in actors.by_ids(tx, joined).values() if one.state == "active" and one.id not in has]
    for group in sorted(groups, key=_title):
        _make(tx, site, person, group)


def set_groups_in_home(tx: Tx, site: Site, person: Actor, on: bool) -> None:
    """Whether a person reads their groups in their home too (setting `groups_in_home`, true unless they say otherwise)."""
    _set(tx, person, "groups_in_home", on)


def wants_group_lists(tx: Tx, person_id: int) -> bool:
    """Whether this person wants a list for each group."""
    return _setting(tx, person_id, "group_lists", otherwise=False)


def wants_groups_in_home(tx: Tx, person_id: int) -> bool:
    """Whether this person reads their groups in their home too."""
    return _setting(tx, person_id, "groups_in_home", otherwise=True)


def joined(tx: Tx, site: Site, person: Actor, group: Actor) -> None:
    """A person of this instance is in a group now: it gets its list, where they want that."""
    if not wants_group_lists(tx, person.id):
        return
    if all(one.group_id != group.id for one in lists.of_person(tx, person.id)):
        _make(tx, site, person, group)


def left(tx: Tx, person: Actor, other: Actor) -> None:
    """A person of this instance follows somebody, or is in a group, no more: out of their lists, and the group's list goes."""
    if other.is_group:
        for one in lists.of_person(tx, person.id):
            if one.group_id == other.id:
                lists.remove(tx, one.id)
    lists.take_out(tx, person.id, other.id)


def renamed(tx: Tx, group: Actor, before: Actor) -> None:
    """A group has another name than `before`: so have the lists that were made for it."""
    if _title(group) == _title(before):
        return
    for one in lists.of_group(tx, group.id):
        lists.change(tx, one.id, title=_title(group))


def _make(tx: Tx, site: Site, person: Actor, group: Actor) -> None:
    made = List(site.new_id(), person.id, _title(group), "list", True, group.id, site.clock())
    lists.insert(tx, made)
    lists.add(tx, site.new_id(), made.id, group.id)


def _title(group: Actor) -> str:
    return (group.name.strip() or group.username)[:MAX_TITLE]


def _check(title: str, replies_policy: str) -> None:
    if not title.strip():
        raise Invalid("Validation failed: Title can't be blank", code="title")
    if len(title.strip()) > MAX_TITLE:
        raise Invalid(f"Validation failed: Title is too long (maximum is {MAX_TITLE} characters)", code="title")
    if replies_policy not in POLICIES:
        raise Invalid(f"'{replies_policy[:40]}' is not a valid replies_policy", code="replies_policy")


def _setting(tx: Tx, person_id: int, name: str, *, otherwise: bool) -> bool:
    row = people.by_id(tx, person_id)
    return bool(row.settings.get(name, otherwise)) if row is not None else otherwise


def _set(tx: Tx, person: Actor, name: str, on: bool) -> None:
    row = people.by_id(tx, person.id)
    if row is None:
        raise NotFound
    people.change(tx, person.id, settings={**row.settings, name: on})
