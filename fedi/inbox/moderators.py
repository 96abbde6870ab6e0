"""Who may moderate a group, when an activity says that somebody did; and which group that is.

Of a group hosted here its moderators may, who send it to us. Of a group elsewhere only that group tells what was done in it
(FEP-1b12): it announces the activity, whose actor is proven apart from it, and who is one of its moderators or of its host.
"""

from federation import fields as wire
from federation.activity import Authentic
from federation.errors import WrongOrigin
from fedi.actions import memberships, opened, passing_on, shelves
from fedi.actions.moderated import Deed
from fedi.context import Site
from fedi.errors import Forbidden, NotFound
from fedi.inbox.handling import NOTHING, Ignored, Needs
from fedi.inbox.objects import object_id
from fedi.text import to_text
from storage import actors, posts
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post

ACTS = frozenset({"Add", "Remove", "Block", "Lock", "Warn"})
"""Types that only moderators send, beside a Delete of another's post, and an Undo of any of them."""
UNDONE = frozenset({"Delete", "Block", "Lock"})


def may(tx: Tx, by: Actor, group: Actor, vouched_by: Actor | None) -> bool:
    """Whether `by` moderates `group`, as far as `vouched_by`, the group that passed it on, may say so."""
    try:
        check(tx, by, group, vouched_by)
    except (WrongOrigin, Forbidden, Ignored):
        return False
    return True


def check(tx: Tx, by: Actor, group: Actor, vouched_by: Actor | None) -> None:
    """Raises Forbidden for who does not moderate `group`, or is of a peer that may not (code `scope`), WrongOrigin when another
    group than that passed it on, Ignored when nobody did who may: what is done in a group elsewhere is that group's to tell."""
    if group.local:
        if vouched_by is not None:
            raise WrongOrigin(f"{vouched_by.iri} can't say what is done in {group.iri}", code="wrong-group")
        if not memberships.moderates(tx, by, group):
            raise Forbidden(f"{by.iri} does not moderate {group.iri}", code="not-a-moderator")
        opened.check(tx, group, by.host, "moderate")
        return
    teller = vouched_by if vouched_by is not None else by
    if teller.id != group.id and vouched_by is not None:
        raise WrongOrigin(f"{vouched_by.iri} can't say what is done in {group.iri}", code="wrong-group")
    if teller.id != group.id:
        raise Ignored("not-announced", f"what is done in {group.iri} is believed when that group announces it")
    check_listed(tx, by, group)


def check_listed(tx: Tx, by: Actor, group: Actor) -> None:
    """Raises Forbidden for who is neither one of the moderators of a group elsewhere, nor of its host."""
    if by.host != group.host and not memberships.moderates(tx, by, group):
        raise Forbidden(f"{by.iri} does not moderate {group.iri}", code="not-a-moderator")


def deed(received: Authentic, by: Actor, group: Actor) -> Deed:
    """The act that an activity is, with its reason (`summary`, which may be blank) as plain text."""
    words = wire.text_of(received.activity.document, "summary") or wire.text_of(received.activity.document, "content")
    return Deed(received.activity.id, by, group, to_text(words).strip() if words else "")


def group_of(tx: Tx, post: Post) -> Actor:
    """The group that a post is in. Raises Ignored when it is in none: nobody moderates it then."""
    group = actors.by_id(tx, post.group_id) if post.group_id is not None else None
    if group is None:
        raise Ignored("not-in-group", f"{post.iri} is in no group that is known here")
    return group


def known_post(tx: Tx, received: Authentic) -> Post:
    """The post that an act is about, removed ones included. Raises Ignored when it is not known here, or deleted."""
    found = posts.by_iri(tx, object_id(received.activity))
    if found is None or found.deleted_at is not None:
        raise Ignored("unknown-object", f"{object_id(received.activity)} is not known here")
    return found


def known_person(tx: Tx, iri: str) -> Actor:
    """The person that an act is about. Raises Ignored when they are not known here."""
    found = actors.by_iri(tx, iri)
    if found is None or found.is_group:
        raise Ignored("unknown-object", f"{iri} is nobody known here")
    return found


def named_groups(tx: Tx, received: Authentic, vouched_by: Actor | None = None) -> list[Actor]:
    """The groups that an activity names, the one that passed it on first: some servers name it in `audience` alone, some
    in `cc`, and Lemmy's own examples have another IRI in `audience`."""
    activity = received.activity
    iris = [*wire.ids(activity.document.get("audience")), *activity.audience.everyone]
    found = [one for one in actors.by_iris(tx, list(dict.fromkeys(iris))[:50]).values() if one.is_group]
    return [*([vouched_by] if vouched_by is not None else []), *found]


def target(tx: Tx, site: Site, received: Authentic, vouched_by: Actor | None) -> tuple[Actor, str]:
    """(the group, `featured` or `moderators`) that an Add or Remove names as its `target`.

    Raises Ignored for any other collection (PieFed's feeds, conversations).
    """
    iri = wire.first_id(received.activity.document.get("target"))
    candidates = named_groups(tx, received, vouched_by)
    if iri is not None and site.is_local(iri):
        owner = actors.by_iri(tx, iri.rpartition("/")[0])
        candidates += [owner] if owner is not None and owner.is_group else []
    for group in candidates:
        for name, collection in (("featured", group.featured), ("moderators", group.moderators)):
            if iri is not None and iri == collection:
                return group, name
    raise Ignored("unknown-target", f"{(iri or 'nothing')[:200]} is no list of pins or moderators that is known here")


def shelved(tx: Tx, site: Site, received: Authentic, by: Actor, vouched_by: Actor | None) -> bool:
    """Whether an Add or Remove is about a shelf of a group's library; then it is done.

    In a group here its members may, and the group passes it on; of a group elsewhere only that group tells. Raises Forbidden,
    WrongOrigin, Ignored.
    """
    document = received.activity.document
    candidates = named_groups(tx, received, vouched_by)
    found = shelves.target_of(document, candidates)
    if found is None:
        return False
    group = found[0]
    if group.local and vouched_by is not None:
        raise WrongOrigin(f"{vouched_by.iri} can't say what is done in {group.iri}", code="wrong-group")
    if not group.local and (vouched_by is None or vouched_by.id != group.id):
        raise Ignored("not-announced", f"what is done in {group.iri} is believed when that group announces it")
    if group.local:
        opened.check(tx, group, by.host, "post")
    try:
        news = shelves.moved(tx, site, by, found, object_id(received.activity), adds=received.activity.type == "Add")
    except NotFound as problem:
        raise Ignored("unknown-target", problem.text) from problem
    if not news:
        raise Ignored("known", "this was done already, or the post is not in the library")
    if group.local:
        passing_on.announce(tx, site, group, received.activity.raw, None, "other")
    return True


def needed(tx: Tx, site: Site, by: str | None, person: str | None, group: Actor) -> Needs:
    """What must be fetched before `check` can decide: who acts, who it is about, and who moderates a group elsewhere."""
    unknown = tuple(
        iri for iri in (by, person) if iri is not None and not site.is_local(iri) and actors.by_iri(tx, iri) is None
    )
    if group.local or group.moderators is None or by is None:
        return Needs(actors=unknown) if unknown else NOTHING
    actor = actors.by_iri(tx, by)
    trusted = actor is not None and (actor.host == group.host or memberships.moderates(tx, actor, group))
    return Needs(actors=unknown, moderators=() if trusted else (group.iri,))
