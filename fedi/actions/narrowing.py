"""What happens when a group closes to a peer: who is there is put out, and what was sent there is asked to be erased.

Each post that somebody here wrote is deleted there as by its author, which every server understands; of others' posts the
group says that it takes them back. Both say until when an answer is wanted (`peer:receiptBy`). It is done some posts at a
time by the job `narrow`; nothing of it reaches anybody else, and nothing is deleted here.
"""

from typing import Any

from federation.vocabulary.context import AS2
from federation.vocabulary.tombstone import build_tombstone
from fedi.actions import follows as follow_actions
from fedi.actions import opened, passing_on, sending
from fedi.context import Site
from fedi.rendering import actors as rendering
from storage import actors, follows, groups, jobs, memberships, outbox, peers, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post

BATCH = 100
"""Posts of one transaction."""
_CONTEXT = [AS2, {"peer": "https://w3id.org/fedi/peering/v1#"}]
WITHIN = 30 * 24 * 3600 * 1000
"""Until when erasure is asked for where no agreement says it, in ms."""


def closed(tx: Tx, site: Site, group: Actor, hosts: list[str], reason: str) -> None:
    """A group here is not open to these hosts any more, for this reason (text)."""
    told = []
    for host in hosts:
        several = actors.by_ids(tx, memberships.at_host(tx, group.id, host))
        for member in several.values():
            follow = follows.find(tx, member.id, group.id)
            if follow is not None:
                follow_actions.reject(tx, site, follow, reason)
            memberships.remove(tx, group.id, member.id)
        asked = next(iter(several), None) or _instance(tx, host)
        if asked is not None:
            told.append(asked)
    if told:
        _ask(
            tx, site, {"group": group.id, "told": told, "until": site.clock() + _within(tx, hosts), "id": site.new_id()}
        )


def _ask(tx: Tx, site: Site, payload: dict[str, Any]) -> None:
    name = f"{payload['group']} {payload['id']} {payload.get('before', '')}"
    jobs.add(tx, site.new_id(), "narrow", name, payload, site.clock())


def _instance(tx: Tx, host: str) -> int | None:
    """Whom to write to at a host of which nobody is in the group: its institution, if we know it."""
    peer = peers.by_host(tx, host)
    found = actors.by_iri(tx, peer.instance_actor) if peer is not None and peer.instance_actor is not None else None
    return found.id if found is not None else None


def _within(tx: Tx, hosts: list[str]) -> int:
    """The shortest time that is agreed with one of these hosts for erasing, in ms."""
    agreed = [terms.erasure_within for host in hosts if (terms := opened.terms_of(tx, host)) is not None]
    return min([one for one in agreed if one], default=WITHIN)


def erase(tx: Tx, site: Site, payload: dict[str, Any]) -> None:
    """Ask for some posts to be erased, newest first, and ask for the work on the rest in the same transaction: however many
    there are, each is asked for once.

    `payload`: the `group`, who is `told` (ids of actors), `until` when (ms), `before` which id. Where somebody is in
    the group again meanwhile nothing more is asked.
    """
    group = actors.by_id(tx, int(payload["group"]))
    row = groups.by_id(tx, int(payload["group"]))
    if group is None or row is None:
        return
    known = actors.by_ids(tx, [int(one) for one in payload["told"]])
    inside = memberships.hosts(tx, group.id)
    told = [one for one in known.values() if one.host not in inside]
    until: dict[str, Any] = {"peer:receiptBy": sending.timestamp(int(payload["until"]))}
    found = posts.private_in_group(tx, group.id, BATCH, payload.get("before"))
    authors = actors.by_ids(tx, [post.author_id for post in found])
    for post in found if told else ():
        author = authors.get(post.author_id)
        to = [one for one in told if author is None or one.host != author.host]
        if author is None or not to or author.state != "active":
            continue
        ours = author.local
        sending.send(
            tx,
            site,
            author if ours else group,
            "Delete",
            _tombstone(site, post) if ours else post.iri,
            to=[one.iri for one in to],
            cc=[],
            audience=outbox.Audience(actors=tuple(one.id for one in to)),
            context=_CONTEXT,
            **until,
        )
    if told and len(found) == BATCH:
        _ask(tx, site, payload | {"before": found[-1].id})


def _tombstone(site: Site, post: Post) -> dict[str, Any]:
    found = build_tombstone(post.iri, post.kind, site.clock())
    return {name: value for name, value in found.items() if name != "@context"}


def tell(tx: Tx, site: Site, group: Actor) -> None:
    """Tell a group's followers its document anew: whom it federates with is in it."""
    to, cc = passing_on.addressed(tx, group)
    sending.send(
        tx,
        site,
        group,
        "Update",
        rendering.document(tx, site, group),
        to=to,
        cc=cc,
        audience=outbox.Audience(followers_of=(group.id,)),
    )
