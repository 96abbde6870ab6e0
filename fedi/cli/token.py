"""`fedi token`: access tokens for people of this instance, for scripts and clients without a browser."""

import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from fedi.cli.console import CommandError, local_actor, opened
from fedi.cli.options import ConfigPath

if TYPE_CHECKING:
    from storage.metadata import Tx

app = typer.Typer(help="Access tokens.", no_args_is_help=True)

SCOPES = "read write follow push"


@app.callback()
def tokens() -> None:
    """Access tokens."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose token: a username, without @.")],
    scopes: Annotated[str, typer.Option(help="What it allows, separated by spaces.")] = SCOPES,
    app_name: Annotated[str, typer.Option("--app", help="The name that is shown as the app.")] = "fedi token",
    config: ConfigPath = None,
) -> None:
    """Make an access token; it is printed, and nothing else. It lasts until it is revoked."""
    with opened(config) as site:
        from fedi.callers import SCOPES as EVERY_SCOPE
        from storage import apps, people

        wanted = scopes.replace(",", " ").split()
        unknown = [scope for scope in wanted if scope not in EVERY_SCOPE]
        if unknown or not wanted:
            raise CommandError(f"there is no scope {' '.join(unknown)!r}; there are {' '.join(EVERY_SCOPE)}")
        secret = secrets.token_urlsafe(32)
        now = site.clock()

        def unit(tx: "Tx") -> None:
            actor = local_actor(tx, site, name, ("Person", "Service"))
            person = people.by_id(tx, actor.id)
            if person is None or person.state != "active":
                raise CommandError(f"{name} has no active account, so a token would open nothing")
            if person.role == "member" and any(scope.startswith("admin:") for scope in wanted):
                raise CommandError(f"{name} is a member, so a token with {scopes!r} would allow more than they may")
            made = apps.App(
                id=site.new_id(),
                client_id=secrets.token_urlsafe(32),
                # A secret that nobody knows: this app never asks for tokens itself.
                secret_hash=apps.hashed(secrets.token_urlsafe(32)),
                name=app_name,
                website=None,
                redirect_uris=[],
                scopes=" ".join(wanted),
                created_at=now,
            )
            apps.insert_app(tx, made)
            apps.insert_token(
                tx,
                apps.Token(
                    id=site.new_id(),
                    token_hash=apps.hashed(secret),
                    app_id=made.id,
                    person_id=actor.id,
                    scopes=made.scopes,
                    created_at=now,
                    revoked_at=None,
                    grant_hash=None,
                ),
            )

        site.db.write_now(unit)
    print(secret)
