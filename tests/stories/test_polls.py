"""Polls across universities: asked, voted in, counted, told and ended; and what forums see of one."""

from typing import Any

import pytest

from fedi.actions import follows, polls, posts
from fedi.actions.posts import Draft, PollDraft
from fedi.errors import Invalid, Problem
from fedi.worker import jobs as job_kinds
from storage import jobs, notifications, outbox, received, timelines
from storage import polls as poll_rows
from storage import posts as post_rows
from storage.actors import Actor
from storage.polls import Poll
from storage.posts import Post
from tests.stories.conftest import Three
from tests.stories.test_group_across_universities import join
from tests.world import Instance, Peer, settle

pytestmark = pytest.mark.anyio

HOUR = 3_600_000


def ask(instance: Instance, author: Actor, text: str = "Which day?", **values: Any) -> Post:
    """`author` asks: Monday or Friday."""
    values = {"ends_at": instance.site.clock() + HOUR, **values}
    draft = Draft(text, poll=PollDraft(("Monday", "Friday"), **values))
    return instance.write(lambda tx: posts.publish(tx, instance.site, author, draft))


def poll_of(instance: Instance, iri: str) -> Poll:
    """The poll of a post as this instance knows it."""
    found = instance.read(lambda tx: poll_rows.by_post(tx, instance.post(iri).id))
    assert found is not None
    return found


async def run_jobs(instance: Instance, kind: str = "poll") -> None:
    """Do the jobs of this kind now, due or not."""
    for job in instance.write(lambda tx: jobs.claim(tx, 2**60, 2**60, 50)):
        if job.kind == kind:
            await job_kinds.run(instance.site, job)


def votes_of_remote(question: Post, voter: str, option: str, number: int = 1, **more: Any) -> dict[str, Any]:
    """A vote as Mastodon sends it."""
    return {
        "id": f"{voter}#votes/{number}",
        "type": "Note",
        "name": option,
        "attributedTo": voter,
        "to": ["https://alpha.example/people/ada"],
        "inReplyTo": question.iri,
        **more,
    }


async def reasons(instance: Instance) -> dict[str, str | None]:
    """What became of what was received, by activity id."""
    await settle(instance)
    rows = instance.read(lambda tx: tx.execute(received.received.select()).all())
    return {row.activity_id: row.code for row in rows}


async def test_a_poll_of_one_university_is_voted_in_at_another(three: Three) -> None:
    alpha, beta, gamma = three.all
    ada, bo, cy = alpha.person("ada"), beta.person("bo"), gamma.person("cy")
    await join(beta, bo, "ada@alpha.example")
    await join(gamma, cy, "ada@alpha.example")
    await settle(*three.all)
    question = ask(alpha, ada)
    await settle(*three.all)
    assert poll_of(beta, question.iri).options == ["Monday", "Friday"]
    there = beta.post(question.iri)
    assert (there.kind, there.content) == ("Question", "<p>Which day?</p>")

    guessed = beta.write(lambda tx: polls.vote(tx, beta.site, bo, there, [1]))
    assert (guessed.votes, guessed.voters_count) == ([0, 1], 1)
    await settle(*three.all)
    assert poll_of(alpha, question.iri).votes == [0, 1]
    assert poll_of(gamma, question.iri).votes == [0, 0]  # told of it within some minutes
    # The vote is nobody's post.
    assert alpha.read(lambda tx: post_rows.of_author(tx, alpha.actor(bo.iri).id)) == []
    with pytest.raises(Invalid, match="already voted"):
        beta.write(lambda tx: polls.vote(tx, beta.site, bo, there, [0]))

    await run_jobs(alpha)
    await settle(*three.all)
    assert poll_of(gamma, question.iri).votes == [0, 1]
    assert gamma.post(question.iri).edited_at is None  # votes are no edit of its words


async def test_when_it_ends_all_hear_of_it_and_nobody_votes_any_more(three: Three) -> None:
    alpha, beta, _ = three.all
    ada, al, bo = alpha.person("ada"), alpha.person("al"), beta.person("bo")
    await join(beta, bo, "ada@alpha.example")
    await settle(*three.all)
    question = ask(alpha, ada)
    await settle(*three.all)
    beta.write(lambda tx: polls.vote(tx, beta.site, bo, beta.post(question.iri), [0]))
    await settle(*three.all)
    past = alpha.site.clock() - 1
    for one in (alpha, beta):
        poll = poll_of(one, question.iri)
        one.write(lambda tx: poll_rows.save(tx, Poll(poll.post_id, False, poll.options, poll.votes, 1, past, None)))
    with pytest.raises(Invalid, match="ended"):
        alpha.write(lambda tx: polls.vote(tx, alpha.site, al, alpha.post(question.iri), [0]))
    await run_jobs(alpha)
    await settle(*three.all)
    assert poll_of(alpha, question.iri).closed_at == past
    assert poll_of(beta, question.iri).closed_at == past
    told = beta.read(lambda tx: notifications.of_person(tx, bo.id, timelines.Page()))
    assert [row.kind for row in told] == ["poll"]
    # Done is done: the job may run twice.
    last = alpha.read(lambda tx: outbox.of_actor(tx, ada.id, ("Update",), 10))
    alpha.write(lambda tx: polls.due(tx, alpha.site, question.id))
    assert alpha.read(lambda tx: outbox.of_actor(tx, ada.id, ("Update",), 10)) == last


async def test_votes_that_do_not_count(three: Three) -> None:
    alpha = three.alpha
    ada = alpha.person("ada")
    mastodon = Peer(three.world, "m.example", "mastodon")
    voter = mastodon.actor("vic")
    question = ask(alpha, ada)
    secret = alpha.write(
        lambda tx: posts.publish(
            tx, alpha.site, ada, Draft("Secret?", visibility="followers", poll=PollDraft(("Yes", "No")))
        )
    )

    async def vote(post: Post, option: str, number: int, **more: Any) -> str:
        activity = mastodon.activity("Create", voter, votes_of_remote(post, voter, option, number, **more))
        answer = await mastodon.send(alpha, activity)
        assert answer.status == 202
        return str(activity["id"])

    good = await vote(question, "Monday", 1)
    again = await vote(question, "Monday", 2)
    other = await vote(question, "Friday", 3)
    absent = await vote(question, "Sunday", 4)
    unseen = await vote(secret, "Yes", 5)
    forged = mastodon.activity("Create", voter, votes_of_remote(question, "https://n.example/users/x", "Friday", 6))
    assert (await mastodon.send(alpha, forged)).status == 202
    became = await reasons(alpha)
    assert became[good] is None
    assert (became[again], became[other], became[absent]) == ("known", "known", "no-such-option")
    assert became[unseen] == "not-visible"
    assert became[forged["id"]] not in (None, "known")
    assert poll_of(alpha, question.iri).votes == [1, 0]
    assert poll_of(alpha, secret.iri).votes == [0, 0]
    assert alpha.read(lambda tx: post_rows.of_author(tx, alpha.actor(voter).id)) == []
    assert alpha.post(question.iri).replies_count == 0


async def test_a_vote_that_comes_late_does_not_count(three: Three) -> None:
    alpha = three.alpha
    mastodon = Peer(three.world, "m.example", "mastodon")
    voter = mastodon.actor("vic")
    question = ask(alpha, alpha.person("ada"))
    poll = poll_of(alpha, question.iri)
    past = alpha.site.clock() - 1
    alpha.write(lambda tx: poll_rows.save(tx, Poll(poll.post_id, False, poll.options, [0, 0], 0, past, None)))
    vote = mastodon.activity("Create", voter, votes_of_remote(question, voter, "Monday"))
    await mastodon.send(alpha, vote)
    assert (await reasons(alpha))[vote["id"]] == "poll-ended"
    assert poll_of(alpha, question.iri).votes == [0, 0]


async def test_one_may_choose_several_where_several_may_be_chosen(three: Three) -> None:
    alpha = three.alpha
    ada, al = alpha.person("ada"), alpha.person("al")
    mastodon = Peer(three.world, "m.example", "mastodon")
    voter = mastodon.actor("vic")
    question = ask(alpha, ada, multiple=True)
    for number, option in enumerate(("Monday", "Friday", "Friday")):
        vote = votes_of_remote(question, voter, option, number)
        await mastodon.send(alpha, mastodon.activity("Create", voter, vote))
    await settle(alpha)
    alpha.write(lambda tx: polls.vote(tx, alpha.site, al, question, [1, 1]))
    found = poll_of(alpha, question.iri)
    assert (found.votes, found.voters_count) == ([1, 2], 2)


async def test_what_nobody_may_vote(three: Three) -> None:
    alpha = three.alpha
    ada, al = alpha.person("ada"), alpha.person("al")
    question = ask(alpha, ada)
    note = alpha.write(lambda tx: posts.publish(tx, alpha.site, ada, Draft("no poll")))
    hidden = alpha.write(
        lambda tx: posts.publish(tx, alpha.site, ada, Draft("Hm?", visibility="direct", poll=PollDraft(("Yes", "No"))))
    )
    refused: list[tuple[Actor, Post, list[int]]] = [
        (ada, question, [0]),
        (al, question, []),
        (al, question, [2]),
        (al, question, [-1]),
        (al, question, [0, 1]),
        (al, note, [0]),
        (al, hidden, [0]),
    ]
    for voter, post, choices in refused:
        with pytest.raises(Problem):
            alpha.write(lambda tx: polls.vote(tx, alpha.site, voter, post, choices))
    for draft in (
        PollDraft(("One",)),
        PollDraft(("Same", " Same ")),
        PollDraft(("A", " ")),
        PollDraft(("A", "B" * 101)),
        PollDraft(tuple("abcdefghijk")),
        PollDraft(("A", "B"), ends_at=alpha.site.clock() - 1),
    ):
        with pytest.raises(Invalid):
            alpha.write(lambda tx: posts.publish(tx, alpha.site, ada, Draft("Hm?", poll=draft)))


async def test_a_remote_poll_is_kept_and_refreshed(three: Three) -> None:
    alpha = three.alpha
    al = alpha.person("al")
    mastodon = Peer(three.world, "m.example", "mastodon")
    asker = mastodon.actor("ann")
    target = await join(alpha, al, "ann@m.example")
    await settle(alpha)
    option: dict[str, Any] = {"type": "Note", "name": "A", "replies": {"type": "Collection", "totalItems": 4}}
    question = mastodon.note(asker, "q", type="Question", oneOf=[option, {**option, "name": "B"}], votersCount=8)
    alpha.write(lambda tx: follows.settled(tx, alpha.site, *_pending(alpha, al, target)))
    await mastodon.send(alpha, mastodon.activity("Create", asker, question))
    await settle(alpha)
    assert poll_of(alpha, question["id"]).votes == [4, 4]
    alpha.write(lambda tx: polls.vote(tx, alpha.site, al, alpha.post(question["id"]), [0]))
    await settle(alpha)
    # As FEP-9967 has it: to its author alone, a name and no content.
    sent = [one for one in mastodon.got("Create") if one["object"].get("name") == "A"]
    assert len(sent) == 1
    vote = sent[0]["object"]
    assert (vote["type"], vote["to"], vote["cc"], vote["inReplyTo"]) == ("Note", [asker], [], question["id"])
    assert "content" not in vote
    assert "https://www.w3.org/ns/activitystreams#Public" not in sent[0]["to"]

    option["replies"] = {"type": "Collection", "totalItems": 9}
    changed = {**question, "oneOf": [option, {**option, "name": "B"}], "closed": "2026-11-02T00:00:00Z"}
    await mastodon.send(alpha, mastodon.activity("Update", asker, changed))
    await settle(alpha)
    found = poll_of(alpha, question["id"])
    assert (found.votes, found.closed_at is not None) == ([9, 9], True)
    # Other options: what was voted is void.
    changed = {**question, "oneOf": [{**option, "name": "C"}, {**option, "name": "D"}]}
    await mastodon.send(alpha, mastodon.activity("Update", asker, changed))
    await settle(alpha)
    assert poll_of(alpha, question["id"]).options == ["C", "D"]
    assert alpha.read(lambda tx: poll_rows.votes_of(tx, found.post_id, al.id)) == []


def _pending(instance: Instance, follower: Actor, target: Actor) -> tuple[Any, Actor, Actor]:
    from storage import follows as rows

    found = instance.read(lambda tx: rows.find(tx, follower.id, target.id))
    assert found is not None
    return found, follower, target


async def test_a_poll_that_opens_a_thread_is_a_thread_and_a_poll_in_it(three: Three) -> None:
    """Lemmy refuses a Question in any place, so forums see the thread that it answers."""
    alpha, beta, _ = three.all
    ada, bo = alpha.person("ada"), beta.person("bo")
    group = alpha.group("mlops", ada)
    await join(beta, bo, "mlops@alpha.example")
    lemmy, piefed = Peer(three.world, "lemmy.example", "lemmy"), Peer(three.world, "piefed.example", "piefed")
    for peer in (lemmy, piefed):
        await peer.send(alpha, peer.activity("Follow", peer.actor("lou"), group.iri))
    await settle(*three.all)
    draft = Draft("@mlops Which day?\n\nIt is about the *exam*.", poll=PollDraft(("Monday", "Friday")))
    first = alpha.write(lambda tx: posts.publish(tx, alpha.site, ada, draft, idempotency_key="k"))
    again = alpha.write(lambda tx: posts.publish(tx, alpha.site, ada, draft, idempotency_key="k"))
    assert again.id == first.id
    await settle(*three.all)
    opener = alpha.read(lambda tx: post_rows.by_id(tx, first.reply_to_id or 0))
    assert opener is not None
    assert (opener.kind, opener.title, opener.reply_to_id, opener.root_id) == ("Note", "Which day?", None, opener.id)
    assert (first.kind, first.group_id, first.source) == ("Question", group.id, "Which day?")
    assert opener.id < first.id
    inner = [one["object"] for one in piefed.got("Announce")]
    assert [(one["type"], one["object"]["type"]) for one in inner] == [("Create", "Note"), ("Create", "Question")]
    assert [one["object"]["object"]["type"] for one in lemmy.got("Announce")] == ["Note"], "it refuses the other"
    assert inner[0]["object"]["name"] == "Which day?"
    assert inner[1]["object"]["inReplyTo"] == opener.iri
    # And at another university both are there, and the poll can be voted in.
    there = beta.post(first.iri)
    assert there.group_id == beta.actor(group.iri).id
    beta.write(lambda tx: polls.vote(tx, beta.site, bo, there, [1]))
    await settle(*three.all)
    assert poll_of(alpha, first.iri).votes == [0, 1]
    # How it stands is passed on by the group.
    await run_jobs(alpha)
    await settle(*three.all)
    updates = [one["object"] for one in piefed.got("Announce") if one["object"]["type"] == "Update"]
    assert [one["replies"]["totalItems"] for one in updates[-1]["object"]["oneOf"]] == [0, 1]
