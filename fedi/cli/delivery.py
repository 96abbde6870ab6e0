"""`fedi delivery`: what is on its way to peers, where it is stuck, and why.

A host is a link with a cursor in the log of what we send; what ended without having been taken is a trouble with an id.
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedi.cli.console import CommandError, opened, print_fields, print_json, print_rows, timestamp
from fedi.cli.options import AsJson, ConfigPath, Limit

if TYPE_CHECKING:
    from storage.links import Link
    from storage.metadata import Tx
    from storage.troubles import Trouble

app = typer.Typer(help="What is on its way to peers, and why it is stuck.", no_args_is_help=True)

Which = Annotated[
    str, typer.Argument(metavar="HOST|ID", help="A host, or the id of a trouble, as the list shows them.")
]


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Also the hosts to which nothing waits.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """The hosts to which something waits or fails, and the newest troubles."""
    with opened(config) as site:
        from storage import audiences, links, troubles

        def unit(tx: "Tx") -> "tuple[list[dict[str, Any]], list[Trouble]]":
            shown = [link for link in links.everyone(tx) if every or _wants_care(link)]
            return [_link(link, audiences.backlog(tx, link.host)) for link in shown], troubles.newest(tx, limit)

        hosts, ended = site.db.read_now(unit)
    if as_json:
        print_json({"hosts": hosts, "troubles": [_trouble(each) for each in ended]})
        return
    names = ("host", "state", "waiting", "failures", "next_attempt", "last_success", "problem")
    print_rows(hosts, names, none="nothing waits")
    if ended:
        print()
        print_rows([_trouble(each) for each in ended], ("id", "at", "host", "kind", "reason"), none="")


@app.command()
def show(which: Which, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """A host with what waits for it, or a trouble with the activity that was not taken."""
    with opened(config) as site:
        from storage import audiences, outbox, troubles

        def unit(tx: "Tx") -> dict[str, Any]:
            if which.isdigit():
                trouble = _find(tx, which)
                row = outbox.by_position(tx, trouble.position)
                return _trouble(trouble) | {"body": row.body.decode() if row is not None else None}
            link = _link_to(tx, which)
            waiting = audiences.due_to(tx, which, link.cursor, 100)
            return _link(link, audiences.backlog(tx, which)) | {
                "next": [{"type": row.type, "activity": row.activity_id} for row in waiting],
                "troubles": [_trouble(each) for each in troubles.newest(tx, 100, which)],
            }

        fields = site.db.read_now(unit)
    if as_json:
        print_json(fields)
        return
    rows, ended = fields.pop("next", []), fields.pop("troubles", [])
    print_fields(fields)
    for name, found, columns in (
        ("waiting", rows, ("type", "activity")),
        ("troubles", ended, ("id", "at", "kind", "reason")),
    ):
        if found:
            print(f"\n{name}:")
            print_rows(found, columns, none="")


@app.command()
def post(
    iri: Annotated[str, typer.Argument(metavar="ADDRESS", help="The address of a post of somebody here.")],
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """What became of one post at each other server: taken, on its way, or not taken and why."""
    with opened(config) as site:
        from fedi import deliveries
        from storage import posts

        def unit(tx: "Tx") -> "list[deliveries.Delivery] | None":
            found = posts.by_iri(tx, iri)
            return None if found is None else deliveries.of_post(tx, site, found)

        found = site.db.read_now(unit)
    if found is None:
        raise CommandError(f"no post with the address {iri!r} is known here")
    rows = [{"host": one.host, "state": one.state, "why": one.why, "at": timestamp(one.at)} for one in found]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ("host", "state", "why", "at"), none="no other server gets it")


@app.command()
def retry(which: Which, config: ConfigPath = None) -> None:
    """Try a host now, also one that was given up; or go back to the activity of a trouble and send from there on.

    What the host has already, it drops as seen.
    """
    with opened(config) as site:
        from storage import jobs, links, troubles

        def unit(tx: "Tx") -> str:
            if not which.isdigit():
                _link_to(tx, which)
                links.wake(tx, which, site.clock(), reopen=True)
                return which
            trouble = _find(tx, which)
            if jobs.hasten(tx, "redeliver", str(trouble.id), site.clock()):
                return trouble.host  # it alone: the others have passed it
            links.rewind(tx, trouble.host, trouble.position)
            links.wake(tx, trouble.host, site.clock(), reopen=True)
            troubles.remove(tx, trouble.id)
            return trouble.host

        host = site.db.write_now(unit)
    print(f"{host} is tried by the worker now")


@app.command()
def drop(which: Which, config: ConfigPath = None) -> None:
    """Give up what waits for a host, or forget a trouble."""
    with opened(config) as site:
        from storage import audiences, links, troubles

        def unit(tx: "Tx") -> str:
            if which.isdigit():
                troubles.remove(tx, _find(tx, which).id)
                return f"trouble {which} is forgotten"
            _link_to(tx, which)
            number = audiences.backlog(tx, which)
            links.skip(tx, which)
            return f"{number} activities for {which} are given up"

        print(site.db.write_now(unit))


def _wants_care(link: "Link") -> bool:
    return link.wanted > link.cursor or link.failures > 0 or link.state != "open" or link.kept_from is not None


def _link_to(tx: "Tx", host: str) -> "Link":
    from storage import links

    found = links.by_host(tx, host)
    if found is None:
        raise CommandError(f"nothing was ever sent to {host!r}; «fedi delivery list --all» shows the hosts")
    return found


def _find(tx: "Tx", trouble_id: str) -> "Trouble":
    from storage import troubles

    found = troubles.by_id(tx, int(trouble_id)) if len(trouble_id) < 19 else None
    if found is None:
        raise CommandError(f"there is no trouble {trouble_id}; «fedi delivery list» shows them")
    return found


def _link(link: "Link", waiting: int) -> dict[str, Any]:
    return {
        "host": link.host,
        "state": link.state,
        "waiting": waiting,
        "waits_until_resumed": link.kept_from is not None,
        "failures": link.failures,
        "failing_since": timestamp(link.failing_since),
        "next_attempt": timestamp(link.next_attempt_at) if link.failures else None,
        "last_success": timestamp(link.last_success_at),
        "problem": link.problem,
    }


def _trouble(trouble: "Trouble") -> dict[str, Any]:
    return {
        "id": str(trouble.id),
        "host": trouble.host,
        "inbox": trouble.inbox,
        "activity": trouble.activity_id,
        "kind": trouble.kind,
        "reason": trouble.reason,
        "at": timestamp(trouble.created_at),
    }
