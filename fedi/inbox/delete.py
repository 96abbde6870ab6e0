"""Delete: a peer took a post away, or an actor is gone."""

from federation.activity import Authentic
from federation.errors import WrongOrigin
from fedi.actions import groups as group_actions
from fedi.actions import remote_posts
from fedi.context import Site
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs
from fedi.inbox.objects import object_id
from storage import actors, follows, notifications, posts
from storage.actors import Actor
from storage.metadata import Tx


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """A post of another actor of any origin: its own origin is asked whether it is gone (moderators delete so)."""
    post = posts.by_iri(tx, object_id(received.activity))
    if post is None or post.local:
        return NOTHING
    author = actors.by_id(tx, post.author_id)
    if author is not None and author.iri != received.signer:
        return Needs(fresh=(post.iri,))
    return NOTHING


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Delete what is the sender's own; of others', only what its origin does not have any more."""
    iri = object_id(received.activity)
    gone = actors.by_iri(tx, iri)
    if gone is not None:
        if gone.iri != received.signer:
            raise WrongOrigin(f"{received.signer} can't delete {iri}")
        delete_actor(tx, site, gone)
        return
    post = posts.by_iri(tx, iri)
    if post is None:
        raise Ignored("unknown-object", f"{iri} is not known here")
    author = actors.by_id(tx, post.author_id)
    if author is None or author.iri != received.signer:
        if post.iri in fetched.gone or post.deleted_at is not None:
            return  # its origin confirmed it, and fetching deleted it
        raise WrongOrigin(f"{received.signer} can't delete what {author.iri if author else 'another'} wrote")
    if post.deleted_at is not None:
        return
    group = group_actions.of_posts(tx, post)
    remote_posts.delete(tx, site, post)
    if group is not None:
        group_actions.announce(tx, site, group, received.activity.raw, post, "delete")


def delete_actor(tx: Tx, site: Site, actor: Actor) -> None:
    """A remote actor is gone: so are its posts, follows and news."""
    if actor.local:
        raise WrongOrigin("an actor of this instance is deleted here only")
    for post in posts.of_author(tx, actor.id):
        remote_posts.delete(tx, site, post)
    for follow in [*follows.followers(tx, actor.id, 100_000), *follows.following(tx, actor.id, 100_000)]:
        if follow.state == "accepted":
            actors.count(tx, follow.follower_id, following=-1)
            actors.count(tx, follow.target_id, followers=-1)
        follows.remove(tx, follow.id)
    notifications.forget(tx, actor_id=actor.id)
    actors.change(tx, actor.id, state="gone")
