"""Who may say what about which object: the checks that follow once the sender is proven (ActivityPub section 7, FEP-fe34).

These need no database. Whether a moderator may act on what is not theirs is asked by the handlers, which know the group.
"""

from federation.activity import Activity
from federation.errors import Malformed, WrongOrigin
from federation.fields import Json, first_id, id_of, ids
from federation.hosts import same_origin


def object_of(activity: Activity) -> Json:
    """The one embedded object of an activity. Raises Malformed when it is an id, several, or none."""
    held = activity.object[0] if isinstance(activity.object, list) and len(activity.object) == 1 else activity.object
    if not isinstance(held, dict):
        raise Malformed("the object is not embedded", code="no-object")
    return held


def object_id(activity: Activity) -> str:
    """The IRI of the one object of an activity, embedded or not. Raises Malformed when there is none or several."""
    found = ids(activity.object)
    if len(found) != 1:
        raise Malformed("not one object with an id", code="no-object")
    return found[0]


def check_authorship(activity: Activity) -> Json:
    """The embedded object of a Create or an Update, once it is clear that the actor may publish it: the object's id is of
    the actor's origin, and whoever it is attributed to is the actor (or, of an actor's own document, it is the actor).

    Raises Malformed when no object is embedded, WrongOrigin when it is another's. An Update of a moderator or by another
    actor of the same host is WrongOrigin too; ask the object's origin then.
    """
    held = object_of(activity)
    held_id = id_of(held)
    if held_id is None:
        raise Malformed("an object without an id", code="no-object")
    if held_id == activity.actor:
        return held
    if not same_origin(held_id, activity.actor):
        raise WrongOrigin("the object is of another origin than the actor")
    authors = ids(held.get("attributedTo")) or ids(held.get("actor"))
    if first_id(held.get("actor")) == activity.actor:
        return held  # Mobilizon: whom it is attributed to beside is the group that it is for, which may be elsewhere
    if activity.actor not in authors:
        raise WrongOrigin("the object is another's")
    if any(not same_origin(one, activity.actor) for one in authors):
        raise WrongOrigin("the object is attributed to an actor of another origin")
    return held
