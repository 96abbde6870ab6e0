"""Threads that ask: whether one is solved and by which answer, choosing one, and opening the question again."""

from typing import Literal, cast

from fedi import visibility
from fedi.actions import questions as actions
from fedi.api.operations import Call, Operation
from fedi.api.shapes import Chosen, Question, Status
from fedi.errors import NotFound
from fedi.languages import _
from fedi.mastodon.entities.status import status
from fedi.mastodon.load import Shown, bundle
from storage import posts, questions
from storage.metadata import Tx
from storage.posts import Post


def _root(tx: Tx, call: Call) -> Post:
    """The first post of the thread that the path names by any of its posts. Raises NotFound for what the caller can't see."""
    seen = visibility.seen(tx, call.viewer, [call.ids["id"]]).get(call.ids["id"])
    root = posts.by_id(tx, seen.root_id or seen.id) if seen is not None else None
    if root is None or not visibility.may_see(tx, call.viewer, root):
        raise NotFound(_("There is no such thread, or it is not shown to you."))
    return root


def asked(tx: Tx, call: Call) -> Question:
    """Whether a thread asks something, and what is known of its answer. `state` is null for one that does not."""
    return _shown(tx, call, _root(tx, call))


def _shown(tx: Tx, call: Call, root: Post) -> Question:
    root = posts.by_id(tx, root.id) or root
    question = questions.find(tx, root.id)
    answer = actions.accepted(tx, question, root) if question is not None else None
    me = call.caller.me if call.caller is not None else None
    mine = questions.choice_of(tx, root.id, me.id) if me is not None else None
    return Question(
        state=cast(Literal["open", "solved"] | None, root.asks),
        accepted=_status(tx, call, answer),
        how=cast(Literal["asker", "members", "stated"] | None, question.how if question is not None else None),
        yours=str(mine.answer_id) if mine is not None else None,
        may_choose=me is not None and actions.may_choose_in(tx, call.site, me, root),
        may_reopen=me is not None and actions.may_reopen(tx, me, root),
    )


def _status(tx: Tx, call: Call, answer: Post | None) -> Status | None:
    if answer is None:
        return None
    item = Shown(answer.id, answer.id)
    return status(bundle(tx, call.site, call.viewer, [item]), item)


def ask(tx: Tx, call: Call) -> Question:
    """Make a thread that the person who asks began a question. Again is nothing."""
    return _shown(tx, call, actions.ask(tx, call.site, call.me, _root(tx, call)))


def ask_no_more(tx: Tx, call: Call) -> Question:
    """It is no question after all; what was chosen is forgotten."""
    return _shown(tx, call, actions.ask_no_more(tx, call.site, call.me, _root(tx, call)))


def accept(tx: Tx, call: Call, body: Chosen) -> Question:
    """Say which answer is the right one, instead of what one said before.

    It is accepted when who asked says so, or when members of two institutions do.
    """
    root = _root(tx, call)
    answer = visibility.seen(tx, call.viewer, [int(body.answer_id)]).get(int(body.answer_id))
    if answer is None or answer.root_id != root.id:
        raise NotFound(_("There is no such answer in this thread, or it is not shown to you."))
    actions.accept(tx, call.site, call.me, answer)
    return _shown(tx, call, root)


def take_back(tx: Tx, call: Call) -> Question:
    """Choose no answer any more. Without a choice it is nothing."""
    root = _root(tx, call)
    actions.take_back(tx, call.site, call.me, root)
    return _shown(tx, call, root)


def reopen(tx: Tx, call: Call) -> Question:
    """Open a question again, as a moderator of its group: nobody's choice counts any more."""
    root = _root(tx, call)
    actions.reopen(tx, call.site, call.me, root)
    return _shown(tx, call, root)


_READ = ("read:groups", "read:statuses")
_WRITE = ("write:statuses",)
OPERATIONS = [
    Operation(method="GET", path="/threads/{id}/question", unit=asked, tag="threads", scopes=_READ, person=False),
    Operation(method="PUT", path="/threads/{id}/question", unit=ask, tag="threads", scopes=_WRITE, refuses=(422,)),
    Operation(method="DELETE", path="/threads/{id}/question", unit=ask_no_more, tag="threads", scopes=_WRITE),
    Operation(method="PUT", path="/threads/{id}/answer", unit=accept, tag="threads", scopes=_WRITE),
    Operation(method="DELETE", path="/threads/{id}/answer", unit=take_back, tag="threads", scopes=_WRITE),
    Operation(method="POST", path="/threads/{id}/reopening", unit=reopen, tag="threads", scopes=("write:groups",)),
]
