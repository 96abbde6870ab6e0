"""Fill the demo by what clients do: each person's app asks its own university's client API, over HTTP.

What the client API has no word for is done as people do it: a title on a page, the twins of a group by `fedi twin`.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from fedi.cli import pictures
from fedi.cli.campus import FOLLOWS, LIBRARY, TALK, TWINS, UNIVERSITIES, Circle, Cited, Said
from fedi.cli.demo_account import Account, until

_POLL = 7 * 24 * 3600
"""How long the demo's polls are open, in s."""


def fill(accounts: dict[str, Account], command: Callable[..., str], say: Callable[[str], None]) -> None:
    """Have everybody write their profile, follow, join and talk.

    `accounts` are by `username@university`; `command` runs a `fedi` command at the university that it is given first.
    """
    hosts = {name.partition("@")[2]: account.handle.partition("@")[2] for name, account in accounts.items()}

    def handle(name: str) -> str:
        username, _, university = name.partition("@")
        return f"{username}@{hosts[university]}"

    say("profiles and follows")
    for university in UNIVERSITIES:
        for person in university.people:
            account = accounts[f"{person.username}@{university.name}"]
            fields = [{"name": "Programme", "value": person.programme}] if person.programme else []
            path = "/api/v1/accounts/update_credentials"
            shown = account.ask("PATCH", path, {"note": person.note, "fields_attributes": fields})
            picture = pictures.portrait(shown["display_name"] or person.username)
            account.upload("PATCH", path, "avatar", picture, avatar_description=f"The initials of {person.username}")
    for follower, target in FOLLOWS:
        accounts[follower].follow(handle(target))
    say("groups")
    for university in UNIVERSITIES:
        for group in university.groups:
            for member in group.members[1:]:
                owner = accounts[group.members[0]]
                accounts[member].follow(handle(f"{group.name}@{university.name}"), owner)
    for first, second in TWINS:
        _join(command, handle, first, second)
    say("threads")
    talk = _Talk(accounts, handle)
    for said in TALK:
        talk.say(said)
    for said in TALK:
        talk.react(said)
    say("libraries")
    shelves: dict[tuple[str, str], str] = {}
    for cited in LIBRARY:
        _add(accounts, handle, shelves, cited)
    say("waiting until everything has arrived everywhere")
    talk.settle()


class _Talk:
    """What was said so far: the URI of each post and of the one that began its thread, by key."""

    def __init__(self, accounts: dict[str, Account], handle: Callable[[str], str]) -> None:
        self._accounts = accounts
        self._handle = handle
        self._said: dict[str, tuple[str, str]] = {}
        self._groups: dict[str, str] = {}

    def say(self, said: Said) -> None:
        """Publish one, as soon as what it answers has reached its author."""
        account = self._accounts[said.who]
        if said.to:
            uri, root = self._said[said.to]
            shown: dict[str, Any] = {}
            if said.plot:
                made = account.upload("POST", "/api/v1/media", "file", pictures.drift(), description=said.plot)
                shown["media_ids"] = [made["id"]]
            above = account.arrived(uri, root)
            self._said[said.key] = account.post(said.text, in_reply_to_id=above, **shown)[0], root
            self._groups[said.key] = self._groups[said.to]
            return
        if said.title:
            uri = root = account.write(self._handle(said.group), said.title, said.text)
        else:
            values: dict[str, Any] = {}
            if said.options:
                values["poll"] = {"options": said.options, "expires_in": _POLL}
            if said.quotes:
                values["quoted_status_id"] = account.arrived(*self._said[said.quotes])
            text = f"{said.text}\n\n@{self._handle(said.group)}" if said.group else said.text
            uri, root = account.post(text, **values)
        self._said[said.key] = uri, root
        self._groups[said.key] = said.group
        if said.asks:
            account.ask("PUT", f"/api/fedi/v1/threads/{account.arrived(uri, root)}/question", {})

    def react(self, said: Said) -> None:
        """Like, boost and pin one, vote in it, and accept the answer that helped."""
        for name, choice in said.votes:
            self._accounts[name].vote(self._accounts[name].arrived(*self._said[said.key]), choice)
        if said.pinned_by:
            moderator = self._accounts[said.pinned_by]
            moderator.ask("POST", f"/api/v1/statuses/{moderator.arrived(*self._said[said.key])}/pin", {})
        if said.accepts:
            asker = self._accounts[said.who]
            answer = asker.arrived(*self._said[said.accepts])
            thread = asker.arrived(*self._said[said.key])
            asker.ask("PUT", f"/api/fedi/v1/threads/{thread}/answer", {"answer_id": answer})
        for verb, names in (("favourite", said.liked_by), ("reblog", said.boosted_by)):
            for name in names:
                account = self._accounts[name]
                account.ask("POST", f"/api/v1/statuses/{account.arrived(*self._said[said.key])}/{verb}", {})

    def settle(self) -> None:
        """Wait until every member of a group has every post of it."""
        for key, (uri, root) in self._said.items():
            for name in _members(self._groups[key]):
                self._accounts[name].arrived(uri, root)


def _add(
    accounts: dict[str, Account], handle: Callable[[str], str], shelves: dict[tuple[str, str], str], cited: Cited
) -> None:
    """Add a work to a library; the shelf is made by a moderator of the group when it is first needed."""
    account = accounts[cited.who]
    group = account.find(handle(cited.group))
    item = account.ask(
        "POST",
        f"/api/fedi/v1/groups/{group}/library",
        {"text": cited.bibtex, "note": cited.note, "licence": cited.licence},
    )
    keeper = next(accounts[circle.members[0]] for circle in _circles(cited.group))
    if cited.shelf and keeper is account:
        if (cited.group, cited.shelf) not in shelves:
            made = keeper.ask("POST", f"/api/fedi/v1/groups/{group}/shelves", {"name": cited.shelf})
            shelves[cited.group, cited.shelf] = made["id"]
        keeper.ask("PUT", f"/api/fedi/v1/library/{item['id']}/shelves/{shelves[cited.group, cited.shelf]}", {})


def _circles(name: str) -> Iterator[Circle]:
    for university in UNIVERSITIES:
        yield from (circle for circle in university.groups if f"{circle.name}@{university.name}" == name)


def _join(command: Callable[..., str], handle: Callable[[str], str], first: str, second: str) -> None:
    """Make two groups twins: the operator of the one asks, that of the other agrees."""

    def state(of: str, other: str) -> str | None:
        rows = json.loads(command(of.partition("@")[2], "twin", "list", "--json"))
        return next((row["state"] for row in rows if row["other"] == handle(other)), None)

    def run(verb: str, of: str, other: str) -> None:
        name, _, university = of.partition("@")
        command(university, "twin", verb, name, handle(other))

    run("offer", first, second)
    until(f"{second} is asked to be a twin", lambda: state(second, first) == "asked" or None)
    run("accept", second, first)
    for of, other in ((first, second), (second, first)):
        until(f"{of} and {other} are twins", lambda of=of, other=other: state(of, other) == "joined" or None)  # type: ignore[misc]


def _members(group: str) -> Iterator[str]:
    """Who is in a group, or in its twin."""
    wanted = {group, *(name for pair in TWINS if group in pair for name in pair)}
    for university in UNIVERSITIES:
        for circle in university.groups:
            if f"{circle.name}@{university.name}" in wanted:
                yield from circle.members
