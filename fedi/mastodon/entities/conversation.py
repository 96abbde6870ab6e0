"""The Conversation entity: a person's direct messages with the same people in one thread. A bundle in, ready JSON out."""

import msgspec

from fedi import visibility
from fedi.context import Site
from fedi.mastodon.entities.account import account
from fedi.mastodon.entities.status import status
from fedi.mastodon.load import Shown, bundle
from storage import conversations as rows
from storage.conversations import Conversation
from storage.metadata import Tx

_encode = msgspec.json.Encoder().encode


def conversations(tx: Tx, site: Site, person_id: int, found: list[Conversation]) -> list[msgspec.Raw]:
    """Some conversations of a person, in this order, in a fixed number of queries.

    `accounts` are the others in it, or oneself where there is nobody else (Mastodon). `last_status` is null where its
    person may not see it any more.
    """
    people = [*{one for each in found for one in _others(each)}, person_id]
    items = [Shown(each.last_post_id, each.last_post_id) for each in found]
    loaded = bundle(tx, site, visibility.person(person_id), items, others=people)
    shown = []
    for each, item in zip(found, items, strict=True):
        others = [loaded.actors[one] for one in _others(each) if one in loaded.actors]
        me = loaded.actors.get(person_id)
        accounts = others or ([me] if me is not None else [])
        entity = {
            "id": str(each.id),
            "unread": each.unread,
            "accounts": [account(site.config.origin, one) for one in accounts],
            "last_status": status(loaded, item),
        }
        shown.append(msgspec.Raw(_encode(entity)))
    return shown


def conversation(tx: Tx, site: Site, person_id: int, conversation_id: int) -> msgspec.Raw | None:
    """This conversation of a person, as it is streamed and answered; None when there is none (any more)."""
    known = rows.by_id(tx, person_id, conversation_id)
    return conversations(tx, site, person_id, [known])[0] if known is not None else None


def _others(each: Conversation) -> list[int]:
    return [int(one) for one in each.circle.split(",") if one]
