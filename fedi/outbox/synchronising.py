"""The header that tells a host which of its people follow whoever writes to it (FEP-8fcf), put on deliveries.

For each actor and host on the first delivery of a turn and then not for some minutes: enough for mistakes to be found, and
no work for a fan-out.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from federation.synchronisation import HEADER, Synchronisation, build_header, digest_of
from fedi.context import Site
from fedi.outbox.fanout import Parcel, Turn
from storage import actors, follows
from storage.metadata import Tx

OFTEN = (0.2, 1)
"""For one actor and host: so often a minute, so often at once."""
TYPES = frozenset({"Create", "Announce", "Update"})

May = Callable[[int, str], bool]


def chances(site: Site) -> May:
    """Whether an actor (its id) may tell a host of its followers now: asked once for each pair, however often a unit of work
    that asks runs."""
    now = site.clock()
    return cache(lambda actor_id, host: site.synchronised.allow(f"to {host} {actor_id}", *OFTEN, now))


def marked(tx: Tx, turns: list[Turn], may: May) -> list[Turn]:
    """These turns with the header on one delivery of each actor to each host that `may` (`chances`) lets hear it."""
    chosen: dict[tuple[int, str], Parcel] = {}
    for turn in turns:
        for parcel in turn.parcels:
            pair = (parcel.row.actor_id, turn.link.host)
            if parcel.inboxes and parcel.row.type in TYPES and pair not in chosen:
                chosen[pair] = parcel
    due = {pair for pair in chosen if may(*pair)}
    if not due:
        return turns
    senders = actors.by_ids(tx, list({actor_id for actor_id, _ in due}))
    headers: dict[int, dict[str, dict[str, str]]] = {}
    for (actor_id, host), iris in follows.at_hosts(tx, due).items():
        sender = senders.get(actor_id)
        if sender is not None and sender.followers is not None:
            url = f"{sender.followers}?domain={host}"
            value = build_header(Synchronisation(sender.followers, url, digest_of(iris)))
            headers.setdefault(chosen[actor_id, host].row.position, {})[host] = {HEADER: value}
    return [
        replace(
            turn,
            parcels=tuple(
                replace(parcel, headers=headers[parcel.row.position][turn.link.host])
                if turn.link.host in headers.get(parcel.row.position, {})
                and chosen.get((parcel.row.actor_id, turn.link.host)) is parcel
                else parcel
                for parcel in turn.parcels
            ),
        )
        for turn in turns
    ]
