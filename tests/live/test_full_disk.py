"""A disk that is full: the database, the folder of files, the log. What can be read is read, what is not on disk is refused with
a time to come again, and once there is room all goes on by itself."""

import contextlib
import resource
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedi.cli import postgres
from tests.attacks.hostile import Hostile, Target
from tests.clients import pictures
from tests.live.client import wait_until
from tests.live.faults import doctor
from tests.live.traffic import asked, away, running
from tests.servers import Server

pytestmark = pytest.mark.live

FULL = 3.0


@pytest.fixture
def disk() -> Iterator[Path]:
    """A disk of its own with 96 MiB."""
    with tempfile.TemporaryDirectory(prefix="fedi-disk-") as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", folder], capture_output=True, text=True, check=False
        )
        if mounted.returncode:
            pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> None:
    """Take all that is left of a disk."""
    with contextlib.suppress(OSError), (disk / "ballast").open("ab", buffering=0) as ballast:
        while True:
            for size in (1 << 20, 4096, 1):
                with contextlib.suppress(OSError):
                    ballast.write(b"x" * size)
                    break
            else:
                return


def test_a_disk_is_full_for_a_while(disk: Path, hostile: Hostile) -> None:
    """Database, files and log on it."""
    server = Server(disk / "fedi", f"sqlite:///{disk}/fedi/fedi.db", "Full")
    said: list[str] = []

    def go() -> None:
        fill(disk)

    def come() -> None:
        said.append(doctor(server))
        (disk / "ballast").unlink()

    away(server, hostile, go, come, FULL, reads=200)
    assert "free at" in said[0]
    assert "full" in said[0]


def test_the_disk_of_postgresql_is_full_for_a_while(disk: Path, hostile: Hostile, tmp_path: Path) -> None:
    """Its own: where it ends itself, it is started again, as a service would be."""
    disk.chmod(0o755)
    postgresql = postgres.start(disk / "data", keep=False)
    try:
        server = Server(tmp_path, postgresql.get_uri(), "Elsewhere")

        def come() -> None:
            (disk / "ballast").unlink()
            postgresql.ensure_postgres_running()

        away(server, hostile, lambda: fill(disk), come, FULL, reads=200, ready=False)
        assert "No space left on device" in server.log.read_text()
    finally:
        with contextlib.suppress(Exception):
            postgresql.cleanup()


def test_files_may_not_grow(hostile: Hostile, tmp_path: Path) -> None:
    """A quota, or a file system's own limit."""
    server = Server(tmp_path, f"sqlite:///{tmp_path}/fedi.db", "Quota")

    def limit(size: int) -> None:
        assert server.process is not None
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    away(server, hostile, lambda: limit(1000), lambda: limit(resource.RLIM_INFINITY), FULL, reads=200)


def test_a_picture_on_a_full_disk_is_refused_and_leaves_nothing(disk: Path, tmp_path: Path) -> None:
    # As if others took what uploads leave of a disk while one comes.
    before = "from fedi.media import files\nfiles.FREE = -1"
    server = Server(tmp_path, f"sqlite:///{tmp_path}/fedi.db", "Media", before=before)
    (tmp_path / "data").symlink_to(disk)
    with running(server) as target:
        fill(disk)
        there = {path for path in disk.rglob("*") if path.is_file()}
        assert upload(target) == 503
        assert {path for path in disk.rglob("*") if path.is_file()} == there
        target.api("POST", "/api/v1/statuses", status="a post needs no picture")
        assert "free at" in doctor(server)
        (disk / "ballast").unlink()
        wait_until(lambda: upload(target) in (200, 202))
        assert server.log.read_text().count("Traceback") < 3


def test_a_log_on_a_full_disk_stops_nothing(hostile: Hostile, tmp_path: Path) -> None:
    server = Server(tmp_path, f"sqlite:///{tmp_path}/fedi.db", "Log")
    server.log.symlink_to("/dev/full")
    with running(server) as target:
        for number in range(20):  # each is worth a line
            assert asked(urllib.request.Request(f"{server.url}/inbox", b"{}"))[0] == 415
            target.api("POST", "/api/v1/statuses", status=f"nobody reads the log {number}")
        with contextlib.suppress(AssertionError):
            target.find("@nobody@127.0.0.1:1")
        assert len(target.api("GET", "/api/v1/timelines/home")) == 20
        assert server.memory < 250


def upload(target: Target) -> int:
    """Upload a picture; the status of the answer."""
    boundary = "x" * 20
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    body = head.encode() + pictures.png(400, 300) + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(
        f"{target.server.url}/api/v2/media", body,
        {"Authorization": f"Bearer {target.token}", "Content-Type": f"multipart/form-data; boundary={boundary}"},
    )  # fmt: skip
    return asked(request)[0]
