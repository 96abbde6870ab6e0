"""Who is in a group: members, requests, invitations, moderators, bans."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from fedi.actions import follows as follow_actions
from fedi.actions import inviting, moderation
from fedi.actions import memberships as actions
from fedi.api.groups import find, readable
from fedi.api.operations import Call, Operation
from fedi.api.shapes import Ban, Member, Page, Paged, Role, State
from fedi.errors import Forbidden, Invalid, NotFound
from fedi.mastodon.answers import moment
from fedi.mastodon.entities.account import account
from storage import actors, follows, memberships
from storage.actors import Actor
from storage.memberships import Membership
from storage.metadata import Tx


class Members(Paged, kw_only=True):
    """Which of them. Only who moderates the group sees who waits, is invited or banned."""

    state: State = "accepted"
    role: Annotated[Role | None, Meta(description="left out: all")] = None


def listed(tx: Tx, call: Call, query: Members) -> Page[Member]:
    """The members of a group, longest first; of one elsewhere those that are known here."""
    group = readable(tx, call)
    if query.state != "accepted" and not (
        call.caller is not None and call.caller.person is not None and actions.moderates(tx, call.caller.person, group)
    ):
        raise Forbidden(f"Only moderators of {group.name} see that.", code="not-a-moderator")
    rows = [row for row in memberships.of_group(tx, group.id, query.state) if query.role in (None, row.role)]
    start = query.at or 0
    part = rows[start : start + query.limit]
    known = actors.by_ids(tx, [row.actor_id for row in part])
    return Page(
        items=[_member(call, row, known[row.actor_id]) for row in part if _there(known.get(row.actor_id))],
        next=str(start + query.limit) if len(rows) > start + query.limit else None,
    )


def _there(actor: Actor | None) -> bool:
    return actor is not None and actor.state == "active"


def _member(call: Call, row: Membership, actor: Actor) -> Member:
    return Member(
        account=account(call.site.config.origin, actor),
        role=row.role,  # type: ignore[arg-type]  # the table's words
        state=row.state,  # type: ignore[arg-type]  # the same
        since=moment(row.since),
        until=moment(row.until) if row.until is not None else None,
        reason=row.reason,
    )


def _whom(tx: Tx, call: Call) -> Actor:
    found = actors.by_id(tx, call.ids["account_id"])
    if found is None or found.state != "active" or found.is_group:
        raise NotFound("There is no such account.")
    return found


def _now(tx: Tx, call: Call, group: Actor, actor: Actor) -> Member:
    row = memberships.find(tx, group.id, actor.id)
    if row is None:
        raise NotFound("This account is not in the group.")
    return _member(call, row, actor)


def _moderated(tx: Tx, call: Call) -> Actor:
    """The group that the path names, if it is hosted here and who asks moderates it."""
    group = find(tx, call)
    if not group.local or not actions.moderates(tx, call.me, group):
        raise Forbidden(f"Only moderators of {group.name} can do that, on its own server.", code="not-a-moderator")
    return group


def accept(tx: Tx, call: Call) -> Member:
    """Let somebody in who asked to join."""
    group, actor = _moderated(tx, call), _whom(tx, call)
    edge = follows.find(tx, actor.id, group.id)
    if edge is None or edge.state != "pending":
        raise NotFound("This account has not asked to join, or was answered already.")
    follow_actions.accept(tx, call.site, edge)
    return _now(tx, call, group, actor)


def reject(tx: Tx, call: Call) -> None:
    """Refuse somebody who asked to join, or put a member out; they may ask again."""
    group, actor = _moderated(tx, call), _whom(tx, call)
    edge = follows.find(tx, actor.id, group.id)
    row = memberships.find(tx, group.id, actor.id)
    if row is not None and row.moderates:
        raise Forbidden("A moderator is dismissed first.", code="moderator")
    if edge is not None:
        follow_actions.reject(tx, call.site, edge)
    elif row is not None and row.state == "invited":
        memberships.remove(tx, group.id, actor.id)
    else:
        raise NotFound("This account is not in the group.")


def invite(tx: Tx, call: Call) -> Member:
    """Invite somebody: when they join, they are in at once, also where others wait or can't.

    They are told by a direct message of who invites, wherever they are.
    """
    group, actor = _moderated(tx, call), _whom(tx, call)
    inviting.invite(tx, call.site, call.me, group, actor)
    return _now(tx, call, group, actor)


def appoint(tx: Tx, call: Call) -> Member:
    """Make a member a moderator."""
    group, actor = find(tx, call), _whom(tx, call)
    moderation.appoint(tx, call.site, call.me, group, actor)
    return _now(tx, call, group, actor)


def dismiss(tx: Tx, call: Call) -> Member:
    """Make a moderator a plain member again."""
    group, actor = find(tx, call), _whom(tx, call)
    moderation.dismiss(tx, call.site, call.me, group, actor)
    return _now(tx, call, group, actor)


def ban(tx: Tx, call: Call, body: Ban) -> Member:
    """Ban somebody from a group, for a time or for good; with `remove_posts` what they wrote in it goes too."""
    group, actor = find(tx, call), _whom(tx, call)
    until = None
    if body.until is not None:
        try:
            end = datetime.fromisoformat(body.until)
        except ValueError as problem:
            raise Invalid("until: not a time as 2026-11-23T22:10:05.000Z", code="until") from problem
        if end.tzinfo is None:
            raise Invalid("until: says no time zone; end it with Z", code="until")
        until = int(end.timestamp() * 1000)
        if until <= call.site.clock():
            raise Invalid("until: is over already", code="until")
    moderation.ban(tx, call.site, call.me, group, actor, body.reason, until, body.remove_posts)
    return _now(tx, call, group, actor)


def unban(tx: Tx, call: Call) -> None:
    """End a ban."""
    moderation.unban(tx, call.site, call.me, find(tx, call), _whom(tx, call))


_READ, _WRITE = ("read:groups",), ("write:groups",)
OPERATIONS = [
    Operation(method="GET", path="/groups/{id}/members", unit=listed, tag="members", scopes=_READ, person=False),
    Operation(method="DELETE", path="/groups/{id}/members/{account_id}", unit=reject, tag="members", scopes=_WRITE),
    Operation(
        method="POST", path="/groups/{id}/members/{account_id}/accept", unit=accept, tag="members", scopes=_WRITE
    ),
    Operation(
        method="POST", path="/groups/{id}/members/{account_id}/reject", unit=reject, tag="members", scopes=_WRITE
    ),
    Operation(method="PUT", path="/groups/{id}/invitations/{account_id}", unit=invite, tag="members", scopes=_WRITE),
    Operation(method="PUT", path="/groups/{id}/moderators/{account_id}", unit=appoint, tag="members", scopes=_WRITE),
    Operation(method="DELETE", path="/groups/{id}/moderators/{account_id}", unit=dismiss, tag="members", scopes=_WRITE),
    Operation(method="PUT", path="/groups/{id}/bans/{account_id}", unit=ban, tag="members", scopes=_WRITE),
    Operation(method="DELETE", path="/groups/{id}/bans/{account_id}", unit=unban, tag="members", scopes=_WRITE),
]
