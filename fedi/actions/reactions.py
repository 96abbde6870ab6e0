"""Likes, boosts and bookmarks, of people here and of peers. In a group that is hosted here, the group passes votes on."""

from fedi.actions import memberships, notifying, passing_on, sending
from fedi.context import Site
from fedi.errors import Invalid
from storage import actors, outbox, posts, reactions, timelines
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post
from storage.reactions import Boost, Like
from storage.timelines import Entry

BOOSTABLE = ("public", "unlisted")


def like(tx: Tx, site: Site, actor: Actor, post: Post) -> None:
    """A local person likes a post that they may see; again is nothing. Raises Forbidden for who is banned from its group."""
    _cast(tx, site, actor, post, "like")


def unlike(tx: Tx, site: Site, actor: Actor, post: Post) -> None:
    """A local person takes a like (or a vote against) back; nothing when there is none."""
    known = reactions.find_like(tx, actor.id, post.id)
    if known is None:
        return
    drop_like(tx, actor, post, known)
    author, group = _concerned(tx, post)
    document = {"id": known.iri, "type": _VOTES[known.kind], "actor": actor.iri, "object": post.iri}
    _, body = sending.send(
        tx,
        site,
        actor,
        "Undo",
        document,
        to=[author.iri] if author else [],
        cc=[],
        audience=_remote(author, group),
        group=group,
        post_id=post.id,
    )
    _pass_on(tx, site, group, post, body)


def vote(tx: Tx, site: Site, actor: Actor, post: Post, wanted: str) -> None:
    """A local person votes a post `up` (a like) or `down`, or takes back what they voted (`none`).

    Raises Forbidden for who is banned from its group, Invalid for a vote against what is in no group: only forums know
    such votes (Lemmy's and PieFed's Dislike).
    """
    if wanted == "down" and post.group_id is None:
        raise Invalid("Only posts in groups can be voted down.", code="no-group")
    kind = {"up": "like", "down": "dislike"}.get(wanted)
    known = reactions.find_like(tx, actor.id, post.id)
    if known is not None and known.kind != kind:
        if kind is not None:
            memberships.may_act(tx, site, actor, post)  # before the old vote goes
        unlike(tx, site, actor, post)
    if kind is not None:
        _cast(tx, site, actor, post, kind)


_VOTES = {"like": "Like", "dislike": "Dislike"}


def _cast(tx: Tx, site: Site, actor: Actor, post: Post, kind: str) -> None:
    memberships.may_act(tx, site, actor, post)
    made = Like(site.new_id(), actor.id, post.id, kind, site.iri(f"/activities/{site.new_id()}"), site.clock())
    if not keep_like(tx, site, actor, post, made):
        return
    author, group = _concerned(tx, post)
    _, body = sending.send(
        tx,
        site,
        actor,
        _VOTES[kind],
        post.iri,
        to=[author.iri] if author else [],
        cc=[],
        activity_id=made.iri,
        fresh=True,
        audience=_remote(author, group),
        group=group,
        post_id=post.id,  # who may see the post may read who voted on it, and a group passes that on
    )
    _pass_on(tx, site, group, post, body)


def keep_like(tx: Tx, site: Site, actor: Actor, post: Post, made: Like) -> bool:
    """Keep a like or dislike of anyone, count it and tell the author; False when there was one already."""
    if not reactions.insert_like(tx, made):
        return False
    if made.kind == "like":
        posts.count(tx, post.id, likes=1)
        author = actors.by_id(tx, post.author_id)
        if author is not None:
            notifying.tell(tx, site, author, "favourite", actor, post.id)
    return True


def drop_like(tx: Tx, actor: Actor, post: Post, known: Like) -> None:
    """Take a like or dislike of anyone away, with its count and its news."""
    reactions.remove_like(tx, known.id)
    if known.kind == "like":
        posts.count(tx, post.id, likes=-1)
        notifying.forget(tx, "favourite", actor, post.id)


def boost(tx: Tx, site: Site, actor: Actor, post: Post, visibility: str = "public") -> Boost:
    """A local person boosts a post; again gives the boost there is. `visibility` is who sees that they did: `public`,
    `unlisted`, or `followers`.

    Raises Invalid for a post that is not for everyone: a boost would show it to others than it was written for.
    """
    if post.visibility not in BOOSTABLE:
        raise Invalid("Validation failed: This post can't be boosted; it is not for everyone", code="not-boostable")
    known = reactions.find_boost(tx, actor.id, post.id)
    if known is not None:
        return known
    made_id = site.new_id()
    made = Boost(made_id, actor.id, post.id, f"{actor.iri}/boosts/{made_id}", site.clock(), visibility)
    keep_boost(tx, site, actor, post, made)
    author = actors.by_id(tx, post.author_id)
    to, cc = _boost_addressed(actor, visibility)
    sending.send(
        tx,
        site,
        actor,
        "Announce",
        post.iri,
        to=to,
        cc=[*cc, *([author.iri] if author else [])],
        activity_id=made.iri,
        fresh=True,
        post_id=post.id,
        audience=outbox.Audience(followers_of=(actor.id,), actors=(author.id,) if author else ()),
        published=sending.timestamp(made.created_at),
    )
    return made


def unboost(tx: Tx, site: Site, actor: Actor, post: Post) -> None:
    """A local person takes a boost back; nothing when there is none."""
    known = reactions.find_boost(tx, actor.id, post.id)
    if known is None:
        return
    drop_boost(tx, actor, post, known)
    author = actors.by_id(tx, post.author_id)
    document = {"id": known.iri, "type": "Announce", "actor": actor.iri, "object": post.iri}
    to, cc = _boost_addressed(actor, known.visibility)
    sending.send(
        tx,
        site,
        actor,
        "Undo",
        document,
        to=to,
        cc=cc,
        audience=outbox.Audience(followers_of=(actor.id,), actors=(author.id,) if author else ()),
    )


def _boost_addressed(actor: Actor, visibility: str) -> tuple[list[str], list[str]]:
    """(to, cc) of a boost, as Mastodon addresses each."""
    followers = [actor.followers or ""]
    if visibility == "public":
        return [sending.PUBLIC], followers
    return followers, [sending.PUBLIC] if visibility == "unlisted" else []


def keep_boost(tx: Tx, site: Site, actor: Actor, post: Post, made: Boost) -> bool:
    """Keep a boost of anyone, put it before the booster's followers and tell the author; False when there was one.

    A group that boosts a post is doing its work, so that is no news to its author.
    """
    if not reactions.insert_boost(tx, made):
        return False
    timelines.insert(tx, Entry(actor.id, made.id, post.id, True, post.reply_to_actor_id))
    posts.count(tx, post.id, boosts=1)
    if post.visibility in BOOSTABLE:
        actors.change(tx, actor.id, last_post_at=made.created_at)
        actors.count(tx, actor.id, posts=1)
    author = actors.by_id(tx, post.author_id)
    if author is not None and not actor.is_group:
        notifying.tell(tx, site, author, "reblog", actor, post.id)
    return True


def drop_boost(tx: Tx, actor: Actor, post: Post, known: Boost) -> None:
    """Take a boost of anyone away."""
    reactions.remove_boost(tx, known.id)
    timelines.remove(tx, actor.id, known.id)
    posts.count(tx, post.id, boosts=-1)
    if post.visibility in BOOSTABLE:
        actors.count(tx, actor.id, posts=-1)
    notifying.forget(tx, "reblog", actor, post.id)


def bookmark(tx: Tx, site: Site, person_id: int, post: Post) -> None:
    """Remember a post, for oneself alone."""
    reactions.set_bookmark(tx, site.new_id(), person_id, post.id)


def unbookmark(tx: Tx, site: Site, person_id: int, post: Post) -> None:
    """Forget a bookmark."""
    reactions.remove_bookmark(tx, person_id, post.id)


def _concerned(tx: Tx, post: Post) -> tuple[Actor | None, Actor | None]:
    """(author, group) of a post."""
    found = actors.by_ids(tx, [post.author_id, *([post.group_id] if post.group_id else [])])
    return found.get(post.author_id), found.get(post.group_id) if post.group_id else None


def _remote(*concerned: Actor | None) -> outbox.Audience:
    return outbox.Audience(actors=tuple(actor.id for actor in concerned if actor is not None and not actor.local))


def _pass_on(tx: Tx, site: Site, group: Actor | None, post: Post, body: bytes) -> None:
    if group is not None and group.local:
        passing_on.announce(tx, site, group, body, post, "other")
