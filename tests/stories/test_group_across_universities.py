"""The main story: a student joins a group of another university, posts, and a third university's student answers."""

from dataclasses import replace
from functools import partial

import msgspec
import pytest

from fedi import fetching, visibility
from fedi.actions import follows, people, posts, reactions
from fedi.actions.posts import Draft
from fedi.errors import Forbidden, Problem
from storage import actors, feeds, memberships, notifications, peers, replies, timelines
from storage import follows as follow_rows
from storage.actors import Actor
from storage.posts import Post
from tests.stories.conftest import Three
from tests.world import Instance, Peer, settle

pytestmark = pytest.mark.anyio


async def join(instance: Instance, person: Actor, name: str) -> Actor:
    """`person` follows the actor with this handle, as a client would: look it up, then follow."""
    target = await fetching.actor(instance.site, name)
    instance.write(lambda tx: follows.follow(tx, instance.site, person, target))
    return target


def publish(instance: Instance, author: Actor, text: str, reply_to: Post | None = None) -> Post:
    """`author` writes a post."""
    draft = Draft(text, reply_to_id=reply_to.id if reply_to else None)
    return instance.write(lambda tx: posts.publish(tx, instance.site, author, draft))


def home(instance: Instance, person: Actor) -> list[Post]:
    """The posts in a person's home timeline that they may see, newest first, each once."""
    entries = instance.read(lambda tx: feeds.read(tx, feeds.Reads(person.id), timelines.Page()))
    seen = instance.read(
        lambda tx: visibility.seen(tx, visibility.person(person.id), [entry.post_id for entry in entries])
    )
    return [seen[one] for one in dict.fromkeys(entry.post_id for entry in entries) if one in seen]


def told(instance: Instance, person: Actor) -> list[tuple[str, str]]:
    """(kind, who) of a person's notifications, newest first."""
    rows = instance.read(lambda tx: notifications.of_person(tx, person.id, timelines.Page()))
    return [(row.kind, handle(instance, row.actor_id)) for row in rows]


def handle(instance: Instance, actor_id: int | None) -> str:
    """The handle of an actor."""
    found = instance.read(lambda tx: actors.by_ids(tx, [actor_id or 0]))
    return found[actor_id or 0].handle


def state(instance: Instance, person: Actor, target: Actor) -> str:
    """How far a follow is."""
    found = instance.read(lambda tx: follow_rows.find(tx, person.id, target.id))
    return found.state if found is not None else "none"


async def test_the_main_story(three: Three) -> None:
    alpha, beta, gamma = three.all
    owner = alpha.person("olga")
    group = alpha.group("mlops", owner)
    ada, chi = beta.person("ada"), gamma.person("chi")

    group_at_beta = await join(beta, ada, "mlops@alpha.example")
    await join(gamma, chi, "mlops@alpha.example")
    await settle(*three.all)
    assert state(beta, ada, group_at_beta) == "accepted"
    members = alpha.read(lambda tx: memberships.of_group(tx, group.id))
    names = {handle(alpha, member.actor_id) for member in members}
    assert names == {"olga@alpha.example", "ada@beta.example", "chi@gamma.example"}

    question = publish(beta, ada, "@mlops@alpha.example Who wants to read a paper on drift?\n\nOn Friday at noon.")
    await settle(*three.all)

    [read] = home(gamma, chi)
    assert read.iri == question.iri
    assert read.title == "Who wants to read a paper on drift?"
    assert "On Friday at noon." in read.content
    assert handle(gamma, read.group_id) == "mlops@alpha.example"
    assert [post.iri for post in home(alpha, owner)] == [question.iri]

    answer = publish(gamma, chi, "I do.", reply_to=read)
    await settle(*three.all)
    assert told(beta, ada) == [("mention", "chi@gamma.example")]
    for instance in three.all:
        known = instance.post(question.iri)
        thread = instance.read(lambda tx, known=known: replies.thread(tx, known.root_id or 0))  # type: ignore[misc]
        assert [post.iri for post in thread] == [question.iri, answer.iri], instance.name
        assert known.replies_count == 1, instance.name
    assert [post.iri for post in home(alpha, owner)] == [question.iri], "an announced comment is not a post at home"


async def test_votes_edits_and_deletes_reach_every_university(three: Three) -> None:
    alpha, beta, gamma = three.all
    alpha.group("mlops", alpha.person("olga"))
    ada, chi = beta.person("ada"), gamma.person("chi")
    await join(beta, ada, "mlops@alpha.example")
    await join(gamma, chi, "mlops@alpha.example")
    await settle(*three.all)
    post = publish(beta, ada, "@mlops@alpha.example First")
    await settle(*three.all)
    at_gamma = gamma.post(post.iri)

    gamma.write(lambda tx: reactions.like(tx, gamma.site, chi, at_gamma))
    await settle(*three.all)
    assert told(beta, ada) == [("favourite", "chi@gamma.example")]
    for instance in three.all:
        assert instance.post(post.iri).likes_count == 1, instance.name

    gamma.write(lambda tx: reactions.unlike(tx, gamma.site, chi, at_gamma))
    await settle(*three.all)
    for instance in three.all:
        assert instance.post(post.iri).likes_count == 0, instance.name

    beta.write(lambda tx: posts.edit(tx, beta.site, post, Draft("@mlops@alpha.example First, corrected")))
    await settle(*three.all)
    for instance in three.all:
        assert "corrected" in instance.post(post.iri).content, instance.name

    beta.write(lambda tx: posts.delete(tx, beta.site, post, ada))
    await settle(*three.all)
    for instance in three.all:
        gone = instance.post(post.iri)
        assert gone.deleted_at is not None, instance.name
        assert gone.content == "", instance.name
    assert home(gamma, chi) == []


async def test_a_vote_between_two_universities_is_counted_at_the_third(three: Three) -> None:
    """The group passes it on, and the third asks the voter's own server whether it is true."""
    alpha, beta, gamma = three.all
    owner = alpha.person("olga")
    alpha.group("mlops", owner)
    ada, chi = beta.person("ada"), gamma.person("chi")
    await join(beta, ada, "mlops@alpha.example")
    await join(gamma, chi, "mlops@alpha.example")
    await settle(*three.all)
    post = publish(alpha, owner, "@mlops Who is in?")
    await settle(*three.all)
    beta.write(lambda tx: reactions.like(tx, beta.site, ada, beta.post(post.iri)))
    await settle(*three.all)
    assert [instance.post(post.iri).likes_count for instance in three.all] == [1, 1, 1]
    beta.write(lambda tx: reactions.unlike(tx, beta.site, ada, beta.post(post.iri)))
    await settle(*three.all)
    assert [instance.post(post.iri).likes_count for instance in three.all] == [0, 0, 0]


async def test_who_leaves_gets_nothing_more(three: Three) -> None:
    alpha, beta, gamma = three.all
    group = alpha.group("mlops", alpha.person("olga"))
    ada, chi = beta.person("ada"), gamma.person("chi")
    await join(beta, ada, "mlops@alpha.example")
    at_gamma = await join(gamma, chi, "mlops@alpha.example")
    await settle(*three.all)
    gamma.write(lambda tx: follows.unfollow(tx, gamma.site, chi, at_gamma))
    await settle(*three.all)
    assert len(alpha.read(lambda tx: memberships.of_group(tx, group.id))) == 2

    post = publish(beta, ada, "@mlops@alpha.example For those who are here")
    await settle(*three.all)
    assert not gamma.has(post.iri)


async def test_joining_by_approval(three: Three) -> None:
    alpha, beta, _ = three.all
    owner = alpha.person("olga")
    group = alpha.group("seminar", owner, join_mode="approval")
    ada = beta.person("ada")
    at_beta = await join(beta, ada, "seminar@alpha.example")
    await settle(*three.all)
    assert state(beta, ada, at_beta) == "pending"
    assert told(alpha, owner) == [("follow_request", "ada@beta.example")]

    [request] = alpha.read(lambda tx: follow_rows.followers(tx, group.id, 10, state="pending"))
    alpha.write(lambda tx: follows.accept(tx, alpha.site, request))
    await settle(*three.all)
    assert state(beta, ada, at_beta) == "accepted"


async def test_a_members_group_stays_with_its_members(three: Three) -> None:
    alpha, beta, gamma = three.all
    owner = alpha.person("olga")
    group = alpha.group("thesis", owner, join_mode="approval", see="members")
    ada, chi = beta.person("ada"), gamma.person("chi")
    await join(beta, ada, "thesis@alpha.example")
    await settle(*three.all)
    [request] = alpha.read(lambda tx: follow_rows.followers(tx, group.id, 10, state="pending"))
    alpha.write(lambda tx: follows.accept(tx, alpha.site, request))
    await settle(*three.all)

    post = publish(alpha, owner, "@thesis canary-7c1e is our secret")
    await settle(*three.all)
    [at_beta] = home(beta, ada)
    assert at_beta.iri == post.iri
    assert at_beta.visibility == "members"
    reply_from_beta = publish(beta, ada, "canary-7c1e it is", reply_to=at_beta)
    await settle(*three.all)
    assert alpha.post(reply_from_beta.iri).visibility == "members"

    # gamma has no member: it was sent nothing, and is told nothing when it asks, signed or not.
    assert await fetching.post(gamma.site, post.iri) is None
    assert await fetching.post(gamma.site, reply_from_beta.iri) is None
    assert not [body for host, _, body in three.world.sent if host == "gamma.example" and b"canary-7c1e" in body]
    for instance, iri in ((alpha, post.iri), (beta, reply_from_beta.iri)):
        path = iri.removeprefix(instance.site.config.origin)
        for accept in ("application/activity+json", "text/html"):
            answer = await instance.get(path, accept=accept)
            assert answer.status in (401, 404)
            assert b"canary" not in answer.body
    assert home(gamma, chi) == []


async def test_a_members_group_of_three_universities(three: Three) -> None:
    """A member's server does not know who else is a member, so it shows a post to nobody who asks: the proof that the
    post carries lets the others believe what the group passes on."""
    alpha, beta, gamma = three.all
    owner = alpha.person("olga")
    group = alpha.group("thesis", owner, join_mode="approval", see="members")
    ada, chi = beta.person("ada"), gamma.person("chi")
    for instance, person in ((beta, ada), (gamma, chi)):
        await join(instance, person, "thesis@alpha.example")
    await settle(*three.all)
    for request in alpha.read(lambda tx: follow_rows.followers(tx, group.id, 10, state="pending")):
        alpha.write(partial(follows.accept, site=alpha.site, follow=request))
    await settle(*three.all)

    post = publish(beta, ada, "@thesis@alpha.example Who reads my chapter?")
    await settle(*three.all)
    [at_gamma] = home(gamma, chi)
    assert (at_gamma.iri, at_gamma.visibility) == (post.iri, "members")

    answer = publish(gamma, chi, "I do, send it.", reply_to=at_gamma)
    gamma.write(lambda tx: reactions.like(tx, gamma.site, chi, at_gamma))
    await settle(*three.all)
    for instance in three.all:
        known = instance.post(post.iri)
        assert (known.replies_count, known.likes_count, known.visibility) == (1, 1, "members"), instance.name
        assert instance.post(answer.iri).visibility == "members", instance.name
    assert ("mention", "chi@gamma.example") in told(beta, ada)

    beta.write(lambda tx: posts.edit(tx, beta.site, post, Draft("@thesis@alpha.example Chapter two, that is")))
    await settle(*three.all)
    assert "Chapter two" in gamma.post(post.iri).content
    beta.write(lambda tx: posts.delete(tx, beta.site, post, ada))
    await settle(*three.all)
    assert gamma.post(post.iri).deleted_at is not None


async def test_microblogs_get_one_boost_a_thread_and_forums_the_activities(three: Three) -> None:
    alpha = three.alpha
    owner = alpha.person("olga")
    group = alpha.group("mlops", owner)
    mastodon, lemmy = Peer(three.world, "mastodon.example", "mastodon"), Peer(three.world, "lemmy.example", "lemmy")
    for peer in (mastodon, lemmy):
        student = peer.actor("student")
        assert (await peer.send(alpha, peer.activity("Follow", student, group.iri))).status == 202
    await settle(alpha)
    assert mastodon.got("Accept")[0]["object"]["type"] == "Follow"

    thread = publish(alpha, owner, "@mlops Hello")
    publish(alpha, owner, "And more", reply_to=thread)
    await settle(alpha)
    assert [one["object"] for one in mastodon.got("Announce")] == [thread.iri]
    assert [one["object"]["type"] for one in lemmy.got("Announce")] == ["Create", "Create"]

    alpha.write(lambda tx: posts.delete(tx, alpha.site, thread, owner))
    await settle(alpha)
    [undo] = mastodon.got("Undo")
    assert undo["object"]["id"] == mastodon.got("Announce")[0]["id"]
    assert lemmy.got("Announce")[-1]["object"]["type"] == "Delete"


async def test_a_mastodon_student_posts_by_mention_and_the_group_announces_it_byte_for_byte(three: Three) -> None:
    alpha, beta, _ = three.all
    group = alpha.group("mlops", alpha.person("olga"))
    ada = beta.person("ada")
    await join(beta, ada, "mlops@alpha.example")
    mastodon, lemmy = Peer(three.world, "mastodon.example", "mastodon"), Peer(three.world, "lemmy.example", "lemmy")
    student, reader = mastodon.actor("student"), lemmy.actor("reader")
    await mastodon.send(alpha, mastodon.activity("Follow", student, group.iri))
    await lemmy.send(alpha, lemmy.activity("Follow", reader, group.iri))
    await settle(*three.all)

    note = mastodon.note(
        student, "1", cc=[f"{student}/followers", group.iri], content="<p>@mlops Is this on?</p>",
        tag=[{"type": "Mention", "href": group.iri, "name": "@mlops@alpha.example"}], unknownTerm={"kept": [1, 2]},
    )  # fmt: skip
    create = mastodon.activity("Create", student, note, cc=note["cc"])
    assert (await mastodon.send(alpha, create)).status == 202
    await settle(*three.all)

    wrapped = lemmy.got("Announce")[0]
    assert wrapped["object"] == create
    assert [post.iri for post in home(beta, ada)] == [note["id"]]
    assert [one["object"] for one in mastodon.got("Announce")] == [note["id"]]


async def test_who_is_not_a_member_is_not_announced(three: Three) -> None:
    alpha, beta, _ = three.all
    group = alpha.group("mlops", alpha.person("olga"))
    ada = beta.person("ada")
    await join(beta, ada, "mlops@alpha.example")
    await settle(*three.all)
    stranger_host = Peer(three.world, "mastodon.example", "mastodon")
    stranger = stranger_host.actor("stranger")
    note = stranger_host.note(stranger, "1", cc=[group.iri])
    await stranger_host.send(alpha, stranger_host.activity("Create", stranger, note, cc=[group.iri]))
    await settle(*three.all)
    assert home(beta, ada) == []


async def test_a_group_for_peers_is_not_opened_by_joining_it(three: Three) -> None:
    alpha, beta, _ = three.all
    owner = alpha.person("olga")
    alpha.group("spatial", owner, see="peers")
    ada = beta.person("ada")
    at_beta = await join(beta, ada, "spatial@alpha.example")
    await settle(*three.all)
    assert state(beta, ada, at_beta) == "pending"
    post = publish(alpha, owner, "@spatial For agreed institutions")
    await settle(*three.all)
    assert not beta.has(post.iri)

    alpha.write(lambda tx: peers.change(tx, "beta.example", stance="agreed"))
    beta.write(lambda tx: follows.unfollow(tx, beta.site, ada, at_beta))
    await settle(*three.all)
    beta.write(lambda tx: follows.follow(tx, beta.site, ada, at_beta))
    await settle(*three.all)
    assert state(beta, ada, at_beta) == "accepted"


async def test_who_does_not_belong_to_a_closed_group_of_another_university_is_told_when_posting(three: Three) -> None:
    alpha, beta, _ = three.all
    alpha.group("thesis", alpha.person("olga"), join_mode="approval", see="members")
    ada = beta.person("ada")
    await join(beta, ada, "thesis@alpha.example")
    await settle(*three.all)
    with pytest.raises(Forbidden, match="not been accepted"):
        publish(beta, ada, "@thesis@alpha.example Let me in")


async def test_a_database_belongs_to_one_url(three: Three) -> None:
    config = msgspec.structs.replace(three.alpha.site.config, url="https://other.example")
    site = replace(three.alpha.site, config=config)
    with pytest.raises(Problem, match="can never change"):
        three.alpha.write(lambda tx: people.ensure_instance_actor(tx, site))
