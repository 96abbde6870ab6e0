"""Groups: list, look up, found, change, close, join, leave."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from fedi import searching, visibility
from fedi.actions import follows as follow_actions
from fedi.actions import groups as actions
from fedi.actions import opening, scopes
from fedi.actions.memberships import banned
from fedi.api.operations import Call, Operation
from fedi.api.shapes import (
    Group,
    GroupChange,
    GroupScope,
    GroupScopeChange,
    Handle,
    NewGroup,
    Page,
    Paged,
    Readers,
    Standing,
)
from fedi.callers import Caller
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound
from fedi.mastodon.answers import moment
from storage import actors, follows, group_scopes, groups, memberships, people, twins
from storage.actors import Actor
from storage.groups import Group as Settings
from storage.memberships import Membership
from storage.metadata import Tx

NO_GROUP = "There is no such group, or none that is known here."


def find(tx: Tx, call: Call, name: str = "id") -> Actor:
    """The group that the path names. Raises NotFound. That a group exists, and how to join it, is never hidden."""
    found = actors.by_id(tx, call.ids[name])
    if found is None or not found.is_group or found.state != "active":
        raise NotFound(NO_GROUP)
    return found


def readable(tx: Tx, call: Call) -> Actor:
    """The same, for what is within it. Raises Forbidden, saying how to get in, for who may not read it."""
    group = find(tx, call)
    if not visibility.may_see_group(tx, call.viewer, group):
        raise Forbidden(f"What is in {group.name} is shown to its members: join it first.", code="members-only")
    return group


def shown(tx: Tx, call: Call, found: list[Actor]) -> list[Group]:
    """Groups as they are answered, in a fixed number of queries."""
    ids = [one.id for one in found]
    rows = groups.by_ids(tx, ids)
    inside = visibility.groups_seen(tx, call.viewer, found)
    joined = [twin for twin in twins.of_groups(tx, [one for one in ids if one in inside]) if twin.state == "joined"]
    others = actors.by_ids(tx, [twin.other_id for twin in joined])
    me = call.caller.person if call.caller is not None else None
    mine: dict[int, Membership] = {}
    edges: dict[int, follows.Follow] = {}
    staff = False
    if me is not None and ids:
        mine = {row.group_id: row for row in memberships.everything_of(tx, me.id) if row.group_id in rows}
        edges, _ = follows.between(tx, me.id, ids)
        person = people.by_id(tx, me.id)
        staff = person is not None and person.role in ("moderator", "admin")
    made = []
    for one in found:
        row = rows.get(one.id)
        you = None
        if me is not None:
            you = _standing(call, one, row, mine.get(one.id), edges.get(one.id), staff=staff)
        made.append(
            Group(
                id=str(one.id),
                name=one.username,
                handle=one.handle,
                title=one.name,
                description=one.summary,
                source=one.source if you is not None and you.moderates else None,
                url=one.url or one.iri,
                uri=one.iri,
                avatar=one.icon or f"{call.site.config.origin}/avatars/original/group.png",
                header=one.image or f"{call.site.config.origin}/headers/original/missing.png",
                local=one.local,
                join=row.join_mode if row is not None else None,  # type: ignore[arg-type]  # JOIN_MODES, as the table says
                see=row.see if row is not None else None,  # type: ignore[arg-type]  # SEE
                post=row.post if row is not None else None,  # type: ignore[arg-type]  # members or moderators
                rules=row.rules if row is not None else [],
                members_count=one.followers_count,
                last_active_at=moment(one.last_post_at) if one.last_post_at is not None and one.id in inside else None,
                created_at=moment(one.created_at),
                twins=[
                    others[twin.other_id].handle
                    for twin in joined
                    if twin.group_id == one.id and twin.other_id in others
                ],
                kind=row.kind if row is not None else "open",  # type: ignore[arg-type]  # KINDS
                languages=row.languages if row is not None else [],
                ends_at=moment(row.ends_at) if row is not None and row.ends_at is not None else None,
                you=you,
            )
        )
    return made


def _standing(
    call: Call,
    group: Actor,
    settings: Settings | None,
    row: Membership | None,
    edge: follows.Follow | None,
    *,
    staff: bool,
) -> Standing:
    """How who asks stands to a group, by the rules of `actions.memberships`; `staff` are moderators of this instance."""
    out = banned(call.site, row)
    joined = row is not None and row.state == "accepted"
    member = joined or (not group.local and edge is not None and edge.state == "accepted")
    shut_out = row is not None and row.state == "banned"
    manages = not shut_out and ((row is not None and row.moderates) or (group.local and staff))
    return Standing(
        member=member and not out,
        requested=edge is not None and edge.state == "pending",
        invited=row is not None and row.state == "invited",
        banned=out,
        reason=row.reason if row is not None and out else None,
        until=moment(row.until) if row is not None and out and row.until is not None else None,
        role=row.role if row is not None and joined else None,  # type: ignore[arg-type]  # the table's words
        moderates=manages,
        may_post=member
        and not out
        and (settings is None or settings.post == "members" or manages)
        and (settings is None or not settings.is_over(call.site.clock())),
        notifying=edge is not None and edge.notify,
    )


def one(tx: Tx, call: Call, group: Actor) -> Group:
    """One group as it is now."""
    return shown(tx, call, [actors.by_id(tx, group.id) or group])[0]


class Groups(Paged, kw_only=True):
    """Which groups: those of this instance (`local`), else those elsewhere that somebody here is in; `mine` are those
    that the person who asks is in, waits for or is invited to."""

    local: bool = True
    mine: bool = False


def listed(tx: Tx, call: Call, query: Groups) -> Page[Group]:
    """Groups that want to be found, or one's own, newest first."""
    before = query.at
    if query.mine:
        rows = memberships.everything_of(tx, call.me.id)
        pending, _ = follows.between(tx, call.me.id, [row.group_id for row in rows])
        ids = {row.group_id for row in rows if row.state != "banned"} | pending.keys()
        ids |= follows.groups_of(tx, call.me.id)
        ordered = sorted((number for number in ids if before is None or number < before), reverse=True)
        known = actors.by_ids(tx, ordered[: query.limit + 1])
        found = [known[number] for number in ordered[: query.limit + 1] if number in known]
    else:
        found = groups.listed(tx, query.limit + 1, local=query.local, before=before)
    page = found[: query.limit]
    return Page(
        items=shown(tx, call, [group for group in page if group.is_group and group.state == "active"]),
        next=str(page[-1].id) if len(found) > query.limit else None,
    )


async def _resolve(site: Site, caller: Caller | None, query: Any) -> Any:
    """As everywhere a server is asked for what a person typed, only so often of each."""
    if not query.resolve or caller is None or caller.person is None:
        return None
    return await searching.resolve(site, caller.person.id, query.handle)


def lookup(tx: Tx, call: Call, query: Handle) -> Group:
    """A group by its handle or address.

    With `resolve`, and a token, its server is asked where the group is not known here.
    """
    found = call.found
    if not isinstance(found, Actor):
        text = query.handle.strip()
        found = actors.by_iri(tx, text)
        if found is None:
            username, _, domain = text.lstrip("!@").partition("@")
            config = call.site.config
            domain = config.handle_domain if domain.lower() in ("", config.host) else domain.lower()
            found = actors.by_name(tx, username, domain)
    if found is None or not found.is_group or found.state != "active":
        raise NotFound(NO_GROUP)
    return one(tx, call, found)


def show(tx: Tx, call: Call) -> Group:
    """A group."""
    return one(tx, call, find(tx, call))


def found_group(tx: Tx, call: Call, body: NewGroup) -> Group:
    """Found a group on this instance; who asks owns it."""
    made = actions.found(
        tx,
        call.site,
        call.me,
        name=body.name if body.name is not None else opening.name_for(tx, call.site, body.title),
        title=body.title,
        join_mode=body.join,
        see=body.see,
        description=body.description,
        rules=body.rules,
        kind=body.kind,
        languages=body.languages,
        ends_at=_time(body.ends_at) if body.ends_at is not None else None,
    )
    return one(tx, call, made)


def _time(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as problem:
        raise Invalid("ends_at: not a time as 2026-11-23T22:10:05.000Z", code="end") from problem
    if at.tzinfo is None:
        raise Invalid("ends_at: says no time zone; end it with Z", code="end")
    return int(at.timestamp() * 1000)


def change(tx: Tx, call: Call, body: GroupChange) -> Group:
    """Change a group of this instance that one moderates."""
    group = find(tx, call)
    actions.edit(
        tx,
        call.site,
        call.me,
        group,
        title=body.title,
        description=body.description,
        join_mode=body.join,
        post=body.post,
        rules=body.rules,
        kind=body.kind,
        languages=body.languages,
        ends_at=None if body.ends_at is None else (_time(body.ends_at) if body.ends_at else False),
    )
    return one(tx, call, group)


def scope(tx: Tx, call: Call) -> GroupScope:
    """With which institutions a group of this instance federates, and who can read what is written in it."""
    group = readable(tx, call)
    if not group.local:
        raise NotFound("Whom a group federates with is known on its own server.")
    return _scope(tx, call.site, group)


def set_scope(tx: Tx, call: Call, body: GroupScopeChange) -> GroupScope:
    """Say with which institutions a group of this instance federates; its owner, or an admin, does that."""
    group = find(tx, call)
    scopes.choose(tx, call.site, call.me, group, body.mode, body.peers, body.may)
    return _scope(tx, call.site, group)


def _scope(tx: Tx, site: Site, group: Actor) -> GroupScope:
    kept, found = group_scopes.of_group(tx, group.id), scopes.readers(tx, site, group)
    return GroupScope(
        mode=scopes.mode_of(tx, group),  # type: ignore[arg-type]  # MODES, as the table says
        peers=[one.host for one in group_scopes.named(tx, group.id)],
        may=kept.may if kept is not None else list(group_scopes.MAY),  # type: ignore[arg-type]  # MAY
        readers=Readers(institutions=found.institutions, people=found.people, words=scopes.words(tx, site, group)),
    )


def close(tx: Tx, call: Call) -> None:
    """Close a group of this instance for good; its owner, or an admin, does that."""
    actions.delete(tx, call.site, call.me, find(tx, call))


class Joining(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How to be in the group: `notify` of each new thread, `reblogs`: its threads in one's home."""

    notify: Annotated[bool | None, Meta(description="left out: as it is")] = None
    reblogs: Annotated[bool | None, Meta(description="left out: as it is")] = None


def join(tx: Tx, call: Call, body: Joining) -> Group:
    """Join a group, or ask to; again changes how one is in it."""
    group = find(tx, call)
    edge = follows.find(tx, call.me.id, group.id)
    reblogs = body.reblogs if body.reblogs is not None else edge is None or edge.reblogs
    notify = body.notify if body.notify is not None else edge is not None and edge.notify
    follow_actions.follow(tx, call.site, call.me, group, reblogs=reblogs, notify=notify)
    return one(tx, call, group)


def leave(tx: Tx, call: Call) -> Group:
    """Leave a group, or take back one's request."""
    group = find(tx, call)
    follow_actions.unfollow(tx, call.site, call.me, group)
    return one(tx, call, group)


_READ, _WRITE = ("read:groups",), ("write:groups",)
OPERATIONS = [
    Operation(method="GET", path="/groups", unit=listed, tag="groups", scopes=_READ, person=False),
    Operation(method="POST", path="/groups", unit=found_group, tag="groups", scopes=_WRITE, refuses=(422,)),
    Operation(
        method="GET", path="/groups/lookup", unit=lookup, tag="groups", scopes=_READ, person=False, before=_resolve,
        refuses=(404,),
    ),
    Operation(method="GET", path="/groups/{id}", unit=show, tag="groups", scopes=_READ, person=False),
    Operation(method="PATCH", path="/groups/{id}", unit=change, tag="groups", scopes=_WRITE),
    Operation(method="GET", path="/groups/{id}/scope", unit=scope, tag="groups", scopes=_READ, person=False),
    Operation(method="PUT", path="/groups/{id}/scope", unit=set_scope, tag="groups", scopes=_WRITE),
    Operation(method="DELETE", path="/groups/{id}", unit=close, tag="groups", scopes=_WRITE),
    Operation(method="POST", path="/groups/{id}/join", unit=join, tag="groups", scopes=("write:groups", "write:follows")),
    Operation(
        method="POST", path="/groups/{id}/leave", unit=leave, tag="groups", scopes=("write:groups", "write:follows")
    ),
]  # fmt: skip
