"""How an agreement between two institutions comes into force, changes and ends: what each side does and hears, step by step.

Two of these machines, one on each side, come to the same however their messages are doubled, reordered or late, since
every message names what it is about, and:

* an agreement is in force where both signed the same bytes and its time has come; a new version replaces the one before when
  both signed, not sooner;
* of two offers that cross (glare) the one whose id has the lower SHA-256 stands;
* of what one side offered only the newest is open, and what was withdrawn or refused stays so. Who hears of a signature under
  what is no longer open says again that it is withdrawn, and then the version before is in force on both sides;
* a suspension holds for all that is between the two, until who made it ends it; the newest word of a side counts.

Everything here is a value: no clock, no database.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from federation.fields import as_objects
from federation.peering.agreement import is_agreement
from federation.peering.state import BOTH, OPEN, Move, Refusal, Side, State, Step, Version

__all__ = ["BOTH", "OPEN", "TYPES", "Move", "Refusal", "Side", "State", "Step", "Version", "is_peering", "step", "wins"]

TYPES = frozenset({"Offer", "TentativeAccept", "Accept", "Reject", "Update", "Undo"})
"""The activities that messages about agreements are."""


def is_peering(activity_type: str, document: Mapping[str, Any]) -> bool:
    """Whether an activity is a message about an agreement: by what is embedded in it, so that it can be told before anything is
    known of who sent it."""
    if activity_type not in TYPES:
        return False
    objects = as_objects(document.get("object"))[:1]
    inner = [one for found in objects for one in as_objects(found.get("object"))[:1]]
    return any(is_agreement(one) for one in (*objects, *inner, *as_objects(document.get("result"))[:1]))


def step(state: State, move: Move, now: int) -> Step:
    """Make a move at `now` (ms)."""
    made = _MOVES[move.kind](state, move, now)
    before = {one.iri: one for one in state.versions}
    return replace(made, changed=tuple(one for one in made.state.versions if before.get(one.iri) != one))


def _offer(state: State, move: Move, now: int) -> Step:
    new = move.version
    if new is None:
        raise ValueError("an offer needs its version")
    known = state.of_offer(new.offer)
    if known is not None:
        return _offered_again(state, move, known, new)
    if state.of_iri(new.iri) is not None:
        return _no(state, "altered", f"{new.iri} is known already, from another offer: a version never changes")
    if new.ends is not None and new.ends <= now:
        return _no(
            state, "over", "the agreement that is offered is over already; if it should not be, compare the clocks"
        )
    if new.number <= max((one.number for one in state.versions if one.by == new.by), default=0):
        return _no(state, "old-version", f"version {new.number} is not newer than what was offered before")
    if new.replaces is not None and state.of_iri(new.replaces) is None:
        return _no(state, "unknown-version", f"it replaces {new.replaces}, which is not known here")
    rivals = [one for one in state.open_by(_other(new.by)) if one.replaces == new.replaces]
    if rivals and move.by == "ours":
        return _no(state, "answer-first", "they have offered an agreement: sign or refuse that one first")
    answers: list[tuple[str, str]] = []
    for older in state.open_by(new.by):
        state = _with(state, replace(older, state="withdrawn"))
        if move.by == "ours":
            answers.append(("withdraw", older.offer))
    if move.by == "ours":
        state = _add(state, replace(new, signed=frozenset({"ours"})))
        return _anew(state, Step(state, (*answers, ("offer", new.offer))), new)
    new = replace(new, signed=frozenset({"theirs"}))
    for rival in rivals:
        if wins(rival.offer, new.offer):
            lost = replace(new, state="withdrawn")
            return Step(_add(state, lost), (*answers, ("refuse", new.offer), ("offer", rival.offer)))
        # Said as well, since they may have heard of ours when theirs was off already.
        state = _with(state, replace(rival, state="withdrawn"))
        answers.append(("withdraw", rival.offer))
    return Step(_add(state, new), tuple(answers))


def _offered_again(state: State, move: Move, known: Version, new: Version) -> Step:
    if known.digest != new.digest or known.by != new.by:
        return _no(state, "altered", f"the offer {new.offer} came before with another agreement")
    if move.by == "ours":
        return _no(state, "known", "this is offered already")
    if "ours" in known.signed:
        return Step(state, (("accept", known.offer),))
    return Step(state, (("refuse", known.offer),) if known.state in ("refused", "withdrawn") else ())


def wins(one: str, other: str) -> bool:
    """Whether the offer with the id `one` stands when both were made at once: the lower SHA-256 does."""
    return hashlib.sha256(one.encode()).digest() < hashlib.sha256(other.encode()).digest()


def _review(state: State, move: Move, now: int) -> Step:
    known = state.of_offer(move.offer)
    wrong = _wrong(state, move, known)
    if known is None or wrong is not None:
        return Step(state, refusal=wrong)
    if known.state == "offered":
        state = _with(state, replace(known, state="review"))
    elif move.by == "ours" and known.state not in OPEN:
        return _not_open(state, known)
    return Step(state, (("review", known.offer),) if move.by == "ours" else ())


def _sign(state: State, move: Move, now: int) -> Step:
    known = state.of_offer(move.offer)
    wrong = _wrong(state, move, known)
    if known is None or wrong is not None:
        return Step(state, refusal=wrong)
    if move.digest is not None and move.digest != known.digest:
        return _no(state, "altered", f"what was signed is not what was offered as {known.offer}")
    ours = move.by == "ours"
    if move.by in known.signed:
        return Step(state, (("accept", known.offer),) if ours else ())
    over = known.ends is not None and known.ends <= now
    if not ours and (known.state == "expired" or (known.state in OPEN and over)):
        # Signed in time, heard of too late: they are past the version before, and this one is over on both sides.
        current = state.in_force
        if current is not None and current.iri == known.replaces:
            state = _with(state, replace(current, state="replaced"))
        return Step(_with(state, replace(known, signed=BOTH, state="expired")))
    if known.state not in OPEN:
        if ours:
            return _not_open(state, known)
        # They signed before they heard that it is off: told again, they know.
        return Step(
            state, (("withdraw", known.offer),), Refusal("late", f"it was signed when it was {known.state} here")
        )
    if over:
        return _no(state, "over", "the agreement is over; if it should not be, compare the clocks")
    if ours and (wrong := _out_of_turn(state, known)) is not None:
        return Step(state, refusal=wrong)
    known = replace(
        known, signed=known.signed | {move.by}, trusted=known.trusted or move.trusted or ours, state="review"
    )
    settled = Step(_settled(state, known, now), (("accept", known.offer),) if ours else ())
    return _anew(state, settled, known) if ours else settled


def _anew(before: State, made: Step, about: Version) -> Step:
    """Who offers or signs when nothing is in force begins anew: what they suspended before is over."""
    if before.in_force is not None or "ours" not in before.suspended:
        return made
    state = replace(made.state, suspended=made.state.suspended - {"ours"})
    return Step(state, (*made.answers, ("resume", about.iri)))


def _out_of_turn(state: State, known: Version) -> Refusal | None:
    """Why a version can't be signed now: it replaces another than that in force."""
    current = state.in_force
    if known.replaces is None or (current is not None and known.replaces == current.iri):
        return None
    before = state.of_iri(known.replaces)
    if before is not None and before.state in OPEN:
        return Refusal(
            "not-next", f"it replaces {before.iri}, and their word on that one is not here yet; try again soon"
        )
    if current is not None:
        text = f"it replaces {known.replaces}, but in force is {current.iri}; ask them to offer it again"
        return Refusal("not-next", text)
    return None


def _confirm(state: State, move: Move, now: int) -> Step:
    known = state.of_offer(move.offer)
    if known is None:
        return _no(state, "unknown-offer", f"no offer {move.offer} is known here")
    if known.state not in OPEN or known.signed != BOTH:
        return _no(state, "not-open", "there is nothing that waits for their key to be confirmed")
    return Step(_settled(state, replace(known, trusted=True), now))


def _settled(state: State, known: Version, now: int) -> State:
    """The state with this version, in force if it is signed by both, theirs by a key that is theirs, and begins."""
    if known.signed != BOTH or not known.trusted or (known.starts is not None and known.starts > now):
        return _with(state, known)
    current = state.in_force
    if current is not None and current.iri != known.iri:
        state = _with(state, replace(current, state="replaced"))
    return _with(state, replace(known, state="active"))


def _refuse(state: State, move: Move, now: int) -> Step:
    known = state.of_offer(move.offer)
    wrong = _wrong(state, move, known)
    if known is None or wrong is not None:
        return Step(state, refusal=wrong)
    if known.state not in OPEN:
        return _not_open(state, known) if move.by == "ours" else Step(state)
    state = _with(state, replace(known, state="refused"))
    return Step(state, (("refuse", known.offer),) if move.by == "ours" else ())


def _withdraw(state: State, move: Move, now: int) -> Step:
    known = state.of_offer(move.offer)
    if known is None:
        if move.version is None or state.of_iri(move.version.iri) is not None:
            return _no(state, "unknown-offer", f"no offer {move.offer} is known here")
        # It overtook the offer, which must not be open when it comes.
        return Step(_add(state, replace(move.version, state="withdrawn", signed=frozenset({move.by}))))
    if known.by != move.by:
        return _no(state, "not-yours", "only who made an offer withdraws it")
    off = replace(known, state="withdrawn")
    if move.by == "ours":
        held = known.state == "refused" and known.pause
        if known.state not in OPEN and not held:
            return _not_open(state, known)
        return Step(_with(state, off), (("withdraw", known.offer),))
    if known.state in OPEN:
        return Step(_with(state, off))
    return _taken_back(state, known, off, now)


def _taken_back(state: State, known: Version, off: Version, now: int) -> Step:
    """They withdrew what we had signed already: with them the version before is in force, and so it is here; or is over, if it
    was ended here meanwhile, which they can't know."""
    if "ours" not in known.signed or known.state not in ("active", "expired", "ended"):
        return Step(state)
    state = _with(state, off)
    before = state.of_iri(known.replaces) if known.replaces is not None else None
    if before is None or before.state != "replaced" or (before.ends is not None and before.ends <= now):
        return Step(state)
    if known.state == "ended":
        return Step(_with(state, replace(before, state="ended")), (("end", before.iri),))
    if state.in_force is not None:
        return Step(state)
    if known.notice_at is None:
        return Step(_with(state, replace(before, state="active")))
    at = min(known.notice_at, before.notice_at or known.notice_at)
    return Step(_with(state, replace(before, state="active", notice_at=at)), (("notice", before.iri),))


def _suspend(state: State, move: Move, now: int) -> Step:
    if move.by == "ours":
        current = state.in_force
        if current is None:
            return _no(state, "no-agreement", "there is no agreement in force")
        return Step(replace(state, suspended=state.suspended | {"ours"}), (("suspend", current.iri),))
    return _said(state, move, state.suspended | {"theirs"})


def _resume(state: State, move: Move, now: int) -> Step:
    if move.by == "ours":
        if "ours" not in state.suspended:
            return _no(state, "not-suspended", "it was not suspended here")
        about = state.in_force or state.versions[-1]
        return Step(replace(state, suspended=state.suspended - {"ours"}), (("resume", about.iri),))
    return _said(state, move, state.suspended - {"theirs"})


def _said(state: State, move: Move, suspended: frozenset[Side]) -> Step:
    # It is about all that is between the two, whichever version it names: that one may not be known here yet.
    if not state.versions:
        return _no(state, "unknown-agreement", f"no agreement {move.iri} is known here")
    if move.stamp <= state.heard:
        return Step(state)  # late, or a double
    return Step(replace(state, suspended=suspended, heard=move.stamp))


def _notice(state: State, move: Move, now: int) -> Step:
    known = state.in_force if move.by == "ours" else state.of_iri(move.iri)
    if known is None:
        return _no(state, "unknown-agreement", "there is no such agreement")
    if move.at is None or known.state not in (*OPEN, "active", "replaced"):
        return Step(state)
    at = move.at if known.notice_at is None else min(move.at, known.notice_at)
    state = _with(state, replace(known, notice_at=at))
    return Step(state, (("notice", known.iri),) if move.by == "ours" else ())


def _end(state: State, move: Move, now: int) -> Step:
    if move.by == "theirs":
        known = state.of_iri(move.iri)
        if known is None:
            return _no(state, "unknown-agreement", f"no agreement {move.iri} is known here")
        if known.state not in (*OPEN, "active", "replaced"):
            return Step(state)
        return Step(_with(state, replace(known, state="ended")))
    current = state.in_force
    if current is None:
        return _no(state, "no-agreement", "there is no agreement in force")
    answers = [("end", current.iri)]
    for one in state.versions:
        if one.state in OPEN:
            answers.append(("withdraw" if one.by == "ours" else "refuse", one.offer))
            state = _with(state, replace(one, state="withdrawn" if one.by == "ours" else "refused"))
    return Step(_with(state, replace(current, state="ended")), tuple(answers))


def _tick(state: State, move: Move, now: int) -> Step:
    for one in state.versions:
        over = one.ends is not None and one.ends <= now
        if one.state in OPEN and over:
            state = _with(state, replace(one, state="expired"))
        elif one.state in OPEN and one.signed == BOTH:
            state = _settled(state, one, now)
        elif one.state == "active" and over:
            state = _with(state, replace(one, state="expired"))
        elif one.state == "active" and one.notice_at is not None and one.notice_at <= now:
            state = _with(state, replace(one, state="ended"))
    return Step(state)


_MOVES: Mapping[str, Callable[[State, Move, int], Step]] = {
    "offer": _offer,
    "review": _review,
    "sign": _sign,
    "confirm": _confirm,
    "refuse": _refuse,
    "withdraw": _withdraw,
    "suspend": _suspend,
    "resume": _resume,
    "notice": _notice,
    "end": _end,
    "tick": _tick,
}


def _wrong(state: State, move: Move, known: Version | None) -> Refusal | None:
    """What speaks against an answer to an offer."""
    if known is None:
        return Refusal("unknown-offer", f"no offer {move.offer} is known here")
    if known.by == move.by:
        return Refusal("own-offer", "nobody answers their own offer")
    return None


def _no(state: State, code: str, text: str) -> Step:
    return Step(state, refusal=Refusal(code, text))


def _not_open(state: State, known: Version) -> Step:
    return _no(state, "not-open", f"the offer is {known.state}")


def _other(side: Side) -> Side:
    return "theirs" if side == "ours" else "ours"


def _with(state: State, version: Version) -> State:
    return replace(state, versions=tuple(version if one.iri == version.iri else one for one in state.versions))


def _add(state: State, version: Version) -> State:
    return replace(state, versions=(*state.versions, version))
