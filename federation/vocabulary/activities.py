"""Activities as we send them: plain dicts with their context, or bytes where another's bytes are passed on.

`to` and `cc` are lists wherever we send them (Lemmy wants lists); an embedded object loses its own `@context`, as the
outer one covers it. `audience` is the group (FEP-1b12). Times are in ms.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from federation.fields import Json, timestamp
from federation.vocabulary.actor import KINDS
from federation.vocabulary.context import ACTOR, MODERATION, PLAIN, POST


def _bare(value: Json | str) -> Json | str:
    if isinstance(value, str):
        return value
    return {name: one for name, one in value.items() if name != "@context"}


def _context_of(value: Json) -> str | list[Any]:
    if value.get("type") in KINDS:
        return ACTOR
    return POST if "content" in value else PLAIN


def _activity(
    type_: str,
    id: str,
    actor: str,
    value: Json | str | list[str],
    *,
    to: Sequence[str] | None = None,
    cc: Sequence[str] | None = None,
    context: str | list[Any] = PLAIN,
    **optional: Any,
) -> Json:
    document: Json = {"@context": context, "id": id, "type": type_, "actor": actor}
    if to is not None:
        document["to"] = list(to)
    if cc is not None:
        document["cc"] = list(cc)
    document["object"] = value if isinstance(value, list) else _bare(value)
    document.update({name: one for name, one in optional.items() if one is not None})
    return document


def _time(ms: int | None) -> str | None:
    return None if ms is None else timestamp(ms)


def follow(id: str, actor: str, object: str, *, to: Sequence[str] | None = None) -> Json:
    """Follow a person or join a group; `to` is the followed actor unless given."""
    return _activity("Follow", id, actor, object, to=[object] if to is None else to)


def accept(id: str, actor: str, object: Json | str, *, to: Sequence[str]) -> Json:
    """Accept a Follow, which is embedded: Mbin ignores an id alone."""
    return _activity("Accept", id, actor, object, to=to)


def reject(id: str, actor: str, object: Json | str, *, to: Sequence[str]) -> Json:
    """Reject a Follow, also one that was accepted before (a ban)."""
    return _activity("Reject", id, actor, object, to=to)


def create(
    id: str,
    actor: str,
    object: Json,
    *,
    to: Sequence[str],
    cc: Sequence[str],
    published: int | None = None,
    audience: str | None = None,
) -> Json:
    """Publish a post."""
    return _activity(
        "Create", id, actor, object, to=to, cc=cc, context=POST, published=_time(published), audience=audience
    )


def update(
    id: str,
    actor: str,
    object: Json,
    *,
    to: Sequence[str],
    cc: Sequence[str],
    published: int | None = None,
    audience: str | None = None,
) -> Json:
    """Replace a post, or an actor's document."""
    context = _context_of(object)
    return _activity(
        "Update", id, actor, object, to=to, cc=cc, context=context, published=_time(published), audience=audience
    )


def delete(
    id: str,
    actor: str,
    object: Json | str,
    *,
    to: Sequence[str],
    cc: Sequence[str],
    audience: str | None = None,
    summary: str | None = None,
) -> Json:
    """Delete a post. With a `summary` it is a moderator's removal, and that is the reason (Lemmy)."""
    return _activity("Delete", id, actor, object, to=to, cc=cc, audience=audience, summary=summary)


def like(id: str, actor: str, object: str, *, to: Sequence[str] | None = None, audience: str | None = None) -> Json:
    """Like a post."""
    return _activity("Like", id, actor, object, to=to, audience=audience)


def dislike(id: str, actor: str, object: str, *, to: Sequence[str] | None = None, audience: str | None = None) -> Json:
    """Vote a post down (the threadiverse)."""
    return _activity("Dislike", id, actor, object, to=to, audience=audience)


def announce(
    id: str, actor: str, object: Json | str, *, to: Sequence[str], cc: Sequence[str], published: int | None = None
) -> Json:
    """Boost an object by its IRI: what microblogs read, from a person as from a group."""
    return _activity("Announce", id, actor, object, to=to, cc=cc, published=_time(published))


def announce_raw(
    id: str,
    actor: str,
    to: Sequence[str],
    cc: Sequence[str],
    inner: bytes,
    published: int | None = None,
    *,
    context: str | None = None,
) -> bytes:
    """A group's Announce of an activity, whose JSON is embedded byte for byte (FEP-1b12; proofs of FEP-8b32 break
    otherwise). `inner` must be one JSON object, as `parse` has taken it; `context` is the thread that it is about."""
    document = _activity("Announce", id, actor, {}, to=to, cc=cc, published=_time(published))
    if context is not None:
        document["context"] = context
    return msgspec.json.encode({**document, "object": msgspec.Raw(inner)})


def undo(
    id: str, actor: str, object: Json, *, to: Sequence[str], cc: Sequence[str] = (), audience: str | None = None
) -> Json:
    """Take an activity back; it is embedded with id and type, as Mbin ignores an id alone."""
    return _activity("Undo", id, actor, object, to=to, cc=cc, audience=audience)


def add(
    id: str,
    actor: str,
    object: str,
    target: str,
    *,
    to: Sequence[str],
    cc: Sequence[str] = (),
    audience: str | None = None,
) -> Json:
    """Add to a group's `featured` (pin) or to its moderators (FEP-1b12)."""
    return _activity("Add", id, actor, object, to=to, cc=cc, target=target, audience=audience)


def remove(
    id: str,
    actor: str,
    object: str,
    target: str,
    *,
    to: Sequence[str],
    cc: Sequence[str] = (),
    audience: str | None = None,
) -> Json:
    """Take out of a group's `featured` or of its moderators."""
    return _activity("Remove", id, actor, object, to=to, cc=cc, target=target, audience=audience)


def block(
    id: str,
    actor: str,
    object: str,
    target: str,
    *,
    to: Sequence[str],
    cc: Sequence[str] = (),
    audience: str | None = None,
    summary: str | None = None,
    until: int | None = None,
    remove_data: bool = False,
) -> Json:
    """Ban an actor from a group or instance (`target`) until a time, or for good. Lemmy reads `endTime`, Mbin `expires`."""
    return _activity(
        "Block",
        id,
        actor,
        object,
        to=to,
        cc=cc,
        context=MODERATION,
        target=target,
        audience=audience,
        summary=summary,
        endTime=_time(until),
        expires=_time(until),
        removeData=remove_data,
    )


def flag(id: str, actor: str, objects: Sequence[str], *, to: Sequence[str], content: str) -> Json:
    """Report actors and posts; `actor` is the instance's own, so that the reporter stays unknown (as Mastodon does)."""
    return _activity("Flag", id, actor, list(objects), to=to, content=content)
