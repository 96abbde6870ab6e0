"""What follows from a post, whoever wrote it and wherever: thread, counts, timelines, notifications."""

from fedi.actions import answering, cards, direct_messages, memberships, notifying, shelving
from fedi.context import Site
from fedi.errors import Forbidden
from storage import (
    actors,
    conversations,
    follows,
    moderations,
    mutes,
    notifications,
    polls,
    posts,
    quotes,
    reactions,
    replies,
    thread_reads,
    timelines,
)
from storage.actors import Actor
from storage.events import note
from storage.mentions import mentioned_in
from storage.metadata import Tx
from storage.posts import Post
from storage.timelines import Entry

COUNTED = ("public", "unlisted")
"""Posts that an actor's count of posts is made of: a count that others would tell outsiders that they exist."""
_NAMED = 100
_NEWS = 24 * 3600 * 1000


def published(tx: Tx, site: Site, post: Post, author: Actor, told: list[Actor]) -> Post:
    """A post was kept: count it, put it before the author's followers, notify `told` (local actors it mentions). The post
    comes back, with the card that it has at once."""
    if post.visibility in COUNTED:
        actors.posted(tx, author.id, post.published_at)
    if post.reply_to_id is not None:
        posts.count(tx, post.reply_to_id, replies=1)
    if post.visibility != "direct":
        timelines.insert(tx, Entry(author.id, post.id, post.id, False, post.reply_to_actor_id), new=True)
    else:
        direct_messages.published(tx, site, post, author)
    for actor in told:
        notifying.tell(tx, site, actor, "mention", author, post.id)
    if post.reply_to_iri is None and post.visibility != "direct":
        ring(tx, site, post, author, [author.id, *([post.group_id] if post.group_id is not None else [])])
    answering.noticed(tx, site, post, author)
    return cards.ask(tx, site, post)


def adopt(tx: Tx, site: Site, post: Post) -> Post:
    """Hang replies that came before `post` below it, and `post` below its own parent if that is known by now."""
    if post.reply_to_iri is not None and post.reply_to_id is None:
        parent = posts.by_iri(tx, post.reply_to_iri)
        if parent is not None:
            root = parent.root_id or parent.id
            posts.change(tx, post.id, reply_to_id=parent.id, reply_to_actor_id=parent.author_id)
            _move(tx, site, post, root, parent.group_id)
            posts.count(tx, parent.id, replies=1)
            post = posts.by_id(tx, post.id) or post
    # What begins the very thread that `post` is in can't hang below it: two posts may claim to answer each other.
    orphans = [one for one in posts.orphans(tx, post.iri) if one.id not in (post.id, post.root_id)]
    for orphan in orphans:
        posts.change(tx, orphan.id, reply_to_id=post.id, reply_to_actor_id=post.author_id)
        _move(tx, site, orphan, post.root_id or post.id, post.group_id)
    there = [one for one in orphans if one.deleted_at is None and one.removed_at is None]
    if there:
        posts.count(tx, post.id, replies=len(there))
    return post


def _move(tx: Tx, site: Site, post: Post, root_id: int, group_id: int | None) -> None:
    """Hang what `post` begins below another thread. Into a group hosted here come only those who may post there: who came
    before the thread was known passed no such test."""
    group = actors.by_id(tx, group_id) if group_id is not None else None
    old = post.root_id or post.id
    if old != root_id:
        mutes.move_thread(tx, old, root_id)
        thread_reads.move_thread(tx, old, root_id)
        if post.visibility == "direct":
            conversations.move_thread(tx, old, root_id)
    if group is None or not group.local:
        replies.move_thread(tx, old, root_id, group_id)
        return
    authors = actors.by_ids(tx, replies.authors_in(tx, old))
    replies.move_thread(
        tx, old, root_id, group_id, authors=[n for n, one in authors.items() if _takes(tx, site, one, group)]
    )


def _takes(tx: Tx, site: Site, author: Actor, group: Actor) -> bool:
    try:
        memberships.may_post(tx, site, author, group)
    except Forbidden:
        return False
    return True


def edited(tx: Tx, site: Site, post: Post, author: Actor) -> None:
    """A post says something else: who boosted it here is told, and who quoted it, by their own quote (Mastodon)."""
    note(tx, "stream", f"edited {post.id}")
    cards.ask(tx, site, post)
    for booster in actors.by_ids(tx, [boost.actor_id for boost in reactions.boosts_of(tx, post.id, 100)]).values():
        notifying.tell(tx, site, booster, "update", author, post.id)
    quoting = quotes.quoting_here(tx, post.id)
    quoters = actors.by_ids(tx, [author_id for _, author_id in quoting])
    for quote_id, author_id in quoting:
        if author_id in quoters:
            notifying.tell(tx, site, quoters[author_id], "quoted_update", author, quote_id)


def deleted(tx: Tx, site: Site, post: Post, author: Actor) -> None:
    """A post is gone: text, counts, timelines and notifications; a tombstone stays, so that it is not fetched again."""
    if post.deleted_at is not None:
        return
    gone(tx, post)
    if post.visibility == "direct":
        direct_messages.gone(tx, post)
    if post.quote_id is not None and post.quote_state == "accepted":
        posts.count(tx, post.quote_id, quotes=-1)
    posts.rewrite(
        tx,
        post,
        [],
        [],
        deleted_at=site.clock(),
        title=None,
        content="",
        source=None,
        summary=None,
        attachments=[],
        link=None,
        emoji=[],
        content_map=None,
        event=None,
        quote_iri=None,
        quote_id=None,
        quote_state=None,
        quote_authorization=None,
        asks=None,
    )
    if post.kind == "Question":
        polls.remove(tx, post.id)
    if post.kind == "Page":
        shelving.gone(tx, site, post.id)
    timelines.remove_post(tx, post.id)
    notifications.forget(tx, post_id=post.id)
    if post.removed_at is not None:
        return  # a moderator took it out before, and the counts with it
    if post.visibility in COUNTED:
        actors.count(tx, author.id, posts=-1)
    if post.reply_to_id is not None:
        posts.count(tx, post.reply_to_id, replies=-1)


def gone(tx: Tx, post: Post) -> None:
    """Say to whoever streams that a post is shown no more; call it as long as it is known whom the post mentions."""
    named = mentioned_in(tx, [post.id]).get(post.id, [])
    note(tx, "stream", " ".join(map(str, ("deleted", post.id, *named[:_NAMED]))))


def undeleted(tx: Tx, post: Post) -> None:
    """A deleted post is there again, without its words, which its origin has: counts and its author's timeline.

    What a moderator had removed stays removed, and its counts come with what restores it: or who wrote it would get round
    that by deleting it and thinking better of it.
    """
    removed = moderations.standing(tx, "remove", post_id=post.id) is not None
    posts.change(tx, post.id, deleted_at=None, **({} if removed else {"removed_at": None}))
    if post.visibility != "direct":
        timelines.insert(tx, Entry(post.author_id, post.id, post.id, False, post.reply_to_actor_id))
    if removed:
        return
    if post.visibility in COUNTED:
        actors.count(tx, post.author_id, posts=1)
    if post.reply_to_id is not None:
        posts.count(tx, post.reply_to_id, replies=1)


def is_news(site: Site, post: Post) -> bool:
    """Whether a thread that comes by a group elsewhere rings the bell: not what comes as the group is read up, days later."""
    return post.visibility != "direct" and site.clock() - post.published_at < _NEWS


def ring(tx: Tx, site: Site, post: Post, author: Actor, of: list[int]) -> None:
    """Who asked to be told of each post of one of these authors (the bell), or of each thread of a group, is told: once."""
    people = follows.to_be_told(tx, of)
    for person in actors.by_ids(tx, people).values():
        notifying.tell(tx, site, person, "status", author, post.id)
