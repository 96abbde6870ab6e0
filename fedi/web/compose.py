"""`/compose`: write a post, a reply, or a thread in a group; look at it as it will be, keep it as a draft, publish it.

`GET /compose?group=NAME&title=…&text=…&question=1&reply_to=ID&draft=ID` opens the form with what is known already. What can't be
published comes back with the reason, nothing of it lost, and is among the drafts.
"""

import contextlib
from dataclasses import replace

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from federation.errors import FederationError
from fedi import fetching, visibility
from fedi.actions import media, posts, rules, unsent
from fedi.actions.unsent import Words
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound, Problem
from fedi.forms import person, see_other, sent_with_files, text, upload
from fedi.guard import TOO_MANY
from fedi.languages import _
from fedi.media import processing
from fedi.text.structure import begins_block
from fedi.web import cards, composing
from fedi.web.again import kept
from fedi.web.composing import Typed, form_page
from fedi.web.paths import post_path
from storage import actors
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post

_PICTURES = (4, 120)
"""Pictures of one person: a minute, and at once. As many as an app may send, as those that no post shows take room, too."""
_DELETED = 20
"""Times that somebody may delete a post and send the same again from the same form."""


async def show(request: Request) -> Response:
    """GET: the form."""
    site: Site = request.app.state.site
    me = await person(request)
    asked = request.query_params

    def read(tx: Tx) -> dict[str, object]:
        if asked.get("draft", "").isdecimal() and len(asked["draft"]) < 19:
            kept = unsent.get(tx, me, int(asked["draft"]))
            return composing.context(tx, site, me, Typed(unsent.words_of(kept), kept.id)) | {"was": kept.problem}
        group = _named(tx, site, asked.get("group", "")[:400])
        reply = asked.get("reply_to", "")
        reply_to = int(reply) if reply.isascii() and reply.isdecimal() and len(reply) < 19 else None
        if group is None and reply_to is None and asked.get("question"):
            # A question is asked in a group, as the search says that it is: not to everyone because nothing was chosen.
            group = next((one.group for one in composing.places(tx, site, me)), None)
        greeting, visible = _greeting(tx, me, reply_to)
        words = Words(
            text=_clean(asked.get("text", ""))[:5000] or greeting,
            visibility=visible,
            title=_clean(asked.get("title", ""))[:200],
            question=bool(asked.get("question")),
            group_id=group.id if group is not None else None,
            reply_to_id=reply_to,
        )
        return composing.context(tx, site, me, Typed(words))

    shown = await site.db.read(read)
    was = shown.pop("was", None)
    return form_page(request, shown, problem=str(was) if was else None)


def _clean(value: str) -> str:
    return value.replace("\x00", "").encode("utf-8", "ignore").decode()


def _named(tx: Tx, site: Site, name: str) -> Actor | None:
    """A group by its name here, or by its handle."""
    username, _at, domain = name.removeprefix("@").partition("@")
    found = actors.by_name(tx, username, domain or site.config.handle_domain) if username else None
    return found if found is not None and found.is_group and found.state == "active" else None


def _greeting(tx: Tx, me: Actor, reply_to: int | None) -> tuple[str, str]:
    """The handle that a reply begins with, and its visibility: no wider than that of what it answers."""
    post = visibility.seen(tx, cards.viewer_of(me), [reply_to]).get(reply_to) if reply_to is not None else None
    if post is None:
        return "", "public"
    visible = post.visibility if post.visibility in ("unlisted", "followers", "direct") else "public"
    author = actors.by_id(tx, post.author_id)
    if author is None or author.id == me.id or author.is_group:
        return "", visible
    return f"@{author.username if author.local else author.handle} ", visible


async def compose(request: Request) -> Response:
    """POST: publish, then show the post; or, by the button `action`, show it first (`preview`) or keep it (`keep`)."""
    if (again := await kept(request)) is not None:
        return again
    me = await person(request)
    async with sent_with_files(request, media.MOST) as form:
        return await _compose(request, me, form)


async def _compose(request: Request, me: Actor, form: FormData) -> Response:
    site: Site = request.app.state.site
    typed = composing.read(form)
    key = composing.key_of(typed, form)
    action = text(form, "action", 20)
    ids = list(typed.words.media_ids)
    try:
        await _take(site, me, form, ids)
    except (Invalid, Forbidden, NotFound) as problem:
        return await _refused(request, me, _with(typed, ids), problem)
    typed = _with(typed, ids)
    if action == "preview":
        shown = await site.db.read(lambda tx: composing.context(tx, site, me, typed, preview=True))
        return form_page(request, shown, problem=composing.problem_with(typed.words, 0))
    if action == "keep":
        return await _keep(request, me, typed)
    if (wrong := composing.problem_with(typed.words, 0)) is not None:
        return await _refused(request, me, typed, Invalid(wrong))
    for handle in posts.handles_in(typed.words.text)[:20]:
        if "@" in handle:
            with contextlib.suppress(FederationError, NotFound):  # then the handle stays text
                await fetching.actor(site, handle)
    try:
        post = await site.db.write(lambda tx: _publish(tx, site, me, typed, key))
    except (Invalid, Forbidden, NotFound) as problem:
        return await _refused(request, me, typed, problem)
    return see_other(post_path(post, me))


def _publish(tx: Tx, site: Site, me: Actor, typed: Typed, key: str | None) -> Post:
    words = typed.words
    said = words.text
    group = actors.by_id(tx, words.group_id) if words.group_id is not None else None
    if words.group_id is not None and (group is None or not group.is_group or group.state != "active"):
        raise NotFound(_("The group that this was for is not there any more. Choose another place for it."))
    if group is not None and words.reply_to_id is None:
        rules.demand(tx, site, me, group, typed.ticked)
        said = said if said.strip() or words.media_ids else words.title
        if said.strip() or words.media_ids:
            said = _into(group, said)
    if typed.draft_id is not None:
        unsent.let_go(tx, site, me, typed.draft_id)
    unsent.release(tx, site, me, words.media_ids)
    draft = posts.Draft(
        said,
        visibility=words.visibility,
        reply_to_id=words.reply_to_id,
        summary=words.warning,
        language=words.language or None,
        title=words.title.strip()[:200] or None,
        poll=composing.poll_of(words, site.clock()),
        media_ids=words.media_ids,
        question=words.question and words.reply_to_id is None,
    )
    post = _once(tx, site, me, draft, key)
    for _again in range(_DELETED):
        if post.deleted_at is None:
            break
        post = _once(tx, site, me, draft, f"{key}:{post.id}")  # what the key gave was deleted: this one is meant anew
    return post


def _once(tx: Tx, site: Site, me: Actor, draft: posts.Draft, key: str | None) -> Post:
    try:
        return posts.publish(tx, site, me, draft, idempotency_key=key)
    except posts.KeyTaken as taken:
        return posts.publish(tx, site, me, draft, idempotency_key=f"{key}:{taken.earlier}")


async def _keep(request: Request, me: Actor, typed: Typed) -> Response:
    """Keep what was typed as a draft; an empty form is kept nowhere."""
    site: Site = request.app.state.site
    if typed.words.empty:
        return see_other("/drafts")
    try:
        kept = await site.db.write(lambda tx: unsent.keep(tx, site, me, typed.words, draft_id=typed.draft_id))
    except Invalid as problem:
        shown = await site.db.read(lambda tx: composing.context(tx, site, me, typed))
        return form_page(request, shown, problem.status, problem=problem.text)
    return see_other(f"/drafts?kept={kept.id}")


async def _refused(request: Request, me: Actor, typed: Typed, problem: Problem) -> Response:
    """The form again, with what is wrong and all that was typed, which is a draft from now on."""
    site: Site = request.app.state.site
    said = problem.text.removeprefix("Validation failed: ")
    if said == "Text can't be blank":
        said = _("Write something first.")

    def keep(tx: Tx) -> int | None:
        return (
            None
            if typed.words.empty
            else unsent.keep(tx, site, me, typed.words, draft_id=typed.draft_id, problem=said).id
        )

    with contextlib.suppress(Invalid):  # too long even for a draft, or too many of them: the page has it all the same
        typed = replace(typed, draft_id=await site.db.write(keep))
    shown = await site.db.read(lambda tx: composing.context(tx, site, me, typed))
    return form_page(request, shown, problem.status, problem=said)


async def _take(site: Site, me: Actor, form: FormData, ids: list[int]) -> None:
    """Add the pictures that came to `ids`, each with the words beside it, and note what is said anew of those that came
    before. Raises Invalid for what is no picture."""
    said_of = {one: text(form, f"said{one}", media.MAX_DESCRIPTION).strip() for one in ids if f"said{one}" in form}

    def describe(tx: Tx) -> None:
        for one, said in said_of.items():
            media.describe(tx, me, None, one, said, None)

    if said_of:
        await site.db.write(describe)
    for at in range(media.MOST):
        picture = upload(form, f"picture{at}")
        if picture is None or len(ids) >= media.MOST:
            continue
        if not site.previews.allow(f"pictures {me.id}", *_PICTURES, site.clock()):
            raise Invalid(_(TOO_MANY), code="too-many")
        processing.check(site, picture)
        said = text(form, f"alt{at}", media.MAX_DESCRIPTION).strip() or None
        medium = await processing.receive(site, me.id, picture, description=said)
        ids.append((await processing.finish(site, medium, 3 * processing.SECONDS)).id)


def _with(typed: Typed, ids: list[int]) -> Typed:
    return replace(typed, words=replace(typed.words, media_ids=tuple(ids)))


def _into(group: Actor, typed: str) -> str:
    """`typed` with the mention of the group, by which a post goes to it wherever the group is."""
    handle = group.username if group.local else group.handle
    # First, since it goes to the first group that it names.
    if posts.handles_in(typed)[:1] in ([handle.lower()], [group.handle.lower()]):
        return typed
    between = "\n\n" if begins_block(typed.partition("\n")[0]) else " "
    return f"@{handle}{between}{typed}"
