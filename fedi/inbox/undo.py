"""Undo: a peer takes back a Follow, a Like, an Announce, a Flag, a Block, a ChooseAnswer; a moderator a removal, a lock, a ban,
and what others chose as the answer to a question.

Only what the same actor did, by an id that is known here; but any moderator of a group may take back what another did.
"""

from typing import Any

from federation import fields as wire
from federation.activity import Authentic
from federation.errors import Malformed, WrongOrigin
from fedi.actions import blocks as block_actions
from fedi.actions import cases, moderated, passing_on
from fedi.actions import follows as follow_actions
from fedi.actions import questions as question_actions
from fedi.actions import reactions as reaction_actions
from fedi.context import Site
from fedi.inbox import choose_answer, moderators
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import embedded, not_banned, signer
from storage import actors, blocks, follows, moderations, posts, questions, reactions, reports
from storage.actors import Actor
from storage.metadata import Tx
from storage.moderations import Moderation
from storage.posts import Post
from storage.questions import Choice


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """A post that its own author deleted and wants back (Lemmy), and one that its origin took out, as its origin has it; of
    all else what is undone is known, or there is nothing to undo."""
    inner = embedded(received.activity)
    named = wire.first_id(inner.get("object")) if inner is not None and "Delete" in wire.types(inner) else None
    post = posts.by_iri(tx, named) if named is not None else None
    if post is None or post.local:
        return NOTHING
    if post.deleted_at is None:
        return Needs(fresh=(post.iri,)) if moderated.is_hidden(tx, post) else NOTHING
    author = actors.by_id(tx, post.author_id)
    by = actors.by_iri(tx, received.signer)
    if author is None or by is None or author.id != by.id:
        return NOTHING
    not_banned(tx, site, post, by)
    return Needs(again=(post.iri,))


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Find what is undone by its id, or else (Lemmy makes a new id for the inner activity) by actor and object."""
    keep(tx, site, received)


def keep(tx: Tx, site: Site, received: Authentic, *, vouched_by: Actor | None = None) -> None:
    """The same of what a group passed on (`vouched_by`)."""
    actor = signer(tx, received)
    inner = embedded(received.activity)
    named = wire.first_id(received.activity.object)
    if named is None and inner is None:
        raise Malformed("an Undo needs an object")
    kinds = set(wire.types(inner)) if inner is not None else set()
    if _undo_block(tx, actor, named, inner):
        return
    known = moderations.by_iri(tx, named) if named is not None else None
    if kinds & moderators.UNDONE or known is not None:
        _undo_moderation(tx, site, received, actor, inner, known, vouched_by)
        return
    chosen = questions.choice_by_iri(tx, named) if named is not None else None
    if "ChooseAnswer" in kinds or chosen is not None:
        _undo_choice(tx, site, received, actor, inner, chosen, vouched_by)
        return
    if inner is not None and (claimed := wire.first_id(inner.get("actor"))) not in (None, actor.iri):
        raise WrongOrigin(f"{actor.iri} can't undo what {claimed} did")
    target = wire.first_id(inner.get("object")) if inner is not None else None
    if _undo_follow(tx, site, actor, named, target, kinds) or _undo_report(tx, site, actor, named):
        return
    emoji = wire.string(inner.get("content")) if inner is not None else None
    unvoted = _undo_like(tx, actor, named, target, kinds, emoji)
    if unvoted is None:
        # A boost is its booster's own affair: no group passes it on, nor its undoing.
        if _undo_boost(tx, actor, named, target, kinds) is None:
            raise Ignored("unknown-object", "there is nothing known here to undo")
        return
    group = passing_on.of_posts(tx, unvoted)
    if group is not None:
        passing_on.announce(tx, site, group, received.activity.raw, unvoted, "other")


def _undo_moderation(
    tx: Tx,
    site: Site,
    received: Authentic,
    by: Actor,
    inner: dict[str, Any] | None,
    known: Moderation | None,
    vouched_by: Actor | None,
) -> None:
    """A moderator takes back what they, or another moderator, did: by what it is about, as the inner id may be new."""
    action = _ACTIONS.get(next(iter(wire.types(inner)), "")) if inner is not None else None
    action = action or (known.action if known is not None else "")
    about: Post | None = None
    person: Actor | None = None
    if action == "ban":
        group, person = _ban_of(tx, inner, known)
        moderators.check(tx, by, group, vouched_by)
        done = moderated.unbanned(tx, site, group, person)
    else:
        about = _post_of(tx, inner, known)
        group = moderators.group_of(tx, about)
        back = action == "remove" and about.removed_at is None and about.author_id == by.id
        own = vouched_by is not None and vouched_by.id == group.id and about.author_id == by.id  # Mbin: authors unlock
        if not back and (action != "lock" or not own):
            moderators.check(tx, by, group, vouched_by)
        if back:
            not_banned(tx, site, about, by)
            _back(tx, site, received, about)
            return
        if action == "remove":
            done = moderated.restored(tx, site, group, about)
        elif action == "lock":
            done = moderated.unlocked(tx, site, group, about)
        else:
            raise Ignored("not-undone", f"a moderator's {action or 'act'} is not taken back by an Undo")
    if not done:
        raise Ignored("known", "this was taken back already, or never done")
    if group.local:
        passing_on.announce(tx, site, group, received.activity.raw, about, "other", also=person)


def _back(tx: Tx, site: Site, received: Authentic, post: Post) -> None:
    """What its author had deleted is here again, as its origin has it: a group hosted here shows it and says so."""
    group = passing_on.of_posts(tx, post)
    if group is not None:
        if post.reply_to_iri is None:
            passing_on.boost(tx, site, group, post, again=True)
        passing_on.announce(tx, site, group, received.activity.raw, post, "other")


def _undo_choice(
    tx: Tx,
    site: Site,
    received: Authentic,
    by: Actor,
    inner: dict[str, Any] | None,
    known: Choice | None,
    vouched_by: Actor | None,
) -> None:
    """Who chose an answer chooses none any more; who undoes another's choice is a moderator, who opens the question again."""
    answer = _post_of(tx, inner, None) if known is None else posts.by_id(tx, known.answer_id)
    if answer is None:
        raise Ignored("unknown-object", "there is nothing known here to undo")
    root, group = choose_answer.thread_of(tx, answer)
    claimed = wire.first_id(inner.get("actor")) if inner is not None else None
    own = questions.choice_of(tx, root.id, by.id)
    if own is not None and claimed in (None, by.iri):
        if group is not None and not group.local and vouched_by is None and by.id != root.author_id:
            raise Ignored(
                "not-announced", f"what members of {group.iri} choose is believed when that group announces it"
            )
        question_actions.dropped(tx, site, root, by)
    elif group is None:
        raise Ignored("unknown-object", "there is nothing known here to undo")
    else:
        moderators.check(tx, by, group, vouched_by)
        if not questions.chosen(tx, root.id) and root.asks != questions.SOLVED:
            raise Ignored("known", "nobody's choice is known here, or it was taken back already")
        question_actions.opened(tx, site, root)
    if group is not None and group.local:
        passing_on.announce(tx, site, group, received.activity.raw, root, "other")


_ACTIONS = {"Delete": "remove", "Lock": "lock", "Block": "ban"}


def _ban_of(tx: Tx, inner: dict[str, Any] | None, known: Moderation | None) -> tuple[Actor, Actor]:
    """(group, person) of a ban: named in it, or known by its id."""
    target = wire.first_id(inner.get("target")) if inner is not None else None
    person = wire.first_id(inner.get("object")) if inner is not None else None
    if target is not None and person is not None:
        group = actors.by_iri(tx, target)
        if group is None or not group.is_group:
            raise Ignored("not-of-a-group", "who is blocked by a person, or by an instance, is no matter of this one")
        return group, moderators.known_person(tx, person)
    found = actors.by_ids(tx, [known.group_id or 0, known.actor_id or 0]) if known is not None else {}
    if known is None or len(found) != 2:
        raise Ignored("unknown-object", "there is nothing known here to undo")
    return found[known.group_id or 0], found[known.actor_id or 0]


def _post_of(tx: Tx, inner: dict[str, Any] | None, known: Moderation | None) -> Post:
    named = wire.first_id(inner.get("object")) if inner is not None else None
    post = posts.by_iri(tx, named) if named is not None else None
    if post is None and known is not None and known.post_id is not None:
        post = posts.by_id(tx, known.post_id)
    if post is None or post.deleted_at is not None:
        raise Ignored("unknown-object", "what it is about is not known here, or was deleted by who wrote it")
    return post


def _undo_report(tx: Tx, site: Site, actor: Actor, named: str | None) -> bool:
    """Who reported something thinks better of it."""
    report = reports.by_iri(tx, named) if named is not None else None
    if report is None:
        return False
    if report.reporter_id != actor.id:
        raise WrongOrigin(f"{actor.iri} can't undo what another did")
    if report.state == "open":
        reports.resolve(tx, report.id, actor.id, site.clock())
        cases.report_settled(tx, site, report, actor)
    return True


def _undo_block(tx: Tx, actor: Actor, named: str | None, inner: dict[str, Any] | None) -> bool:
    """A person blocks somebody here no longer; False for what is no such block."""
    known = blocks.by_iri(tx, named) if named is not None else None
    if known is None and inner is not None and "Block" in wire.types(inner) and inner.get("target") is None:
        other = wire.first_id(inner.get("object"))
        blocked = actors.by_iri(tx, other) if other is not None else None
        known = blocks.find(tx, actor.id, blocked.id) if blocked is not None else None
    if known is None:
        return False
    if known.owner_id != actor.id:
        raise WrongOrigin(f"{actor.iri} can't undo what another did")
    block_actions.unblocked(tx, known)
    return True


def _undo_follow(tx: Tx, site: Site, actor: Actor, named: str | None, target: str | None, kinds: set[str]) -> bool:
    follow = follows.by_iri(tx, named) if named is not None else None
    if follow is None and kinds & {"Follow"}:
        followed = actors.by_iri(tx, target) if target is not None else None
        follow = follows.find(tx, actor.id, followed.id) if followed is not None else None
    if follow is None:
        return False
    if follow.follower_id != actor.id:
        raise WrongOrigin(f"{actor.iri} can't undo what another did")
    followed = actors.by_id(tx, follow.target_id)
    if followed is not None:
        follow_actions.undone(tx, site, actor, followed)
    return True


def _undo_like(
    tx: Tx, actor: Actor, named: str | None, target: str | None, kinds: set[str], emoji: str | None
) -> Post | None:
    like = reactions.like_by_iri(tx, named) if named is not None else None
    if like is None and kinds & {"Like", "Dislike", "EmojiReact"} and target is not None:
        liked = posts.by_iri(tx, target)
        like = reactions.find_like(tx, actor.id, liked.id) if liked is not None else None
        if like is not None and emoji is not None and like.emoji not in (None, emoji):
            like = None  # of several reactions of one actor the last is kept; an earlier one is undone
    if like is None:
        return None
    if like.actor_id != actor.id:
        raise WrongOrigin(f"{actor.iri} can't undo what another did")
    post = posts.by_id(tx, like.post_id)
    if post is not None:
        reaction_actions.drop_like(tx, actor, post, like)
    return post


def _undo_boost(tx: Tx, actor: Actor, named: str | None, target: str | None, kinds: set[str]) -> Post | None:
    boost = reactions.boost_by_iri(tx, named) if named is not None else None
    if boost is None and kinds & {"Announce"} and target is not None:
        boosted = posts.by_iri(tx, target)
        boost = reactions.find_boost(tx, actor.id, boosted.id) if boosted is not None else None
    if boost is None:
        return None
    if boost.actor_id != actor.id:
        raise WrongOrigin(f"{actor.iri} can't undo what another did")
    post = posts.by_id(tx, boost.post_id)
    if post is not None:
        reaction_actions.drop_boost(tx, actor, post, boost)
    return post
