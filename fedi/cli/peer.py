"""`fedi peer`: the hosts that this instance knows, and how it stands to them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedi.cli.console import CommandError, opened, print_fields, print_json, print_rows, timestamp
from fedi.cli.options import AsJson, ConfigPath
from fedi.cli.peer_health import health, impact

if TYPE_CHECKING:
    from storage.links import Link
    from storage.peers import Peer

app = typer.Typer(help="Hosts that this instance knows.", no_args_is_help=True)
app.command()(health)
app.command()(impact)


@app.command("list")
def list_(as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Every host that was met, by name."""
    with opened(config) as site:
        from storage import links, peers

        found = site.db.read_now(lambda tx: (peers.everyone(tx), {link.host: link for link in links.everyone(tx)}))
    rows = [_fields(peer, found[1].get(peer.host)) for peer in found[0]]
    if as_json:
        print_json(rows)
    else:
        names = ("host", "stance", "software", "version", "last_seen", "last_delivery", "problem")
        print_rows(rows, names, none="no host was met yet")


@app.command()
def show(
    host: Annotated[str, typer.Argument(metavar="HOST", help="As «fedi peer list» shows it.")],
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """One host, with the newest decisions about what came from there."""
    with opened(config) as site:
        from storage import decisions, links, peers

        peer, link, decided = site.db.read_now(
            lambda tx: (peers.by_host(tx, host), links.by_host(tx, host), decisions.newest(tx, 20, host))
        )
    if peer is None:
        raise CommandError(f"no host {host!r} was met; «fedi peer list» shows those that were")
    fields = _fields(peer, link) | {"first_seen": timestamp(peer.first_seen_at), "reason": peer.reason}
    about = [
        {
            "at": timestamp(each.created_at),
            "direction": each.direction,
            "type": each.type,
            "verdict": each.verdict,
            "code": each.code,
            "reason": each.reason,
        }
        for each in decided
    ]
    if as_json:
        print_json(fields | {"decisions": about})
        return
    print_fields(fields)
    if about:
        print()
        print_rows(about, ("at", "direction", "type", "verdict", "reason"), none="")


def _fields(peer: "Peer", link: "Link | None") -> dict[str, Any]:
    return {
        "host": peer.host,
        "stance": peer.stance,
        "software": peer.software,
        "version": peer.version,
        "last_seen": timestamp(peer.last_seen_at),
        "last_delivery": timestamp(link.last_success_at) if link is not None else None,
        "problem": link.problem if link is not None else None,
    }
