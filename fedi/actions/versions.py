"""What differs between two versions of the policy, and which version brought each rule that counts now.

Rules are compared as they are written, by their ids, so that this works for every version whatever the language became since.
"""

import difflib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fedi.actions import policies as actions
from storage import policies
from storage.metadata import Tx
from storage.policies import PolicyRow

_VERSIONS = 1_000
"""Versions that are looked through for the one that brought a rule."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs: lines as `diff -u` shows them, and the ids of rules that are new, gone, or say something else."""

    before: int
    after: int
    text: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    moved: bool
    """Whether rules that are in both stand in another order."""


@dataclass(frozen=True, slots=True)
class Blame:
    """The version that brought a rule as it is now; `at` (ms) is when that was applied. `oldest` when it may be older."""

    rule: str
    version: int
    author: str
    at: int
    message: str
    owner: str | None = None
    source: str | None = None
    oldest: bool = False


def diff(tx: Tx, before: int, after: int) -> Difference:
    """What differs from one version to another. Raises NotFound."""
    return compared(actions.version(tx, before), actions.version(tx, after))


def compared(old: PolicyRow, new: PolicyRow) -> Difference:
    """What differs between two documents."""
    lines = difflib.unified_diff(
        old.document.splitlines(),
        new.document.splitlines(),
        f"version {old.version}",
        f"version {new.version}",
        lineterm="",
    )
    mine, theirs = rules_of(old.document), rules_of(new.document)
    both = [rule for rule in theirs if rule in mine]
    return Difference(
        old.version,
        new.version,
        "\n".join(lines),
        tuple(rule for rule in theirs if rule not in mine),
        tuple(rule for rule in mine if rule not in theirs),
        tuple(rule for rule in both if mine[rule] != theirs[rule]),
        [rule for rule in mine if rule in theirs] != both,
    )


def blame(tx: Tx, rule: str | None = None) -> list[Blame]:
    """Which version brought each rule that is in force now, or one of them, in the order of the document."""
    now = actions.in_force(tx)
    wanted = {name: body for name, body in rules_of(now.document).items() if rule in (None, name)}
    since = dict.fromkeys(wanted, now)
    open_ = set(wanted)
    last = now
    for older in _applied_before(tx, now):
        said = rules_of(older.document)
        open_ = {name for name in open_ if said.get(name) == wanted[name]}
        since |= dict.fromkeys(open_, older)
        last = older
        if not open_:
            break
    else:
        # Nothing older was applied, so these came with the first; unless that was not looked at.
        open_ = open_ if policies.applied_before(tx, last) is not None else set()
    return [_blamed(name, wanted[name], since[name], oldest=name in open_) for name in wanted]


def _blamed(name: str, body: dict[str, Any], row: PolicyRow, *, oldest: bool) -> Blame:
    owner, source = (one if isinstance(one := body.get(key), str) else None for key in ("owner", "source"))
    return Blame(name, row.version, row.author, row.applied_at or row.created_at, row.message, owner, source, oldest)


def _applied_before(tx: Tx, row: PolicyRow) -> Iterator[PolicyRow]:
    older: PolicyRow | None = row
    for _ in range(_VERSIONS):
        older = policies.applied_before(tx, older) if older is not None else None
        if older is None:
            return
        yield older


def rules_of(document: str) -> dict[str, dict[str, Any]]:
    """The rules of a document by their ids, as they are written; none when it can't be read."""
    try:
        rules = tomllib.loads(document).get("rule", [])
    except tomllib.TOMLDecodeError:
        return {}
    several = rules if isinstance(rules, list) else []
    return {str(one["id"]): one for one in several if isinstance(one, dict) and "id" in one}
