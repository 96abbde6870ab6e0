"""Threads by what one has read of them: marks, where to go on, what answers what; catching up; how much one hears."""

import pytest

from fedi.actions import mutes
from storage import follows
from storage import mutes as mute_rows
from storage.actors import Actor
from storage.posts import Post
from tests.fedi.web.conftest import Browser, Campus, Outline


@pytest.fixture
def group(campus: Campus, ada: Actor, bruno: Actor) -> Actor:
    """Bruno's, with Ada in it."""
    made = campus.group("mlops", bruno)
    campus.follow(ada, made)
    return made


def path_of(post: Post, author: Actor) -> str:
    """The page of a local post."""
    return f"/people/{author.username}/posts/{post.id}"


async def test_what_is_new_is_counted_and_read_with_the_page(
    campus: Campus, as_ada: Browser, group: Actor, bruno: Actor
) -> None:
    root = campus.post(bruno, "@mlops First\n\nwith a text")
    page = await as_ada.get("/groups/mlops")
    assert "1 new" in page.words
    assert "Unread 1" in page.words
    thread = path_of(root, bruno)
    first = await as_ada.get(thread)
    assert ">New<" not in first.text  # all of it is, so nothing is marked
    page = await as_ada.get("/groups/mlops")
    assert "1 new" not in page.words
    assert "You have read everything here." in (await as_ada.get("/groups/mlops?view=unread")).words
    late = campus.post(bruno, "Afterthought", reply_to_id=root.id)
    assert "1 new" in (await as_ada.get("/groups/mlops?view=unread")).words
    again = await as_ada.get(thread)
    assert "1 new post since you were here" in again.words
    assert f"#p{late.id}" in again.links
    assert f'id="p{late.id}"' in again.text
    assert again.text.count(">New<") == 1
    third = await as_ada.get(thread)
    assert "since you were here" not in third.words
    assert "Unread" in (await as_ada.get("/groups/mlops")).words
    assert "Unread" not in (await campus.browser().get("/groups/mlops")).words  # nobody has read nothing


async def test_a_page_reads_no_further_than_it_shows(
    campus: Campus, as_ada: Browser, group: Actor, bruno: Actor
) -> None:
    root = campus.post(bruno, "@mlops Long")
    await as_ada.get(path_of(root, bruno))
    answers = [campus.post(bruno, f"Answer {number:02}", reply_to_id=root.id) for number in range(30)]
    first = await as_ada.get(path_of(root, bruno))
    assert "30 new posts" in first.words
    shown = [one for one in answers if f'id="p{one.id}"' in first.text]
    assert 0 < len(shown) < 30
    second = await as_ada.get(path_of(root, bruno))
    assert f"{30 - len(shown)} new posts since you were here" in second.words
    jump = next(link for link in second.links if link.endswith(f"#p{answers[len(shown)].id}"))
    there = await as_ada.get(jump.partition("#")[0])
    assert f'id="p{answers[len(shown)].id}"' in there.text
    last = next(link for link in there.links if "before=" in link) if "before=" in there.text else None
    while last is not None:
        there = await as_ada.get(last)
        last = next((link for link in there.links if "before=" in link), None)
    assert "since you were here" not in (await as_ada.get(path_of(root, bruno))).words


async def test_an_answer_says_what_it_answers_where_that_is_not_above_it(
    campus: Campus, as_ada: Browser, group: Actor, ada: Actor, bruno: Actor
) -> None:
    root = campus.post(bruno, "@mlops Topic")
    first = campus.post(bruno, "The very first claim", reply_to_id=root.id)
    below = campus.post(ada, "Directly below", reply_to_id=first.id)
    far = campus.post(bruno, "Further down", reply_to_id=first.id)
    page = await as_ada.get(path_of(root, bruno))
    Outline(page.text)
    articles = {one: page.text.partition(f'id="p{one}"')[2].partition("</article>")[0] for one in (below.id, far.id)}
    assert 'class="above"' in articles[far.id]
    assert "The very first claim" in articles[far.id]
    assert 'class="above"' not in articles[below.id]


async def test_views_of_a_group(campus: Campus, as_ada: Browser, group: Actor, ada: Actor, bruno: Actor) -> None:
    answered = campus.post(bruno, "@mlops Answered one")
    campus.post(ada, "yes", reply_to_id=answered.id)
    campus.post(bruno, "@mlops Lonely one")
    campus.post(ada, "@mlops Asked one", question=True)
    page = await as_ada.get("/groups/mlops?view=unanswered")
    Outline(page.text)
    assert ("Lonely one" in page.words, "Asked one" in page.words, "Answered one" in page.words) == (True, True, False)
    page = await as_ada.get("/groups/mlops?view=open")
    assert ("Asked one" in page.words, "Lonely one" in page.words) == (True, False)
    page = await as_ada.get("/groups/mlops?view=new")
    assert page.words.index("Asked one") < page.words.index("Lonely one") < page.words.index("Answered one")
    assert "Answered one" in (await as_ada.get("/groups/mlops?view=nonsense")).words


async def test_the_name_of_its_group_is_not_said_at_the_head_of_a_text(
    campus: Campus, as_ada: Browser, group: Actor, bruno: Actor
) -> None:
    post = campus.post(bruno, "@mlops Into the matter at once", title="A title of its own")
    page = await as_ada.get(path_of(post, bruno))
    assert "Into the matter at once" in page.words
    assert "@ mlops Into" not in page.words
    assert "@mlops Into" not in page.words
    below = campus.post(bruno, "Words first\n\n@mlops", title="Below")
    page = await as_ada.get(path_of(below, bruno))
    assert ("Words first" in page.words, 'class="u-url mention"' in page.text) == (True, False)
    other = campus.post(bruno, "@ada look", title="Another")
    assert "@ada look" in (await as_ada.get(path_of(other, bruno))).words.replace("@ ada", "@ada")


async def test_a_thread_is_muted_or_followed_for_pages_and_apps_alike(
    campus: Campus, as_ada: Browser, group: Actor, ada: Actor, bruno: Actor
) -> None:
    root = campus.post(bruno, "@mlops Loud")
    thread = path_of(root, bruno)
    fields = {"root": str(root.id), "next": thread}
    done = await as_ada.post("/thread", fields | {"do": "mute"})
    assert "You hear nothing of this thread any more." in done.words
    assert campus.read(lambda tx: mute_rows.muted_threads(tx, ada.id, [root.id])) == {root.id}
    campus.post(bruno, "more", reply_to_id=root.id)
    assert "Loud" not in (await as_ada.get("/catch-up")).words
    assert "1 new" not in (await as_ada.get("/groups/mlops")).words
    assert "You hear of this thread again." in (await as_ada.post("/thread", fields | {"do": "unmute"})).words
    assert "You hear of answers in this thread." in (await as_ada.post("/thread", fields | {"do": "follow"})).words
    assert (await as_ada.post("/thread", fields | {"do": "shout"})).status == 400
    secret = campus.group("board", bruno, see="members")
    hidden = campus.post(bruno, "@board secret")
    assert secret.id
    assert (await as_ada.post("/thread", {"root": str(hidden.id), "do": "follow"})).status == 404
    # Nor is told by it whether there is one.
    assert (await as_ada.post("/thread", {"root": "12345", "do": "follow"})).status == 404


async def test_catching_up_has_reasons_and_ends(
    campus: Campus, as_ada: Browser, group: Actor, ada: Actor, bruno: Actor
) -> None:
    assert "You have read everything in your groups." in (await as_ada.get("/catch-up")).words
    mine = campus.post(ada, "@mlops My question", question=True)
    campus.post(bruno, "an answer", reply_to_id=mine.id)
    for number in range(9):
        campus.post(bruno, f"@mlops Thread {number}")
    page = await as_ada.get("/catch-up")
    Outline(page.text)
    assert "10 threads have something new." in page.words
    assert page.words.index("My question") < page.words.index("Thread 8")
    assert "answers you" in page.words
    assert "5 more" in page.words
    assert "Thread 0" not in page.words
    home = await as_ada.get("/home")
    assert "10 threads of your groups have something new" in home.words
    up_to = page.text.partition('name="up_to" value="')[2].partition('"')[0]
    campus.post(bruno, "@mlops Just now")
    done = await as_ada.post("/read", {"group": str(group.id), "up_to": up_to, "next": "/catch-up"})
    assert "1 thread has something new." in done.words  # what came after the page was made
    done = await as_ada.post("/read", {"next": "/catch-up"})
    assert "Everything counts as read." in done.words
    assert (await as_ada.post("/read", {"next": "//evil.example/"}, follow=False)).headers["location"].startswith("/")


async def test_whom_one_mutes_has_nothing_new(
    campus: Campus, as_ada: Browser, group: Actor, ada: Actor, bruno: Actor
) -> None:
    campus.post(bruno, "@mlops Something")
    campus.write(lambda tx: mutes.mute(tx, campus.site, ada, bruno))
    assert "Something" not in (await as_ada.get("/catch-up")).words
    assert "Unread 1" not in (await as_ada.get("/groups/mlops")).words


async def test_one_slider_for_a_group(campus: Campus, as_ada: Browser, group: Actor, ada: Actor) -> None:
    page = await as_ada.get("/groups/mlops")
    assert "How much you hear of it: My threads" in page.words
    done = await as_ada.post("/volume", {"group": str(group.id), "level": "all", "next": "/groups/mlops"})
    assert "How much you hear of it: Everything" in done.words
    edge = campus.read(lambda tx: follows.find(tx, ada.id, group.id))
    assert edge.notify is True  # the bell that apps know
    assert (await as_ada.post("/volume", {"group": str(group.id), "level": "loud"})).status == 422
    await as_ada.post("/unfollow", {"id": str(group.id)})
    assert (await as_ada.post("/volume", {"group": str(group.id), "level": "all"})).status == 404
