"""Groups hosted here: create, change and delete one, and announce to its followers what members do in it (FEP-1b12)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from federation import fields as wire
from federation.fields import is_visible
from federation.groups import announce_forms
from federation.parse import parse_document
from federation.vocabulary.activities import announce_raw
from fedi import policy
from fedi.actions import envelopes, lists, media, memberships, notices, sending
from fedi.actions.people import add_actor, check_name
from fedi.context import Site
from fedi.errors import Forbidden, Invalid
from fedi.facts import Known
from fedi.languages import _
from fedi.rendering import actors as rendering
from fedi.rendering.threads import group_context
from fedi.text.plain import to_html
from storage import actors, follows, groups, outbox, people, posts, reactions, timelines, twins
from storage import media as media_rows
from storage import memberships as membership_rows
from storage.actors import Actor
from storage.follows import Follow
from storage.groups import JOIN_MODES, KINDS, SEE, Group
from storage.media import Medium
from storage.memberships import Membership
from storage.metadata import Tx
from storage.posts import Post
from storage.reactions import Boost
from storage.timelines import Entry


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
    to, cc = addressed(tx, changed)
    document = rendering.document(tx, site, changed)
    _iri, body = sending.send(tx, site, by, "Update", document, to=to, cc=cc, audience=outbox.Audience(), group=changed)
    announce(tx, site, changed, body, None, "other")
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
    to, cc = addressed(tx, group)
    _iri, body = sending.send(tx, site, by, "Delete", group.iri, to=to, cc=cc, audience=outbox.Audience(), group=group)
    announce(tx, site, group, body, None, "delete")  # for Lemmy, which wants a moderator's word
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
    return ([sending.PUBLIC], followers) if for_everyone(tx, group) else (followers, [])


def _html(site: Site, text: str) -> str:
    return to_html(text, {}, lambda tag: site.iri(f"/tags/{tag}")) if text.strip() else ""


def announce(
    tx: Tx, site: Site, group: Actor, activity: bytes, post: Post | None, kind: str, *, also: Actor | None = None
) -> bool:
    """The group passes an activity on to its followers.

    Forums (and whoever we know nothing of) get the activity wrapped, byte for byte as it came (FEP-1b12: it "MUST be
    preserved exactly"). Microblogs get one boost for each new thread and nothing else, since Mastodon would show every
    announced comment as a boost. `kind` is `thread` for a post that opens one, `delete`, else `other`. `also` is somebody
    who does not follow it (any more) and whose server is to hear of this all the same: who is banned.

    A group with twins passes each activity on once, and not to the twin that it came from; False when it did before, or the
    policy is against that: what is taken away is passed on all the same, and what people here write is not asked about.
    """
    if post is not None and not post.local and kind != "delete" and not _may_pass_on(tx, site, group, post, activity):
        return False
    came_from = None
    if twins.any_of(tx, group.id):
        inner = wire.id_of(parse_document(activity))
        if inner is not None and not twins.pass_on(tx, group.id, inner, site.clock()):
            return False
        came_from = twins.came_from(tx, group.id, inner) if inner is not None else None
    private = not _for_everyone(tx, group, post)
    followers = group.followers or ""
    to = [followers] if private else [sending.PUBLIC]
    cc = [] if private else [followers]
    audience = outbox.Audience(
        followers_of=(group.id,), actors=(also.id,) if also is not None else (), but_not=came_from
    )
    iri = site.iri(f"/activities/{site.new_id()}")
    # So that the server of who wrote it, and members' servers, learn where the whole thread is.
    context = None if post is None or kind == "delete" else group_context(group, post.root_id or post.id)
    body = announce_raw(iri, group.iri, to, cc, activity, site.clock(), context=context)
    # Once deleted, nobody may see the post, and everyone must hear of it.
    about = None if post is None or kind == "delete" else post.id
    sending.append(tx, site, group, "Announce", iri, body, audience, post_id=about, form="forum", fresh=True)
    if post is not None and "microblog" in announce_forms("thread" if kind == "thread" else "other"):
        boost(tx, site, group, post)
        author = actors.by_id(tx, post.author_id) if private else None
        if author is not None:
            notices.thread(tx, site, group, post, author)
    return True


def _may_pass_on(tx: Tx, site: Site, group: Actor, post: Post, activity: bytes) -> bool:
    """Whether the policy lets a group pass on something about a post that was written elsewhere; what it decided is kept."""
    author = actors.by_id(tx, post.author_id)
    facts = Known(tx, site).announced(group, author, post, parse_document(activity))
    judged = policy.judge(tx, site, policy.current(tx, site), facts)
    envelopes.keep_with_others(tx, site, *judged)
    if not policy.refuses(judged.decision):
        return True
    policy.keep_judged(tx, site, judged)
    return False


def _for_everyone(tx: Tx, group: Actor, post: Post | None) -> bool:
    """Whether what is said of `post`, or of the group itself, in this group is for everyone: else Public is named nowhere."""
    return for_everyone(tx, group) and (post is None or post.visibility in ("public", "unlisted"))


def for_everyone(tx: Tx, group: Actor) -> bool:
    """Whether everyone may read a group, so that what happens in it may be addressed to Public."""
    row = groups.by_id(tx, group.id)
    return row is None or row.see == "public"


def addressed(tx: Tx, group: Actor) -> tuple[list[str], list[str]]:
    """(`to`, `cc`) of what is done in a group beside posts: Public only where everyone may read it, as Lemmy has it."""
    if for_everyone(tx, group):
        return [sending.PUBLIC], [group.iri]
    return [group.iri, *([group.followers] if group.followers else [])], []


def boost_iri(group: Actor, number: int) -> str:
    """The IRI of a group's boost: `number` is the post's id, so that `Undo` can name it for all who got it, and once a
    post was taken back and restored a new one, as Mastodon passes by a boost that it knows."""
    return f"{group.iri}/announces/{number}"


def boost(tx: Tx, site: Site, group: Actor, post: Post, *, again: bool = False) -> None:
    """A local group puts a post before its followers: in timelines here, and as a plain boost for microblogs."""
    if post.removed_at is not None:
        return
    boost_id = site.new_id()
    made = Boost(boost_id, group.id, post.id, boost_iri(group, boost_id if again else post.id), site.clock())
    if not reactions.insert_boost(tx, made):
        return
    timelines.insert(tx, Entry(group.id, made.id, post.id, True, post.reply_to_actor_id))
    posts.count(tx, post.id, boosts=1)
    if post.visibility in ("public", "unlisted"):
        actors.count(tx, group.id, posts=1)
        actors.change(tx, group.id, last_post_at=site.clock())
        followers = group.followers or ""
        sending.send(
            tx,
            site,
            group,
            "Announce",
            post.iri,
            to=[sending.PUBLIC],
            cc=[followers],
            audience=outbox.Audience(followers_of=(group.id,)),
            activity_id=made.iri,
            post_id=post.id,
            form="microblog",
            published=sending.timestamp(made.created_at),
        )


def unboost(tx: Tx, site: Site, group: Actor, post: Post) -> None:
    """A local group takes a post back: out of timelines here, `Undo` of the boost for microblogs."""
    known = reactions.find_boost(tx, group.id, post.id)
    if known is None:
        return
    reactions.remove_boost(tx, known.id)
    timelines.remove(tx, group.id, known.id)
    posts.count(tx, post.id, boosts=-1)
    if post.visibility not in ("public", "unlisted"):
        return
    actors.count(tx, group.id, posts=-1)
    document = {"id": known.iri, "type": "Announce", "actor": group.iri, "object": post.iri}
    sending.send(
        tx,
        site,
        group,
        "Undo",
        document,
        to=[sending.PUBLIC],
        cc=[group.followers or ""],
        audience=outbox.Audience(followers_of=(group.id,)),
        form="microblog",
    )


def of_posts(tx: Tx, post: Post) -> Actor | None:
    """The group that a post is in, when it is hosted here."""
    group = actors.by_id(tx, post.group_id) if post.group_id is not None else None
    return group if group is not None and group.local else None
