"""`fedi policy`: the federation policy, a document whose every version is kept.

Trying and explaining it: `policy_trying`; auditing: `policy_audit`; lists of others: `policy_lists`.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedi.cli import policy_audit, policy_lists, policy_trying
from fedi.cli.console import CommandError, opened, print_json, print_rows, timestamp
from fedi.cli.options import AsJson, ConfigPath, Limit

if TYPE_CHECKING:
    from fedi.actions.checking import Checked
    from storage.policies import PolicyRow

app = typer.Typer(help="The federation policy: what is taken, changed, held and refused.", no_args_is_help=True)
app.command("simulate")(policy_trying.simulate)
app.command("explain")(policy_trying.explain)
app.command("counts")(policy_trying.counts)
app.command("verify")(policy_audit.verify)
app.command("audit")(policy_audit.audit)
app.command("import")(policy_lists.import_)
app.command("export")(policy_lists.export)

Document = Annotated[str, typer.Argument(metavar="FILE", help="A file with a policy (TOML), or - for standard input.")]
Version = Annotated[int, typer.Argument(metavar="VERSION", help="As «fedi policy history» shows it.")]
Comment = Annotated[str, typer.Option("--comment", help="Why, in a sentence: it stays with the version.")]


@app.command()
def show(
    version: Annotated[int | None, typer.Argument(metavar="[VERSION]", help="Else the one in force.")] = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """The policy in force, or another version: its document, on standard output."""
    with opened(config) as site:
        from fedi.actions import policies

        row = site.db.read_now(lambda tx: policies.in_force(tx) if version is None else policies.version(tx, version))
    if as_json:
        print_json(fields(row) | {"document": row.document})
        return
    said = {name: value for name, value in fields(row).items() if name not in ("forecast", "digest")}
    print("\n".join(f"# {name}: {_line(value)}" for name, value in said.items()))
    sys.stdout.write(row.document or "# no rules: the stance to each host, the mode and agreements decide\n")


@app.command()
def check(document: Document, as_json: AsJson = False) -> None:
    """Check a policy without touching anything: can it be read, does it pass its tests, which rules never count."""
    from fedi.actions import checking

    checked = checking.checked(read(document), beside(document))
    if as_json:
        print_json(
            {
                "fine": checked.fine,
                "digest": checked.digest,
                "rules": list(checked.rules),
                "tests": checked.tests,
                "findings": [
                    {"kind": one.kind, "line": one.line, "text": one.text, "mend": one.mend} for one in checked.findings
                ],
            }
        )
    else:
        _tell(checked)
        print(
            f"{len(checked.rules)} rules, {checked.tests} tests, {len(checked.errors)} to mend, {len(checked.warnings)} warnings"
        )
    if not checked.fine:
        raise typer.Exit(1)


@app.command()
def draft(document: Document, comment: Comment, config: ConfigPath = None) -> None:
    """Save a policy as a version that does not count yet, for others to look at and approve."""
    text = read(document)
    with opened(config) as site:
        from fedi.actions import checking, pending, policies

        _sound(checking.checked(text, beside(document)))
        row = site.db.write_now(lambda tx: policies.save_draft(tx, site, pending.COMMAND_LINE, text, comment))
    print(
        f"version {row.version} is a draft; «fedi policy simulate {row.version}», then «fedi policy apply {row.version}»"
    )


@app.command()
def approve(version: Version, config: ConfigPath = None) -> None:
    """Approve a draft that an admin saved in the console. What was saved here is approved there, by an admin."""
    with opened(config) as site:
        from fedi.actions import pending, policies

        row = site.db.write_now(lambda tx: policies.approve(tx, site, pending.COMMAND_LINE, version))
        print(
            f"version {version} has {len(row.approvals)} of the {site.config.policy.approvals} approvals that are wanted"
        )


@app.command()
def apply(
    document: Annotated[str, typer.Argument(metavar="FILE|VERSION", help="A file (- for standard input), or a draft.")],
    comment: Comment = "",
    parent: Annotated[
        int | None,
        typer.Option("--from", help="The version it was made from: refused when another is in force by now."),
    ] = None,
    config: ConfigPath = None,
) -> None:
    """Let a policy count from now on, in all processes at once. What can't be read, or fails its tests, changes nothing."""
    number, text = given(document)
    with opened(config) as site:
        from fedi.actions import checking, pending, policies

        if number is None and not comment:
            raise CommandError("say why by --comment: it stays with the version")
        if text is not None:
            _sound(checking.checked(text, beside(document)))
        row = site.db.write_now(
            lambda tx: (
                policies.apply_version(tx, site, pending.COMMAND_LINE, number, comment)
                if number is not None
                else policies.apply(tx, site, pending.COMMAND_LINE, text or "", comment, parent=parent)
            )
        )
    print(
        f"version {row.version} is in force; «fedi policy counts» shows what its rules do, «fedi policy rollback {row.parent}» goes back"
    )


@app.command()
def history(limit: Limit = 20, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """The versions, newest first, with who made them and why."""
    with opened(config) as site:
        from fedi.actions import policies as actions
        from storage import policies

        rows, now = site.db.read_now(lambda tx: (policies.newest(tx, limit), actions.in_force(tx).version))
    found = [fields(row) | {"in_force": row.version == now} for row in rows]
    if as_json:
        print_json(found)
        return
    for one in found:
        one["state"] = "in force" if one["in_force"] else one["state"]
    print_rows(
        found,
        ("version", "state", "applied", "author", "approvals", "parent", "message"),
        none="no version yet: there are no rules",
    )


@app.command()
def diff(
    before: Annotated[int, typer.Argument(metavar="A", help="A version; 0 is the policy without rules.")],
    after: Annotated[int, typer.Argument(metavar="B", help="Another.")],
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """What differs from one version to another."""
    with opened(config) as site:
        from fedi.actions import versions

        found = site.db.read_now(lambda tx: versions.diff(tx, before, after))
    named = {"added": found.added, "removed": found.removed, "changed": found.changed}
    if as_json:
        print_json(
            {
                "before": before,
                "after": after,
                "text": found.text,
                "moved": found.moved,
                **{k: list(v) for k, v in named.items()},
            }
        )
        return
    for name, rules in named.items():
        if rules:
            print(f"# {name}: {', '.join(rules)}")
    if found.moved:
        print("# rules stand in another order")
    print(found.text or "# both say the same")


@app.command()
def blame(
    rule: Annotated[str | None, typer.Argument(metavar="[RULE]", help="The id of a rule; else all.")] = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Which version brought each rule as it is now, by whom and why."""
    with opened(config) as site:
        from fedi.actions import versions

        found = site.db.read_now(lambda tx: versions.blame(tx, rule))
    if rule is not None and not found:
        raise CommandError(f"the policy in force has no rule {rule!r}; «fedi policy show»")
    rows = [
        {
            "rule": one.rule,
            "version": one.version,
            "since": timestamp(one.at),
            "author": one.author,
            "owner": one.owner,
            "source": one.source,
            "message": one.message,
            "or_older": one.oldest,
        }
        for one in found
    ]
    if as_json:
        print_json(rows)
    else:
        print_rows(
            rows, ("rule", "version", "since", "author", "owner", "source", "message"), none="there are no rules"
        )


@app.command()
def rollback(version: Version, comment: Comment = "", config: ConfigPath = None) -> None:
    """Let an earlier version count again, as a new version; 0 is the policy without rules."""
    with opened(config) as site:
        from fedi.actions import pending, policies

        row = site.db.write_now(lambda tx: policies.rollback(tx, site, pending.COMMAND_LINE, version, comment))
    print(f"version {row.version}, which says what version {version} said, is in force")


def read(document: str) -> str:
    """The text of a file, or of standard input. Raises CommandError."""
    try:
        raw = sys.stdin.buffer.read() if document == "-" else Path(document).read_bytes()
        return raw.decode()
    except OSError as problem:
        raise CommandError(f"{document}: {problem.strerror or problem}") from problem
    except UnicodeDecodeError as problem:
        raise CommandError(f"{document} is not text in UTF-8: {problem}") from problem


def beside(document: str) -> Callable[[str], bytes]:
    """What reads files that a policy's tests name: from where the policy lies."""
    folder = Path(document).parent if document != "-" else Path()
    return lambda name: (folder / name).read_bytes()


def given(document: str) -> tuple[int | None, str | None]:
    """(the number of a version, None) where one is named, else (None, the text of the file). Raises CommandError."""
    if document.isascii() and document.isdigit() and not Path(document).exists():
        return int(document), None
    return None, read(document)


def fields(row: "PolicyRow") -> dict[str, Any]:
    """What is shown of a version."""
    return {
        "version": row.version,
        "state": row.state,
        "author": row.author,
        "message": row.message,
        "parent": row.parent,
        "created": timestamp(row.created_at or None),
        "applied": timestamp(row.applied_at or None),
        "approvals": [str(one["who"]) for one in row.approvals],
        "digest": row.digest,
        "forecast": row.forecast["simulation"] if row.forecast else None,
    }


def _sound(checked: "Checked") -> None:
    """Say what is to be mended. Raises CommandError when that keeps it from being saved: also for a test of a file, which only
    can be run here."""
    _tell(checked)
    if not checked.fine:
        raise CommandError(f"{len(checked.errors)} to mend; nothing was changed")


def _tell(checked: "Checked") -> None:
    for one in checked.findings:
        print(f"{one.kind}: {one}", file=sys.stderr)


def _line(value: Any) -> str:
    said = ", ".join(value) if isinstance(value, list) else "-" if value is None else str(value)
    return " ".join(said.split())
