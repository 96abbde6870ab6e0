"""What comes from a library as a download: references of a whole library, an item or a thread, as `.bib` or `.json` (CSL), and
files. Its pages are `fedi.web.library`.
"""

from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from federation.errors import FederationError
from fedi import visibility
from fedi.actions import library as actions
from fedi.citing import bibtex, csl
from fedi.citing.works import Work
from fedi.context import Site
from fedi.errors import NotFound
from fedi.fetching.papers import paper
from fedi.languages import _
from fedi.media import papers
from fedi.sessions import signed_in
from fedi.web import cards
from fedi.web.handles import group_of
from fedi.web.library import frame, of_group
from fedi.web.paths import safe_link
from storage import library
from storage import threads as thread_rows
from storage.metadata import Tx

EXPORTED = 1000
"""Works of a file of references at most."""


def _export(form: str, works: Sequence[Work], name: str) -> Response:
    if form == "bib":
        body, kind = bibtex.write(works).encode(), "application/x-bibtex"
    else:
        taken: set[str] = set()
        body = msgspec.json.encode([csl.write(work, bibtex.key_of(work, taken)) for work in works])
        kind = "application/vnd.citationstyles.csl+json"
    headers = {
        "content-disposition": f'attachment; filename="{name}.{form}"',
        "x-content-type-options": "nosniff",
        "cache-control": "private, no-cache",
        "vary": "Cookie",
    }
    return Response(body, headers=headers, media_type=f"{kind}; charset=utf-8")


async def export(request: Request) -> Response:
    """All of a library that one may see, or one item of it, as `.bib` or `.json` (CSL)."""
    site: Site = request.app.state.site
    me = await signed_in(request)
    group = await group_of(request)
    form = "bib" if request.url.path.endswith(".bib") else "json"
    item_id: int | None = request.path_params.get("item_id")

    def read(tx: Tx) -> list[Work]:
        frame(tx, me, group)
        if item_id is not None:
            return [of_group(tx, me, group, item_id).work]
        return [one.work for one in actions.listed(tx, cards.viewer_of(me), group, EXPORTED)]

    works = await site.db.read(read)
    return _export(form, works, f"{group.username}{'' if item_id is None else f'-{item_id}'}")


async def thread(request: Request) -> Response:
    """What a thread adds or names, as `.bib` or `.json` (CSL): of the posts that one may see."""
    site: Site = request.app.state.site
    me = await signed_in(request)
    form = "bib" if request.url.path.endswith(".bib") else "json"
    post_id: int = request.path_params["post_id"]

    def read(tx: Tx) -> list[Work]:
        viewer = cards.viewer_of(me)
        first = visibility.seen(tx, viewer, [post_id]).get(post_id) if post_id < 2**63 else None
        if first is None:
            raise NotFound(_("There is no such post, or it is not shown to you."))
        shape = thread_rows.shape(tx, first.root_id or first.id, visibility.visible_to(viewer))
        seen = visibility.seen(tx, viewer, [one for one, _above in shape[:EXPORTED]])
        return actions.works_in(tx, viewer, [seen[one] for one in sorted(seen)])

    return _export(form, await site.db.read(read), f"thread-{post_id}")


async def file(request: Request) -> Response:
    """The file that a post added, for who may see the post; fetched from its home where it is not here yet."""
    site: Site = request.app.state.site
    me = await signed_in(request)
    post_id: int = request.path_params["post_id"]

    def read(tx: Tx) -> tuple[library.Entry | None, library.File | None]:
        seen = visibility.seen(tx, cards.viewer_of(me), [post_id]) if post_id < 2**63 else {}
        entry = library.entry(tx, post_id) if seen else None
        if entry is None or entry.digest is None or not entry.proved:
            return entry, None
        return entry, library.file(tx, entry.digest)

    entry, known = await site.db.read(read)
    if entry is None:
        raise NotFound(_("There is no such file, or it is not shown to you."))
    if known is None and me is not None:
        try:
            known = await paper(site, entry)
        except FederationError as problem:
            raise NotFound(_("The server that has the file can't be reached; try again later.")) from problem
    if known is not None:
        return papers.served(site, known, entry.name)
    address = safe_link(entry.file_url)
    if address is None:
        raise NotFound(_("There is no such file, or it is not shown to you."))
    return RedirectResponse(address, 302)
