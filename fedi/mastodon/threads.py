"""A thread as clients show it: what stands above a post, and below it in tree order, whichever server wrote it."""

from collections import defaultdict

from fedi import hiding, visibility
from fedi.visibility import Viewer
from storage import actors, replies
from storage.metadata import Tx
from storage.posts import Post

# Mastodon's limits (Api::V1::StatusesController): for who is logged in, and for everyone else.
MOST = 4096
ANONYMOUS_ABOVE, ANONYMOUS_BELOW, ANONYMOUS_DEPTH = 40, 60, 20


def around(tx: Tx, looks: Viewer, post: Post, now: int) -> tuple[list[Post], list[Post]]:
    """(posts above `post`, from the first of the thread down; posts below it, each before its own replies).

    Only what `looks` may see, and of whom they want to meet at `now` ms. Below a post that is not shown its replies are, at its place, as Mastodon does.
    """
    everything = {one.id: one for one in replies.thread(tx, post.root_id or post.id, MOST)}
    everything.setdefault(post.id, post)
    seen = visibility.seen(tx, looks, list(everything))
    hidden = hiding.hidden(tx, looks.person_id, now)
    if hidden:
        authors = actors.by_ids(tx, list({one.author_id for one in seen.values()}))
        seen = {
            number: one
            for number, one in seen.items()
            if (author := authors.get(one.author_id)) is not None and hidden.reads(author)
        }
    known = looks.person_id is not None
    above = [seen[one] for one in _above(everything, post) if one in seen]
    below = [seen[one] for one in _below(everything, post, MOST if known else ANONYMOUS_DEPTH) if one in seen]
    if known:
        return above, below
    return above[-ANONYMOUS_ABOVE:], below[:ANONYMOUS_BELOW]


def _above(everything: dict[int, Post], post: Post) -> list[int]:
    found: list[int] = []
    parent = post.reply_to_id
    # A thread is a tree in the database too; `found` guards against one that a bug made a circle.
    while parent is not None and parent in everything and parent not in found and parent != post.id:
        found.append(parent)
        parent = everything[parent].reply_to_id
    return found[::-1]


def _below(everything: dict[int, Post], post: Post, depth: int) -> list[int]:
    children: dict[int, list[int]] = defaultdict(list)
    for one in everything.values():
        if one.id == post.id:
            continue
        parent = one.reply_to_id
        if parent is None or parent not in everything:
            # What it answers was deleted or never came: it hangs below the thread's first post.
            parent = post.root_id or post.id
        if parent != one.id:
            children[parent].append(one.id)
    found: list[int] = []
    reached = {post.id}

    def eldest_last(numbers: list[int]) -> list[int]:
        # By the time that their authors say, not by when they came here: so every server has the same order.
        return sorted(numbers, key=lambda one: (everything[one].published_at, one), reverse=True)

    todo = [(child, 1) for child in eldest_last(children[post.id])]
    while todo:
        at, level = todo.pop()
        if at in reached or level > depth:
            continue
        reached.add(at)
        found.append(at)
        todo.extend((child, level + 1) for child in eldest_last(children[at]))
    return found
