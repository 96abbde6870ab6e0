"""Answers in threads that people here are in: who wrote in a thread of a group hears of what is answered there, together.

A mention is told at once (`fedi.actions.threads`); this is for everything else, by a job for each thread that waits a moment,
so that ten answers in a minute ring once. Who wants to hear little of the group (`fedi.actions.volumes`) is left out.
"""

from sqlalchemy import select

from fedi import visibility
from fedi.actions import notifying
from fedi.context import Site
from storage import actors, follows, jobs, posts, thread_reads, volumes
from storage.actors import Actor
from storage.mentions import mentioned_in
from storage.metadata import Tx
from storage.posts import Post

JOB = "answers"
"""The kind of job."""
WAIT = 60_000
"""Milliseconds from an answer until people are told, for others to come with it."""
_NEWS = 24 * 3600 * 1000
_POSTS = 100
_PEOPLE = 500


def noticed(tx: Tx, site: Site, post: Post, author: Actor) -> None:
    """A post was kept: who wrote it here is in its thread from now on, and who is in it is told in a moment."""
    if post.group_id is None or post.root_id is None or post.visibility == "direct":
        return
    if author.local and author.kind == "Person":
        thread_reads.follow(tx, author.id, post.root_id, site.clock())
    now = site.clock()
    if post.reply_to_iri is None or now - post.published_at > _NEWS:  # old ones come as a thread is read up
        return
    if thread_reads.has_followers(tx, post.root_id, author.id):
        payload = {"root": post.root_id, "after": post.id}
        jobs.add(tx, site.new_id(), JOB, str(post.root_id), payload, now, now + WAIT)


def tell(tx: Tx, site: Site, root_id: int, after: int) -> None:
    """Tell who is in a thread of the newest post since `after` (that one included) which others wrote, and which names them
    not: of those they know."""
    query = select(posts.posts.c.id).where(
        posts.posts.c.root_id == root_id, posts.posts.c.id >= after, posts.posts.c.deleted_at.is_(None)
    )
    ids = list(tx.scalars(query.order_by(posts.posts.c.id.desc()).limit(_POSTS)))
    new = posts.by_ids(tx, ids)
    if not new:
        return
    people = thread_reads.followers(tx, root_id, _PEOPLE)
    group_id = next((one.group_id for one in new.values() if one.group_id is not None), None)
    quiet = volumes.among(tx, group_id, people, "weekly") if group_id is not None else frozenset()
    if quiet and group_id is not None:
        rung = set(follows.to_be_told(tx, [group_id]))  # who chose to hear of everything, in whatever app, hears
        quiet = frozenset(one for one in quiet if one not in rung)
    waiting = {one for one in people if one not in quiet}
    authors = actors.by_ids(tx, list({one.author_id for one in new.values()}))
    named = mentioned_in(tx, ids)
    known = actors.by_ids(tx, sorted(waiting))
    for post_id in ids:  # newest first: one notification for each person
        post = new.get(post_id)
        if post is None or not waiting or post.author_id not in authors:
            continue
        waiting.discard(post.author_id)  # who wrote last has seen what was there
        for person_id in sorted(visibility.seers(tx, post_id, waiting)):
            waiting.discard(person_id)
            meant = person_id == post.reply_to_actor_id or person_id in named.get(post_id, [])
            if person_id in known and not meant:
                notifying.tell(tx, site, known[person_id], "status", authors[post.author_id], post_id)
