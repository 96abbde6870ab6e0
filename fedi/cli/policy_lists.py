"""`fedi policy import` and `export`: lists of other servers."""

import sys
from typing import Annotated, Literal

import typer

from fedi.cli.console import CommandError, opened
from fedi.cli.options import ConfigPath


def import_(
    document: Annotated[str, typer.Argument(metavar="FILE", help="A list of another server, or - for standard input.")],
    source: Annotated[
        str, typer.Option(help="Whose list it is; each rule says so. A list of the same source is replaced.")
    ],
    kind: Annotated[
        Literal["csv", "allow", "akkoma", "fires"] | None,
        typer.Option(
            help="csv: Mastodon's or GoToSocial's list of domains; allow: the same, of those that alone are allowed; "
            "akkoma: SimplePolicy; fires: a data set. Else what it looks like."
        ),
    ] = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="Save the policy in force with these rules as a draft.")
    ] = False,
    config: ConfigPath = None,
) -> None:
    """The rules that a list of another server comes to, on standard output; nothing counts by itself."""
    from fedi.actions import imports
    from fedi.cli.policy import read

    found = imports.draft(read(document), source, kind)
    for problem in found.problems:
        print(f"left out: {problem}", file=sys.stderr)
    if not draft:
        sys.stdout.write(found.text)
        return
    with opened(config) as site:
        from fedi.actions import pending, policies

        now = site.db.read_now(policies.in_force)
        whole = imports.merged(now.document, found.text)
        message = f"{found.rules} rules of {source}, about {found.entries} hosts and people"
        row = site.db.write_now(
            lambda tx: policies.save_draft(tx, site, pending.COMMAND_LINE, whole, message, parent=now.version)
        )
    print(
        f"version {row.version} is a draft with {found.rules} rules of {source}; «fedi policy diff {now.version} {row.version}»"
    )


def export(
    version: Annotated[int | None, typer.Argument(metavar="[VERSION]", help="Else the one in force.")] = None,
    kind: Annotated[
        Literal["toml", "mastodon", "gotosocial"],
        typer.Option(help="toml: the policy itself; else the list of domains that this server can import."),
    ] = "toml",
    config: ConfigPath = None,
) -> None:
    """A policy as a file: itself, or what of it others' servers can read."""
    with opened(config) as site:
        from federation.policy import domain_lists
        from federation.policy.document import read
        from fedi.actions import policies

        row = site.db.read_now(lambda tx: policies.in_force(tx) if version is None else policies.version(tx, version))
    if kind == "toml":
        sys.stdout.write(row.document)
        return
    if not row.document:
        raise CommandError("the policy has no rules: there is nothing to export")
    document = read(row.document)
    sys.stdout.write(domain_lists.mastodon(document) if kind == "mastodon" else domain_lists.gotosocial(document))
