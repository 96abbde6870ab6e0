"""The federation policy over our own API: check, draft, approve, simulate, apply, go back, compare, explain."""

import asyncio
from typing import Any

from fedi import simulating
from fedi.actions import explaining, imports, versions
from fedi.actions import policies as actions
from fedi.actions.checking import check as check_document
from fedi.api.operations import Call, Operation
from fedi.api.policy_shapes import (
    Approval,
    Asked,
    Blame,
    Checked,
    Compared,
    Difference,
    Draft,
    Explained,
    Finding,
    List,
    Merged,
    Said,
    Simulation,
    Step,
    Text,
    Trial,
    Version,
)
from fedi.api.shapes import Page, Paged
from fedi.callers import Caller, known
from fedi.context import Site
from fedi.errors import NotFound
from fedi.mastodon.answers import moment
from storage import policies, simulations
from storage.metadata import Tx
from storage.policies import PolicyRow
from storage.simulations import Simulation as Row

_DAY = 24 * 3600 * 1000


def _version(row: PolicyRow, now: int, *, whole: bool = False) -> Version:
    return Version(
        version=row.version,
        state="draft" if row.state == "draft" else "applied",
        in_force=row.version == now,
        digest=row.digest,
        parent=row.parent,
        author=row.author,
        message=row.message,
        approvals=[Approval(who=str(one["who"]), at=moment(one["at"])) for one in row.approvals],
        created_at=moment(row.created_at) if row.created_at else None,
        applied_at=moment(row.applied_at) if row.applied_at else None,
        document=row.document if whole else None,
    )


def _shown(tx: Tx, row: PolicyRow) -> Version:
    return _version(row, actions.in_force(tx).version, whole=True)


def in_force(tx: Tx, call: Call) -> Version:
    """The policy in force; version 0 is the one without rules."""
    return _shown(tx, actions.in_force(tx))


def history(tx: Tx, call: Call, query: Paged) -> Page[Version]:
    """Every version, newest first, drafts as well."""
    now = actions.in_force(tx).version
    found = [row for row in policies.newest(tx, 1_000) if query.at is None or row.version < query.at]
    page = found[: query.limit]
    more = str(page[-1].version) if len(found) > query.limit else None
    return Page(items=[_version(row, now) for row in page], next=more)


def version(tx: Tx, call: Call) -> Version:
    """One version, with its document."""
    return _shown(tx, actions.version(tx, call.ids["version"]))


async def _check_first(site: Site, caller: Caller | None, body: Text | Draft) -> None:
    """A large document takes seconds to check, which no unit of work should: it is at hand then."""
    await asyncio.to_thread(check_document, body.document)


async def _merged(site: Site, caller: Caller | None, body: List) -> Merged:
    return await asyncio.to_thread(_merge, body)


def check(tx: Tx, call: Call, body: Text) -> Checked:
    """Check a document: whether it can be read, passes its own tests, and what in it can never count. Nothing is saved."""
    found = check_document(body.document)
    return Checked(
        fine=found.fine,
        digest=found.digest,
        rules=list(found.rules),
        tests=found.tests,
        findings=[Finding(kind=one.kind, line=one.line, text=one.text, mend=one.mend) for one in found.findings],
    )


def merge(tx: Tx, call: Call, body: List) -> Merged:
    """Put the rules of a list into a document, with where they came from, in the place of those that came from there before."""
    made: Merged = call.found
    return made


def _merge(body: List) -> Merged:
    found = imports.draft(body.list, body.source)
    return Merged(
        document=imports.merged(body.document, found.text),
        rules=found.rules,
        problems=[Finding(kind="warning", line=one.line, text=one.text, mend=one.mend) for one in found.problems],
    )


def draft(tx: Tx, call: Call, body: Draft) -> Version:
    """Save a document as a draft, which does not count yet."""
    row = actions.save_draft(tx, call.site, call.me.username, body.document, body.comment, parent=body.parent)
    return _shown(tx, row)


def apply(tx: Tx, call: Call, body: Draft) -> Version:
    """Save a document and let it count from now on."""
    row = actions.apply(tx, call.site, call.me.username, body.document, body.comment, parent=body.parent)
    return _shown(tx, row)


def approve(tx: Tx, call: Call) -> Version:
    """Approve a draft of somebody else."""
    return _shown(tx, actions.approve(tx, call.site, call.me.username, call.ids["version"]))


def apply_draft(tx: Tx, call: Call, body: Said) -> Version:
    """Let a draft count from now on."""
    row = actions.apply_version(tx, call.site, call.me.username, call.ids["version"], body.comment)
    return _shown(tx, row)


def rollback(tx: Tx, call: Call, body: Said) -> Version:
    """Let the document of an earlier version count again, as a new version."""
    return _shown(tx, actions.rollback(tx, call.site, call.me.username, call.ids["version"], body.comment))


def diff(tx: Tx, call: Call, query: Compared) -> Difference:
    """What differs between two versions."""
    found = versions.diff(tx, query.a, query.b)
    return Difference(
        before=found.before,
        after=found.after,
        text=found.text,
        added=list(found.added),
        removed=list(found.removed),
        changed=list(found.changed),
        moved=found.moved,
    )


def blame(tx: Tx, call: Call) -> list[Blame]:
    """Which version brought each rule that is in force now."""
    return [
        Blame(rule=one.rule, version=one.version, author=one.author, at=moment(one.at), message=one.message)
        for one in versions.blame(tx)
    ]


async def _simulated(site: Site, caller: Caller | None, body: Trial) -> Row:
    since = site.clock() - body.days * _DAY
    return await simulating.simulate(site, known(caller).me.username, body.document, since=since)


def simulate(tx: Tx, call: Call, body: Trial) -> Simulation:
    """Replay what came and went lately under a document that is not in force, and keep what that found."""
    found: Row = call.found
    return _simulation(found)


def simulation(tx: Tx, call: Call) -> Simulation:
    """What a simulation found."""
    row = simulations.by_id(tx, call.ids["id"])
    if row is None:
        raise NotFound("There is no such simulation.")
    return _simulation(row)


def _simulation(row: Row) -> Simulation:
    return Simulation(
        id=str(row.id),
        digest=row.digest,
        against=row.against,
        since=moment(row.since),
        who=row.who,
        at=moment(row.at),
        result=row.result,
    )


def explain(tx: Tx, call: Call, query: Asked) -> list[Explained]:
    """What was decided upon an activity, newest first, or about a host, and what a public post from there would meet now."""
    return [_explained(one) for one in explaining.explained(tx, call.site, query.of)]


def _explained(one: explaining.Explained) -> Explained:
    given, again, facts = one.given, one.again, one.facts
    return Explained(
        at=moment(facts.at),
        direction=facts.direction,
        host=facts.host,
        activity=facts.activity,
        activity_id=facts.activity_id,
        verdict=given.verdict if given is not None else again.verdict.value,
        code=given.code if given is not None else again.code,
        text=again.text,
        rule=given.rule if given is not None else again.rule,
        effects=list(given.effects if given is not None else again.effects),
        policy=given.policy if given is not None else again.policy,
        author=one.author,
        approved_by=list(one.approvers),
        given=given is not None,
        same=one.same,
        steps=[Step(rule=each.rule, matched=each.matched, why=each.why, effect=each.effect) for each in one.steps],
    )


def _operation(method: str, path: str, unit: Any, **more: Any) -> Operation:
    wanted = ("admin:read",) if method == "GET" or more.get("reads") else ("admin:write",)
    return Operation(method=method, path=path, unit=unit, tag="policy", scopes=wanted, admin=True, **more)


OPERATIONS = [
    _operation("GET", "/policy", in_force),
    _operation("PUT", "/policy", apply, before=_check_first, refuses=(409,)),
    _operation("POST", "/policy/check", check, before=_check_first, reads=True),
    _operation("POST", "/policy/import", merge, before=_merged, reads=True),
    _operation("GET", "/policy/versions", history),
    _operation("POST", "/policy/versions", draft, before=_check_first, refuses=(409,)),
    _operation("GET", "/policy/versions/{version}", version),
    _operation("POST", "/policy/versions/{version}/approve", approve),
    _operation("POST", "/policy/versions/{version}/apply", apply_draft, refuses=(409,)),
    _operation("POST", "/policy/versions/{version}/rollback", rollback, refuses=(409,)),
    _operation("GET", "/policy/diff", diff, refuses=(404,)),
    _operation("GET", "/policy/blame", blame),
    _operation("GET", "/policy/explain", explain),
    _operation("POST", "/policy/simulations", simulate, before=_simulated),
    _operation("GET", "/policy/simulations/{id}", simulation),
]
