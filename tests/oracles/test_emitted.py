"""Every kind of post that we send, as Mastodon shows it and as Lemmy takes it: title, who, when, where and a link survive."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from federation.fields import first_id
from fedi.actions import posts, questions
from fedi.actions.posts import Draft, PollDraft
from fedi.rendering import posts as rendering
from storage import outbox
from storage import posts as post_rows
from storage.actors import Actor
from storage.posts import Post
from tests.conftest import Databases
from tests.oracles.lemmy import Lemmy, Refused, Taken
from tests.oracles.mastodon import Status, show
from tests.world import Instance, World, close, instance

pytestmark = pytest.mark.anyio

PICTURE: dict[str, Any] = {
    "url": "https://alpha.example/media/1.png", "media_type": "image/png", "description": "A plot of loss over time",
    "width": 640, "height": 480, "blurhash": None, "kind": "image",
}  # fmt: skip
LONG = "@{group} " + "Sie lernten Gradientenabstieg, 勾配降下法 und обратное распространение. " * 40


@dataclass(slots=True)
class Campus:
    """An instance with a person and a group that all, agreed institutions, or members may read."""

    alpha: Instance
    ada: Actor
    groups: dict[str, Actor]

    def publish(self, text: str, group: str | None = None, **values: Any) -> Post:
        """Ada writes, in a group or not; the row as it is after all that followed."""
        text = text.replace("{group}", self.groups[group].username if group else "nobody")
        made = self.alpha.write(lambda tx: posts.publish(tx, self.alpha.site, self.ada, Draft(text, **values)))
        return self.alpha.post(made.iri)

    def document(self, post: Post) -> dict[str, Any]:
        """What is served at its address, as bytes would have it."""
        found = self.alpha.read(lambda tx: rendering.document(tx, self.alpha.site, post))
        decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(found))
        return decoded

    def sent(self, post: Post, type: str = "Create") -> dict[str, Any]:
        """The newest activity of this type about a post, as it was sent."""
        rows = self.alpha.read(lambda tx: outbox.of_actor(tx, self.ada.id, (type,), 50))
        found: dict[str, Any] = msgspec.json.decode(next(row.body for row in rows if row.post_id == post.id))
        return found

    def mastodon(self, post: Post) -> Status:
        """What Mastodon shows of it, from its document as from its Create."""
        shown = show(self.document(post), self.ada.followers)
        activity = self.sent(post)
        assert show({"@context": activity["@context"], **activity["object"]}, self.ada.followers) == shown
        return shown

    def lemmy(self, post: Post, *known: Post) -> Taken:
        """What Lemmy takes of it, sent as it is."""
        closed = {group.iri: name != "public" for name, group in self.groups.items()}
        return Lemmy(closed, frozenset(one.iri for one in known)).activity(self.sent(post))


@pytest.fixture
async def campus(databases: Databases, tmp_path: Path) -> AsyncIterator[Campus]:
    """The instance."""
    url = databases.new("sqlite")
    alpha = await instance(World(), "alpha.example", url, tmp_path)
    ada = alpha.person("ada")
    yield Campus(alpha, ada, {see: alpha.group(f"ml_{see}", ada, see=see) for see in ("public", "peers", "members")})
    await close(alpha)
    databases.drop(url)


def survives(campus: Campus, post: Post, status: Status, title: str) -> None:
    """Title, who, when, where and a link."""
    assert title in status.plain or (status.spoiler and title in campus.document(post)["name"])
    assert status.author == campus.ada.iri
    assert int(status.created.timestamp() * 1000) == post.published_at
    assert status.url == post.url
    if post.group_id is not None:
        group = next(one for one in campus.groups.values() if one.id == post.group_id)
        assert group.iri in status.mentions


THREADS: list[tuple[str, dict[str, Any], str]] = [
    ("@{group} First line\n\nAnd more of it.", {}, "First line"),
    ("@{group}\n\nThe title is below the mention", {}, "The title is below the mention"),
    ("@{group} 機械学習の輪講 — Übungsblatt № 3 🎓", {}, "機械学習の輪講 — Übungsblatt № 3 🎓"),
    ("@{group} <script>alert(1)</script> & co", {}, "<script>alert(1)</script> & co"),
    ("@{group} Text", {"title": "A title of its own & more"}, "A title of its own & more"),
    ("@{group} See the ending", {"summary": "Spoiler"}, "See the ending"),
    ("@{group} With a picture", {"attachments": (PICTURE,)}, "With a picture"),
    ("@{group} In English", {"language": "en-GB"}, "In English"),
    ("@{group} " + "x" * 4900, {}, "x" * 199),
    (LONG, {"title": "Backpropagation & more"}, "Backpropagation & more"),
    (LONG, {"title": "Warned", "summary": "Long"}, "Warned"),
]


@pytest.mark.parametrize("see", ["public", "peers", "members"])
@pytest.mark.parametrize(("text", "values", "title"), THREADS)
async def test_threads(campus: Campus, see: str, text: str, values: dict[str, Any], title: str) -> None:
    post = campus.publish(text, see, **values)
    status, taken = campus.mastodon(post), campus.lemmy(post)
    survives(campus, post, status, title)
    assert taken.title is not None
    assert taken.title.startswith(title)
    assert taken.community == campus.groups[see].iri
    assert (taken.author, taken.published is not None, taken.sensitive) == (
        campus.ada.iri,
        True,
        bool(values.get("summary")),
    )
    assert status.visibility == ("public" if see == "public" else "direct")
    if values.get("attachments"):
        assert status.attachments == [(PICTURE["url"], PICTURE["description"])]
        assert (taken.url, taken.alt) == (PICTURE["url"], PICTURE["description"])
    if values.get("language"):
        assert (status.language, taken.language) == ("en-GB", "en")
    assert status.spoiler == values.get("summary", "")


async def test_an_article_stands_alone_in_its_excerpt(campus: Campus) -> None:
    post = campus.publish(LONG, "public", title="Backpropagation & more")
    document = campus.document(post)
    assert (post.kind, document["type"], document["name"]) == ("Article", "Article", "Backpropagation & more")
    assert len(document["summary"]) <= 500
    assert document["summary"].startswith("Sie lernten Gradientenabstieg, 勾配降下法")
    status = campus.mastodon(post)
    assert status.text.startswith("<h2>Backpropagation & more</h2>")
    assert status.links == [post.url]
    assert "Sie lernten" in status.plain
    assert document["preview"]["type"] == "Note"
    # What is short, or warned of, or answers something, stays a Note.
    kinds = [
        campus.publish(LONG[:1000], "public", title="Short").kind,
        campus.publish(LONG, "public").kind,
        campus.publish(LONG, "public", title="x", summary="Warned").kind,
        campus.publish(LONG, reply_to_id=post.id, title="x").kind,
    ]
    assert kinds == ["Note"] * 4


async def test_an_excerpt_that_must_be_escaped_is_short_all_the_same(campus: Campus) -> None:
    document = campus.document(campus.publish("&<>" * 600, title="Signs"))
    assert document["type"] == "Article"
    assert 400 < len(document["summary"]) <= 500
    assert "<" not in document["summary"]


@pytest.mark.parametrize("see", ["public", "peers", "members"])
async def test_answers(campus: Campus, see: str) -> None:
    thread = campus.publish("@{group} Question", see)
    answer = campus.publish("Answer", reply_to_id=thread.id)
    status, taken = campus.mastodon(answer), campus.lemmy(answer, thread)
    survives(campus, answer, status, "Answer")
    assert (status.reply_to, taken.parent, taken.title) == (thread.iri, thread.iri, None)
    assert taken.body == "<p>Answer</p>"
    with pytest.raises(Refused, match="parent"):
        campus.lemmy(answer)


@pytest.mark.parametrize("see", ["public", "members"])
async def test_a_poll_in_a_group_is_seen_by_both(campus: Campus, see: str) -> None:
    ends = campus.alpha.site.clock() + 3_600_000
    poll = PollDraft(("Monday", "Freitag, 10–12 h"), multiple=True, ends_at=ends)
    question = campus.publish("@{group} Which day?\n\nIt is about the exam.", see, poll=poll)
    opener = campus.alpha.read(lambda tx: post_rows.by_id(tx, question.reply_to_id or 0))
    assert opener is not None
    taken = campus.lemmy(opener)
    assert (taken.title, "about the exam" in taken.body) == ("Which day?", True)
    with pytest.raises(Refused, match="no comment"):  # dropped, and nothing is lost by that but the poll itself
        campus.lemmy(question, opener)
    status = campus.mastodon(question)
    survives(campus, question, status, "Which day?")
    assert status.poll == {"Monday": 0, "Freitag, 10–12 h": 0}
    assert status.poll_ends is not None
    assert int(status.poll_ends.timestamp() * 1000) == ends
    assert status.reply_to == opener.iri
    survives(campus, opener, campus.mastodon(opener), "Which day?")


async def test_a_poll_outside_of_groups_is_one_post(campus: Campus) -> None:
    question = campus.publish("Tea?", poll=PollDraft(("Yes", "No")))
    assert question.reply_to_id is None
    status = campus.mastodon(question)
    assert (status.poll, status.poll_ends, status.plain.strip()) == ({"Yes": 0, "No": 0}, None, "Tea?")


async def test_posts_outside_of_groups(campus: Campus) -> None:
    for visibility, shown in (
        ("public", "public"),
        ("unlisted", "unlisted"),
        ("followers", "private"),
        ("direct", "direct"),
    ):
        post = campus.publish("Just so", visibility=visibility)
        status = campus.mastodon(post)
        assert (status.visibility, status.plain.strip()) == (shown, "Just so")
        assert campus.document(post).get("name") is None


async def test_quotes_are_quotes_and_links(campus: Campus) -> None:
    quoted = campus.publish("First")
    post = campus.publish("@{group} See this:", "public", quote_id=quoted.id)
    status = campus.mastodon(post)
    assert status.quote == quoted.iri
    assert quoted.iri in status.links  # for who does not know quotes
    assert campus.lemmy(post).title == "See this:"
    assert quoted.iri in campus.lemmy(post).body


async def test_edits(campus: Campus) -> None:
    post = campus.publish("@{group} Before", "public")
    campus.alpha.write(
        lambda tx: posts.edit(tx, campus.alpha.site, post, Draft("@ml_public After\n\nAll of it", title="New"))
    )
    edited = campus.alpha.post(post.iri)
    activity = campus.sent(edited, "Update")
    status = show({"@context": activity["@context"], **activity["object"]}, campus.ada.followers)
    assert status.edited is not None
    survives(campus, edited, status, "New")
    taken = Lemmy({campus.groups["public"].iri: False}).activity(activity)
    assert (taken.title, taken.updated is not None) == ("New", True)


async def test_a_thread_of_nothing_but_mentions_has_a_title(campus: Campus) -> None:
    assert campus.lemmy(campus.publish("@{group}", "public")).title == "@ml_public"


async def test_every_post_names_its_collections_and_its_context(campus: Campus) -> None:
    thread = campus.publish("@{group} Question", "public")
    answer = campus.publish("Answer", reply_to_id=thread.id)
    alone = campus.publish("Alone")
    below = campus.publish("Below", reply_to_id=alone.id)
    group = campus.groups["public"]
    for post, context in (
        (thread, f"{group.iri}/threads/{thread.id}"),
        (answer, f"{group.iri}/threads/{thread.id}"),
        (alone, f"{alone.iri}/context"),
        (below, f"{alone.iri}/context"),
    ):
        document = campus.document(post)
        assert document["context"] == context
        named = {name: first_id(document[name]) for name in ("replies", "likes", "shares")}
        assert named == {name: f"{post.iri}/{name}" for name in ("replies", "likes", "shares")}
        assert document["interactionPolicy"]["canQuote"]["automaticApproval"]


@pytest.mark.parametrize("see", ["public", "members"])
@pytest.mark.parametrize(
    ("text", "title"),
    [("@{group} Which test?\n\nI have two samples.", None), ("@{group} x", "Which test?"), (LONG, "Which test?")],
)
async def test_questions(campus: Campus, see: str, text: str, title: str | None) -> None:
    """Who knows no questions reads that one is solved before everything else, and that it is not when that was taken back."""
    root = campus.publish(text, see, title=title, question=True)
    before, taken = campus.mastodon(root), campus.lemmy(root)
    assert "[solved]" not in before.text + (taken.title or "") + taken.body
    answer = campus.publish("The one of Welch.", see, reply_to_id=root.id)
    campus.alpha.write(lambda tx: questions.accept(tx, campus.alpha.site, campus.ada, answer))
    solved = campus.alpha.post(root.iri)
    groups = {group.iri: name != "public" for name, group in campus.groups.items()}
    shown = show(campus.document(solved), campus.ada.followers)
    assert shown.plain.startswith("[solved]")
    survives(campus, solved, shown, title or "Which test?")
    update = Lemmy(groups, frozenset({root.iri})).activity(campus.sent(solved, "Update"))
    assert update.title == "[solved] Which test?"
    assert (update.author, update.community) == (campus.ada.iri, campus.groups[see].iri)
    assert shown.edited is not None
    assert update.updated is not None
    campus.alpha.write(lambda tx: questions.take_back(tx, campus.alpha.site, campus.ada, solved))
    again = campus.alpha.post(root.iri)
    assert show(campus.document(again), campus.ada.followers).text == before.text
    back = Lemmy(groups, frozenset({root.iri})).activity(campus.sent(again, "Update"))
    assert (back.title, back.body) == (taken.title, taken.body)
