"""Questions: a thread that asks, the answer that is accepted, and who says so.

Whoever asked accepts an answer; so do two members of the group who are of different institutions. Moderators open a question
again. Each instance counts for itself by what the group passes on, as with votes, so that nobody has to be believed; the home
of the question says the result in the post itself, for those who did not hear the choices.
"""

from dataclasses import replace

from fedi import visibility as gate
from fedi.actions import choices, memberships, notifying
from fedi.actions.publishing import tell
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound
from fedi.languages import _
from storage import actors, follows, peers, posts, questions
from storage import memberships as membership_rows
from storage.actors import Actor
from storage.events import note
from storage.metadata import Tx
from storage.posts import Post
from storage.questions import OPEN, SOLVED, Choice, Question

INSTITUTIONS = 2
"""Institutions whose members must choose the same answer for it to be accepted without who asked."""


def ask(tx: Tx, site: Site, who: Actor, root: Post) -> Post:
    """What `who` wrote to open a thread is a question from now on. Again is nothing.

    Raises Forbidden for another's post, Invalid for what opens no thread, is a poll, or is for some people alone.
    """
    if root.author_id != who.id or not root.local:
        raise Forbidden(_("Only who wrote a post can make it a question."), code="not-the-author")
    if root.reply_to_iri is not None or root.kind == "Question" or root.visibility == "direct":
        raise Invalid(_("Only the first post of a thread can be a question, and no poll."), code="no-thread")
    if root.asks is not None:
        return root
    return _say(tx, site, root, OPEN)


def ask_no_more(tx: Tx, site: Site, who: Actor, root: Post) -> Post:
    """It is no question after all. Raises Forbidden for another's post."""
    if root.author_id != who.id or not root.local:
        raise Forbidden(_("Only who wrote a post can make it a question."), code="not-the-author")
    if root.asks is None:
        return root
    questions.forget(tx, root.id)
    return _say(tx, site, root, None)


def accept(tx: Tx, site: Site, who: Actor, answer: Post) -> Question:
    """A local person says that this answers the question of its thread. Again is nothing.

    Raises NotFound for what they don't see, Forbidden for who may not choose, with the reason.
    """
    root = _root(tx, who, answer)
    group = _group(tx, root)
    may_choose(tx, site, who, root, answer)
    known = questions.choice_of(tx, root.id, who.id)
    if known is not None and known.answer_id == answer.id:
        return questions.find(tx, root.id) or _new(root)
    made = Choice(root.id, who.id, answer.id, site.iri(f"/activities/{site.new_id()}"), site.clock())
    choices.send(tx, site, who, root, answer, group, made)
    return keep(tx, site, root, made)


def take_back(tx: Tx, site: Site, who: Actor, root: Post) -> None:
    """A local person chooses no answer any more; nothing when they chose none."""
    known = questions.choice_of(tx, root.id, who.id)
    answer = posts.by_id(tx, known.answer_id) if known is not None else None
    if known is None:
        return
    if answer is not None:
        choices.send_undo(tx, site, who, who, root, answer, known)
    dropped(tx, site, root, who)


def reopen(tx: Tx, site: Site, who: Actor, root: Post) -> None:
    """A moderator of its group opens a question again: nobody's choice counts any more, and each may choose anew.

    Raises Forbidden for who does not moderate the group.
    """
    group = _group(tx, root)
    if group is None or not memberships.moderates(tx, who, group):
        raise Forbidden(_("Only moderators of the group can open a question again."), code="not-a-moderator")
    for choice in questions.chosen(tx, root.id):
        chooser, answer = actors.by_id(tx, choice.actor_id), posts.by_id(tx, choice.answer_id)
        if chooser is not None and answer is not None:
            choices.send_undo(tx, site, who, chooser, root, answer, choice)
    opened(tx, site, root)


def may_choose(tx: Tx, site: Site, who: Actor, root: Post, answer: Post, *, vouched: bool = False) -> None:
    """Raises Forbidden, with the reason, for who may not say that `answer` answers `root`: who asked may, and members of the
    group, but for their own answers. `vouched`: the group passed it on, and knows its members."""
    if answer.id == root.id or answer.deleted_at is not None or answer.removed_at is not None:
        raise Forbidden(_("Only an answer in the thread can be accepted."), code="no-answer")
    if who.id == root.author_id:
        memberships.may_act(tx, site, who, root)
        return
    if root.asks is None:
        raise Forbidden(_("This thread does not ask a question."), code="not-asking")
    if answer.author_id == who.id:
        raise Forbidden(_("You can't accept your own answer to another's question."), code="own-answer")
    group = _group(tx, root)
    if group is None:
        raise Forbidden(_("Only who asked can accept an answer here."), code="not-the-asker")
    if vouched:
        return
    memberships.may_act(tx, site, who, root)
    if not _is_member(tx, who, group):
        raise Forbidden(_("Only who asked and members of the group can accept an answer."), code="not-a-member")


def may_choose_in(tx: Tx, site: Site, who: Actor, root: Post) -> bool:
    """Whether a local person may choose among the answers of a question, but for their own."""
    if root.asks is None or root.deleted_at is not None:
        return False
    group = _group(tx, root)
    if group is not None and memberships.banned(site, membership_rows.find(tx, group.id, who.id)):
        return False
    return who.id == root.author_id or (group is not None and _is_member(tx, who, group))


def may_reopen(tx: Tx, who: Actor, root: Post) -> bool:
    """Whether somebody may open a question again that is solved, or that somebody chose an answer in."""
    group = _group(tx, root)
    return root.asks is not None and group is not None and memberships.moderates(tx, who, group)


def keep(tx: Tx, site: Site, root: Post, choice: Choice) -> Question:
    """Note what somebody chose who may, whoever it is, and settle what follows. The question as it is now comes back."""
    if root.asks is None:
        posts.change(tx, root.id, asks=OPEN)  # who asked accepts an answer: so it was a question (PieFed marks no post)
        root = replace(root, asks=OPEN)
    question = questions.find(tx, root.id)
    if question is None:
        question = _new(root)
        questions.save(tx, question)
    questions.choose(tx, choice)
    return _settle(tx, site, root, question, by=actors.by_id(tx, choice.actor_id))


def dropped(tx: Tx, site: Site, root: Post, by: Actor) -> None:
    """Somebody, whoever it is, chooses nothing any more."""
    questions.unchoose(tx, root.id, by.id)
    question = questions.find(tx, root.id)
    if question is not None:
        if by.id == root.author_id and question.stated_iri is not None:
            question = replace(question, stated_iri=None)  # their home says so later; it is their word all the same
            questions.save(tx, question)
        _settle(tx, site, root, question, by=by)


def forget(tx: Tx, site: Site, who: Actor) -> None:
    """Whoever is erased chose nothing; of who was here the others are told."""
    for root in posts.by_ids(tx, questions.roots_of(tx, who.id)).values():
        if who.local:
            take_back(tx, site, who, root)
        else:
            dropped(tx, site, root, who)
    questions.forget_choices(tx, who.id)


def opened(tx: Tx, site: Site, root: Post) -> None:
    """A moderator opened a question again."""
    question = questions.find(tx, root.id)
    if question is None:
        return
    for choice in questions.chosen(tx, root.id):
        questions.unchoose(tx, root.id, choice.actor_id)
    question = replace(question, stated_iri=None)
    questions.save(tx, question)
    _settle(tx, site, root, question, by=None)


def answer_changed(tx: Tx, site: Site, post: Post) -> None:
    """A post was deleted, removed or put back: if it answered a question, that is open again, or solved."""
    in_thread = post.reply_to_iri is not None and post.root_id is not None
    question = questions.find(tx, post.root_id or 0) if in_thread else None
    root = posts.by_id(tx, question.root_id) if question is not None else None
    if question is not None and root is not None:
        _settle(tx, site, root, question, by=None)


def stated(tx: Tx, site: Site, root: Post, *, solved: bool, accepted: str | None) -> Post:
    """What the home of a post from elsewhere says of it as a question. The post comes back."""
    wanted = SOLVED if solved else OPEN
    question = questions.find(tx, root.id)
    if question is None and accepted is None:
        if root.asks != wanted:
            posts.change(tx, root.id, asks=wanted)
        return replace(root, asks=wanted)
    question = question or _new(root)
    if question.stated_iri != accepted or root.asks is None:
        question = replace(question, stated_iri=accepted)
        questions.save(tx, question)
        if root.asks is None:
            posts.change(tx, root.id, asks=OPEN)
            root = replace(root, asks=OPEN)
        _settle(tx, site, root, question, by=None)
    return posts.by_id(tx, root.id) or root


def unstated(tx: Tx, root: Post) -> Post:
    """The home of a post from elsewhere does not call it a question. What somebody chose an answer in is one all the same, but
    where its home would say so: PieFed marks no post. The post comes back."""
    if questions.find(tx, root.id) is not None:
        author = actors.by_id(tx, root.author_id)
        peer = peers.by_host(tx, author.host) if author is not None else None
        if peer is None or peer.software != "fedi":
            return root
        questions.forget(tx, root.id)
    posts.change(tx, root.id, asks=None)
    return replace(root, asks=None)


def accepted(tx: Tx, question: Question, root: Post) -> Post | None:
    """The accepted answer, where it is known here. Whether somebody may see it is for the gate to say."""
    if question.accepted_id is not None:
        return posts.by_id(tx, question.accepted_id)
    # Its home may have named what came here only later.
    named = posts.by_iri(tx, question.stated_iri) if question.stated_iri is not None else None
    return named if named is not None and _answers(named, root) else None


def _settle(tx: Tx, site: Site, root: Post, question: Question, *, by: Actor | None) -> Question:
    """Work out which answer is accepted now, write it down, and tell of it when that changed."""
    if root.deleted_at is not None:
        return question
    answer, how = _decided(tx, root, question)
    state = SOLVED if how is not None else OPEN
    settled = replace(question, accepted_id=answer.id if answer is not None else None, how=how)
    if settled == question and root.asks == state:
        return question
    changed = root.asks != state or settled.accepted_id != question.accepted_id
    settled = replace(settled, changed_at=site.clock()) if changed else settled
    questions.save(tx, settled)
    if changed:
        _say(tx, site, root, state)
        if answer is not None:
            _told(tx, site, root, answer, by)
    return settled


def _decided(tx: Tx, root: Post, question: Question) -> tuple[Post | None, str | None]:
    """(the accepted answer, whose word made it so): who asked, else the home of the question, else the first answer that
    members of two institutions chose."""
    chosen = questions.chosen(tx, root.id)
    there = posts.by_ids(tx, [one.answer_id for one in chosen])
    answers = {one.id: one for one in there.values() if _answers(one, root)}
    people = actors.by_ids(tx, [one.actor_id for one in chosen])
    asker = next((one for one in chosen if one.actor_id == root.author_id), None)
    if asker is not None and asker.answer_id in answers:
        return answers[asker.answer_id], "asker"
    if question.stated_iri is not None and not root.local:
        named = posts.by_iri(tx, question.stated_iri)
        if named is None or _answers(named, root):
            return named, "stated"
    group = _group(tx, root)
    hosts: dict[int, set[str]] = {}
    for one in chosen:
        who, answer = people.get(one.actor_id), answers.get(one.answer_id)
        if who is None or answer is None or who.state != "active" or answer.author_id == who.id:
            continue
        if group is None or (group.local and not _is_member(tx, who, group)):
            continue  # who left since, or was put out
        hosts.setdefault(answer.id, set()).add(who.host)
        if len(hosts[answer.id]) >= INSTITUTIONS:
            return answer, "members"
    return None, None


def _say(tx: Tx, site: Site, root: Post, state: str | None) -> Post:
    """The first post says what is so now: to streams here, and from its home to everyone it concerns."""
    posts.change(tx, root.id, asks=state)
    root = replace(root, asks=state)
    note(tx, "stream", f"edited {root.id}")
    author = actors.by_id(tx, root.author_id)
    if root.local and author is not None and author.state == "active":
        tell(tx, site, "Update", root, author, _group(tx, root), updated=site.clock())
    return root


def _told(tx: Tx, site: Site, root: Post, answer: Post, by: Actor | None) -> None:
    """Who wrote the answer hears of it, and who asked, when it was not they who said so."""
    asker = actors.by_id(tx, root.author_id)
    author = actors.by_id(tx, answer.author_id)
    teller = by or asker
    for person in (author, asker):
        seen = person is not None and person.local and gate.may_see(tx, gate.person(person.id), root)
        if person is not None and teller is not None and seen:
            notifying.tell(tx, site, person, "update", teller, root.id)


def _root(tx: Tx, who: Actor, answer: Post) -> Post:
    """The first post of the thread that an answer is in. Raises NotFound for who does not see both."""
    viewer = gate.person(who.id)
    root = posts.by_id(tx, answer.root_id or answer.id)
    if root is None or not gate.may_see(tx, viewer, answer) or not gate.may_see(tx, viewer, root):
        raise NotFound(_("There is no such post, or it is not shown to you."))
    return root


def _answers(post: Post, root: Post) -> bool:
    in_thread = post.root_id == root.id and post.id != root.id
    return in_thread and post.deleted_at is None and post.removed_at is None


def _group(tx: Tx, root: Post) -> Actor | None:
    return actors.by_id(tx, root.group_id) if root.group_id is not None else None


def _is_member(tx: Tx, who: Actor, group: Actor) -> bool:
    """Whether somebody is in a group: of one hosted here its members, of one elsewhere whose follow it accepted."""
    if group.local:
        membership = membership_rows.find(tx, group.id, who.id)
        return membership is not None and membership.state == "accepted"
    edge = follows.find(tx, who.id, group.id)
    return edge is not None and edge.state == "accepted"


def _new(root: Post) -> Question:
    return Question(root.id, None, None, None, 0)
