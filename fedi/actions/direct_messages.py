"""Direct messages as conversations: each local person in one has a row, which says what was written last and is unread.

As in Mastodon a conversation is a thread together with who is in it: who is named later begins another one.
"""

from fedi.context import Site
from storage import actors, conversations, posts
from storage.actors import Actor
from storage.conversations import Conversation
from storage.events import note
from storage.mentions import mentioned_in
from storage.metadata import Tx
from storage.posts import Post


def published(tx: Tx, site: Site, post: Post, author: Actor) -> None:
    """A direct post was kept, with its mentions: it is the newest of the conversation of everyone here who is in it."""
    everyone = _everyone(tx, [post.id], {post.id: author.id})[post.id]
    for person in actors.by_ids(tx, sorted(everyone)).values():
        if not person.local or person.is_group or person.kind == "Application" or person.state != "active":
            continue
        root, circle = post.root_id or post.id, _circle(everyone, person.id)
        known = conversations.find(tx, person.id, root, circle)
        if known is None:
            known = Conversation(site.new_id(), person.id, root, circle, post.id, person.id != author.id)
            conversations.insert_conversation(tx, known)
        elif post.id > known.last_post_id:
            conversations.change(tx, known.id, last_post_id=post.id, unread=person.id != author.id)
        _told(tx, known)


def gone(tx: Tx, post: Post) -> None:
    """A post is no direct message any more (deleted, taken out, or shown to others): the one before is the last one, and
    a conversation without posts goes."""
    for known in conversations.with_last(tx, post.id):
        before = conversations.direct_posts(tx, known.root_id, post.id)
        authors = {one.id: one.author_id for one in posts.by_ids(tx, before).values()}
        people = _everyone(tx, before, authors)
        last = next((one for one in before if _is_of(known, people.get(one, set()))), None)
        if last is None:
            conversations.remove(tx, known.id)
        else:
            conversations.change(tx, known.id, last_post_id=last)
        _told(tx, known)


def read(tx: Tx, known: Conversation, *, unread: bool = False) -> Conversation:
    """Its person read a conversation, or wants it to count as not read; it comes back as it is then."""
    conversations.change(tx, known.id, unread=unread)
    _told(tx, known)
    return Conversation(known.id, known.person_id, known.root_id, known.circle, known.last_post_id, unread)


def _told(tx: Tx, known: Conversation) -> None:
    note(tx, "stream", f"conversation {known.person_id} {known.id}")


def _everyone(tx: Tx, post_ids: list[int], authors: dict[int, int]) -> dict[int, set[int]]:
    named = mentioned_in(tx, post_ids)
    return {one: {*named.get(one, []), authors[one]} for one in post_ids if one in authors}


def _circle(everyone: set[int], person_id: int) -> str:
    return ",".join(str(one) for one in sorted(everyone - {person_id}))


def _is_of(known: Conversation, everyone: set[int]) -> bool:
    return known.person_id in everyone and _circle(everyone, known.person_id) == known.circle
