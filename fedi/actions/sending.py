"""What peers must be told: one activity into the outbox log, with its audience, in the transaction of the change."""

from typing import Any

import msgspec

from federation.audience import PUBLIC
from federation.fields import timestamp
from federation.signatures.integrity import add_proof
from federation.vocabulary.context import DATA_INTEGRITY, PLAIN
from fedi.context import PROOF_KEY, Site
from storage import outbox
from storage.actors import Actor
from storage.metadata import Tx

__all__ = ["PUBLIC", "append", "send", "timestamp"]


def send(
    tx: Tx,
    site: Site,
    actor: Actor,
    type: str,
    object: Any,
    *,
    to: list[str],
    cc: list[str],
    audience: outbox.Audience,
    activity_id: str | None = None,
    post_id: int | None = None,
    form: str = "any",
    group: Actor | None = None,
    context: Any = PLAIN,
    fresh: bool = False,
    **more: Any,
) -> tuple[str, bytes]:
    """Append `type` of `object` by `actor` to the log; (its IRI, its JSON as it will be sent) come back.

    `object` is a document or an IRI; `group` is the one it happens in (its `audience` on the wire, FEP-1b12); `more` are
    further properties (`published`, `target`, ...), whose terms `context` must have. A context that
    `object` carries moves to the top. The activity is served at its IRI to whoever may see its post. `fresh`: `activity_id` was
    made in this transaction, so that nothing can have it yet.
    """
    iri = activity_id or site.iri(f"/activities/{site.new_id()}")
    if isinstance(object, dict) and "@context" in object:
        context = object["@context"]
        object = {name: value for name, value in object.items() if name != "@context"}
    document: dict[str, Any] = {"@context": context, "id": iri, "type": type, "actor": actor.iri}
    if to or cc:
        document |= {"to": to, "cc": [one for one in cc if one]}
    document |= {"object": object} | {name: value for name, value in more.items() if value is not None}
    if group is not None:
        document["audience"] = group.iri
        document = _proven(tx, site, actor, document)
    body = msgspec.json.encode(document)
    fresh = fresh or activity_id is None
    append(tx, site, actor, type, iri, body, audience, post_id=post_id, form=form, fresh=fresh)
    return iri, body


def _proven(tx: Tx, site: Site, actor: Actor, document: dict[str, Any]) -> dict[str, Any]:
    """The activity with its actor's proof (FEP-8b32): the group passes it on to servers that can't ask us for it, as
    they need not be known to us as members of a group that not everyone may read."""
    try:
        key = site.private_key(tx, actor.iri, PROOF_KEY)
    except LookupError:
        return document
    context = document["@context"]
    terms = [*(context if isinstance(context, list) else [context]), DATA_INTEGRITY]
    return add_proof(document | {"@context": terms}, key, site.clock())


def append(
    tx: Tx,
    site: Site,
    actor: Actor,
    type: str,
    iri: str,
    body: bytes,
    audience: outbox.Audience,
    *,
    post_id: int | None = None,
    form: str = "any",
    fresh: bool = False,
) -> None:
    """Append ready JSON to the log; `fresh` as in `send`."""
    outbox.append(
        tx,
        activity_id=iri,
        actor_id=actor.id,
        type=type,
        body=body,
        audience=audience,
        now=site.clock(),
        post_id=post_id,
        form=form,
        fresh=fresh,
    )
