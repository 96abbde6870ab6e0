"""What real peers are made of is pinned by hash, and may come from any mirror."""

import json

from tests.realpeers.peer import HERE


def test_the_lock_has_a_hash_for_everything_and_names_no_host() -> None:
    lock = json.loads((HERE / "package-lock.json").read_text("utf-8"))
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert len(packages) > 200
    assert {name for name, one in packages.items() if "resolved" in one} == set()
    assert {name for name, one in packages.items() if not one.get("integrity", "").startswith("sha512-")} == set()
    # Nothing runs when it is installed: `npm ci --ignore-scripts` must be enough.
    assert {name for name, one in packages.items() if one.get("hasInstallScript")} == set()


def test_python_packages_have_hashes_too() -> None:
    lines = (HERE / "bovine/requirements.lock").read_text("utf-8").splitlines()
    pinned = [line for line in lines if "==" in line]
    assert len(pinned) > 40
    assert all(line.endswith("\\") for line in pinned)
    assert not any("://" in line for line in lines)
