"""`fedi mail`: whether mail leaves this instance, and what became of it."""

from typing import Annotated

import typer

from fedi.cli.console import CommandError, opened, print_json, print_rows, settings, timestamp
from fedi.cli.options import AsJson, ConfigPath

app = typer.Typer(help="Mail to people: digests, confirmations, reminders.", no_args_is_help=True)

_KEPT = 31 * 24 * 3600 * 1000


@app.command("test")
def try_(
    address: Annotated[str, typer.Argument(help="Where a mail is sent to, at once and from here.")],
    config: ConfigPath = None,
) -> None:
    """Send a mail now, and say what the mail server answers."""
    from fedi.actions import mailing
    from fedi.context import now
    from fedi.push import mail as wire
    from storage.mails import Mail

    loaded = settings(config)
    if not loaded.mail.url:
        raise CommandError("no mail server is set; write its address to «url» below [mail] in fedi.toml")
    if not mailing.is_address(address):
        raise CommandError(f"{address!r} is no address; write it as name@uni.example")
    text = f"This mail was asked for by «fedi mail test» at {loaded.origin}. Mail works."
    mail = Mail(now(), None, address, "test", f"Mail of {loaded.name} works", text, None, now())
    try:
        wire.deliver(loaded, wire.message(loaded, mail))
    except wire.NotSent as problem:
        raise CommandError(f"{problem}; see «url» and «sender» below [mail]") from problem
    print(f"the mail server took a mail to {address}; see whether it arrives, and not among spam")


@app.command("list")
def list_(json: AsJson = False, config: ConfigPath = None) -> None:
    """Mails that wait or were given up within a month, the newest first."""
    with opened(config) as site:
        from storage import mails

        since = site.clock() - _KEPT
        found = site.db.read_now(
            lambda tx: [one for state in ("waits", "failed") for one in mails.in_state(tx, state, since, 100)]
        )
    rows = [
        {
            "id": str(one.id),
            "state": one.state,
            "kind": one.kind,
            "to": one.recipient,
            "since": timestamp(one.created_at),
            "tries": one.attempts,
            "problem": one.problem or "",
        }
        for one in found
    ]
    if json:
        print_json(rows)
    else:
        columns = ["id", "state", "kind", "to", "since", "tries", "problem"]
        print_rows(rows, columns, none="No mail waits, and none was given up.")
