"""Numbers of what is sent to a peer that counts (`federation.peering.sequence`), put on deliveries and kept when these are settled.

A row has one number for all inboxes of a host. It is final when its row is settled; what was not answered keeps its number for
the next try, unless nobody there may have the row any more: then the number goes to the next one, so that there are no gaps.
"""

from dataclasses import replace

from federation.peering.sequence import HEADER, build_header
from fedi.context import Site
from fedi.outbox.fanout import Turn
from storage import sequences
from storage.metadata import Tx

_MINUTE = 60_000


def numbered(turns: list[Turn], now: int) -> list[Turn]:
    """These turns with a number on each row that goes to a peer that counts; `now` in ms begins the epoch of one that is new."""
    return [_numbered(turn, now) if turn.counts else turn for turn in turns]


def _numbered(turn: Turn, now: int) -> Turn:
    epoch = turn.link.epoch or now // _MINUTE
    number, parcels = turn.link.sequence, []
    for parcel in turn.parcels:
        if parcel.inboxes and parcel.over is None:
            number += 1
            headers = {**(parcel.headers or {}), HEADER: build_header(number, epoch)}
            parcels.append(replace(parcel, headers=headers, number=number))
        else:
            parcels.append(parcel)
    return replace(turn, parcels=tuple(parcels), link=replace(turn.link, epoch=epoch))


def keep(tx: Tx, site: Site, turn: Turn, cursor: int, now: int) -> int:
    """Keep which activities have which numbers, of those that a turn settled up to `cursor`; the last number comes back."""
    done = [one for one in turn.parcels if one.number is not None and one.row.position <= cursor]
    if not done:
        return turn.link.sequence
    first = turn.link.sequence + 1
    last = first + len(done) - 1
    ids = [one.row.activity_id for one in done]
    sequences.sent(tx, sequences.Sent(site.new_id(), turn.link.host, turn.link.epoch, first, last, ids, now))
    return last
