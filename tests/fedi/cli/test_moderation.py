"""`fedi group …` for moderators, and `fedi report`: what they do, print, and refuse."""

import time
from dataclasses import dataclass, replace

import pytest

from fedi.actions import follows, reports
from fedi.actions import posts as post_actions
from fedi.actions.posts import Draft
from fedi.cli.console import opened
from storage import actors, memberships, pins, posts
from storage.actors import Actor
from storage.memberships import Membership
from storage.metadata import Tx
from storage.posts import Post
from tests.fedi.cli.conftest import Operator


@dataclass(frozen=True, slots=True)
class Campus:
    """An instance with the group mlops: Ada founded it, Bruno is in it and wrote a thread."""

    operator: Operator
    ada: Actor
    bruno: Actor
    group: Actor
    thread: Post

    def post(self) -> Post:
        """The thread as it is now."""
        with opened(None) as site:
            found = site.db.read_now(lambda tx: posts.by_id(tx, self.thread.id))
        assert found is not None
        return found

    def membership(self) -> Membership | None:
        """Bruno's."""
        with opened(None) as site:
            return site.db.read_now(lambda tx: memberships.find(tx, self.group.id, self.bruno.id))

    def pinned(self) -> list[int]:
        """What the group has pinned."""
        with opened(None) as site:
            return [one.post_id for one in site.db.read_now(lambda tx: pins.of(tx, self.group.id))]


@pytest.fixture
def campus(operator: Operator) -> Campus:
    """The instance."""
    for name in ("ada", "bruno"):
        operator.person(name)
    operator.fedi("group", "create", "mlops", "--title", "ML", "--owner", "ada")
    with opened(None) as site:

        def fill(tx: Tx) -> tuple[Actor, Actor, Actor, Post]:
            found = [actors.by_name(tx, name, "uni.example") for name in ("ada", "bruno", "mlops")]
            ada, bruno, group = (one for one in found if one is not None)
            follows.follow(tx, site, bruno, group)
            return ada, bruno, group, post_actions.publish(tx, site, bruno, Draft("@mlops my \x1b[31m runs"))

        return Campus(operator, *site.db.write_now(fill))


def test_a_post_is_taken_out_and_comes_back(campus: Campus) -> None:
    number = str(campus.thread.id)
    done = campus.operator.fedi("group", "remove-post", "mlops", number, "--reason", "off topic")
    assert done.out == f"{number} is removed\n"
    assert campus.post().removed_at is not None
    assert campus.operator.try_("group", "remove-post", "mlops", number).status == 1
    campus.operator.fedi("group", "restore-post", "mlops", campus.thread.iri)
    assert campus.post().removed_at is None
    log = campus.operator.fedi("group", "log", "mlops", "--json").json
    assert [(one["action"], one["by"], one["whom"], one["reason"]) for one in log] == [
        ("remove", "@ada@uni.example", "@bruno@uni.example", "off topic")
    ]
    assert log[0]["undone"] is not None
    assert log[0]["post"] == campus.thread.url
    assert "off topic" in campus.operator.fedi("group", "log", "mlops").out


def test_lock_and_pin(campus: Campus) -> None:
    number = str(campus.thread.id)
    campus.operator.fedi("group", "lock", "mlops", number, "--reason", "heated")
    assert campus.post().locked
    campus.operator.fedi("group", "unlock", "mlops", number)
    assert not campus.post().locked
    campus.operator.fedi("group", "pin", "mlops", number)
    assert campus.pinned() == [campus.thread.id]
    campus.operator.fedi("group", "unpin", "mlops", number)
    assert campus.pinned() == []


def test_bans_and_moderators(campus: Campus) -> None:
    fedi = campus.operator.fedi
    fedi("group", "appoint", "mlops", "bruno")
    membership = campus.membership()
    assert membership is not None
    assert membership.role == "moderator"
    fedi("group", "dismiss", "mlops", "@bruno@uni.example", "--by", "ada")
    assert fedi("group", "show", "mlops", "--json").json["moderators"] == ["@ada@uni.example"]
    done = fedi("group", "ban", "mlops", "bruno", "--reason", "rude", "--until", "7d", "--remove-posts")
    assert "banned until" in done.out
    membership = campus.membership()
    assert membership is not None
    assert membership.state == "banned"
    assert membership.reason == "rude"
    assert membership.until is not None
    assert campus.post().removed_at is not None
    assert fedi("group", "unban", "mlops", "bruno").out == "bruno may join again\n"
    assert campus.membership() is None


def test_a_ban_ends_with_the_day_that_is_named(campus: Campus) -> None:
    day = time.strftime("%Y-%m-%d", time.gmtime())  # today is not over yet
    campus.operator.fedi("group", "ban", "mlops", "bruno", "--until", day)
    membership = campus.membership()
    assert membership is not None
    assert membership.until is not None
    assert (membership.until + 1) % 86_400_000 == 0


def test_a_group_is_changed_and_deleted(campus: Campus) -> None:
    fedi = campus.operator.fedi
    changed = fedi(
        "group", "edit", "mlops", "--title", "Machines", "--rule", "Be kind", "--rule", "No ads", "--join", "approval",
        "--post", "moderators", "--description", "What we run", "--json",
    ).json  # fmt: skip
    assert (changed["title"], changed["rules"], changed["join"], changed["post"], changed["description"]) == (
        "Machines",
        ["Be kind", "No ads"],
        "approval",
        "moderators",
        "What we run",
    )
    # What is left out stays.
    assert fedi("group", "edit", "mlops", "--no-rules", "--json").json["title"] == "Machines"
    assert fedi("group", "show", "mlops", "--json").json["rules"] == []
    assert campus.operator.try_("group", "delete", "mlops").status == 1  # nobody said yes
    fedi("group", "delete", "mlops", "--yes")
    for words in (("delete", "mlops", "--yes"), ("edit", "mlops", "--title", "x"), ("log", "mlops")):
        assert campus.operator.try_("group", *words).status == 1


REFUSALS = [
    ("group remove-post nothing 5", 1, "no group"),
    ("group remove-post mlops 5", 1, "no post '5' in mlops"),
    ("group remove-post mlops 99999999999999999999999", 1, "no post"),
    ("group lock mlops POST --by bruno", 1, "Only moderators"),
    ("group lock mlops POST --by nobody", 1, "no person"),
    ("group unlock mlops POST", 1, "not locked"),
    ("group unpin mlops POST", 1, "not pinned"),
    ("group ban mlops ada", 1, ""),
    ("group ban mlops nobody", 1, "not known here"),
    ("group ban mlops bruno --until yesterday", 1, "--until"),
    ("group ban mlops nobody", 1, "name@host"),
    ("group lock mlops 12", 1, "its id, or the address of its page"),
    ("group lock nope 12", 1, "no group 'nope' here; see «fedi group list»"),
    ("key rotate nope --yes", 1, "no person or group 'nope' here; see «fedi person list» and «fedi group list»"),
    ("twin offer mlops bruno", 1, "write name@host"),
    ("person alias ada bruno", 1, "write name@host"),
    ("group ban mlops bruno --until 2001-01-01", 1, "future"),
    ("group unban mlops bruno", 1, "not banned"),
    ("group dismiss mlops bruno", 1, "does not moderate"),
    ("group edit mlops --join always", 2, "always"),
    ("group edit mlops --rule x --no-rules", 2, "exclude"),
    ("group log elsewhere@south.example", 1, "not known here"),
    ("report show 5", 1, "no report 5"),
    ("report show x", 2, ""),
    ("report resolve 5", 1, "no report 5"),
    ("report list --group nothing", 1, "no group"),
]


def test_refusals_say_why(campus: Campus) -> None:
    before = campus.post()
    for words, status, text in REFUSALS:
        done = campus.operator.try_(*words.replace("POST", str(campus.thread.id)).split())
        assert done.status == status, words
        assert done.err, words
        assert text in done.err, words
    assert campus.post() == before
    assert campus.operator.fedi("group", "log", "mlops", "--json").json == []


def test_a_post_of_another_group_is_not_the_groups(campus: Campus) -> None:
    campus.operator.fedi("group", "create", "chess", "--title", "Chess", "--owner", "ada")
    done = campus.operator.try_("group", "remove-post", "chess", str(campus.thread.id))
    assert (done.status, "no post" in done.err) == (1, True)


def test_a_group_elsewhere_is_asked(campus: Campus) -> None:
    with opened(None) as site:

        def write(tx: Tx) -> None:
            iri = "https://south.example/groups/chess"
            away = replace(
                campus.group, id=site.new_id(), iri=iri, url=iri, username="chess", domain="south.example",
                host="south.example", local=False, inbox=f"{iri}/inbox", moderators=f"{iri}/moderators",
            )  # fmt: skip
            actors.insert(tx, away)
            memberships.save(tx, Membership(away.id, campus.ada.id, "moderator", "accepted", 1))

        site.db.write_now(write)
    done = campus.operator.fedi("group", "ban", "chess@south.example", "bruno")
    assert "south.example is asked" in done.out


def test_reports_are_listed_shown_and_settled(campus: Campus) -> None:
    fedi = campus.operator.fedi
    with opened(None) as site:

        def write(tx: Tx) -> None:
            reports.report(tx, site, campus.ada, campus.bruno, [campus.thread], "look at this", "spam", forward=False)

        site.db.write_now(write)
    listed = fedi("report", "list", "--json").json
    assert [(one["whom"], one["by"], one["group"], one["state"], one["category"]) for one in listed] == [
        ("@bruno@uni.example", "@ada@uni.example", "@mlops@uni.example", "open", "spam")
    ]
    number = listed[0]["id"]
    shown = fedi("report", "show", number, "--json").json
    assert [(one["id"], one["state"]) for one in shown["posts"]] == [(str(campus.thread.id), "shown")]
    printed = fedi("report", "show", number).out
    assert "look at this" in printed
    assert "\x1b" not in printed  # what people write must not steer a terminal
    assert campus.operator.try_("report", "resolve", number, "--by", "bruno").status == 1
    assert fedi("report", "resolve", number).out == f"report {number} is resolved\n"
    assert fedi("report", "resolve", number).out == f"report {number} was resolved already\n"
    assert fedi("report", "list", "--json").json == []
    assert (
        fedi("report", "list", "--state", "all", "--group", "mlops", "--json").json[0]["resolved_by"]
        == "@ada@uni.example"
    )
