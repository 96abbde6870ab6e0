"""`fedi pending`: acts that can't be taken back, which wait for a second person and for their time."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fedi.cli.console import opened, print_json, print_rows, timestamp
from fedi.cli.options import AsJson, ConfigPath

if TYPE_CHECKING:
    from storage.pending_actions import PendingAction

app = typer.Typer(help="Acts that wait for a second person and for their time.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="As «fedi pending list» shows it.")]


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Also what was done, dropped or is too old.")] = False,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """What was proposed and is not done yet, oldest first."""
    with opened(config) as site:
        from storage import pending_actions

        states = ("proposed", "approved", *(("done", "dropped", "expired") if every else ()))
        found = site.db.read_now(lambda tx: pending_actions.in_state(tx, *states))
    rows = [_fields(one) for one in found]
    if as_json:
        print_json(rows)
    else:
        names = ("number", "what", "state", "proposer", "approver", "not_before", "reason")
        print_rows(rows, names, none="nothing waits")


@app.command()
def propose(
    kind: Annotated[
        Literal["peer.end", "peer.purge", "export.all"],
        typer.Argument(help="End a peering, delete everything that came from a host, or export everything."),
    ],
    reason: Annotated[str, typer.Option(help="Why; whoever approves it, and the audit log, are told.")],
    host: Annotated[str, typer.Option(help="The host that it is about.", show_default=False)] = "",
    config: ConfigPath = None,
) -> None:
    """Ask for an act that can't be taken back. An admin approves it in the console, and it waits for its time."""
    with opened(config) as site:
        from fedi.actions import pending

        payload = {"host": host} if host else {}
        row = site.db.write_now(lambda tx: pending.propose(tx, site, pending.COMMAND_LINE, kind, payload, reason))
        print(
            f"number {row.id}: {pending.said(row)}, not before {timestamp(row.not_before)}, once an admin approved it"
        )


@app.command()
def approve(number: Number, config: ConfigPath = None) -> None:
    """Approve what an admin proposed in the console. What was proposed here is approved there, by an admin."""
    with opened(config) as site:
        from fedi.actions import pending

        row = site.db.write_now(lambda tx: pending.approve(tx, site, pending.COMMAND_LINE, number))
        print(f"approved: {pending.said(row)}, not before {timestamp(row.not_before)}")


@app.command()
def drop(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why; the audit log keeps it.")] = "",
    config: ConfigPath = None,
) -> None:
    """Say no to what was proposed, or take it back, as long as it is not done."""
    with opened(config) as site:
        from fedi.actions import pending

        row = site.db.write_now(lambda tx: pending.drop(tx, site, pending.COMMAND_LINE, number, reason))
        print(f"dropped: {pending.said(row)}")


def _fields(row: "PendingAction") -> dict[str, Any]:
    from fedi.actions import pending

    return {
        "number": str(row.id),
        "what": pending.said(row),
        "kind": row.kind,
        "payload": row.payload,
        "digest": row.digest,
        "state": row.state,
        "proposer": row.proposer,
        "approver": row.approver,
        "not_before": timestamp(row.not_before),
        "expires": timestamp(row.expires_at),
        "reason": row.reason,
    }
