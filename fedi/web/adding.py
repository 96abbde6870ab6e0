"""Adding to a group's library: one says what it is (a DOI, an address, BibTeX, a file), the next page shows what is known of it,
and there it is made right and added. Nothing is published before that.
"""

from dataclasses import dataclass, replace
from typing import Any

import msgspec
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from federation.errors import FederationError
from fedi.actions import kept_files, rules
from fedi.actions import library as actions
from fedi.actions import shelves as shelf_actions
from fedi.actions.shelving import Addition, FileOf, keys_of
from fedi.citing import csl, licences, pasted
from fedi.citing.works import KINDS, MAX_TITLE, Work, names, plain, year_of
from fedi.context import Site
from fedi.csrf import demand_same_origin
from fedi.errors import Forbidden, Invalid, NotFound, Problem
from fedi.fetching import works
from fedi.forms import number, person, see_other, sent, text
from fedi.html import page
from fedi.languages import _
from fedi.media import files, multipart, papers
from fedi.media.multipart import Upload
from fedi.text.preview import read_page
from fedi.web import cards
from fedi.web.handles import group_of
from fedi.web.library import frame
from fedi.web.paths import actor_path
from storage import library, shelves
from storage.actors import Actor
from storage.metadata import Tx


@dataclass(frozen=True, slots=True)
class _Typed:
    """What the second page has: the work as it is to be, and what stands beside it; a token and name of a file that waits."""

    work: Work
    licence: str = ""
    shareable: bool = False
    note: str = ""
    shelf_id: int | None = None
    file: str = ""
    file_name: str = ""
    key: str = ""


async def begin(request: Request) -> Response:
    """GET: what is it?"""
    site: Site = request.app.state.site
    me = await person(request)
    group = await group_of(request)
    found = await site.db.read(lambda tx: _frame(tx, me, group))
    said = request.query_params.get("what", "")[:2000]
    return page(request, "library-add.html", problem="", pasted=said, several=[], **found, **_limits(site))


def _frame(tx: Tx, me: Actor, group: Actor) -> dict[str, Any]:
    made = frame(tx, me, group)
    if not made["inside"]:
        raise Forbidden(_("Only members add to the library: join the group first."), code="not-a-member")
    return made


def _limits(site: Site) -> dict[str, Any]:
    return {"most": site.config.library.file_size, "lookups": site.config.library.lookups}


async def go_on(request: Request) -> Response:
    """POST: look it up (`look`), then add it (`add`); what can't be done comes back with the reason and nothing of it lost."""
    site: Site = request.app.state.site
    me = await person(request)
    group = await group_of(request)
    found = await site.db.read(lambda tx: _frame(tx, me, group))
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        form = await sent(request, pasted.MAX_TEXT * 2)
        return await _go_on(request, site, me, group, found, form, None)

    demand_same_origin(request)
    limit = site.config.library.file_size << 20
    folder = files.incoming(site)
    stream = request.stream()
    async with multipart.form(request.headers["content-type"], stream, folder, files=1, limit=limit) as items:
        form = FormData(items)  # type: ignore[arg-type]  # whose file is an Upload
        sent_file: Any = form.get("file")
        upload = sent_file if isinstance(sent_file, Upload) and sent_file.size else None
        return await _go_on(request, site, me, group, found, form, upload)


async def _go_on(
    request: Request,
    site: Site,
    me: Actor,
    group: Actor,
    found: dict[str, Any],
    form: FormData,
    upload: Upload | None,
) -> Response:
    said = text(form, "what", pasted.MAX_TEXT).strip()
    adds = text(form, "action", 10) == "add"
    typed = _typed(form) if adds else _Typed(Work(""))
    try:
        if upload is not None:
            _bound(site, me, upload.size)
            digest, media_type, _size = await papers.take(site, upload)
            name = plain(upload.name, 200) or _("File")
            typed = replace(
                typed, file=await site.db.read(lambda tx: kept_files.token(tx, site, me.id, digest)), file_name=name
            )
            if not said and not typed.work.title:
                typed = replace(typed, work=actions.from_file(name, media_type))
        if adds:
            return await _add(site, me, group, typed, text(form, "rules", 80))
        several, work, problem = await _look(site, said, number(form, "pick"))
    except Problem as refused:
        if adds:
            return await _check(request, site, me, group, found, typed, refused.text, refused.status)
        again: dict[str, Any] = {"problem": refused.text, "pasted": said, "several": []}
        return page(request, "library-add.html", refused.status, **again, **found, **_limits(site))
    if several or (work is None and not typed.file):
        if not problem and not several:
            problem = _("That is no DOI, arXiv id, ISBN, address, BibTeX or RIS. Look for a typing mistake.")
        status = 422 if not several else 200
        shown: dict[str, Any] = {"problem": problem, "pasted": said, "several": several}
        return page(request, "library-add.html", status, **shown, **found, **_limits(site))
    typed = replace(typed, work=work or typed.work, licence=work.licence if work is not None else "")
    return await _check(request, site, me, group, found, typed, "", 200, note=problem)


def _bound(site: Site, me: Actor, size: int) -> None:
    """Raises Invalid for who sent as much within a day as they may add: what waits to be added takes room, too."""
    most = actions.PER_DAY * (site.config.library.file_size << 20)
    if not site.previews.allow(f"papers {me.id}", most / 1440, most, site.clock(), max(size, 1 << 18)):
        raise Invalid(_("That is more than you may add within a day; go on tomorrow."), code="limit")


async def _look(site: Site, said: str, pick: int | None) -> tuple[list[Work], Work | None, str]:
    """(the works to choose from, the one that is meant, what was not found) of what was pasted."""
    if not said:
        return [], None, ""
    read = pasted.read(said)
    if read.works:
        if pick is not None and pick < len(read.works):
            return [], read.works[pick], ""
        return (list(read.works), None, "") if len(read.works) > 1 else ([], read.works[0], "")
    if read.identifier is not None:
        work = await works.look_up(site, read.identifier)
        if work is not None:
            return [], work, ""
        bare: dict[str, Any] = {read.identifier.scheme: read.identifier.value}
        missing = _("Nobody could say what this is. Type its title, or go back and paste BibTeX or RIS.")
        return [], replace(Work(""), **bare), missing
    if read.url:
        return [], await _page_of(site, read.url), ""
    return [], None, ""


async def _page_of(site: Site, url: str) -> Work:
    """What a page on the web says of itself, where it may be asked."""
    bare = Work("", kind="webpage", url=url)
    if site.is_local(url) or not site.previews.allow("library pages", 30, 10, site.clock()):
        return bare
    try:
        html, found = await site.client.get_page(url)
        read = read_page(html, found)
    except FederationError:
        return bare
    if read is None:
        return bare
    at = read.more.get("published_at")
    author = plain(read.more.get("author_name"))
    return replace(
        bare,
        title=plain(read.title, MAX_TITLE),
        authors=names([author]) if author else (),
        venue=plain(read.more.get("provider_name")),
        year=1970 + int(at) // 31_556_952_000 if isinstance(at, int) else None,
    )


def _typed(form: FormData) -> _Typed:
    """What the second page says; what has no field of its own there is in `csl`."""
    try:
        base = csl.read(msgspec.json.decode(text(form, "csl", 20_000).encode()))
    except (msgspec.DecodeError, RecursionError):
        base = None
    kind = text(form, "kind", 40)
    address = text(form, "url", 2000).strip()
    work = replace(
        base or Work(""),
        title=plain(text(form, "title"), MAX_TITLE),
        authors=names(text(form, "authors", 20_000).splitlines()),
        year=year_of(text(form, "year", 20)),
        venue=plain(text(form, "venue")),
        kind=kind if kind in KINDS else "document",
        url=address if address.lower().startswith(("https://", "http://")) and " " not in address else "",
    )
    return _Typed(
        work,
        text(form, "licence", 100).strip(),
        text(form, "shareable", 5) == "1",
        text(form, "note", 20_000),
        number(form, "shelf"),
        text(form, "kept", 200),
        plain(text(form, "file_name", 400)),
        text(form, "key", 60),
    )


async def _add(site: Site, me: Actor, group: Actor, typed: _Typed, ticked: str) -> Response:
    def write(tx: Tx) -> int | None:
        rules.demand(tx, site, me, group, ticked)
        file: FileOf | None = None
        if typed.file:
            file = kept_files.redeem(tx, site, me.id, typed.file, typed.file_name)
        addition = Addition(typed.work, typed.licence, typed.shareable, file)
        key = f"library {typed.key}" if typed.key else None
        post = actions.add(tx, site, me, group, addition, note=typed.note, shelf_id=typed.shelf_id, key=key)
        entry = library.entry(tx, post.id)
        return entry.item_id if entry is not None else None

    item_id = await site.db.write(write)
    path = f"{actor_path(group)}/library"
    return see_other(path if item_id is None else f"{path}/{item_id}")


async def _check(
    request: Request,
    site: Site,
    me: Actor,
    group: Actor,
    found: dict[str, Any],
    typed: _Typed,
    problem: str,
    status: int,
    *,
    note: str = "",
) -> Response:
    """The second page: what is known of it, to be made right."""

    def read(tx: Tx) -> dict[str, Any]:
        digest = typed.file.partition(".")[0] or None
        known = library.known_as(tx, group.id, keys_of(typed.work, digest))
        there = None
        for one in known[:1]:
            try:
                there, _of = actions.item_of(tx, cards.viewer_of(me), one)
            except NotFound:  # what they may not see is not there
                there = None
        pending = rules.pending(tx, me, group)
        return {
            "there": there,
            "shelves": shelves.of(tx, group.id, shelf_actions.MOST),
            "pending": pending,
            "rules_version": rules.version(pending),
        }

    more = await site.db.read(read)
    shown = {
        "typed": typed,
        "work": typed.work,
        "csl": msgspec.json.encode(csl.write(replace(typed.work, title=typed.work.title or "?"))).decode(),
        "authors": "\n".join(f"{one.family}, {one.given}" if one.given else one.family for one in typed.work.authors),
        "kinds": [(name, _(said)) for name, said in actions.NAMES.items()],
        "known_licences": licences.KNOWN,
        "key": typed.key or str(site.new_id()),
        "problem": problem,
        "note": note,
    }
    return page(request, "library-check.html", status, **shown, **more, **found, **_limits(site))
