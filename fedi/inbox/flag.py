"""Flag: a peer reports a person or posts, to a group hosted here or to this instance (Lemmy, Mastodon, Pleroma, Misskey)."""

from federation import fields as wire
from federation.activity import Authentic
from fedi.actions import appeals, rules
from fedi.actions import reports as report_actions
from fedi.context import Site
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import signer
from fedi.text import to_text
from storage import actors, moderations, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post
from storage.reports import Report

MAX_TEXT = 5000


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """Nothing: what is not known here can't be looked into here."""
    return NOTHING


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Keep the report and tell who decides about it."""
    keep(tx, site, received)


def keep(tx: Tx, site: Site, received: Authentic, *, vouched_by: Actor | None = None) -> None:
    """The same of what a group passed on (Mbin tells the servers of its moderators so).

    `object` is an id or a list, of an account (Mastodon, Misskey: first; Mbin: last), of posts (Lemmy: one), embedded ones
    (Pleroma) too; the words are in `content` or `summary`.
    """
    reporter = signer(tx, received)
    if _is_appeal(tx, site, received, reporter):
        return
    target, reported = _about(tx, received)
    group = report_actions.group_of(tx, reported)
    if not _concerns_us(tx, target, group, vouched_by):
        raise Ignored("not-relevant", "it is about nobody of this instance, and about no group that is moderated here")
    document = received.activity.document
    words = to_text(wire.text_of(document, "content") or wire.text_of(document, "summary") or "").strip()[:MAX_TEXT]
    rule = _rule(tx, group, wire.string(document.get("rule")))
    if rule is not None:
        words = words.removeprefix(rule).lstrip(": ")
    made = Report(
        id=site.new_id(),
        iri=received.activity.id,
        reporter_id=reporter.id,
        group_id=group.id if group is not None else None,
        actor_id=target.id,
        post_ids=[post.id for post in reported],
        text=words,
        category="violation" if rule is not None else "other",
        forward=False,
        state="open",
        resolved_by_id=None,
        resolved_at=None,
        created_at=site.clock(),
        rule=rule,
    )
    if not report_actions.keep(tx, site, made, target, group):
        raise Ignored("known", "this report is known already")


def _is_appeal(tx: Tx, site: Site, received: Authentic, by: Actor) -> bool:
    """Whether it is an appeal: its object is what a moderator did to who says it, or its group's server passes it on to
    moderators here. Raises Ignored for one that is known, or is nobody's to make."""
    named = wire.ids(received.activity.object)
    done = moderations.by_iri(tx, named[0]) if len(named) == 1 else None
    if done is None or done.group_id is None or done.actor_id is None:
        return False
    known = actors.by_ids(tx, [done.group_id, done.actor_id])
    group, appellant = known.get(done.group_id), known.get(done.actor_id)
    own = appellant is not None and by.id == appellant.id
    if group is None or appellant is None or not (own or (not group.local and by.host == group.host)):
        raise Ignored("not-yours", "who appeals is whom it was done to")
    document = received.activity.document
    words = to_text(wire.text_of(document, "content") or wire.text_of(document, "summary") or "")
    if not appeals.received(tx, site, appellant, done, group, words, received.activity.id):
        raise Ignored("known", "there is an appeal about this already, or none is possible")
    return True


def _rule(tx: Tx, group: Actor | None, named: str | None) -> str | None:
    """The rule that a report names, where the group has it."""
    return named if group is not None and named is not None and named in rules.of(tx, group) else None


def _about(tx: Tx, received: Authentic) -> tuple[Actor, list[Post]]:
    """(whom it is about, their posts). Raises Ignored when nothing of it is known here."""
    named = wire.ids(received.activity.object)[: report_actions.MAX_POSTS + 1]
    found = [post for iri in named if (post := posts.by_iri(tx, iri)) is not None and post.deleted_at is None]
    people = [actor for actor in actors.by_iris(tx, named).values() if not actor.is_group]
    target = people[0] if people else (actors.by_id(tx, found[0].author_id) if found else None)
    if target is None:
        raise Ignored("unknown-object", "nothing that it is about is known here")
    # Of several authors one report is about one; the posts of the others are no evidence against them.
    return target, [post for post in found if post.author_id == target.id]


def _concerns_us(tx: Tx, target: Actor, group: Actor | None, vouched_by: Actor | None) -> bool:
    if target.local or (group is not None and group.local):
        return True
    return (
        group is not None
        and (vouched_by is None or vouched_by.id == group.id)
        and bool(report_actions.moderators_here(tx, group))
    )
