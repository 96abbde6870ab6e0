"""Posts of peers: keep them, change them, take them away. What arrives here was proven to be its author's."""

import zlib
from dataclasses import dataclass, replace
from typing import Any

from federation.hosts import same_origin
from federation.policy import rewriting
from federation.policy.decide import Decision, Verdict
from federation.vocabulary.note import PostDocument
from federation.vocabulary.quote import quote_policy
from fedi import policy
from fedi.actions import (
    cards,
    direct_messages,
    envelopes,
    memberships,
    passing_on,
    polls,
    questions,
    quotes,
    reactions,
    shelving,
    threads,
    twins,
)
from fedi.context import Site
from fedi.errors import Forbidden
from fedi.facts import Known
from fedi.text import sanitise, to_text
from fedi.text.event import event_html
from storage import actors, follows, groups, posts, revisions
from storage import reactions as reaction_rows
from storage.actors import Actor
from storage.mentions import mentioned_in
from storage.metadata import Tx
from storage.posts import Post
from storage.reactions import Boost
from storage.revisions import Revision

MAX_NAMED = 200
"""Actors that a post is addressed to or mentions, as far as they are looked up."""
MAX_TAGS = 50
MAX_ATTACHMENTS = 20
MAX_EMOJI = 100
MAX_CONTENT = 200_000


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a post: the row, whether it is new, the local group that took it, or the one that it names and that
    did not, with the reason; for its author to be told."""

    post: Post
    new: bool
    group: Actor | None
    refused: tuple[Actor, Forbidden] | None = None


def record(
    tx: Tx,
    site: Site,
    document: PostDocument,
    author: Actor,
    *,
    live: bool,
    look_at_quote: bool = True,
    decision: Decision | None = None,
) -> Kept | None:
    """Keep a peer's post, or change it when it is known; None for what is deleted here, for a vote, which is no post, and for
    what the policy does not take.

    `decision`: what the policy said of the activity that brought it; else it is asked here, so that no way in goes past it.
    What it does to a post is done here.

    `look_at_quote`: what it quotes is fetched; not of what is itself fetched for being quoted, or it would never end.

    `live`: it was sent to us just now, so it sorts by its arrival; else (fetched) by the time its author gives.
    A remote group that it names is noted as mentioned; it is in that group once the group announces it (`announced`).
    """
    if document.vote:
        return None
    if decision is None:
        decision = _decided(tx, site, document, author)
        if decision.verdict in (Verdict.REJECT, Verdict.HOLD):
            return None
    document = rewriting.post(document, policy.effects(decision), author.followers)
    known = posts.by_iri(tx, document.id)
    if known is not None:
        if known.deleted_at is not None or known.author_id != author.id:
            return None
        changed = _change(tx, site, known, document, author)
        return Kept(_beside(tx, site, changed, document, look_at_quote=look_at_quote), False, None)
    answers = document.in_reply_to if document.in_reply_to != document.id else None
    parent = posts.by_iri(tx, answers) if answers else None
    named = _named(tx, site, document)
    mentioned, named_groups = _mentioned(document, named), _groups_of(named)
    group, refused = _local_group(tx, site, document, author, parent, named)
    now = site.clock()
    published = document.published if document.published and 0 < document.published < now else now
    post_id = site.new_id() if live else site.db.ids.past(published, zlib.crc32(document.id.encode()))
    while not live and posts.by_id(tx, post_id) is not None:
        post_id += 1
    visibility = visibility_of(tx, document, author, group)
    post = Post(
        id=post_id,
        iri=document.id,
        url=_page(document),
        author_id=author.id,
        group_id=group.id if group else None,
        local=False,
        **_words(document, author),
        reply_to_id=parent.id if parent else None,
        reply_to_iri=answers,
        reply_to_actor_id=parent.author_id if parent else None,
        root_id=(parent.root_id or parent.id) if parent else post_id,
        visibility=visibility,
        app_id=None,
        published_at=published,
        edited_at=document.updated,
        deleted_at=None,
        replies_count=0,
        likes_count=0,
        boosts_count=0,
        source=None,
        context=document.context,
        replies=document.replies,
    )
    if visibility == "direct":
        mentioned += memberships.mailbox(tx, [*mentioned, *named_groups], author.id)
    involved = dict.fromkeys([*mentioned, *named_groups, *([group.id] if group else [])])
    while not posts.insert_post(tx, post, list(involved), document.hashtags[:MAX_TAGS]):
        # PostgreSQL: in this moment another job kept the same post (it has just asked for it), or another post got this id.
        known = posts.by_iri(tx, document.id)
        if known is not None:
            return Kept(known, False, None) if known.deleted_at is None and known.author_id == author.id else None
        post = replace(post, id=post.id + 1, root_id=post.id + 1 if post.root_id == post.id else post.root_id)
    post = _beside(tx, site, post, document, look_at_quote=look_at_quote)
    told = [actor for actor in actors.by_ids(tx, mentioned).values() if actor.local]
    if parent is not None and parent.author_id not in mentioned and live:
        parent_author = actors.by_id(tx, parent.author_id)
        told += [parent_author] if parent_author is not None and parent_author.local else []
    threads.published(tx, site, post, author, told if live else [])
    return Kept(threads.adopt(tx, site, post), True, group, refused)


def _decided(tx: Tx, site: Site, document: PostDocument, author: Actor) -> Decision:
    """What the policy says of a post that was fetched. Nobody can be asked about one: what is to be held is not taken."""
    judged = policy.judge(tx, site, policy.current(tx, site), Known(tx, site).post(document, author))
    envelopes.keep_with_others(tx, site, *judged)
    policy.keep_judged(tx, site, judged)
    return judged.decision


def announced(tx: Tx, site: Site, group: Actor, post: Post, iri: str, at: int, *, to_everyone: bool = False) -> None:
    """A remote group vouches for a post: the post is in the group, and a new thread stands before its followers here.

    The post must name the group or answer what is in it: a group can boost any other post, and can't make it its own.
    Only what opens a thread is shown at home: comments that are announced would flood it. `to_everyone`: the Announce is
    addressed to Public, which the host of the group may say of its own posts that name nobody (Discourse).
    """
    vouched(tx, site, group, post, to_everyone=to_everyone and same_origin(post.iri, group.iri))
    now = posts.by_id(tx, post.id) or post
    if post.reply_to_iri is None and (now.group_id == group.id or now.visibility in reactions.BOOSTABLE):
        boost_id = site.new_id()
        made = Boost(boost_id, group.id, post.id, iri, min(at, site.clock()))
        if reactions.keep_boost(tx, site, group, post, made) and threads.is_news(site, now):
            author = actors.by_id(tx, post.author_id)
            if author is not None:
                threads.ring(tx, site, post, author, [group.id])


def vouched(tx: Tx, site: Site, group: Actor, post: Post, *, to_everyone: bool = False) -> None:
    """A remote group says that a post is in it: so it is, where the post names the group or answers what is in it, or where
    the group that it names calls this one its twin."""
    named = group.id in mentioned_in(tx, [post.id]).get(post.id, [])
    parent = posts.by_id(tx, post.reply_to_id) if post.reply_to_id is not None else None
    answers = parent is not None and parent.group_id == group.id
    if post.group_id is None and (named or answers or (parent is None and twins.vouches(tx, group, post))):
        posts.change(tx, post.id, group_id=group.id)
        if post.kind == "Page":
            shelving.grouped(tx, site, replace(post, group_id=group.id))
        row = groups.by_id(tx, group.id)
        if named and post.visibility == "direct" and row is not None:
            # It is for the members, who are not named one by one.
            shown = "public" if to_everyone else "members"
            direct_messages.gone(tx, post)
            posts.change(tx, post.id, visibility=row.see if row.see != "public" else shown)


def delete(tx: Tx, site: Site, post: Post) -> None:
    """Its author, or its origin, took a post away."""
    author = actors.by_id(tx, post.author_id)
    if author is not None:
        group = passing_on.of_posts(tx, post)
        threads.deleted(tx, site, post, author)
        questions.answer_changed(tx, site, post)
        if group is not None:
            passing_on.unboost(tx, site, group, post)
        for boost in reaction_rows.boosts_of(tx, post.id, 1000):
            booster = actors.by_id(tx, boost.actor_id)
            if booster is not None:
                reactions.drop_boost(tx, booster, post, boost)


def visibility_of(tx: Tx, document: PostDocument, author: Actor, group: Actor | None) -> str:
    """One of `storage.posts.VISIBILITIES`, from whom a post is addressed to."""
    if document.audience.public_in == "to":
        return "public"
    if document.audience.public_in == "cc":
        return "unlisted"
    named = document.audience.everyone
    if group is not None and (group.followers in named or group.iri in named):
        row = groups.by_id(tx, group.id)
        return row.see if row is not None and row.see != "public" else "members"
    if author.followers is not None and author.followers in named:
        return "followers"
    return "direct"


def relevant(tx: Tx, site: Site, document: PostDocument, author: Actor) -> bool:
    """Whether anyone here has to do with a post that was sent to us; what nobody asked for is not kept.

    Somebody here follows its author or is followed by its author, is mentioned, was answered, or hosts or follows its
    group.
    """
    if posts.by_iri(tx, document.id) is not None:
        return True
    if acquainted(tx, author):
        return True
    if document.in_reply_to and posts.by_iri(tx, document.in_reply_to) is not None:
        return True
    for actor in _named(tx, site, document).values():
        if actor.local or (actor.is_group and follows.has_local_follower(tx, actor.id)):
            return True
    return False


def acquainted(tx: Tx, author: Actor) -> bool:
    """Whether somebody here follows `author`, or is followed by them."""
    return follows.has_local_follower(tx, author.id) or follows.follows_local(tx, author.id)


def _change(tx: Tx, site: Site, known: Post, document: PostDocument, author: Actor) -> Post:
    words = _words(document, author)
    if all(getattr(known, name) == value for name, value in words.items()):
        return known
    before = polls.by_post(tx, known)
    revisions.add(
        tx,
        Revision(
            site.new_id(),
            known.id,
            known.title,
            known.content,
            known.summary,
            known.sensitive,
            known.edited_at or known.published_at,
            known.attachments,
            before.options if before is not None else None,
        ),
    )
    kept = mentioned_in(tx, [known.id]).get(known.id, [])
    group = [known.group_id] if known.group_id is not None and known.group_id in kept else []
    changed: dict[str, Any] = words | {"edited_at": document.updated or site.clock()}
    named = _named(tx, site, document)
    involved = list(dict.fromkeys([*_mentioned(document, named), *_groups_of(named), *group]))
    posts.rewrite(tx, known, involved, document.hashtags[:MAX_TAGS], **changed)
    edited = replace(known, **changed)
    threads.edited(tx, site, edited, author)
    return edited


def _beside(tx: Tx, site: Site, post: Post, document: PostDocument, *, look_at_quote: bool) -> Post:
    """Keep what a post has beside its words: its poll, and what it quotes, which a job looks at."""
    if document.poll is not None:
        polls.keep(tx, site, post, document.poll)
    if document.asking is not None and post.reply_to_iri is None and post.visibility != "direct":
        post = questions.stated(tx, site, post, solved=document.asking.solved, accepted=document.asking.accepted)
    elif post.asks is not None:
        post = questions.unstated(tx, post)
    if document.kind == "Page":
        shelving.heard(tx, site, post, document.resource)
    if document.resource is not None:
        cards.told(tx, site, post, document.resource)
    if document.quote is None:
        if post.quote_iri is None:
            return post
        none: dict[str, Any] = dict.fromkeys(("quote_iri", "quote_id", "quote_state", "quote_authorization"))
        quotes.counted(tx, post, None)
        posts.change(tx, post.id, **none)  # it was edited, or its author was not allowed to quote
        return replace(post, **none)
    named = document.quote.authorization
    if post.quote_iri == document.quote.iri and (named is None or named == post.quote_authorization):
        return post
    changed: dict[str, Any] = {"quote_iri": document.quote.iri, "quote_authorization": named, "quote_state": "pending"}
    if post.quote_iri != document.quote.iri:
        changed["quote_id"] = None
    quotes.counted(tx, post, "pending")
    posts.change(tx, post.id, **changed)
    if look_at_quote:
        quotes.check_later(tx, site, post.id)
    return replace(post, **changed)


def _words(document: PostDocument, author: Actor) -> dict[str, Any]:
    """The columns that an edit may change."""
    head = event_html(document.event) if document.event is not None else ""
    return {
        "kind": document.kind[:40],
        "title": to_text(document.title)[:300] or None if document.title else None,
        "content": head + sanitise(document.content[:MAX_CONTENT]),
        "summary": to_text(document.summary)[:500] or None if document.summary else None,
        "sensitive": document.sensitive,
        "language": document.language,
        "attachments": document.attachments[:MAX_ATTACHMENTS],
        "link": document.link,
        "emoji": [{"shortcode": name, "url": url} for name, url in document.emoji[:MAX_EMOJI]],
        "content_map": {name: sanitise(text[:MAX_CONTENT]) for name, text in document.content_map.items()} or None,
        "event": document.event,
        "quote_policy": quote_policy(document.quote_allowed, author.followers),
    }


def _page(document: PostDocument) -> str:
    return document.url if document.url.startswith(("https://", "http://")) else document.id


def _named(tx: Tx, site: Site, document: PostDocument) -> dict[str, Actor]:
    """The actors, known here, that a post names in any way, by IRI. People of this instance first where they are too many:
    they are those who must hear of it, however many others are named before them."""
    names = list(
        dict.fromkeys([*document.groups, *document.audience.everyone, *(href for href, _ in document.mentions)])
    )
    if len(names) > MAX_NAMED:
        names = sorted(names, key=site.is_local, reverse=True)[:MAX_NAMED]
    return actors.by_iris(tx, names)


def _mentioned(document: PostDocument, named: dict[str, Actor]) -> list[int]:
    if not named:
        return []
    hrefs, addressed = {href for href, _ in document.mentions}, set(document.audience.everyone)
    # Whoever is addressed without a Mention (Lemmy, PieFed) is meant all the same, if it is a person here.
    return [a.id for iri, a in named.items() if iri in hrefs or (a.local and not a.is_group and iri in addressed)]


def _groups_of(named: dict[str, Actor]) -> list[int]:
    return [actor.id for actor in named.values() if actor.is_group]


def group_here(tx: Tx, site: Site, document: PostDocument, author: Actor, parent: Post | None) -> Actor | None:
    """The group hosted here that would take this post."""
    return _local_group(tx, site, document, author, parent, _named(tx, site, document))[0]


def _local_group(
    tx: Tx, site: Site, document: PostDocument, author: Actor, parent: Post | None, named: dict[str, Actor]
) -> tuple[Actor | None, tuple[Actor, Forbidden] | None]:
    """The group hosted here that takes this post: its parent's, or the first one it names; None when it may not, with the
    reason where it is named. Who answers somebody in a thread need not know that it is a group's."""
    group = _meant(tx, document, parent, named)
    if group is None:
        return None, None
    try:
        memberships.may_post(tx, site, author, group, act="post" if parent is None else "reply")
    except Forbidden as problem:
        return None, (group, problem) if group.iri in named else None
    return group, None


def _meant(tx: Tx, document: PostDocument, parent: Post | None, named: dict[str, Actor]) -> Actor | None:
    """The group hosted here that a post is for, whether or not its author may post there."""
    if parent is not None:
        group = passing_on.of_posts(tx, parent)
    else:
        group = next((actor for actor in named.values() if actor.is_group and actor.local), None)
    if group is None or group.state != "active":
        return None
    row = groups.by_id(tx, group.id)
    addressed = group.iri in document.audience.everyone or group.followers in document.audience.everyone
    if document.audience.public_in is None and (row is None or row.see == "public" or not addressed):
        # Not for everyone: a word to the moderators, or for the author's followers alone.
        return None
    return group
