"""toot as it comes, by its commands: it logs in by a copied code, posts, reads, follows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.conftest import University

TOOT = Path(sys.executable).with_name("toot")


class Toot:
    """toot with a folder for its settings, so that it meets nobody else's."""

    def __init__(self, folder: Path) -> None:
        self.environ = {
            **os.environ,
            "XDG_CONFIG_HOME": str(folder),
            "XDG_CACHE_HOME": str(folder),
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore",
        }

    def __call__(self, *words: str) -> str:
        """What a command prints. Raises AssertionError when it fails."""
        done = subprocess.run(
            [TOOT, "--no-color", *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=self.environ,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"toot {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def login(self, university: University, name: str) -> str:
        """`toot login`, with the code from the page as a person would paste it; what it printed last."""
        with subprocess.Popen(
            [TOOT, "--no-color", "login", "--instance", university.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environ,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            said = ""
            while "oauth/authorize" not in said:
                line = process.stdout.readline()
                assert line, f"toot login ended: {said}"
                said += line
            found = re.search(r"http://\S+", said)
            assert found is not None
            code = university.browser(name).code(found[0])
            rest, _ = process.communicate(f"n\n{code}\n", timeout=60)
        assert process.returncode == 0, said + rest
        return rest


@pytest.fixture(scope="module")
def toot(university: University, tmp_path_factory: pytest.TempPathFactory) -> Toot:
    """toot, logged in as ben."""
    made = Toot(tmp_path_factory.mktemp("toot"))
    assert "Successfully logged in" in made.login(university, "ben")
    return made


def test_who_is_logged_in(toot: Toot, university: University) -> None:
    assert f"ben@127.0.0.1:{university.server.port}" in toot("auth")
    assert "@ben" in toot("whoami")
    assert "North University" in toot("instance")


def test_post_and_timelines(toot: Toot) -> None:
    posted = re.search(r"/posts/(\d+)", toot("post", "Written on a terminal #shell"))
    assert posted is not None
    assert "Written on a terminal" in toot("timelines", "home", "--limit", "5")
    assert "Written on a terminal" in toot("timelines", "tag", "shell")
    toot("favourite", posted[1])
    assert "Written on a terminal" in toot("thread", posted[1])
    toot("delete", posted[1])
    assert "Written on a terminal" not in toot("timelines", "home")


def test_follow_a_group_and_read_it(toot: Toot, university: University) -> None:
    assert "mlops" in toot("follow", "mlops")
    toot("post", "@mlops A question from a terminal")
    assert "A question from a terminal" in toot("timelines", "home")
    assert "mlops" in toot("search", "mlops")


def test_empty_lists_are_no_failure(toot: Toot) -> None:
    toot("notifications")
    toot("lists", "list")
    toot("tags", "followed")
