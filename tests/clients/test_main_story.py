"""The main story over real HTTP: three `fedi serve` processes, and Mastodon.py, as it comes, in the hands of all three.

Ada logs in to her own university, joins a group that another one hosts and posts to it; Chi of a third reads it at home
and answers; Ada is told.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests
from mastodon import Mastodon

from tests.clients.floors import faults
from tests.conftest import KINDS, Databases
from tests.servers import Server

T = TypeVar("T")

PATIENCE = 30.0


def eventually(look: Callable[[], T | None]) -> T:
    """What `look` gives once it gives something; fails after a while."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{look} never came true")


@pytest.fixture(params=KINDS)
def servers(request: pytest.FixtureRequest, databases: Databases, tmp_path: Path) -> Iterator[list[Server]]:
    """Three universities, running."""
    urls = [databases.blank(request.param) for _ in range(3)]
    made = [Server(tmp_path / name, url, name) for name, url in zip(("north", "south", "east"), urls, strict=True)]
    try:
        for server in made:
            server.init()
            server.start()
        yield made
    finally:
        for server in made:
            server.stop()
    for url in urls:
        databases.drop(url)


def client(server: Server, token: str) -> Mastodon:
    """Mastodon.py with a token of this instance."""
    return Mastodon(api_base_url=server.url, access_token=token)


def following(student: Mastodon, group: Any) -> bool:
    """Whether the group has let them in."""
    return bool(student.account_relationships(group)[0].following)


def test_the_main_story(servers: list[Server]) -> None:
    north, south, east = servers
    north.person("olga", affiliation="faculty")
    north.fedi("group", "create", "mlops", "--title", "Machine learning in operation", "--owner", "olga")
    ada = client(south, south.person("ada", affiliation="student"))
    chi = client(east, east.person("chi", affiliation="student"))
    handle = f"mlops@127.0.0.1:{north.port}"

    for student in (ada, chi):
        [group] = student.search_v2(f"@{handle}", resolve=True).accounts
        assert group.group is True
        assert group.acct == handle
        student.account_follow(group.id)
        eventually(partial(following, student, group.id))

    status = ada.status_post(f"@{handle} Who reads a paper on drift with me?\n\nFriday at noon.")
    assert "drift" in status.content

    def at_home() -> Any:
        return next((one for one in chi.timeline_home() if one.reblog and one.reblog.uri == status.uri), None)

    wrapper = eventually(at_home)
    assert wrapper.account.acct == handle
    assert wrapper.account.group is True
    assert wrapper.reblog.account.acct == f"ada@127.0.0.1:{south.port}"
    assert "Friday at noon." in wrapper.reblog.content

    # What comes from elsewhere is as whole as what is here, and its pictures need no session (vutuv#1618).
    headers = {"Authorization": f"Bearer {chi.access_token}"}
    [home] = requests.get(f"{east.url}/api/v1/timelines/home", headers=headers, timeout=30).json()
    assert faults(home) == []
    for account in (home["account"], home["reblog"]["account"]):
        for picture in (account["avatar"], account["header"]):
            shown = requests.get(picture, timeout=30)
            assert (shown.status_code, shown.headers["content-type"].partition("/")[0]) == (200, "image")

    answer = chi.status_reply(wrapper.reblog, "I do!")
    told = eventually(lambda: [one for one in ada.notifications() if one.type == "mention"])
    assert [one.status.uri for one in told] == [answer.uri]
    assert told[0].account.acct == f"chi@127.0.0.1:{east.port}"
    context = ada.status_context(status.id)
    assert [one.uri for one in context.descendants] == [answer.uri]

    chi.status_favourite(wrapper.reblog.id)
    eventually(lambda: [one for one in ada.notifications() if one.type == "favourite"])
    assert ada.status(status.id).favourites_count == 1

    ada.status_delete(status.id)
    eventually(lambda: not at_home() or None)
