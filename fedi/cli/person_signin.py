"""`fedi person invite`, `reset-password`, `second-factor`: how people of this instance get in, and back in."""

import secrets
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedi.cli.console import CommandError, local_actor, opened, print_fields, print_json, timestamp
from fedi.cli.options import AsJson, ConfigPath

if TYPE_CHECKING:
    from storage.metadata import Tx

KINDS = ("Person", "Service")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The username, without @.")]


def invite(
    by: Annotated[str, typer.Option(help="Who invites, by username; else the first admin.")] = "",
    uses: Annotated[int, typer.Option(help="How many people may come by it; 0: any number.")] = 1,
    days: Annotated[int, typer.Option(help="For how many days it counts.")] = 7,
    group: Annotated[
        list[str] | None, typer.Option(help="A group that they will be in; several times for more.")
    ] = None,
    note: Annotated[str, typer.Option(help="For whom it is, for yourself.")] = "",
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Make a link by which people join without approval; «registrations» must be open, approval or invite."""
    code = secrets.token_urlsafe(12)
    with opened(config) as site:
        from fedi.actions import invitations
        from storage import actors, people

        if site.config.registrations in ("closed", "sso"):
            raise CommandError(
                f"registrations is {site.config.registrations}, so nobody joins by invitation; set it to invite"
            )

        def unit(tx: "Tx") -> dict[str, Any]:
            admins = [] if by else people.by_role(tx, "admin")
            who = local_actor(tx, site, by, KINDS) if by else actors.by_id(tx, admins[0]) if admins else None
            if who is None:
                raise CommandError("there is no admin yet; name who invites by --by")
            into = [local_actor(tx, site, one, ("Group",)).id for one in group or []]
            made = invitations.create(tx, site, who, code, note=note, group_ids=into, most=uses or None, days=days)
            return {
                "link": site.iri(f"/join/{made.code}"),
                "by": who.username,
                "uses": made.most,
                "until": timestamp(made.expires_at),
                "groups": group or [],
            }

        made = site.db.write_now(unit)
    print_json(made) if as_json else print_fields(made)


def reset_password(
    name: Name,
    hours: Annotated[int, typer.Option(help="For how many hours the link works.", min=1, max=168)] = 24,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Make a link by which a person chooses a new password, once; hand it on to them alone."""
    secret = secrets.token_urlsafe(32)
    with opened(config) as site:
        from fedi.actions import credentials

        life = hours * 3600 * 1000
        link = site.db.write_now(
            lambda tx: credentials.reset_link(tx, site, local_actor(tx, site, name, KINDS), secret, life)
        )
    print_json({"link": link, "hours": hours}) if as_json else print(link)


def second_factor(
    name: Name,
    off: Annotated[bool, typer.Option("--off", help="Ask for no code any more: for who lost phone and codes.")] = False,
    config: ConfigPath = None,
) -> None:
    """Whether a person gives a code when they log in, and with --off: no more."""
    with opened(config) as site:
        from fedi.actions import credentials

        def unit(tx: "Tx") -> bool:
            actor = local_actor(tx, site, name, KINDS)
            return credentials.second_off(tx, site, actor) if off else credentials.wants_second(tx, actor.id)

        on = site.db.write_now(unit)
    if off:
        print(f"{name} logs in without a code now" if on else f"{name} gave no code before either")
    else:
        print(f"codes are {'on' if on else 'off'} for {name}")
