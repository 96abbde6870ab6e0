"""Sequence numbers between two peers (`Peering-Seq`): the header, and what the receiver knows by it.

A sender numbers what it sends to a peer without gaps; after it was restored from a backup it begins again in a later epoch. So
the receiver knows what is missing, and both can prove what arrived. Servers that know nothing of it ignore the header.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from federation.errors import Malformed

HEADER = "peering-seq"
"""The header's name, in lower case. It counts only where the request's signature covers it."""
HIGHEST = 2**53
"""The largest number: what JSON keeps exactly."""
MOST_GAPS = 500
"""Gaps that are kept; of more the oldest are joined."""

_VALUE = re.compile(r"\s*([0-9]{1,16})\s*;\s*epoch\s*=\s*([0-9]{1,10})\s*")
_LAST_EPOCH = 2**31 - 1


class Arrived(NamedTuple):
    """What arrived of a sender: up to `last` of `epoch`, but for `gaps`: (first, last, since when it is missing in ms), in
    order."""

    epoch: int
    last: int
    gaps: tuple[tuple[int, int, int], ...] = ()


def build_header(number: int, epoch: int) -> str:
    """The header's value."""
    return f"{number}; epoch={epoch}"


def read_header(value: str) -> tuple[int, int]:
    """(number, epoch) of a header's value. Raises Malformed."""
    match = _VALUE.fullmatch(value)
    if match is None:
        raise Malformed("a Peering-Seq header that can't be read")
    number, epoch = map(int, match.groups())
    if not 0 < number <= HIGHEST or epoch > _LAST_EPOCH:
        raise Malformed("a Peering-Seq header with a number that can't be")
    return number, epoch


def heard(known: Arrived | None, number: int, epoch: int, now: int) -> Arrived:
    """What is known after this number came at `now` (ms). Of an earlier epoch nothing is learned; of a later one it is
    begun anew. The first number that is ever heard of a sender tells of no gap before it."""
    if known is None:
        return Arrived(epoch, number)
    if epoch < known.epoch:
        return known
    if epoch > known.epoch:
        return Arrived(epoch, number, ((1, number - 1, now),) if number > 1 else ())
    if number > known.last:
        gaps = known.gaps if number == known.last + 1 else (*known.gaps, (known.last + 1, number - 1, now))
        return Arrived(epoch, number, _bounded(gaps))
    return Arrived(epoch, known.last, _without(known.gaps, number, number))


def all_heard(known: Arrived | None, numbers: Iterable[tuple[int, int]], now: int) -> Arrived | None:
    """`heard` for several (number, epoch), in the order in which they came; quick where nothing is missing."""
    for number, epoch in numbers:
        if known is not None and epoch == known.epoch and number == known.last + 1:
            known = Arrived(epoch, number, known.gaps)
        else:
            known = heard(known, number, epoch, now)
    return known


def closed(known: Arrived, numbers: Iterable[int]) -> Arrived:
    """What is known after these numbers were found to be settled."""
    gaps = known.gaps
    for number in numbers:
        gaps = _without(gaps, number, number)
    return Arrived(known.epoch, known.last, gaps)


def missing(known: Arrived, before: int) -> tuple[tuple[int, int], ...]:
    """The gaps (first, last) that were there before `before` ms: younger ones may only have been overtaken."""
    return tuple((first, last) for first, last, since in known.gaps if since < before)


def _without(gaps: tuple[tuple[int, int, int], ...], first: int, last: int) -> tuple[tuple[int, int, int], ...]:
    if not gaps or last < gaps[0][0] or first > gaps[-1][1]:
        return gaps
    left: list[tuple[int, int, int]] = []
    for begin, end, since in gaps:
        if last < begin or first > end:
            left.append((begin, end, since))
            continue
        if begin < first:
            left.append((begin, first - 1, since))
        if end > last:
            left.append((last + 1, end, since))
    return _bounded(tuple(left))


def _bounded(gaps: tuple[tuple[int, int, int], ...]) -> tuple[tuple[int, int, int], ...]:
    if len(gaps) <= MOST_GAPS:
        return gaps
    oldest = gaps[: len(gaps) - MOST_GAPS + 1]
    return ((oldest[0][0], oldest[-1][1], oldest[0][2]), *gaps[len(oldest) :])
