"""A post as an ActivityStreams object, and whom it is addressed to."""

from typing import Any
from urllib.parse import quote

from fedi.actions.sending import PUBLIC, timestamp
from fedi.context import Site
from storage import actors, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post

CONTEXT: list[Any] = [
    "https://www.w3.org/ns/activitystreams",
    {"sensitive": "as:sensitive", "Hashtag": "as:Hashtag", "toot": "http://joinmastodon.org/ns#", "blurhash": "toot:blurhash"},
]
TOMBSTONE_CONTEXT = "https://www.w3.org/ns/activitystreams"


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
        return {
            "@context": TOMBSTONE_CONTEXT, "id": post.iri, "type": "Tombstone", "formerType": post.kind,
            "deleted": timestamp(post.deleted_at),
        }
    involved = posts.mentioned_in(tx, [post.id]).get(post.id, [])
    known = actors.by_ids(tx, [post.author_id, *involved, *([post.group_id] if post.group_id else [])])
    group = known.get(post.group_id) if post.group_id else None
    to, cc = addressed(tx, site, post, group)
    names = posts.tags_of(tx, [post.id]).get(post.id, [])
    tag: list[dict[str, Any]] = [
        {"type": "Mention", "href": known[one].iri, "name": f"@{known[one].handle}"} for one in involved if one in known
    ]
    tag += [{"type": "Hashtag", "href": site.iri(f"/tags/{quote(name)}"), "name": f"#{name}"} for name in sorted(names)]
    made: dict[str, Any] = {
        "@context": CONTEXT,
        "id": post.iri,
        "type": post.kind,
        "attributedTo": known[post.author_id].iri,
        "to": to,
        "cc": cc,
        "content": post.content,
        "mediaType": "text/html",
        "url": post.url,
        "published": timestamp(post.published_at),
        "summary": post.summary,
        "sensitive": post.sensitive,
        "inReplyTo": post.reply_to_iri,
        "tag": tag,
        "attachment": [_attachment(one) for one in post.attachments],
    }
    if post.title is not None:
        made["name"] = post.title
    if post.source is not None:
        made["source"] = {"content": post.source, "mediaType": "text/plain"}
    if post.language is not None:
        made["contentMap"] = {post.language: post.content}
    if post.edited_at is not None:
        made["updated"] = timestamp(post.edited_at)
    if group is not None:
        made["audience"] = group.iri
    return made


def create(tx: Tx, site: Site, post: Post) -> dict[str, Any]:
    """The Create of a local post, as it is served at `<post>/activity`."""
    inner = document(tx, site, post)
    context = inner.pop("@context")
    made = {
        "@context": context, "id": f"{post.iri}/activity", "type": "Create", "actor": inner["attributedTo"],
        "published": inner["published"], "to": inner["to"], "cc": inner["cc"], "object": inner,
    }
    return made | ({"audience": inner["audience"]} if "audience" in inner else {})


def _attachment(one: dict[str, Any]) -> dict[str, Any]:
    made = {"type": "Document", "mediaType": one.get("media_type"), "url": one.get("url"), "name": one.get("description")}
    return made | {name: one[name] for name in ("width", "height", "blurhash") if one.get(name) is not None}
