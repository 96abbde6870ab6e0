"""A post as an ActivityStreams object, and whom it is addressed to."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, cast
from urllib.parse import quote

from federation.audience import PUBLIC
from federation.fields import timestamp
from federation.vocabulary.asking import build_asking
from federation.vocabulary.question import PollDocument
from federation.vocabulary.quote import Policy, build_quote_policy, quote_properties
from federation.vocabulary.tombstone import build_tombstone
from federation.vocabulary.writing import build_post
from fedi.context import Site
from fedi.rendering import library, threads
from fedi.text import to_text
from fedi.text.mentions import shortened, without_mentions
from storage import actors, polls, questions
from storage import posts as post_rows
from storage.actors import Actor
from storage.mentions import mentioned_in
from storage.metadata import Tx
from storage.posts import Post
from storage.tags import tags_of

EXCERPT = 500
"""Characters of an Article's `summary`: what microblogs show of it, beside title and link."""


@dataclass(frozen=True, slots=True)
class Around:
    """What is said with a post beside its row: the actors it names (`mentions`, ids in order), its hashtags (sorted, as
    `storage.tags.plain` has them), and of all `actors` concerned the rows by id: author, group, who is named."""

    mentions: list[int]
    tags: list[str]
    actors: Mapping[int, Actor]


def around(tx: Tx, post: Post) -> Around:
    """What is around a post, from the database."""
    named = mentioned_in(tx, [post.id]).get(post.id, [])
    known = actors.by_ids(tx, [post.author_id, *named, *([post.group_id] if post.group_id else [])])
    return Around(named, sorted(tags_of(tx, [post.id]).get(post.id, [])), known)


def addressed(tx: Tx, site: Site, post: Post, group: Actor | None) -> tuple[list[str], list[str]]:
    """(`to`, `cc`) of a post, without repeats: who it is for by its visibility, its group, its author and its mentions.

    Public only where everyone may read it; a group's members through the group's followers collection (PROTOCOL: Lemmy
    wants the group in `to`, and Public in `to` where it must be public).
    """
    involved = mentioned_in(tx, [post.id]).get(post.id, [])
    return _addressed(post, group, involved, actors.by_ids(tx, [post.author_id, *involved]))


def _addressed(
    post: Post, group: Actor | None, mentions: list[int], known: Mapping[int, Actor]
) -> tuple[list[str], list[str]]:
    author = known.get(post.author_id)
    followers = [author.followers] if author is not None and author.followers else []
    mentioned = [known[one].iri for one in mentions if one in known and one not in (post.group_id, post.author_id)]
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


def document(tx: Tx, site: Site, post: Post, known: Around | None = None) -> dict[str, Any]:
    """A local post as a Note (with a `name` where it opens a thread), an Article or a Question; a Tombstone once deleted.

    A Note shows its full text on every peer; forums take `name`, or its first line, as the title (PROTOCOL section 7). Of
    an Article, microblogs show title, `summary` and link, so that `summary` is an excerpt that stands alone. What is
    around it is read, where it is not `known`.
    """
    if post.deleted_at is not None:
        return build_tombstone(post.iri, post.kind, post.deleted_at)
    known = known or around(tx, post)
    involved, everyone = known.mentions, known.actors
    group = everyone.get(post.group_id) if post.group_id else None
    author = everyone[post.author_id]
    to, cc = _addressed(post, group, involved, everyone)
    quotes = post.quote_iri is not None and post.quote_state in ("pending", "accepted")
    context = threads.context_of(tx, site, post, group)
    made = build_post(
        id=post.iri,
        kind=post.kind,
        author=author.iri,
        content=_content(post, quotes=quotes),
        published=post.published_at,
        to=to,
        cc=cc,
        url=post.url,
        title=post.title,
        summary=post.summary or (excerpt(post.content) if post.kind in ("Article", "Page") else None),
        sensitive=post.sensitive,
        language=post.language,
        source=(post.source, "text/plain") if post.source is not None else None,
        in_reply_to=post.reply_to_iri,
        context=context,
        group=group.iri if group is not None else None,
        updated=post.edited_at,
        mentions=[(everyone[one].iri, f"@{everyone[one].handle}") for one in involved if one in everyone],
        hashtags=[(name, site.iri(f"/tags/{quote(name)}")) for name in known.tags],
        attachments=post.attachments,
        link=post.link,
        replies=f"{post.iri}/replies",
        emoji=[(one["shortcode"], one["url"]) for one in post.emoji],
        policy=build_quote_policy(quote_policy(post), author.iri, author.followers),
        quote=_quote(post) if quotes else None,
        poll=_poll(tx, post) if post.kind == "Question" else None,
    )
    # With their totals, which is all that they tell (Mastodon shows them).
    made["likes"] = {"id": f"{post.iri}/likes", "type": "Collection", "totalItems": post.likes_count}
    made["shares"] = {"id": f"{post.iri}/shares", "type": "Collection", "totalItems": post.boosts_count}
    if context is not None and group is not None and group.local:
        made["contextHistory"] = threads.history_of(context)
    if post.asks is not None:
        _ask(tx, site, post, group, made)
    library.add(tx, site, post, author, made)
    return made


def _ask(tx: Tx, site: Site, post: Post, group: Actor | None, made: dict[str, Any]) -> None:
    """That it is a question, and which answer was accepted. When that changed is a time of `updated`: microblogs take no
    Update without a new one."""
    question = questions.find(tx, post.id)
    answer = post_rows.by_id(tx, question.accepted_id) if question is not None and question.accepted_id else None
    place = group.iri if group is not None else site.iri("")
    build_asking(made, place, answer.iri if answer is not None else None, solved=post.asks == questions.SOLVED)
    if question is not None and question.changed_at > (post.edited_at or 0):
        made["updated"] = timestamp(question.changed_at)


def quote_policy(post: Post) -> Policy:
    """Who may quote a local post without asking: as its author said, else everyone where everyone may read it."""
    if post.visibility not in ("public", "unlisted"):
        return "nobody"
    return cast(Policy, post.quote_policy) if post.quote_policy in ("followers", "nobody") else "public"


def excerpt(content: str) -> str:
    """The beginning of a post as HTML without markup, at most `EXCERPT` characters, cut between words.

    Microblogs take `summary` for HTML, so that what is plain text here is escaped.
    """
    text = without_mentions(to_text(content))
    limit = EXCERPT
    while len(shown := escape(shortened(text, limit), quote=False)) > EXCERPT:
        limit = min(limit - 1, limit * EXCERPT // len(shown))  # an ampersand is five characters when it is escaped
    return shown


def _poll(tx: Tx, post: Post) -> PollDocument | None:
    poll = polls.by_post(tx, post.id)
    if poll is None:
        return None
    votes = [0] * len(poll.votes) if poll.hide_totals and poll.closed_at is None else poll.votes
    return PollDocument(poll.multiple, poll.options, votes, poll.voters_count, poll.ends_at, poll.closed_at)


def _quote(post: Post) -> dict[str, Any]:
    allowed = post.quote_authorization if post.quote_state == "accepted" else None
    return quote_properties(post.quote_iri or "", allowed)


def _content(post: Post, *, quotes: bool) -> str:
    """The text for peers. Microblogs show no title of a Note or Question, so one that is not in the text goes before it;
    a quote is a link for who does not know quotes, and who does hides it (FEP-044f)."""
    content = post.content
    if post.title and post.kind not in ("Article", "Page") and post.title.removesuffix("…") not in (post.source or ""):
        content = f"<p><strong>{escape(post.title, quote=False)}</strong></p>{content}"
    if quotes:
        address = escape(post.quote_iri or "")
        content = f'<p class="quote-inline">RE: <a href="{address}">{address}</a></p>{content}'
    return content


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
