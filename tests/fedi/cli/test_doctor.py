"""`fedi doctor` finds what is wrong and says how to mend it."""

import resource
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from fedi.actions.drafts import Draft
from fedi.actions.posts import publish
from fedi.cli import doctor
from fedi.cli.console import opened
from fedi.context import Site
from storage import actors, indexed
from storage.metadata import Tx
from tests.fedi.cli.conftest import Operator, both


def write(site: Site) -> None:
    """A post by ada."""

    def unit(tx: Tx) -> None:
        ada = actors.by_name(tx, "ada", "uni.example")
        assert ada is not None
        publish(tx, site, ada, Draft("On regression"))

    site.db.write_now(unit)


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
    assert set(found) == {("reachable", "look"), ("mail", "look")}
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


def test_uploads_that_have_no_place(operator: Operator, folder: Path) -> None:
    (folder / "data" / "media").write_text("not a folder")
    status, found = findings(operator)
    assert status == 1
    assert "data/media" in found["media", "broken"]


def test_a_disk_that_is_too_full_for_uploads(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=255 << 20))
    assert "no uploads" in findings(operator)[1]["media", "look"]


def test_films_have_no_still_without_ffmpeg(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert "ok    films: ffmpeg is not there" in operator.fedi("doctor").out
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/ffmpeg")
    assert "ok    films: /usr/bin/ffmpeg" in operator.fedi("doctor").out


def test_few_files_for_clients_that_stream(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    assert "LimitNOFILE" in findings(operator)[1]["open files", "look"]
    # Servers raise what they have themselves up to what they may.
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 65536))
    assert ("open files", "look") not in findings(operator)[1]


@both
def test_push_without_the_key_that_apps_know(operator: Operator) -> None:
    operator.person("ada", "--role", "admin")
    operator.fedi("token", "create", "ada")
    with opened(None) as site:
        site.db.write_now(
            lambda tx: tx.execute(
                text(
                    "INSERT INTO subscriptions (id, token_id, person_id, endpoint, p256dh, auth, standard, alerts, policy,"
                    " access_token, failures, created_at)"
                    " SELECT 1, id, person_id, 'https://push.example', '', '', true, '{}', 'all', '', 0, 0 FROM tokens"
                )
            )
        )
        site.db.write_now(lambda tx: tx.execute(text("DELETE FROM keys WHERE id LIKE '%vapid'")))
    status, found = findings(operator)
    assert status == 1
    assert "backup" in found["push", "broken"]


@both
def test_an_index_that_lacks_posts(operator: Operator) -> None:
    operator.person("ada", "--role", "admin")
    with opened(None) as site:
        write(site)
    assert ("search", "look") not in findings(operator)[1]
    with opened(None) as site:
        site.db.write_now(lambda tx: tx.execute(indexed.searches.delete()))
    assert "1 post is not in the index" in findings(operator)[1]["search", "look"]
    assert "1 post" in operator.fedi("search", "reindex").out
    assert ("search", "look") not in findings(operator)[1]
