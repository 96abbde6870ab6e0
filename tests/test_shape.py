"""The shape of the project: what must be true of all files at once, and what the documents promise."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedi.cli.commands import build
from fedi.config import load, names
from fedi.inbox.table import HANDLERS, IGNORED
from fedi.worker import jobs

ROOT = Path(__file__).parent.parent

# ActivityStreams 2.0 vocabulary, section 3.1 (every activity type), and those that Litepub, Misskey and Lemmy added.
ACTIVITIES = frozenset(
    "Accept Add Announce Arrive Block Create Delete Dislike Flag Follow Ignore Invite Join Leave Like Listen Move Offer "
    "Question Read Reject Remove TentativeAccept TentativeReject Travel Undo Update View".split()
) | {"EmojiReact", "Lock"}


def sources(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    """Every Python file of these folders, parsed."""
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield file.relative_to(ROOT), ast.parse(file.read_text("utf-8"))


def tracked() -> list[Path]:
    """Every file of the project, as git knows them; where there is no git, whatever lies there and is not hidden."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    return [file for file in ROOT.rglob("*") if file.is_file() and not any(p.startswith(".") for p in file.parts)]


def commands() -> list[str]:
    """Every command as it is typed, without `fedi`."""
    app = build()
    found = [command.name or "" for command in app.registered_commands]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            assert command.callback is not None
            found.append(f"{group.name} {command.name or command.callback.__name__}")
    return found


def test_every_activity_type_has_a_handler_or_a_reason() -> None:
    assert not HANDLERS.keys() & IGNORED.keys()
    assert ACTIVITIES - HANDLERS.keys() - IGNORED.keys() == set()
    assert all(len(reason) > 10 for reason in IGNORED.values())


def test_a_handler_is_a_module_with_needs_and_handle() -> None:
    for kind, handler in HANDLERS.items():
        assert callable(handler.needs), kind
        assert callable(handler.handle), kind


def test_authenticity_is_made_in_one_place() -> None:
    """Whoever holds an `Authentic` holds something that was verified: nobody else may make one."""
    makers = set()
    for file, tree in sources("federation", "fedi", "storage"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
                if name == "Authentic":
                    makers.add(str(file))
    assert makers == {"federation/signatures/verify.py"}


def test_sockets_are_opened_in_one_place() -> None:
    """Also by other roads than the libraries that the import contracts name."""
    roads = {"socket", "urllib.request", "http.client", "requests", "httpx", "httpx2", "aiohttp", "smtplib"}
    allowed = {
        "federation/transport.py",
        "fedi/cli/doctor.py",  # asks the own public address
        "fedi/cli/demo.py",
        "fedi/cli/demo_account.py",
        "fedi/cli/serve.py",  # listens
        "fedi/push/mail.py",  # speaks to the mail server of the settings
        "fedi/cli/sockets.py",  # with these settings
        "storage/patience.py",  # opens none: ends those to a database that hangs
    }
    found = set()
    for file, tree in sources("federation", "fedi", "storage"):
        for node in ast.walk(tree):
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                imported = [node.module or ""]
            if any(name in roads or name.split(".")[0] in roads - {"urllib.request"} for name in imported):
                found.add(str(file))
    assert found <= allowed


def test_the_protocol_has_no_clock_and_no_chance() -> None:
    """Times are arguments in `federation`, but for the client, whose time-outs are real."""
    for file, tree in sources("federation"):
        if file.name == "client.py":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called = ast.unparse(node.func)
                assert called not in {
                    *("time.time", "time.time_ns", "time.monotonic", "datetime.now", "datetime.datetime.now"),
                    *("datetime.utcnow", "random.random", "random.uniform", "random.randint"),
                }, f"{file}:{node.lineno} {called}"


def test_every_setting_is_in_the_example_with_its_default() -> None:
    example = (ROOT / "deploy/fedi.example.toml").read_text("utf-8")
    assert (
        load(ROOT / "deploy/fedi.example.toml", {}).origin == load(None, {"FEDI_URL": "http://localhost:8000"}).origin
    )
    shown = tomllib.loads(re.sub(r"(?m)^#(\w+ = )", r"\1", example))
    flat = {
        f"{table}.{name}" if isinstance(value, dict) else table: each
        for table, value in shown.items()
        for name, each in (value.items() if isinstance(value, dict) else [("", value)])
    }
    assert flat.keys() == names().keys()
    for name, default in names().items():
        if default is not None:  # there is no file by default, so an example stands there
            wanted = (
                list(default) if isinstance(default, tuple) else default if isinstance(default, int) else str(default)
            )
            assert flat[name] == wanted, name


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    listed = set()
    for line in re.findall(r"(?m)^\| `fedi .*$", readme):
        told = line.split("|")[1]
        first, *more = re.findall(r"`([^`]+)`", told)
        group, _, verb = first.removeprefix("fedi ").partition(" ")
        if verb and not verb.startswith("["):
            listed |= {f"{group} {each}" for each in (verb.split(" ")[0], *more)}
        else:
            listed |= {group, *(each.removeprefix("fedi ") for each in more)}
    assert listed == set(commands())


def test_every_command_explains_its_options() -> None:
    import typer

    def visit(path: str, command: object) -> Iterator[str]:
        for name, each in getattr(command, "commands", {}).items():
            yield from visit(f"{path} {name}", each)
        if not getattr(command, "commands", None):
            for parameter in getattr(command, "params", []):
                hidden = getattr(parameter, "hidden", False) or parameter.name == "help"
                if not hidden and parameter.param_type_name == "option" and not parameter.help:
                    yield f"{path} {parameter.opts[0]}"

    assert list(visit("fedi", typer.main.get_command(build()))) == []


def test_every_job_kind_is_documented() -> None:
    contributing = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    for kind in jobs.KINDS:
        assert f"| `{kind}` |" in contributing, kind


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8")))
    told = set()
    for name in ("README.md", "CONTRIBUTING.md"):
        told |= set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", (ROOT / name).read_text("utf-8"), re.MULTILINE))
    assert {"demo", "demo-stop", "test", "run", "check", "bench"} <= targets
    assert told <= targets


def test_links_between_documents_lead_somewhere() -> None:
    for file in [*ROOT.glob("*.md"), *(ROOT / "deploy").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", file.read_text("utf-8")):
            if "://" not in target and not target.startswith("mailto:"):
                assert (file.parent / target).exists(), f"{file.name}: {target}"


def test_no_file_names_a_package_registry_or_a_machine() -> None:
    """Where packages come from is the setting of whoever installs; paths of one machine mean nothing on another."""
    hosts = [
        "pypi" + ".org",
        "python" + "hosted.org",
        "registry.npm" + "js.org",
        "proxy.golang" + ".org",
        "crates" + ".io",
    ]
    paths = ["/work" + "/", "/tmp/" + "plan", "/root" + "/"]
    for file in tracked():
        content = file.read_bytes()
        for word in [*hosts, *paths]:
            recorded = file.is_relative_to(ROOT / "tests/peers")
            assert recorded or word.encode() not in content, f"{file.relative_to(ROOT)} names {word}"


def test_the_lock_pins_every_package_by_hash() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    pins = [block for block in re.split(r"\n(?=\S)", lock) if block.strip()]
    assert len(pins) > 50
    for pin in pins:
        assert re.match(r"[a-z0-9._-]+==\S+", pin), pin[:60]
        assert "--hash=sha256:" in pin, pin[:60]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    wanted += [each for extra in project["project"]["optional-dependencies"].values() for each in extra]
    locked = {re.split(r"==", pin)[0] for pin in pins}
    for requirement in wanted:
        assert re.split(r"[\[<>=;~ ]", requirement)[0].lower().replace("_", "-") in locked, requirement


def test_a_server_installs_what_was_tested() -> None:
    def pins(name: str) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for block in re.split(r"\n(?=\S)", (ROOT / name).read_text("utf-8")):
            found[block.split("==")[0]] = {block.split()[0], *re.findall(r"sha256:\w+", block)}
        return found

    tested, served = pins("requirements.lock"), pins("deploy/requirements.lock")
    assert {name: pin for name, pin in served.items() if tested.get(name) != pin} == {}
    assert {"httptools", "sqlalchemy", "psycopg"} <= served.keys()
    assert not {"pytest", "mypy"} & served.keys()


@pytest.mark.parametrize("name", ["fedi", "federation", "storage"])
def test_folders_of_code_are_packages(name: str) -> None:
    """A folder without `__init__.py` would be missing from the wheel's import contracts."""
    for folder in {file.parent for file in (ROOT / name).rglob("*.py")} - {ROOT / "storage/migrations/versions"}:
        assert (folder / "__init__.py").is_file(), folder
