"""The job `probe`: try a peer with canaries, step by step, as each step waits for what the peer does (`federation.peering.probing`).

ask -> follows -> accepted -> posted -> forged -> deleted, then `fedi.actions.probes.finish`. A step that was done is written
down, so that a trial goes on where it was when a worker dies. What a step waits for in vain becomes `unknown`, or `failed`
where waiting was the question.
"""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

import msgspec

from federation.errors import FederationError
from federation.fields import Json, id_of
from federation.hosts import same_origin, web_url
from federation.peering.probing import CHECKS, Answer, Finding, forged_update, forgets_deleted, note
from federation.peering.probing import unsigned_fetch as judge_unsigned
from federation.peering.probing import waits_for_accept as judge_waiting
from federation.signatures.keys import PrivateKey
from federation.webfinger import ACTIVITY_JSON
from fedi import fetching
from fedi.actions import canaries, probes
from fedi.actions import follows as follow_actions
from fedi.actions.canaries import Canaries
from fedi.context import Site
from fedi.errors import Problem
from fedi.worker.later import Later
from fedi.worker.trying import Run, word
from storage import actors, follows, trials
from storage.metadata import Tx
from storage.trials import Trial

PAUSE = 10_000
"""Ms between two looks at a peer at most; the first come sooner."""
SOON = 500
BOUND = 10 * 60_000
"""Ms that a step waits: also how long a peer may take to forget what was deleted."""

_NOT_TRIED = Finding("").text


class _Wait(Exception):
    """The peer has not come so far yet."""


async def probe(site: Site, payload: dict[str, Any]) -> None:
    """Go on with the trial of a peer, or begin one; raises Later while it waits for the peer."""
    host = str(payload["host"])
    ours = await canaries.ready(site)
    trial = await site.db.read(lambda tx: trials.by_host(tx, host))
    if trial is None:
        now = site.clock()
        trial = begun = Trial(host, str(payload.get("why") or "asked for"), "ask", now, {}, now)
        await site.db.write(lambda tx: trials.begin(tx, begun))
    while True:
        run = _run_of(site, trial, ours)
        try:
            following = await STEPS[trial.step](run)
        except (_Wait, FederationError, Problem) as problem:
            if not run.late:
                waited = site.clock() - trial.since
                again = min(PAUSE, max(SOON, waited // 2))
                raise Later(site.clock() + again, f"{trial.step}: {problem}") from problem
            _nothing_more(run, f"it came no further: {problem}")
            following = ""
        if not following:
            await run.end(trial.why)
            return
        state = run.state | {"findings": {name: asdict(one) for name, one in run.findings.items()}}
        trial = Trial(host, trial.why, following, site.clock(), state, trial.began_at)
        await _written(site, trial)


async def _written(site: Site, trial: Trial) -> None:
    await site.db.write(lambda tx: trials.change(tx, trial.host, step=trial.step, since=trial.since, state=trial.state))


def _run_of(site: Site, trial: Trial, ours: Canaries) -> Run:
    known = trial.state.get("findings", {})
    findings = {name: Finding(**known[name]) if name in known else Finding(name) for name in CHECKS}
    return Run(site, trial.host, ours, dict(trial.state), site.clock() - trial.since >= BOUND, findings)


def _nothing_more(run: Run, why: str) -> None:
    for finding in run.findings.values():
        if finding.text == _NOT_TRIED:
            finding.text = why[:500]


async def _ask(run: Run) -> str:
    """Find the peer's canaries, and follow the guest."""
    site = run.site
    instance, address = await run.address()
    if address is None:
        await _plain(run, instance)
        return ""
    try:
        answer = await run.look(address, None)
    except FederationError as problem:
        if problem.retry:
            raise
        _nothing_more(run, f"it does not let itself be tried: {problem.text}")
        return ""
    guest, stranger = [await fetching.actor(site, one) for one in (answer.guest, answer.stranger)]
    if guest.kind != "Application" or stranger.kind != "Application":
        _nothing_more(run, "what it names as its canaries are people or groups, who are not for trying")
        return ""

    def unit(tx: Tx) -> None:
        run.put_out(tx)  # what a trial left that was broken off
        follow_actions.unfollow(tx, site, run.ours.asker, guest)
        follow_actions.follow(tx, site, run.ours.asker, guest)

    await site.db.write(unit)
    run.state |= {"address": address, "guest": answer.guest, "stranger": answer.stranger, "note": answer.note}
    run.state["inbox"] = guest.inbox
    return "follows"


async def _follows(run: Run) -> str:
    """Wait until both follow our asker; accept the guest alone."""
    site, state = run.site, run.state

    def unit(tx: Tx) -> bool:
        guest, stranger = actors.by_iri(tx, state["guest"]), actors.by_iri(tx, state["stranger"])
        if guest is None or stranger is None:
            return False
        accepted = follows.find(tx, run.ours.asker.id, guest.id)
        asked, other = (follows.find(tx, one.id, run.ours.asker.id) for one in (guest, stranger))
        if asked is None or other is None or accepted is None or accepted.state != "accepted":
            return False
        if asked.state != "accepted":
            follow_actions.accept(tx, site, asked)
        return True

    if not await site.db.write(unit):
        raise _Wait("its canaries do not follow ours yet")
    return "accepted"


async def _accepted(run: Run) -> str:
    """Wait until the guest knows that it was accepted; then send what is for followers."""
    asker = run.ours.asker
    answer = await run.look(run.state["address"], asker.iri)
    if dict(answer.follows).get(answer.guest) != "accepted":
        raise _Wait("its guest does not know yet that it was accepted")
    now, said = run.site.clock(), word()
    first = note(run.new_iri(), asker.iri, asker.followers or "", said, now)
    await run.send("waits-for-accept", "Create", first)
    run.state |= {"first": first, "said": said, "at": now}
    return "posted"


async def _posted(run: Run) -> str:
    """See who sees it, and whether what is restricted is given to unsigned questions; then send forgeries."""
    answer = await run.look(run.state["address"], run.state["first"]["id"], "waits-for-accept")
    run.judge("waits-for-accept", judge_waiting(answer))
    if not answer.seen_by and not run.late:
        raise _Wait("the post did not arrive yet")
    await _unsigned(run, answer)
    if not answer.kept:
        _nothing_more(run, "our post did not arrive there")
        return ""
    await _forge(run)
    return "forged"


async def _unsigned(run: Run, answer: Answer) -> None:
    """Ask for the guest's note with and without a signature, and for our own post where everybody may look."""
    theirs = run.state["note"]
    words = await run.note_says("unsigned-fetch")
    shown = []
    for url, accept in (
        (theirs, ACTIVITY_JSON),
        (theirs, "text/html"),
        (f"{run.state['guest']}/outbox", ACTIVITY_JSON),
    ):
        text = await run.unsigned(url, accept) if words is not None else None
        if words is not None and text is not None and words in text:
            shown.append(url)
    api = f"{theirs.partition('://')[0]}://{run.host}/api/v1/accounts/"
    account = await run.unsigned(f"{api}lookup?acct={quote(run.ours.asker.handle, safe='')}", "application/json")
    number: Any = None
    with contextlib.suppress(msgspec.DecodeError):
        number = id_of(msgspec.json.decode(account or "null"))
    listed = await run.unsigned(f"{api}{quote(number, safe='')}/statuses", "application/json") if number else None
    leaked = answer.anyone or (listed is not None and run.state["said"] in listed)
    run.judge("unsigned-fetch", judge_unsigned(signed=words is not None, shown=shown, leaked=leaked))


async def _forge(run: Run) -> None:
    """Change the post truly, then in three false ways, then send another one: when that is there, all before it were read."""
    check, ours, first, at = "forged-update", run.ours, run.state["first"], run.state["at"]
    before, true, forged = await run.note_says(check), word(), word()
    followers = ours.asker.followers or ""

    def changed(iri: str, author: str, text: str, seconds: int) -> Json:
        return note(iri, author, followers, text, at, updated=at + 1000 * seconds)

    await run.send(check, "Update", changed(first["id"], ours.asker.iri, true, 1))
    false_key = PrivateKey((await run.key(ours.asker)).id, (await run.key(ours.stranger)).key)
    await run.send(check, "Update", changed(first["id"], ours.asker.iri, forged, 2), key=false_key)
    own_key = await run.key(ours.stranger)
    await run.send(check, "Update", changed(first["id"], ours.asker.iri, forged, 3), by=ours.stranger, key=own_key)
    own_key = await run.key(ours.asker)
    await run.send(check, "Update", changed(run.state["note"], run.state["guest"], forged, 4), key=own_key)
    second = note(run.new_iri(), ours.asker.iri, followers, word(), run.site.clock())
    await run.send(check, "Create", second)
    run.state |= {"second": second, "true": true, "forged": forged, "before": before}


async def _forged(run: Run) -> str:
    """See what the forgeries changed; then delete both posts."""
    state, check = run.state, "forged-update"
    last = await run.look(state["address"], state["second"]["id"], check)
    if not last.kept and not run.late:
        raise _Wait("what was sent after the forgeries did not arrive yet")
    answer = await run.look(state["address"], state["first"]["id"], check)
    own = await run.note_says(check)
    run.judge(check, forged_update(answer.says, state["true"], state["forged"], own, state["before"] or "\0"))
    for one in (state["first"], state["second"]):
        await run.send("forgets-deleted", "Delete", {"id": one["id"], "type": "Tombstone"})
    return "deleted"


async def _deleted(run: Run) -> str:
    """Wait until neither is there any more."""
    kept = []
    for one in (run.state["first"], run.state["second"]):
        answer = await run.look(run.state["address"], one["id"], "forgets-deleted")
        if answer.kept or answer.anyone or answer.seen_by:
            kept.append(one["id"])
    if kept and not run.late:
        raise _Wait("what was deleted is still there")
    run.judge("forgets-deleted", forgets_deleted(kept, BOUND // 60_000))
    return ""


async def _plain(run: Run, instance: Json) -> None:
    """What can be seen of a server that has no canaries: whether it takes an Update whose signature does not fit."""
    endpoints = instance.get("endpoints")
    shared = endpoints.get("sharedInbox") if isinstance(endpoints, dict) else None
    inbox = web_url(shared) or web_url(instance.get("inbox"))
    if inbox is not None and same_origin(inbox, str(instance.get("id"))):
        run.state["inbox"] = inbox
        ours = run.ours
        forged = note(run.new_iri(), ours.asker.iri, ours.asker.followers or "", word(), run.site.clock())
        false_key = PrivateKey((await run.key(ours.asker)).id, (await run.key(ours.stranger)).key)
        status = await run.send("forged-update", "Update", forged, key=false_key)
        if status in (400, 401, 403):
            run.judge("forged-update", ("passed", f"an Update whose signature does not fit is refused with {status}"))
        else:
            run.judge(
                "forged-update",
                ("unknown", "it does not refuse what is signed falsely at its door, which may be later"),
            )
    _nothing_more(run, "it has no canaries, and other people's posts are not for trying")


STEPS: dict[str, Callable[[Run], Awaitable[str]]] = {
    "ask": _ask,
    "follows": _follows,
    "accepted": _accepted,
    "posted": _posted,
    "forged": _forged,
    "deleted": _deleted,
}
"""Each step -> what does it and says which comes next; nothing when the trial is over."""


async def probe_those_due(site: Site, payload: dict[str, Any]) -> None:
    """The job `probes`: ask for the trials that are due."""

    def unit(tx: Tx) -> None:
        for host, why in probes.due(tx, site.clock()):
            probes.wanted(tx, site, host, why)

    await site.db.write(unit)
