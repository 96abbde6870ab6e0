"""What a server without members learns of a group that only members may read, by any request that it can make: nothing.

Its crawler knows every address that the members' servers have ever written down, and every route with everything that
could stand in it, of both APIs; it asks without a signature, as its instance, and as one of its people. Where the group is at
home, somebody with a token and in no group asks the same, and follows, lists and streams what they can.
"""

import contextlib
import http.client
import io
import json
import re
import socket
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from tests.live.client import Person, begin, wait_until
from tests.live.crawler import Crawler, routes, secret, written
from tests.servers import Server

pytestmark = pytest.mark.live

PRIVATE = ("merlinx", "kestrelx", "harrierx", "goshawkx", "buzzardx", "sparrowhawkx", "shrikex", "hobbyx")
PUBLIC = "ospreyx"


@pytest.fixture
def four(tmp_path: Path) -> Iterator[tuple[Person, Person, Person]]:
    """Ada at alpha, Ben at beta, and Dora at delta, who is told nothing."""
    names = {"alpha": "ada", "beta": "ben", "delta": "dora"}
    servers = [Server(tmp_path / name, f"sqlite:///{tmp_path / name}/fedi.db", name.title()) for name in names]
    try:
        with ThreadPoolExecutor(3) as pool:
            ada, ben, dora = pool.map(begin, servers, names.values())
        yield ada, ben, dora
    finally:
        for server in servers:
            server.kill()


class Stream:
    """What a person's client hears of everything that it can ask for, by server-sent events and one connection each."""

    def __init__(self, person: Person) -> None:
        self._heard = bytearray()
        self._open = []
        for path in ("user", "public", "public/local", "hashtag?tag=goshawkx", "hashtag/local?tag=goshawkx"):
            url = f"{person.server.url}/api/v1/streaming/{path}"
            request = urllib.request.Request(url, headers={"Authorization": f"Bearer {person.token}"})
            answer = urllib.request.urlopen(request, timeout=600)
            assert answer.status == 200
            self._open.append(answer)
            threading.Thread(target=self._listen, args=(answer,), daemon=True).start()

    def _listen(self, answer: http.client.HTTPResponse) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError, http.client.HTTPException):  # closed at the end
            while line := answer.readline():
                self._heard += line

    def heard(self) -> str:
        """Everything so far."""
        return self._heard.decode().lower()

    def close(self) -> None:
        """End the connections."""
        for answer in self._open:
            if answer.fp is not None:
                sock = answer.fp.raw._sock  # a reader in another thread holds the buffer's lock
                sock.shutdown(socket.SHUT_RDWR)


def account(person: Person, name: str) -> str:
    """The id of an account of this person's own instance."""
    return str(person.ask("GET", "/api/v1/accounts/lookup", acct=name)["id"])


def uploaded(person: Person, description: str) -> str:
    """The id of a picture."""
    written = io.BytesIO()
    Image.linear_gradient("L").resize((40, 30)).save(written, "PNG")
    head = '--b\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    body = head.format("description", "").encode() + description.encode() + b"\r\n"
    body += head.format("file", '; filename="x.png"').encode() + written.getvalue() + b"\r\n--b--\r\n"
    headers = {"Authorization": f"Bearer {person.token}", "Content-Type": "multipart/form-data; boundary=b"}
    request = urllib.request.Request(f"{person.server.url}/api/v1/media", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(json.load(answer)["id"])


def find(person: Person, iri: str) -> Any:
    """A status as this person's server knows it; waits until it does."""
    found: list[Any] = []

    def there() -> bool:
        found[:] = person.ask("GET", "/api/v2/search", q=iri, type="statuses")["statuses"]
        return bool(found)

    wait_until(there)
    return found[0]


def test_a_server_without_members_learns_nothing(four: tuple[Person, Person, Person]) -> None:
    ada, ben, dora = four
    alpha = ada.server
    alpha.fedi("group", "create", "open", "--title", "Open", "--owner", "ada")
    options = ("--see", "members", "--join", "approval")
    alpha.fedi("group", "create", "closed", "--title", "Closed", "--owner", "ada", *options)

    # Eve is at alpha as well, in no group, with what might show her more: a list and a hashtag.
    eve = Person(alpha, "eve", alpha.person("eve"))
    eve.ask("POST", "/api/v1/tags/goshawkx/follow")
    eve.ask("POST", f"/api/v1/accounts/{account(eve, 'ada')}/follow")
    eves = eve.ask("POST", "/api/v1/lists", title="All")["id"]
    eve.ask("POST", f"/api/v1/lists/{eves}/accounts", **{"account_ids[]": account(eve, "ada")})

    # Ben is let in; Dora asks too, and waits.
    for person in (ben, dora):
        handle = f"@closed@127.0.0.1:{alpha.port}"
        group = person.ask("GET", "/api/v2/search", q=handle, resolve="true")["accounts"][0]["id"]
        person.ask("POST", f"/api/v1/accounts/{group}/follow")
    wait_until(lambda: len(ada.ask("GET", "/api/v1/follow_requests")) == 2)
    asked = {one["username"]: one["id"] for one in ada.ask("GET", "/api/v1/follow_requests")}
    ada.ask("POST", f"/api/v1/follow_requests/{asked['ben']}/authorize")
    wait_until(lambda: len(ada.ask("GET", "/api/v1/follow_requests")) == 1)

    # What is said among members: a title, a warning, a tag, an answer, an edit, a vote, a delete.
    group_handle = f"@closed@127.0.0.1:{alpha.port}"
    stream = Stream(eve)
    root = ada.ask(
        *("POST", "/api/v1/statuses"),
        status=f"{group_handle} merlinx\n\nkestrelx #goshawkx",
        spoiler_text="shrikex",
        **{"media_ids[]": uploaded(ada, "hobbyx")},
    )
    seen = find(ben, root["uri"])
    assert "kestrelx" in seen["content"]
    said = ben.ask("POST", "/api/v1/statuses", in_reply_to_id=seen["id"], status="harrierx")
    ben.ask("POST", f"/api/v1/statuses/{seen['id']}/favourite")
    gone = ben.ask("POST", "/api/v1/statuses", in_reply_to_id=seen["id"], status="sparrowhawkx")
    find(ada, said["uri"])
    find(ada, gone["uri"])
    ben.ask("PUT", f"/api/v1/statuses/{said['id']}", status="harrierx buzzardx")
    ben.ask("DELETE", f"/api/v1/statuses/{gone['id']}")
    wait_until(lambda: "buzzardx" in find(ada, said["uri"])["content"])
    wait_until(lambda: len(ada.ask("GET", f"/api/v1/statuses/{root['id']}/context")["descendants"]) == 1)
    # And what everyone may know, to see that the crawler finds what there is.
    ada.ask("POST", "/api/v1/statuses", status=f"@open@127.0.0.1:{alpha.port} {PUBLIC} #open")

    # Dora's server asks for everything.
    iri, hers, its = secret(dora)
    keys = {iri: hers, f"{dora.server.url}/actor": its}
    addresses = {one for person in (ada, ben) for one in written(person.server)}
    for server, names in ((alpha, ["ada", "open", "closed"]), (ben.server, ["ben"])):
        crawler = Crawler(server, keys, eve.token if server is alpha else dora.token)
        paths = [*addresses, *routes(server, names)]
        paths += [f"{one}?{more}" for one in ("/groups/closed/outbox", "/people/ada/outbox", "/people/ben/outbox")
                  for more in ("page=true", "page=1", "page=99999999")]  # fmt: skip
        paths += [f"/api/v1/timelines/list/{eves}", "/api/v1/trends/statuses", "/api/v1/trends/tags"]
        paths += [f"/groups/closed/followers?domain=127.0.0.1:{dora.server.port}", "/search?q=kestrelx"]
        paths += [f"/api/v2/search?q={quote(one)}&resolve=true" for one in (*PRIVATE, root["uri"], said["uri"])]
        for one in (f"acct:closed@127.0.0.1:{alpha.port}", root["uri"], f"{alpha.url}/groups/closed"):
            paths.append(f"/.well-known/webfinger?resource={quote(one, safe='')}")
        crawler.ask(paths)
        for word in PRIVATE:
            known = {("token", "/api/v1/followed_tags")} if word == "goshawkx" else set()  # what Eve typed herself
            assert set(crawler.found(word)) <= known, (server.name, word)
        assert [at for at, (status, _) in crawler.answers.items() if status >= 500] == []
        if server is alpha:
            # A crawler that finds nothing proves nothing: each manner finds what everyone may know.
            manners = {manner for manner, _ in crawler.answers}
            assert {manner for manner, _ in crawler.found(PUBLIC)} >= manners - {"token"}
            assert len(manners) == 5
            number = root["uri"].rpartition("/")[2]
            absent = str(int(number) + 1)
            for more in ("", "/activity", "/replies", "/likes", "/shares", "/context"):
                # Not even whether it exists.
                there, not_there = f"/people/ada/posts/{number}{more}", f"/people/ada/posts/{absent}{more}"
                crawler.ask([there, not_there])
                for manner in {manner for manner, path in crawler.answers if path == there}:
                    status, told = crawler.answers[manner, there]
                    assert status == 404, (manner, there)
                    strip = re.compile(r"\d{2}:\d{2}:\d{2}|W/\"\w+\"|" + f"{number}|{absent}")
                    assert strip.sub("", told) == strip.sub("", crawler.answers[manner, not_there][1]), (manner, there)

    # What Eve's client streams has what everyone may know, and nothing else.
    wait_until(lambda: PUBLIC in stream.heard())
    assert not [word for word in PRIVATE if word in stream.heard()]
    stream.close()

    # Dora's own client asks her server to find it.
    for one in (*PRIVATE, group_handle, root["uri"], said["uri"], gone["uri"], f"{root['uri']}/activity"):
        found = dora.ask("GET", "/api/v2/search", q=one, resolve="true")
        assert found["statuses"] == [], one
    heard = [
        dora.ask("GET", path)
        for path in ("/api/v1/timelines/home", "/api/v1/timelines/public", "/api/v1/notifications")
    ]
    closed = dora.ask("GET", "/api/v2/search", q=group_handle)["accounts"][0]
    heard.append(dora.ask("GET", f"/api/v1/accounts/{closed['id']}/statuses"))
    heard.append(dora.ask("GET", "/api/v1/timelines/tag/goshawkx"))
    assert not [word for word in PRIVATE if word in json.dumps(heard)]
    # And nothing of it is on her server's disk, in whatever form.
    dora.server.kill()
    for file in dora.server.folder.rglob("*"):
        if file.is_file():
            kept = file.read_bytes().lower()
            assert not [word for word in PRIVATE if word.encode() in kept.replace(b"q=" + word.encode(), b"")], file
    assert ben.ask("GET", f"/api/v1/statuses/{said['id']}")["content"]  # while who may, still can
