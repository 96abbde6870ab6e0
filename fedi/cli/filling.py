"""Fill the demo by what clients do: each person's app asks its own university's client API, over HTTP.

What the client API has no word for is done as people do it: a title on a page, the twins of a group by `fedi twin`.
"""

import http.cookiejar
import json
import re
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from fedi.cli import pictures
from fedi.cli.campus import FOLLOWS, LIBRARY, TALK, TWINS, UNIVERSITIES, Circle, Cited, Said
from fedi.cli.console import CommandError

T = TypeVar("T")

_PATIENCE = 150.0
_POLL = 7 * 24 * 3600
"""How long the demo's polls are open, in s."""


class Account:
    """A person with a token, as their app sees the world. `authority` is the host and port in handles."""

    def __init__(self, url: str, username: str, token: str, password: str) -> None:
        self._url = url
        self._login = {"name": username, "password": password}
        self._token = token
        self.handle = f"{username}@{url.partition('://')[2]}"

    def ask(self, method: str, path: str, values: dict[str, Any] | None = None) -> Any:
        """The JSON that the client API answers. Raises CommandError with what it says when it refuses."""
        return self._send(method, path, None if values is None else json.dumps(values).encode(), "application/json")

    def upload(self, method: str, path: str, name: str, picture: bytes, **values: str) -> Any:
        """The same, sending a PNG as the field `name` and other fields of a form (RFC 7578)."""
        mark = secrets.token_hex(16)
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{text}\r\n'
            for key, text in values.items()
        ]
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.png"\r\n'
        body = (
            "".join([*parts, head, "Content-Type: image/png\r\n\r\n"]).encode()
            + picture
            + f"\r\n--{mark}--\r\n".encode()
        )
        return self._send(method, path, body, f"multipart/form-data; boundary={mark}")

    def _send(self, method: str, path: str, body: bytes | None, kind: str) -> Any:
        request = urllib.request.Request(  # noqa: S310 - an address of our own making
            self._url + path,
            body,
            {"Authorization": f"Bearer {self._token}", "Content-Type": kind},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
                return json.load(answer)
        except urllib.error.HTTPError as problem:
            said = problem.read().decode("utf-8", "replace")
            raise CommandError(f"{method} {path} by {self.handle}: HTTP {problem.code} {said[:300]}") from problem
        except OSError as problem:
            raise CommandError(f"{method} {path} by {self.handle}: {problem}") from problem

    def follow(self, handle: str, moderator: "Account | None" = None) -> None:
        """Follow a person or join a group, wherever they are, and wait until it is accepted, by `moderator` if need be."""
        account = self.find(handle)
        self.ask("POST", f"/api/v1/accounts/{account}/follow", {})

        def look() -> bool | None:
            if moderator is not None:
                for asker in moderator.ask("GET", "/api/v1/follow_requests"):
                    moderator.ask("POST", f"/api/v1/follow_requests/{asker['id']}/authorize", {})
            return self.ask("GET", f"/api/v1/accounts/relationships?id[]={account}")[0]["following"] or None

        until(f"{self.handle} follows {handle}", look)

    def find(self, handle: str) -> str:
        """The id that this university gives to an account."""

        def look() -> str | None:
            found = self.ask("GET", f"/api/v2/search?type=accounts&resolve=true&q={quote('@' + handle)}")["accounts"]
            wanted = (handle, handle.partition("@")[0])  # who is of the same university has no host in `acct`
            return next((each["id"] for each in found if each["acct"] in wanted), None)

        return until(f"{self.handle} finds {handle}", look)

    def post(self, text: str, **values: Any) -> tuple[str, str]:
        """Publish, with further `values` of the client API; the URIs of the status and of what it answers come back.

        A poll in a group answers the thread that it is asked in; what answers nothing has its own URI twice.
        """
        made = self.ask(
            "POST", "/api/v1/statuses", {"status": text, "visibility": "public", "language": "en", **values}
        )
        above = made["in_reply_to_id"]
        return str(made["uri"]), str((self.ask("GET", f"/api/v1/statuses/{above}") if above else made)["uri"])

    def write(self, group: str, title: str, text: str) -> str:
        """Begin a thread on the page of a group, as a browser does; the URI of the post comes back."""
        jar = http.cookiejar.CookieJar()
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        browser.addheaders = [("Origin", self._url), ("Sec-Fetch-Site", "same-origin")]

        def open_(path: str, form: dict[str, str] | None = None) -> tuple[str, str]:
            try:
                data = None if form is None else urlencode(form).encode()
                with browser.open(self._url + path, data, timeout=30) as answer:
                    return str(answer.url), answer.read().decode()
            except OSError as problem:
                raise CommandError(f"{path} by {self.handle}: {problem}") from problem

        open_("/login", self._login)
        _, page = open_(f"/compose?{urlencode({'group': f'@{group}'})}")
        # The rules of a group are accepted once, with the first thread that one begins there.
        ticked = re.search(r'name="rules"[^>]*value="([^"]*)"', page)
        form = {"group": self.find(group), "title": title, "text": text, "rules": ticked[1] if ticked else ""}
        return open_("/compose", form)[0]

    def vote(self, status: str, choice: int) -> None:
        """Choose an option, from 0, of the poll in a status."""
        poll = self.ask("GET", f"/api/v1/statuses/{status}")["poll"]
        self.ask("POST", f"/api/v1/polls/{poll['id']}/votes", {"choices": [choice]})

    def arrived(self, uri: str, root: str) -> str:
        """The id that this university gives to a post, as soon as it has come: at home, or in its thread."""

        def at_home(wanted: str) -> str | None:
            for status in self.ask("GET", "/api/v1/timelines/home?limit=40"):
                for shown in (status, status.get("reblog") or {}):
                    if shown.get("uri") == wanted:
                        return str(shown["id"])
            return None

        def look() -> str | None:
            first = at_home(root)
            if first is None or uri == root:
                return first
            context = self.ask("GET", f"/api/v1/statuses/{first}/context")
            return next((each["id"] for each in context["descendants"] if each["uri"] == uri), None)

        return until(f"{uri} reaches {self.handle}", look)


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


def until(what: str, look: Callable[[], T | None]) -> T:
    """What `look` finds, as soon as it does. Raises CommandError when it takes too long."""
    end = time.monotonic() + _PATIENCE
    pause = 0.05
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > end:
            raise CommandError(
                f"the demo waited {_PATIENCE:.0f} s in vain until {what}; the logs in .demo/*/log say why"
            )
        time.sleep(pause)
        pause = min(0.5, pause * 1.5)
