"""What `fedi doctor` looks at for bad days: what waits and for how long, who floods us, which peers fail, whether the clock is
right. Each with what to do."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fedi.cli.console import timestamp
from fedi.cli.doctor_clients import Finding

if TYPE_CHECKING:
    from fedi.context import Site
    from storage.metadata import Tx

_LATE_MS = 5 * 60 * 1000
_HOUR = 3600 * 1000
_LOOKED_AT = 5000
"""The newest rows of a table that are looked at, however many there are."""
_REFUSED = 100
"""Refusals of one host within an hour that are worth a word; of one sender so many a minute are kept at most."""
_SOON_MS = 10 * 60 * 1000
_DATES = 3
_ASKED = 6
_SECONDS = 5.0
_BROKEN_MS = 5 * 60 * 1000
"""A clock that is wrong by so much makes strict servers refuse our signatures (RFC 9421 section 7.2.2 leaves it to them)."""


def of_queues(tx: "Tx", site: "Site") -> Iterator[Finding]:
    """What waits for longer than it should."""
    from storage import jobs, links, received

    now = site.clock()
    oldest = received.oldest_due(tx, now)
    if oldest is not None and oldest < now - _LATE_MS:
        yield Finding(
            "look",
            "worker",
            f"something received at {timestamp(oldest)} still waits, one of {received.totals(tx).get('new', 0)}; does "
            "«fedi serve» or «fedi worker» run, and is it busy with something (its log)?",
        )
    failed = received.totals(tx).get("failed", 0)
    if failed:
        yield Finding("look", "received", f"{failed} activities were given up; «fedi received list --state failed»")
    late = jobs.oldest_due(tx, now)
    if late is not None and late < now - _LATE_MS:
        yield Finding("look", "jobs", f"a job that was due at {timestamp(late)} still waits; does a worker run?")
    everyone = links.everyone(tx)
    waiting = [link for link in everyone if link.wanted > link.cursor]
    stuck = [link for link in waiting if link.failures > 2]
    if stuck:
        hosts = "; ".join(f"{link.host}: {(link.problem or '')[:80]}" for link in stuck[:5])
        yield Finding("look", "delivery", f"{len(stuck)} hosts don't take what we send ({hosts}); «fedi delivery list»")
    closed = [link.host for link in waiting if link.state == "suspended"]
    if closed:
        text = f"{len(closed)} hosts refused so often that nothing is sent any more ({', '.join(closed[:5])}); "
        yield Finding(
            "look", "delivery", f"{text}«fedi delivery show HOST» says why, «fedi delivery retry HOST» begins again"
        )
    held = [
        link
        for link in waiting
        if link.failures == 0 and link.state == "open" and link.next_attempt_at < now - _LATE_MS
    ]
    if held:
        since = timestamp(min(link.next_attempt_at for link in held))
        yield Finding(
            "look",
            "delivery",
            f"{len(held)} hosts that answer wait for what we send, since {since}; does a worker run?",
        )


def of_floods(tx: "Tx", site: "Site") -> Iterator[Finding]:
    """Who sends more than anybody should: what is refused, and what is taken."""
    from storage import decisions, received

    now = site.clock()
    lately = [one for one in decisions.newest(tx, _LOOKED_AT) if one.created_at > now - _HOUR and one.direction == "in"]
    for host, number in Counter(one.host for one in lately).most_common(3):
        if number >= _REFUSED:
            [(code, _)] = Counter(one.code for one in lately if one.host == host).most_common(1)
            if code == "too-much-waiting":
                yield Finding(
                    "look",
                    "flood",
                    f"so much of {host} waits to be worked out that what it sends is refused; does «fedi serve» or «fedi worker» "
                    f"run? If it does, and nobody here wants so much of it: «fedi peer block {host}»",
                )
                continue
            yield Finding(
                "look",
                "flood",
                f"at least {number} activities in the name of {host or 'nobody'} were refused within the last hour, mostly "
                f"as {code}; if it does not end: «fedi peer block {host}», or close its address at the proxy",
            )
    dated = {one.host for one in lately if one.code == "bad-date"}
    if len(dated) >= _DATES:
        yield Finding(
            "look",
            "clock",
            f"signatures of {len(dated)} servers were refused for their date within the last hour; is our clock right?",
        )
    came = received.newest_hosts(tx, _LOOKED_AT)
    for host, number, first in came[:1]:
        if number > _LOOKED_AT // 2 and first > now - _SOON_MS:
            yield Finding(
                "look",
                "flood",
                f"{number} of the newest {_LOOKED_AT} activities, all since {timestamp(first)}, are of {host}. They take turns "
                f"with those of others; if nobody here wants them: «fedi peer block {host}»",
            )


def of_clock(tx: "Tx", site: "Site") -> Iterator[Finding]:
    """Whether anything here is of the future."""
    from storage import ids

    ahead = ids.time_of(ids.newest(tx)) - site.clock()
    if ahead > _LATE_MS // 5:
        yield Finding(
            "look",
            "clock",
            f"the newest thing in the database is {ahead // 60_000} minutes ahead of the clock: it was ahead, or is behind now; "
            "let the system set it (timedatectl set-ntp true)",
        )


def of_peers_clocks(site: "Site", hosts: list[str]) -> Iterator[Finding]:
    """What the clocks of some peers say of ours; they are asked for their nodeinfo, as any server does now and then."""
    off = asyncio.run(_ask(site, hosts))
    if off is None:
        return
    if abs(off) < 60_000:
        yield Finding("fine", "clock", f"the same as that of our peers, within {abs(off) // 1000 + 1} s")
        return
    side = "behind" if off > 0 else "ahead of"
    yield Finding(
        "broken" if abs(off) >= _BROKEN_MS else "look",
        "clock",
        f"ours is {abs(off) // 1000} s {side} those of our peers, who refuse signatures when it differs too much; let the system "
        "set it (timedatectl set-ntp true)",
    )


def peers_that_answer(tx: "Tx") -> list[str]:
    """Hosts that took something from us lately."""
    from storage import links

    answered = [link for link in links.everyone(tx) if link.last_success_at is not None and not link.failures]
    answered.sort(key=lambda link: -(link.last_success_at or 0))
    return [link.host for link in answered[:_ASKED]]


async def _ask(site: "Site", hosts: list[str]) -> int | None:
    from federation import discovery
    from federation.errors import FederationError

    async def ask(host: str) -> None:
        with contextlib.suppress(FederationError, TimeoutError):
            async with asyncio.timeout(_SECONDS):
                await discovery.nodeinfo(site.client, host)

    try:
        await asyncio.gather(*(ask(host) for host in hosts))
        return site.client.dates.off(site.clock(), fewest=1)
    finally:
        await site.client.close()
