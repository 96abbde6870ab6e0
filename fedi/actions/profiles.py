"""What profiles say: changed by whom they are of, told to the servers of followers; and what somebody is to the institution.
People themselves come and go by `people`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from federation.fields import is_visible
from fedi.actions import affiliations, media, sending, verifying
from fedi.context import Site
from fedi.errors import Invalid
from fedi.languages import _, number
from fedi.rendering import actors as rendering
from fedi.text.plain import to_html
from storage import actors, outbox, people
from storage.actors import Actor
from storage.media import Medium
from storage.metadata import Tx

FIELDS, FIELD_LENGTH = 8, 255
NAME_LENGTH, NOTE_LENGTH, DESCRIPTION_LENGTH = 100, 2000, 1500
TABS = ("media", "media_replies", "featured")
"""Parts of a profile that its owner may want left out (Mastodon's `show_media` and so on)."""


def update_profile(
    tx: Tx,
    site: Site,
    actor: Actor,
    *,
    name: str | None = None,
    summary: str | None = None,
    fields: list[dict[str, str]] | None = None,
    locked: bool | None = None,
    discoverable: bool | None = None,
    indexable: bool | None = None,
    bot: bool | None = None,
    hide_collections: bool | None = None,
    avatar_description: str | None = None,
    header_description: str | None = None,
    tabs: Mapping[str, bool | None] | None = None,
    pictures: Mapping[str, Medium | None] | None = None,
) -> Actor:
    """Change what a person shows of themselves and tell the followers' servers; None leaves a thing as it is.

    `summary` and the values of `fields` ([{"name", "value"}], 8 at most) are plain text; links in fields are looked at
    (`fedi.actions.verifying`). `tabs` says of some of TABS whether the profile has it, `pictures` by `avatar` and `header`
    which file it shows (None: none). Raises Invalid when too long.
    """
    changed: dict[str, Any] = {}
    if name is not None:
        if len(name) > NAME_LENGTH:
            raise Invalid(
                _("A display name has at most %(most)s characters.") % {"most": NAME_LENGTH}, code="display_name"
            )
        changed["name"] = name.strip() if is_visible(name) else actor.username
    if summary is not None:
        if len(summary) > NOTE_LENGTH:
            raise Invalid(
                _("A note about yourself has at most %(most)s characters.") % {"most": number(NOTE_LENGTH)}, code="note"
            )
        changed["source"] = summary
        changed["summary"] = to_html(summary, {}, lambda tag: site.iri(f"/tags/{tag}")) if summary.strip() else ""
    if fields is not None:
        typed = _typed(site, actor, fields)
        changed["fields"] = affiliations.arranged(site, actor, people.by_id(tx, actor.id), typed)
    for column, text in (("icon_description", avatar_description), ("image_description", header_description)):
        if text is not None:
            if len(text) > DESCRIPTION_LENGTH:
                raise Invalid(
                    _("A description has at most %(most)s characters.") % {"most": DESCRIPTION_LENGTH},
                    code="description",
                )
            changed[column] = text.strip() or None
    for purpose, medium in (pictures or {}).items():
        changed["icon" if purpose == "avatar" else "image"] = media.show_face(tx, site, actor, purpose, medium)
    if tabs is not None:
        given = {tab: wanted for tab, wanted in tabs.items() if wanted is not None}
        hides = [tab for tab in TABS if not given.get(tab, tab not in actor.hides)]
        if hides != actor.hides:
            changed["hides"] = hides
    switches = {
        "approves_followers": locked,
        "discoverable": discoverable,
        "indexable": indexable,
        "hide_collections": hide_collections,
    }
    changed |= {column: value for column, value in switches.items() if value is not None}
    if bot is not None:
        changed["kind"] = "Service" if bot else "Person"
    if not changed:
        return actor
    actors.change(tx, actor.id, **changed)
    changed_actor = replace(actor, **changed)
    announce_profile(tx, site, changed_actor)
    if fields is not None:
        verifying.ask(tx, site, changed_actor)
    return changed_actor


def _typed(site: Site, actor: Actor, fields: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Typed fields as they are kept; a link that was verified stays so while it is the same. Raises Invalid."""
    kept = [field for field in fields if field.get("name", "").strip() or field.get("value", "").strip()]
    if len(kept) > FIELDS or any(len(v) > FIELD_LENGTH for field in kept for v in field.values()):
        raise Invalid(
            _("A profile has at most %(most)s fields of %(length)s characters.")
            % {"most": FIELDS, "length": FIELD_LENGTH},
            code="fields",
        )
    verified = {one.get("source"): one.get("verified_at") for one in affiliations.typed(actor.fields)}
    made = []
    for field in kept:
        source = field.get("value", "").strip()
        value = to_html(source, {}, lambda tag: site.iri(f"/tags/{tag}")).removeprefix("<p>").removesuffix("</p>")
        url = affiliations.lone_link(value)
        if url is not None:
            affiliations.refuse(site, url)
            if not site.is_local(url):
                value = value.replace(' rel="nofollow', ' rel="me nofollow', 1)
        made.append(
            {
                "name": field.get("name", "").strip(),
                "value": value,
                "source": source,
                "verified_at": verified.get(source),
            }
        )
    return made


def affiliate(
    tx: Tx, site: Site, actor: Actor, affiliation: str | None = None, *, show: bool | None = None, end: bool = False
) -> Actor:
    """Say what a local person is to the institution (`end`: nothing any more), or whether they `show` it; servers are told.

    What is None stays. Raises Invalid for an affiliation that does not exist.
    """
    affiliations.check(affiliation)
    person = people.by_id(tx, actor.id)
    if person is None:
        raise Invalid(f"{actor.username} is no person of this instance.")
    if affiliation is not None or end:
        people.change(tx, actor.id, affiliation=affiliation)
    if show is not None and show != person.settings.get("show_affiliation", True):
        people.change(tx, actor.id, settings={**person.settings, "show_affiliation": show})
    if affiliations.settle(tx, site, actor):
        actor = actors.by_id(tx, actor.id) or actor
        announce_profile(tx, site, actor)
    return actor


def announce_profile(tx: Tx, site: Site, actor: Actor) -> None:
    """Tell the servers of an actor's followers what its document says now (`Update`)."""
    sending.send(
        tx,
        site,
        actor,
        "Update",
        rendering.document(tx, site, actor),
        to=[sending.PUBLIC],
        cc=[actor.followers or ""],
        audience=outbox.Audience(followers_of=(actor.id,)),
    )
