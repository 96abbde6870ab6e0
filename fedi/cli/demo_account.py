"""A person of the demo as their app sees the world: what it asks of their university over HTTP, and
how it waits until something has come.
"""

import http.cookiejar
import json
import re
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from fedi.cli.console import CommandError

T = TypeVar("T")

_PATIENCE = 150.0


class Account:
    """A person with a token, as their app sees the world."""

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
