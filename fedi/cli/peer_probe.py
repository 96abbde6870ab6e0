"""`fedi peer probe` and `fedi peer report`: whether a peer keeps what it signed, tried with canaries."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedi.cli.console import CommandError, opened, print_fields, print_json, print_rows, timestamp
from fedi.cli.options import AsJson, ConfigPath

if TYPE_CHECKING:
    from fedi.actions.probes import State
    from fedi.context import Site

Host = Annotated[str, typer.Argument(metavar="HOST", help="As «fedi peer list» shows it.")]


def probe(
    host: Host,
    wait: Annotated[int, typer.Option(min=0, max=3600, help="Seconds to wait for what comes of it; 0: none.")] = 120,
    shown: Annotated[bool, typer.Option("--shown", help="Try nothing; show what was found last.")] = False,
    evidence: Annotated[bool, typer.Option("--evidence", help="Show what was asked and answered, too.")] = False,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Try whether a peer refuses unsigned questions, waits for Accept, ignores forged Updates and forgets what was deleted.

    The server and its worker must be running, as canaries of both sides speak to each other.
    """
    with opened(config) as site:
        from fedi.actions import probes
        from storage import peers

        known = site.db.read_now(lambda tx: peers.by_host(tx, host))
        if known is None:
            raise CommandError(f"no host {host!r} was met; «fedi peer list» shows those that were")
        if not shown:
            site.db.write_now(lambda tx: probes.wanted(tx, site, host, "the command line asked"))
        state, done = _awaited(site, host, 0 if shown else wait)
    if not shown and not done:
        told = "it goes on; «fedi peer probe --shown» shows what came of it"
        if not state.rows:
            raise CommandError(f"nothing came of it within {wait} seconds: {told}. Does «fedi worker» run?")
        print(f"not done within {wait} seconds: {told}. What was found before:")
    _show(host, state, as_json=as_json, evidence=evidence)


def _awaited(site: "Site", host: str, seconds: int) -> tuple["State", bool]:
    """How trying stands, and whether it is done, after so many seconds at most."""
    import time

    from fedi.actions import probes
    from storage import jobs

    until = time.monotonic() + seconds
    while True:
        state, waits = site.db.read_now(lambda tx: (probes.state(tx, host), jobs.waits(tx, "probe", host)))
        if (not waits and not state.running) or time.monotonic() >= until:
            return state, not waits and not state.running
        time.sleep(0.5)


def _show(host: str, state: "State", *, as_json: bool, evidence: bool) -> None:
    rows = [
        {
            "check": row.check,
            "verdict": row.verdict,
            "text": row.text,
            "at": timestamp(row.at),
            "version": " ".join(one for one in (row.software, row.version) if one),
            "digest": row.digest,
            "evidence": row.evidence,
        }
        for row in state.rows
    ]
    fields: dict[str, Any] = {"host": host, "verdict": state.verdict, "next": timestamp(state.due_at)}
    if as_json:
        print_json(fields | {"checks": rows})
        return
    print_fields(fields)
    print()
    print_rows(rows, ("check", "verdict", "text", "at"), none="it was never tried")
    for row in state.rows if evidence else []:
        print()
        print_rows(row.evidence, ("asked", "answered"), none=f"{row.check}: nothing was asked")


def report(
    host: Annotated[str | None, typer.Argument(metavar="[HOST]", help="Of whom our report is printed.")] = None,
    check: Annotated[
        Path | None,
        typer.Option(help="Check the report in this file, by the key of who signed it.", show_default=False),
    ] = None,
    config: ConfigPath = None,
) -> None:
    """Print our signed report on a peer, to be handed on; or check one that somebody else handed on."""
    with opened(config) as site:
        from fedi.actions import probes

        if check is not None:
            _check(site, check)
            return
        if host is None:
            raise CommandError("name a host, or a file by --check")
        named = host
        found = site.db.read_now(lambda tx: probes.report(tx, site, named))
    if found is None:
        raise CommandError(f"{host} was never tried here; «fedi peer probe {host}» does")
    print_json(found)


def _check(site: "Site", file: Path) -> None:
    from federation.errors import FederationError
    from federation.hosts import host_of
    from federation.parse import parse_document
    from federation.signatures.integrity import check_proof, proof_key_id
    from federation.signatures.keys import load_public
    from fedi.actions import probes
    from storage import peers

    try:
        document = parse_document(file.read_bytes())
        by = str(document.get("attributedTo"))
        peer = site.db.read_now(lambda tx: peers.by_host(tx, host_of(by)))
        if not probes.is_report(document):
            raise CommandError(f"{file} is no report of probes")
        if peer is None or peer.pinned_key is None or peer.instance_actor != by:
            raise CommandError(f"{file} is by {by}, whose key was never confirmed here")
        key = load_public(peer.pinned_key, proof_key_id(document) or "", by)
        check_proof(document, key, site.clock())
    except OSError as problem:
        raise CommandError(f"{file}: {problem.strerror or problem}") from problem
    except FederationError as problem:
        raise CommandError(f"{file} is not sound: {problem.text}") from problem
    print_json({"by": by, "about": document.get("peer:about"), "checks": document.get("peer:checks")})
