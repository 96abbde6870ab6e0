"""Create: a peer published something. Kept when it concerns anyone here; a group hosted here announces what it takes."""

from typing import Any

from federation import fields as wire
from federation.activity import Authentic
from federation.authorship import check_authorship
from federation.errors import FederationError, WrongOrigin
from federation.groups import inner_type, may_announce
from federation.policy.decide import Decision, Verdict
from federation.vocabulary.note import PostDocument, read_post
from federation.vocabulary.question import MAX_OPTIONS
from fedi.actions import graduated, memberships, notices, passing_on, polls, remote_posts
from fedi.context import Site
from fedi.errors import Forbidden
from fedi.inbox.handling import NOTHING, Fetched, HeldBack, Ignored, Needs, decision_of
from fedi.inbox.objects import embedded, not_banned, object_id, open_to, own, signer
from storage import actors, outbox, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post

KEPT = frozenset({"Note", "Page", "Article", "Question", "Event", "Video", "Audio", "Image", "Document"})


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """The parent, so that a reply lands in its thread; the group that the object names, if it is not known yet."""
    document = own(received)
    author = actors.by_iri(tx, received.signer)
    if author is None:
        return NOTHING
    if document is None:
        named = wire.first_id(received.activity.object)
        known = named is None or posts.by_iri(tx, named) is not None
        # Or anybody could make us ask for anything, and keep it.
        return NOTHING if known or not remote_posts.acquainted(tx, author) else Needs(posts=(named or "",))
    if KEPT.isdisjoint(wire.types(document)):
        return NOTHING
    try:
        read = _read(document, received)
    except FederationError:
        return NOTHING  # `handle` refuses it, with the reason
    if read.vote or not remote_posts.relevant(tx, site, read, author):
        return NOTHING
    parents: tuple[str, ...] = ()
    if read.in_reply_to and not site.is_local(read.in_reply_to) and posts.by_iri(tx, read.in_reply_to) is None:
        parents = (read.in_reply_to,)
    group = wire.first_id(document.get("audience"))
    unknown = group is not None and not site.is_local(group) and actors.by_iri(tx, group) is None
    if not (parents or unknown):
        return NOTHING
    return Needs(actors=(group,) if group is not None and unknown else (), posts=parents)


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Keep the post, and let the local group that took it announce the Create as it came."""
    keep(tx, site, received)


def keep(tx: Tx, site: Site, received: Authentic, *, vouched_by: Actor | None = None) -> None:
    """Keep a post that its author sent, or that a group passed on: of a thread in it, the group knows who may answer."""
    author = signer(tx, received)
    several = wire.as_objects(received.activity.object)
    if len(several) > 1:
        _votes(tx, site, received, author, several, vouched_by)
        return
    document = own(received)
    if document is None:
        if embedded(received.activity) is not None and posts.by_iri(tx, object_id(received.activity)) is None:
            raise WrongOrigin("the object is of another origin than who published it")
        return  # named only: it was fetched from its origin, as `needs` asked
    if KEPT.isdisjoint(wire.types(document)):
        raise Ignored("unsupported-type", f"a Create of {', '.join(wire.types(document)) or 'nothing'} is not kept")
    check_authorship(received.activity)
    read = _read(document, received)
    check_author(read, received)
    if read.vote:
        _vote(tx, site, author, read, vouched_by)
        return
    known = posts.by_iri(tx, read.id)
    if known is not None:
        _known_before(tx, site, received, author, known, vouched_by)
        return
    # What a group passes on that somebody here follows was asked for by that.
    if vouched_by is None and not remote_posts.relevant(tx, site, read, author):
        raise Ignored("not-relevant", "nobody here follows its author, is mentioned, or is in its thread or group")
    parent = posts.by_iri(tx, read.in_reply_to) if read.in_reply_to else None
    if parent is not None and (vouched_by is None or parent.group_id != vouched_by.id):
        open_to(tx, site, parent, author, "reply")
        _check_open(tx, author, parent)
    if vouched_by is None:
        _check_rights(tx, site, received, author, read, parent)
    kept = remote_posts.record(tx, site, read, author, live=True, decision=decision_of(received))
    if kept is not None and not kept.new:  # another job fetched it in this moment
        _known_before(tx, site, received, author, kept.post, vouched_by)
        return
    if kept is None or vouched_by is not None:
        return
    if kept.group is not None:
        _pass_on(tx, site, kept.group, received, kept.post)
        return
    if kept.refused is not None:
        group, problem = kept.refused
        create = {"id": received.activity.id, "type": "Create", "actor": author.iri, "object": read.id}
        notices.refused(tx, site, group, author, create, problem)


def _known_before(
    tx: Tx, site: Site, received: Authentic, author: Actor, known: Post, vouched_by: Actor | None
) -> None:
    """A post that was fetched before it came (somebody answered it), or sent again: what it says now is not taken from its
    Create, which may be older than an edit; but its group has not passed it on yet. Raises Ignored."""
    if known.author_id != author.id or known.deleted_at is not None:
        raise Ignored("known", "this post is known here as another's, or as deleted")
    group = passing_on.of_posts(tx, known)
    if group is None or vouched_by is not None:
        return
    if known.removed_at is not None or _was_passed_on(tx, group, known):
        # Or its author could have it announced, and members told of it, as often as they like.
        raise Ignored("known", "this post is removed, or its group passed it on already")
    not_banned(tx, site, known, author)
    _pass_on(tx, site, group, received, known)


def _read(document: dict[str, Any], received: Authentic) -> PostDocument:
    """The post that is the one object of a Create: read once, though `needs` and `handle` both ask. Raises what `read_post`
    does."""
    found: PostDocument | None = received.activity.read.get("post")
    if found is None:
        found = received.activity.read["post"] = read_post(_addressed(document, received))
    return found


def _addressed(document: dict[str, Any], received: Authentic) -> dict[str, Any]:
    """The post with the audience of its Create where it has none of its own (Discourse), as Mastodon reads it."""
    if not {"to", "cc", "bto", "bcc"}.isdisjoint(document):
        return document
    outer = received.activity.document
    return document | {name: outer[name] for name in ("to", "cc") if name in outer}


def _votes(
    tx: Tx, site: Site, received: Authentic, voter: Actor, several: list[dict[str, Any]], vouched_by: Actor | None
) -> None:
    """Several choices of one voter, which GoToSocial publishes at once. Each counts by itself; raises what is wrong with
    the first when none does, and Ignored when they are no votes."""
    if len(several) > MAX_OPTIONS:
        raise Ignored("unsupported-type", "a Create of more things than a poll has options")
    read = [read_post(one) for one in several]
    for one in read:
        check_author(one, received)
    if not all(one.vote for one in read):
        raise Ignored("unsupported-type", "a Create of several things is read for votes in a poll alone")
    problems = []
    for one in read:
        try:
            _vote(tx, site, voter, one, vouched_by)
        except Ignored as problem:
            problems.append(problem)
    if len(problems) == len(read):
        raise problems[0]


def _vote(tx: Tx, site: Site, voter: Actor, read: PostDocument, vouched_by: Actor | None) -> None:
    """A vote in a poll (FEP-9967) is counted, and never kept as a post, whatever becomes of it."""
    poll = posts.by_iri(tx, read.in_reply_to or "")
    if vouched_by is not None or poll is None or not poll.local or poll.deleted_at is not None:
        raise Ignored("no-poll", "a vote is its voter's word to the author of a poll, and this one is not of here")
    open_to(tx, site, poll, voter, "react")
    became = polls.received(tx, site, voter, poll, read.title or "", read.id)
    if became != "counted":
        raise Ignored(became, "the vote does not count: the poll is over, has no such option, or it was given before")


def _check_open(tx: Tx, author: Actor, parent: Post) -> None:
    """Raises Ignored for an answer in a locked thread, which only moderators may give."""
    try:
        memberships.may_answer(tx, author, parent)
    except Forbidden as problem:
        raise Ignored(problem.code, problem.text) from problem


def _check_rights(
    tx: Tx, site: Site, received: Authentic, author: Actor, read: PostDocument, parent: Post | None
) -> None:
    if not graduated.links(read.content):
        return
    group = remote_posts.group_here(tx, site, read, author, parent)
    if group is not None:
        check_rights(received, read, author, group, graduated.waits(tx, site, author, group, read.content))


def check_rights(received: Authentic, read: PostDocument, author: Actor, group: Actor, waits: bool) -> None:
    """Raises HeldBack for what `waits` for the moderators of a group here, until one of them let it in."""
    if waits and not received.activity.read.get("released"):
        said = graduated.Waits(group, author, read.title, read.content, read.summary, read.language)
        raise HeldBack(Decision(Verdict.HOLD, graduated.CODE, graduated.RULE), said)


def _was_passed_on(tx: Tx, group: Actor, post: Post) -> bool:
    """Whether a group hosted here announced the Create of a post; votes and answers to it may have come before."""
    return any(
        (inner_type(row.body) or "").startswith("Create") for row in outbox.passed_on(tx, group.id, [post.id], 200)
    )


def _pass_on(tx: Tx, site: Site, group: Actor, received: Authentic, post: Post) -> None:
    if not may_announce(received.activity, group.iri):
        raise Ignored("nested-announce", "a group that passed this on would go round in circles")
    kind = "thread" if post.reply_to_iri is None else "other"
    passing_on.announce(tx, site, group, received.activity.raw, post, kind)


def check_author(read: PostDocument, received: Authentic) -> None:
    """Raises WrongOrigin unless whoever sent it is its author, and its id is of the author's origin."""
    if read.author != received.signer:
        raise WrongOrigin(f"{received.signer} can't publish in the name of {read.author}")
