"""Like, Dislike and EmojiReact: a peer's vote on a post. A group hosted here passes votes on its posts on."""

from federation.activity import Authentic
from federation.vocabulary.reaction import read_reaction
from fedi.actions import passing_on
from fedi.actions import reactions as reaction_actions
from fedi.context import Site
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import object_id, open_to, post, signer
from storage import reactions
from storage.actors import Actor
from storage.metadata import Tx
from storage.reactions import Like


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """Nothing: a vote on what is not known here concerns nobody here."""
    return NOTHING


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Keep the vote; of two kinds by one actor the later counts. An emoji counts as a like (FEP-c0e0).

    Raises Malformed for an EmojiReact with what is no emoji.
    """
    keep(tx, site, received)


def keep(tx: Tx, site: Site, received: Authentic, *, vouched_by: Actor | None = None) -> None:
    """Keep a vote that its actor sent, or that a group passed on: of a post in it, the group knows who may vote."""
    actor = signer(tx, received)
    liked = post(tx, object_id(received.activity))
    if vouched_by is None or liked.group_id != vouched_by.id:
        open_to(tx, site, liked, actor, "react")
    read = read_reaction(received.activity.document, received.activity.type)
    kind = "dislike" if read.kind == "down" else "like"
    known = reactions.find_like(tx, actor.id, liked.id)
    if known is not None:
        if known.kind == kind and known.emoji == read.emoji:
            raise Ignored("known", "this vote is counted already")
        reaction_actions.drop_like(tx, actor, liked, known)
    made = Like(site.new_id(), actor.id, liked.id, kind, received.activity.id, site.clock(), read.emoji, read.emoji_url)
    if not reaction_actions.keep_like(tx, site, actor, liked, made):
        raise Ignored("known", "the id of this vote is another vote's")
    group = passing_on.of_posts(tx, liked)
    if group is not None:
        passing_on.announce(tx, site, group, received.activity.raw, liked, "other")
