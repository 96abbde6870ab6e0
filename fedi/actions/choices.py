"""What is said to others of who chose which answer of a question: PieFed's ChooseAnswer and its Undo, to the group, which passes it on."""

from federation.groups import wants
from federation.vocabulary.asking import CHOICE_TERMS
from federation.vocabulary.context import AS2
from fedi.actions import passing_on, sending
from fedi.context import Site
from storage import actors, outbox, peers
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post
from storage.questions import Choice

_CONTEXT = [AS2, CHOICE_TERMS]


def send(tx: Tx, site: Site, who: Actor, root: Post, answer: Post, group: Actor | None, made: Choice) -> None:
    """`who`, a local person, chose `answer`; the group, if it is hosted here, passes it on."""
    to, cc = _addressed(tx, root, answer, group)
    _, body = sending.send(
        tx,
        site,
        who,
        "ChooseAnswer",
        answer.iri,
        to=to,
        cc=cc,
        audience=_audience(tx, answer, group),
        activity_id=made.iri,
        fresh=True,
        group=group,
        post_id=answer.id,
        context=_CONTEXT,
        published=sending.timestamp(made.created_at),
    )
    if group is not None and group.local:
        passing_on.announce(tx, site, group, body, answer, "other")


def send_undo(tx: Tx, site: Site, who: Actor, chooser: Actor, root: Post, answer: Post, known: Choice) -> None:
    """`who` takes back what `chooser` chose, who is somebody else where a moderator does."""
    group = actors.by_id(tx, root.group_id) if root.group_id is not None else None
    to, cc = _addressed(tx, root, answer, group)
    document = {"id": known.iri, "type": "ChooseAnswer", "actor": chooser.iri, "object": answer.iri}
    _, body = sending.send(
        tx,
        site,
        who,
        "Undo",
        document,
        to=to,
        cc=cc,
        audience=_audience(tx, answer, group),
        group=group,
        post_id=root.id,  # who may see the thread may read it
        context=_CONTEXT,
        published=sending.timestamp(site.clock()),
    )
    if group is not None and group.local:
        passing_on.announce(tx, site, group, body, root, "other")


def _addressed(tx: Tx, root: Post, answer: Post, group: Actor | None) -> tuple[list[str], list[str]]:
    author = actors.by_id(tx, answer.author_id)
    named = [author.iri] if author is not None else []
    if group is None:
        return named, []
    if root.visibility in ("public", "unlisted"):
        return passing_on.addressed(tx, group)
    return [group.iri, *([group.followers] if group.followers else [])], []


def _audience(tx: Tx, answer: Post, group: Actor | None) -> outbox.Audience:
    if group is None:
        return outbox.Audience(actors=(answer.author_id,))
    peer = peers.by_host(tx, group.host) if not group.local else None
    reads = peer is None or wants("forum", peer.software, "ChooseAnswer")  # who refuses often is thought broken
    return outbox.Audience(actors=() if group.local or not reads else (group.id,))
