"""`fedi person`: people of this instance."""

import secrets
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fedi.cli.console import (
    CommandError,
    fetched_actor,
    local_actor,
    opened,
    print_fields,
    print_json,
    print_rows,
    timestamp,
)
from fedi.cli.options import AsJson, ConfigPath
from fedi.cli.person_signin import KINDS, Name, invite, reset_password, second_factor

if TYPE_CHECKING:
    from storage.actors import Actor
    from storage.metadata import Tx
    from storage.people import Person

app = typer.Typer(help="People of this instance.", no_args_is_help=True)

MOVABLE = (*KINDS, "Group")
app.command()(invite)
app.command("reset-password")(reset_password)
app.command("second-factor")(second_factor)


@app.command()
def create(
    name: Name,
    email: Annotated[str, typer.Option(help="The mail address; also for logging in.")],
    password: Annotated[
        str | None, typer.Option(help="At least 8 characters; made up and printed if left out.")
    ] = None,
    role: Annotated[Literal["member", "moderator", "admin"], typer.Option(help="What they may do here.")] = "member",
    affiliation: Annotated[
        Literal["student", "faculty", "staff", "alum"] | None, typer.Option(help="What they are to the institution.")
    ] = None,
    display_name: Annotated[str, typer.Option(help="The name that is shown; else NAME.")] = "",
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Add a person who can log in."""
    chosen = password or secrets.token_urlsafe(12)
    with opened(config) as site:
        from federation.signatures.keys import generate_rsa
        from fedi.actions.people import hash_password, register

        hashed, key_pair = hash_password(chosen), generate_rsa()
        actor = site.db.write_now(
            lambda tx: register(
                tx,
                site,
                username=name,
                email=email,
                password_hash=hashed,
                name=display_name,
                role=role,
                affiliation=affiliation,
                key_pair=key_pair,
            )
        )
    made: dict[str, Any] = {
        "username": actor.username,
        "handle": f"@{actor.username}@{actor.domain}",
        "url": actor.url,
        "role": role,
        "affiliation": affiliation,
    }
    if password is None:
        made["password"] = chosen
    print_json(made) if as_json else print_fields(made)


@app.command("list")
def list_(as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Everyone who has an account here, oldest first."""
    with opened(config) as site:
        from storage import actors, people

        def unit(tx: "Tx") -> "list[tuple[Actor, Person]]":
            everyone = people.everyone(tx)
            known = actors.by_ids(tx, [person.actor_id for person in everyone])
            return [(known[person.actor_id], person) for person in everyone]

        rows = [_fields(actor, person) for actor, person in site.db.read_now(unit)]
    if as_json:
        print_json(rows)
    else:
        names = ("username", "name", "role", "affiliation", "state", "email")
        print_rows(rows, names, none="nobody yet; «fedi person create NAME --email E» adds someone")


@app.command()
def show(name: Name, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """What is known of one person."""
    with opened(config) as site:
        from storage import memberships, people, sign_ups
        from storage.actors import by_ids

        def unit(tx: "Tx") -> dict[str, Any]:
            actor = local_actor(tx, site, name, KINDS)
            person = people.by_id(tx, actor.id)
            if person is None:
                raise CommandError(f"{name!r} is no person of this instance")
            how = sign_ups.of_person(tx, actor.id)
            joined = by_ids(tx, [membership.group_id for membership in memberships.of_actor(tx, actor.id)])
            return _fields(actor, person) | {
                "posts": actor.posts_count,
                "followers": actor.followers_count,
                "following": actor.following_count,
                "groups": sorted(f"@{group.username}@{group.domain}" for group in joined.values()),
                "last_post": timestamp(actor.last_post_at),
                "moved_to": actor.moved_to,
                "created": timestamp(actor.created_at),
                "reason": how.reason if how is not None else None,
                "address_confirmed": timestamp(how.confirmed_at) if how is not None else None,
            }

        fields = site.db.read_now(unit)
    print_json(fields) if as_json else print_fields(fields)


@app.command()
def approve(name: Name, config: ConfigPath = None) -> None:
    """Let in a person who signed up and waits for approval («fedi person list» shows who does)."""
    with opened(config) as site:
        from fedi.actions.people import approve as approve_person

        site.db.write_now(lambda tx: approve_person(tx, site, local_actor(tx, site, name, KINDS)))
    print(f"{name} may log in now")


@app.command()
def affiliate(
    name: Name,
    affiliation: Annotated[
        Literal["student", "faculty", "staff", "alum", "none"] | None,
        typer.Argument(metavar="AFFILIATION", help="student, faculty, staff, alum or none; left out: as it was."),
    ] = None,
    show: Annotated[
        bool | None, typer.Option("--show/--hide", help="Whether their profile says so, with a verified link.")
    ] = None,
    config: ConfigPath = None,
) -> None:
    """Say what a person is to the institution, and whether their profile shows it."""
    if affiliation is None and show is None:
        raise CommandError("say what they are, or --show or --hide")
    with opened(config) as site:
        from fedi.actions.profiles import affiliate as affiliate_person

        given = None if affiliation == "none" else affiliation

        def unit(tx: "Tx") -> None:
            actor = local_actor(tx, site, name, KINDS)
            affiliate_person(tx, site, actor, given, show=show, end=affiliation == "none")

        site.db.write_now(unit)
    print(f"{name} is changed; peers are being told")


@app.command()
def suspend(
    name: Name,
    undo: Annotated[bool, typer.Option("--undo", help="Let them in again.")] = False,
    config: ConfigPath = None,
) -> None:
    """Hide a person's posts and end their sessions and tokens, until undone."""
    with opened(config) as site:
        from fedi.actions.people import suspend as suspend_person
        from fedi.actions.people import unsuspend

        def unit(tx: "Tx") -> None:
            (unsuspend if undo else suspend_person)(tx, site, local_actor(tx, site, name, KINDS))

        site.db.write_now(unit)
    print(f"{name} is {'active again' if undo else 'suspended'}")


@app.command()
def erase(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    config: ConfigPath = None,
) -> None:
    """Remove a person's profile and posts for good, here and at every server that got them. The name stays taken."""
    if not yes:
        typer.confirm(f"Erase {name} and all their posts? This can't be undone", abort=True)
    with opened(config) as site:
        from fedi.actions.erasing import erase as erase_person

        site.db.write_now(lambda tx: erase_person(tx, site, local_actor(tx, site, name, KINDS)))
    print(f"{name} is erased; peers are being told")


@app.command()
def alias(
    name: Name,
    other: Annotated[str, typer.Argument(metavar="ACTOR", help="The other account, as user@host or by its address.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take it back.")] = False,
    config: ConfigPath = None,
) -> None:
    """Say that a person or group is another account as well, which may then move here."""
    with opened(config) as site:
        from fedi.actions import moves

        found = fetched_actor(site, other)

        def unit(tx: "Tx") -> None:
            actor = local_actor(tx, site, name, MOVABLE)
            if remove:
                moves.unalias(tx, site, actor, found.iri)
            else:
                moves.alias(tx, site, actor, found)

        site.db.write_now(unit)
    print(f"{name} is {'not ' if remove else ''}@{found.handle} as well; peers are being told")


@app.command()
def move(
    name: Name,
    target: Annotated[str, typer.Argument(metavar="ACTOR", help="Where to, as user@host or by its address.")],
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    config: ConfigPath = None,
) -> None:
    """Let a person or group move to another account, which must name this one as its alias. Followers go along."""
    if not yes:
        typer.confirm(f"Move {name} and all followers to {target}? Nothing moves again for a week", abort=True)
    with opened(config) as site:
        from fedi.actions import moves

        found = fetched_actor(site, target)
        site.db.write_now(lambda tx: moves.move(tx, site, local_actor(tx, site, name, MOVABLE), found))
    print(f"{name} moves to @{found.handle}; followers are being told")


def _fields(actor: "Actor", person: "Person") -> dict[str, Any]:
    return {
        "username": actor.username,
        "handle": f"@{actor.username}@{actor.domain}",
        "name": actor.name,
        "url": actor.url,
        "email": person.email,
        "role": person.role,
        "affiliation": person.affiliation,
        "state": person.state,
    }
