"""ChooseAnswer: somebody says that a post answers the question of its thread (PieFed). A group hosted here passes it on."""

from federation.activity import Authentic
from fedi.actions import passing_on, twins
from fedi.actions import questions as actions
from fedi.context import Site
from fedi.errors import Forbidden
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import object_id, open_to, post, signer
from storage import actors, posts, questions
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post
from storage.questions import Choice


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """Nothing: what answers a thread that is not known here concerns nobody here."""
    return NOTHING


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Keep the choice, and let a group hosted here announce it."""
    keep(tx, site, received)


def keep(tx: Tx, site: Site, received: Authentic, *, vouched_by: Actor | None = None) -> None:
    """Keep a choice that its actor sent, or that a group passed on (`vouched_by`), which knows who is in it."""
    by = signer(tx, received)
    answer = post(tx, object_id(received.activity))
    root, group = thread_of(tx, answer)
    vouched = _vouched(tx, by, root, group, vouched_by)
    if not vouched:
        open_to(tx, site, answer, by, "react")
    try:
        actions.may_choose(tx, site, by, root, answer, vouched=vouched)
    except Forbidden as problem:
        raise Ignored(problem.code, problem.text) from problem
    known = questions.choice_of(tx, root.id, by.id)
    if known is not None and known.answer_id == answer.id:
        raise Ignored("known", "this choice is known already")
    actions.keep(tx, site, root, Choice(root.id, by.id, answer.id, received.activity.id, site.clock()))
    if group is not None and group.local:
        passing_on.announce(tx, site, group, received.activity.raw, answer, "other")


def thread_of(tx: Tx, answer: Post) -> tuple[Post, Actor | None]:
    """(the first post of the thread that an answer is in, its group). Raises Ignored for what answers nothing."""
    root = posts.by_id(tx, answer.root_id) if answer.root_id not in (None, answer.id) else None
    if root is None or root.deleted_at is not None:
        raise Ignored("no-answer", f"{answer.iri} is no answer in a thread that is known here")
    return root, actors.by_id(tx, root.group_id) if root.group_id is not None else None


def _vouched(tx: Tx, by: Actor, root: Post, group: Actor | None, vouched_by: Actor | None) -> bool:
    """Whether another than us knows that `by` may choose. Raises Ignored for what only a group elsewhere can tell."""
    if group is None:
        return False
    if group.local:
        return vouched_by is not None and group.id in [one.id for one in twins.copies(tx, vouched_by)]
    if vouched_by is None or vouched_by.id != group.id:
        if by.id != root.author_id:
            raise Ignored(
                "not-announced", f"what members of {group.iri} choose is believed when that group announces it"
            )
        return False
    return True
