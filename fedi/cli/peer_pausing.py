"""`fedi peer suspend`, `resume`, `notice`, `end`, `block`, `limit`, `unblock`: how a peering is paused and how it is over."""

from pathlib import Path
from typing import Annotated

import typer

from fedi.cli.console import CommandError, opened, print_json, timestamp
from fedi.cli.options import AsJson, ConfigPath
from fedi.cli.peer_named import WHO, Host, Reason, host_of, moment_of, not_met


def suspend(
    host: Host,
    reason: Reason,
    until: Annotated[
        str | None, typer.Option("--until", help="When it ends for good if nobody resumes it; 30 days at most.")
    ] = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Stop everything between us and a peer, at once. Nothing is lost: «fedi peer resume» brings all of it back."""
    with opened(config) as site:
        from fedi.actions import peers as acts
        from fedi.actions import suspensions
        from storage import peers

        name, ends = host_of(host), moment_of(until) if until is not None else None
        if site.db.read_now(lambda tx: peers.by_host(tx, name)) is None:  # a slip of the pen must not look like safety
            raise CommandError(f"{not_met(name)}; «fedi peer block {name}» refuses one before it is met")
        lost = site.db.read_now(lambda tx: suspensions.impact(tx, name))
        site.db.write_now(lambda tx: acts.suspend(tx, site, WHO, name, reason, ends))
        peer = site.db.read_now(lambda tx: peers.by_host(tx, name))
    latest = timestamp(peer.suspended_until) if peer is not None else None
    follows = lost.following + lost.followers
    if as_json:
        print_json(
            {"host": name, "people": lost.people, "follows": follows, "groups": list(lost.groups), "until": latest}
        )
    else:
        print(f"{name} is suspended: {follows} follows of {lost.people} people here wait, {len(lost.groups)} groups")
        print(f"nothing is lost until {latest}, when it ends for good; «fedi peer resume {name}» brings all of it back")


def resume(host: Host, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """End our suspension of a peer, and catch up with what was missed."""
    with opened(config) as site:
        from fedi.actions import peers as acts
        from storage import peers

        name = host_of(host)
        site.db.write_now(lambda tx: acts.resume(tx, site, WHO, name))
        peer = site.db.read_now(lambda tx: peers.by_host(tx, name))
    if as_json:
        print_json({"host": name, "stance": peer.stance if peer is not None else None})
    elif peer is not None and peer.stance == "suspended":
        print(f"{name}: resumed by us; they have suspended it, too, so it goes on when they resume")
    else:
        print(f"{name}: resumed")


def notice(
    host: Host,
    at: Annotated[str, typer.Option("--at", help="When it ends, as 2027-09-30.")],
    reason: Reason,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Tell a peer that the agreement ends at a time; until then it is in force."""
    with opened(config) as site:
        from fedi.actions import peers as acts

        name, when = host_of(host), moment_of(at)
        site.db.write_now(lambda tx: acts.notice(tx, site, WHO, name, when, reason))
    if as_json:
        print_json({"host": name, "ends": timestamp(when)})
    else:
        print(f"{name}: ends {timestamp(when)}; they are told, and all stays as it is until then")


def end(host: Host, reason: Reason, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Propose to end what is agreed with a peer, for good. A second admin approves it, and it waits for its time.

    In an emergency «fedi peer suspend» stops everything at once.
    """
    with opened(config) as site:
        from fedi.actions import pending

        name = host_of(host)
        row = site.db.write_now(
            lambda tx: pending.propose(tx, site, pending.COMMAND_LINE, "peer.end", {"host": name}, reason)
        )
    if as_json:
        print_json({"number": str(row.id), "state": row.state, "not_before": timestamp(row.not_before)})
    else:
        print(f"proposed as number {row.id}: a second admin approves it in the console, or by «fedi pending approve»")
        print(f"it is done at {timestamp(row.not_before)} at the earliest; to stop all now: fedi peer suspend {name}")


def block(
    host: Host,
    reason: Annotated[str, typer.Option("--reason", help="Why; the audit log keeps it.")],
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Take nothing from a host any more, and send it nothing. For one with an agreement there is «fedi peer suspend»."""
    _stands(host, "blocked", reason, config, as_json=as_json)


def limit(
    host: Host,
    reason: Annotated[str, typer.Option("--reason", help="Why; the audit log keeps it.")],
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Show what comes from a host to those who follow it, and to nobody else."""
    _stands(host, "limited", reason, config, as_json=as_json)


def unblock(host: Host, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Block or limit a host no more. What is agreed with it holds again."""
    _stands(host, "none", "", config, as_json=as_json)


def _stands(host: str, stance: str, reason: str, config: Path | None, *, as_json: bool) -> None:
    with opened(config) as site:
        from fedi.actions import peers as acts
        from storage import peers

        name = host_of(host)
        site.db.write_now(lambda tx: acts.set_stance(tx, site, WHO, name, stance, reason))
        peer = site.db.read_now(lambda tx: peers.by_host(tx, name))
    now = peer.stance if peer is not None else stance
    if as_json:
        print_json({"host": name, "stance": now})
    elif stance == "none":
        print(f"{name}: neither blocked nor limited any more; its stance is {now}")
    else:
        print(f"{name}: {now}; «fedi peer unblock {name}» takes that back")
