"""Invitations to this instance: links that let people join, into groups too; and who came by them."""

import secrets
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from fedi.actions import invitations as actions
from fedi.api.operations import Call, Operation
from fedi.api.shapes import Account, Id, Moment
from fedi.mastodon.answers import moment
from fedi.mastodon.entities.account import account
from storage.metadata import Tx

_LISTED = 50


class Invitation(msgspec.Struct, kw_only=True):
    """An invitation of who asks. `uses` is how many people may come by it, null any number; `state` says why nobody comes any
    more: all of them came (`full`), or its time is over."""

    id: Id
    link: str
    note: str
    groups: list[Account]
    uses: int | None
    came: list[Account]
    state: Literal["open", "full", "over"]
    expires_at: Moment


class NewInvitation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What to make. `groups`: ids of groups that who comes will be in, public ones that one is in or such as one moderates. Members
    may let 50 people come within 30 days; admins more, or (null) any number."""

    note: Annotated[str, Meta(max_length=actions.NOTE)] = ""
    groups: Annotated[list[Id], Meta(max_length=actions.GROUPS)] = []
    uses: Annotated[int, Meta(ge=1, le=actions.ADMIN_MOST)] | None = 1
    days: Annotated[int, Meta(ge=1, le=actions.ADMIN_DAYS)] = 7


class Invitations(msgspec.Struct, kw_only=True):
    """The newest first, fifty at most. `allowed`: whether who asks may make more."""

    items: list[Invitation]
    allowed: bool


def _shown(call: Call, one: actions.Shown) -> Invitation:
    origin = call.site.config.origin
    return Invitation(
        id=str(one.row.id),
        link=one.link,
        note=one.row.note,
        groups=[account(origin, group) for group in one.groups],
        uses=one.row.most,
        came=[account(origin, person) for person in one.came],
        state=one.state,
        expires_at=moment(one.row.expires_at),
    )


def listed(tx: Tx, call: Call) -> Invitations:
    """One's invitations."""
    found = actions.listed(tx, call.site, call.me, _LISTED)
    return Invitations(items=[_shown(call, one) for one in found], allowed=actions.may_invite(tx, call.site, call.me))


def create(tx: Tx, call: Call, body: NewInvitation) -> Invitation:
    """Make an invitation."""
    code = secrets.token_urlsafe(12)
    made = actions.create(
        tx,
        call.site,
        call.me,
        code,
        note=body.note,
        group_ids=[int(one) for one in body.groups],
        most=body.uses,
        days=body.days,
    )
    by_id = {one.row.id: one for one in actions.listed(tx, call.site, call.me, 1)}
    return _shown(call, by_id[made.id])


def end(tx: Tx, call: Call) -> None:
    """End an invitation: nobody comes by it any more."""
    actions.end(tx, call.site, call.me, call.ids["id"])


_READ, _WRITE = ("read:accounts",), ("write:accounts",)
OPERATIONS = [
    Operation(method="GET", path="/invitations", unit=listed, tag="invitations", scopes=_READ),
    Operation(method="POST", path="/invitations", unit=create, tag="invitations", scopes=_WRITE, refuses=(422,)),
    Operation(method="DELETE", path="/invitations/{id}", unit=end, tag="invitations", scopes=_WRITE, refuses=(404,)),
]
