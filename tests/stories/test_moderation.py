"""Moderation across servers: a group at one university, members and moderators at others, a forum and a microblog beside."""

from dataclasses import dataclass

import msgspec
import pytest

from fedi.actions import follows, groups, moderation, posts, reactions
from fedi.errors import Forbidden
from storage import follows as follow_rows
from storage import memberships, moderations, notifications, pins, received, timelines
from storage.actors import Actor
from storage.memberships import Membership
from storage.posts import Post
from tests.stories.conftest import Three
from tests.stories.test_group_across_universities import home, join, publish, told
from tests.world import Instance, Peer, settle

pytestmark = pytest.mark.anyio

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"


@dataclass(slots=True)
class Campus:
    """alpha hosts !mlops, which olga owns; ada (beta) and chi (gamma) are in it, and readers at a forum and a microblog."""

    three: Three
    group: Actor
    olga: Actor
    ada: Actor
    chi: Actor
    lemmy: Peer
    mastodon: Peer
    lena: str
    max: str

    @property
    def alpha(self) -> Instance:
        return self.three.alpha

    @property
    def beta(self) -> Instance:
        return self.three.beta

    @property
    def gamma(self) -> Instance:
        return self.three.gamma

    def at(self, instance: Instance) -> Actor:
        """The group as an instance knows it."""
        return instance.actor(self.group.iri)

    async def settle(self) -> None:
        await settle(*self.three.all)

    def everywhere(self, post: Post) -> list[Post]:
        """The post as each of the three has it."""
        return [one.post(post.iri) for one in self.three.all]

    def announced(self, type: str) -> list[object]:
        """The inner activities of this type that the forum got, newest last."""
        return [one["object"] for one in self.lemmy.got("Announce") if one["object"]["type"] == type]


@pytest.fixture
async def campus(three: Three) -> Campus:
    olga = three.alpha.person("olga")
    group = three.alpha.group("mlops", olga)
    ada, chi = three.beta.person("ada"), three.gamma.person("chi")
    await join(three.beta, ada, "mlops@alpha.example")
    await join(three.gamma, chi, "mlops@alpha.example")
    lemmy, mastodon = Peer(three.world, "lemmy.example", "lemmy"), Peer(three.world, "mastodon.example", "mastodon")
    lena, max_ = lemmy.actor("lena"), mastodon.actor("max")
    await lemmy.send(three.alpha, lemmy.activity("Follow", lena, group.iri))
    await mastodon.send(three.alpha, mastodon.activity("Follow", max_, group.iri))
    await settle(*three.all)
    return Campus(three, group, olga, ada, chi, lemmy, mastodon, lena, max_)


def pass_by(instance: Instance, ms: int) -> None:
    """Let time pass at an instance."""
    clock = instance.site.clock
    object.__setattr__(instance.site, "clock", lambda: clock() + ms)


def last_codes(instance: Instance, count: int = 3) -> list[str | None]:
    """Why the last activities that came were passed by or refused, newest first."""
    return [row.code for row in instance.read(lambda tx: received.newest(tx, count))]


async def thread(campus: Campus, text: str = "@mlops@alpha.example Buy my course") -> Post:
    """A thread that ada opens in the group, known everywhere."""
    post = publish(campus.beta, campus.ada, text)
    await campus.settle()
    return post


def hidden(instance: Instance, person: Actor, post: Post) -> bool:
    """Whether the post is in no timeline of the person."""
    return post.iri not in [one.iri for one in home(instance, person)]


async def test_a_removal_is_two_messages_and_can_be_taken_back(campus: Campus) -> None:
    alpha = campus.alpha
    post = await thread(campus)
    [boost] = campus.mastodon.got("Announce")
    assert told(campus.beta, campus.ada) == []

    made = alpha.write(lambda tx: moderation.remove(tx, alpha.site, campus.olga, alpha.post(post.iri), "advertising"))
    await campus.settle()
    assert all(one.removed_at is not None and one.deleted_at is None for one in campus.everywhere(post))
    assert hidden(campus.gamma, campus.chi, post)
    [delete] = campus.announced("Delete")
    assert isinstance(delete, dict)
    assert (delete["actor"], delete["object"], delete["summary"]) == (campus.olga.iri, post.iri, "advertising")
    assert (delete["to"], delete["cc"], delete["audience"]) == ([PUBLIC], [campus.group.iri], campus.group.iri)
    assert (delete["id"], "proof" in delete) == (made.iri, True)
    [undo] = campus.mastodon.got("Undo")
    assert (undo["object"]["type"], undo["object"]["id"]) == ("Announce", boost["id"])
    assert campus.mastodon.got("Delete") == []
    # Its author is told, by the group; who reads the log at their university sees who did it, and why.
    assert told(campus.beta, campus.ada) == [("moderation_warning", "mlops@alpha.example")]
    [known] = campus.beta.read(lambda tx: moderations.of_group(tx, campus.at(campus.beta).id, 10))
    assert (known.action, known.reason, known.iri) == ("remove", "advertising", made.iri)
    served = await alpha.document(made.iri.removeprefix(alpha.site.config.origin))
    assert served == delete
    tombstone = await campus.beta.document(post.iri.removeprefix(campus.beta.site.config.origin))
    assert tombstone["type"] == "Tombstone"

    alpha.write(lambda tx: moderation.restore(tx, alpha.site, campus.olga, alpha.post(post.iri)))
    await campus.settle()
    assert all(one.removed_at is None for one in campus.everywhere(post))
    assert not hidden(campus.gamma, campus.chi, post)
    [restored] = campus.announced("Undo")
    assert isinstance(restored, dict)
    assert (restored["object"]["type"], restored["object"]["object"]) == ("Delete", post.iri)
    # Lemmy compares the two actors, and needs an id and an audience within.
    assert restored["object"]["actor"] == restored["actor"] == campus.olga.iri
    first, second = campus.mastodon.got("Announce")
    assert first["object"] == second["object"] == post.iri
    assert first["id"] != second["id"], "Mastodon passes by a boost that it knows"
    assert told(campus.beta, campus.ada) == []
    assert (
        await alpha.get(second["id"].removeprefix("https://alpha.example"), accept="application/activity+json")
    ).status == 200


async def test_a_removal_without_a_reason_still_reads_as_one(campus: Campus) -> None:
    post = await thread(campus)
    alpha = campus.alpha
    # As clients do it: a moderator deletes another's post.
    alpha.write(lambda tx: posts.delete(tx, alpha.site, alpha.post(post.iri), campus.olga))
    await campus.settle()
    [delete] = campus.announced("Delete")
    assert isinstance(delete, dict)
    assert isinstance(delete["summary"], str)
    assert all(one.removed_at is not None and one.deleted_at is None for one in campus.everywhere(post))
    # The author can still delete it for good.
    campus.beta.write(lambda tx: posts.delete(tx, campus.beta.site, campus.beta.post(post.iri), campus.ada))
    await campus.settle()
    assert all(one.deleted_at is not None for one in campus.everywhere(post))
    answer = await campus.beta.get(post.iri.removeprefix("https://beta.example"), accept="application/activity+json")
    assert answer.status == 410


async def appoint(campus: Campus) -> None:
    """ada, at beta, becomes a moderator of the group at alpha."""
    alpha = campus.alpha
    ada = alpha.actor(campus.ada.iri)
    alpha.write(lambda tx: moderation.appoint(tx, alpha.site, campus.olga, campus.group, ada))
    await campus.settle()


async def test_a_moderator_elsewhere_moderates_and_the_group_announces_it_byte_for_byte(campus: Campus) -> None:
    alpha, beta = campus.alpha, campus.beta
    with pytest.raises(Forbidden) as problem:
        beta.write(lambda tx: moderation.ban(tx, beta.site, campus.ada, campus.at(beta), campus.ada, "", None, False))
    assert problem.value.code == "not-a-moderator"
    await appoint(campus)
    [add] = campus.announced("Add")
    assert isinstance(add, dict)
    assert (add["object"], add["target"]) == (campus.ada.iri, f"{campus.group.iri}/moderators")
    for instance in campus.three.all:
        person, group = instance.actor(campus.ada.iri), campus.at(instance)
        assert instance.read(lambda tx, p=person, g=group: moderation.may_moderate(tx, p, g)), instance.name  # type: ignore[misc]
    collection = await alpha.document("/groups/mlops/moderators")
    assert collection["orderedItems"] == [campus.olga.iri, campus.ada.iri]

    post = publish(campus.gamma, campus.chi, "@mlops@alpha.example Look here")
    await campus.settle()
    beta.write(lambda tx: moderation.lock(tx, beta.site, campus.ada, beta.post(post.iri), "off topic"))
    assert not beta.post(post.iri).locked, "it holds once the group announces it"
    await campus.settle()
    assert all(one.locked for one in campus.everywhere(post))
    [lock] = campus.announced("Lock")
    assert isinstance(lock, dict)
    assert (lock["actor"], lock["summary"]) == (campus.ada.iri, "off topic")
    served = await beta.get(lock["id"].removeprefix("https://beta.example"), accept="application/activity+json")
    sent = [body for host, _, body in campus.three.world.sent if host == "lemmy.example" and b'"Lock"' in body]
    assert served.body in sent[-1], "the bytes of the moderator's own server"

    beta.write(lambda tx: moderation.pin(tx, beta.site, campus.ada, campus.at(beta), beta.post(post.iri)))
    await campus.settle()
    for instance in campus.three.all:
        group = campus.at(instance)
        pinned = instance.read(lambda tx, g=group: pins.of(tx, g.id))  # type: ignore[misc]
        assert [one.post_id for one in pinned] == [instance.post(post.iri).id], instance.name
    beta.write(lambda tx: moderation.unpin(tx, beta.site, campus.ada, campus.at(beta), beta.post(post.iri)))
    beta.write(lambda tx: moderation.unlock(tx, beta.site, campus.ada, beta.post(post.iri)))
    await campus.settle()
    assert not any(one.locked for one in campus.everywhere(post))
    for instance in campus.three.all:
        group = campus.at(instance)
        assert instance.read(lambda tx, g=group: pins.of(tx, g.id)) == []  # type: ignore[misc]

    olga_ends = alpha.actor(campus.ada.iri)
    alpha.write(lambda tx: moderation.dismiss(tx, alpha.site, campus.olga, campus.group, olga_ends))
    await campus.settle()
    for instance in campus.three.all:
        person, group = instance.actor(campus.ada.iri), campus.at(instance)
        assert not instance.read(lambda tx, p=person, g=group: moderation.may_moderate(tx, p, g)), instance.name  # type: ignore[misc]
    with pytest.raises(Forbidden):
        beta.write(lambda tx: moderation.lock(tx, beta.site, campus.ada, beta.post(post.iri)))
    # Still a member.
    assert publish(beta, campus.ada, "@mlops@alpha.example I am still here").group_id == campus.at(beta).id


async def test_nobody_but_moderators_answers_in_a_locked_thread(campus: Campus) -> None:
    alpha, gamma = campus.alpha, campus.gamma
    post = await thread(campus, "@mlops@alpha.example A heated debate")
    answer = publish(gamma, campus.chi, "No!", reply_to=gamma.post(post.iri))
    await campus.settle()
    alpha.write(lambda tx: moderation.lock(tx, alpha.site, campus.olga, alpha.post(post.iri)))
    await campus.settle()
    for parent in (post, answer):
        with pytest.raises(Forbidden, match="locked"):
            publish(gamma, campus.chi, "And another thing", reply_to=gamma.post(parent.iri))
    # A server that knows no locks sends an answer all the same: it is dropped, and not passed on.
    await campus.mastodon.send(alpha, campus.mastodon.activity("Follow", campus.max, campus.group.iri))
    note = campus.mastodon.note(campus.max, "late", inReplyTo=post.iri, cc=[campus.group.iri, campus.ada.iri])
    await campus.mastodon.send(alpha, campus.mastodon.activity("Create", campus.max, note, cc=note["cc"]))
    await campus.settle()
    assert not alpha.has(note["id"])
    assert "locked" in last_codes(alpha)
    last_word = publish(alpha, campus.olga, "Closed, thank you.", reply_to=alpha.post(post.iri))
    await campus.settle()
    assert gamma.has(last_word.iri)


async def test_a_ban_with_an_end(campus: Campus) -> None:
    alpha, beta = campus.alpha, campus.beta
    post = await thread(campus)
    ada = alpha.actor(campus.ada.iri)
    end = alpha.site.clock() + 60_000
    alpha.write(lambda tx: moderation.ban(tx, alpha.site, campus.olga, campus.group, ada, "spam", end, True))
    await campus.settle()
    [block] = campus.announced("Block")
    assert isinstance(block, dict)
    assert block["endTime"] == block["expires"]
    assert (block["object"], block["target"], block["removeData"], block["summary"]) == (
        campus.ada.iri, campus.group.iri, True, "spam",
    )  # fmt: skip
    assert all(one.removed_at is not None for one in campus.everywhere(post))
    assert len(campus.mastodon.got("Undo")) == 1, "the boost of what went with it"
    # Their server heard it from the group (Reject), so that nothing more is sent there, and says why to them.
    at_beta = campus.at(beta)
    assert beta.read(lambda tx: follow_rows.find(tx, campus.ada.id, at_beta.id)) is None
    with pytest.raises(Forbidden, match="banned"):
        publish(beta, campus.ada, "@mlops@alpha.example Let me in")
    beta.write(lambda tx: follows.follow(tx, beta.site, campus.ada, at_beta))
    await campus.settle()
    assert beta.read(lambda tx: follow_rows.find(tx, campus.ada.id, at_beta.id)) is None

    for instance in campus.three.all:
        pass_by(instance, 61_000)
    beta.write(lambda tx: follows.follow(tx, beta.site, campus.ada, at_beta))
    await campus.settle()
    again = publish(beta, campus.ada, "@mlops@alpha.example I have learned")
    await campus.settle()
    assert alpha.post(again.iri).group_id == campus.group.id


async def test_a_ban_for_good_and_its_end_by_a_moderator(campus: Campus) -> None:
    alpha, beta = campus.alpha, campus.beta
    ada = alpha.actor(campus.ada.iri)
    alpha.write(lambda tx: moderation.ban(tx, alpha.site, campus.olga, campus.group, ada, "", None, False))
    await campus.settle()
    known = beta.read(lambda tx: memberships.find(tx, campus.at(beta).id, campus.ada.id))
    assert (known.state if known else "", known.until if known else 0) == ("banned", None)
    alpha.write(lambda tx: moderation.unban(tx, alpha.site, campus.olga, campus.group, ada))
    await campus.settle()
    assert beta.read(lambda tx: memberships.find(tx, campus.at(beta).id, campus.ada.id)) is None
    [undo] = campus.announced("Undo")
    assert isinstance(undo, dict)
    assert (undo["object"]["type"], undo["object"]["target"]) == ("Block", campus.group.iri)
    await join(beta, campus.ada, "mlops@alpha.example")
    await campus.settle()
    found = alpha.read(lambda tx: memberships.find(tx, campus.group.id, ada.id))
    assert found is not None
    assert found.state == "accepted"


async def test_a_warning_is_between_two(campus: Campus) -> None:
    alpha, beta = campus.alpha, campus.beta
    post = await thread(campus)
    before = len(campus.lemmy.inbox)
    alpha.write(lambda tx: moderation.warn(tx, alpha.site, campus.olga, alpha.post(post.iri), "please stop"))
    await campus.settle()
    assert told(beta, campus.ada) == [("moderation_warning", "mlops@alpha.example")]
    [known] = beta.read(lambda tx: moderations.of_group(tx, campus.at(beta).id, 10))
    assert (known.action, known.reason) == ("warn", "please stop")
    assert len(campus.lemmy.inbox) == before
    assert campus.gamma.read(lambda tx: moderations.of_group(tx, campus.at(campus.gamma).id, 10)) == []
    answer = await alpha.get(known.iri.removeprefix("https://alpha.example"), accept="application/activity+json")
    assert answer.status == 404


async def test_in_a_members_group_moderation_is_for_members(three: Three) -> None:
    alpha, beta, gamma = three.all
    olga = alpha.person("olga")
    group = alpha.group("thesis", olga, join_mode="approval", see="members")
    ada, chi = beta.person("ada"), gamma.person("chi")
    await join(beta, ada, "thesis@alpha.example")
    await join(gamma, chi, "thesis@alpha.example")
    await settle(*three.all)
    for request in alpha.read(lambda tx: follow_rows.followers(tx, group.id, 10, state="pending")):
        alpha.write(lambda tx, one=request: follows.accept(tx, alpha.site, one))  # type: ignore[misc]
    await settle(*three.all)
    lemmy = Peer(three.world, "lemmy.example", "lemmy")
    lemmy.actor("eve")
    post = publish(beta, ada, "@thesis@alpha.example Chapter one")
    await settle(*three.all)
    before = len(three.world.sent)
    alpha.write(lambda tx: moderation.remove(tx, alpha.site, olga, alpha.post(post.iri), "wrong group"))
    made = alpha.write(lambda tx: moderation.ban(tx, alpha.site, olga, group, alpha.actor(ada.iri), "", None, False))
    await settle(*three.all)
    assert gamma.post(post.iri).removed_at is not None
    moderated = [body for _, _, body in three.world.sent[before:]]
    assert any(b'"Block"' in body for body in moderated)
    assert not any(b"#Public" in body for body in moderated)
    assert {host for host, _, _ in three.world.sent[before:]} <= {"beta.example", "gamma.example"}
    path = made.iri.removeprefix("https://alpha.example")
    assert (await alpha.get(path, accept="application/activity+json")).status == 404
    # ada is out: whatever comes next is not for beta, where nobody else is in the group.
    later = publish(gamma, chi, "@thesis@alpha.example For us")
    await settle(*three.all)
    assert not beta.has(later.iri)


async def test_a_group_is_changed_and_everyone_hears_of_it(campus: Campus) -> None:
    alpha = campus.alpha
    with pytest.raises(Forbidden):
        campus.beta.write(lambda tx: groups.edit(tx, campus.beta.site, campus.ada, campus.at(campus.beta), title="X"))
    alpha.write(
        lambda tx: groups.edit(tx, alpha.site, campus.olga, campus.group, title="ML in practice", post="moderators")
    )
    await campus.settle()
    assert [campus.at(one).name for one in campus.three.all] == ["ML in practice"] * 3
    [wrapped] = campus.announced("Update")
    assert isinstance(wrapped, dict)
    assert (wrapped["actor"], wrapped["object"]["name"]) == (campus.olga.iri, "ML in practice")
    [plain] = campus.mastodon.got("Update")
    assert (plain["actor"], plain["object"]["id"]) == (campus.group.iri, campus.group.iri)
    assert campus.lemmy.got("Update") == []

    # A moderator at another forum changes it as Lemmy does: they send the whole group with what is new.
    lena = alpha.actor(campus.lena)
    alpha.write(lambda tx: moderation.appoint(tx, alpha.site, campus.olga, campus.group, lena))
    await campus.settle()
    document = await alpha.document("/groups/mlops")
    document |= {"name": "MLOps", "source": {"content": "All about it", "mediaType": "text/markdown"}}
    update = campus.lemmy.activity("Update", campus.lena, document, cc=[campus.group.iri], audience=campus.group.iri)
    await campus.lemmy.send(alpha, update)
    await campus.settle()
    assert [campus.at(one).name for one in campus.three.all] == ["MLOps"] * 3
    assert "All about it" in campus.at(campus.gamma).summary


async def test_a_group_is_deleted_and_members_keep_what_they_wrote(campus: Campus) -> None:
    alpha = campus.alpha
    post = await thread(campus)
    otto = alpha.person("otto")
    with pytest.raises(Forbidden):
        alpha.write(lambda tx: groups.delete(tx, alpha.site, otto, campus.group))
    alpha.write(lambda tx: groups.delete(tx, alpha.site, campus.olga, campus.group))
    await campus.settle()
    assert [campus.at(one).state for one in campus.three.all] == ["gone"] * 3
    assert all(one.deleted_at is None and one.content for one in campus.everywhere(post))
    answer = await alpha.get("/groups/mlops", accept="application/activity+json")
    assert (answer.status, msgspec.json.decode(answer.body)["type"]) == (410, "Tombstone")
    assert campus.mastodon.got("Delete")[-1]["object"] == campus.group.iri
    assert campus.lemmy.got("Delete")[-1]["actor"] == campus.group.iri
    assert campus.announced("Delete")
    with pytest.raises(Forbidden):
        publish(alpha, campus.olga, "Anyone?", reply_to=alpha.post(post.iri))


async def test_a_moderator_of_another_group_is_nobody_here(campus: Campus) -> None:
    """Forgeries of every kind: refused, each for its reason, and nothing changes."""
    alpha, beta = campus.alpha, campus.beta
    post = await thread(campus)
    other = alpha.group("chess", alpha.person("otto"))
    eve = alpha.actor(campus.lena)
    alpha.write(lambda tx: memberships.save(tx, Membership(other.id, eve.id, "moderator", "accepted", 1)))
    lemmy = campus.lemmy
    acts = [
        lemmy.activity("Delete", campus.lena, post.iri, summary="bad", audience=other.iri, cc=[other.iri]),
        lemmy.activity("Lock", campus.lena, post.iri, audience=other.iri),
        lemmy.activity("Block", campus.lena, campus.ada.iri, target=campus.group.iri, audience=campus.group.iri),
        lemmy.activity("Add", campus.lena, campus.lena, target=f"{campus.group.iri}/moderators", cc=[campus.group.iri]),
        lemmy.activity("Add", campus.lena, post.iri, target=f"{campus.group.iri}/featured", cc=[campus.group.iri]),
        lemmy.activity("Remove", campus.lena, campus.olga.iri, target=f"{campus.group.iri}/moderators"),
        lemmy.activity("Update", campus.lena, {"id": campus.group.iri, "type": "Group", "name": "Mine now"}),
        lemmy.activity("Warn", campus.lena, post.iri, summary="hm"),
    ]
    before = len(alpha.read(lambda tx: received.newest(tx, 100)))
    for act in acts:
        assert (await lemmy.send(alpha, act)).status == 202
    await campus.settle()
    new = alpha.read(lambda tx: received.newest(tx, 100))[: len(acts)]
    assert len(alpha.read(lambda tx: received.newest(tx, 100))) == before + len(acts)
    got = {row.type: (row.state, row.code) for row in new}
    refused = ("refused", "not-a-moderator")
    assert got == dict.fromkeys(("Lock", "Block", "Add", "Remove", "Update", "Warn"), refused) | {"Delete": refused}, (
        got
    )
    kept = alpha.post(post.iri)
    assert (kept.locked, kept.removed_at, kept.deleted_at) == (False, None, None)
    assert alpha.actor(campus.group.iri).name == "Mlops"
    assert alpha.read(lambda tx: memberships.moderators(tx, campus.group.id)) == [campus.olga.id]
    assert beta.post(post.iri).removed_at is None
    assert alpha.read(lambda tx: notifications.of_person(tx, campus.olga.id, timelines.Page())) == []


async def test_who_is_no_moderator_deletes_only_what_is_theirs(campus: Campus) -> None:
    post, gamma = await thread(campus), campus.gamma
    with pytest.raises(Forbidden):
        gamma.write(lambda tx: posts.delete(tx, gamma.site, gamma.post(post.iri), campus.chi))


async def test_who_is_banned_at_home_acts_on_nothing_in_the_group_but_to_delete(campus: Campus) -> None:
    alpha = campus.alpha
    nia = alpha.person("nia")
    alpha.write(lambda tx: follows.follow(tx, alpha.site, nia, campus.group))
    mine = publish(alpha, nia, "@mlops Mine")
    other = publish(alpha, campus.olga, "@mlops Another")
    await campus.settle()
    alpha.write(lambda tx: moderation.ban(tx, alpha.site, campus.olga, campus.group, nia, "spam", None, False))
    await campus.settle()
    before = len(campus.lemmy.inbox)
    with pytest.raises(Forbidden, match="banned"):
        alpha.write(lambda tx: posts.edit(tx, alpha.site, mine, posts.Draft("@mlops Buy")))
    with pytest.raises(Forbidden, match="banned"):
        alpha.write(lambda tx: reactions.like(tx, alpha.site, nia, other))
    await campus.settle()
    assert campus.lemmy.inbox[before:] == []
    alpha.write(lambda tx: posts.delete(tx, alpha.site, alpha.post(mine.iri), nia))
    await campus.settle()
    assert len(campus.announced("Delete")) == 1


async def test_a_second_ban_takes_the_place_of_the_first(campus: Campus) -> None:
    """Else the log would show one that no longer holds."""
    alpha = campus.alpha
    ada = alpha.actor(campus.ada.iri)
    week = alpha.site.clock() + 7 * 24 * 3600 * 1000
    alpha.write(lambda tx: moderation.ban(tx, alpha.site, campus.olga, campus.group, ada, "spam", week, False))
    alpha.write(lambda tx: moderation.ban(tx, alpha.site, campus.olga, campus.group, ada, "more spam", None, False))
    alpha.write(lambda tx: moderation.unban(tx, alpha.site, campus.olga, campus.group, ada))
    bans = [one for one in alpha.read(lambda tx: moderations.of_group(tx, campus.group.id, 10)) if one.action == "ban"]
    assert len(bans) == 2
    assert all(one.undone_at is not None for one in bans)


async def test_what_is_taken_out_before_it_is_sent_reaches_nobody_who_was_named(campus: Campus) -> None:
    alpha, world = campus.alpha, campus.three.world
    world.down.add("beta.example")
    post = publish(alpha, campus.olga, "@mlops @ada@beta.example Buy my course")
    await settle(alpha, campus.gamma)
    alpha.write(lambda tx: moderation.remove(tx, alpha.site, campus.olga, alpha.post(post.iri), "spam"))
    world.down.clear()
    begin = len(world.sent)
    pass_by(alpha, 24 * 3600 * 1000)
    await campus.settle()
    sent = [msgspec.json.decode(body) for host, _, body in world.sent[begin:] if host == "beta.example"]
    assert [one["object"]["type"] for one in sent if one["type"] == "Announce"] == ["Delete"]
    assert not [one for one in sent if b"Buy my course" in msgspec.json.encode(one)]


async def test_answers_that_came_before_their_thread_are_in_the_group_by_its_members_only(campus: Campus) -> None:
    alpha = campus.alpha
    stranger = campus.mastodon.actor("stranger")
    page = campus.lemmy.iri("/post/77")
    answers = {}
    for who in (stranger, campus.max):
        named = {"type": "Mention", "href": campus.olga.iri, "name": "@olga@alpha.example"}
        note = campus.mastodon.note(
            who, f"early-{who.rpartition('/')[2]}", inReplyTo=page, tag=[named], cc=[campus.olga.iri]
        )
        answers[who] = note["id"]
        await campus.mastodon.send(alpha, campus.mastodon.activity("Create", who, note))
    await campus.settle()
    assert [alpha.post(iri).group_id for iri in answers.values()] == [None, None]
    document = campus.lemmy.note(campus.lena, "77", type="Page", audience=campus.group.iri)
    document |= {"id": page, "name": "A thread", "to": [PUBLIC, campus.group.iri]}
    create = campus.lemmy.activity("Create", campus.lena, document, audience=campus.group.iri)
    await campus.lemmy.send(alpha, create)
    await campus.settle()
    opened = alpha.post(page)
    assert opened.group_id == campus.group.id
    for who, iri in answers.items():
        found = alpha.post(iri)
        assert found.reply_to_id == opened.id
        assert found.group_id == (None if who == stranger else campus.group.id)
