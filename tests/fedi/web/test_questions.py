"""A question on pages, without script: asked, answered, accepted by a button, read above the replies, opened again."""

import re

import pytest

from fedi.actions import questions
from storage import posts as post_rows
from storage.actors import Actor
from storage.posts import Post
from tests.fedi.web.conftest import Browser, Campus, Outline

pytestmark = pytest.mark.anyio


def path_of(post: Post, author: Actor) -> str:
    """The page of a post."""
    return f"/people/{author.username}/posts/{post.id}"


def state(campus: Campus, post: Post) -> str | None:
    """What the first post says of itself."""
    found = campus.read(lambda tx: post_rows.by_id(tx, post.id))
    return found.asks if found is not None else None


async def test_asked_accepted_and_opened_again(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    group = campus.group("stats", bruno)
    campus.follow(ada, group)
    root = campus.post(ada, "@stats How big a test set?\n\nFor 3 %.", question=True)
    answer = campus.post(bruno, "A thousand, if the classes are even.", reply_to_id=root.id)
    page = await as_ada.get(path_of(root, ada))
    Outline(page.text)
    assert "Question" in page.words
    assert "Accepted answer" not in page.words
    [accept] = re.findall(r'<button [^>]*form="q" name="accept" value="(\d+)"[^>]*>Accept this answer<', page.text)
    assert accept == str(answer.id)

    done = await as_ada.post("/question", {"accept": accept, "next": path_of(root, ada)})
    assert done.status == 200
    Outline(done.text)
    assert 'role="status">You accepted this answer.' in done.text
    assert state(campus, root) == "solved"
    words = done.words
    assert words.index("Accepted answer Bruno Lindqvist") < words.index("Replies")
    assert "Accepted by who asked." in words
    assert "Solved" in words
    assert "Accept this answer" not in words
    assert f"{path_of(answer, bruno)}" in done.links
    told = campus.browser()
    await told.log_in("bruno")
    assert "Ada Okafor accepted an answer to" in (await told.get("/notifications")).words
    # The group's list of what is still open does not have it any more.
    assert "How big a test set?" not in (await as_ada.get("/groups/stats?view=open")).words
    assert "How big a test set?" in (await as_ada.get("/groups/stats")).words

    back = await as_ada.post("/question", {"undo": str(root.id), "next": path_of(root, ada)})
    assert "You accept no answer any more." in back.words
    assert "How big a test set?" in (await as_ada.get("/groups/stats?view=open")).words

    await as_ada.post("/question", {"accept": accept, "next": path_of(root, ada)})
    moderator = campus.browser()
    await moderator.log_in("bruno")
    assert "Open the question again" in (await moderator.get(path_of(root, ada))).words
    opened = await moderator.post("/question", {"reopen": str(root.id), "next": path_of(root, ada)})
    assert "The question is open again." in opened.words
    assert state(campus, root) == "open"
    own = await moderator.post("/question", {"accept": accept, "next": path_of(root, ada)})
    assert own.status == 403
    assert "your own answer" in own.words


async def test_members_are_told_how_many_universities_said_so(
    campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor
) -> None:
    group = campus.group("stats", bruno)
    campus.follow(ada, group)
    root = campus.post(bruno, "@stats Why?", question=True)
    zoe = campus.stranger()
    answer = campus.from_afar(zoe, "<p>Because.</p>", root)
    page = await as_ada.post("/question", {"accept": str(answer.id), "next": path_of(root, bruno)})
    assert "Members of 1 university say that this is the answer; two are needed." in page.words
    assert "Not the answer after all" in page.words
    assert state(campus, root) == "open"


async def test_a_thread_becomes_a_question_and_none(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    mine, other = campus.post(ada, "I wonder why"), campus.post(bruno, "I know why")
    page = await as_ada.get(path_of(mine, ada))
    assert "This is a question" in page.words
    assert "This is a question" not in (await as_ada.get(path_of(other, bruno))).words
    await as_ada.post("/question", {"ask": str(mine.id), "next": path_of(mine, ada)})
    assert state(campus, mine) == "open"
    assert (await as_ada.post("/question", {"ask": str(other.id), "next": "/home"})).status == 403
    await as_ada.post("/question", {"unask": str(mine.id), "next": path_of(mine, ada)})
    assert state(campus, mine) is None


async def test_what_is_not_shown_is_not_told_of(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    campus.group("closed", bruno, see="members")
    root = campus.post(bruno, "@closed Why?", question=True)
    answer = campus.post(bruno, "Because of the exam.", reply_to_id=root.id)
    campus.write(lambda tx: questions.accept(tx, campus.site, bruno, answer))
    hidden = await as_ada.post("/question", {"accept": str(answer.id), "next": "/home"})
    absent = await as_ada.post("/question", {"accept": "1", "next": "/home"})
    assert (hidden.status, hidden.words) == (absent.status, absent.words)
    assert hidden.status == 404
    # An accepted answer that one may not see is not above those that one may.
    blocked = campus.group("stats", bruno)
    campus.follow(ada, blocked)
    open_root = campus.post(ada, "@stats Which?", question=True)
    zoe = campus.stranger()
    theirs = campus.from_afar(zoe, "<p>This one.</p>", open_root)
    campus.write(lambda tx: questions.accept(tx, campus.site, ada, theirs))
    assert "This one." in (await as_ada.get(path_of(open_root, ada))).words
    campus.write(lambda tx: post_rows.change(tx, theirs.id, visibility="direct"))
    assert "This one." not in (await as_ada.get(path_of(open_root, ada))).words


async def test_a_solved_thread_is_no_heavier_than_others(
    campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor
) -> None:
    campus.follow(ada, campus.group("stats", bruno))
    words = " ".join(f"{number:x}{number * 7919:x}" for number in range(600))
    root = campus.post(ada, f"@stats Why?\n\n{words[:4900]}", question=True)
    answers = [campus.post(bruno, words[at : at + 4500], reply_to_id=root.id) for at in range(20)]
    campus.write(lambda tx: questions.accept(tx, campus.site, ada, answers[-1]))
    page = await as_ada.get(path_of(root, ada))
    Outline(page.text)
    assert "Accepted answer" in page.words
    assert page.wire <= 14_336
