"""What a group tells somebody elsewhere in words of its own: short direct Notes, and answers to posts that it does not take.

Software that knows no groups shows nothing of what a private group passes on (EDUCATION R6; Mastodon shows a private post
only to the author's followers and to whom it names), so its members get a Note that names the thread, who wrote it, and
where it is. Never what it says: the server of a reader that knows no private groups would keep it as a message of theirs.
"""

import html
from contextlib import AbstractContextManager
from typing import Any

from federation.groups import GROUP_AWARE, MICROBLOGS
from fedi.actions import sending
from fedi.context import Site
from fedi.errors import Forbidden
from fedi.languages import _, using
from storage import actors, memberships, outbox, peers, people
from storage import posts as post_rows
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post

PAUSE = 24 * 3600 * 1000
"""Who posts again where they may not is not answered again before so long (ms): an answer to each would make a group a
way to write to people."""


def thread(tx: Tx, site: Site, group: Actor, post: Post, author: Actor) -> None:
    """A thread began in a group that not everyone may read: its members whose software may know no groups are told, each
    by a Note of their own, so that none learns who else is a member."""
    inside = actors.by_ids(tx, [row.actor_id for row in memberships.of_group(tx, group.id)])
    remote = [one for one in inside.values() if not one.local and not one.is_group and one.id != author.id]
    met = peers.by_hosts(tx, list({one.host for one in remote}))
    about = html.escape(post.title) if post.title else "A new thread"
    where = f'<a href="{html.escape(post.url)}">{about}</a>'
    text = f"<p>{where} by @{html.escape(author.handle)} in {html.escape(group.name)}, which only its members read.</p>"
    for member in remote:
        peer = met.get(member.host)
        if peer is None or peer.software not in GROUP_AWARE:
            _note(tx, site, group, member, text, post)


def refused(tx: Tx, site: Site, group: Actor, author: Actor, create: dict[str, Any], why: Forbidden) -> None:
    """A remote `author`'s Create was not taken by a local group: say so. Forums get `Reject` of it (FEP-1b12 lets a group
    reject), microblogs a direct Note with the reason, each author once in `PAUSE`."""
    if author.local or author.is_group:
        return
    if outbox.was_told(tx, group.id, author.id, author.host, "Reject", site.clock() - PAUSE):
        return
    audience = outbox.Audience(actors=(author.id,))
    # The forum's form, so that the answer to a Follow (of any form) is no such answer.
    sending.send(
        tx, site, group, "Reject", create, to=[author.iri], cc=[], audience=audience, form="forum", summary=why.text
    )
    peer = peers.by_host(tx, author.host)
    if peer is not None and peer.software is not None and peer.software not in MICROBLOGS:
        return
    _note(tx, site, group, author, f"<p>Your post was not taken. {html.escape(why.text)}</p>", None)


def appointed(tx: Tx, site: Site, group: Actor, person: Actor) -> None:
    """A person here moderates a local group from now on: the group writes to them, and only to them.

    A mention, as Mastodon has no kind of notification for it: `moderation_warning` would say that they did wrong, and a kind
    of our own is passed by in good clients and breaks others. So every client shows it, in words; answers to it reach the
    moderators, as every direct word to a group does. Elsewhere their own server knows by the `Add`.
    """
    from fedi.actions import posts  # which stands on what calls this
    from fedi.actions.drafts import Draft

    if not person.local or not group.local:
        return
    page = f"{group.url}/moderation"
    text = f"@{person.username} You moderate {group.name} from now on. Reports and removals are at {page}"
    made = posts.publish(tx, site, group, Draft(text, visibility="direct"))
    post_rows.change(tx, made.id, url=page)  # a group has no page for a letter of its own


def waits(tx: Tx, site: Site, group: Actor, author: Actor, why: str) -> None:
    """What a remote `author` sent to a local group waits for its moderators: say by which rule, once in `PAUSE`."""
    if author.local or author.is_group:
        return
    if not outbox.was_told(tx, group.id, author.id, author.host, "Create", site.clock() - PAUSE):
        _note(tx, site, group, author, f"<p>Your post waits for a moderator. {html.escape(why)}</p>", None, "any")


def heard(tx: Tx, site: Site, group: Actor, person: Actor, state: str, words: str) -> None:
    """A person here appealed against what moderators of a group did, and this is the answer."""
    with speaking(tx, person):
        name = group.name or group.username
        if state == "overturned":
            said = _("Your appeal in %(group)s was heard: what was done is taken back.") % {"group": name}
        else:
            said = _("Your appeal in %(group)s was looked at by another moderator: what was done stands.") % {
                "group": name
            }
    letter(tx, site, group, person, f"{said} {words}".strip())


def outcome(tx: Tx, site: Site, group: Actor | None, person: Actor, words: str) -> None:
    """A person here reported something, and this is what became of it."""
    with speaking(tx, person):
        said = _("Thank you for your report. %(outcome)s") % {"outcome": words}
    letter(tx, site, group, person, said)


def speaking(tx: Tx, person: Actor) -> AbstractContextManager[None]:
    """Words are in the language that a person of this instance chose, until the block ends."""
    row = people.by_id(tx, person.id) if person.local else None
    settings = row.settings if row is not None else {}
    return using(str(settings.get("locale") or ""), str(settings.get("time_zone") or ""))


def letter(tx: Tx, site: Site, group: Actor | None, person: Actor, text: str) -> None:
    """Write to a person here, and only to them: in the name of a group of this instance, else of the instance. A mention, for
    the reason that `appointed` has; no link in `text`, and nobody in it, is told of it."""
    from fedi.actions import posts  # which stands on what calls this
    from fedi.actions.drafts import Draft

    speaker = group if group is not None and group.local else actors.by_iri(tx, site.instance_iri)
    if not person.local or person.state != "active" or speaker is None:
        return
    plain = text.replace("@", "@\u2060")  # whoever is named in somebody's words is not mentioned
    posts.publish(tx, site, speaker, Draft(f"@{person.username} {plain}"[:4900], visibility="direct"))


def _note(tx: Tx, site: Site, group: Actor, to: Actor, text: str, about: Post | None, form: str = "notice") -> None:
    iri = site.iri(f"/activities/{site.new_id()}")
    published = sending.timestamp(site.clock())
    note = {
        "id": f"{iri}#note",  # whoever asks for it gets the Create that holds it
        "type": "Note",
        "attributedTo": group.iri,
        "content": text,
        "published": published,
        "to": [to.iri],
        "cc": [],
        "tag": [{"type": "Mention", "href": to.iri, "name": f"@{to.handle}"}],
    }
    sending.send(
        tx,
        site,
        group,
        "Create",
        note,
        to=[to.iri],
        cc=[],
        audience=outbox.Audience(actors=(to.id,)),
        activity_id=iri,
        post_id=about.id if about is not None else None,
        form=form,
        published=published,
    )
