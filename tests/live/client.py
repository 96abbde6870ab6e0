"""A small client of the Mastodon API over real HTTP, that goes on asking while a server is down."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from tests.servers import Server


@dataclass(slots=True)
class Person:
    """Somebody at an instance, with a token."""

    server: Server
    name: str
    token: str

    @property
    def handle(self) -> str:
        """As others find them."""
        return f"@{self.name}@127.0.0.1:{self.server.port}"

    def ask(self, method: str, path: str, *, key: str | None = None, **parameters: Any) -> Any:
        """The JSON that a request answers. Raises OSError when there is no answer, AssertionError for a refusal."""
        body = urllib.parse.urlencode(parameters)
        url = self.server.url + path
        data = None
        if method == "GET":
            url += f"?{body}" if body else ""
        else:
            data = body.encode()
        request = urllib.request.Request(url, data, {"Authorization": f"Bearer {self.token}"}, method=method)
        if key is not None:
            request.add_header("Idempotency-Key", key)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as problem:
            said = problem.read()[:300]
            if problem.code >= 500:
                raise OSError(f"{method} {path}: {problem.code} {said!r}") from problem
            raise AssertionError(f"{method} {path}: {problem.code} {said!r}") from problem

    def insist(self, method: str, path: str, *, seconds: float = 60, key: str | None = None, **parameters: Any) -> Any:
        """As `ask`, again and again until there is an answer: what a client does while a server restarts."""
        end = time.monotonic() + seconds
        while True:
            try:
                return self.ask(method, path, key=key, **parameters)
            except (OSError, json.JSONDecodeError):  # killed before, or in the middle of, an answer
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def follow(self, other: "Person") -> None:
        """Follow somebody elsewhere, and wait until they accepted."""
        found = self.insist("GET", "/api/v2/search", q=other.handle, resolve="true")["accounts"]
        assert found, f"{other.handle} is not found"
        number = found[0]["id"]
        self.insist("POST", f"/api/v1/accounts/{number}/follow")
        wait_until(lambda: self.insist("GET", "/api/v1/accounts/relationships", **{"id[]": number})[0]["following"])

    def post(self, text: str) -> None:
        """Publish, insisting, once."""
        self.insist("POST", "/api/v1/statuses", key=text, status=text)

    def home(self, most: int = 1000) -> list[str]:
        """The contents of the home timeline as plain text, newest first, all pages."""
        texts: list[str] = []
        last = ""
        while len(texts) < most:
            page = self.insist("GET", f"/api/v1/timelines/home?limit=40{last}")
            if not page:
                break
            texts += [status["content"].removeprefix("<p>").removesuffix("</p>") for status in page]
            last = f"&max_id={page[-1]['id']}"
        return texts


def wait_until(true: Any, seconds: float = 30) -> None:
    """Wait until `true()` is. Raises AssertionError when it does not come."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"it did not happen within {seconds:.0f} seconds"
        time.sleep(0.1)


def begin(server: Server, name: str) -> Person:
    """Set an instance up with one person, and start it."""
    server.init()
    token = server.person(name)
    server.start()
    return Person(server, name, token)
