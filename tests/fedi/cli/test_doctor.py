"""`fedi doctor` finds what is wrong and says how to mend it."""

import shutil
from pathlib import Path

import pytest

from fedi.cli import doctor
from fedi.cli.console import opened
from tests.fedi.cli.conftest import Operator, both


def findings(operator: Operator) -> tuple[int, dict[tuple[str, str], str]]:
    """Exit status, and the texts of what is not fine by (about, state)."""
    done = operator.try_("doctor", "--json")
    assert done.err == ""
    found = {(each["about"], each["state"]): each["text"] for each in done.json if each["state"] != "fine"}
    return done.status, found


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """uni.example does not exist; the question to it is answered at once."""
    monkeypatch.setattr(doctor, "_get", lambda *_: "no route to host")


@both
def test_a_good_instance(operator: Operator) -> None:
    operator.person("ada", "--role", "admin")
    status, found = findings(operator)
    assert status == 0
    assert set(found) == {("reachable", "look")}
    assert "ok    keys: the instance can sign" in operator.fedi("doctor").out


@both
def test_before_init(newcomer: Operator) -> None:
    status, found = findings(newcomer)
    assert status == 1
    assert "fedi init" in found["database", "broken"]
    assert "fedi init" in found["data", "broken"]


def test_nobody_is_admin(operator: Operator) -> None:
    operator.person("ada")
    assert "--role admin" in findings(operator)[1]["people", "look"]


def test_the_database_of_another_instance(operator: Operator, folder: Path) -> None:
    operator.person("ada", "--role", "admin")
    file = folder / "fedi.toml"
    file.write_text(file.read_text().replace("https://uni.example", "https://other.example"))
    status, found = findings(operator)
    assert status == 1
    assert "uni.example" in found["url", "broken"]


def test_a_key_that_is_gone(operator: Operator) -> None:
    from sqlalchemy import text

    with opened(None) as site:
        site.db.write_now(lambda tx: tx.execute(text("DELETE FROM keys")))
    status, found = findings(operator)
    assert status == 1
    assert "backup" in found["keys", "broken"]


def test_files_that_others_may_read(operator: Operator, folder: Path) -> None:
    (folder / "data").chmod(0o755)
    assert "chmod" in findings(operator)[1]["data", "look"]
    shutil.rmtree(folder / "data")
    (folder / "data").write_text("not a folder")


def test_sqlite_on_a_network_disk(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_filesystem", lambda _: "nfs4")
    status, found = findings(operator)
    assert status == 1
    assert "PostgreSQL" in found["database", "broken"]


def test_the_file_system_of_a_folder_is_found(tmp_path: Path) -> None:
    if not Path("/proc/mounts").exists():
        pytest.skip("this system has no /proc/mounts")
    assert doctor._filesystem(Path("/proc")) == "proc"
    assert doctor._filesystem(tmp_path) not in ("", "proc")


def test_certificates(operator: Operator, folder: Path) -> None:
    (folder / "cert.pem").write_text("nothing of the kind")
    with (folder / "fedi.toml").open("a") as file:
        file.write('[tls]\ncertificate = "cert.pem"\nkey = "key.pem"\n')
    status, found = findings(operator)
    assert status == 1
    assert "PEM" in found["tls.certificate", "broken"]
    assert "key.pem" in found["tls.key", "broken"]


@pytest.mark.parametrize(
    ("ready", "nodeinfo", "state", "said"),
    [
        (
            {"problems": []},
            {"links": [{"href": "https://uni.example/nodeinfo/2.1"}]},
            "fine",
            "answers as this instance",
        ),
        ({"problems": ["worker: stopped"]}, {"links": []}, "broken", "worker: stopped"),
        ({"problems": []}, {"links": [{"href": "https://other.example/nodeinfo/2.1"}]}, "broken", "something else"),
        ({"problems": []}, {"links": ["odd"]}, "broken", "something else"),
        ({"problems": []}, "HTTP 404", "broken", "something else"),
    ],
)
def test_what_the_public_address_answers(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, ready: object, nodeinfo: object, state: str, said: str
) -> None:
    monkeypatch.setattr(doctor, "_get", lambda _config, path, *_: ready if path == "/ready" else nodeinfo)
    found = operator.try_("doctor", "--json").json
    assert any(each["about"] == "reachable" and each["state"] == state and said in each["text"] for each in found)
