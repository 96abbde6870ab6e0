"""Posts: write, edit and delete them here; keep, change and delete what peers wrote.

A post in a group goes to the group, which announces it; everything else goes to the author's followers and to whom it
mentions. The same rules for local and remote posts about threads, groups, notifications and timelines are in
`fedi.actions.threads`.
"""

from dataclasses import dataclass, replace
from typing import Any

from fedi import visibility as gate
from fedi.actions import media, memberships, moderation, polls, questions, quotes, shelving, threads
from fedi.actions.drafts import CLIENT_VISIBILITIES, MAX_CHARACTERS, Draft, PollDraft, check, kind_of, title_of
from fedi.actions.publishing import tell
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound
from fedi.rendering.posts import Around
from fedi.text import mentions as mention_text
from fedi.text.plain import to_html
from storage import actors, groups, idempotency, posts, revisions, timelines
from storage.actors import Actor
from storage.mentions import mentioned_in
from storage.metadata import Tx
from storage.polls import Poll
from storage.posts import Post
from storage.revisions import Revision
from storage.tags import plain

__all__ = [
    "CLIENT_VISIBILITIES",
    "MAX_CHARACTERS",
    "Draft",
    "KeyTaken",
    "PollDraft",
    "Written",
    "as_html",
    "delete",
    "delete_all",
    "edit",
    "handles_in",
    "mentioned",
    "publish",
    "retell",
    "write",
]


class KeyTaken(Invalid):
    """An Idempotency-Key that gave something else: `earlier` is its id."""

    def __init__(self, earlier: int) -> None:
        super().__init__("This Idempotency-Key was used for a post that does not exist any more; use a new one.")
        self.earlier = earlier


@dataclass(frozen=True, slots=True)
class Written:
    """A post as it was kept. `around` is what is around it, for who shows it at once; None when the post was there already
    (the same key)."""

    post: Post
    around: Around | None


def handles_in(text: str) -> list[str]:
    """The handles (`user@host` or `user`) that a text mentions, as typed without @; resolve them before publishing."""
    return mention_text.handles_in(text)


def publish(tx: Tx, site: Site, author: Actor, draft: Draft, *, idempotency_key: str | None = None) -> Post:
    """Publish a post of a local person and tell who is to hear of it. The same key of the same person: the same post.

    A poll that opens a thread in a group becomes two posts: the thread, and the poll as an answer to it, since forums drop
    a Question (Lemmy) and show what it answers; the poll comes back.

    Raises Invalid for an empty or overlong text (KeyTaken where the key gave what is no post any more, or not yet), NotFound
    for a reply to what the author may not see, Forbidden where a group does not take it, or the author of what it quotes
    does not want that.
    """
    return write(tx, site, author, draft, idempotency_key=idempotency_key).post


def write(tx: Tx, site: Site, author: Actor, draft: Draft, *, idempotency_key: str | None = None) -> Written:
    """As `publish`, with what is around the post."""
    if not draft.text.strip() and draft.summary.strip():
        draft = replace(draft, text=draft.summary, summary="")  # as Mastodon takes a post that is all warning
    now = site.clock()
    try:
        check(draft, now)
    except Invalid:
        # What was published once is answered once more, whatever comes with its key.
        known = _of_key(tx, author, idempotency_key) if idempotency_key is not None else None
        if known is None:
            raise
        return Written(known, None)
    opener_id, post_id = (site.new_id() if draft.poll is not None else 0), site.new_id()
    if idempotency_key is not None and not idempotency.claim(tx, author.id, idempotency_key, post_id, now):
        first = _of_key(tx, author, idempotency_key)
        if first is None:
            raise KeyTaken(idempotency.find(tx, author.id, idempotency_key) or 0)
        return Written(first, None)
    if draft.poll is not None and draft.reply_to_id is None:
        mentioned = _mentioned(tx, site, draft.text)
        if _group(tx, site, author, draft, None, mentioned) is not None:
            opener = _publish(tx, site, author, replace(draft, poll=None), opener_id, now).post
            question = opener.title or draft.text
            answer = replace(draft, text=question, title=None, reply_to_id=opener.id)
            return _publish(tx, site, author, answer, post_id, now, opens=True)
    return _publish(tx, site, author, draft, post_id, now)


def _of_key(tx: Tx, author: Actor, key: str) -> Post | None:
    """The post that this key of this person gave."""
    known = idempotency.find(tx, author.id, key)
    return posts.by_id(tx, known) if known is not None else None


def _publish(
    tx: Tx, site: Site, author: Actor, draft: Draft, post_id: int, now: int, *, opens: bool = False
) -> Written:
    parent = _parent(tx, author, draft)
    mentioned = _mentioned(tx, site, draft.text)
    group = _group(tx, site, author, draft, parent, mentioned)
    visibility = _narrowed(tx, draft.visibility, group, parent)
    quoted = quotes.quotable(tx, author, draft.quote_id) if draft.quote_id is not None else None
    iri = f"{author.iri}/posts/{post_id}"
    notified = list(mentioned.values())
    if parent is not None:
        parent_author = actors.by_id(tx, parent.author_id)
        if parent_author is not None and parent_author.id != author.id:
            notified.append(parent_author)
    everyone = {actor.id: actor for actor in notified} | ({group.id: group} if group is not None else {})
    if visibility == "direct":
        everyone |= actors.by_ids(tx, memberships.mailbox(tx, list(everyone), author.id))
    post = Post(
        id=post_id,
        iri=iri,
        url=iri,
        author_id=author.id,
        group_id=group.id if group else None,
        local=True,
        kind=kind_of(draft),
        title=title_of(draft, group, parent),
        content=_html(site, draft.text, mentioned),
        source=draft.text,
        summary=draft.summary.strip() or None,
        sensitive=draft.sensitive or bool(draft.summary.strip()),
        language=draft.language,
        reply_to_id=parent.id if parent else None,
        reply_to_iri=parent.iri if parent else None,
        reply_to_actor_id=parent.author_id if parent else None,
        root_id=(parent.root_id or parent.id) if parent else post_id,
        visibility=visibility,
        attachments=[
            *draft.attachments,
            *media.attach(tx, site, author, draft.media_ids, post_id),
            *shelving.attached(draft.library, f"{iri}/file"),
        ],
        link=draft.link if parent is None else None,
        app_id=draft.app_id,
        published_at=now,
        edited_at=None,
        deleted_at=None,
        replies_count=0,
        likes_count=0,
        boosts_count=0,
        # What its thread is called where it began; the rule for threads of this instance is in `rendering.posts`.
        context=parent.context if parent is not None and (group is None or not group.local) else None,
        quote_policy=draft.quote_policy,
        quote_iri=quoted.iri if quoted is not None else None,
        quote_id=quoted.id if quoted is not None else None,
        quote_state="pending" if quoted is not None else None,
        asks="open" if draft.question and parent is None and draft.poll is None and visibility != "direct" else None,
    )
    tags = mention_text.hashtags_in(draft.text)
    posts.insert_post(tx, post, list(everyone), tags)
    if draft.library is not None and post.kind == "Page":
        shelving.added(tx, site, post, draft.library)
    if draft.poll is not None:
        polls.begin(tx, site, post, draft.poll)
    if quoted is not None:
        post = quotes.decide(tx, site, author, post, quoted)
    post = threads.published(tx, site, post, author, [actor for actor in everyone.values() if actor.local])
    # What is around it is known: nothing of what was just written is read back.
    known = Around(sorted(everyone), sorted({plain(tag) for tag in tags}), {**everyone, author.id: author})
    tell(tx, site, "Create", post, author, group, opens=opens or parent is None, known=known)
    if quoted is not None and post.quote_state == "pending":
        quotes.ask(tx, site, author, post, quoted)
    return Written(post, known)


def edit(tx: Tx, site: Site, post: Post, draft: Draft, *, with_media: bool = False, with_poll: bool = False) -> Post:
    """Change the text, title, warning and language of a local post; what it said before is kept as a revision.

    With `with_media` it shows the draft's `media_ids` from now on, and no other file; without it keeps those it has. The
    same of `with_poll` and its poll. What changes nothing is no edit. Raises Invalid for an empty or overlong text,
    Forbidden in a group that its author is banned from. Visibility, group, parent and quote stay.
    """
    now = site.clock()
    check(draft, now, shows=bool(post.attachments) and not with_media)
    author = _author(tx, post)
    memberships.may_act(tx, site, author, post)
    mentioned = _mentioned(tx, site, draft.text)
    kept = mentioned_in(tx, [post.id]).get(post.id, [])
    title = (
        draft.title.strip()
        if draft.title
        else (None if post.title is None else title_of(draft, _group_of(tx, post), None))
    )
    changed: dict[str, Any] = {
        "title": title,
        "content": _html(site, draft.text, mentioned),
        "source": draft.text,
        "summary": draft.summary.strip() or None,
        "sensitive": draft.sensitive or bool(draft.summary.strip()),
        "language": draft.language or post.language,
        "edited_at": now,
    }
    if draft.attachments or with_media:
        changed["attachments"] = [*draft.attachments, *media.attach(tx, site, author, draft.media_ids, post.id)]
    if draft.quote_policy is not None:
        changed["quote_policy"] = draft.quote_policy
    if with_poll:
        changed["kind"] = _kind_now(post, draft)
    known = polls.by_post(tx, post)
    same = all(getattr(post, name) == value for name, value in changed.items() if name != "edited_at")
    if same and (not with_poll or polls.is_as(known, draft.poll)):
        if with_poll:
            polls.change(tx, site, post, draft.poll)
        return post
    _keep_revision(tx, site, post, known)
    if with_poll:
        polls.change(tx, site, replace(post, **changed), draft.poll)
    everyone = list(dict.fromkeys([*kept, *(actor.id for actor in mentioned.values())]))
    posts.rewrite(tx, post, everyone, mention_text.hashtags_in(draft.text), **changed)
    edited = replace(post, **changed)
    threads.edited(tx, site, edited, author)
    tell(tx, site, "Update", edited, author, _group_of(tx, post))
    return edited


def retell(tx: Tx, site: Site, post: Post) -> None:
    """Tell everyone whom a local post concerns what stands beside its words now."""
    tell(tx, site, "Update", post, _author(tx, post), _group_of(tx, post), updated=site.clock())


def delete(tx: Tx, site: Site, post: Post, by: Actor, *, keep_media: bool = False) -> None:
    """Delete a post: its author deletes it everywhere; a moderator takes it out of its group (`moderation.remove`).

    With `keep_media` its files can be used in another post for a day. Raises Forbidden for anyone else. A tombstone stays
    at its address.
    """
    author = _author(tx, post)
    group = _group_of(tx, post)
    if by.id != author.id:
        if group is None or not moderation.may_moderate(tx, by, group):
            raise Forbidden("Only its author or a moderator of its group can delete a post.")
        moderation.remove(tx, site, by, post, "")
        return
    tell(tx, site, "Delete", post, by, group)
    threads.deleted(tx, site, post, author)
    questions.answer_changed(tx, site, post)
    media.post_deleted(tx, site, post.id, keep=keep_media)


def delete_all(tx: Tx, site: Site, author: Actor) -> None:
    """Delete every post of a local person, each with its own news to whoever got it."""
    while found := timelines.of_actor(tx, author.id, timelines.Page(limit=200), boosts=False):
        for entry in found:
            post = posts.by_id(tx, entry.post_id)
            if post is not None and post.deleted_at is None:
                delete(tx, site, post, author)
            timelines.remove(tx, author.id, entry.id)


def _parent(tx: Tx, author: Actor, draft: Draft) -> Post | None:
    if draft.reply_to_id is None:
        return None
    parent = posts.by_id(tx, draft.reply_to_id)
    if parent is None or not gate.may_see(tx, gate.person(author.id), parent):
        raise NotFound("The post you answer does not exist (any more), or is not shown to you.")
    memberships.may_answer(tx, author, parent)
    return parent


def mentioned(tx: Tx, site: Site, text: str) -> list[Actor]:
    """The actors that a text mentions, each once."""
    return list({actor.id: actor for actor in _mentioned(tx, site, text).values()}.values())


def _mentioned(tx: Tx, site: Site, text: str) -> dict[str, Actor]:
    """The actors a text mentions, by handle as typed (lower case); handles nobody has are left as text."""
    found: dict[str, Actor] = {}
    for handle in mention_text.handles_in(text)[:50]:
        username, _, domain = handle.partition("@")
        actor = actors.by_name(tx, username, domain or site.config.handle_domain)
        if actor is None and domain == site.config.host:
            actor = actors.by_name(tx, username, site.config.handle_domain)
        if actor is not None and actor.kind != "Application" and actor.state == "active":
            found[handle.lower()] = actor
    return found


def as_html(tx: Tx, site: Site, text: str) -> str:
    """The HTML that a text would be published as, as far as whom it mentions is known here."""
    return _html(site, text, _mentioned(tx, site, text))


def _html(site: Site, text: str, mentioned: dict[str, Actor]) -> str:
    links = {handle: (actor.url, actor.username) for handle, actor in mentioned.items()}
    return to_html(text, links, lambda tag: site.iri(f"/tags/{tag}"))


def _group(
    tx: Tx, site: Site, author: Actor, draft: Draft, parent: Post | None, mentioned: dict[str, Actor]
) -> Actor | None:
    """The group a draft belongs into: its parent's, or the first one it mentions. Raises Forbidden."""
    if draft.visibility == "direct":
        return None  # a word to the moderators, not a post in the group
    group: Actor | None = None
    if parent is not None:
        group = actors.by_id(tx, parent.group_id) if parent.group_id is not None else None
        group = memberships.answers_in(tx, author, group) if group is not None else None
    else:
        group = next((actor for actor in mentioned.values() if actor.is_group), None)
    if group is None:
        return None
    if group.local:
        row = groups.by_id(tx, group.id)
        # Who wants only followers to read it can't put it into a group that everyone reads.
        if draft.visibility == "followers" and row is not None and row.see == "public":
            return None
        memberships.may_post(tx, site, author, group)
    else:
        memberships.may_post_there(tx, site, author, group)
    return group


def _narrowed(tx: Tx, wanted: str, group: Actor | None, parent: Post | None) -> str:
    """The visibility of a post: never wider than its group, nor than the post it answers."""
    if wanted == "direct":
        return "direct"
    if group is not None:
        row = groups.by_id(tx, group.id)
        if row is not None and row.see != "public":
            return row.see
    if parent is not None and group is None and parent.visibility in ("followers", "direct"):
        return "direct" if parent.visibility == "direct" else "followers"
    return wanted


def _author(tx: Tx, post: Post) -> Actor:
    author = actors.by_id(tx, post.author_id)
    if author is None:
        raise NotFound
    return author


def _group_of(tx: Tx, post: Post) -> Actor | None:
    return actors.by_id(tx, post.group_id) if post.group_id is not None else None


def _kind_now(post: Post, draft: Draft) -> str:
    """The kind of an edited post. Raises Invalid where a poll would open a thread in a group, which forums drop."""
    if draft.poll is None:
        return "Note" if post.kind == "Question" else post.kind
    if post.kind != "Question" and post.group_id is not None and post.reply_to_id is None:
        raise Invalid("Validation failed: A poll can't be added to what opens a thread in a group; answer it with one")
    return "Question"


def _keep_revision(tx: Tx, site: Site, post: Post, poll: Poll | None) -> None:
    at = post.edited_at or post.published_at
    said = (post.title, post.content, post.summary, post.sensitive)
    options = poll.options if poll is not None else None
    revisions.add(tx, Revision(site.new_id(), post.id, *said, at, list(post.attachments), options))
