"""What a group hosted here passes on to its followers (FEP-1b12): activities as they came to forums, boosts of threads to
microblogs; and to whom what happens in it is addressed. Founding and changing groups is `groups`."""

from federation import fields as wire
from federation.groups import announce_forms
from federation.parse import parse_document
from federation.vocabulary.activities import announce_raw
from fedi import policy
from fedi.actions import envelopes, notices, sending
from fedi.context import Site
from fedi.facts import Known
from fedi.rendering.threads import group_context
from storage import actors, groups, outbox, posts, reactions, timelines, twins
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post
from storage.reactions import Boost
from storage.timelines import Entry


def announce(
    tx: Tx, site: Site, group: Actor, activity: bytes, post: Post | None, kind: str, *, also: Actor | None = None
) -> bool:
    """The group passes an activity on to its followers.

    Forums (and whoever we know nothing of) get the activity wrapped, byte for byte as it came (FEP-1b12: it "MUST be
    preserved exactly"). Microblogs get one boost for each new thread and nothing else, since Mastodon would show every
    announced comment as a boost. `kind` is `thread` for a post that opens one, `delete`, else `other`. `also` is somebody
    who does not follow it (any more) and whose server is to hear of this all the same: who is banned.

    A group with twins passes each activity on once, and not to the twin that it came from; False when it did before, or the
    policy is against that: what is taken away is passed on all the same, and what people here write is not asked about.
    """
    if post is not None and not post.local and kind != "delete" and not _may_pass_on(tx, site, group, post, activity):
        return False
    came_from = None
    if twins.any_of(tx, group.id):
        inner = wire.id_of(parse_document(activity))
        if inner is not None and not twins.pass_on(tx, group.id, inner, site.clock()):
            return False
        came_from = twins.came_from(tx, group.id, inner) if inner is not None else None
    private = not _for_everyone(tx, group, post)
    followers = group.followers or ""
    to = [followers] if private else [sending.PUBLIC]
    cc = [] if private else [followers]
    audience = outbox.Audience(
        followers_of=(group.id,), actors=(also.id,) if also is not None else (), but_not=came_from
    )
    iri = site.iri(f"/activities/{site.new_id()}")
    # So that the server of who wrote it, and members' servers, learn where the whole thread is.
    context = None if post is None or kind == "delete" else group_context(group, post.root_id or post.id)
    body = announce_raw(iri, group.iri, to, cc, activity, site.clock(), context=context)
    # Once deleted, nobody may see the post, and everyone must hear of it.
    about = None if post is None or kind == "delete" else post.id
    sending.append(tx, site, group, "Announce", iri, body, audience, post_id=about, form="forum", fresh=True)
    if post is not None and "microblog" in announce_forms("thread" if kind == "thread" else "other"):
        boost(tx, site, group, post)
        author = actors.by_id(tx, post.author_id) if private else None
        if author is not None:
            notices.thread(tx, site, group, post, author)
    return True


def _may_pass_on(tx: Tx, site: Site, group: Actor, post: Post, activity: bytes) -> bool:
    """Whether the policy lets a group pass on something about a post that was written elsewhere; what it decided is kept."""
    author = actors.by_id(tx, post.author_id)
    facts = Known(tx, site).announced(group, author, post, parse_document(activity))
    judged = policy.judge(tx, site, policy.current(tx, site), facts)
    envelopes.keep_with_others(tx, site, *judged)
    if not policy.refuses(judged.decision):
        return True
    policy.keep_judged(tx, site, judged)
    return False


def _for_everyone(tx: Tx, group: Actor, post: Post | None) -> bool:
    """Whether what is said of `post`, or of the group itself, in this group is for everyone: else Public is named nowhere."""
    return for_everyone(tx, group) and (post is None or post.visibility in ("public", "unlisted"))


def for_everyone(tx: Tx, group: Actor) -> bool:
    """Whether everyone may read a group, so that what happens in it may be addressed to Public."""
    row = groups.by_id(tx, group.id)
    return row is None or row.see == "public"


def addressed(tx: Tx, group: Actor) -> tuple[list[str], list[str]]:
    """(`to`, `cc`) of what is done in a group beside posts: Public only where everyone may read it, as Lemmy has it."""
    if for_everyone(tx, group):
        return [sending.PUBLIC], [group.iri]
    return [group.iri, *([group.followers] if group.followers else [])], []


def boost_iri(group: Actor, number: int) -> str:
    """The IRI of a group's boost: `number` is the post's id, so that `Undo` can name it for all who got it, and once a
    post was taken back and restored a new one, as Mastodon passes by a boost that it knows."""
    return f"{group.iri}/announces/{number}"


def boost(tx: Tx, site: Site, group: Actor, post: Post, *, again: bool = False) -> None:
    """A local group puts a post before its followers: in timelines here, and as a plain boost for microblogs."""
    if post.removed_at is not None:
        return
    boost_id = site.new_id()
    made = Boost(boost_id, group.id, post.id, boost_iri(group, boost_id if again else post.id), site.clock())
    if not reactions.insert_boost(tx, made):
        return
    timelines.insert(tx, Entry(group.id, made.id, post.id, True, post.reply_to_actor_id))
    posts.count(tx, post.id, boosts=1)
    if post.visibility in ("public", "unlisted"):
        actors.count(tx, group.id, posts=1)
        actors.change(tx, group.id, last_post_at=site.clock())
        followers = group.followers or ""
        sending.send(
            tx,
            site,
            group,
            "Announce",
            post.iri,
            to=[sending.PUBLIC],
            cc=[followers],
            audience=outbox.Audience(followers_of=(group.id,)),
            activity_id=made.iri,
            post_id=post.id,
            form="microblog",
            published=sending.timestamp(made.created_at),
        )


def unboost(tx: Tx, site: Site, group: Actor, post: Post) -> None:
    """A local group takes a post back: out of timelines here, `Undo` of the boost for microblogs."""
    known = reactions.find_boost(tx, group.id, post.id)
    if known is None:
        return
    reactions.remove_boost(tx, known.id)
    timelines.remove(tx, group.id, known.id)
    posts.count(tx, post.id, boosts=-1)
    if post.visibility not in ("public", "unlisted"):
        return
    actors.count(tx, group.id, posts=-1)
    document = {"id": known.iri, "type": "Announce", "actor": group.iri, "object": post.iri}
    sending.send(
        tx,
        site,
        group,
        "Undo",
        document,
        to=[sending.PUBLIC],
        cc=[group.followers or ""],
        audience=outbox.Audience(followers_of=(group.id,)),
        form="microblog",
    )


def of_posts(tx: Tx, post: Post) -> Actor | None:
    """The group that a post is in, when it is hosted here."""
    group = actors.by_id(tx, post.group_id) if post.group_id is not None else None
    return group if group is not None and group.local else None
