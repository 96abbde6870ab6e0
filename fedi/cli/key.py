"""`fedi key`: the keys of this instance, its people and its groups."""

from typing import TYPE_CHECKING, Annotated

import typer

from fedi.cli.console import CommandError, local_actor, opened
from fedi.cli.options import ConfigPath

if TYPE_CHECKING:
    from storage.metadata import Tx

app = typer.Typer(help="Keys that requests and activities are signed with.", no_args_is_help=True)

KINDS = ("Person", "Service", "Group")


@app.command()
def rotate(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A person or group; without it the instance's own.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    config: ConfigPath = None,
) -> None:
    """Make new keys, as after a theft of the old ones, and tell peers. The old ones hold no more."""
    if not yes:
        typer.confirm(f"Replace the keys of {name or 'this instance'}? The old ones can't come back", abort=True)
    with opened(config) as site:
        from federation.signatures.keys import generate_ed25519, generate_rsa
        from fedi.actions.people import rotate_keys
        from storage import actors

        key_pair, proofs = generate_rsa(), generate_ed25519()

        def unit(tx: "Tx") -> None:
            actor = local_actor(tx, site, name, KINDS) if name else actors.by_iri(tx, site.instance_iri)
            if actor is None:
                raise CommandError("the instance has no actor yet; run «fedi serve» once")
            rotate_keys(tx, site, actor, key_pair, proofs)

        site.db.write_now(unit)
    print(f"{name or 'the instance'} has new keys; peers are being told")
