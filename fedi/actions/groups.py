"""Groups hosted here: found, change and delete one. What it announces to its followers is `passing_on`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from federation.fields import is_visible
from fedi.actions import lists, media, memberships, passing_on, sending
from fedi.actions.people import add_actor, check_name
from fedi.context import Site
from fedi.errors import Forbidden, Invalid
from fedi.languages import _
from fedi.rendering import actors as rendering
from fedi.text.plain import to_html
from storage import actors, follows, groups, outbox, people
from storage import media as media_rows
from storage import memberships as membership_rows
from storage.actors import Actor
from storage.follows import Follow
from storage.groups import JOIN_MODES, KINDS, SEE, Group
from storage.media import Medium
from storage.memberships import Membership
from storage.metadata import Tx


def create(
    tx: Tx,
    site: Site,
    *,
    name: str,
    title: str,
    owner: Actor,
    join_mode: str = "open",
    see: str = "public",
    description: str = "",
    rules: list[str] | None = None,
    kind: str = "open",
    languages: Sequence[str] = (),
    ends_at: int | None = None,
) -> Actor:
    """Found a group; `owner`, a local person, is its first member and moderator.

    `see` says who may read it: `public` (all), `peers` (agreed institutions), `members`; `kind` what it is for (`KINDS`),
    `languages` (codes) what one writes there, `ends_at` (ms) from when on nobody writes in it any more. Raises Taken for a name in use
    by a person or group, Invalid for what can't be taken.
    """
    name = check_name(tx, site, name)
    if not is_visible(title) or len(title) > 100:
        raise Invalid(_("A group needs a title of 1 to 100 characters."), code="title")
    if join_mode not in JOIN_MODES:
        raise Invalid(f"join is one of {', '.join(JOIN_MODES)}, not {join_mode!r}.", code="join")
    if see not in SEE:
        raise Invalid(f"see is one of {', '.join(SEE)}, not {see!r}.", code="see")
    _check_purpose(site, kind, languages, ends_at)
    group = add_actor(
        tx,
        site,
        "Group",
        f"/groups/{name}",
        name,
        name=title.strip(),
        source=description,
        summary=_html(site, description),
        # Lemmy reads this as «a private community»; a plain client shows a lock and a request.
        approves_followers=join_mode != "open" or see == "members",
        moderators=site.iri(f"/groups/{name}/moderators"),
        indexable=see == "public",
        discoverable=see != "members",
        fields=[scope_field(see)],
    )
    now = site.clock()
    made = Group(
        group.id, join_mode, see, "members", rules or [], owner.id, now, kind, list(dict.fromkeys(languages)), ends_at
    )
    groups.save(tx, made)
    membership_rows.save(tx, Membership(group.id, owner.id, "owner", "accepted", now))
    follow = Follow(
        site.new_id(), owner.id, group.id, "accepted", site.iri(f"/activities/{site.new_id()}"), True, False, now
    )
    follows.insert(tx, follow)
    actors.count(tx, group.id, followers=1)
    memberships.count_following(tx, owner, 1)
    lists.joined(tx, site, owner, group)
    return replace(group, followers_count=1)


_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_LANGUAGES = 10


def _check_purpose(site: Site, kind: str | None, languages: Sequence[str] | None, ends_at: int | None) -> None:
    """Raises Invalid, with the mend, for what can't be what a group is for."""
    if kind is not None and kind not in KINDS:
        raise Invalid(f"kind is one of {', '.join(KINDS)}, not {kind[:40]!r}.", code="kind")
    wrong = [one for one in languages or () if not _LANGUAGE.fullmatch(one)]
    if wrong:
        raise Invalid(f"{wrong[0][:40]!r} is no language; write its code, as en or de.", code="languages")
    if languages is not None and len(languages) > _LANGUAGES:
        raise Invalid(f"A group names at most {_LANGUAGES} languages; without any it is for all.", code="languages")
    if ends_at is not None and ends_at <= site.clock():
        raise Invalid(
            _("The last day of a group lies in the future; leave it empty for a group that goes on."), code="end"
        )


_READERS = {
    "public": "everyone",
    "peers": "its members, people of this institution and of partner institutions",
    "members": "its members only",
}
_READERS_IN_SCOPE = {
    ("peers", "local"): "people of this institution only",
    ("peers", "named"): "its members, people of this institution and of partner institutions that it names",
    ("members", "local"): "its members only, who are all of this institution",
    ("members", "named"): "its members only, of this institution and of partner institutions that it names",
    ("members", "agreed"): "its members only, of this institution and of partner institutions",
}


def scope_field(see: str, mode: str = "public") -> dict[str, Any]:
    """The row of a group's profile that says who may read it (`mode` is its scope): clients that know of no groups show such
    rows."""
    said = _READERS_IN_SCOPE.get((see, mode), _READERS[see])
    return {"name": "Who can read it", "value": said, "source": said, "verified_at": None}


def settle_all(tx: Tx, site: Site) -> int:
    """Give that row to the groups here that were founded before there was one; how many they were."""
    without = [one for one in actors.local(tx, "Group") if not one.fields]
    rows = groups.by_ids(tx, [one.id for one in without])
    for one in without:
        if one.id in rows:
            actors.change(tx, one.id, fields=[scope_field(rows[one.id].see)])
    return len(without)


FOUNDED = 10
"""Groups that one person may found within a day."""


def found(tx: Tx, site: Site, by: Actor, **values: Any) -> Actor:
    """A local person founds a group, with the values of `create`. Raises as that, and Invalid for who founds too many."""
    if groups.founded(tx, by.id, site.clock() - 24 * 3600 * 1000) >= FOUNDED:
        raise Invalid(
            _("One person founds at most %(number)s groups a day; go on tomorrow.") % {"number": FOUNDED},
            code="too-many",
        )
    return create(tx, site, owner=by, **values)


def edit(tx: Tx, site: Site, by: Actor, group: Actor, **changes: Any) -> Actor:
    """A moderator here changes a group hosted here: any of `change`'s properties. The group as it is now comes back.

    Raises Forbidden for who does not moderate it, and for a group elsewhere; Invalid for what can't be taken.
    """
    if not group.local:
        raise Forbidden(_("A group is changed on its own server only."), code="elsewhere")
    if not memberships.moderates(tx, by, group):
        raise Forbidden(_("Only moderators of %(group)s can do that.") % {"group": group.name}, code="not-a-moderator")
    changed = change(tx, site, group, **changes)
    if changed is None:
        return group
    to, cc = passing_on.addressed(tx, changed)
    document = rendering.document(tx, site, changed)
    _iri, body = sending.send(tx, site, by, "Update", document, to=to, cc=cc, audience=outbox.Audience(), group=changed)
    passing_on.announce(tx, site, changed, body, None, "other")
    return changed


def change(
    tx: Tx,
    site: Site,
    group: Actor,
    *,
    title: str | None = None,
    description: str | None = None,
    rules: list[str] | None = None,
    join_mode: str | None = None,
    post: str | None = None,
    kind: str | None = None,
    languages: Sequence[str] | None = None,
    ends_at: int | Literal[False] | None = None,
    pictures: Mapping[str, Medium] | None = None,
) -> Actor | None:
    """Change a group hosted here and tell who takes a profile from the actor itself (microblogs, NodeBB, Friendica); other
    forums hear of it by the moderator's Update. None when nothing changed. `post` is who may: `members` or `moderators`;
    `ends_at` (ms) is False for a group that goes on.

    Who may read it never changes: what was written was written for them. Raises Invalid for what can't be taken.
    """
    row = groups.by_id(tx, group.id)
    if row is None:
        raise Invalid("There is no such group.")
    shown: dict[str, Any] = {}
    if title is not None and title.strip() != group.name:
        if not is_visible(title) or len(title) > 100:
            raise Invalid(_("A group needs a title of 1 to 100 characters."), code="title")
        shown["name"] = title.strip()
    if description is not None and description != (group.source or ""):
        if len(description) > 10_000:
            raise Invalid(_("A description has at most 10,000 characters."), code="description")
        shown["source"] = description
        shown["summary"] = _html(site, description)
    for purpose, medium in (pictures or {}).items():
        media_rows.change(tx, medium.id, person_id=group.id)  # it is the group's now, whoever sent it
        owned = replace(medium, person_id=group.id)
        shown["icon" if purpose == "avatar" else "image"] = media.show_face(tx, site, group, purpose, owned)
    kept: dict[str, Any] = {}
    if join_mode is not None and join_mode != row.join_mode:
        if join_mode not in JOIN_MODES:
            raise Invalid(f"join is one of {', '.join(JOIN_MODES)}, not {join_mode!r}.", code="join")
        kept["join_mode"] = join_mode
        shown["approves_followers"] = join_mode != "open" or row.see == "members"
    if post is not None and post != row.post:
        if post not in ("members", "moderators"):
            raise Invalid(f"post is one of members, moderators, not {post!r}.", code="post")
        kept["post"] = post
    if rules is not None and rules != row.rules:
        kept["rules"] = rules
    end = None if ends_at is False or ends_at == row.ends_at else ends_at
    _check_purpose(site, kind, languages, end)
    purpose_now = {
        "kind": kind,
        "languages": None if languages is None else list(dict.fromkeys(languages)),
        "ends_at": end,
    }
    kept |= {name: value for name, value in purpose_now.items() if value not in (None, getattr(row, name))}
    if ends_at is False and row.ends_at is not None:
        kept["ends_at"] = None
    if not shown and not kept:
        return None
    if shown:
        actors.change(tx, group.id, **shown)
    if kept:
        groups.change(tx, group.id, **kept)
    changed = replace(group, **shown)
    lists.renamed(tx, changed, group)
    to, cc = _to_followers(tx, changed)
    sending.send(
        tx,
        site,
        changed,
        "Update",
        rendering.document(tx, site, changed),
        to=to,
        cc=cc,
        audience=outbox.Audience(followers_of=(group.id,)),
        form="profile",
    )
    return changed


def delete(tx: Tx, site: Site, by: Actor, group: Actor) -> None:
    """Close a group hosted here for good: its address answers 410, its name stays taken, nobody posts in it any more.

    What members wrote stays theirs, for those who could read it. Its owner may, and an admin of this instance; Forbidden
    for others.
    """
    membership = membership_rows.find(tx, group.id, by.id)
    person = people.by_id(tx, by.id)
    owns = membership is not None and membership.role == "owner" and membership.state == "accepted"
    if not group.local or not (owns or (person is not None and person.role == "admin")):
        raise Forbidden(_("Only its owner can delete a group."), code="not-the-owner")
    to, cc = passing_on.addressed(tx, group)
    _iri, body = sending.send(tx, site, by, "Delete", group.iri, to=to, cc=cc, audience=outbox.Audience(), group=group)
    passing_on.announce(tx, site, group, body, None, "delete")  # for Lemmy, which wants a moderator's word
    to, cc = _to_followers(tx, group)
    sending.send(
        tx,
        site,
        group,
        "Delete",
        group.iri,
        to=to,
        cc=cc,
        audience=outbox.Audience(followers_of=(group.id,)),
    )
    for follow in follows.followers(tx, group.id, 100_000):
        follower = actors.by_id(tx, follow.follower_id)
        if follower is not None and follower.local:  # servers elsewhere must be told first, and then know it
            follows.remove(tx, follow.id)
            memberships.count_following(tx, follower, -1)
            lists.left(tx, follower, group)
    media.discard_all(tx, site, group)
    actors.change(tx, group.id, state="gone", summary="", source=None, icon=None, image=None)


def _to_followers(tx: Tx, group: Actor) -> tuple[list[str], list[str]]:
    """(`to`, `cc`) of what a group says to its followers: Public only where everyone may read it."""
    followers = [group.followers] if group.followers else []
    return ([sending.PUBLIC], followers) if passing_on.for_everyone(tx, group) else (followers, [])


def _html(site: Site, text: str) -> str:
    return to_html(text, {}, lambda tag: site.iri(f"/tags/{tag}")) if text.strip() else ""
