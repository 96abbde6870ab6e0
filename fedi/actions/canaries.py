"""Canaries: actors of this instance that stand for no person, by which peers try us and we try them (`federation.peering.probing`).

They are real actors under the rules that hold for everyone, or a trial would say nothing of how people are treated. Being
Applications they are in no search, count, list or suggestion; their posts are for their followers, who are canaries.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from federation.errors import FederationError
from federation.peering.agreement import read
from federation.peering.probing import ASKER, GUEST, NAMES, STRANGER, Answer
from federation.signatures.keys import KeyPair, generate_rsa
from fedi.actions import follows as follow_actions
from fedi.actions import people
from fedi.context import Site
from fedi.errors import Taken
from fedi.text import to_text
from fedi.visibility import NOBODY, may_see, person
from storage import actors, agreements, follows, peers, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post

OPEN = ("offered", "review", *agreements.IN_FORCE)
"""States of an agreement in which its consent to probing counts: before it is signed one wants to know, too."""


@dataclass(frozen=True, slots=True)
class Canaries:
    """Those of this instance: the `asker` tries others; `guest` and `stranger` are tried, and `note` is the guest's post."""

    asker: Actor
    guest: Actor
    stranger: Actor
    note: Post


async def ready(site: Site) -> Canaries:
    """Those of this instance; made when they are not there yet, with keys that were made outside of the transaction."""
    found = await site.db.read(lambda tx: find(tx, site))
    if found is not None:
        return found
    made = {name: await asyncio.to_thread(generate_rsa) for name in NAMES}
    try:
        return await site.db.write(lambda tx: find(tx, site) or _make(tx, site, made))
    except Taken:  # another process made them in this moment
        found = await site.db.read(lambda tx: find(tx, site))
        if found is None:
            raise
        return found


def find(tx: Tx, site: Site) -> Canaries | None:
    """Those of this instance; None when nobody has tried anybody yet."""
    known = actors.by_iris(tx, [_iri(site, name) for name in NAMES])
    if len(known) < len(NAMES):
        return None
    asker, guest, stranger = (known[_iri(site, name)] for name in NAMES)
    written = posts.of_author(tx, guest.id)
    return Canaries(asker, guest, stranger, written[0]) if written else None


def _iri(site: Site, name: str) -> str:
    return site.iri(f"/people/{name}")


def _make(tx: Tx, site: Site, pairs: Mapping[str, KeyPair]) -> Canaries:
    words = {
        ASKER: "Tries whether other servers keep to what was agreed. It is no person.",
        GUEST: "Is tried by other servers: it follows back, and has one post for its followers. It is no person.",
        STRANGER: "Is tried by other servers: it follows, and should be accepted by none. It is no person.",
    }
    made = {}
    for name in NAMES:
        made[name] = actors.by_iri(tx, _iri(site, name)) or people.add_actor(
            tx,
            site,
            "Application",
            f"/people/{name}",
            name,
            pairs[name],
            name=name,
            summary=f"<p>{words[name]}</p>",
            discoverable=False,
            approves_followers=True,
            hide_collections=True,
            featured=None,
        )
    # The row alone: no timeline has it, no count, and nobody is sent it.
    now, guest = site.clock(), made[GUEST]
    note_id = site.new_id()
    iri = f"{guest.iri}/posts/{note_id}"
    note = Post(
        id=note_id,
        iri=iri,
        url=iri,
        author_id=guest.id,
        group_id=None,
        local=True,
        kind="Note",
        title=None,
        content=f"<p>canary{note_id:x}</p>",
        source=None,
        summary=None,
        sensitive=False,
        language=None,
        reply_to_id=None,
        reply_to_iri=None,
        reply_to_actor_id=None,
        root_id=note_id,
        visibility="followers",
        attachments=[],
        link=None,
        app_id=None,
        published_at=now,
        edited_at=None,
        deleted_at=None,
        replies_count=0,
        likes_count=0,
        boosts_count=0,
    )
    posts.insert_post(tx, note, [], [])
    return Canaries(made[ASKER], guest, made[STRANGER], note)


def why_not(tx: Tx, host: str) -> str | None:
    """Why a peer may not try us, in words; None when it may: it is agreed, or being agreed, that both may."""
    peer = peers.by_host(tx, host)
    if peer is not None and peer.stance in ("suspended", "blocked"):
        return f"{host} is {peer.stance} here"
    return None if consented(tx, host) else "there is no agreement between us by which each may probe the other"


def consented(tx: Tx, host: str, states: tuple[str, ...] = OPEN) -> bool:
    """Whether an agreement with this peer that is in one of these states consents to probing."""
    for row in agreements.of_host(tx, host):
        if row.state in states:
            try:
                if read(row.document).terms.probes:
                    return True
            except FederationError:
                continue
    return False


def is_canary(site: Site, actor: Actor) -> bool:
    """Whether this is one of ours."""
    return actor.local and actor.kind == "Application" and actor.username in NAMES


def followed(tx: Tx, site: Site, follower: Actor, canary: Actor) -> None:
    """Somebody elsewhere asks to follow a canary of ours.

    The guest accepts a canary of a peer that may try us, and follows it back together with the stranger, anew each time;
    the asker leaves it to its trial; all others are refused, or people would see what is no post of anybody.
    """
    known = follows.find(tx, follower.id, canary.id)
    if known is None:
        return
    ours = find(tx, site)
    if follower.kind != "Application" or ours is None or why_not(tx, follower.host) is not None:
        follow_actions.reject(tx, site, known)
    elif canary.id == ours.guest.id:
        if known.state != "accepted":
            follow_actions.accept(tx, site, known)
        for one in (ours.guest, ours.stranger):
            follow_actions.unfollow(tx, site, one, follower)
            follow_actions.follow(tx, site, one, follower)
    elif canary.id == ours.stranger.id:
        follow_actions.reject(tx, site, known)


def answer(tx: Tx, site: Site, ours: Canaries, host: str, asked: str | None) -> Answer:
    """What is told to `host` of `asked`, one of its canaries or a post of one: who of ours follows it, what they may see.

    Of anything else nothing is told, not even that it is here.
    """
    post = posts.by_iri(tx, asked) if asked is not None else None
    about = actors.by_id(tx, post.author_id) if post is not None else actors.by_iri(tx, asked or "")
    if about is None or about.local or about.host != host or about.kind != "Application":
        return Answer(ours.guest.iri, ours.stranger.iri, ours.note.iri)
    both = (ours.guest, ours.stranger)
    found = {one.iri: follows.find(tx, one.id, about.id) for one in both}
    standing = tuple((iri, follow.state) for iri, follow in found.items() if follow is not None)
    if post is None or post.deleted_at is not None:
        return Answer(ours.guest.iri, ours.stranger.iri, ours.note.iri, follows=standing)
    return Answer(
        ours.guest.iri,
        ours.stranger.iri,
        ours.note.iri,
        kept=True,
        says=to_text(post.content)[:2000],
        anyone=may_see(tx, NOBODY, post),
        seen_by=tuple(one.iri for one in both if may_see(tx, person(one.id), post)),
        follows=standing,
    )
