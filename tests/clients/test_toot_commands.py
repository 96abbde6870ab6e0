"""Every command of toot, as it comes, by a person who uses it for a day. It runs in this process, as its own tests do."""

import ast
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from toot.cli import cli

from tests.clients.conftest import University
from tests.clients.filling import Filled, Person, fill
from tests.clients.floors import faults
from tests.clients.pictures import png
from tests.clients.test_toot import Toot

NOT_DRIVEN = {
    "login": "in test_toot.py, as a process that asks for a code",
    "login_cli": "a login with a password, which Mastodon no longer has",
    "logout": "would end the session of these tests: its revocation is tested by Mastodon.py",
    "activate": "chooses among accounts in its own settings",
    "diag": "prints its own settings",
    "timeline": "the old name of `timelines`",
    "tui": "a program for a terminal of its own; what it asks is what these commands ask",
}


class Commands:
    """Runs commands as ben."""

    def __init__(self, folder: Path) -> None:
        self.environ = {**os.environ, "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}

    def __call__(self, *words: str) -> str:
        """What a command prints. Raises AssertionError when it fails."""
        done = CliRunner().invoke(cli, ["--no-color", *words], env=self.environ)
        assert done.exit_code == 0, f"toot {' '.join(words)}: {done.output} {done.exception!r}"
        return done.output

    def json(self, *words: str) -> Any:
        """What it prints with --json, checked."""
        said = json.loads(self(*words, "--json"))
        assert faults(said) == []
        return said


@pytest.fixture(scope="module")
def there(university: University) -> Filled:
    """What is on the instance."""
    return fill(university)


@pytest.fixture(scope="module")
def toot(university: University, there: Filled, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """toot, logged in as ben."""
    folder = tmp_path_factory.mktemp("commands")
    Toot(folder).login(university, "ben")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        yield Commands(folder)


def test_who_and_where(toot: Commands) -> None:
    assert "ben@127.0.0.1" in toot("auth")
    assert toot.json("whoami")["acct"] == "ben"
    assert toot.json("whois", "ada")["display_name"] == "Ada"
    assert "North University" in toot("instance")
    changed = toot.json("update-account", "--display-name", "Ben", "--note", "Terminals", "--language", "en")
    assert (changed["display_name"], changed["source"]["language"]) == ("Ben", "en")


def test_posts(toot: Commands, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(png())
    made = toot.json(
        "post", "With a picture #shell", "--media", str(picture), "--description", "Noise", "--visibility", "unlisted"
    )
    assert made["media_attachments"][0]["description"] == "Noise"
    assert (made["visibility"], made["application"]["name"]) == ("unlisted", "toot - a Mastodon CLI client")
    uploaded = toot.json("upload", str(picture), "--description", "Noise")
    assert uploaded["url"]
    answer = toot.json("post", "An answer", "--reply-to", made["id"], "--spoiler-text", "on shells")
    assert answer["in_reply_to_id"] == made["id"]
    assert toot.json("status", made["id"])["id"] == made["id"]
    assert [one["id"] for one in toot.json("thread", made["id"])["descendants"]] == [answer["id"]]
    later = toot.json("post", "Tomorrow", "--scheduled-in", "1 day")
    assert later["params"]["text"] == "Tomorrow"
    toot("delete", answer["id"])
    assert toot.json("thread", made["id"])["descendants"] == []


def test_a_poll(toot: Commands, there: Filled) -> None:
    asked = toot.json("post", "Tea?", "--poll-option", "yes", "--poll-option", "no", "--poll-expires-in", "1 day")
    shown = toot.json("polls", "show", asked["poll"]["id"])
    assert [one["title"] for one in shown["options"]] == ["yes", "no"]


def test_a_vote(toot: Commands, university: University) -> None:
    asked = Person(university, "ada")("POST", "/api/v1/statuses", {"status": "Coffee?", "poll": {"options": ["yes", "no"], "expires_in": 3600}})  # fmt: skip
    assert toot.json("polls", "vote", asked["poll"]["id"], "1")["own_votes"] in ([0], [1])


def test_what_one_does_to_a_post(toot: Commands, there: Filled) -> None:
    assert toot.json("favourite", there.poll)["favourited"] is True
    assert toot.json("timelines", "favourites")
    assert toot.json("unfavourite", there.poll)["favourited"] is False
    assert toot.json("reblog", there.poll)["reblog"]["reblogged"] is True
    assert [one["acct"] for one in toot.json("reblogged-by", there.poll)] == ["ben"]
    assert toot.json("unreblog", there.poll)["reblogged"] is False
    assert toot.json("bookmark", there.poll)["bookmarked"] is True
    assert "Tea?" in toot("bookmarks", "--once")
    assert toot.json("unbookmark", there.poll)["bookmarked"] is False
    mine = toot.json("post", "Who I am")["id"]
    assert toot.json("pin", mine)["pinned"] is True
    assert toot.json("unpin", mine)["pinned"] is False


def test_timelines(toot: Commands, there: Filled) -> None:
    for name in ("home", "public", "trending"):
        assert isinstance(toot.json("timelines", name), list)
    assert toot.json("timelines", "tag", "drift")
    assert toot.json("timelines", "account", "ada")
    assert toot.json("timelines", "account", "mlops")
    toot("timelines", "link", "https://example.edu/paper", "--no-pager", "--no-clear")
    assert "drift" in toot("timelines", "home", "--no-pager", "--no-clear", "--limit", "40")


def test_people(toot: Commands) -> None:
    assert toot.json("follow", "ada")["following"] is True
    assert "ada" in {one["acct"] for one in toot.json("following")}
    assert toot.json("followers")
    assert toot.json("mute", "chi")["muting"] is True
    assert [one["acct"] for one in toot.json("muted")] == ["chi"]
    assert toot.json("unmute", "chi")["muting"] is False
    assert toot.json("block", "chi")["blocking"] is True
    assert [one["acct"] for one in toot.json("blocked")] == ["chi"]
    assert toot.json("unblock", "chi")["blocking"] is False
    assert toot.json("unfollow", "ada")["following"] is False
    toot("follow", "ada")


def test_follow_requests(toot: Commands, university: University, there: Filled) -> None:
    toot("update-account", "--locked")
    ada, chi = Person(university, "ada"), Person(university, "chi")
    for one in (ada, chi):
        one("POST", f"/api/v1/accounts/{there.ben}/unfollow")
        one("POST", f"/api/v1/accounts/{there.ben}/follow")
    assert {one["acct"] for one in toot.json("follow-requests", "list")} == {"ada", "chi"}
    assert toot.json("follow-requests", "accept", "ada")["followed_by"] is True
    toot("follow-requests", "reject", "chi")
    assert toot.json("follow-requests", "list") == []
    toot("update-account", "--no-locked")


def test_lists(toot: Commands) -> None:
    toot("lists", "create", "From a terminal", "--replies-policy", "none")
    assert "From a terminal" in {one["title"] for one in toot.json("lists", "list")}
    toot("lists", "add", "From a terminal", "ada")
    assert [one["acct"] for one in toot.json("lists", "accounts", "From a terminal")] == ["ada"]
    assert isinstance(toot.json("timelines", "list", "From a terminal"), list)
    toot("lists", "remove", "From a terminal", "ada")
    toot("lists", "delete", "From a terminal")
    assert "From a terminal" not in {one["title"] for one in toot.json("lists", "list")}


def test_tags(toot: Commands) -> None:
    assert toot.json("tags", "follow", "shells")["following"] is True
    assert "shells" in {one["name"] for one in toot.json("tags", "followed")}
    assert toot.json("tags", "info", "drift")["name"] == "drift"
    assert toot.json("tags", "unfollow", "shells")["following"] is False
    assert toot.json("tags", "feature", "shells")["name"] == "shells"
    assert [one["name"] for one in toot.json("tags", "featured")] == ["shells"]
    toot("tags", "unfeature", "shells")
    assert toot.json("tags", "featured") == []


def test_search_and_notifications(toot: Commands) -> None:
    assert [one["acct"] for one in toot.json("search", "mlops")["accounts"]] == ["mlops"]
    assert [one["name"] for one in toot.json("search", "#drift", "--type", "hashtags")["hashtags"]] == ["drift"]
    assert {"favourite", "mention"} <= {one["type"] for one in toot.json("notifications")}
    assert {one["type"] for one in toot.json("notifications", "--type", "mention")} == {"mention"}
    toot("notifications", "--clear")
    assert toot.json("notifications") == []


def test_every_command_is_driven_or_has_its_reason() -> None:
    driven: set[str] = set()
    for name in ("test_toot.py", "test_toot_commands.py"):
        for node in ast.walk(ast.parse(Path(__file__).with_name(name).read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("toot", "toot.json"):
                words = [each.value for each in node.args if isinstance(each, ast.Constant)]
                driven |= {str(words[0]), " ".join(str(word) for word in words[:2])} if words else set()
    known = set(_commands(cli, ""))
    # These three are named by a loop.
    assert known - driven - NOT_DRIVEN.keys() - {f"timelines {one}" for one in ("home", "public", "trending")} == set()
    assert NOT_DRIVEN.keys() - known == set()


def _commands(group: click.Group, before: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, f"{name} ")
        elif not command.hidden:
            yield before + name
