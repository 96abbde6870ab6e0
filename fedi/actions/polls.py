"""Polls: begin one, vote, count what peers vote, keep what peers counted, tell how it stands, end it (FEP-9967)."""

from dataclasses import replace
from typing import Literal

from federation.vocabulary.question import PollDocument, build_vote
from fedi import visibility as gate
from fedi.actions import memberships, notifying, sending
from fedi.actions.drafts import PollDraft, options_of
from fedi.actions.publishing import tell
from fedi.context import Site
from fedi.errors import Invalid, NotFound
from storage import actors, jobs, outbox, polls, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.polls import Poll, Vote
from storage.posts import Post

UPDATE_EVERY = 180_000
"""Peers are told how a poll stands this often (ms) at most, as Mastodon does; and when it ends."""

Counted = Literal["counted", "poll-ended", "no-such-option", "known"]


def begin(tx: Tx, site: Site, post: Post, draft: PollDraft) -> Poll:
    """The poll of a new local post."""
    options = options_of(draft)
    poll = Poll(post.id, draft.multiple, options, [0] * len(options), 0, draft.ends_at, None, draft.hide_totals)
    polls.save(tx, poll)
    _plan_end(tx, site, poll)
    return poll


def by_post(tx: Tx, post: Post) -> Poll | None:
    """The poll of a post; only a Question has one."""
    return polls.by_post(tx, post.id) if post.kind == "Question" else None


def is_as(known: Poll | None, draft: PollDraft | None) -> bool:
    """Whether a poll asks what the draft asks; when it ends is no matter."""
    if known is None or draft is None:
        return known is None and draft is None
    wanted = (options_of(draft), draft.multiple, draft.hide_totals)
    return (known.options, known.multiple, known.hide_totals) == wanted


def change(tx: Tx, site: Site, post: Post, draft: PollDraft | None) -> None:
    """The poll of a local post as its author wants it from now on; None: it has none any more.

    With other options, or another number of choices, what was voted means nothing and is forgotten (Mastodon). One that
    is over, and is sent again as it was, stays over.
    """
    known = polls.by_post(tx, post.id)
    if draft is None:
        if known is not None:
            polls.remove(tx, post.id)
        return
    options = options_of(draft)
    if known is None or (known.options, known.multiple) != (options, draft.multiple):
        if known is not None:
            polls.forget_votes(tx, post.id)
        begin(tx, site, post, draft)
        return
    if over(known, site.clock()):
        return
    changed = replace(known, ends_at=draft.ends_at, hide_totals=draft.hide_totals)
    if changed != known:
        polls.save(tx, changed)
        _plan_end(tx, site, changed)


def over(poll: Poll, now: int) -> bool:
    """Whether nobody can vote any more."""
    return poll.closed_at is not None or (poll.ends_at is not None and poll.ends_at <= now)


def vote(tx: Tx, site: Site, voter: Actor, post: Post, choices: list[int]) -> Poll:
    """A local person votes; `choices` are positions among the options. The poll with its new counts comes back.

    A vote on a remote poll goes to its author alone, and the counts here are only guessed until its server tells them.
    Raises NotFound where there is no poll that they may see, Forbidden for who is banned from its group, and Invalid for one's own poll, one that is over, a second
    vote, options that are not there, or several where there is one choice.
    """
    poll = polls.by_post(tx, post.id)
    if poll is None or not gate.may_see(tx, gate.person(voter.id), post):
        raise NotFound
    chosen = list(dict.fromkeys(choices))
    if post.author_id == voter.id:
        raise Invalid("Validation failed: You cannot vote in your own polls")
    memberships.may_act(tx, site, voter, post)
    if over(poll, site.clock()):
        raise Invalid("Validation failed: The poll has already ended", code="poll-ended")
    if not chosen or not all(0 <= one < len(poll.options) for one in chosen):
        raise Invalid("Validation failed: The chosen vote option does not exist", code="no-such-option")
    if len(chosen) > 1 and not poll.multiple:
        raise Invalid("Validation failed: This poll takes one choice")
    if polls.votes_of(tx, post.id, voter.id):
        raise Invalid("Validation failed: You have already voted on this poll", code="known")
    now = site.clock()
    for option in chosen:
        iri = f"{voter.iri}#votes/{site.new_id()}"
        polls.insert_vote(tx, Vote(post.id, voter.id, option, iri, now))
        if not post.local:
            _send(tx, site, voter, post, poll.options[option], iri)
    if post.local:
        return _counted(tx, site, poll)
    votes = [number + (position in chosen) for position, number in enumerate(poll.votes)]
    poll = replace(poll, votes=votes, voters_count=poll.voters_count + 1)
    polls.save(tx, poll)
    _plan_end(tx, site, poll)
    return poll


def received(tx: Tx, site: Site, voter: Actor, post: Post, option: str, iri: str) -> Counted:
    """A peer's vote in a local poll, by the text of the option; who may see the post was asked before.

    `iri` is that of the vote. Says whether it was counted, or why not: one vote a person and option, and one only where
    there is one choice.
    """
    poll = polls.by_post(tx, post.id)
    wanted = " ".join(option.split())
    if poll is None or not post.local or wanted not in poll.options:
        return "no-such-option"
    if over(poll, site.clock()):
        return "poll-ended"
    if not poll.multiple and polls.votes_of(tx, post.id, voter.id):
        return "known"
    if not polls.insert_vote(tx, Vote(post.id, voter.id, poll.options.index(wanted), iri, site.clock())):
        return "known"
    _counted(tx, site, poll)
    return "counted"


def keep(tx: Tx, site: Site, post: Post, read: PollDocument) -> None:
    """The poll of a remote post as its origin has it now. Other options than before: what was voted here is void."""
    known = polls.by_post(tx, post.id)
    now = site.clock()
    closed = read.closed if read.closed is not None and read.closed <= now else None
    poll = Poll(post.id, read.multiple, read.options, read.votes, read.voters, read.ends_at, closed)
    if known == poll:
        return
    if known is not None and (known.options, known.multiple) != (poll.options, poll.multiple):
        polls.forget_votes(tx, post.id)
    polls.save(tx, poll)
    if known is not None and closed is not None and known.closed_at is None:
        _told(tx, site, post)


def due(tx: Tx, site: Site, post_id: int) -> None:
    """What a job does: end a poll whose time is over and tell who voted here; tell peers how a local one stands."""
    post, poll = posts.by_id(tx, post_id), polls.by_post(tx, post_id)
    if post is None or poll is None or post.deleted_at is not None or poll.closed_at is not None:
        return
    now = site.clock()
    if poll.ends_at is not None and poll.ends_at <= now:
        polls.close(tx, post_id, poll.ends_at)
        _told(tx, site, post)
    if post.local:
        author = actors.by_id(tx, post.author_id)
        group = actors.by_id(tx, post.group_id) if post.group_id is not None else None
        # Whoever lost sight of the post since they voted must not be sent it.
        voters = tuple(polls.voters(tx, post_id)) if post.visibility in ("public", "unlisted") else ()
        if author is not None and author.state == "active":
            tell(tx, site, "Update", post, author, group, also=voters, updated=now)


def _counted(tx: Tx, site: Site, poll: Poll) -> Poll:
    """Count anew, and tell peers of it within some minutes: one job for all votes until then."""
    counted = polls.count(tx, poll)
    turn = site.clock() // UPDATE_EVERY + 1
    _plan(tx, site, poll.post_id, str(turn), turn * UPDATE_EVERY)
    return counted


def _plan_end(tx: Tx, site: Site, poll: Poll) -> None:
    if poll.ends_at is not None and not jobs.hasten(tx, "poll", f"{poll.post_id} end", poll.ends_at):
        _plan(tx, site, poll.post_id, "end", poll.ends_at)


def _plan(tx: Tx, site: Site, post_id: int, name: str, at: int) -> None:
    jobs.add(tx, site.new_id(), "poll", f"{post_id} {name}", {"post_id": post_id}, site.clock(), at)


def _told(tx: Tx, site: Site, post: Post) -> None:
    """Who voted here, and the author, hear that it is over."""
    author = actors.by_id(tx, post.author_id)
    if author is None:
        return
    if author.state == "active":
        notifying.tell(tx, site, author, "poll", author, post.id)
    for voter in actors.by_ids(tx, polls.voters(tx, post.id)).values():
        if voter.local and gate.may_see(tx, gate.person(voter.id), post):
            notifying.tell(tx, site, voter, "poll", author, post.id)


def _send(tx: Tx, site: Site, voter: Actor, post: Post, option: str, iri: str) -> None:
    author = actors.by_id(tx, post.author_id)
    if author is None:
        raise NotFound
    sending.send(
        tx,
        site,
        voter,
        "Create",
        build_vote(iri, voter.iri, author.iri, post.iri, option),
        to=[author.iri],
        cc=[],
        audience=outbox.Audience(actors=(author.id,)),
        activity_id=f"{iri}/activity",
        published=sending.timestamp(site.clock()),
    )
