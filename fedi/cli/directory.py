"""`fedi directory`: signed directories of institutions, those that are read here and the one that is published."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fedi.cli.console import CommandError, opened, print_fields, print_json, print_rows, timestamp
from fedi.cli.options import AsJson, ConfigPath

if TYPE_CHECKING:
    from fedi.actions.directories import Standing
    from fedi.context import Site
    from storage.directories import DirectoryRow
    from storage.metadata import Tx

app = typer.Typer(help="Directories of institutions, signed by who vouches for them.", no_args_is_help=True)

Url = Annotated[str, typer.Argument(metavar="URL", help="Of the directory, as «fedi directory list» shows it.")]
Host = Annotated[str, typer.Argument(metavar="HOST", help="Of the institution.")]
From = Annotated[
    str | None,
    typer.Option("--from", help="The directory that is meant, where several name the host.", show_default=False),
]
WHO = "command line"


@app.command()
def follow(
    url: Annotated[str, typer.Argument(metavar="URL", help="Of the signed file, or of the anchor of a federation.")],
    fingerprint: Annotated[
        str | None,
        typer.Option(help="Of the key that signs the file, as who publishes it told you.", show_default=False),
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(help="A file with the public keys (JWK set) instead.", show_default=False)
    ] = None,
    kind: Annotated[
        Literal["aggregate", "federation"], typer.Option(help="One signed file, or an OpenID Federation.")
    ] = "aggregate",
    config: ConfigPath = None,
) -> None:
    """Read a directory from now on, every six hours. Its key must be confirmed by another way than the network."""
    with opened(config) as site:
        from fedi.actions import directories

        pinned = _keys_of(keys) if keys is not None else _compared(site, url, fingerprint, kind)
        site.db.write_now(lambda tx: directories.follow(tx, site, WHO, url, kind, pinned))
        row = _read_now(site, url)
    if row.problem is not None:
        print(f"{url} is read from now on, but not yet: {row.problem}")
    else:
        print(f"{url} is read from now on; «fedi directory show {url}» shows whom it names")


@app.command()
def forget(url: Url, config: ConfigPath = None) -> None:
    """Read a directory no more. What was agreed with institutions that it named stays."""
    with opened(config) as site:
        from fedi.actions import directories

        site.db.write_now(lambda tx: directories.forget(tx, site, WHO, url))
    print(f"{url} is read no more")


@app.command("list")
def list_(as_json: AsJson = False, config: ConfigPath = None) -> None:
    """The directories that are read here, until when what they say holds, and why a reading was refused."""
    with opened(config) as site:
        from fedi.actions import directories

        rows = [_fields(one) for one in site.db.read_now(lambda tx: directories.listed(tx, site))]
    if as_json:
        print_json(rows)
        return
    names = ("url", "kind", "institutions", "new", "read", "holds_until", "problem")
    print_rows(rows, names, none="no directory is read here; «fedi directory follow URL» begins")


@app.command()
def show(url: Url, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Whom a directory names: hosts, keys, ROR ids, who vetted them, and what became of each entry here."""
    with opened(config) as site:
        from federation.peering.agreement import fingerprint
        from fedi.actions import directories

        found = site.db.read_now(lambda tx: directories.shown(tx, site, url))
        fields = _fields(found) | {"left_out": found.row.left_out}
    rows = [
        {
            "host": entry.host,
            "state": entry.state,
            "name": entry.body.get("name"),
            "ror": entry.body.get("ror"),
            "authority": entry.body.get("authority"),
            "marks": entry.body.get("marks"),
            "contacts": entry.body.get("contacts"),
            "fingerprints": [fingerprint(key) for key in entry.body.get("keys", [])],
            "changed": timestamp(entry.changed_at),
        }
        for entry in found.entries
    ]
    if as_json:
        print_json(fields | {"entries": rows})
        return
    print_fields(fields)
    print()
    print_rows(rows, ("host", "state", "name", "ror", "authority", "fingerprints"), none="it names nobody")


@app.command()
def take(host: Host, from_: From = None, config: ConfigPath = None) -> None:
    """Take over what a directory says of a host: its instance actor and its ROR id. Nothing is agreed by that."""
    with opened(config) as site:
        from fedi.actions import directories

        entity = site.db.write_now(lambda tx: directories.take(tx, site, WHO, host, from_))
    print(f"{host} is {entity.name or 'known'} ({entity.instance_actor}); «fedi peer invite https://{host}» asks it")


@app.command()
def leave(host: Host, from_: From = None, config: ConfigPath = None) -> None:
    """Pass an entry by: it is not new again, and does not confirm a key."""
    with opened(config) as site:
        from fedi.actions import directories

        site.db.write_now(lambda tx: directories.leave(tx, site, WHO, host, from_))
    print(f"what directories say of {host} is passed by")


@app.command()
def publish(
    hosts: Annotated[list[str] | None, typer.Argument(metavar="[HOST]...", help="Peers that are in it.")] = None,
    agreed: Annotated[bool, typer.Option("--agreed", help="All agreed peers whose key is confirmed.")] = False,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Publish a signed directory of this institution and of these peers, in place of the one before; it is signed anew daily.

    Others read it by «fedi directory follow», with the fingerprint that is printed."""
    with opened(config) as site:
        from federation.peering.agreement import fingerprint
        from fedi.actions import own_directory
        from storage import peers

        def unit(tx: "Tx") -> Any:
            named = set(hosts or [])
            if agreed:
                named |= {peer.host for peer in peers.with_stance(tx, ("agreed",)) if peer.pinned_key is not None}
            return own_directory.publish(tx, site, WHO, named)

        made = site.db.write_now(unit)
        fields = {
            "url": site.iri(own_directory.PATH),
            "fingerprint": fingerprint(made.entities[0]["keys"][0]),
            "institutions": [one["host"] for one in made.entities],
            "sequence": made.sequence,
            "holds_until": timestamp(made.expires_at),
        }
    if as_json:
        print_json(fields)
    else:
        print_fields(fields)


@app.command()
def unpublish(config: ConfigPath = None) -> None:
    """Publish no directory any more; who reads it keeps it until it expires."""
    with opened(config) as site:
        from fedi.actions import own_directory

        site.db.write_now(lambda tx: own_directory.unpublish(tx, site, WHO))
    print("no directory is published any more")


def _fields(found: "Standing") -> dict[str, Any]:
    from federation.signatures.jws import fingerprint

    row = found.row
    return {
        "url": row.url,
        "kind": row.kind,
        "institutions": sum(entry.state != "gone" for entry in found.entries),
        "new": sum(entry.state == "draft" for entry in found.entries),
        "read": timestamp(row.believed_at),
        "holds_until": timestamp(row.expires_at),
        "holds": found.holds,
        "problem": found.problem,
        "keys": [fingerprint(key) for key in row.keys],
    }


def _keys_of(file: Path) -> list[dict[str, Any]]:
    import msgspec

    from federation.errors import FederationError
    from federation.signatures.jws import read_keys

    try:
        return read_keys(msgspec.json.decode(file.read_bytes()))
    except OSError as problem:
        raise CommandError(f"{file}: {problem.strerror or problem}") from problem
    except (msgspec.DecodeError, FederationError) as problem:
        raise CommandError(f"{file} is no JWK set: {problem}") from problem


def _compared(site: "Site", url: str, fingerprint: str | None, kind: str) -> list[dict[str, Any]]:
    """The key that the file brings, once its fingerprint is the given one."""
    import asyncio

    from federation.errors import FederationError
    from federation.signatures import jws
    from fedi.fetching import directories

    if kind == "federation":
        raise CommandError("give the keys of the anchor, --keys FILE: who operates the federation publishes them")

    async def ask() -> dict[str, Any]:
        try:
            return await directories.key_of(site, url)
        finally:
            await site.client.close()

    try:
        key = asyncio.run(ask())
    except FederationError as problem:
        raise CommandError(f"{url} can't be read: {problem.text}") from problem
    if fingerprint is None:
        raise CommandError(
            f"the file says that it is signed by the key {jws.fingerprint(key)}; compare that with what who publishes it "
            "tells you (by telephone, on paper), and give it by --fingerprint"
        )
    if not directories.pinned(key, fingerprint):
        raise CommandError(
            f"the file is signed by another key than that: {jws.fingerprint(key)}. Ask who publishes it whether the key "
            "was changed; if not, somebody stands between you"
        )
    return [key]


def _read_now(site: "Site", url: str) -> "DirectoryRow":
    """Read a directory at once, rather than when a worker comes to it."""
    import asyncio

    from fedi.worker.directories import read_directory
    from storage import directories, jobs

    async def ask() -> "DirectoryRow":
        try:
            row = await site.db.read(lambda tx: directories.by_url(tx, url))
            if row is None:
                raise CommandError(f"the directory {url} is not read here")
            await read_directory(site, {"id": row.id})
            await site.db.write(lambda tx: jobs.drop(tx, "directory", url))
            return await site.db.read(lambda tx: directories.by_url(tx, url)) or row
        finally:
            await site.client.close()

    return asyncio.run(ask())
