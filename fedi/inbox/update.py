"""Update: a peer changed a post, or an actor's profile."""

from federation import fields as wire
from federation.activity import Authentic
from federation.authorship import check_authorship
from federation.errors import Malformed, WrongOrigin
from federation.vocabulary.note import read_post
from fedi.actions import graduated, passing_on, probes, remote_posts
from fedi.actions import groups as group_actions
from fedi.context import Site
from fedi.fetching import ACTOR_KINDS
from fedi.inbox import create, moderators
from fedi.inbox.create import KEPT, check_author
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Needs, decision_of
from fedi.inbox.objects import embedded, not_banned, object_id, own, signer
from fedi.text import to_text
from storage import actors, posts
from storage.actors import Actor
from storage.metadata import Tx


def needs(tx: Tx, site: Site, received: Authentic) -> Needs:
    """An actor's own document as it is now (its key may have changed); a post that is only named, as it is now. Of a group
    that is changed by one of its moderators the group itself tells us (`fedi.inbox.passed_on`)."""
    document = own(received)
    if document is None:
        named = wire.first_id(received.activity.object)
        known = posts.by_iri(tx, named) if named is not None else None
        return Needs(fresh=(known.iri,)) if known is not None and not known.local else NOTHING
    if ACTOR_KINDS.intersection(wire.types(document)):
        named = wire.id_of(document)
        known_actor = actors.by_iri(tx, named) if named is not None else None
        return Needs(actors=(known_actor.iri,)) if known_actor is not None and not known_actor.local else NOTHING
    return NOTHING


def handle(tx: Tx, site: Site, received: Authentic, fetched: Fetched) -> None:
    """Change what is known; a post that is not known is kept as if it were new, when it concerns anyone here."""
    author = signer(tx, received)
    group = actors.by_iri(tx, object_id(received.activity))
    if group is not None and group.local and group.is_group:
        _edit_group(tx, site, received, author, group)
        return
    document = own(received)
    if document is None:
        if posts.by_iri(tx, object_id(received.activity)) is None:
            raise Ignored("unknown-object", f"{object_id(received.activity)} is not known here")
        return  # its origin was asked how it is now
    if probes.is_report(document):
        if not probes.told(tx, site, author, document):
            raise Ignored("not-agreed", "only an agreed institution tells what it found when it tried others")
        return
    if ACTOR_KINDS.intersection(wire.types(document)):
        if wire.id_of(document) != received.signer and actors.by_iri(tx, wire.id_of(document) or "") is None:
            raise Ignored("unknown-object", "this actor is not known here")
        return  # read afresh from its origin, as `needs` asked
    if KEPT.isdisjoint(wire.types(document)):
        raise Ignored("unsupported-type", f"an Update of {', '.join(wire.types(document)) or 'nothing'} is not kept")
    check_authorship(received.activity)
    read = read_post(document)
    check_author(read, received)
    known = posts.by_iri(tx, read.id)
    if known is not None and known.author_id != author.id:
        raise WrongOrigin(f"{received.signer} can't change what another wrote")
    if known is None:
        create.keep(tx, site, received)  # by the same rules as if it were new
        return
    not_banned(tx, site, known, author)
    if read.updated is not None and read.updated < (known.edited_at or 0):
        raise Ignored("outdated", "a later edit is known already")
    group = passing_on.of_posts(tx, known)
    if group is not None:
        create.check_rights(
            received, read, author, group, graduated.waits(tx, site, author, group, read.content, known)
        )
    kept = remote_posts.record(tx, site, read, author, live=True, decision=decision_of(received))
    if kept is not None and group is not None:
        passing_on.announce(tx, site, group, received.activity.raw, kept.post, "other")


def _edit_group(tx: Tx, site: Site, received: Authentic, by: Actor, group: Actor) -> None:
    """A moderator elsewhere changes a group hosted here: what Lemmy lets its moderators change, as far as it is given."""
    moderators.check(tx, by, group, None)
    document = embedded(received.activity)
    if document is None:
        raise Malformed("an Update of a group needs the group")
    source = document.get("source")
    text = wire.string(source.get("content")) if isinstance(source, dict) else wire.string(source)
    summary = wire.text_of(document, "summary")
    restricted = document.get("postingRestrictedToMods")
    changed = group_actions.change(
        tx,
        site,
        group,
        title=wire.text_of(document, "name"),
        description=text or (to_text(summary) if summary is not None else None),
        post=("moderators" if restricted else "members") if isinstance(restricted, bool) else None,
    )
    if changed is None:
        raise Ignored("known", "the group says this already")
    passing_on.announce(tx, site, group, received.activity.raw, None, "other")
