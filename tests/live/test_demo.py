"""`fedi demo` as `make demo DETACH=1` runs it: three universities that have talked to each other (CONTRACT)."""

import contextlib
import json
import os
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import FEDI

pytestmark = pytest.mark.live


def three_free_ports() -> int:
    """The first of three ports of 127.0.0.1 in a row that nobody listens on."""
    for _ in range(100):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            first = stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            for port in (first + 1, first + 2):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            return int(first)
    raise AssertionError("no three free ports in a row")


def fedi(folder: Path, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in `folder`."""
    return subprocess.run(
        [FEDI, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environ},
    )


def ask(url: str, token: str) -> Any:
    """The JSON at `url` for the holder of `token`."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The folder that the demo was started in, and what its demo.json says."""
    folder = tmp_path_factory.mktemp("demo")
    try:
        done = fedi(folder, "demo", "--detach", DEMO_PORT=str(three_free_ports()))
        assert done.returncode == 0, done.stdout + done.stderr
        yield folder, json.loads((folder / ".demo/demo.json").read_text())
    finally:
        fedi(folder, "demo", "--stop")


def test_demo_json_is_as_the_contract_says(demo: tuple[Path, dict[str, Any]]) -> None:
    folder, known = demo
    assert [each["name"] for each in known["instances"]] == ["north", "south", "east"]
    for each in known["instances"]:
        assert (folder / each["config"]).is_file()
        host = each["url"].removeprefix("http://")
        roles = [person["role"] for person in each["people"]]
        assert "admin" in roles
        assert roles.count("member") >= 3
        for person in each["people"]:
            assert person["handle"] == f"@{person['username']}@{host}"
            assert person["password"]
            assert person["affiliation"] in ("student", "faculty", "staff", "alum")
            me = ask(each["url"] + "/api/v1/accounts/verify_credentials", person["token"])
            assert me["username"] == person["username"]
        for group in each["groups"]:
            assert group["handle"] == f"@{group['name']}@{host}"
            assert group["url"] == f"{each['url']}/groups/{group['name']}"
    seen = [group["see"] for each in known["instances"] for group in each["groups"]]
    assert {"public", "peers", "members"} <= set(seen)


def test_a_public_thread_spans_the_three(demo: tuple[Path, dict[str, Any]]) -> None:
    """Read at every university: the question of one, the answers of the others, in one thread."""
    _, known = demo
    urls = {each["url"] for each in known["instances"]}
    for each in known["instances"]:
        token = each["people"][0]["token"]
        public = ask(each["url"] + "/api/v1/timelines/public?limit=40", token)
        spanning = 0
        for status in public:
            if status["in_reply_to_id"] is None:
                context = ask(f"{each['url']}/api/v1/statuses/{status['id']}/context", token)
                thread = [status, *context["descendants"]]
                origins = {url for url in urls for part in thread if part["uri"].startswith(url + "/")}
                spanning += origins == urls
        assert spanning > 0, each["name"]


def page(url: str) -> str:
    """What a stranger's browser gets at `url`."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())


def test_it_shows_polls_pins_quotes_articles_and_twins(demo: tuple[Path, dict[str, Any]]) -> None:
    """Read at another university than the one that it was made at."""
    folder, known = demo
    north, south, east = known["instances"]
    token = next(person["token"] for person in east["people"] if person["username"] == "kenji")
    found = ask(east["url"] + "/api/v1/timelines/home?limit=40", token)
    statuses = [status.get("reblog") or status for status in found]
    threads = {
        status["id"]: ask(f"{east['url']}/api/v1/statuses/{status['id']}/context", token)["descendants"]
        for status in statuses
    }
    polls = [one["poll"] for below in threads.values() for one in below if one["poll"] is not None]
    assert [[one["title"] for one in poll["options"]] for poll in polls] == [["By four", "By six", "By eight"]]
    assert polls[0]["own_votes"] == [2]
    article = next(status for status in statuses if "What could we have known?" in status["content"])
    request = urllib.request.Request(article["uri"], headers={"Accept": "application/activity+json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.load(answer)["type"] == "Article"
    assert "Pinned" in page(north["url"] + "/groups/mlops")
    assert "One with" in page(north["url"] + "/groups/mlops")
    twin = page(south["url"] + "/groups/models")
    assert "One with" in twin
    assert "What could we have known?" in twin
    mateo = next(person["token"] for person in south["people"] if person["username"] == "mateo")
    quotes = [one["quote"] for one in ask(south["url"] + "/api/v1/timelines/home?limit=40", mateo) if one.get("quote")]
    assert [quote["state"] for quote in quotes] == ["accepted"]
    listed = fedi(folder, "twin", "list", "--json", "--config", north["config"])
    assert [row["state"] for row in json.loads(listed.stdout)] == ["joined"]


def test_the_universities_have_agreements_and_each_decision_is_made_again_the_same(
    demo: tuple[Path, dict[str, Any]],
) -> None:
    folder, known = demo
    listed = json.loads(fedi(folder, "peer", "list", "--json", "--config", known["instances"][1]["config"]).stdout)
    assert [row["tier"] for row in listed] == ["members", "members"]
    assert not any(row["one_sided"] for row in listed)
    for each in known["instances"]:
        done = fedi(folder, "policy", "verify", "--last", "10000", "--json", "--config", each["config"])
        assert done.returncode == 0, done.stdout + done.stderr
        checked = json.loads(done.stdout)["envelopes"]
        assert checked["checked"] > 100
        assert checked["same"] == checked["checked"]


def test_a_second_demo_in_the_folder_is_refused_and_stop_ends_it(demo: tuple[Path, dict[str, Any]]) -> None:
    folder, known = demo
    again = fedi(folder, "demo", "--detach", DEMO_PORT=str(three_free_ports()))
    assert again.returncode == 1
    assert "demo-stop" in again.stderr
    first = known["instances"][0]
    assert fedi(folder, "demo", "--stop").stdout == "the demo is stopped\n"
    with pytest.raises(OSError, match="refused"):
        ask(first["url"] + "/health", "")
    assert fedi(folder, "demo", "--stop").stdout == "no demo runs here\n"

    # What was said is kept: the next start with the same ports takes it up again.
    port = first["url"].rpartition(":")[2]
    assert fedi(folder, "demo", "--detach", DEMO_PORT=port).returncode == 0
    me = ask(first["url"] + "/api/v1/accounts/verify_credentials", first["people"][0]["token"])
    assert me["username"] == first["people"][0]["username"]


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = fedi(tmp_path, "demo", "--detach", DEMO_PORT=str(port))
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr
