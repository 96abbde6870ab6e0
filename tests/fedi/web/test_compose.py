"""Writing: the form, its preview, drafts, and that the same form sent twice is one post."""

from typing import Any

import pytest

from fedi.actions import unsent
from storage import drafts, media, posts, timelines
from storage.actors import Actor
from storage.drafts import Kept
from storage.posts import Post
from storage.timelines import Page as Bounds
from tests.fedi.web.conftest import Browser, Campus, Outline
from tests.fedi.web.test_pictures import picture, send


def kept(campus: Campus, person: Actor) -> list[Kept]:
    found: list[Kept] = campus.read(lambda tx: drafts.of_person(tx, person.id, Bounds(limit=20)))
    return found


def written(campus: Campus, person: Actor) -> list[Post]:
    def read(tx: Any) -> list[Post]:
        entries = timelines.of_actor(tx, person.id, Bounds(limit=20))
        found = [posts.by_id(tx, one.post_id) for one in entries]
        return [one for one in found if one is not None]

    made: list[Post] = campus.read(read)
    return made


async def test_the_form_says_who_reads_it(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    group = campus.group("seminar", bruno, see="members")
    campus.follow(ada, group)
    page = await as_ada.get("/compose?group=seminar&title=Sizes&text=How%20large?&question=1")
    outline = Outline(page.text)
    assert "Seminar (1 university, 2 people)" in page.words
    assert "Who can read this: 1 university, 2 people." in page.words
    assert f'<option value="g{group.id}" selected>' in page.text
    assert {"title": "Sizes", "question": "1"}.items() <= {
        str(one.get("name")): one.get("value") for one in outline.of("input")
    }.items()
    assert "How large?</textarea>" in page.text
    labelled = {one.get("for") for one in outline.of("label")}
    shown = [one for one in outline.of("input", "select", "textarea") if one.get("type") != "hidden"]
    assert {one.get("id") for one in shown} <= labelled
    page = await as_ada.post(
        "/compose", {"where": f"g{group.id}", "title": "Sizes", "text": "How large?", "question": "1"}
    )
    assert page.status == 200
    made = written(campus, ada)[0]
    assert (made.title, made.group_id, made.visibility, made.asks) == ("Sizes", group.id, "members", "open")


async def test_a_title_alone_is_a_thread(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    group = campus.group("birds", ada)
    await as_ada.post("/compose", {"where": f"g{group.id}", "title": "Who saw the heron?", "text": ""})
    assert written(campus, ada)[0].title == "Who saw the heron?"


async def test_groups_of_others_are_not_offered(campus: Campus, as_ada: Browser, bruno: Actor) -> None:
    group = campus.group("secret", bruno, see="members")
    page = await as_ada.get("/compose")
    assert "Secret" not in page.words
    # Nor how many are in one, to who asks for it by its name: that is shown to members.
    typed = {"where": f"g{group.id}", "text": "x", "action": "preview"}
    for page in (
        await as_ada.get("/compose?group=secret"),
        await as_ada.post("/compose", typed),
        await as_ada.get("/groups/secret/about"),
    ):
        assert page.status == 200
        assert "university, " not in page.words


async def test_a_preview_of_what_is_too_long_is_bounded(as_ada: Browser) -> None:
    """A form may have forty times what a post may: reading all of that for formulas and the like would take minutes."""
    page = await as_ada.post("/compose", {"text": "a" * 4_990 + " `code` " + "`more` " * 10_000, "action": "preview"})
    assert "characters too long" in page.words
    assert "<code>code</code>" in page.text
    assert "<code>more</code>" not in page.text
    assert page.text.count("`more`") == 10_000  # what was typed is all there


async def test_a_preview_shows_it_and_keeps_everything(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    page = await send(
        as_ada,
        [
            ("action", "preview"),
            ("where", "followers"),
            ("title", "Sums"),
            ("text", "@ada $x^2$ `code`\n\n- a\n- b <b>"),
            ("warning", "maths"),
            ("language", "de"),
            ("picture0", picture()),
            ("alt0", "A graph"),
        ],
    )
    Outline(page)
    assert "How it will look" in page
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in page
    assert "<code>code</code>" in page
    assert "<li>b &lt;b&gt;</li>" in page
    assert page.count('alt="A graph"') == 2  # in the preview, and beside the words that can be changed
    for typed in ('value="Sums"', "- b &lt;b&gt;</textarea>", 'value="maths"', '<option value="followers" selected>'):
        assert typed in page
    assert '<option value="de" lang="de" selected>' in page
    assert written(campus, ada) == []
    assert kept(campus, ada) == []


async def test_the_same_form_twice_is_one_post(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    key = next(one["value"] for one in Outline((await as_ada.get("/compose")).text).of("input") if one["name"] == "key")
    fields = {"key": str(key), "text": "Once", "where": "public"}
    first, second = await as_ada.post("/compose", fields), await as_ada.post("/compose", fields)
    assert (first.path, first.status) == (second.path, 200)
    assert len(written(campus, ada)) == 1
    await as_ada.post("/compose", fields | {"text": "Once more"})  # the way back, and on from there
    assert len(written(campus, ada)) == 2
    await as_ada.post("/react", {"delete": str(written(campus, ada)[0].id)})
    again = await as_ada.post("/compose", fields | {"text": "Once more"})  # deleted, and meant anew
    assert again.status == 200
    assert len(written(campus, ada)) == 2


async def test_of_two_people_each_has_their_own(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    other = campus.browser()
    await other.log_in("bruno")
    fields = {"key": "1", "text": "Me too", "where": "public"}
    await as_ada.post("/compose", fields)
    await other.post("/compose", fields)
    assert (len(written(campus, ada)), len(written(campus, bruno))) == (1, 1)


async def test_a_draft_waits_and_is_gone_when_it_is_sent(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    page = await send(
        as_ada,
        [("action", "keep"), ("title", "Later"), ("text", "not yet"), ("picture0", picture()), ("alt0", "A graph")],
    )
    assert "It is kept." in page
    assert "Later" in page
    (draft,) = kept(campus, ada)
    held = campus.read(lambda tx: media.by_id(tx, draft.media_ids[0]))
    assert (held.scheduled_id, held.loose_since) == (draft.id, None)  # nothing sweeps it away
    page = (await as_ada.get(f"/compose?draft={draft.id}")).text
    Outline(page)
    assert 'value="Later"' in page
    assert 'value="A graph"' in page
    fields = {"draft": str(draft.id), "text": "now", "title": "Later", "where": "public", "key": "1"}
    fields |= {"media": str(draft.media_ids[0]), f"said{draft.media_ids[0]}": "Another graph"}
    shown = await as_ada.post("/compose", fields)
    assert 'alt="Another graph"' in shown.text
    assert kept(campus, ada) == []
    assert "You have no drafts." in (await as_ada.get("/drafts")).words
    again = await as_ada.post("/compose", fields)
    assert again.path == shown.path


async def test_what_is_refused_is_a_draft(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    group = campus.group("closed", bruno, join_mode="invite")
    page = await as_ada.post("/compose", {"where": f"g{group.id}", "title": "T", "text": "hello <b>"})
    assert page.status == 403
    assert "Your post was not published" in page.words
    assert "hello &lt;b&gt;</textarea>" in page.text
    (draft,) = kept(campus, ada)
    assert (draft.text, draft.group_id) == ("hello <b>", group.id)
    assert draft.problem
    assert draft.problem in (await as_ada.get("/drafts")).words
    assert f'name="draft" value="{draft.id}"' in page.text  # the next try is of the same draft
    await as_ada.post("/compose", {"where": "g1", "text": "hello again", "draft": str(draft.id)})
    assert [one.id for one in kept(campus, ada)] == [draft.id]
    await as_ada.post("/compose", {"where": "public", "text": "hello everyone", "draft": str(draft.id)})
    assert kept(campus, ada) == []


async def test_too_long_is_kept_and_says_by_how_much(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    page = await as_ada.post("/compose", {"text": "x" * 5020, "where": "public"})
    assert page.status == 422
    assert "Your text is 20 characters too long." in page.words
    assert "x" * 5020 in page.text
    assert len(kept(campus, ada)[0].text) == 5020


async def test_drafts_are_nobody_elses(campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor) -> None:
    words = unsent.Words(text="of bruno")
    draft = campus.write(lambda tx: unsent.keep(tx, campus.site, bruno, words))
    assert (await as_ada.get(f"/compose?draft={draft.id}")).status == 404
    await as_ada.post("/drafts", {"delete": str(draft.id)})
    await as_ada.post("/compose", {"text": "mine", "draft": str(draft.id), "where": "public"})
    await as_ada.post("/compose", {"text": "mine", "draft": str(draft.id), "action": "keep"})
    assert [one.text for one in kept(campus, bruno)] == ["of bruno"]
    assert [one.text for one in kept(campus, ada)] == ["mine"]
    assert (await campus.browser().get("/drafts", follow=False)).status == 303


async def test_a_draft_is_thrown_away_with_its_files(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    await send(as_ada, [("action", "keep"), ("text", "no"), ("picture0", picture())])
    (draft,) = kept(campus, ada)
    page = await as_ada.post("/drafts", {"delete": str(draft.id)})
    assert "The draft is deleted." in page.words
    assert kept(campus, ada) == []
    assert campus.read(lambda tx: media.by_id(tx, draft.media_ids[0])).loose_since is not None


async def test_there_is_an_end_to_drafts(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    def fill(tx: Any) -> None:
        for number in range(unsent.MOST):
            unsent.keep(tx, campus.site, ada, unsent.Words(text=str(number)))

    campus.write(fill)
    page = await as_ada.post("/compose", {"text": "one more", "action": "keep"})
    assert page.status == 422
    assert "one more</textarea>" in page.text
    page = await as_ada.post("/compose", {"text": "x" * 5001})  # no room for it among them, and nothing lost
    assert "x" * 5001 in page.text


async def test_a_poll_is_written(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    fields = {"text": "Tea?", "option0": "yes", "option1": " no ", "option2": "", "days": "7", "where": "public"}
    page = await as_ada.post("/compose", fields)
    assert "yes 0 (0 %)" in page.words
    assert "no 0 (0 %)" in page.words
    page = await as_ada.post("/compose", fields | {"option1": ""})
    assert page.status == 422
    assert "A poll needs two options at least." in page.words
    assert 'value="yes"' in page.text
    assert '<option value="7" selected>' in page.text


async def test_a_reply_shows_what_it_answers(campus: Campus, as_ada: Browser, bruno: Actor, ada: Actor) -> None:
    post = campus.post(bruno, "How large?\n\nI have ten.")
    page = await as_ada.get(f"/compose?reply_to={post.id}")
    assert "Bruno Lindqvist How large?" in page.words
    assert "I have ten." in page.words
    assert "@bruno </textarea>" in page.text
    page = await as_ada.post("/compose", {"reply_to": str(post.id), "text": "@bruno $n$", "action": "preview"})
    assert "How it will look" in page.words
    assert "How large?" in page.words
    hidden = campus.post(bruno, "Not for her", visibility="followers")
    assert "Not for her" not in (await as_ada.get(f"/compose?reply_to={hidden.id}")).text


async def test_rules_are_accepted_before_the_first_post(
    campus: Campus, as_ada: Browser, ada: Actor, bruno: Actor
) -> None:
    group = campus.group("ruled", bruno, rules=["Be kind"])
    campus.follow(ada, group)
    page = await as_ada.post("/compose", {"where": f"g{group.id}", "text": "hi"})
    assert page.status == 403
    assert "Be kind" in page.words
    ticked = next(one["value"] for one in Outline(page.text).of("input") if one["name"] == "rules")
    page = await as_ada.post("/compose", {"where": f"g{group.id}", "text": "hi", "rules": str(ticked)})
    assert page.status == 200
    assert "Be kind" not in (await as_ada.get("/compose?group=ruled")).words


@pytest.mark.parametrize(
    "query",
    [
        "group=nosuch",
        "group=@a@b@c",
        "reply_to=x",
        "reply_to=99999999999999999999",
        "draft=x",
        "text=%00%ED%A0%80",
        "group=" + "x" * 3000,
    ],
)
async def test_nonsense_in_the_address_is_an_empty_form(as_ada: Browser, query: str) -> None:
    page = await as_ada.get(f"/compose?{query}")
    assert page.status == 200
    Outline(page.text)


async def test_code_begins_a_line_of_its_own(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    group = campus.group("mlops", ada)
    await as_ada.post("/compose", {"where": f"g{group.id}", "title": "Loop", "text": "```\nfor x in y:\n    pass\n```"})
    made = written(campus, ada)[0]
    assert "<pre><code>for x in y:\n    pass</code></pre>" in made.content
    assert made.group_id == group.id


async def test_it_goes_where_the_form_says_and_nowhere_else(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    """Naming another group in the text sends it nowhere; and what was for a group that is gone is not for everyone."""
    inside, outside = campus.group("inside", ada, see="members"), campus.group("outside", ada)
    await as_ada.post("/compose", {"where": f"g{inside.id}", "title": "T", "text": "as @outside and @inside know"})
    made = written(campus, ada)[0]
    assert (made.group_id, made.visibility) == (inside.id, "members")
    page = await as_ada.post("/compose", {"where": "g12345", "text": "for a group that is gone"})
    assert page.status == 404
    assert "for a group that is gone</textarea>" in page.text
    assert len(written(campus, ada)) == 1
    assert outside.id != inside.id


async def test_a_session_that_ends_takes_no_words_with_it(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    page = await as_ada.get("/compose")
    key = next(str(one["value"]) for one in Outline(page.text).of("input") if one.get("name") == "key")
    typed = {"key": key, "where": "public", "title": "", "text": "Half an <hour> of work", "action": "publish"}
    session, as_ada.cookies = dict(as_ada.cookies), {}
    ended = await as_ada.post("/compose", typed, {"sec-fetch-mode": "navigate"})
    assert ended.status == 401
    assert "Half an &lt;hour&gt; of work</textarea>" in ended.text
    assert "/login" in ended.links
    sent = {str(one["name"]): str(one["value"]) for one in Outline(ended.text).of("input")}
    assert sent == {"key": key, "where": "public", "title": ""}
    # Scripts keep the words themselves, and look at where they are led to; a form of another site shows nothing.
    assert (
        "/login" in (await as_ada.post("/compose", typed, {"sec-fetch-mode": "cors"}, follow=False)).headers["location"]
    )
    foreign = {"sec-fetch-mode": "navigate", "sec-fetch-site": "cross-site"}
    assert "Half an" not in (await as_ada.post("/compose", typed, foreign)).text
    as_ada.cookies = session
    again = sent | {"text": typed["text"], "action": "publish"}
    assert (await as_ada.post("/compose", again, {"sec-fetch-mode": "navigate"})).status == 200
    assert [one.content for one in written(campus, ada)] == ["<p>Half an &lt;hour&gt; of work</p>"]
