"""Accounts with what is not in their own rows: where they moved to, what they may do here, whether their host is limited.

In a fixed number of queries however many accounts there are; timelines do without (`entities.account.account`).
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from fedi.context import Site
from fedi.mastodon.entities.account import About, account, account_dict
from storage import actors, peers, people
from storage.actors import Actor
from storage.metadata import Tx

NOTHING = About()


def about(tx: Tx, found: Iterable[Actor]) -> dict[int, About]:
    """What is to be told of these accounts beyond their rows, by id; those of whom there is nothing are left out."""
    several = list(found)
    moved = actors.by_iris(tx, [one.moved_to for one in several if one.moved_to is not None])
    roles = people.staff(tx, [one.id for one in several if one.local])
    hosts = list({one.host for one in several if not one.local})
    limited = {host for host, peer in peers.by_hosts(tx, hosts).items() if peer.stance == "limited"}
    told: dict[int, About] = {}
    for one in several:
        to = moved.get(one.moved_to or "")
        # Who moved on twice is not followed any further (Mastodon).
        shown = to if to is not None and to.moved_to is None and to.state == "active" else None
        made = About(shown, roles.get(one.id, "member"), not one.local and one.host in limited)
        if made != NOTHING:
            told[one.id] = made
    return told


def accounts(tx: Tx, site: Site, found: Iterable[Actor]) -> list[msgspec.Raw | dict[str, Any]]:
    """These accounts as Account entities, in order."""
    several = list(found)
    told = about(tx, several)
    origin = site.config.origin
    return [account(origin, one) if one.id not in told else account_dict(origin, one, told[one.id]) for one in several]
