"""`fedi policy verify` and `audit`: do decisions come out the same again, and who changed what."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from fedi.cli.console import CommandError, opened, print_json, print_rows, timestamp
from fedi.cli.options import AsJson, ConfigPath, Limit

if TYPE_CHECKING:
    from fedi.actions.explaining import Verified


def verify(
    last: Annotated[
        int, typer.Option("--last", min=1, max=1_000_000, help="How many decisions, newest first.")
    ] = 10_000,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Make the newest decisions again, each under its version of the policy; exit status 1 when one is another than it was."""
    with opened(config) as site:
        from fedi.worker import auditing

        rows, envelopes = asyncio.run(auditing.verify(site, last))
    found = {"decisions": rows, "envelopes": envelopes}
    if as_json:
        print_json({name: _verified(one) for name, one in found.items()})
    else:
        for name, one in found.items():
            print(
                f"{name}: {one.same} of {one.checked} made again are the same"
                + (f", {one.lost} can't be" if one.lost else "")
            )
            for given, again, facts in one.differing:
                print(
                    f"  {facts.activity_id or facts.host}: {given.verdict} {given.code} by {given.rule} under version "
                    f"{given.policy}, now {again.verdict.value} {again.code} by {again.rule}"
                )
    if any(one.same < one.checked for one in found.values()):
        raise typer.Exit(1)


def audit(
    limit: Limit = 50,
    about: Annotated[str | None, typer.Option(help="Only what is about this: a host, a version, a handle.")] = None,
    head: Annotated[
        Path | None,
        typer.Option(help="A signed head (JSON) that was kept elsewhere: is all that stood there still there?"),
    ] = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Who changed what about policy and peering, newest first; exit status 1 when the log was tampered with."""
    with opened(config) as site:
        from fedi.actions import auditing
        from storage import audit as log

        rows = site.db.read_now(lambda tx: log.newest(tx, limit, about=about))
        troubles = site.db.read_now(lambda tx: auditing.troubles(tx, site))
        if head is not None:
            try:
                kept = msgspec.json.decode(head.read_bytes(), type=dict[str, Any])
            except (OSError, msgspec.DecodeError) as problem:
                raise CommandError(f"{head}: {problem}") from problem
            problem_there = site.db.read_now(lambda tx: auditing.check_head(tx, site, kept))
            troubles += [problem_there] if problem_there is not None else []
    found = [
        {
            "at": timestamp(row.at),
            "who": row.who,
            "action": row.action,
            "about": row.about,
            "hash": row.hash,
            "said": row.body,
        }
        for row in rows
    ]
    if as_json:
        print_json({"sound": not troubles, "troubles": troubles, "rows": found})
    else:
        for one in found:
            one["said"] = "" if one["action"] == auditing.HEAD else msgspec.json.encode(one["said"]).decode()
        print_rows(found, ("at", "who", "action", "about", "said"), none="nothing was changed yet")
        for trouble in troubles:
            print(f"FAIL: {trouble}", file=sys.stderr)
    if troubles:
        raise typer.Exit(1)


def _verified(one: "Verified") -> dict[str, Any]:
    return {
        "checked": one.checked,
        "same": one.same,
        "lost": one.lost,
        "differing": [
            {
                "activity_id": facts.activity_id,
                "host": facts.host,
                "given": [given.verdict, given.code, given.rule, given.policy],
                "again": [again.verdict.value, again.code, again.rule, again.policy],
            }
            for given, again, facts in one.differing
        ],
    }
