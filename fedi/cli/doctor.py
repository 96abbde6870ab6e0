"""`fedi doctor`: check everything that can go wrong and say how to mend it. Changes nothing."""

import asyncio
import os
import shutil
import ssl
import stat
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import typer

from fedi.cli import (
    doctor_agreements,
    doctor_clients,
    doctor_load,
    doctor_mail,
    doctor_peers,
    doctor_policy,
    doctor_signin,
    doctor_trust,
)
from fedi.cli.console import print_json, settings, timestamp
from fedi.cli.doctor_clients import Finding
from fedi.cli.options import AsJson, ConfigPath
from fedi.config import Config

if TYPE_CHECKING:
    from fedi.context import Site
    from storage.metadata import Tx

_NETWORK_DISKS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "glusterfs", "afs"})
_FREE_BYTES = 1 << 30
_NONE_BYTES = 64 << 20
_EXPIRING_MS = 14 * 24 * 3600 * 1000


def doctor(as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Check settings, disk, database, keys, people, queues and reachability; exit status 1 when something is broken."""
    loaded = settings(config)
    found = [
        *_settings(loaded),
        *_disk(loaded),
        *doctor_clients.of_uploads(loaded),
        *doctor_clients.of_process(),
        *_database(loaded),
        *_answers(loaded),
    ]
    if as_json:
        print_json([finding._asdict() for finding in found])
    else:
        marks = {"fine": "ok  ", "look": "LOOK", "broken": "FAIL"}
        for finding in found:
            print(f"{marks[finding.state]}  {finding.about}: {finding.text}")
    if any(finding.state == "broken" for finding in found):
        raise typer.Exit(1)


def _settings(config: Config) -> Iterator[Finding]:
    if config.url.startswith("http://"):
        yield Finding(
            "look", "url", f"{config.url} is not https: only this machine's own instances can federate with it"
        )
    else:
        yield Finding("fine", "url", config.url)
    if not config.contact:
        yield Finding("look", "contact", "nobody is named; set «contact» so that peers know whom to write to")
    if config.federation.private_networks:
        networks = ", ".join(config.federation.private_networks)
        yield Finding("look", "federation.private_networks", f"requests may go to {networks}; right for tests only")
    for name, file in (("tls.certificate", config.tls.certificate), ("tls.key", config.tls.key)):
        if file is not None:
            yield _readable(name, file)
    if config.federation.ca_file is not None:
        yield _readable("federation.ca_file", config.federation.ca_file)
    if config.tls.certificate is not None and config.tls.certificate.is_file():
        yield from _certificate(config.tls.certificate)


def _readable(name: str, file: Path) -> Finding:
    if os.access(file, os.R_OK) and file.is_file():
        return Finding("fine", name, str(file))
    return Finding("broken", name, f"{file} can't be read; give its path, and let fedi's user read it")


def _certificate(file: Path) -> Iterator[Finding]:
    from cryptography import x509

    from fedi.context import now

    try:
        until = int(x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc.timestamp() * 1000)
    except (ValueError, OSError) as problem:
        yield Finding("broken", "tls.certificate", f"{file} is not a PEM certificate: {problem}")
        return
    if until < now():
        yield Finding("broken", "tls.certificate", f"expired on {timestamp(until)}; renew it")
    elif until < now() + _EXPIRING_MS:
        yield Finding("look", "tls.certificate", f"expires on {timestamp(until)}; renew it, then restart")


def _disk(config: Config) -> Iterator[Finding]:
    folder = config.data
    if not folder.is_dir():
        yield Finding("broken", "data", f"the folder {folder} is not there; run «fedi init»")
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield Finding("broken", "data", f"{folder} can't be written to; let fedi's user own it")
    else:
        if stat.S_IMODE(folder.stat().st_mode) & stat.S_IRWXO:
            yield Finding("look", "data", f"everyone on this machine may look into {folder}; chmod o-rwx {folder}")
        yield _space("data", folder)
    if config.database.startswith("sqlite:///"):
        yield from _sqlite_file(Path(config.database.removeprefix("sqlite:///")))


def _sqlite_file(file: Path) -> Iterator[Finding]:
    from storage import wal

    folder = file.parent
    if not file.exists():
        yield Finding("broken", "database", f"{file} is not there; run «fedi init»")
        return
    if not (os.access(file, os.W_OK) and os.access(folder, os.W_OK)):
        yield Finding("broken", "database", f"{file} and its folder must be writable by fedi's user")
    if file.stat().st_mode & stat.S_IRWXO:
        yield Finding("look", "database", f"everyone on this machine may read {file}; chmod o-rwx {file}*")
    kind = _filesystem(folder)
    if kind in _NETWORK_DISKS:
        yield Finding(
            "broken",
            "database",
            f"{file} is on a network disk ({kind}), where SQLite loses data; move it to a local disk or use PostgreSQL",
        )
    if trouble := wal.trouble(file):
        yield Finding("look", "database", trouble)
    yield _space("database", folder)


def _filesystem(folder: Path) -> str:
    """The kind of file system that a folder is on, "" where the system does not tell (no /proc)."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return ""
    place = str(folder.resolve())
    points = [(mount[1].replace("\\040", " "), mount[2]) for mount in mounts if len(mount) > 2]
    inside = [(point, kind) for point, kind in points if place == point or place.startswith(point.rstrip("/") + "/")]
    return max(inside, default=("", ""), key=lambda mount: len(mount[0]))[1]


def _space(about: str, folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    if free < _NONE_BYTES or os.statvfs(folder).f_favail == 0 < os.statvfs(folder).f_files:
        text = f"the disk of {folder} is full ({free >> 20} MiB are free at {folder}): nothing is accepted"
        return Finding("broken", about, f"{text}; make room, and it goes on by itself")
    if free < _FREE_BYTES:
        return Finding("look", about, f"{free >> 20} MiB are free at {folder}; when none is, nothing can be accepted")
    return Finding("fine", about, f"{free >> 30} GiB free at {folder}")


def _database(config: Config) -> Iterator[Finding]:
    if config.database.startswith("sqlite:///") and not Path(config.database.removeprefix("sqlite:///")).exists():
        return  # said already; opening would make an empty one
    from sqlalchemy.exc import DBAPIError

    from fedi.context import close_site, open_site
    from storage.database import StorageUnavailable

    try:
        site = open_site(config)
    except StorageUnavailable as problem:
        yield Finding("broken", "database", f"can't be reached: {_line(problem)}; check «database» and whether it runs")
        return
    except Exception as problem:  # noqa: BLE001 - the driver missing, a wrong URL: whatever it is, the operator should read it
        yield Finding("broken", "database", f"can't be opened: {problem}")
        return
    try:
        yield from _tables(site)
    except StorageUnavailable as problem:
        yield Finding(
            "broken", "database", f"it can't be read: {_line(problem)}; see its own log, and whether its disk is full"
        )
    except DBAPIError as problem:  # of the look at the steps, which takes the lock of who writes
        yield Finding(
            "broken",
            "database",
            f"it can't be written to: {_line(problem.orig)}; does a backup or a shell keep it locked («fuser -v FILE»)?",
        )
    finally:
        asyncio.run(close_site(site))


def _tables(site: "Site") -> Iterator[Finding]:
    from storage import migrations

    version = site.db.read_now(_version)
    yield Finding("fine", "database", version)
    current = migrations.current(site.db.engine)
    if current != migrations.NEWEST:
        need = "run «fedi init»" if current is None else "run «fedi migrate»"
        yield Finding("broken", "database", f"it is at step {current}, this version needs {migrations.NEWEST}; {need}")
        return
    yield from site.db.read_now(lambda tx: [*_contents(tx, site), *doctor_clients.of_database(tx, site)])
    hosts = site.db.read_now(doctor_load.peers_that_answer)
    if hosts:
        yield from doctor_load.of_peers_clocks(site, hosts)
    yield from doctor_signin.of_signin(site)


def _line(problem: object) -> str:
    """What a database's driver says over several lines, on one."""
    return " ".join(str(problem).split())


def _version(tx: "Tx") -> str:
    if tx.dialect.name == "sqlite":
        return f"SQLite {tx.exec_driver_sql('SELECT sqlite_version()').scalar()}"
    return f"PostgreSQL {tx.exec_driver_sql('SHOW server_version').scalar()}"


def _contents(tx: "Tx", site: "Site") -> Iterator[Finding]:
    from storage import actors, people

    if tx.dialect.name == "postgresql":
        encoding = tx.exec_driver_sql("SHOW server_encoding").scalar()
        if encoding != "UTF8":
            yield Finding("broken", "database", f"its encoding is {encoding}; create it anew with ENCODING 'UTF8'")
    own = actors.by_iri(tx, site.instance_iri)
    if own is None:
        others = [actor.host for actor in actors.local(tx)]
        if others:
            yield Finding(
                "broken", "url", f"the database belongs to {others[0]}, «url» says {site.config.host}; ids can't change"
            )
        else:
            yield Finding("broken", "keys", "the instance has no actor of its own; run «fedi init»")
    else:
        try:
            site.private_key(tx, own.iri)
            yield Finding("fine", "keys", "the instance can sign")
        except Exception as problem:  # noqa: BLE001 - absent, or not a key
            yield Finding("broken", "keys", f"the instance's key can't be used ({problem}); restore it from a backup")
    admins = [person for person in people.everyone(tx) if person.role == "admin" and person.state == "active"]
    if not admins:
        yield Finding("look", "people", "nobody is admin; «fedi person create NAME --email E --role admin»")
    yield from doctor_policy.of_policy(tx, site)
    yield from doctor_trust.of_trust(tx, site)
    yield from doctor_load.of_queues(tx, site)
    yield from doctor_load.of_floods(tx, site)
    yield from doctor_load.of_clock(tx, site)
    yield from doctor_peers.of_peerings(tx, site)
    yield from doctor_agreements.of_agreements(tx, site)
    yield from doctor_mail.of_mail(tx, site)


def _answers(config: Config) -> Iterator[Finding]:
    """Ask the public address as a peer would."""
    ready = _get(config, "/ready")
    if isinstance(ready, str):
        yield Finding(
            "look", "reachable", f"{config.url} does not answer ({ready}); does «fedi serve» run, and the proxy?"
        )
        return
    if ready.get("problems"):
        yield Finding(
            "broken", "reachable", f"{config.url} answers, and says: {'; '.join(map(_line, ready['problems']))}"
        )
    info = _get(config, "/.well-known/nodeinfo")
    links = info.get("links") if isinstance(info, dict) else None
    first = links[0] if isinstance(links, list) and links and isinstance(links[0], dict) else {}
    if not str(first.get("href", "")).startswith(config.origin + "/"):
        yield Finding(
            "broken",
            "reachable",
            f"{config.url} is answered by something else; check «url» and what the proxy passes on",
        )
        return
    yield Finding("fine", "reachable", f"{config.url} answers as this instance")
    if config.handle_domain != config.host:
        account = f"acct:{config.host}@{config.handle_domain}"
        moved = _get(config, f"/.well-known/webfinger?resource={account}", f"https://{config.handle_domain}")
        if isinstance(moved, str) and "404" not in moved:
            yield Finding(
                "broken",
                "handle_domain",
                f"https://{config.handle_domain}/.well-known/webfinger must redirect to {config.origin} ({moved})",
            )


def _get(config: Config, path: str, origin: str | None = None) -> dict[str, Any] | str:
    """The JSON object at a path, or in words why there is none."""
    context = ssl.create_default_context()
    if config.federation.ca_file is not None and config.federation.ca_file.is_file():
        context.load_verify_locations(config.federation.ca_file)
    try:
        with urllib.request.urlopen(  # noqa: S310 - the scheme was checked with the settings
            (origin or config.origin) + path, timeout=10, context=context
        ) as answer:
            found = msgspec.json.decode(answer.read(1 << 20))
            return found if isinstance(found, dict) else "no JSON object"
    except urllib.error.HTTPError as problem:
        if problem.code == 503:
            return _body_of(problem)
        return f"HTTP {problem.code}"
    except (OSError, ValueError, msgspec.DecodeError) as problem:
        return str(getattr(problem, "reason", problem))


def _body_of(problem: urllib.error.HTTPError) -> dict[str, Any] | str:
    try:
        found = msgspec.json.decode(problem.read(1 << 20))
    except (OSError, msgspec.DecodeError):
        return f"HTTP {problem.code}"
    return found if isinstance(found, dict) else f"HTTP {problem.code}"
