"""Questions across universities: asked, answered, accepted by who asked or by members of two institutions, taken back, opened
again by a moderator; what a PieFed-shaped forum and a microblog see of it."""

from typing import Any

import pytest

from federation.vocabulary.note import read_post
from fedi.actions import erasing, posts, questions
from fedi.actions.posts import Draft
from fedi.errors import Forbidden
from fedi.rendering import posts as rendering
from storage import notifications, outbox, timelines
from storage import posts as post_rows
from storage import questions as rows
from storage.actors import Actor
from storage.posts import Post
from tests.oracles.mastodon import show
from tests.stories.conftest import Three
from tests.stories.test_group_across_universities import join, publish
from tests.stories.test_polls import reasons
from tests.world import Instance, Peer, settle

pytestmark = pytest.mark.anyio

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
ON_ONE = pytest.mark.parametrize("three", ["sqlite"], indirect=True)
"""What asks the databases nothing that the others don't."""


def state(instance: Instance, iri: str) -> tuple[str | None, str | None, str | None]:
    """(what the first post says of itself, the IRI of the accepted answer, whose word made it so) as this instance has it."""
    root = instance.post(iri)
    question = instance.read(lambda tx: rows.find(tx, root.id))
    if question is None:
        return root.asks, None, None
    answer = instance.read(lambda tx: questions.accepted(tx, question, root))
    return root.asks, answer.iri if answer is not None else None, question.how


def accept(instance: Instance, who: Actor, answer: str) -> None:
    """Somebody says that this is the answer."""
    post = instance.post(answer)
    instance.write(lambda tx: questions.accept(tx, instance.site, who, post))


def take_back(instance: Instance, who: Actor, root: str) -> None:
    """Somebody does not say so any more."""
    post = instance.post(root)
    instance.write(lambda tx: questions.take_back(tx, instance.site, who, post))


def document(instance: Instance, iri: str) -> dict[str, Any]:
    """A post as it is served."""
    return instance.read(lambda tx: rendering.document(tx, instance.site, instance.post(iri)))


class Thread:
    """A group at alpha; ada of beta asked in it, chi of gamma answered; a forum and a microblog follow it."""

    def __init__(self, three: Three) -> None:
        self.three = three
        self.alpha, self.beta, self.gamma = three.all
        self.olga = self.alpha.person("olga")
        self.group = self.alpha.group("stats", self.olga)
        self.ada, self.chi = self.beta.person("ada"), self.gamma.person("chi")
        self.piefed = Peer(three.world, "piefed.example", "piefed")
        self.root = self.answer = ""

    async def begin(self, text: str = "@stats@alpha.example How big a test set?\n\nFor 3 %.", **values: Any) -> None:
        """Join, ask, answer."""
        await join(self.beta, self.ada, "stats@alpha.example")
        await join(self.gamma, self.chi, "stats@alpha.example")
        await self.piefed.send(self.alpha, self.piefed.activity("Follow", self.piefed.actor("lou"), self.group.iri))
        await settle(*self.three.all)
        draft = Draft(text, question=True, **values)
        asked = self.beta.write(lambda tx: posts.publish(tx, self.beta.site, self.ada, draft))
        await settle(*self.three.all)
        self.root = asked.iri
        self.answer = publish(self.gamma, self.chi, "A thousand.", self.gamma.post(asked.iri)).iri
        await settle(*self.three.all)

    def everywhere(self, *wanted: tuple[str | None, str | None, str | None]) -> None:
        """All three have the same of it."""
        for one in self.three.all:
            assert state(one, self.root) in wanted, one.name

    def passed_on(self) -> list[dict[str, Any]]:
        """What the group announced to the forum."""
        return [one["object"] for one in self.piefed.got("Announce")]


@pytest.fixture
async def thread(three: Three) -> Thread:
    """The thread, with its answer."""
    made = Thread(three)
    await made.begin()
    return made


async def test_who_asked_accepts_an_answer_and_takes_it_back(thread: Thread) -> None:
    beta, gamma = thread.beta, thread.gamma
    thread.everywhere(("open", None, None))
    create = thread.passed_on()[0]["object"]
    assert [one["name"] for one in create["tag"] if one["type"] == "CommunityPostTag"] == ["question"]
    assert create["name"] == "How big a test set?"
    before = gamma.post(thread.root)

    accept(beta, thread.ada, thread.answer)
    await settle(*thread.three.all)
    [at_home] = {state(beta, thread.root)}
    assert at_home == ("solved", thread.answer, "asker")
    thread.everywhere(at_home)
    for one in (beta, gamma):
        post = one.post(thread.root)
        assert "[solved]" not in f"{post.title} {post.content}", "it is for those who know no questions"
    assert gamma.post(thread.root).edited_at == before.edited_at, "nobody changed a word"
    told = gamma.read(lambda tx: notifications.of_person(tx, thread.chi.id, timelines.Page()))
    assert [(row.kind, gamma.post(thread.root).id) for row in told] == [("update", told[0].post_id)]

    # A forum that is shaped as PieFed hears PieFed's word; one that is shaped as Lemmy an edit of the title.
    [chosen] = [one for one in thread.passed_on() if one["type"] == "ChooseAnswer"]
    assert (chosen["actor"], chosen["object"], chosen["audience"]) == (thread.ada.iri, thread.answer, thread.group.iri)
    edited = [one["object"] for one in thread.passed_on() if one["type"] == "Update"][-1]
    assert edited["name"] == "[solved] How big a test set?"
    assert edited["acceptedAnswer"] == thread.answer
    assert edited["updated"] > edited["published"]
    # A microblog shows it before everything else.
    assert show(document(beta, thread.root), thread.ada.followers).plain.startswith("[solved]")

    take_back(beta, thread.ada, thread.root)
    await settle(*thread.three.all)
    thread.everywhere(("open", None, None))
    [undo] = [one for one in thread.passed_on() if one["type"] == "Undo"]
    assert (undo["actor"], undo["object"]["id"], undo["object"]["type"]) == (
        thread.ada.iri,
        chosen["id"],
        "ChooseAnswer",
    )
    now = document(beta, thread.root)
    assert "[solved]" not in now["name"] + now["content"]
    assert "acceptedAnswer" not in now
    assert [one for one in thread.passed_on() if one["type"] == "Update"][-1]["object"]["name"] == "How big a test set?"


async def test_members_of_two_institutions_accept_an_answer(thread: Thread) -> None:
    alpha, gamma = thread.alpha, thread.gamma
    ben = alpha.person("ben")
    cho = gamma.person("cho")
    await join(alpha, ben, "stats@alpha.example")
    await settle(*thread.three.all)
    accept(alpha, thread.olga, thread.answer)
    accept(alpha, ben, thread.answer)
    await settle(*thread.three.all)
    thread.everywhere(("open", None, None))  # two people of one institution

    with pytest.raises(Forbidden) as refused:
        accept(gamma, thread.chi, thread.answer)
    assert refused.value.code == "own-answer"
    with pytest.raises(Forbidden) as refused:
        accept(gamma, cho, thread.answer)
    assert refused.value.code == "not-a-member"

    await join(gamma, cho, "stats@alpha.example")
    await settle(*thread.three.all)
    accept(gamma, cho, thread.answer)
    await settle(*thread.three.all)
    at_home = ("solved", thread.answer, "members")
    assert state(thread.beta, thread.root) == at_home
    thread.everywhere(at_home, ("solved", thread.answer, "stated"))
    assert document(thread.beta, thread.root)["name"].startswith("[solved] ")

    # One of them leaves it; what the home of the question said on their word is taken back with it.
    take_back(gamma, cho, thread.root)
    await settle(*thread.three.all)
    thread.everywhere(("open", None, None))


async def test_who_asked_has_the_last_word_and_a_moderator_opens_it_again(thread: Thread) -> None:
    alpha, beta, gamma = thread.three.all
    other = publish(alpha, thread.olga, "Ten.", alpha.post(thread.root)).iri
    cho = gamma.person("cho")
    await join(gamma, cho, "stats@alpha.example")
    await settle(*thread.three.all)
    accept(alpha, thread.olga, thread.answer)
    accept(gamma, cho, thread.answer)
    await settle(*thread.three.all)
    accept(beta, thread.ada, other)
    await settle(*thread.three.all)
    thread.everywhere(("solved", other, "asker"))

    with pytest.raises(Forbidden):
        gamma.write(lambda tx: questions.reopen(tx, gamma.site, cho, gamma.post(thread.root)))
    alpha.write(lambda tx: questions.reopen(tx, alpha.site, thread.olga, alpha.post(thread.root)))
    await settle(*thread.three.all)
    thread.everywhere(("open", None, None))

    accept(beta, thread.ada, thread.answer)
    await settle(*thread.three.all)
    # What is deleted answers nothing.
    at_gamma = gamma.post(thread.answer)
    gamma.write(lambda tx: posts.delete(tx, gamma.site, at_gamma, thread.chi))
    await settle(*thread.three.all)
    thread.everywhere(("open", None, None))


@ON_ONE
async def test_a_forum_shaped_as_piefed_asks_and_accepts(thread: Thread) -> None:
    alpha, piefed = thread.alpha, thread.piefed
    lou, mia = piefed.iri("/users/lou"), piefed.actor("mia")
    page = piefed.note(lou, "why", type="Page", to=[PUBLIC, thread.group.iri], audience=thread.group.iri)
    page["name"] = "Why a t-test?"
    await piefed.send(alpha, piefed.activity("Create", lou, page))
    await settle(*thread.three.all)
    answer = publish(thread.beta, thread.ada, "Because the variance is not known.", thread.beta.post(page["id"])).iri
    await settle(*thread.three.all)
    assert state(alpha, page["id"]) == (None, None, None), "it marks no post"

    def choose(who: str) -> dict[str, Any]:
        return piefed.activity("ChooseAnswer", who, answer, cc=[thread.group.iri], audience=thread.group.iri)

    await piefed.send(alpha, choose(mia))  # who neither asked nor is in the group
    await settle(*thread.three.all)
    assert state(alpha, page["id"]) == (None, None, None)
    chosen = choose(lou)
    await piefed.send(alpha, chosen)
    await settle(*thread.three.all)
    for one in thread.three.all:
        assert state(one, page["id"]) == ("solved", answer, "asker"), one.name
    # The same once more is nothing, an edit of the post takes nothing back, and its Undo, under an id of its own, all.
    await piefed.send(alpha, choose(lou))
    page["content"], page["updated"] = "<p>Really?</p>", "2026-11-01T13:00:00Z"
    await piefed.send(alpha, piefed.activity("Update", lou, page))
    await settle(*thread.three.all)
    assert state(thread.gamma, page["id"])[0] == "solved"
    inner = {name: chosen[name] for name in ("type", "actor", "object", "to", "cc", "audience")}
    undo = piefed.activity("Undo", lou, inner | {"id": piefed.iri("/activities/answer/x")}, audience=thread.group.iri)
    await piefed.send(alpha, undo)
    await settle(*thread.three.all)
    for one in thread.three.all:
        assert state(one, page["id"]) == ("open", None, None), one.name


@ON_ONE
async def test_in_a_group_of_piefed_its_word_and_ours_are_the_same(three: Three) -> None:
    beta = three.beta
    piefed = Peer(three.world, "piefed.example", "piefed")
    community = piefed.actor("ask", "Group")
    ada = beta.person("ada")
    group = await join(beta, ada, "ask@piefed.example")
    await settle(*three.all)
    await piefed.send(beta, piefed.activity("Accept", community, piefed.got("Follow")[0]))
    await settle(*three.all)
    draft = Draft("@ask@piefed.example Which book?", question=True)
    root = beta.write(lambda tx: posts.publish(tx, beta.site, ada, draft))
    lou, mia = piefed.actor("lou"), piefed.actor("mia")
    note = piefed.note(lou, "that", inReplyTo=root.iri, to=[PUBLIC, community, ada.iri], audience=community)
    await piefed.send(beta, piefed.activity("Announce", community, piefed.activity("Create", lou, note)))
    await settle(*three.all)
    assert beta.post(note["id"]).group_id == group.id
    accept(beta, ada, note["id"])
    await settle(*three.all)
    [chosen] = piefed.got("ChooseAnswer")
    assert (chosen["actor"], chosen["object"], chosen["audience"]) == (ada.iri, note["id"], community)
    take_back(beta, ada, root.iri)
    await settle(*three.all)
    [undo] = piefed.got("Undo")
    assert undo["object"]["type"] == "ChooseAnswer"
    # What its members choose is believed when the group says so, and of others alone it is nothing.
    choice = piefed.activity("ChooseAnswer", mia, note["id"], audience=community)
    await piefed.send(beta, choice)
    await settle(*three.all)
    assert "not-announced" in (await reasons(beta)).values()
    assert beta.read(lambda tx: rows.chosen(tx, root.id)) == []
    await piefed.send(beta, piefed.activity("Announce", community, choice))
    await settle(*three.all)
    assert len(beta.read(lambda tx: rows.chosen(tx, root.id))) == 1
    assert beta.post(root.iri).asks == "open", "one institution"


@ON_ONE
async def test_what_says_solved_is_read_back_as_it_was_written(thread: Thread) -> None:
    beta = thread.beta
    long = "Sie lernten Gradientenabstieg. " * 80
    for text, title in (
        ("@stats@alpha.example First line\n\n> quoted", None),
        ("@stats@alpha.example", "Only a title"),
        ("> @stats@alpha.example a quotation first", "A title"),
        (f"@stats@alpha.example {long}", "An article"),
        ("@stats@alpha.example x", "T" * 200),
        ("@stats@alpha.example [solved] I say so myself", None),
        ("@stats@alpha.example The butler did it", "Warned"),
    ):
        draft = Draft(text, question=True, title=title, summary="The end" if title == "Warned" else "")
        root = beta.write(lambda tx, draft=draft: posts.publish(tx, beta.site, thread.ada, draft))  # type: ignore[misc]
        own: Post = publish(beta, thread.ada, "I found it.", root)
        plain = read_post(document(beta, root.iri))
        accept(beta, thread.ada, own.iri)
        solved = document(beta, root.iri)
        shown = show(solved, thread.ada.followers)
        assert shown.plain.startswith("[solved]"), text
        assert shown.spoiler == ("[solved] The end" if title == "Warned" else "")
        assert len(solved["name"]) <= 200, "Lemmy takes no longer title"
        back = read_post(solved)
        assert back.asking is not None
        assert back.asking == (True, own.iri)
        if len(plain.title or "") < 190:
            assert (back.title, back.content, back.summary) == (plain.title, plain.content, plain.summary)


@ON_ONE
async def test_only_ones_own_first_post_becomes_a_question(thread: Thread) -> None:
    beta, gamma = thread.beta, thread.gamma
    root = publish(beta, thread.ada, "@stats@alpha.example A note")
    await settle(*thread.three.all)
    with pytest.raises(Forbidden):
        gamma.write(lambda tx: questions.ask(tx, gamma.site, thread.chi, gamma.post(root.iri)))
    beta.write(lambda tx: questions.ask(tx, beta.site, thread.ada, root))
    await settle(*thread.three.all)
    assert {one.post(root.iri).asks for one in thread.three.all} == {"open"}
    group = gamma.post(root.iri).group_id or 0
    still = gamma.read(lambda tx: tx.execute(post_rows.posts.select().where(rows.open_in(group))).all())
    assert {row.iri for row in still} == {root.iri, thread.root}
    mine = publish(beta, thread.ada, "I found it.", beta.post(root.iri))
    accept(beta, thread.ada, mine.iri)
    await settle(*thread.three.all)
    assert {one.post(root.iri).asks for one in thread.three.all} == {"solved"}
    beta.write(lambda tx: questions.ask_no_more(tx, beta.site, thread.ada, beta.post(root.iri)))
    await settle(*thread.three.all)
    assert {one.post(root.iri).asks for one in thread.three.all} == {None}


@ON_ONE
async def test_who_is_erased_chose_nothing(thread: Thread) -> None:
    alpha, gamma = thread.alpha, thread.gamma
    cho = gamma.person("cho")
    await join(gamma, cho, "stats@alpha.example")
    await settle(*thread.three.all)
    accept(alpha, thread.olga, thread.answer)
    accept(gamma, cho, thread.answer)
    await settle(*thread.three.all)
    assert state(thread.beta, thread.root)[0] == "solved"
    gamma.write(lambda tx: erasing.erase(tx, gamma.site, cho))
    await settle(*thread.three.all)
    assert (
        gamma.read(lambda tx: [one for one in rows.chosen(tx, gamma.post(thread.root).id) if one.actor_id == cho.id])
        == []
    )
    thread.everywhere(("open", None, None))


@ON_ONE
async def test_what_was_chosen_in_a_closed_group_is_told_to_nobody_else(three: Three) -> None:
    alpha, beta, _ = three.all
    olga, ada = alpha.person("olga"), beta.person("ada")
    alpha.group("closed", olga, see="members", join_mode="open")
    there = await join(beta, ada, "closed@alpha.example")
    await settle(*three.all)
    assert there.is_group
    root = publish_question(alpha, olga, "@closed Why?")
    await settle(*three.all)
    answer = publish(beta, ada, "Because.", beta.post(root.iri))
    await settle(*three.all)
    outsider = Peer(three.world, "outside.example", "mastodon")
    accept(alpha, olga, answer.iri)
    await settle(*three.all)
    assert state(beta, root.iri)[0] == "solved"
    take_back(alpha, olga, root.iri)
    await settle(*three.all)
    assert state(beta, root.iri)[0] == "open"
    rows_ = alpha.read(lambda tx: outbox.of_actor(tx, olga.id, ("ChooseAnswer", "Undo", "Update"), 50))
    assert len(rows_) >= 3
    for row in rows_:
        path = row.activity_id.removeprefix("https://alpha.example").partition("#")[0]
        got = await alpha.get(path, accept="application/activity+json")
        assert got.status == 404, (row.type, got.body)
        assert PUBLIC not in row.body.decode()
    assert outsider.inbox == []


def publish_question(instance: Instance, author: Actor, text: str) -> Post:
    """`author` asks."""
    return instance.write(lambda tx: posts.publish(tx, instance.site, author, Draft(text, question=True)))
