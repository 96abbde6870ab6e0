"""`fedi received`: what peers sent, what became of it and why."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from fedi.cli.console import CommandError, opened, print_fields, print_json, print_rows, timestamp
from fedi.cli.options import AsJson, ConfigPath, Limit

if TYPE_CHECKING:
    from storage.metadata import Tx
    from storage.received import Received

app = typer.Typer(help="What peers sent, and what became of it.", no_args_is_help=True)

RowId = Annotated[int, typer.Argument(metavar="ID", help="The row's id, as «fedi received list» shows it.")]


@app.command("list")
def list_(
    state: Annotated[
        Literal["new", "done", "refused", "failed", "held", "unverified"] | None,
        typer.Option(help="Only those in this state."),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Only those from this host.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """What was received, newest first."""
    with opened(config) as site:
        from storage import received

        found = site.db.read_now(lambda tx: received.newest(tx, limit, state=state, host=host))
    rows = [_fields(row) for row in found]
    if as_json:
        print_json(rows)
    else:
        names = ("id", "received", "host", "type", "state", "attempts", "code", "problem")
        print_rows(rows, names, none="nothing")


@app.command()
def show(row_id: RowId, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """One activity as it came, with the decisions about it."""
    with opened(config) as site:
        from federation.meaning import describe_safely
        from storage import decisions, received

        def unit(tx: "Tx") -> "tuple[Received | None, list[dict[str, Any]]]":
            row = received.by_id(tx, row_id)
            if row is None:
                return None, []
            about = [each for each in decisions.newest(tx, 1000, row.host) if each.activity_id == row.activity_id]
            return row, [
                {"verdict": each.verdict, "code": each.code, "reason": each.reason, "at": timestamp(each.created_at)}
                for each in about
            ]

        row, decided = site.db.read_now(unit)
    if row is None:
        raise CommandError(f"there is no row {row_id}; «fedi received list» shows them (old ones are forgotten)")
    body = _body(row.body)
    means = {"means": describe_safely(body)} if isinstance(body, dict) else {}
    fields = (
        _fields(row) | means | {"via": row.via, "key": row.key_id, "due": timestamp(row.due_at), "decisions": decided}
    )
    if as_json:
        print_json(fields | {"body": body})
        return
    decided_lines = [f"{each['verdict']}: {each['reason']} ({each['code']})" for each in decided]
    print_fields(fields | {"decisions": decided_lines})
    print()
    if isinstance(body, str):
        print(ascii(body))
    else:
        # ASCII with escapes: a peer's text must not steer the terminal.
        import json

        print(json.dumps(body, indent=2))


@app.command()
def replay(row_id: RowId, config: ConfigPath = None) -> None:
    """Take an activity once more from the start, under the policy and code of now."""
    with opened(config) as site:
        from storage import received

        if not site.db.write_now(lambda tx: received.replay(tx, row_id, site.clock())):
            raise CommandError(
                f"row {row_id} can't be taken again: there is none, or its signature was never verified, "
                "or its body was dropped by age"
            )
    print(f"row {row_id} waits for the worker")


@app.command()
def release(row_id: RowId, config: ConfigPath = None) -> None:
    """Let in an activity that the policy wanted held until somebody looked at it."""
    with opened(config) as site:
        from fedi.actions import held, pending

        row = site.db.write_now(lambda tx: held.release(tx, site, pending.COMMAND_LINE, row_id))
    print(f"row {row_id}, {row.activity_id!a} of {row.host}, waits for the worker")


@app.command()
def refuse(
    row_id: RowId,
    reason: Annotated[str, typer.Option(help="Why, in words; an agreed peer is told.")] = "",
    config: ConfigPath = None,
) -> None:
    """Turn down an activity that the policy wanted held until somebody looked at it."""
    with opened(config) as site:
        from fedi.actions import held, pending

        row = site.db.write_now(lambda tx: held.refuse(tx, site, pending.COMMAND_LINE, row_id, reason))
    print(f"row {row_id}, {row.activity_id!a} of {row.host}, is refused")


def _fields(row: "Received") -> dict[str, Any]:
    return {
        "id": str(row.id),
        "activity": row.activity_id,
        "type": row.type,
        "host": row.host,
        "actor": row.actor,
        "state": row.state,
        "attempts": row.attempts,
        "code": row.code,
        "problem": row.problem,
        "received": timestamp(row.received_at),
        "settled": timestamp(row.settled_at),
    }


def _body(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body.decode("utf-8", "replace")
