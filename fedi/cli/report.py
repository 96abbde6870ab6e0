"""`fedi report`: what moderators were asked to look at."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fedi.cli.console import CommandError, local_actor, opened, print_fields, print_json, print_rows, timestamp
from fedi.cli.group import PEOPLE, By
from fedi.cli.moderation import group_of
from fedi.cli.options import AsJson, ConfigPath, Limit

if TYPE_CHECKING:
    from storage.metadata import Tx
    from storage.reports import Report

app = typer.Typer(help="What moderators were asked to look at.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="ID", help="As «fedi report list» shows it.")]


@app.command("list")
def list_(
    state: Annotated[Literal["open", "resolved", "all"], typer.Option(help="Which of them.")] = "open",
    group: Annotated[str | None, typer.Option(help="Only those of this group.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Reports, newest first."""
    with opened(config) as site:
        from storage import reports

        def unit(tx: "Tx") -> list[dict[str, Any]]:
            group_id = group_of(tx, site, group).id if group is not None else None
            wanted = None if state == "all" else state
            return [_report(tx, each) for each in reports.listed(tx, limit, state=wanted, group_id=group_id)]

        rows = site.db.read_now(unit)
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ("id", "at", "state", "category", "group", "whom", "by", "text"), none="no reports")


@app.command()
def show(number: Number, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """A report with the posts it is about, also those that were removed."""
    with opened(config) as site:
        from fedi.text import to_text
        from storage import posts

        def unit(tx: "Tx") -> dict[str, Any]:
            found = _reported(tx, number)
            about = [post for one in found.post_ids if (post := posts.by_id(tx, one)) is not None]
            texts = [
                {
                    "id": str(post.id),
                    "url": post.url or post.iri,
                    "state": "deleted" if post.deleted_at else ("removed" if post.removed_at else "shown"),
                    "text": "" if post.deleted_at else to_text(post.content),
                }
                for post in about
            ]
            return _report(tx, found) | {"posts": texts}

        fields = site.db.read_now(unit)
    if as_json:
        print_json(fields)
        return
    about = fields.pop("posts")
    print_fields(fields)
    if about:
        print()
        print_rows(about, ("id", "state", "url", "text"), none="")


@app.command()
def resolve(number: Number, by: By = None, config: ConfigPath = None) -> None:
    """Settle a report."""
    with opened(config) as site:
        from fedi.actions import reports as actions
        from storage import actors

        def unit(tx: "Tx") -> str:
            found = _reported(tx, number)
            group = actors.by_id(tx, found.group_id) if found.group_id is not None else None
            if by is not None:
                me = local_actor(tx, site, by, PEOPLE)
            else:
                deciding = [one for one in actions.deciders(tx, group).values() if actions.may_resolve(tx, one, found)]
                if not deciding:
                    raise CommandError("nobody here decides about this report; name a moderator or admin with --by")
                me = deciding[0]
            before = found.state
            actions.resolve(tx, site, me, found)
            return before

        before = site.db.write_now(unit)
    print(f"report {number} is resolved" if before == "open" else f"report {number} was resolved already")


def _reported(tx: "Tx", number: int) -> "Report":
    from storage import reports

    found = reports.by_id(tx, number) if 0 < number < 2**63 else None
    if found is None:
        raise CommandError(f"there is no report {number}; «fedi report list --state all» shows those there are")
    return found


def _report(tx: "Tx", found: "Report") -> dict[str, Any]:
    from storage import actors

    ids = (found.actor_id, found.reporter_id, found.group_id, found.resolved_by_id)
    known = actors.by_ids(tx, [one for one in ids if one is not None])

    def named(number: int | None) -> str | None:
        actor = known.get(number or 0)
        return None if actor is None else f"@{actor.handle}"

    return {
        "id": str(found.id),
        "at": timestamp(found.created_at),
        "state": found.state,
        "category": found.category,
        "group": named(found.group_id),
        "whom": named(found.actor_id),
        "by": named(found.reporter_id),
        "text": found.text,
        "resolved": timestamp(found.resolved_at),
        "resolved_by": named(found.resolved_by_id),
    }
