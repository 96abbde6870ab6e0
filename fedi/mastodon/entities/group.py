"""The Group, GroupRelationship and GroupMembership entities (mastodon/mastodon#19059, with what Soapbox and pl-fe add). Pure.

The id of a Group is that of its Account, so both views of it match. Roles are named as pl-fe, the one client that knows
them, names them: our owner is its `owner`, our moderators its `admin`, members its `user`.
"""

from typing import Any

import msgspec

from fedi.caches import Cache, shared
from fedi.mastodon.answers import moment
from fedi.mastodon.entities.account import account_dict
from fedi.mastodon.entities.emoji import emojis
from storage.actors import Actor
from storage.groups import Group
from storage.memberships import Membership

ROLES = {"owner": "owner", "moderator": "admin", "member": "user"}
_ASKED = {"owner": "owner", "admin": "moderator", "moderator": "moderator", "user": "member", "member": "member"}
_PICTURES = ("avatar", "avatar_static", "header", "header_static")
_encode = msgspec.json.Encoder().encode
_rendered: Cache[tuple[str, int], tuple[Actor, bytes]] = shared("groups", 1_000, 1 << 20)


def role_asked(name: str) -> str | None:
    """Our name of a role that a client names in either dialect; None for what is none."""
    return _ASKED.get(name)


def group(origin: str, actor: Actor, row: Group | None = None) -> dict[str, Any]:
    """The Group; without its `row` what only that says is left as it mostly is."""
    shown = account_dict(origin, actor)
    public = row is None or row.see == "public"
    owner = None if row is None or row.creator_id is None else {"id": str(row.creator_id)}
    return {
        "id": str(actor.id),
        "display_name": actor.name,
        "slug": actor.username,
        "created_at": moment(actor.created_at),
        "note": actor.summary,
        "source": {"note": actor.source or ""},
        "uri": actor.iri,
        "url": actor.url or actor.iri,
        **{name: shown[name] for name in _PICTURES},
        "locked": actor.approves_followers,
        "statuses_visibility": "public" if public else "private",
        "group_visibility": "everyone" if public else "members_only",
        "membership_required": True,
        "discoverable": actor.discoverable,
        "domain": actor.domain,
        "emojis": emojis(actor.emoji),
        "tags": [],
        "members_count": actor.followers_count,
        "owner": owner,
    }


def of_status(origin: str, actor: Actor) -> bytes:
    """The Group in a status, as ready JSON; kept while the row stays the same."""
    known = _rendered.get((origin, actor.id))
    if known is not None and (known[0] is actor or known[0] == actor):
        return known[1]
    made = _encode(group(origin, actor))
    _rendered.put((origin, actor.id), (actor, made), 2 * len(made) + 1500)
    return made


def relationship(
    group_id: int,
    membership: Membership | None,
    *,
    member: bool,
    requested: bool,
    banned: bool,
    notifying: bool,
    muting: bool,
    waiting: bool,
) -> dict[str, Any]:
    """How the caller stands to a group. `waiting`: somebody's request to join waits for the caller to answer."""
    accepted = membership is not None and membership.state == "accepted"
    return {
        "id": str(group_id),
        "member": member,
        "requested": requested,
        "role": ROLES[membership.role] if membership is not None and accepted else ("user" if member else None),
        "blocked_by": banned,
        "muting": muting,
        "notifying": notifying,
        "pending_requests": waiting,
    }


def membership(row: Membership, account: Any) -> dict[str, Any]:
    """Somebody in a group; the id is that of their account, as nobody is in a group twice."""
    return {"id": str(row.actor_id), "role": ROLES[row.role], "account": account}
