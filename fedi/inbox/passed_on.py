"""What happened in a group, as the group passes it on (FEP-1b12): one activity within an Announce.

It is another's word, so nothing of it is believed as such: it carries its actor's proof (FEP-8b32), or the post is read, or
the activity fetched by its id, from its own origin. What moderators do must moreover be of this very group.
"""

from typing import Any

from federation import fields as wire
from federation.activity import Activity, Authentic
from federation.audience import read_audience
from federation.errors import FederationError
from federation.parse import parse
from federation.signatures.verify import authentic_fetched
from fedi.actions import conversations, moderated, remote_posts, twins
from fedi.context import Site
from fedi.inbox import (
    add,
    block,
    choose_answer,
    create,
    delete,
    flag,
    like,
    lock,
    moderators,
    remove,
    resolve,
    undo,
    update,
    warn,
)
from fedi.inbox.handling import NOTHING, Fetched, Ignored, Inner, Needs, passed
from fedi.inbox.objects import embedded, post
from storage import actors, outbox, posts
from storage.actors import Actor
from storage.metadata import Tx

VOTES = frozenset({"Like", "Dislike", "EmojiReact"})
ABOUT_POSTS = frozenset({"Create", "Update", "Delete"})
SAID = VOTES | moderators.ACTS | {"ChooseAnswer", "Undo", "Flag", "Resolve"}
"""Types whose meaning is in the activity itself, so it is fetched; of the others the post's own state tells all."""


def needs(tx: Tx, site: Site, group: Actor, inner: dict[str, Any]) -> Needs:
    """What must be fetched of an activity of which nothing is proven but that `group` passed it on."""
    kinds = set(wire.types(inner))
    inner_id, named = wire.id_of(inner), wire.first_id(inner.get("object"))
    if inner_id is None or site.is_local(inner_id) or "Announce" in kinds:
        return NOTHING
    if named == group.iri and kinds & {"Update", "Delete"}:
        return Needs(actors=(group.iri,))  # whoever changed or deleted it: as it is now, it is
    if kinds & VOTES:
        return Needs(inner=(Inner(inner, by_id=True, then=_actor(tx, site, inner)),))
    if "Undo" in kinds and any("Delete" in wire.types(one) for one in wire.as_objects(inner.get("object"))):
        then = _undeleting(tx, site, group, inner)
        return Needs(inner=(Inner(inner, by_id=True, then=then),))
    if kinds & SAID:
        then = _moderating(tx, site, group, inner) if _moderates(kinds, inner) else _actor(tx, site, inner)
        return Needs(inner=(Inner(inner, by_id=True, then=then),))
    if not kinds & ABOUT_POSTS or named is None or site.is_local(named):
        if "Delete" in kinds and named is not None:
            return Needs(inner=(Inner(inner, by_id=True, then=_moderating(tx, site, group, inner)),))
        return NOTHING
    known = posts.by_iri(tx, named)
    copied = bool(twins.copies(tx, group))
    if copied and known is not None and _is_removal(tx, inner, known.author_id) and "Delete" in kinds:
        return (
            NOTHING  # a copy here is not the other moderators' affair, nor what the post's origin makes of their word
        )
    if copied and kinds & {"Create", "Update"}:
        # To be passed on it must be proven, however much of the post is known.
        then = Needs(posts=(named,)) if known is None else Needs(fresh=(named,)) if "Update" in kinds else NOTHING
        asked = Needs(actors=twins.unsure(tx, site, group, inner)) + _actor(tx, site, inner)
        return Needs(inner=(Inner(inner, by_id=True, otherwise=then),)) + asked
    if "Delete" in kinds and known is not None:
        fresh = Needs(fresh=(named,))
        if _is_removal(tx, inner, known.author_id):
            # Not asked of its origin: a moderator's word of it is kept apart, so that it can be taken back.
            return Needs(inner=(Inner(inner, by_id=True, then=_moderating(tx, site, group, inner), otherwise=fresh),))
        return Needs(inner=(Inner(inner, by_id=False, then=NOTHING, otherwise=fresh),))
    otherwise = Needs(posts=(named,)) if known is None else Needs(fresh=(named,)) if "Update" in kinds else NOTHING
    if not otherwise:
        return NOTHING
    unsure = twins.unsure(tx, site, group, inner) if "Create" in kinds else ()
    return Needs(inner=(Inner(inner, by_id=False, otherwise=otherwise),), actors=unsure)


def handle(tx: Tx, site: Site, announce: Authentic, group: Actor, inner: dict[str, Any], fetched: Fetched) -> None:
    """Keep what the group passed on. Raises Ignored for what is not proven, or does not concern us."""
    kinds = set(wire.types(inner))
    if "Announce" in kinds:
        raise Ignored("nested-announce", "an announce of an announce would go round in circles")
    named = wire.first_id(inner.get("object"))
    if named == group.iri and kinds & {"Update", "Delete"}:
        return  # its own document was read
    twins.heard(tx, site, group, inner)
    proven = fetched.activities.get(wire.id_of(inner) or "") or _own(tx, site, inner)
    said = proven.activity if proven is not None else _claimed(inner)
    if said is not None and not site.is_local(said.id):
        passed(tx, site, announce, said, group)
    if kinds & ABOUT_POSTS:
        if proven is not None:
            if proven.activity.type not in kinds or wire.first_id(proven.activity.object) != named:
                # Who passes it on names one thing and means another: perhaps one that we, but not everyone, may fetch.
                raise Ignored("unproven", "what was passed on is another activity at its own origin")
            _about_post(tx, site, group, proven, fetched)
        elif kinds & {"Update", "Delete"}:
            if "Delete" in kinds and named in fetched.gone:
                twins.gone(tx, site, group, named, inner)
            return  # the post's origin was asked how it is now, and that was kept
        if kinds & {"Update", "Delete"} or named is None:
            return
        found = post(tx, named)
        at = announce.activity.published or site.clock()
        found = twins.relay(tx, site, group, found, proven)
        everyone = read_audience(announce.activity.document).public_in is not None
        remote_posts.announced(tx, site, group, found, announce.activity.id, at, to_everyone=everyone)
        conversations.named(tx, site, group, found, wire.first_id(announce.activity.document.get("context")))
        return
    if not kinds & SAID:
        raise Ignored("unsupported-type", f"an Announce of {', '.join(sorted(kinds)) or 'nothing'} is not kept")
    if proven is None:
        raise Ignored("unproven", "the activity that was passed on could not be had from its own origin")
    _said(tx, site, group, proven)


def _claimed(inner: dict[str, Any]) -> Activity | None:
    """The activity as the group has it, to ask the policy about; nothing of it is believed."""
    inner_id, by, kinds = wire.id_of(inner), wire.first_id(inner.get("actor")), wire.types(inner)
    if inner_id is None or by is None or not kinds:
        return None
    return Activity(id=inner_id, type=kinds[0], actor=by, object=inner.get("object"), raw=b"", document=inner)


def _about_post(tx: Tx, site: Site, group: Actor, proven: Authentic, fetched: Fetched) -> None:
    """A Create, Update or Delete that its actor's proof, or its origin, vouches for."""
    if site.is_local(proven.activity.id) and proven.activity.type != "Delete":
        return  # it was done here
    if proven.activity.type == "Create":
        create.keep(tx, site, proven, vouched_by=group)
    elif proven.activity.type == "Update":
        document = embedded(proven.activity)
        if document is None or wire.milliseconds(document.get("updated")) is None:
            # Without a time nobody can tell whether the group passes on what was said last.
            raise Ignored("undated", "an edit that a group passes on needs the time of it")
        update.handle(tx, site, proven, fetched)
    elif proven.activity.type == "Delete":
        delete.keep(tx, site, proven, fetched, vouched_by=group)


def _said(tx: Tx, site: Site, group: Actor, proven: Authentic) -> None:
    kind = proven.activity.type
    keep = _KEEP.get(kind)
    if site.is_local(proven.activity.id) and not _moderates({kind}, proven.activity.document):
        raise Ignored("known", "it was done here, so it is known here")
    if kind in VOTES:
        like.keep(tx, site, proven, vouched_by=group)
    elif keep is not None:
        keep(tx, site, proven, vouched_by=group)
    else:
        raise Ignored("unsupported-type", f"a passed-on {kind} is not kept")


_KEEP = {
    "Add": add.keep,
    "Block": block.keep,
    "ChooseAnswer": choose_answer.keep,
    "Flag": flag.keep,
    "Lock": lock.keep,
    "Remove": remove.keep,
    "Resolve": resolve.keep,
    "Undo": undo.keep,
    "Warn": warn.keep,
}


def _moderates(kinds: set[str], inner: dict[str, Any]) -> bool:
    """Whether only moderators do this."""
    if kinds & (moderators.ACTS | {"Resolve"}):
        return True
    undone = next(iter(wire.as_objects(inner.get("object"))), None)
    if "Undo" not in kinds or undone is None:
        return "Undo" in kinds
    others = wire.first_id(undone.get("actor")) not in (None, wire.first_id(inner.get("actor")))
    return bool(moderators.UNDONE.intersection(wire.types(undone))) or (
        others and "ChooseAnswer" in wire.types(undone)  # a moderator opens a question again
    )


def _is_removal(tx: Tx, inner: dict[str, Any], author_id: int) -> bool:
    """Whether a Delete is a moderator's: of another's post, or with a reason."""
    author = actors.by_id(tx, author_id)
    by = wire.first_id(inner.get("actor"))
    return author is None or author.iri != by or isinstance(inner.get("summary"), str)


def _moderating(tx: Tx, site: Site, group: Actor, inner: dict[str, Any]) -> Needs:
    """What is needed to tell whether somebody may do this, and to do it."""
    kinds = set(wire.types(inner))
    person = wire.first_id(inner.get("object")) if "Block" in kinds or _appoints(group, inner) else None
    return moderators.needed(tx, site, wire.first_id(inner.get("actor")), person, group)


def _undeleting(tx: Tx, site: Site, group: Actor, inner: dict[str, Any]) -> Needs:
    """What is needed to take a Delete back: of its author what its origin has again, of others whether they moderate."""
    named = next((wire.first_id(one.get("object")) for one in wire.as_objects(inner.get("object"))), None)
    known = posts.by_iri(tx, named) if named is not None else None
    author = actors.by_id(tx, known.author_id) if known is not None else None
    hidden = Needs(fresh=(known.iri,)) if known is not None and moderated.is_hidden(tx, known) else NOTHING
    if known is None or author is None or author.iri != wire.first_id(inner.get("actor")):
        return _moderating(tx, site, group, inner) + hidden
    return Needs(again=(known.iri,)) if known.deleted_at is not None and not known.local else hidden


def _appoints(group: Actor, inner: dict[str, Any]) -> bool:
    target = wire.first_id(inner.get("target"))
    return "Add" in wire.types(inner) and target is not None and target == group.moderators


def _actor(tx: Tx, site: Site, inner: dict[str, Any]) -> Needs:
    by = wire.first_id(inner.get("actor"))
    unknown = by is not None and not site.is_local(by) and actors.by_iri(tx, by) is None
    return Needs(actors=(by,)) if by is not None and unknown else NOTHING


def _own(tx: Tx, site: Site, inner: dict[str, Any]) -> Authentic | None:
    """What a person of this instance did, which comes back from the group: as we sent it, whatever the group made of it."""
    iri = wire.id_of(inner)
    row = outbox.by_activity(tx, iri) if iri is not None and site.is_local(iri) else None
    if row is None:
        return None
    try:
        activity: Activity = parse(row.body)
        return authentic_fetched(activity.document, activity.id, row.body)
    except FederationError:
        return None
