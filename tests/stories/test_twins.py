"""Groups of different universities joined as twins (FEP-d36d): each owns its copy, threads appear once, nothing goes round."""

from collections import Counter
from functools import partial
from typing import Any

import msgspec
import pytest

from fedi import fetching, visibility
from fedi.actions import follows, groups, moderation, posts, reactions, twins
from fedi.actions.posts import Draft
from fedi.errors import Forbidden, Invalid, NotFound
from fedi.mastodon.timelines import home_page
from storage import actors, memberships, notifications, peers, timelines
from storage import follows as follow_rows
from storage import posts as post_rows
from storage import twins as twin_rows
from storage.actors import Actor
from storage.posts import Post
from storage.timelines import Page
from tests.stories.conftest import Three
from tests.world import Instance, Peer, settle

pytestmark = pytest.mark.anyio


async def join(instance: Instance, person: Actor, handle: str) -> Actor:
    """`person` joins the group with this handle."""
    target = await fetching.actor(instance.site, handle)
    instance.write(lambda tx: follows.follow(tx, instance.site, person, target))
    return target


async def twin(one: Instance, group: Actor, other: Instance, theirs: Actor, *everyone: Instance) -> None:
    """A moderator of `group` offers, one of `theirs` accepts."""
    await offer(one, group, theirs.handle)
    await settle(one, other, *everyone)
    asking = other.actor(group.iri)
    by = moderator(other, theirs)
    other.write(lambda tx: twins.accept(tx, other.site, by, theirs, asking))
    await settle(one, other, *everyone)
    assert states(one, group) == {theirs.iri: "joined"} | states(one, group)
    assert states(other, theirs)[group.iri] == "joined"


async def offer(one: Instance, group: Actor, handle: str) -> Actor:
    """A moderator of `group` asks the group with this handle to be its twin."""
    there = await fetching.actor(one.site, handle)
    by = moderator(one, group)
    one.write(lambda tx: twins.offer(tx, one.site, by, group, there))
    return there


def moderator(instance: Instance, group: Actor) -> Actor:
    """The first moderator of a group."""
    [found] = instance.read(lambda tx: actors.by_ids(tx, memberships.moderators(tx, group.id)[:1])).values()
    return found


def states(instance: Instance, group: Actor) -> dict[str, str]:
    """How a group stands to others: IRI -> state."""

    def unit(tx: Any) -> dict[str, str]:
        rows = twin_rows.of_group(tx, group.id)
        found = actors.by_ids(tx, [row.other_id for row in rows])
        return {found[row.other_id].iri: row.state for row in rows}

    return instance.read(unit)


def publish(instance: Instance, author: Actor, text: str, reply_to: Post | None = None) -> Post:
    """`author` writes a post."""
    draft = Draft(text, reply_to_id=reply_to.id if reply_to else None)
    return instance.write(lambda tx: posts.publish(tx, instance.site, author, draft))


def in_group(instance: Instance, group: Actor) -> list[str]:
    """The IRIs of the posts in a group, as it is at this instance, oldest first, that everyone may see."""

    def unit(tx: Any) -> list[str]:
        ids = [row.id for row in tx.execute(post_rows.posts.select().where(post_rows.posts.c.group_id == group.id))]
        return [post.iri for _, post in sorted(visibility.seen(tx, visibility.NOBODY, ids).items())]

    return instance.read(unit)


def timeline(instance: Instance, actor: Actor) -> list[str]:
    """The IRIs of what an actor put before its followers, oldest first."""
    rows = instance.read(lambda tx: timelines.of_actor(tx, actor.id, timelines.Page()))
    found = instance.read(lambda tx: post_rows.by_ids(tx, [row.post_id for row in rows]))
    return [found[row.post_id].iri for row in reversed(rows)]


async def home(instance: Instance, person: Actor) -> list[str]:
    """The posts in a person's home as their client shows it, newest first, repeats included."""
    shown = instance.read(lambda tx: home_page(tx, instance.site, person.id, timelines.Page()))
    statuses = msgspec.json.decode(msgspec.json.encode(shown[0]))
    return [(status.get("reblog") or status)["uri"] for status in statuses]


def announced(three: Three, to: str, inner: str) -> Counter[str]:
    """How often each group sent `to` an Announce of the activity or post `inner`: group's IRI -> count."""
    found: Counter[str] = Counter()
    for host, _, body in three.world.sent:
        document = msgspec.json.decode(body)
        if host == to and document["type"] == "Announce":
            named = document["object"] if isinstance(document["object"], str) else document["object"]["id"]
            if named == inner:
                found[document["actor"]] += 1
    return found


async def pair(three: Three) -> tuple[Actor, Actor]:
    """Two groups at two universities, joined."""
    alpha, beta, _ = three.all
    ours = alpha.group("mlops", alpha.person("olga"))
    theirs = beta.group("drift", beta.person("bert"))
    await twin(alpha, ours, beta, theirs)
    return ours, theirs


async def test_the_bell_of_a_group_rings_of_what_comes_through_its_twin(three: Three) -> None:
    alpha, beta, _ = three.all
    _, theirs = await pair(three)
    ann, ben = alpha.person("ann"), beta.person("ben")
    await join(alpha, ann, "mlops@alpha.example")
    beta.write(lambda tx: follows.follow(tx, beta.site, ben, theirs, notify=True))
    await settle(*three.all)
    question = publish(alpha, ann, "@mlops Who measured it?")
    await settle(*three.all)
    publish(alpha, ann, "I did", reply_to=alpha.post(question.iri))
    await settle(*three.all)
    told = beta.read(lambda tx: notifications.of_person(tx, ben.id, Page()))
    assert [(one.kind, one.post_id) for one in told] == [("status", beta.post(question.iri).id)]


async def test_a_thread_is_in_both_groups_and_its_answers_votes_edits_and_end_as_well(three: Three) -> None:
    alpha, beta, _ = three.all
    ours, theirs = await pair(three)
    ann, ben = alpha.person("ann"), beta.person("ben")
    await join(alpha, ann, "mlops@alpha.example")
    await join(beta, ben, "drift@beta.example")
    # A twin is no member: the owner and who joined are.
    assert alpha.site.db.read_now(lambda tx: actors.by_iri(tx, ours.iri)).followers_count == 2  # type: ignore[union-attr]
    assert beta.site.db.read_now(lambda tx: actors.by_iri(tx, theirs.iri)).followers_count == 2  # type: ignore[union-attr]

    question = publish(alpha, ann, "@mlops Who measured it?\n\nI did not.")
    await settle(*three.all)
    assert in_group(beta, theirs) == [question.iri]
    assert timeline(beta, theirs) == [question.iri]
    assert await home(beta, ben) == [question.iri]
    assert beta.post(question.iri).title == "Who measured it?"

    answer = publish(beta, ben, "We did, in May.", reply_to=beta.post(question.iri))
    await settle(*three.all)
    thanks = publish(alpha, ann, "Thank you!", reply_to=alpha.post(answer.iri))
    beta.write(lambda tx: reactions.like(tx, beta.site, ben, beta.post(question.iri)))
    await settle(*three.all)
    thread = [question.iri, answer.iri, thanks.iri]
    assert in_group(alpha, ours) == thread
    assert in_group(beta, theirs) == thread
    for instance in (alpha, beta):
        assert instance.post(question.iri).likes_count == 1, instance.name
        assert instance.post(question.iri).replies_count == 1, instance.name
    assert timeline(alpha, ours) == [question.iri]
    assert memberships_of(alpha, ours) == {"olga@alpha.example", "ann@alpha.example"}, "nobody is a member by a twin"

    alpha.write(lambda tx: posts.edit(tx, alpha.site, question, Draft("@mlops Who has measured it?")))
    beta.write(lambda tx: reactions.unlike(tx, beta.site, ben, beta.post(question.iri)))
    beta.write(lambda tx: posts.delete(tx, beta.site, answer, ben))
    await settle(*three.all)
    for instance in (alpha, beta):
        assert "has measured" in instance.post(question.iri).content, instance.name
        assert instance.post(question.iri).likes_count == 0, instance.name
        assert instance.post(answer.iri).deleted_at is not None, instance.name


def memberships_of(instance: Instance, group: Actor) -> set[str]:
    """The handles of a group's members."""
    rows = instance.read(lambda tx: memberships.of_group(tx, group.id))
    return {one.handle for one in instance.read(lambda tx: actors.by_ids(tx, [r.actor_id for r in rows])).values()}


async def test_nothing_is_sent_back_and_what_is_passed_on_is_byte_for_byte_what_came(three: Three) -> None:
    alpha, beta, _ = three.all
    ours, theirs = await pair(three)
    lemmy = Peer(three.world, "lemmy.example", "lemmy")
    reader = lemmy.actor("reader")
    await lemmy.send(beta, lemmy.activity("Follow", reader, theirs.iri))
    await settle(*three.all)
    question = publish(alpha, alpha.actor(moderator(alpha, ours).iri), "@mlops Who measured it?")
    await settle(*three.all)
    create = f"{question.iri}/activity"
    assert announced(three, "beta.example", create) == {ours.iri: 1}
    assert announced(three, "alpha.example", create) == {}
    assert announced(three, "lemmy.example", create) == {theirs.iri: 1}
    came, went = (
        next(
            body for host, _, body in three.world.sent if host == to and b"Announce" in body and create.encode() in body
        )
        for to in ("beta.example", "lemmy.example")
    )
    raw = msgspec.json.decode(came, type=Outer).object
    assert bytes(raw) == bytes(msgspec.json.decode(went, type=Outer).object)


class Outer(msgspec.Struct):
    """An Announce of which the inner bytes matter."""

    object: msgspec.Raw


async def test_a_ring_of_three_does_not_loop_and_each_has_the_thread_once(three: Three) -> None:
    alpha, beta, gamma = three.all
    a, b, c = (one.group(name, one.person("owner")) for one, name in zip(three.all, "abc", strict=True))
    await twin(alpha, a, beta, b, gamma)
    await twin(beta, b, gamma, c, alpha)
    await twin(gamma, c, alpha, a, beta)
    chi = gamma.person("chi")
    await join(gamma, chi, "c@gamma.example")
    question = publish(alpha, moderator(alpha, a), "@a Who goes round?")
    await settle(*three.all)
    answer = publish(gamma, chi, "Not me.", reply_to=gamma.post(question.iri))
    gamma.write(lambda tx: reactions.like(tx, gamma.site, chi, gamma.post(question.iri)))
    await settle(*three.all)
    for instance, group in zip(three.all, (a, b, c), strict=True):
        assert in_group(instance, group) == [question.iri, answer.iri], instance.name
        assert timeline(instance, group) == [question.iri], instance.name
        assert instance.post(question.iri).likes_count == 1, instance.name
    for instance in three.all:
        for inner in (f"{question.iri}/activity", f"{answer.iri}/activity"):
            sent = announced(three, instance.name, inner)
            assert all(count == 1 for count in sent.values()), (instance.name, sent)
    before = len(three.world.sent)
    await settle(*three.all)
    assert len(three.world.sent) == before


async def test_an_announce_that_comes_twice_goes_no_further_whoever_sends_it(three: Three) -> None:
    alpha, beta, _ = three.all
    ours, theirs = await pair(three)
    lemmy = Peer(three.world, "lemmy.example", "lemmy")
    reader, club = lemmy.actor("reader"), lemmy.actor("club", "Group")
    await lemmy.send(alpha, lemmy.activity("Follow", reader, ours.iri))
    await lemmy.send(alpha, lemmy.activity("Follow", club, ours.iri))
    await settle(*three.all)
    there = alpha.actor(club)
    alpha.write(lambda tx: twins.accept(tx, alpha.site, None, ours, there))
    await settle(*three.all)
    [follow] = [one for one in lemmy.got("Follow") if one["actor"] == ours.iri]
    await lemmy.send(alpha, lemmy.activity("Accept", club, follow))
    await settle(*three.all)
    assert states(alpha, ours)[club] == "joined"
    question = publish(beta, moderator(beta, theirs), "@drift Again?")
    await settle(*three.all)
    [create] = [one["object"] for one in lemmy.got("Announce") if one["object"]["id"] == f"{question.iri}/activity"]
    before = len(lemmy.inbox)
    for number in range(2):
        await lemmy.send(alpha, lemmy.activity("Announce", club, create, id=lemmy.iri(f"/announces/{number}")))
        await settle(*three.all)
    assert len(lemmy.inbox) == before
    assert announced(three, "beta.example", f"{question.iri}/activity") == {}


async def test_a_third_university_with_members_of_both_shows_a_thread_once(three: Three) -> None:
    alpha, beta, gamma = three.all
    ours, theirs = await pair(three)
    chi, dan = gamma.person("chi"), gamma.person("dan")
    await join(gamma, chi, "mlops@alpha.example")
    await join(gamma, chi, "drift@beta.example")
    await join(gamma, dan, "drift@beta.example")
    await settle(*three.all)
    question = publish(alpha, moderator(alpha, ours), "@mlops Once?")
    await settle(*three.all)
    for person in (chi, dan):
        assert await home(gamma, person) == [question.iri]
    known = gamma.post(question.iri)
    answer = publish(gamma, chi, "Once.", reply_to=known)
    await settle(*three.all)
    for instance, group in ((alpha, ours), (beta, theirs)):
        assert in_group(instance, group) == [question.iri, answer.iri], instance.name


async def test_who_follows_one_twin_only_answers_in_the_threads_of_the_other(three: Three) -> None:
    """Of a post that names another group, that group says that this one is its twin; so it may call it its own."""
    alpha, beta, gamma = three.all
    ours, theirs = await pair(three)
    dan = gamma.person("dan")
    at_gamma = await join(gamma, dan, "drift@beta.example")
    await settle(*three.all)
    question = publish(alpha, moderator(alpha, ours), "@mlops For all?")
    await settle(*three.all)
    assert gamma.post(question.iri).group_id == at_gamma.id
    answer = publish(gamma, dan, "For all.", reply_to=gamma.post(question.iri))
    await settle(*three.all)
    for instance, group in ((alpha, ours), (beta, theirs)):
        assert in_group(instance, group) == [question.iri, answer.iri], instance.name


async def test_who_is_in_one_twin_only_answers_what_is_filed_in_the_other(three: Three) -> None:
    """Another here is in the other twin, so that its threads are filed there; that must not shut out who is in this one."""
    alpha, beta, gamma = three.all
    ours, theirs = await pair(three)
    chi, dan, eve = gamma.person("chi"), gamma.person("dan"), gamma.person("eve")
    there = await join(gamma, chi, "mlops@alpha.example")
    await join(gamma, dan, "drift@beta.example")
    await settle(*three.all)
    question = publish(alpha, moderator(alpha, ours), "@mlops For all?")
    await settle(*three.all)
    known = gamma.post(question.iri)
    assert known.group_id == there.id
    answer = publish(gamma, dan, "For all.", reply_to=known)
    await settle(*three.all)
    for instance, group in ((alpha, ours), (beta, theirs)):
        assert in_group(instance, group) == [question.iri, answer.iri], instance.name
    with pytest.raises(Forbidden, match="Only members post in"):
        publish(gamma, eve, "And I?", reply_to=known)


async def test_a_group_that_nobody_calls_its_twin_can_not_take_anothers_threads(three: Three) -> None:
    alpha, _, gamma = three.all
    ours = alpha.group("mlops", alpha.person("olga"))
    greedy = Peer(three.world, "greedy.example", "lemmy")
    club = greedy.actor("club", "Group", twins=[ours.iri])
    dan = gamma.person("dan")
    there = await join(gamma, dan, "club@greedy.example")
    await settle(*three.all)
    [follow] = greedy.got("Follow")
    await greedy.send(gamma, greedy.activity("Accept", club, follow))
    await settle(*three.all)
    question = publish(alpha, moderator(alpha, ours), "@mlops Mine?")
    create = msgspec.json.decode(
        (await alpha.get(f"{path(question)}/activity", accept="application/activity+json")).body
    )
    await greedy.send(gamma, greedy.activity("Announce", club, create))
    await settle(*three.all)
    assert gamma.post(question.iri).group_id != there.id


def path(post: Post) -> str:
    """Where a local post is served."""
    return "/" + post.iri.split("/", 3)[3]


async def test_what_one_sides_moderators_do_leaves_the_other_copy_alone(three: Three) -> None:
    alpha, beta, _ = three.all
    ours, theirs = await pair(three)
    olga, bert = moderator(alpha, ours), moderator(beta, theirs)
    ann, ben = alpha.person("ann"), beta.person("ben")
    await join(alpha, ann, "mlops@alpha.example")
    await join(beta, ben, "drift@beta.example")
    first = publish(alpha, ann, "@mlops First")
    second = publish(alpha, ann, "@mlops Second")
    third = publish(beta, ben, "@drift Third")
    await settle(*three.all)

    beta.write(lambda tx: moderation.remove(tx, beta.site, bert, beta.post(first.iri), "off topic"))
    beta.write(lambda tx: moderation.lock(tx, beta.site, bert, beta.post(second.iri)))
    beta.write(lambda tx: moderation.remove(tx, beta.site, bert, beta.post(third.iri), "off topic"))
    await settle(*three.all)
    assert in_group(alpha, ours) == [first.iri, second.iri, third.iri]
    assert not alpha.post(second.iri).locked
    assert in_group(beta, theirs) == [second.iri]
    assert alpha.post(third.iri).deleted_at is None

    alpha.write(lambda tx: moderation.pin(tx, alpha.site, olga, ours, alpha.post(second.iri)))
    alpha.write(lambda tx: moderation.remove(tx, alpha.site, olga, alpha.post(second.iri), "no"))
    await settle(*three.all)
    assert in_group(beta, theirs) == [second.iri]

    answer = publish(alpha, ann, "Still open here?", reply_to=alpha.post(third.iri))
    await settle(*three.all)
    assert answer.iri in in_group(alpha, ours)


async def test_who_is_banned_here_does_not_come_in_by_the_twin(three: Three) -> None:
    alpha, beta, _ = three.all
    ours, theirs = await pair(three)
    olga = moderator(alpha, ours)
    ben = beta.person("ben")
    await join(beta, ben, "drift@beta.example")
    first = publish(beta, ben, "@drift First")
    await settle(*three.all)
    at_alpha = alpha.actor(ben.iri)
    alpha.write(lambda tx: moderation.ban(tx, alpha.site, olga, ours, at_alpha, "spam", None, remove_posts=False))
    await settle(*three.all)
    second = publish(beta, ben, "@drift Second")
    answer = publish(beta, ben, "And more", reply_to=first)
    beta.write(lambda tx: reactions.like(tx, beta.site, ben, beta.post(first.iri)))
    await settle(*three.all)
    assert in_group(beta, theirs) == [first.iri, second.iri, answer.iri]
    assert in_group(alpha, ours) == [first.iri]
    assert alpha.post(first.iri).likes_count == 0


async def test_a_blocked_hosts_people_do_not_come_in_by_the_twin_nor_go_on(three: Three) -> None:
    alpha, beta, gamma = three.all
    ours, theirs = await pair(three)
    lemmy = Peer(three.world, "lemmy.example", "lemmy")
    await lemmy.send(alpha, lemmy.activity("Follow", lemmy.actor("reader"), ours.iri))
    chi = gamma.person("chi")
    await join(gamma, chi, "drift@beta.example")
    await settle(*three.all)
    opener = publish(alpha, moderator(alpha, ours), "@mlops Open")
    early = publish(gamma, chi, "@drift@beta.example Early")
    await settle(*three.all)
    alpha.write(lambda tx: peers.change(tx, "gamma.example", stance="blocked"))
    before = len(lemmy.inbox)
    late = publish(gamma, chi, "@drift@beta.example Late")
    answer = publish(gamma, chi, "And here", reply_to=gamma.post(opener.iri))
    gamma.write(lambda tx: reactions.like(tx, gamma.site, chi, gamma.post(opener.iri)))
    gamma.write(lambda tx: posts.edit(tx, gamma.site, early, Draft("@drift@beta.example Early, changed")))
    await settle(*three.all)
    assert in_group(beta, theirs) == [opener.iri, early.iri, late.iri, answer.iri]
    assert in_group(alpha, ours) == [opener.iri], "what came earlier is not shown either"
    assert alpha.post(opener.iri).likes_count == 0
    assert "changed" not in alpha.post(early.iri).content
    assert lemmy.inbox[before:] == []


async def test_parting_keeps_what_was_said_and_brings_nothing_new(three: Three) -> None:
    alpha, beta, _ = three.all
    ours, theirs = await pair(three)
    olga, bert = moderator(alpha, ours), moderator(beta, theirs)
    before = publish(alpha, olga, "@mlops Before")
    await settle(*three.all)
    there = beta.actor(ours.iri)
    beta.write(lambda tx: twins.part(tx, beta.site, bert, theirs, there))
    await settle(*three.all)
    assert states(alpha, ours) == {}
    assert states(beta, theirs) == {}
    for instance, one, other in ((alpha, ours, theirs), (beta, theirs, ours)):
        mine, its = instance.actor(one.iri), instance.actor(other.iri)
        assert instance.read(partial(follow_rows.find, follower_id=mine.id, target_id=its.id)) is None
        assert instance.read(partial(follow_rows.find, follower_id=its.id, target_id=mine.id)) is None
    after = publish(alpha, olga, "@mlops After")
    answer = publish(alpha, olga, "Still there?", reply_to=before)
    await settle(*three.all)
    assert in_group(beta, theirs) == [before.iri]
    assert not beta.has(after.iri)
    assert in_group(alpha, ours) == [before.iri, after.iri, answer.iri]
    again = publish(beta, bert, "Here as well", reply_to=beta.post(before.iri))
    await settle(*three.all)
    assert in_group(beta, theirs) == [before.iri, again.iri]


async def test_an_offer_waits_for_a_moderator_and_can_be_refused(three: Three) -> None:
    alpha, beta, _ = three.all
    olga, bert = alpha.person("olga"), beta.person("bert")
    ours, theirs = alpha.group("mlops", olga), beta.group("drift", bert)
    there = await offer(alpha, ours, "drift@beta.example")
    await settle(*three.all)
    assert states(alpha, ours) == {theirs.iri: "offered"}
    assert states(beta, theirs) == {ours.iri: "asked"}
    assert memberships_of(beta, theirs) == {"bert@beta.example"}
    [told] = beta.read(lambda tx: notifications.of_person(tx, bert.id, timelines.Page()))
    assert (told.kind, told.actor_id) == ("follow_request", beta.actor(ours.iri).id)
    publish(beta, bert, "@drift Not for them yet")
    await settle(*three.all)
    assert in_group(alpha, ours) == []

    asking = beta.actor(ours.iri)
    beta.write(lambda tx: twins.refuse(tx, beta.site, bert, theirs, asking))
    await settle(*three.all)
    assert (states(alpha, ours), states(beta, theirs)) == ({}, {})
    assert alpha.read(lambda tx: follow_rows.find(tx, ours.id, there.id)) is None
    with pytest.raises(NotFound):
        beta.write(lambda tx: twins.accept(tx, beta.site, bert, theirs, asking))


async def test_two_offers_that_cross_are_a_twin(three: Three) -> None:
    alpha, beta, _ = three.all
    ours, theirs = alpha.group("mlops", alpha.person("olga")), beta.group("drift", beta.person("bert"))
    await offer(alpha, ours, "drift@beta.example")
    await offer(beta, theirs, "mlops@alpha.example")
    await settle(*three.all)
    assert states(alpha, ours) == {theirs.iri: "joined"}
    assert states(beta, theirs) == {ours.iri: "joined"}
    document = await alpha.document("/groups/mlops")
    assert document["twins"] == [theirs.iri]
    assert (await alpha.document("/groups/mlops/following"))["items"] == [theirs.iri]


async def test_only_groups_that_everyone_may_read_and_their_moderators(three: Three) -> None:
    alpha, beta, _ = three.all
    olga, ann = alpha.person("olga"), alpha.person("ann")
    bert = beta.person("bert")
    ours, closed = alpha.group("mlops", olga), alpha.group("closed", olga, see="members")
    theirs = beta.group("drift", bert)
    beta.group("locked", bert, see="members")
    there = await fetching.actor(alpha.site, "drift@beta.example")
    locked = await fetching.actor(alpha.site, "locked@beta.example")
    with pytest.raises(Forbidden):
        alpha.write(lambda tx: twins.offer(tx, alpha.site, ann, ours, there))
    for group, other in ((closed, there), (ours, locked), (ours, closed)):
        with pytest.raises(Invalid):
            alpha.write(partial(twins.offer, site=alpha.site, by=olga, group=group, other=other))

    # Nor by asking: a Follow of a closed group by a group is refused, and makes nobody a member.
    lemmy = Peer(three.world, "lemmy.example", "lemmy")
    club = lemmy.actor("club", "Group")
    await lemmy.send(alpha, lemmy.activity("Follow", club, closed.iri))
    await settle(*three.all)
    assert [one["object"]["type"] for one in lemmy.got("Reject")] == ["Follow"]
    assert memberships_of(alpha, closed) == {"olga@alpha.example"}
    assert states(alpha, closed) == {}
    assert theirs.local
    with pytest.raises(Invalid):
        alpha.write(lambda tx: groups.create(tx, alpha.site, name="x", title="", owner=olga))


async def test_a_lemmy_community_that_follows_is_served_once_accepted(three: Three) -> None:
    alpha = three.alpha
    olga = alpha.person("olga")
    ours = alpha.group("mlops", olga)
    lemmy = Peer(three.world, "lemmy.example", "lemmy")
    club = lemmy.actor("club", "Group")
    await lemmy.send(alpha, lemmy.activity("Follow", club, ours.iri))
    await settle(alpha)
    publish(alpha, olga, "@mlops Not yet")
    await settle(alpha)
    assert lemmy.inbox == []
    there = alpha.actor(club)
    alpha.write(lambda tx: twins.accept(tx, alpha.site, olga, ours, there))
    await settle(alpha)
    assert [one["type"] for one in lemmy.inbox][:2] == ["Accept", "Follow"]
    post = publish(alpha, olga, "@mlops Now")
    await settle(alpha)
    assert [one["object"]["object"]["id"] for one in lemmy.got("Announce")] == [post.iri]
    # It is a twin when it accepts us, too; what it passes on of its own people is taken from their origin.
    [follow] = lemmy.got("Follow")
    await lemmy.send(alpha, lemmy.activity("Accept", club, follow))
    await settle(alpha)
    assert states(alpha, ours) == {club: "joined"}
    author = lemmy.actor("author")
    page = lemmy.note(author, "7", type="Page", title="A page", audience=club, to=[club, PUBLIC], cc=[])
    create = lemmy.activity("Create", author, page, audience=club, cc=[club])
    await lemmy.send(alpha, lemmy.activity("Announce", club, create, cc=[f"{club}/followers"]))
    await settle(alpha)
    assert in_group(alpha, ours)[-1] == page["id"]
    # Its moderators remove it there: no proof, and its origin says so as well. Here it is for our moderators to decide.
    boss = lemmy.actor("boss")
    lemmy.documents[page["id"]] = {"id": page["id"], "type": "Tombstone"}
    removal = {
        **lemmy.activity("Delete", boss, page["id"], cc=[club], id=lemmy.iri("/activities/delete")),
        "summary": "off topic",
    }
    lemmy.status[page["id"]] = 410
    del lemmy.documents[removal["id"]]
    await lemmy.send(alpha, lemmy.activity("Announce", club, removal, cc=[f"{club}/followers"]))
    await settle(alpha)
    assert in_group(alpha, ours)[-1] == page["id"]
    # It has gone: nothing more comes, what came stays.
    await lemmy.send(alpha, lemmy.activity("Undo", club, lemmy.documents[lemmy.iri("/activities/1")]))
    await settle(alpha)
    assert states(alpha, ours) == {}
    assert in_group(alpha, ours)[-1] == page["id"]


PUBLIC = "https://www.w3.org/ns/activitystreams#Public"


async def test_a_twin_does_not_make_a_group_pass_on_what_it_could_only_fetch(three: Three) -> None:
    """An announced Create that is another one at its origin, to which we may read what not everyone may, goes no further."""
    alpha = three.alpha
    olga = alpha.person("olga")
    ours = alpha.group("mlops", olga)
    evil = Peer(three.world, "evil.example", "lemmy")
    club = evil.actor("club", "Group")
    await evil.send(alpha, evil.activity("Follow", club, ours.iri))
    await settle(alpha)
    there = alpha.actor(club)
    alpha.write(lambda tx: twins.accept(tx, alpha.site, olga, ours, there))
    await settle(alpha)
    [follow] = evil.got("Follow")
    await evil.send(alpha, evil.activity("Accept", club, follow))
    reader = Peer(three.world, "reader.example", "lemmy")
    await reader.send(alpha, reader.activity("Follow", reader.actor("reader"), ours.iri))
    await settle(alpha)
    # victor's followers are on alpha, so that its signature opens what he says to them.
    home = Peer(three.world, "home.example")
    victor = home.actor("victor")
    await join(alpha, olga, "victor@home.example")
    await settle(alpha)
    await home.send(alpha, home.activity("Accept", victor, home.got("Follow")[0]))
    private = home.note(victor, "private", to=[f"{victor}/followers"], cc=[])
    create = home.activity("Create", victor, private, to=[f"{victor}/followers"], cc=[])
    author = evil.actor("author")
    page = evil.note(author, "7", type="Page", title="A page", audience=club, to=[club, PUBLIC], cc=[])
    await evil.send(alpha, evil.activity("Announce", club, evil.activity("Create", author, page, audience=club)))
    await settle(alpha)
    assert in_group(alpha, ours) == [page["id"]]
    claimed = {**create, "object": page}
    for type in ("Create", "Update"):
        announce = evil.activity("Announce", club, {**claimed, "type": type}, cc=[f"{club}/followers"])
        await evil.send(alpha, announce)
        await settle(alpha)
    assert "private" not in msgspec.json.encode(reader.inbox).decode()
    assert announced(three, "reader.example", create["id"]) == Counter()


async def test_who_is_in_the_twin_alone_answers_at_home_as_well(three: Three) -> None:
    """At home a thread of the twin is in the group there: its reader need not be in both."""
    alpha, beta, _ = three.all
    ours, theirs = await pair(three)
    ann, ben, bea = alpha.person("ann"), beta.person("ben"), beta.person("bea")
    await join(alpha, ann, "mlops@alpha.example")
    await join(beta, ben, "mlops@alpha.example")
    question = publish(alpha, ann, "@mlops Who measured it?\n\nI did not.")
    await settle(*three.all)
    assert in_group(beta, theirs) == [question.iri]
    there = beta.post(question.iri)
    answer = publish(beta, ben, "I did.", reply_to=there)
    await settle(*three.all)
    assert sorted(in_group(alpha, ours)) == sorted(in_group(beta, theirs)) == sorted([question.iri, answer.iri])
    with pytest.raises(Forbidden, match="Only members post in"):
        publish(beta, bea, "And I am in neither.", reply_to=there)
