"""A post as an ActivityStreams object, and whom it is addressed to."""

from typing import Any
from urllib.parse import quote

from federation.audience import PUBLIC
from federation.vocabulary.writing import build_post
from federation.vocabulary.tombstone import build_tombstone
from fedi.context import Site
from fedi.rendering import threads
from storage import actors, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post


def addressed(tx: Tx, site: Site, post: Post, group: Actor | None) -> tuple[list[str], list[str]]:
    """(`to`, `cc`) of a post, without repeats: who it is for by its visibility, its group, its author and its mentions.

    Public only where everyone may read it; a group's members through the group's followers collection (PROTOCOL: Lemmy
    wants the group in `to`, and Public in `to` where it must be public).
    """
    involved = [one for one in posts.mentioned_in(tx, [post.id]).get(post.id, []) if one != post.group_id]
    found = actors.by_ids(tx, [post.author_id, *involved])
    author = found.get(post.author_id)
    followers = [author.followers] if author is not None and author.followers else []
    mentioned = [found[one].iri for one in involved if one in found and one != post.author_id]
    in_group = [group.iri] if group is not None else []
    group_followers = [group.followers] if group is not None and group.followers else []
    if post.visibility == "public":
        to, cc = [PUBLIC, *in_group], [*followers, *group_followers, *mentioned]
    elif post.visibility == "unlisted":
        to, cc = [*followers, *in_group], [PUBLIC, *group_followers, *mentioned]
    elif post.visibility == "followers":
        to, cc = [*followers], mentioned
    elif post.visibility in ("peers", "members"):
        to, cc = [*in_group, *group_followers], mentioned
    else:
        to, cc = mentioned, []
    return list(dict.fromkeys(to)), [one for one in dict.fromkeys(cc) if one not in to]


def document(tx: Tx, site: Site, post: Post) -> dict[str, Any]:
    """A local post as a Note (with a `name` where it opens a thread), or as a Tombstone once it is deleted.

    A Note shows its full text on every peer; forums take `name`, or its first line, as the title (PROTOCOL section 7).
    """
    if post.deleted_at is not None:
        return build_tombstone(post.iri, post.kind, post.deleted_at)
    involved = posts.mentioned_in(tx, [post.id]).get(post.id, [])
    known = actors.by_ids(tx, [post.author_id, *involved, *([post.group_id] if post.group_id else [])])
    group = known.get(post.group_id) if post.group_id else None
    to, cc = addressed(tx, site, post, group)
    names = sorted(posts.tags_of(tx, [post.id]).get(post.id, []))
    context = threads.context_of(tx, site, post, group)
    made = build_post(
        id=post.iri,
        kind=post.kind,
        author=known[post.author_id].iri,
        content=post.content,
        published=post.published_at,
        to=to,
        cc=cc,
        url=post.url,
        title=post.title,
        summary=post.summary,
        sensitive=post.sensitive,
        language=post.language,
        source=(post.source, "text/plain") if post.source is not None else None,
        in_reply_to=post.reply_to_iri,
        group=group.iri if group is not None else None,
        updated=post.edited_at,
        mentions=[(known[one].iri, f"@{known[one].handle}") for one in involved if one in known],
        hashtags=[(name, site.iri(f"/tags/{quote(name)}")) for name in names],
        attachments=post.attachments,
        context=context,
        replies=f"{post.iri}/replies",
    )
    # With their totals, which is all that they tell (Mastodon shows them).
    made["likes"] = {"id": f"{post.iri}/likes", "type": "Collection", "totalItems": post.likes_count}
    made["shares"] = {"id": f"{post.iri}/shares", "type": "Collection", "totalItems": post.boosts_count}
    if context is not None and group is not None and group.local:
        made["contextHistory"] = threads.history_of(context)
    return made


def create(tx: Tx, site: Site, post: Post) -> dict[str, Any]:
    """The Create of a local post, as it is served at `<post>/activity`."""
    inner = document(tx, site, post)
    context = inner.pop("@context")
    made = {
        "@context": context,
        "id": f"{post.iri}/activity",
        "type": "Create",
        "actor": inner["attributedTo"],
        "published": inner["published"],
        "to": inner["to"],
        "cc": inner["cc"],
        "object": inner,
    }
    return made | ({"audience": inner["audience"]} if "audience" in inner else {})
