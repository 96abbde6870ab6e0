"""Rules that are accepted once, the form of a report, a case from the queue to the appeal, and what nobody else may see of it."""

import re
from collections.abc import Callable

import pytest

from fedi.actions import overdue, rules
from fedi.actions import reports as report_actions
from fedi.config import Mail
from storage import cases, follows, mails, moderations, people, posts, reports, schema
from storage.actors import Actor
from storage.posts import Post
from tests.fedi.web.conftest import Browser, Campus
from tests.fedi.web.test_moderation import well_formed

GROUP = "/groups/mlops"


@pytest.fixture
def group(campus: Campus, ada: Actor, bruno: Actor) -> Actor:
    """A group with rules that Ada moderates and Bruno is in."""
    made = campus.group("mlops", ada, title="Machine learning", rules=["Be kind.", "No advertising."])
    campus.follow(bruno, made)
    return made


@pytest.fixture
def thread(campus: Campus, bruno: Actor, group: Actor) -> Post:
    """Bruno's thread there."""
    return campus.post(bruno, "@mlops Buy my course\n\nIt is cheap.")


async def log_in(campus: Campus, name: str) -> Browser:
    """A browser of somebody."""
    made = campus.browser()
    await made.log_in(name)
    return made


def reported(campus: Campus, by: Actor, post: Post, rule: str | None = "No advertising.") -> int:
    """The id of the case that a report opens."""
    author = campus.actor("bruno")
    made = campus.write(
        lambda tx: report_actions.report(tx, campus.site, by, author, [post], "look at it", "violation", rule=rule)
    )
    found: int = campus.read(lambda tx: reports.by_id(tx, made.id)).case_id
    return found


async def test_rules_are_accepted_once_and_again_when_they_change(campus: Campus, group: Actor) -> None:
    chi = campus.person("chi")
    as_chi = await log_in(campus, "chi")
    page = await as_chi.post("/follow", {"id": str(group.id), "next": GROUP})
    well_formed(page)
    assert "Be kind." in page.words
    assert campus.read(lambda tx: follows.find(tx, chi.id, group.id)) is None
    # Without the tick, and with that of other rules, nothing happens.
    for ticked in ({}, {"rules": "0123456789abcdef"}):
        page = await as_chi.post(f"{GROUP}/rules", {"next": GROUP, "join": "1", **ticked})
        assert "Tick that you accept the rules." in page.words
        assert campus.read(lambda tx: follows.find(tx, chi.id, group.id)) is None
    [version] = re.findall(r'name="rules" value="([0-9a-f]+)"', page.text)
    page = await as_chi.post(f"{GROUP}/rules", {"next": GROUP, "join": "1", "rules": version})
    assert page.status == 200
    assert campus.read(lambda tx: follows.find(tx, chi.id, group.id)).state == "accepted"
    assert campus.read(lambda tx: rules.pending(tx, chi, group)) == []
    assert "I accept" not in (await as_chi.get(f"{GROUP}/rules")).words
    as_ada = await log_in(campus, "ada")
    sent = {
        "title": "Machine learning",
        "description": "",
        "rules": "Be kind.\nCite.",
        "join": "open",
        "post": "members",
    }
    assert (await as_ada.post(f"{GROUP}/settings", sent)).status == 200
    assert campus.read(lambda tx: rules.pending(tx, chi, group)) == ["Be kind.", "Cite."]
    assert "I accept" in (await as_chi.get(f"{GROUP}/rules")).words
    # Who makes the rules is not asked, and an app of Mastodon goes on as ever.
    assert campus.read(lambda tx: rules.pending(tx, campus.actor("ada"), group)) == []
    campus.post(chi, "@mlops hello")


async def test_a_report_names_the_rule_and_says_what_it_does(campus: Campus, group: Actor, thread: Post) -> None:
    campus.person("chi")
    as_chi = await log_in(campus, "chi")
    page = await as_chi.get(f"/report?post={thread.id}")
    well_formed(page)
    assert "No advertising." in page.words
    page = await as_chi.post("/report", {"post": str(thread.id), "rule": "No advertising.", "text": "an ad"})
    assert "you will hear what became of it" in page.words
    [made] = campus.read(lambda tx: reports.listed(tx, 5))
    assert (made.rule, made.category, made.text) == ("No advertising.", "violation", "an ad")
    page = await as_chi.post("/report", {"post": str(thread.id), "rule": "spam", "text": "x" * 1001})
    well_formed(page)
    assert page.status == 422
    assert "x" * 1000 in page.text
    board = campus.group("board", campus.actor("ada"), see="members")
    secret = campus.post(campus.actor("ada"), "@board agenda")
    assert board is not None
    for path in (f"/report?post={secret.id}", "/report?post=12", "/report"):
        assert (await as_chi.get(path)).status == 404


async def test_a_case_is_decided_by_rule_after_a_look_at_what_is_sent(
    campus: Campus, group: Actor, thread: Post, bruno: Actor, as_ada: Browser, with_settings: Callable[..., None]
) -> None:
    with_settings(mail=Mail(url="smtp+plain://127.0.0.1:1", sender="fedi@alpha.example"))
    chi = campus.person("chi", name="Chi Reporter")
    campus.write(lambda tx: people.change(tx, bruno.id, settings={"locale": "de"}))
    number = reported(campus, chi, thread)
    assert reported(campus, campus.person("dora"), thread) == number
    path = f"/cases/{number}"
    queue = await as_ada.get(f"{GROUP}/moderation")
    well_formed(queue)
    assert "2 reports" in queue.words
    assert "No advertising." in queue.words
    page = await as_ada.get(path)
    well_formed(page)
    for words in (
        "What members saw",
        "It is cheap.",
        "look at it",
        "Chi Reporter",
        "Who can do what",
        "0 earlier cases",
    ):
        assert words in page.words, words
    as_chi, as_bruno = await log_in(campus, "chi"), await log_in(campus, "bruno")
    for other in (as_chi, as_bruno):
        assert (await other.get(path)).status == 404
        assert (await other.post(path, {"do": "nothing"})).status == 404
    # What is missing is said, and what was typed stays.
    page = await as_ada.post(path, {"do": "preview", "words": "Ask the careers office."})
    assert page.status == 422
    assert "Choose what is done" in page.words
    assert "Ask the careers office." in page.text
    page = await as_ada.post(path, {"do": "preview", "act": "warn"})
    assert "Choose a rule, or say in your own words" in page.words
    sent = {"act": "remove", "rule": "No advertising.", "words": "Ask the careers office."}
    page = await as_ada.post(path, {"do": "preview", **sent})
    well_formed(page)
    assert "This will be sent" in page.words
    assert "Ask the careers office." in page.words
    assert campus.read(lambda tx: posts.by_id(tx, thread.id)).removed_at is None
    page = await as_ada.post(path, {"do": "decide", **sent})
    well_formed(page)
    assert "Taken out of the group" in page.words
    assert campus.read(lambda tx: posts.by_id(tx, thread.id)).removed_at is not None
    assert (await as_ada.post(path, {"do": "decide", **sent})).status == 422
    assert {one.state for one in campus.read(lambda tx: reports.listed(tx, 5))} == {"resolved"}
    # Who reported hears what became of it, who wrote it by which rule, and neither reads a name.
    news = (await as_chi.get("/notifications")).words
    assert "The post was taken out of the group." in news
    [mail] = campus.read(lambda tx: mails.last_of(tx, chi.id, 5))
    assert (mail.kind, mail.recipient) == ("outcome", "chi@alpha.example")
    assert "The rule: No advertising." in mail.text
    done = campus.read(lambda tx: moderations.about(tx, bruno.id, [group.id]))[0]
    assert (done.rule, done.case_id) == ("No advertising.", number)
    own = await as_bruno.get(f"/appeals/{done.id}")
    well_formed(own)
    assert "No advertising" in own.words
    for name in ("Ada Okafor", "Chi Reporter"):
        assert name not in own.words
    # In the log without names there are none, nor titles or words; a stranger may read it, as anybody may read the group.
    log = await campus.browser().get(f"{GROUP}/log")
    well_formed(log)
    assert "A post was taken out · No advertising." in log.words
    for hidden in ("Ada", "Bruno", "Buy my course", "careers"):
        assert hidden not in log.words


async def test_what_a_post_said_when_it_was_reported_stays_with_the_case(
    campus: Campus, thread: Post, as_ada: Browser
) -> None:
    number = reported(campus, campus.person("chi"), thread)
    as_bruno = await log_in(campus, "bruno")
    await as_bruno.post("/react", {"delete": str(thread.id)})
    page = await as_ada.get(f"/cases/{number}")
    assert "It is cheap." in page.words
    assert "The post was deleted since by its author." in page.words
    # What has no effect any more is not offered.
    assert 'value="remove"' not in page.text
    assert (await as_ada.post(f"/cases/{number}", {"do": "decide", "act": "remove"})).status == 422
    campus.write(lambda tx: cases.change(tx, number, state="decided", decided_at=1))
    assert campus.write(lambda tx: cases.forget(tx, 2)) == 1
    assert "It is cheap." not in (await as_ada.get(f"/cases/{number}")).words


async def test_an_appeal_is_heard_once_by_another(campus: Campus, group: Actor, thread: Post, as_ada: Browser) -> None:
    olga = campus.person("olga")
    campus.follow(olga, group)
    await as_ada.post("/moderate", {"do": "appoint", "group": str(group.id), "actor": str(olga.id)})
    await as_ada.post("/moderate", {"do": "remove", "post": str(thread.id), "reason": "An ad", "next": GROUP})
    as_bruno, as_olga = await log_in(campus, "bruno"), await log_in(campus, "olga")
    [path] = {link for link in (await as_bruno.get("/notifications")).links if link.startswith("/appeals/")}
    assert path in (await as_bruno.get(f"/people/bruno/posts/{thread.id}")).links
    for other in (as_ada, as_olga):
        assert (await other.get(path)).status == 404
    assert (await as_bruno.post(path, {"do": "appeal", "text": " "})).status == 422
    page = await as_bruno.post(path, {"do": "appeal", "text": "It is free"})
    well_formed(page)
    assert "Another moderator looks at it" in page.words
    assert (await as_bruno.post(path, {"do": "appeal", "text": "Again"})).status == 422
    assert (await as_bruno.post(path, {"do": "overturn"})).status == 403
    assert (await as_ada.get(path)).status == 404  # she did it
    assert "It is free" not in (await as_ada.get(f"{GROUP}/moderation")).words
    assert path in (await as_olga.get(f"{GROUP}/moderation")).links
    page = await as_olga.post(path, {"do": "overturn", "text": "Indeed it is."})
    well_formed(page)
    assert "It was taken back." in page.words
    assert "It is cheap" in (await as_bruno.get(f"/people/bruno/posts/{thread.id}")).words
    assert "Indeed it is." in (await as_bruno.get("/notifications")).words


async def test_the_staff_hides_what_is_in_no_group_and_shows_it_again(campus: Campus, bruno: Actor) -> None:
    campus.person("rita", role="moderator")
    post = campus.post(bruno, "rude words")
    number = reported(campus, campus.person("chi"), post, None)
    as_rita = await log_in(campus, "rita")
    page = await as_rita.get(f"/cases/{number}")
    well_formed(page)
    assert 'value="hide"' in page.text
    assert 'value="remove"' not in page.text
    path = f"/people/bruno/posts/{post.id}"
    await as_rita.post(f"/cases/{number}", {"do": "decide", "act": "hide", "words": "Calm down."})
    assert (await campus.browser().get(path)).status == 404
    as_bruno = await log_in(campus, "bruno")
    assert "Calm down." in (await as_bruno.get("/notifications")).words
    await as_rita.post(f"/cases/{number}", {"do": "show"})
    assert (await campus.browser().get(path)).status == 200


async def test_what_is_overdue_is_marked_and_mailed(
    campus: Campus, thread: Post, ada: Actor, as_ada: Browser, with_settings: Callable[..., None]
) -> None:
    with_settings(mail=Mail(url="smtp+plain://127.0.0.1:1", sender="fedi@alpha.example"))
    number = reported(campus, campus.person("chi"), thread)
    assert "Overdue" not in (await as_ada.get(f"{GROUP}/moderation")).words
    campus.write(lambda tx: cases.change(tx, number, due_at=1))
    assert campus.write(lambda tx: overdue.alert(tx, campus.site)) == 1
    for path in (f"{GROUP}/moderation", f"/cases/{number}"):
        page = await as_ada.get(path)
        well_formed(page)
        assert "Overdue" in page.words, path
    [mail] = campus.read(lambda tx: mails.last_of(tx, ada.id, 5))
    assert mail.kind == "case"
    assert f"https://alpha.example/cases/{number}" in mail.text


def test_no_table_stores_how_long_somebody_reads() -> None:
    """Rights grow by what one contributes (`fedi.actions.graduated`), so nothing else has to be measured."""
    named = [f"{table.name}.{column.name}" for table in schema.metadata.tables.values() for column in table.columns]
    assert [
        one for one in named if re.search(r"dwell|duration|read_(time|ms|seconds|for)|time_(read|spent)", one)
    ] == []
