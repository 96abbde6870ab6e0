"""Posts that were rendered before: the parts of their JSON that are the same for every caller.

The same few posts fill every home. A part is good as long as the post's row is the same; account, flags and boosts are
put around it for each answer (`entities.status`).
"""

from dataclasses import dataclass

from fedi.caches import Cache, shared
from storage.posts import Post


@dataclass(frozen=True, slots=True)
class Pieces:
    """A post's JSON without braces: `head` is of the post itself, `tail` also of each boost of it."""

    head: bytes
    tail: bytes


_kept: Cache[tuple[str, int], tuple[Post, Pieces]] = shared("posts", 10_000, 4 << 20)


def plain(post: Post) -> bool:
    """Whether what is rendered of a post is the same for everyone as long as its row is: not with a poll, a quote, or
    several languages."""
    return post.kind != "Question" and post.quote_iri is None and post.content_map is None


def ready(origin: str, post: Post) -> Pieces | None:
    """What was rendered of this post at this instance; None when it was not, or the row changed."""
    known = _kept.get((origin, post.id))
    return known[1] if known is not None and (known[0] is post or known[0] == post) else None


def keep(origin: str, post: Post, pieces: Pieces) -> None:
    """Keep what was rendered, if it is `plain`."""
    if plain(post):
        size = 2 * (len(pieces.head) + len(pieces.tail)) + 1500  # the row has the text once more
        _kept.put((origin, post.id), (post, pieces), size)
