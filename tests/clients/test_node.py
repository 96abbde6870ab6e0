"""masto.js and megalodon, as they come from npm, in Node: each is a script in `node/` that says what it saw.

`make clients` installs them, from a lock with hashes that names no host. Without them these tests are skipped and say so;
FEDI_TEST_CLIENTS=all leaves none out.
"""

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from mastodon import Mastodon

from tests.clients.conftest import University
from tests.clients.pictures import png
from tests.realpeers.peer import NODE_AT_LEAST, node

HERE = Path(__file__).parent / "node"


def run(script: str, **environ: str) -> Any:
    """What a script prints, as JSON. Skips the test where Node or the packages are missing."""
    program = node()
    lacking = None if (HERE / "node_modules/.package-lock.json").is_file() else "npm packages"
    lacking = f"Node {NODE_AT_LEAST}" if program is None else lacking
    if lacking is not None:
        told = f"{lacking} missing; «make clients» installs what clients in Node need"
        if os.environ.get("FEDI_TEST_CLIENTS") == "all":
            pytest.fail(told)
        pytest.skip(told)
    assert program is not None
    done = subprocess.run(
        [program, HERE / script], capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environ}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_masto_js(university: University) -> None:
    chi = Mastodon(access_token=university.tokens["chi"], api_base_url=university.url)
    chi.status_post("@ben look at this")
    seen = run(
        "masto.mjs",
        URL=university.url,
        TOKEN=university.tokens["ben"],
        TAG="mastojs",
        PNG=base64.b64encode(png()).decode(),
    )
    assert (seen["me"], seen["app"], seen["group"]) == ("ben", "Tests", True)
    # Page after page by the Link header, newest first, none twice.
    assert [one for page in seen["pages"] for one in page] == seen["posted"][::-1]
    assert [len(page) for page in seen["pages"]][:3] == [2, 2, 1]
    assert seen["home"] == seen["posted"][:1:-1]
    assert (seen["media"]["type"], seen["media"]["description"]) == ("image", "Noise")
    assert seen["media"]["url"].startswith(university.url)
    assert seen["media"]["blurhash"]
    assert seen["attached"] == [seen["uploaded"]]
    assert seen["grouped"] == {"groups": ["mention"], "accounts": 1}
    assert seen["list"] == ["mention"]
    assert (seen["lists"], seen["filter"], seen["search"]) == ("from masto.js", "xyzzy", ["ben"])
    assert seen["missing"] == {"kind": True, "status": 404, "text": "Record not found"}
    assert {"user update", "hashtag update", "user delete"} <= set(seen["events"])
    assert "live" in seen["user update"]


def test_megalodon(university: University) -> None:
    seen = run("megalodon.mjs", URL=university.url, TOKEN=university.tokens["chi"])
    assert (seen["kind"], seen["me"], seen["group"]) == ("mastodon", "chi", True)
    assert seen["app"] == ["string", "string", "string"]
    assert seen["instance"]["streaming"].startswith("ws://127.0.0.1")
    assert seen["instance"]["max"] >= 500
    assert seen["home"][0] == seen["posted"]
    assert all(int(one) < int(seen["home"][1]) for one in seen["older"])
    assert seen["favourited"] is True
    assert (seen["context"], seen["search"], seen["relationship"]) == (0, ["ben"], False)
    assert (seen["lists"], seen["poll"]) == ("from megalodon", ["yes", "no"])
    assert seen["events"] == ["update", "delete"]
    assert "live" in seen["live"]


def test_the_lock_has_a_hash_for_everything_and_names_no_host() -> None:
    lock = json.loads((HERE / "package-lock.json").read_text("utf-8"))
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert {"node_modules/masto", "node_modules/megalodon", "node_modules/ws"} <= packages.keys()
    assert {name for name, one in packages.items() if "resolved" in one} == set()
    assert {name for name, one in packages.items() if not one.get("integrity", "").startswith("sha512-")} == set()
    assert {name for name, one in packages.items() if one.get("hasInstallScript")} == set()
