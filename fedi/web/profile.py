"""`/settings/profile`: what somebody shows of themselves: name, about, picture, lines, and what they are to the university."""

from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from fedi.actions import affiliations, profiles
from fedi.context import Site
from fedi.errors import Invalid
from fedi.forms import person, see_other, sent_with_files, text, upload
from fedi.html import page
from fedi.languages import _
from fedi.media import processing
from storage import people
from storage.actors import Actor
from storage.media import Medium
from storage.metadata import Tx

_LINES = 4
"""Lines that the form has; more where the profile has more, which apps can write up to `profiles.FIELDS`."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form: as the profile is, or as it was sent."""

    name: str
    about: str
    alt: str
    fields: list[tuple[str, str]]
    show: bool
    found: bool
    locked: bool
    private: bool

    @classmethod
    def of(cls, me: Actor, settings: dict[str, Any]) -> "Typed":
        """As the profile is."""
        typed = affiliations.typed(me.fields)
        return cls(
            name=me.name,
            about=me.source or "",
            alt=me.icon_description or "",
            fields=[(str(one.get("name") or ""), str(one.get("source") or "")) for one in typed],
            show=settings.get("show_affiliation") is not False,
            found=me.discoverable and me.indexable,
            locked=me.approves_followers,
            private=me.hide_collections,
        )

    @classmethod
    def sent(cls, form: FormData) -> "Typed":
        """As it was sent; a box that is not ticked is not sent."""
        pairs = [(text(form, f"field{n}", 300), text(form, f"value{n}", 300)) for n in range(profiles.FIELDS)]
        return cls(
            name=text(form, "name", 200),
            about=text(form, "about").replace("\r\n", "\n"),
            alt=text(form, "alt", 2000),
            fields=[pair for pair in pairs if any(one.strip() for one in pair)],
            show=bool(text(form, "show", 10)),
            found=bool(text(form, "found", 10)),
            locked=bool(text(form, "locked", 10)),
            private=bool(text(form, "private", 10)),
        )


async def profile(request: Request) -> Response:
    """The form, and what it sends. What can't be taken comes back with the reason and nothing of it lost."""
    site: Site = request.app.state.site
    me = await person(request)
    row = await site.db.read(lambda tx: people.by_id(tx, me.id))
    kept = row.settings if row is not None else {}
    named = affiliations.NAMES.get(row.affiliation or "") if row is not None else None

    def form_page(typed: Typed, status: int = 200, problem: str | None = None) -> Response:
        saved = bool(request.query_params.get("saved")) and problem is None
        lines = min(profiles.FIELDS, max(_LINES, len(typed.fields) + 1))
        return page(
            request,
            "profile.html",
            status,
            typed=typed,
            affiliation=named,
            lines=lines,
            problem=problem,
            saved=saved,
        )

    if request.method != "POST":
        return form_page(Typed.of(me, kept))
    async with sent_with_files(request, 1) as form:
        typed = Typed.sent(form)
        try:
            pictures = await _picture(site, me, form)
            await site.db.write(lambda tx: _change(tx, site, me, typed, pictures, affiliated=named is not None))
        except Invalid as problem:
            return form_page(typed, problem.status, problem.text)
    return see_other("/settings/profile?saved=1")


async def _picture(site: Site, me: Actor, form: FormData) -> dict[str, Medium | None]:
    """The picture that was chosen, worked out; None where it is to go. Raises Invalid for a file that is no picture."""
    given = upload(form, "picture")
    if given is None:
        return {"avatar": None} if text(form, "without", 10) else {}
    if given.size > processing.FACE_BYTES:
        most = processing.FACE_BYTES >> 20
        raise Invalid(_("The picture is too large: it may have %(most)d MB.") % {"most": most})
    try:
        processing.check(site, given)
        medium = await processing.receive(site, me.id, given, purpose="avatar")
        return {"avatar": await processing.finish(site, medium, 3 * processing.SECONDS)}
    except Invalid as problem:  # in words for apps
        raise Invalid(_("This file can't be shown as a picture. Choose a JPEG, PNG, GIF or WebP.")) from problem


def _change(
    tx: Tx, site: Site, me: Actor, typed: Typed, pictures: dict[str, Medium | None], *, affiliated: bool
) -> None:
    taken_away = pictures.get("avatar", me) is None
    # Only what changed: each of these is told to the followers' servers.
    before = Typed.of(me, {})
    changed = profiles.update_profile(
        tx,
        site,
        me,
        name=typed.name,
        summary=typed.about,
        fields=None if typed.fields == before.fields else [{"name": n, "value": v} for n, v in typed.fields],
        discoverable=typed.found,
        indexable=typed.found,
        locked=typed.locked,
        hide_collections=typed.private,
        avatar_description="" if taken_away else typed.alt,
        pictures=pictures,
    )
    if affiliated:
        profiles.affiliate(tx, site, changed, show=typed.show)
