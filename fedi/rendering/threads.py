"""The addresses of a thread's collections: its `context` (FEP-7888, FEP-f228), its history, and what hangs on a post."""

from fedi.context import Site
from storage import actors, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post


def context_of(tx: Tx, site: Site, post: Post, group: Actor | None = None) -> str | None:
    """The IRI of the collection of a post's thread: its group's where it is in one, else its first post's author's.

    Of threads elsewhere it is what their group or author called it, None where they named none, and for what is said
    between a few, which is nobody's thread. `group` spares looking the post's group up.
    """
    if post.visibility == "direct":
        return None
    root_id = post.root_id or post.id
    if post.group_id is not None:
        found = group if group is not None and group.id == post.group_id else actors.by_id(tx, post.group_id)
        if found is not None and found.local:
            return group_context(found, root_id)
    if post.context is not None:
        return post.context
    root = post if root_id == post.id else posts.by_id(tx, root_id)
    if root is None:
        return None
    return post_context(root) if root.local and post.group_id is None else root.context


def group_context(group: Actor, root_id: int) -> str:
    """The context of a thread in a group hosted here, by the id of its first post."""
    return f"{group.iri}/threads/{root_id}"


def post_context(root: Post) -> str:
    """The context of a thread outside of groups whose first post was written here."""
    return f"{root.iri}/context"


def history_of(context: str) -> str:
    """Where the activities of a thread in a group hosted here are, by its context (FEP-171b, FEP-f228)."""
    return f"{context}/history"
