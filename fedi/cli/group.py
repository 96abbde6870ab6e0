"""`fedi group`: groups of this instance."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fedi.cli.console import CommandError, local_actor, opened, print_fields, print_json, print_rows, timestamp
from fedi.cli.options import AsJson, ConfigPath

if TYPE_CHECKING:
    from fedi.context import Site
    from storage.actors import Actor
    from storage.groups import Group
    from storage.metadata import Tx

app = typer.Typer(help="Groups of this instance.", no_args_is_help=True)

By = Annotated[
    str | None, typer.Option("--by", help="In whose name: a moderator here; else the owner or first moderator.")
]
PEOPLE = ("Person", "Service")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The group's name, without @ or !.")]


@app.command()
def create(
    name: Name,
    title: Annotated[str, typer.Option(help="What it is called.")],
    owner: Annotated[str, typer.Option(help="A person of this instance, who moderates it first.")],
    join: Annotated[Literal["open", "approval", "invite"], typer.Option(help="How one gets in.")] = "open",
    see: Annotated[Literal["public", "peers", "members"], typer.Option(help="Who may read it.")] = "public",
    description: Annotated[str, typer.Option(help="What it is about, in plain text.")] = "",
    rule: Annotated[list[str] | None, typer.Option(help="A rule; may be given several times.")] = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Found a group."""
    with opened(config) as site:
        from fedi.actions import groups

        def unit(tx: "Tx") -> "Actor":
            return groups.create(
                tx,
                site,
                name=name,
                title=title,
                owner=local_actor(tx, site, owner, ("Person", "Service")),
                join_mode=join,
                see=see,
                description=description,
                rules=rule or [],
            )

        group = site.db.write_now(unit)
    made = {
        "name": group.username,
        "handle": f"@{group.username}@{group.domain}",
        "url": group.url,
        "title": group.name,
        "join": join,
        "see": see,
    }
    print_json(made) if as_json else print_fields(made)


@app.command("list")
def list_(as_json: AsJson = False, config: ConfigPath = None) -> None:
    """The groups of this instance, oldest first."""
    with opened(config) as site:
        from storage import actors, groups

        def unit(tx: "Tx") -> list[dict[str, Any]]:
            local = actors.local(tx, "Group")
            known = groups.by_ids(tx, [group.id for group in local])
            return [_fields(group, known[group.id]) for group in local if group.id in known]

        rows = site.db.read_now(unit)
    if as_json:
        print_json(rows)
    else:
        names = ("name", "title", "join", "see", "members", "posts", "url")
        print_rows(rows, names, none="no groups yet; «fedi group create NAME --title T --owner PERSON» founds one")


@app.command()
def show(name: Name, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """A group with its members."""
    with opened(config) as site:
        from storage import actors, groups, memberships

        def unit(tx: "Tx") -> dict[str, Any]:
            actor = local_actor(tx, site, name, ("Group",))
            group = groups.by_id(tx, actor.id)
            assert group is not None  # noqa: S101 - every local Group actor has its row
            inside = memberships.of_group(tx, actor.id)
            waiting = memberships.of_group(tx, actor.id, "pending")
            known = actors.by_ids(tx, [membership.actor_id for membership in [*inside, *waiting]])
            return _fields(actor, group) | {
                "description": actor.source or "",
                "rules": group.rules,
                "created": timestamp(group.created_at),
                "moderators": [_handle(known[each.actor_id]) for each in inside if each.moderates],
                "everyone": [_handle(known[each.actor_id]) for each in inside],
                "waiting": [_handle(known[each.actor_id]) for each in waiting],
            }

        fields = site.db.read_now(unit)
    print_json(fields) if as_json else print_fields(fields)


@app.command()
def edit(
    name: Name,
    title: Annotated[str | None, typer.Option(help="What it is called.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is about, in plain text.")] = None,
    rule: Annotated[
        list[str] | None, typer.Option(help="A rule; may be given several times, and replaces all.")
    ] = None,
    no_rules: Annotated[bool, typer.Option("--no-rules", help="Take all rules away.")] = False,
    join: Annotated[Literal["open", "approval", "invite"] | None, typer.Option(help="How one gets in.")] = None,
    post: Annotated[Literal["members", "moderators"] | None, typer.Option(help="Who may post.")] = None,
    by: By = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Change a group; what is left out stays. Who may read it never changes."""
    if rule and no_rules:
        raise typer.BadParameter("--rule and --no-rules exclude each other")
    with opened(config) as site:
        from fedi.actions import groups
        from storage import groups as rows

        def unit(tx: "Tx") -> dict[str, Any]:
            actor = local_actor(tx, site, name, ("Group",))
            changed = groups.edit(
                tx,
                site,
                moderator(tx, site, actor, by),
                actor,
                title=title,
                description=description,
                rules=[] if no_rules else rule,
                join_mode=join,
                post=post,
            )
            group = rows.by_id(tx, actor.id)
            assert group is not None  # noqa: S101 - every local Group actor has its row
            more = {"post": group.post, "description": changed.source or "", "rules": group.rules}
            return _fields(changed, group) | more

        fields = site.db.write_now(unit)
    print_json(fields) if as_json else print_fields(fields)


@app.command()
def scope(
    name: Name,
    mode: Annotated[
        Literal["local", "named", "agreed", "public"] | None,
        typer.Option(help="This institution alone, peers by name, all agreed peers, everybody; left out: show it."),
    ] = None,
    peer: Annotated[
        list[str] | None, typer.Option(help="The host of a peer that is named; may be given several times.")
    ] = None,
    may: Annotated[
        list[str] | None,
        typer.Option(
            help="What peers may do: read, reply, post, react, announce, moderate; several times. All if left out."
        ),
    ] = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Say with which institutions a group federates, and what their people may do in it; or show it, with who can read it.

    Whoever loses the group by it is put out at once, and their institution is asked to erase what it got.
    """
    if mode is None and (peer or may):
        raise typer.BadParameter("--peer and --may say more about a --mode")
    with opened(config) as site:
        from fedi.actions import scopes
        from storage import group_scopes

        def unit(tx: "Tx") -> dict[str, Any]:
            group = local_actor(tx, site, name, ("Group",))
            if mode is not None:
                scopes.set_scope(tx, site, "command line", group, mode, peer or (), may)
            kept = group_scopes.of_group(tx, group.id)
            readers = scopes.readers(tx, site, group)
            named = [one.host for one in group_scopes.named(tx, group.id)]
            return {
                "name": group.username,
                "scope": scopes.mode_of(tx, group),
                "peers": named,
                "not_agreed": scopes.closed_to(tx, group, named),
                "may": kept.may if kept is not None else list(group_scopes.MAY),
                "institutions": readers.institutions,
                "people": readers.people,
                "readers": scopes.words(tx, site, group),
            }

        fields = site.db.read_now(unit) if mode is None else site.db.write_now(unit)
    print_json(fields) if as_json else print_fields(fields)


@app.command()
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    by: By = None,
    config: ConfigPath = None,
) -> None:
    """Close a group for good, here and at every server that knows it. The name stays taken."""
    if not yes:
        typer.confirm(f"Delete the group {name}? This can't be undone", abort=True)
    with opened(config) as site:
        from fedi.actions import groups

        def unit(tx: "Tx") -> None:
            actor = local_actor(tx, site, name, ("Group",))
            if actor.state != "active":
                raise CommandError(f"{name} is deleted already")
            groups.delete(tx, site, moderator(tx, site, actor, by), actor)

        site.db.write_now(unit)
    print(f"{name} is deleted; peers are being told")


def moderator(tx: "Tx", site: "Site", group: "Actor", by: str | None) -> "Actor":
    """In whose name it is done: `by`, else the owner, the first moderator, or an admin of this instance. Raises
    CommandError."""
    from fedi.actions.moderation import may_moderate
    from storage import actors, memberships, people

    if by is not None:
        return local_actor(tx, site, by, PEOPLE)
    ids = memberships.moderators(tx, group.id)
    owners = [one for one in ids if (row := memberships.find(tx, group.id, one)) is not None and row.role == "owner"]
    for number in [*owners, *ids, *people.by_role(tx, "admin")]:
        found = actors.by_id(tx, number)
        if found is not None and found.local and may_moderate(tx, found, group):
            return found
    raise CommandError(f"nobody here moderates {group.handle}; name somebody with --by")


def _handle(actor: "Actor") -> str:
    return f"@{actor.username}@{actor.domain}"


def _fields(actor: "Actor", group: "Group") -> dict[str, Any]:
    return {
        "name": actor.username,
        "handle": _handle(actor),
        "url": actor.url,
        "title": actor.name,
        "join": group.join_mode,
        "see": group.see,
        "members": actor.followers_count,
        "posts": actor.posts_count,
    }
