"""Groups hosted here: create one, and announce to its followers what members do in it (FEP-1b12)."""

from dataclasses import replace

from federation import fields as wire
from federation.groups import announce_forms
from federation.parse import parse_document
from federation.vocabulary.activities import announce_raw
from fedi.actions import notices, sending
from fedi.actions.people import add_actor, check_name
from fedi.context import Site
from fedi.errors import Invalid
from fedi.rendering.threads import group_context
from fedi.text.plain import to_html
from storage import actors, follows, groups, memberships, outbox, posts, reactions, timelines, twins
from storage.actors import Actor
from storage.follows import Follow
from storage.groups import JOIN_MODES, SEE, Group
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
) -> Actor:
    """Found a group; `owner`, a local person, is its first member and moderator.

    `see` says who may read it: `public` (all), `peers` (agreed institutions), `members`. Raises Taken for a name in use
    by a person or group, Invalid for what can't be taken.
    """
    name = check_name(tx, site, name)
    if not title.strip() or len(title) > 100:
        raise Invalid("A group needs a title of 1 to 100 characters.", code="title")
    if join_mode not in JOIN_MODES:
        raise Invalid(f"join is one of {', '.join(JOIN_MODES)}, not {join_mode!r}.", code="join")
    if see not in SEE:
        raise Invalid(f"see is one of {', '.join(SEE)}, not {see!r}.", code="see")
    group = add_actor(
        tx,
        site,
        "Group",
        f"/groups/{name}",
        name,
        name=title.strip(),
        source=description,
        summary=to_html(description, {}, lambda tag: site.iri(f"/tags/{tag}")) if description.strip() else "",
        # Lemmy reads this as «a private community»; a plain client shows a lock and a request.
        approves_followers=join_mode != "open" or see == "members",
        moderators=site.iri(f"/groups/{name}/moderators"),
        indexable=see == "public",
        discoverable=see != "members",
    )
    now = site.clock()
    groups.save(tx, Group(group.id, join_mode, see, "members", rules or [], owner.id, now))
    memberships.save(tx, Membership(group.id, owner.id, "owner", "accepted", now))
    follow = Follow(
        site.new_id(), owner.id, group.id, "accepted", site.iri(f"/activities/{site.new_id()}"), True, False, now
    )
    follows.insert(tx, follow)
    actors.count(tx, group.id, followers=1)
    actors.count(tx, owner.id, following=1)
    return replace(group, followers_count=1)


def announce(tx: Tx, site: Site, group: Actor, activity: bytes, post: Post | None, kind: str) -> bool:
    """The group passes an activity on to its followers.

    Forums (and whoever we know nothing of) get the activity wrapped, byte for byte as it came (FEP-1b12: it "MUST be
    preserved exactly"). Microblogs get one boost for each new thread and nothing else, since Mastodon would show every
    announced comment as a boost. `kind` is `thread` for a post that opens one, `delete`, else `other`.

    A group with twins passes each activity on once, and not to the twin that it came from; False when it did before.
    """
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
    audience = outbox.Audience(followers_of=(group.id,), but_not=came_from)
    iri = site.iri(f"/activities/{site.new_id()}")
    # So that the server of who wrote it, and members' servers, learn where the whole thread is.
    context = None if post is None or kind == "delete" else group_context(group, post.root_id or post.id)
    body = announce_raw(iri, group.iri, to, cc, activity, site.clock(), context=context)
    # Once deleted, nobody may see the post, and everyone must hear of it.
    about = None if post is None or kind == "delete" else post.id
    sending.append(tx, site, group, "Announce", iri, body, audience, post_id=about, form="forum")
    if post is not None and "microblog" in announce_forms("thread" if kind == "thread" else "other"):
        boost(tx, site, group, post)
        author = actors.by_id(tx, post.author_id) if private else None
        if author is not None:
            notices.thread(tx, site, group, post, author)
    return True


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
