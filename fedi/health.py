"""How well a peering works, as it can be read from what this instance knows: for admins, alarms and figures.

A colour with its reasons in words; whatever is not known is None. What the peer itself says of us (`/peering/status`) is
compared with what we know: where the two differ, something was lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from federation.peering.probing import NAMES
from federation.peering.sequence import Arrived, missing
from fedi.context import Site
from storage import (
    actors,
    agreements,
    audiences,
    decisions,
    delivered,
    keys,
    links,
    peers,
    probes,
    sequences,
    troubles,
)
from storage.metadata import Tx
from storage.peers import Peer
from storage.sequences import Heard

HOUR = 3_600_000
DAY = 24 * HOUR
OVERTAKEN = 10 * 60_000
"""A number that is missing for less may only have been overtaken (ms)."""
LATE, TOO_LATE = 5 * 60, 6 * 3600
"""Seconds that the oldest delivery waits: from here on it is looked at, from here on it is bad."""
SKEW = 60_000
ENDING, ENDING_SOON = 30, 7
SHARE = 0.95
FEW = 20
"""Of fewer deliveries no part is reckoned with."""
STATUS_AGE = 26 * HOUR
_MOST = 10_000

Colour = Literal["green", "yellow", "red", "grey"]
"""As it should be; look at it; something is wrong or lost; nothing was agreed or nothing is known."""


@dataclass(frozen=True, slots=True)
class Health:
    """How a peering is; times in ms since 1970, ages as their names say.

    `words` say why it has its colour, the worst first. `lag_seconds` is how long the oldest of what waits has waited, `queue` how
    much waits (counted to 10,000), of which `kept` tells whether it waits by our own wish. `success_*` is the part of deliveries
    that was taken (None: nothing was sent), `quick`, `usual` and `slow` how many of the last day were answered within 0.2 s, a
    second, or later. `missing_in` are numbers that never came, (first, last); `missing_out` those that the peer lacks. Refusals are
    counted by reason code over a day.
    """

    host: str
    stance: str
    tier: str
    colour: Colour
    words: tuple[str, ...]
    software: str | None
    version: str | None
    one_sided: bool
    lag_seconds: int
    queue: int
    kept: str | None
    failures: int
    problem: str | None
    success_hour: float | None
    success_day: float | None
    sent_day: int
    quick: int
    usual: int
    slow: int
    last_in: int | None
    last_out: int | None
    clock_skew_ms: int | None
    key_age_days: int | None
    agreement: str | None
    agreement_state: str | None
    agreement_days_left: int | None
    suspended_until: int | None
    probes: Mapping[str, str]
    probed_at: int | None
    refused_in: Mapping[str, int]
    refused_out: Mapping[str, int]
    sent_number: int
    sent_epoch: int
    heard_number: int | None
    heard_epoch: int | None
    missing_in: tuple[tuple[int, int], ...]
    missing_out: tuple[tuple[int, int], ...]
    status: Mapping[str, Any] | None
    status_at: int | None
    troubles: int


def of_peer(tx: Tx, site: Site, host: str) -> Health | None:
    """The health of the peering with `host`; None for a host that was never met."""
    peer = peers.by_host(tx, host)
    if peer is None:
        return None
    now = site.clock()
    link = links.by_host(tx, host)
    start = link.cursor if link is not None else 0
    if link is not None and link.kept_from is not None:
        start = min(start, link.kept_from)
    waiting = audiences.due_to(tx, host, start, _MOST) if link is not None and start < link.wanted else []
    hour, day = delivered.since(tx, host, now - HOUR, now), delivered.since(tx, host, now - DAY, now)
    agreement = agreements.in_force(tx, host)
    ends = [one for one in (agreement.ends_at, agreement.notice_at) if one is not None] if agreement else []
    heard = sequences.heard(tx, host)
    probed = probes.latest(tx, host)
    ours = [one for one in troubles.newest(tx, 100, host) if one.created_at > now - DAY]
    pinned = keys.of_owner(tx, peer.instance_actor) if peer.instance_actor else []
    found = Health(
        host=host,
        stance=peer.stance,
        tier=peer.tier,
        colour="grey",
        words=(),
        software=peer.software,
        version=peer.version,
        one_sided=peer.one_sided,
        lag_seconds=max(0, now - waiting[0].created_at) // 1000 if waiting else 0,
        queue=len(waiting),
        kept=_kept(peer),
        failures=link.failures if link is not None else 0,
        problem=link.problem if link is not None else None,
        success_hour=hour.success,
        success_day=day.success,
        sent_day=day.taken + day.failed + day.refused,
        quick=day.quick,
        usual=day.usual,
        slow=day.slow,
        last_in=peer.last_seen_at,
        last_out=link.last_success_at if link is not None else None,
        clock_skew_ms=_skew(site, peer, now),
        key_age_days=max(0, now - min(one.created_at for one in pinned)) // DAY if pinned else None,
        agreement=agreement.iri if agreement is not None else None,
        agreement_state=agreement.state if agreement is not None else None,
        agreement_days_left=max(0, min(ends) - now) // DAY if ends else None,
        suspended_until=peer.suspended_until,
        probes={one.check: one.verdict for one in probed},
        probed_at=max((one.at for one in probed), default=None),
        refused_in=decisions.refused(tx, host, "in", now - DAY, but=_canaries(tx, host)),
        refused_out=decisions.refused(tx, host, "out", now - DAY),
        sent_number=link.sequence if link is not None else 0,
        sent_epoch=link.epoch if link is not None else 0,
        heard_number=heard.last if heard is not None else None,
        heard_epoch=heard.epoch if heard is not None else None,
        missing_in=missing(arrived(heard), now - OVERTAKEN) if heard is not None else (),
        missing_out=_missing_out(peer.status),
        status=peer.status,
        status_at=peer.status_at,
        troubles=len(ours),
    )
    found = _judged(found, now)
    if peer.stance in ("none", "limited") and agreements.awaits_confirmation(tx, host):
        text = f"it has signed, and waits for its key to be confirmed: «fedi peer sign {host} --fingerprint …»"
        return replace(found, colour="yellow", words=(text,))
    return found


def as_fields(health: Health) -> dict[str, Any]:
    """What it says as JSON has it: names as here, pairs as lists."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(health))
    return found


def _kept(peer: Peer) -> str | None:
    """Whether what waits does so by our own wish: because of a suspension, or of terms that are not signed."""
    if peer.stance == "suspended":
        return "suspended"
    return "terms" if peer.paused else None


def _skew(site: Site, peer: Peer, now: int) -> int | None:
    heard = site.client.dates.of(peer.host, now)
    if heard is not None or peer.status is None:
        return heard
    asked = peer.status.get("asked")
    found = asked.get("skewMs") if isinstance(asked, dict) else None
    return found if isinstance(found, int) else None


def arrived(heard: Heard) -> Arrived:
    """What arrived of a peer, as `federation.peering.sequence` reckons with it."""
    return Arrived(heard.epoch, heard.last, tuple((one[0], one[1], one[2]) for one in heard.gaps if len(one) == 3))


def _missing_out(status: Mapping[str, Any] | None) -> tuple[tuple[int, int], ...]:
    """The numbers of ours that the peer says are missing, as far as it had them when it was asked."""
    if status is None:
        return ()
    found = [
        (one[0], one[1])
        for one in status.get("gaps", ())
        if isinstance(one, list) and len(one) == 2 and all(isinstance(number, int) for number in one)
    ]
    return tuple(found[:100])


def differs(status: Mapping[str, Any] | None) -> str | None:
    """What of the peer's own account does not fit ours, in words; None when all does, or nothing is known."""
    asked, last = (status or {}).get("asked"), (status or {}).get("lastReceived")
    if not isinstance(asked, dict) or not isinstance(last, dict):
        return None
    number, sent = last.get("seq"), asked.get("sent")
    if not isinstance(number, int) or not isinstance(sent, int) or last.get("epoch") != asked.get("epoch"):
        return None
    return f"it took {sent} and says that only {number} came" if number < sent else None


def _judged(health: Health, now: int) -> Health:
    """With its colour, and the reasons for it."""
    red: list[str] = []
    yellow: list[str] = []
    if health.stance in ("none", "limited"):
        return replace(health, words=("nothing is agreed with it",))
    if health.stance == "blocked":
        return replace(health, words=("it is blocked",))
    if health.stance == "suspended":
        days = _days(health.suspended_until, now)
        yellow.append(
            "it is suspended" + (f" and ends in {_number(days)} unless it is resumed" if days is not None else "")
        )
    _judge_sending(health, red, yellow)
    _judge_proofs(health, now, red, yellow)
    _judge_agreement(health, red, yellow)
    colour: Colour = "red" if red else "yellow" if yellow else "green"
    return replace(health, colour=colour, words=(*red, *yellow) or ("all is well",))


def _judge_sending(health: Health, red: list[str], yellow: list[str]) -> None:
    if health.kept == "terms":
        yellow.append("what is not public waits until both have signed the new terms")
    elif health.kept is None and health.lag_seconds >= LATE:
        late = f"the oldest of {health.queue} deliveries has waited {_span(health.lag_seconds)}"
        (red if health.lag_seconds >= TOO_LATE else yellow).append(late)
    if health.failures:
        yellow.append(
            f"the last {_number(health.failures, 'try', 'tries')} failed: {health.problem or 'no reason is known'}"
        )
    if health.success_day is not None and health.sent_day >= FEW and health.success_day < SHARE:
        yellow.append(f"it took {health.success_day:.0%} of what was sent in a day")
    if health.troubles:
        yellow.append(f"{_number(health.troubles, 'delivery', 'deliveries')} of a day ended without being taken")
    if health.refused_in:
        number = sum(health.refused_in.values())
        yellow.append(f"{number} of what it sent was refused in a day: {_codes(health.refused_in)}")


def _judge_proofs(health: Health, now: int, red: list[str], yellow: list[str]) -> None:
    if health.missing_in:
        red.append(f"{_count(health.missing_in)} of what it sent never came")
    if health.missing_out:
        red.append(f"it says that {_count(health.missing_out)} of what we sent never came")
    found = differs(health.status)
    if found is not None:
        red.append(found)
    if health.clock_skew_ms is not None and abs(health.clock_skew_ms) >= SKEW:
        yellow.append(f"its clock is {_span(abs(health.clock_skew_ms) // 1000)} off")
    failed = sorted(check for check, verdict in health.probes.items() if verdict == "failed")
    if failed:
        red.append(f"it failed the checks {', '.join(failed)}")
    if health.stance == "agreed" and not health.one_sided and health.status_at is not None:
        age = now - health.status_at
        if age > STATUS_AGE:
            yellow.append(f"it has not told its own account for {_span(age // 1000)}")


def _judge_agreement(health: Health, red: list[str], yellow: list[str]) -> None:
    left = health.agreement_days_left
    if left is not None and left <= ENDING:
        text = f"the agreement ends in {_number(left)}"
        (red if left <= ENDING_SOON else yellow).append(text)
    if health.agreement_state == "notice":
        yellow.append("notice was given")
    if health.one_sided:
        yellow.append("it was agreed by us alone: its server does not speak of peering")


def _number(number: int, one: str = "day", several: str = "days") -> str:
    return f"{number} {one if number == 1 else several}"


def _days(until: int | None, now: int) -> int | None:
    return None if until is None else max(0, until - now) // DAY


def _count(gaps: tuple[tuple[int, int], ...]) -> int:
    return sum(last - first + 1 for first, last in gaps)


def _canaries(tx: Tx, host: str) -> list[str]:
    """By whom a peer tried us: what is refused of them was sent to be refused."""
    return [one.iri for one in actors.called(tx, NAMES, host) if one.kind == "Application"]


def _codes(refused: Mapping[str, int]) -> str:
    return ", ".join(f"{code} {number}" for code, number in sorted(refused.items()))


def _span(seconds: int) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} seconds"
