"""Who is told of a post of a person here: Create, Update and Delete, to everyone it concerns and to its group."""

from typing import Any

from fedi.actions import passing_on, sending
from fedi.context import Site
from fedi.rendering import posts as rendering
from fedi.rendering.posts import Around
from storage import outbox
from storage.actors import Actor
from storage.mentions import mentioned_in
from storage.metadata import Tx
from storage.posts import Post


def tell(
    tx: Tx,
    site: Site,
    type: str,
    post: Post,
    by: Actor,
    group: Actor | None,
    *,
    opens: bool = False,
    also: tuple[int, ...] = (),
    updated: int | None = None,
    known: Around | None = None,
) -> None:
    """Send Create, Update or Delete of a post by a local actor to everyone it concerns; its group, if ours, passes it on.

    `opens`: the group puts it before its followers as what opens a thread. `also` are further actors (ids) who get it.
    `updated` (ms) is when something beside its words changed, as the votes of a poll.
    `known` is what is around the post, of one that was just kept; else it is read.
    """
    involved = mentioned_in(tx, [post.id]).get(post.id, []) if known is None else known.mentions
    if group is not None and not group.local:
        involved = [*involved, group.id]
    followers_of = (post.author_id,) if post.visibility in ("public", "unlisted", "followers") else ()
    told = tuple(dict.fromkeys((*involved, *also)))
    audience = outbox.Audience(followers_of=followers_of if by.id == post.author_id else (), actors=told)
    if type == "Delete":
        to, cc = rendering.addressed(tx, site, post, group)
        document: Any = {"id": post.iri, "type": "Tombstone"}
        activity_id = None
    else:
        document = rendering.document(tx, site, post, known)
        if updated is not None:
            document["updated"] = sending.timestamp(updated)
        to, cc = document["to"], document["cc"]
        activity_id = f"{post.iri}/activity" if type == "Create" else None
    _, body = sending.send(
        tx,
        site,
        by,
        type,
        document,
        to=to,
        cc=cc,
        audience=audience,
        activity_id=activity_id,
        fresh=known is not None,
        # Once deleted, nobody may see the post, and everyone must hear of it.
        post_id=None if type == "Delete" else post.id,
        published=sending.timestamp(site.clock()),
        group=group,
    )
    if group is not None and group.local:
        kind = "thread" if opens else ("delete" if type == "Delete" else "other")
        passing_on.announce(tx, site, group, body, post, kind)
        if type != "Create" and post.visibility in ("public", "unlisted"):
            # Microblogs, which fetched it for the group's boost, take edits and deletions of its author alone (Mastodon).
            sending.send(
                tx,
                site,
                by,
                type,
                document,
                to=to,
                cc=cc,
                audience=outbox.Audience(followers_of=(group.id,)),
                form="microblog",
                post_id=None if type == "Delete" else post.id,
                published=sending.timestamp(site.clock()),
            )
        if type == "Delete":
            passing_on.unboost(tx, site, group, post)
