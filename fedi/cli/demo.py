"""`fedi demo`: three universities on this machine that federate with each other over real HTTP (`make demo`).

Each is a process with its own folder and database in `.demo/`; people and groups come from `fedi` commands, everything
they say from the client API (`filling`). `.demo/demo.json` tells programs the addresses, logins and tokens.
"""

import concurrent.futures
import contextlib
import io
import json
import multiprocessing
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer

from fedi.cli import postgres
from fedi.cli.campus import UNIVERSITIES, University
from fedi.cli.console import CommandError, print_rows
from fedi.cli.demo_account import Account
from fedi.cli.filling import fill
from fedi.cli.partners import agree, set_policies

FOLDER = Path(".demo")
_SCOPES = "read write follow push"
_ADMIN_SCOPES = "admin:read admin:write"
_PATIENCE = 60.0


class Instance(NamedTuple):
    """One university of the demo: where its files are and where it answers."""

    university: University
    folder: Path
    port: int
    database: str

    @property
    def url(self) -> str:
        """Its public base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def config(self) -> Path:
        """Its settings."""
        return self.folder / "fedi.toml"

    @property
    def log(self) -> Path:
        """What its process prints."""
        return self.folder / "log"


def demo(
    port: Annotated[int, typer.Option(envvar="DEMO_PORT", min=1, max=65533, help="The first of three ports.")] = 8001,
    database: Annotated[
        Literal["sqlite", "postgresql"], typer.Option(envvar="DEMO_DATABASE", help="What keeps their data.")
    ] = "sqlite",
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when all three answer, and leave them running.")
    ] = False,
    stop: Annotated[bool, typer.Option("--stop", help="End a demo that runs.")] = False,
) -> None:
    """Start three universities on loopback, filled with people, groups and threads; they stay up until Ctrl-C.

    What a demo kept from the last time is used again where ports and database are the same.
    """
    if stop:
        print("the demo is stopped" if _stop() else "no demo runs here")
        return
    if _running():
        raise CommandError("a demo runs here already; «make demo-stop» ends it")
    _forget_settings()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        known = _start(port, database)
        _print(known)
        if detach:
            return
        print("\nCtrl-C ends them.", flush=True)
        while _running() == len(UNIVERSITIES):
            time.sleep(0.5)
        print("a university has ended; see .demo/*/log", file=sys.stderr)
    except KeyboardInterrupt:
        print()
    except BaseException:
        _stop()
        raise
    _stop()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _start(port: int, database: str) -> dict[str, Any]:
    """Everything up to the moment when all is there; what demo.json says comes back."""
    urls = [f"http://127.0.0.1:{port + at}" for at in range(len(UNIVERSITIES))]
    known = _kept(urls, database)
    for at in range(len(UNIVERSITIES)):
        _check_free(port + at)
    if known is None:
        shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(exist_ok=True)
    addresses = _databases(database)
    instances = [
        Instance(university, FOLDER / university.name, port + at, addresses[at])
        for at, university in enumerate(UNIVERSITIES)
    ]
    if known is not None:
        _serve(instances)
        return known
    _say("people and groups")
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(len(instances), spawn) as pool:
        described = list(pool.map(_populate, instances))
    _serve(instances)
    accounts = {
        f"{person['username']}@{each['name']}": Account(
            each["url"], person["username"], person["token"], person["password"]
        )
        for each in described
        for person in each["people"]
    }
    by_name = {instance.university.name: instance for instance in instances}

    def command(university: str, *words: str) -> str:
        return _fedi(by_name[university], *words)

    set_policies({name: one.university.people[0].username for name, one in by_name.items()}, command)
    agree({name: one.url for name, one in by_name.items()}, command, _say)
    fill(accounts, command, _say)
    known = {"database": database, "instances": described}
    written = FOLDER / "demo.json.new"
    written.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n", "utf-8")
    written.rename(FOLDER / "demo.json")  # whole or not at all: it also says that the filling is complete
    return known


def _kept(urls: list[str], database: str) -> dict[str, Any] | None:
    """What demo.json says of a demo with these addresses and this kind of database, if it was completed."""
    try:
        known: dict[str, Any] = json.loads((FOLDER / "demo.json").read_text("utf-8"))
        same = [each["url"] for each in known["instances"]] == urls and known["database"] == database
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return known if same else None


def _databases(kind: str) -> list[str]:
    """The URL of each university's database; a PostgreSQL server of the demo's own is started for them if asked."""
    if kind == "sqlite":
        return ["sqlite:///fedi.db" for _ in UNIVERSITIES]
    import psycopg

    server = postgres.start(FOLDER / "postgresql", keep=True)
    (FOLDER / "postgresql.pid").write_text(str(server.get_pid()))
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        there = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        for university in UNIVERSITIES:
            if university.name not in there:
                connection.execute(f"CREATE DATABASE {university.name} ENCODING 'UTF8'".encode())
    return [str(server.get_uri(database=university.name)) for university in UNIVERSITIES]


def _populate(instance: Instance) -> dict[str, Any]:
    """Make an instance with its people, tokens and groups by commands; its part of demo.json comes back."""
    university = instance.university
    instance.folder.mkdir()
    settings = {
        "url": instance.url,
        "listen": f"127.0.0.1:{instance.port}",
        "database": instance.database,
        "data": "data",
        "name": university.title,
        "description": university.description,
        "contact": f"{university.people[0].username}@{university.name}.example",
    }
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in settings.items()]
    lines += ["", "[federation]", 'private_networks = ["127.0.0.0/8"]']
    instance.config.write_text("\n".join(lines) + "\n", "utf-8")
    _fedi(instance, "init")
    people = []
    for person in university.people:
        password = secrets.token_urlsafe(9)
        made = json.loads(
            _fedi(
                instance,
                *("person", "create", person.username, "--email", f"{person.username}@{university.name}.example"),
                *("--password", password, "--role", person.role, "--affiliation", person.affiliation),
                *("--display-name", person.name, "--json"),
            )
        )
        scopes = f"{_SCOPES} {_ADMIN_SCOPES}" if person.role == "admin" else _SCOPES
        token = _fedi(instance, "token", "create", person.username, "--scopes", scopes, "--app", "Demo").strip()
        kept = ("username", "handle", "role", "affiliation")
        people.append({name: made[name] for name in kept} | {"name": person.name, "password": password, "token": token})
    groups = []
    for group in university.groups:
        rules = [word for rule in group.rules for word in ("--rule", rule)]
        made = json.loads(
            _fedi(
                instance,
                *("group", "create", group.name, "--title", group.title, "--see", group.see),
                *("--owner", group.members[0].partition("@")[0], "--description", group.description),
                *(*rules, "--json"),
            )
        )
        groups.append({name: made[name] for name in ("name", "handle", "url", "title", "see")})
    return {
        "name": university.name,
        "title": university.title,
        "url": instance.url,
        "config": str(instance.config),
        "people": people,
        "groups": groups,
    }


def _fedi(instance: Instance, *words: str) -> str:
    """What a `fedi` command for this instance prints. Raises CommandError with what it says when it fails.

    It runs in this process, which saves the second that each process takes to import what it needs.
    """
    from fedi.cli.commands import build
    from fedi.errors import Problem

    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            build(words[0])([*words, "--config", str(instance.config)], standalone_mode=False)
    except (CommandError, Problem) as problem:
        raise CommandError(f"{instance.university.name}: «fedi {' '.join(words[:3])}»: {problem}") from problem
    return printed.getvalue()


def _forget_settings() -> None:
    """Settings of some other instance in the environment are not the demo's."""
    for name in [name for name in os.environ if name.startswith("FEDI_")]:
        del os.environ[name]


_COMMAND = (sys.executable, "-m", "fedi.cli.main")


def _serve(instances: list[Instance]) -> None:
    """Start the servers, each in a session of its own so that Ctrl-C is ours to pass on, and wait until they answer."""
    _say("starting the servers")
    started = []
    for instance in instances:
        with instance.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [*_COMMAND, "serve", "--config", str(instance.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        (instance.folder / "pid").write_text(str(process.pid))
        started.append((instance, process))
    end = time.monotonic() + _PATIENCE
    for instance, process in started:
        while not _answers(instance.url):
            if process.poll() is not None or time.monotonic() > end:
                last = "".join(instance.log.read_text("utf-8", "replace").splitlines(keepends=True)[-5:])
                raise CommandError(f"{instance.university.name} did not come up:\n{last}")
            time.sleep(0.1)


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url + "/ready", timeout=5) as answer:  # noqa: S310 - ours
        return bool(answer.status == 200)
    return False


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as problem:
            raise CommandError(
                f"port {port} can't be used ({problem.strerror}); choose another, as in: DEMO_PORT=9001 make demo"
            ) from problem


def _pids() -> list[tuple[Path, int]]:
    """The processes that the files of a demo name and that live and are what they should be."""
    found = []
    files = [*(FOLDER / university.name / "pid" for university in UNIVERSITIES), FOLDER / "postgresql.pid"]
    for file in files:
        with contextlib.suppress(OSError, ValueError):
            pid = int(file.read_text())
            if _is_ours(pid, "postgres" if file.name == "postgresql.pid" else "fedi.cli.main"):
                found.append((file, pid))
    return found


def _is_ours(pid: int, word: str) -> bool:
    """Whether a process lives and runs our command: a pid may have gone to someone else since it was written down."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # one of our own that has ended would look alive until then
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True  # PostgreSQL under a user of its own
    except ProcessLookupError:
        return False
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True  # no /proc here: the pid must do
    return word.encode() in words


def _running() -> int:
    """How many universities of a demo in this folder are up."""
    return sum(file.name == "pid" for file, _ in _pids())


def _stop() -> bool:
    """End a demo's processes, the servers before their database; whether there were any."""
    there = _pids()
    for name, how in (("pid", signal.SIGTERM), ("postgresql.pid", signal.SIGINT)):  # SIGINT: PostgreSQL's fast shutdown
        group = [(file, pid) for file, pid in there if file.name == name]
        for _, pid in group:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)
        end = time.monotonic() + _PATIENCE / 2
        while (left := [pid for file, pid in _pids() if file.name == name]) and time.monotonic() < end:
            time.sleep(0.1)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for file, _ in group:
            file.unlink(missing_ok=True)
    return bool(there)


def _say(text: str) -> None:
    print(f"demo: {text} …", flush=True)


def _print(known: dict[str, Any]) -> None:
    print()
    print_rows(
        [
            {"university": each["title"], "address": each["url"], **person}
            for each in known["instances"]
            for person in each["people"]
        ],
        ("university", "address", "username", "password", "role", "affiliation", "token"),
        none="",
    )
    print()
    groups = [group for each in known["instances"] for group in each["groups"]]
    print_rows(groups, ("title", "handle", "see", "url"), none="")
    print(f"\nFor programs: {FOLDER / 'demo.json'}. Logs: {FOLDER}/*/log. «make demo-stop» ends a detached demo.")
