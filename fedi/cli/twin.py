"""`fedi twin`: groups of this instance that are joined with groups of others (FEP-d36d)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedi.cli.console import CommandError, fetched_actor, local_actor, opened, print_json, print_rows, timestamp
from fedi.cli.options import AsJson, ConfigPath

if TYPE_CHECKING:
    from fedi.context import Site
    from storage.actors import Actor
    from storage.metadata import Tx

app = typer.Typer(help="Groups joined with groups of other instances.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="GROUP", help="The group here, without @ or !.")]
Other = Annotated[str, typer.Argument(metavar="OTHER", help="The group there, as name@host.")]
By = Annotated[
    str | None, typer.Option(help="The moderator who decides; without it, the operator does.", show_default=False)
]


@app.command()
def offer(group: Name, other: Other, by: By = None, config: ConfigPath = None) -> None:
    """Ask another group to be the twin of one here; it is once a moderator there accepts. Both must be open to everyone."""
    with opened(config) as site:
        from fedi.actions import twins

        there = fetched_actor(site, other)

        def unit(tx: "Tx") -> str:
            ours, person = _ours(tx, site, group, by)
            return twins.offer(tx, site, person, ours, there).state

        state = site.db.write_now(unit)
    told = {"joined": "are twins now", "offered": "are twins once a moderator there accepts"}
    print(f"{group} and {there.handle} {told.get(state, state)}")


@app.command()
def accept(group: Name, other: Other, by: By = None, config: ConfigPath = None) -> None:
    """Agree to be the twin of a group that asked; what is posted in one is in both from then on."""
    with opened(config) as site:
        from fedi.actions import twins

        def unit(tx: "Tx") -> str:
            ours, person = _ours(tx, site, group, by)
            return twins.accept(tx, site, person, ours, _known(tx, other)).state

        site.db.write_now(unit)
    print(f"{group} accepts {other}, and asks it back; they are twins once it answers")


@app.command()
def refuse(group: Name, other: Other, by: By = None, config: ConfigPath = None) -> None:
    """Don't be the twin of a group that asked; it is told."""
    with opened(config) as site:
        from fedi.actions import twins

        def unit(tx: "Tx") -> None:
            ours, person = _ours(tx, site, group, by)
            twins.refuse(tx, site, person, ours, _known(tx, other))

        site.db.write_now(unit)
    print(f"{group} refuses {other}")


@app.command()
def part(group: Name, other: Other, by: By = None, config: ConfigPath = None) -> None:
    """Be the twin of another group no longer, or take an offer back. What was said stays in both."""
    with opened(config) as site:
        from fedi.actions import twins

        def unit(tx: "Tx") -> None:
            ours, person = _ours(tx, site, group, by)
            twins.part(tx, site, person, ours, _known(tx, other))

        site.db.write_now(unit)
    print(f"{group} and {other} have parted")


@app.command("list")
def list_(as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Every twin of every group here: offered (by us), asked (by them, a moderator has to accept), or joined."""
    with opened(config) as site:
        from storage import actors, twins

        def unit(tx: "Tx") -> list[dict[str, Any]]:
            ours = actors.local(tx, "Group")
            rows = [(group, row) for group in ours for row in twins.of_group(tx, group.id)]
            found = actors.by_ids(tx, [row.other_id for _, row in rows])
            return [
                {
                    "group": group.username,
                    "other": found[row.other_id].handle,
                    "state": row.state if found[row.other_id].state == "active" else found[row.other_id].state,
                    "since": timestamp(row.since),
                    "url": found[row.other_id].iri,
                }
                for group, row in rows
                if row.other_id in found
            ]

        rows = site.db.read_now(unit)
    if as_json:
        print_json(rows)
    else:
        names = ("group", "other", "state", "since", "url")
        print_rows(rows, names, none="no twins yet; «fedi twin offer GROUP OTHER» asks a group elsewhere to be one")


def _ours(tx: "Tx", site: "Site", group: str, by: str | None) -> "tuple[Actor, Actor | None]":
    ours = local_actor(tx, site, group, ("Group",))
    return ours, local_actor(tx, site, by, ("Person", "Service")) if by is not None else None


def _known(tx: "Tx", handle: str) -> "Actor":
    """A group elsewhere that is known here. Raises CommandError."""
    from federation.errors import FederationError
    from federation.webfinger import split_handle
    from storage import actors

    try:
        username, domain = split_handle(handle)
    except FederationError as problem:
        raise CommandError(f"{handle!r} is no handle; write name@host") from problem
    found = actors.by_name(tx, username, domain)
    if found is None:
        raise CommandError(f"{handle} is not known here; «fedi twin list» shows who asked")
    return found
