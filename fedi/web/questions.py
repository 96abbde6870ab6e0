"""Questions on pages: what the page of a thread says of one, and `POST /question`, which its buttons send: accept an answer, take
that back, open the question again, make a thread a question or none."""

from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from fedi import visibility
from fedi.actions import questions as actions
from fedi.context import Site
from fedi.errors import NotFound, Problem
from fedi.forms import local_path, number, person, see_other, sent, text
from fedi.languages import N_, _
from fedi.web import cards
from fedi.web.card import Card
from storage import actors, posts, questions
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post

_HOW = {
    "asker": N_("Accepted by who asked."),
    "members": N_("Accepted by members of two universities."),
    "stated": N_("Accepted where the question was asked."),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A thread as a question, for one viewer: `answer` is the accepted one, where they see it; `yours` the id of the answer that
    they chose; `voices` of how many universities members chose an answer, by its id."""

    root: Post
    answer: Card | None = None
    how: str | None = None
    may_choose: bool = False
    may_reopen: bool = False
    mine: bool = False
    me_id: int = 0
    yours: int | None = None
    voices: dict[int, int] = field(default_factory=dict)

    def accepts(self, post: Post) -> bool:
        """Whether the viewer may say of this post that it answers the question, and did not yet."""
        own = post.author_id == self.me_id and not self.mine
        return self.may_choose and not own and post.id not in (self.root.id, self.yours)

    def is_answer(self, post: Post) -> bool:
        """Whether this post is the accepted answer."""
        return self.answer is not None and self.answer.post.id == post.id


def of(tx: Tx, site: Site, me: Actor | None, root_id: int) -> Asked | None:
    """What the thread that begins with this post asks; None where it asks nothing, or its first post is not shown to `me`."""
    root = posts.by_id(tx, root_id)
    if root is None or root.reply_to_iri is not None or root.deleted_at is not None:
        return None
    mine = me is not None and me.id == root.author_id
    if root.asks is None:
        able = mine and root.local and root.kind != "Question" and root.visibility != "direct"
        return Asked(root, mine=True, me_id=root.author_id) if able else None
    viewer = cards.viewer_of(me)
    if not visibility.may_see(tx, viewer, root):
        return None
    question = questions.find(tx, root.id)
    if question is None:
        choosing = me is not None and actions.may_choose_in(tx, site, me, root)
        return Asked(root, may_choose=choosing, mine=mine, me_id=me.id if me is not None else 0)
    accepted = actions.accepted(tx, question, root)
    seen = visibility.seen(tx, viewer, [accepted.id]) if accepted is not None else {}
    shown = cards.of_posts(tx, me, list(seen.values()))
    chosen = questions.chosen(tx, root.id)
    people = actors.by_ids(tx, [one.actor_id for one in chosen])
    hosts: dict[int, set[str]] = {}
    for one in chosen:
        hosts.setdefault(one.answer_id, set()).add(people[one.actor_id].host if one.actor_id in people else "")
    return Asked(
        root,
        answer=shown[0] if shown else None,
        how=_HOW.get(question.how or ""),
        may_choose=me is not None and actions.may_choose_in(tx, site, me, root),
        may_reopen=me is not None and bool(chosen) and actions.may_reopen(tx, me, root),
        mine=mine,
        me_id=me.id if me is not None else 0,
        yours=next((one.answer_id for one in chosen if me is not None and one.actor_id == me.id), None),
        voices={answer: len(at) for answer, at in hosts.items()},
    )


async def change(request: Request) -> Response:
    """Do what the button says: `accept` an answer, `undo`, `reopen`, `ask` or `unask` a thread, each with the id of a post."""
    site: Site = request.app.state.site
    me = await person(request)
    form = await sent(request)
    verb = next((name for name in ("accept", "undo", "reopen", "ask", "unask") if name in form), None)
    post_id = number(form, verb) if verb is not None else None
    if verb is None or post_id is None:
        raise Problem(_("This button says nothing of a post; go back and try again."))
    back = local_path(text(form, "next"), "/home")

    def write(tx: Tx) -> None:
        post = visibility.seen(tx, visibility.person(me.id), [post_id]).get(post_id)
        if post is None:
            raise NotFound(_("This post is gone, or not shown to you (any more)."))
        if verb == "accept":
            actions.accept(tx, site, me, post)
        elif verb == "undo":
            actions.take_back(tx, site, me, post)
        elif verb == "reopen":
            actions.reopen(tx, site, me, post)
        elif verb == "ask":
            actions.ask(tx, site, me, post)
        else:
            actions.ask_no_more(tx, site, me, post)

    await site.db.write(write)
    done = {"accept": "accepted", "undo": "unaccepted", "reopen": "reopened", "ask": "asked", "unask": "unasked"}[verb]
    path, _hash, _place = back.partition("#")
    return see_other(f"{path}{'&' if '?' in path else '?'}done={done}")
