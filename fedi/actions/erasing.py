"""Erasing a person: all that is theirs goes, here and at other servers.

A new table of what belongs to people is named here too, as their row in `actors` stays and takes nothing with it.
"""

from fedi.actions import envelopes, media, questions, sending
from fedi.actions import posts as post_actions
from fedi.context import Site
from storage import (
    actors,
    appeals,
    apps,
    cases,
    drafts,
    feed_tokens,
    identities,
    invitations,
    mails,
    notifications,
    outbox,
    passkeys,
    people,
    rule_acceptances,
    second_factors,
    sessions,
    sign_ups,
    thread_reads,
    tickets,
    volumes,
)
from storage.actors import Actor
from storage.metadata import Tx


def erase(tx: Tx, site: Site, actor: Actor) -> None:
    """Remove a person's profile and posts for good and ask every follower's server to do the same (`Delete`).

    The name stays taken and the address answers 410, so that nobody can step into it.
    """
    post_actions.delete_all(tx, site, actor)
    questions.forget(tx, site, actor)
    sending.send(
        tx,
        site,
        actor,
        "Delete",
        actor.iri,
        to=[sending.PUBLIC],
        cc=[],
        audience=outbox.Audience(followers_of=(actor.id,)),
    )
    apps.revoke(tx, site.clock(), person_id=actor.id)
    sessions.remove(tx, person_id=actor.id)
    second_factors.remove(tx, actor.id)
    passkeys.remove(tx, actor.id)
    identities.remove(tx, actor.id)
    tickets.remove(tx, person_id=actor.id)
    invitations.remove(tx, actor.id)
    sign_ups.remove(tx, actor.id)
    notifications.forget(tx, actor_id=actor.id)
    notifications.remove(tx, actor.id)
    cases.forget_about(tx, actor.id)
    appeals.forget(tx, actor.id)
    rule_acceptances.forget(tx, actor.id)
    mails.drop_of(tx, actor.id)
    feed_tokens.revoke(tx, actor.id, site.clock())
    drafts.remove_all(tx, actor.id)
    thread_reads.forget(tx, actor.id)
    volumes.forget_all(tx, actor.id)
    media.discard_all(tx, site, actor)
    envelopes.erase(tx, site, actor.iri)
    people.change(tx, actor.id, state="suspended", password_hash=None, email=f"erased-{actor.id}@invalid", settings={})
    actors.change(
        tx,
        actor.id,
        state="gone",
        name="",
        summary="",
        source=None,
        icon=None,
        image=None,
        fields=[],
        also_known_as=[],
    )
