"""nginx and Caddy in front of a real instance, with the settings of `deploy/` but for ports, certificate and folders."""

import asyncio
import contextlib
import gzip
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from federation.signatures.sign import sign_post
from tests.attacks.hostile import Hostile
from tests.certificates import certify
from tests.live.client import wait_until
from tests.servers import Server, free_port

pytestmark = pytest.mark.live

NAME = "uni.example"
DEPLOY = Path(__file__).parents[2] / "deploy"
MIB = 1024 * 1024


def own_address() -> str:
    """An address of this machine by which it knows itself as somebody from outside; else of loopback."""
    try:
        address = socket.gethostbyname(socket.gethostname())
        with socket.socket() as probe:
            probe.bind((address, 0))  # its name may lead elsewhere
    except OSError:
        return "127.0.0.1"
    return address


OWN = own_address()


def nginx(folder: Path, port: int, behind: int) -> list[str]:
    """The command that runs nginx so."""
    site = (DEPLOY / "nginx.conf").read_text()
    for theirs, ours in (
        ("/etc/letsencrypt/live/uni.example/fullchain.pem", f"{folder}/certificate.pem"),
        ("/etc/letsencrypt/live/uni.example/privkey.pem", f"{folder}/key.pem"),
        ("listen 443 ", f"listen {OWN}:{port} "),
        ("listen 80;", f"listen {OWN}:{free_port()};"),
        ("127.0.0.1:8000", f"127.0.0.1:{behind}"),
    ):
        assert theirs in site
        site = site.replace(theirs, ours)
    (folder / "site.conf").write_text(re.sub(r"listen \[::\].*", "", site))
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid; error_log stderr; daemon off; worker_processes 1; events {{ worker_connections 512; }}\n"
        f"http {{ access_log {folder}/access.log; {places} include {folder}/site.conf; }}\n"
    )
    # A worker of nginx that root starts is somebody else, who can't reach the folder.
    owner = ["-g", "user root;"] if os.geteuid() == 0 else []
    return ["nginx", "-c", f"{folder}/nginx.conf", *owner]


def caddy(folder: Path, port: int, behind: int) -> list[str]:
    """The command that runs Caddy so."""
    site = (DEPLOY / "Caddyfile").read_text()
    for theirs, ours in (
        (f"{NAME} {{", f"https://{NAME}:{port} {{\n\tbind {OWN}\n\ttls {folder}/certificate.pem {folder}/key.pem"),
        ("127.0.0.1:8000", f"127.0.0.1:{behind}"),
    ):
        assert theirs in site
        site = site.replace(theirs, ours)
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{site}")
    return ["caddy", "run", "--config", f"{folder}/Caddyfile", "--adapter", "caddyfile"]


@dataclass(slots=True)
class Front:
    """An instance behind a proxy, as the outside reaches it."""

    server: Server
    token: str
    port: int
    trust: ssl.SSLContext

    @property
    def url(self) -> str:
        """The instance's address."""
        return f"https://{NAME}:{self.port}"

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """(status, headers, body) of a request over TLS."""
        connection = http.client.HTTPSConnection(NAME, self.port, timeout=60, context=self.trust)
        connection.sock = self.trust.wrap_socket(socket.create_connection((OWN, self.port), 60), server_hostname=NAME)
        with contextlib.closing(connection):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()


@pytest.fixture(scope="module", params=[nginx, caddy], ids=lambda proxy: proxy.__name__)
def front(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """An instance with a person, ada, behind the proxy. Skips where that is not installed."""
    proxy = request.param.__name__
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))
    program = shutil.which(proxy, path=path)
    if program is None:
        pytest.skip(f"{proxy} is not installed; «make proxies» does it, as root on Debian")
    folder = tmp_path_factory.mktemp(proxy)
    port = free_port()
    server = Server(folder / "fedi", f"sqlite:///{folder}/fedi.db", "Behind")
    server.init(f"https://{NAME}:{port}", '[proxy]\ntrusted = ["127.0.0.1", "::1"]\n')
    token = server.person("ada")
    server.start()
    certify(folder, NAME)
    with (folder / "log").open("wb") as log:
        command = [program, *request.param(folder, port, server.port)[1:]]
        home = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        running = subprocess.Popen(command, stdout=log, stderr=log, env=home)
    trust = ssl.create_default_context(cafile=str(folder / "certificate.pem"))
    made = Front(server, token, port, trust)

    def answers() -> bool:
        assert running.poll() is None, (folder / "log").read_text()[-2000:]
        try:
            return made.ask("GET", "/ready")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    try:
        wait_until(answers, 60)
        yield made
    finally:
        running.terminate()
        running.wait(20)
        server.stop()


def test_a_signature_arrives_whole(front: Front) -> None:
    hostile = Hostile()
    try:
        actor = hostile.actor("elsewhere", "eve")
        activity = json.dumps(hostile.activity("Like", actor, f"{front.url}/posts/1")).encode()
        headers = sign_post(hostile.keys[actor], f"{front.url}/inbox", activity, time.time_ns() // 1_000_000)
        status, _, said = front.ask("POST", "/inbox", activity, headers)
        assert (status, said) == (202, b"")
        altered = activity.replace(b"Like", b"View")
        assert front.ask("POST", "/inbox", altered, headers)[0] == 401
    finally:
        hostile.close()


def test_the_address_is_the_callers_whatever_it_says(front: Front) -> None:
    def counted() -> tuple[list[int], set[str]]:
        left, ends = [], set()
        for claimed in ("198.51.100.7", "198.51.100.8", "127.0.0.1", "::1"):
            told = {"X-Forwarded-For": claimed, "X-Real-IP": claimed, "Forwarded": f"for={claimed}"}
            _, headers, _ = front.ask("GET", "/api/v1/timelines/tag/x", headers=told)
            left.append(int(headers["X-RateLimit-Remaining"]))
            ends.add(headers["X-RateLimit-Reset"])
        return left, ends

    left, ends = counted()
    if len(ends) > 1 and not OWN.startswith("127."):
        left, _ = counted()  # a new window of the limit began in between
    step = 0 if OWN.startswith("127.") else 1  # who asks from loopback is not counted
    assert left == [left[0] - step * number for number in range(4)], "a caller chose whose requests are counted"


def test_addresses_are_https(front: Front) -> None:
    status, _, said = front.ask("GET", "/.well-known/oauth-authorization-server")
    assert (status, json.loads(said)["issuer"].rstrip("/")) == (200, front.url)
    status, headers, _ = front.ask("GET", "/settings")
    assert status in (302, 303)
    assert headers["Location"].startswith(("/", front.url))


def test_figures_are_for_the_operator(front: Front) -> None:
    assert front.ask("GET", "/metrics")[0] == 403


def test_the_proxy_compresses_no_page_and_leaves_what_is_compressed(front: Front) -> None:
    # zstd is a word of the proxy's alone.
    status, headers, _ = front.ask("GET", "/login", headers={"Accept-Encoding": "zstd", "Accept": "text/html"})
    assert (status, headers["Content-Encoding"]) == (200, None)
    client = {"Accept-Encoding": "gzip", "Authorization": f"Bearer {front.token}"}
    status, headers, said = front.ask("GET", "/api/v2/instance", headers=client)
    assert (status, headers["Content-Encoding"]) == (200, "gzip")
    assert json.loads(gzip.decompress(said))["domain"]


def upload(front: Front, size: int) -> tuple[int, bytes]:
    """Upload so many bytes that are no picture."""
    edge = "edge"
    head = (
        f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="x.png"\r\nContent-Type: image/png\r\n\r\n'
    )
    told = {"Authorization": f"Bearer {front.token}", "Content-Type": f"multipart/form-data; boundary={edge}"}
    status, _, said = front.ask(
        "POST", "/api/v2/media", head.encode() + b"x" * size + f"\r\n--{edge}--\r\n".encode(), told
    )
    return status, said


def test_a_large_upload_reaches_the_instance(front: Front) -> None:
    status, said = upload(front, 30 * MIB)
    assert status == 422, said[:300]
    assert "error" in json.loads(said)


def test_too_large_is_refused_before_the_instance_or_by_it(front: Front) -> None:
    assert front.ask("POST", "/inbox", b"x" * 2 * MIB, {"Content-Type": "application/activity+json"})[0] == 413
    assert upload(front, 130 * MIB)[0] == 413


async def test_what_streams_comes_at_once(front: Front) -> None:
    def post() -> Any:
        told = {"Authorization": f"Bearer {front.token}", "Content-Type": "application/json"}
        return json.loads(front.ask("POST", "/api/v1/statuses", b'{"status": "told"}', told)[2])["id"]

    address = f"wss://{NAME}:{front.port}/api/v1/streaming?stream=user&access_token={front.token}"
    async with connect(address, ssl=front.trust, host=OWN, port=front.port) as opened:
        posted = await asyncio.to_thread(post)
        said = json.loads(await asyncio.wait_for(opened.recv(), 30))
    assert (said["event"], json.loads(said["payload"])["id"]) == ("update", posted)

    reader, writer = await asyncio.open_connection(OWN, front.port, ssl=front.trust, server_hostname=NAME)
    writer.write(
        f"GET /api/v1/streaming/user HTTP/1.1\r\nHost: {NAME}:{front.port}\r\n"
        f"Authorization: Bearer {front.token}\r\n\r\n".encode()
    )
    assert b" 200 " in await asyncio.wait_for(reader.readline(), 30)
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
    posted = await asyncio.to_thread(post)
    await asyncio.wait_for(reader.readuntil(posted.encode()), 10)  # sooner than a heartbeat could push it out
    writer.transport.abort()
    await asyncio.sleep(0)
