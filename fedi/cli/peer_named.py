"""What the commands of `fedi peer` are given: a host, an agreement by its number or its host, terms from a file and options."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedi.cli.console import CommandError, timestamp

if TYPE_CHECKING:
    from federation.peering.institution import Found
    from federation.peering.terms import Terms
    from fedi.context import Site
    from storage.agreements import AgreementRow
    from storage.metadata import Tx

WHO = "command line"

Host = Annotated[str, typer.Argument(metavar="HOST", help="As «fedi peer list» shows it; an address does, too.")]
Which = Annotated[
    str,
    typer.Argument(metavar="HOST|NUMBER", help="A peer, for the newest agreement with it, or an agreement's number."),
]
Reason = Annotated[str, typer.Option("--reason", help="Why; the other side is told, and the audit log keeps it.")]
Fingerprint = Annotated[
    str | None,
    typer.Option("--fingerprint", help="Of their key, as their admin told you by telephone or in person."),
]
File = Annotated[Path | None, typer.Option("--terms", help="TOML file; «fedi peer terms» prints one to begin with.")]
Visibility = Annotated[
    list[str] | None, typer.Option("--visibility", help="public, peers or members; several times for several.")
]
Groups = Annotated[
    list[str] | None, typer.Option("--group", help="The address of a group, or * for all; several times for several.")
]
Until = Annotated[str | None, typer.Option("--until", help="When it ends, as 2027-09-30.")]
Probes = Annotated[
    bool | None, typer.Option("--probes/--no-probes", help="Whether each may check how the other behaves.")
]


def host_of(named: str) -> str:
    """The host that somebody means. Raises CommandError."""
    from federation.errors import FederationError
    from fedi.fetching.institutions import host_named

    try:
        return host_named(named)
    except FederationError as problem:
        raise CommandError(f"{named!r} is no host: {problem.text}") from problem


def not_met(host: str) -> CommandError:
    """What is said of a host that was never met."""
    return CommandError(f"no host {host!r} was met; «fedi peer list» shows those that were")


def agreement_of(tx: "Tx", named: str, states: Sequence[str], *, ours: bool | None = None) -> "AgreementRow":
    """The agreement with this number, or the newest with this host in one of these states. Raises CommandError."""
    from storage import agreements

    if named.isascii() and named.isdigit() and len(named) > 8:
        row = agreements.by_id(tx, int(named)) if int(named) < 2**63 else None
        if row is None:
            raise CommandError(f"there is no agreement {named}; «fedi peer list» shows those that are there")
        return row
    host = host_of(named)
    for row in agreements.of_host(tx, host):
        if row.state in states and (ours is None or row.ours == ours):
            return row
    if not agreements.of_host(tx, host):
        raise CommandError(f"nothing was agreed with {host}, or offered; «fedi peer invite {host}» begins")
    what = {True: "offer of ours", False: "offer of theirs", None: "agreement"}[ours]
    raise CommandError(f"no {what} waits for that with {host}; «fedi peer show {host}» shows all that there were")


def looked_up(site: "Site", named: str) -> "Found":
    """What is at a host now. Raises CommandError."""
    import asyncio

    from federation.errors import FederationError
    from fedi.fetching.institutions import look_up

    async def ask() -> "Found":
        try:
            return await look_up(site, named)
        finally:
            await site.client.close()

    try:
        return asyncio.run(ask())
    except FederationError as problem:
        raise CommandError(f"{named} can't be looked up: {problem.text}") from problem


def terms_given(
    base: "Terms",
    file: Path | None,
    visibility: list[str] | None,
    groups: list[str] | None,
    until: str | None,
    probes: bool | None,
) -> "Terms":
    """Terms as options say them, over those of a file, over `base`. Raises CommandError, which names the field."""
    from federation.errors import Malformed
    from federation.peering.terms import from_table, read_terms

    try:
        if file is not None:
            base = read_terms(file.read_text("utf-8"), base)
        options: dict[str, Any] = {"visibility": visibility, "groups": groups, "ends": until, "probes": probes}
        return from_table({name: value for name, value in options.items() if value not in (None, [])}, base)
    except OSError as problem:
        raise CommandError(f"{file}: {problem.strerror or problem}") from problem
    except UnicodeDecodeError as problem:
        raise CommandError(f"{file} is no text in UTF-8") from problem
    except Malformed as problem:
        raise CommandError(problem.text) from problem


def fields_of(row: "AgreementRow") -> dict[str, Any]:
    """An agreement as commands print it."""
    return {
        "number": str(row.id),
        "host": row.host,
        "version": row.version,
        "state": row.state,
        "offered_by": "us" if row.ours else "them",
        "signatures": len(row.proofs),
        "starts": timestamp(row.starts_at),
        "ends": timestamp(row.ends_at),
        "notice": timestamp(row.notice_at),
        "pause": row.pause,
        "reason": row.reason,
        "iri": row.iri,
        "digest": row.digest,
    }


def moment_of(text: str) -> int:
    """A time that somebody typed, in ms. Raises CommandError."""
    from federation.fields import milliseconds

    at = milliseconds(text)
    if at is None:
        raise CommandError(f"{text!r} is no time; write 2027-09-30 or 2027-09-30T12:00:00Z")
    return at
