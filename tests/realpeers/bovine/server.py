"""A small server made of bovine_herd as its documents have it: one person, `bo`, in a SQLite database of its own.

Bovine verifies draft-cavage signatures, serves actors and posts to signed requests only, splits what it gets into objects
by JSON-LD flattening, and keeps them: what is told of an activity here is read from its store.
"""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from bovine.jsonld import jsonld_cache, with_external_context
from bovine_herd import BovineHerd
from bovine_process import handle_outbox_item, process_inbox_item, process_outbox_item
from bovine_process.types import ProcessingItem
from bovine_store import BovineAdminStore
from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart, g, request

PORT = int(os.environ["PORT"])
ORIGIN = f"http://127.0.0.1:{PORT}"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"

# Contexts that real servers fetch once and keep; here nothing but loopback is ever asked.
for _url, _document in json.loads((Path(__file__).parent.parent / "contexts.json").read_text()).items():
    if jsonld_cache.retrieve(_url) is None:
        jsonld_cache.add(_url, _document["@context"])

app = Quart(__name__)
received: list[dict[str, Any]] = []
state: dict[str, Any] = {}


async def inbox(item: ProcessingItem, actor: Any) -> None:
    """What bovine does with an activity, and then what is told of it."""
    entry = next((one for one in reversed(received) if (one["raw"] or {}).get("id") == item.data.get("id")), {})
    entry["verified"] = True  # only what is signed comes here
    app.add_background_task(process, item, actor, entry)


async def process(item: ProcessingItem, actor: Any, entry: dict[str, Any]) -> None:
    """In the background, as bovine_herd does it."""
    raw = json.loads(json.dumps(item.data))
    await process_inbox_item(item, actor, retry=True)  # no second time: it waits for up to half a minute
    entry["activity"] = await show(raw["id"], actor)
    if raw["type"] == "Follow":
        await say("Accept", {"object": raw, "to": [raw["actor"]]})


BovineHerd(app, start_background_task_inbox=inbox, db_url=f"sqlite://{Path.cwd()}/bovine.sqlite3")


async def me() -> Any:
    """The actor, from the store."""
    if "name" not in state:
        admin = BovineAdminStore(domain=ORIGIN)
        state["name"] = await admin.register("bo")
        await admin.set_properties_for_actor(state["name"], {"name": "Bo of bovine", "summary": "Made of a library"})
    return await app.config["bovine_store"].actor_for_name(state["name"])


def first(value: Any) -> Any:
    """One of a list, or what is none."""
    return value[0] if isinstance(value, list) and value else (None if value == [] else value)


def an_id(value: Any) -> Any:
    """The id of what is an object or an id."""
    value = first(value)
    return value.get("id") if isinstance(value, dict) else value


def some(value: Any) -> list[Any]:
    """A list of what is one or a list."""
    return [] if value is None else value if isinstance(value, list) else [value]


async def show(found: Any, actor: Any, depth: int = 0) -> dict[str, Any] | None:
    """What bovine kept of an object, as plain JSON."""
    if isinstance(found, str):
        found = await actor.retrieve(found) if depth < 4 else None
    if not isinstance(found, dict):
        return None
    shown = {"type": first(found.get("type")), "id": found.get("id")}
    shown |= {name: [an_id(one) for one in some(found.get(name))] for name in ("to", "cc", "audience")}
    if "actor" in found:
        shown |= {"actor": an_id(found["actor"]), "objectId": an_id(found.get("object"))}
        if shown["type"] != "Delete":
            inner = first(found.get("object"))
            shown["object"] = await show(
                an_id(inner) if isinstance(inner, dict) and "id" in inner else inner, actor, depth + 1
            )
        return shown
    tags = [one for one in some(found.get("tag")) if isinstance(one, dict)]
    return shown | {
        "name": text(found.get("name")), "content": text(found.get("content")), "summary": text(found.get("summary")),
        "author": an_id(found.get("attributedTo")), "inReplyTo": an_id(found.get("inReplyTo")),
        "url": an_id(found.get("url")), "published": text(found.get("published")), "updated": text(found.get("updated")),
        "links": [one.get("href") or one.get("url") for one in some(found.get("attachment")) if isinstance(one, dict)],
        "mentions": [text(one.get("name")) for one in tags if one.get("type") == "Mention"],
        "hashtags": [text(one.get("name")) for one in tags if one.get("type") != "Mention"],
        "username": text(found.get("preferredUsername")), "inbox": an_id(found.get("inbox")),
        "followers": an_id(found.get("followers")), "outbox": an_id(found.get("outbox")),
        "publicKey": an_id(found.get("publicKey")),
    }  # fmt: skip


def text(value: Any) -> Any:
    """A literal, with or without its type."""
    value = first(value)
    return value.get("@value") if isinstance(value, dict) else value


async def say(kind: str, more: dict[str, Any]) -> dict[str, Any]:
    """Send an activity by way of the outbox."""
    actor = await me()
    document = {"@context": "https://www.w3.org/ns/activitystreams", "type": kind, "actor": actor.actor_id, **more}
    item = await handle_outbox_item(ProcessingItem(actor.actor_id, document), actor)
    kept: dict[str, Any] = json.loads(json.dumps(item.data))
    await process_outbox_item(item, actor)
    return kept


def about(actor: Any, to: list[str] | None = None, group: str | None = None, **_: Any) -> dict[str, Any]:
    """To everyone, these and who follows."""
    made = {"to": [PUBLIC, *(to or [])], "cc": [actor.actor_object.followers]}
    return made | ({"audience": group} if group else {})


async def command_me() -> Any:
    actor = await me()
    return {"id": actor.actor_id, "handle": f"@bo@127.0.0.1:{PORT}"}


async def command_received() -> Any:
    return received


async def command_fetch(url: str) -> Any:
    actor = await me()
    return await show(await actor.get(url), actor)


async def command_follow(actor: str) -> Any:
    return {"id": (await say("Follow", {"object": actor, "to": [actor]}))["id"]}


async def command_unfollow(actor: str, follow: str) -> Any:
    undone = {"type": "Follow", "id": follow, "actor": (await me()).actor_id, "object": actor}
    await say("Undo", {"object": undone, "to": [actor]})


async def command_post(content: str, title: str | None = None, inReplyTo: str | None = None, **where: Any) -> Any:  # noqa: N803
    actor = await me()
    note = {"type": "Note", "attributedTo": actor.actor_id, "content": content, **about(actor, **where)}
    note["published"] = state["now"]()
    note["tag"] = [{"type": "Mention", "href": one, "name": one} for one in where.get("to") or []]
    note |= ({"name": title} if title else {}) | ({"inReplyTo": inReplyTo} if inReplyTo else {})
    kept = await say("Create", {"object": note, **about(actor, **where)})
    return {"id": kept["object"]["id"], "activity": kept["id"]}


async def command_edit(id: str, content: str, **where: Any) -> Any:
    actor = await me()
    note = with_external_context(await actor.retrieve(id))
    note.pop("@context")
    await say("Update", {"object": note | {"content": content, "updated": state["now"]()}, **about(actor, **where)})


async def command_delete(id: str, **where: Any) -> Any:
    await say("Delete", {"object": {"type": "Tombstone", "id": id}, **about(await me(), **where)})


async def command_like(object: str, to: list[str], kind: str = "Like") -> Any:
    # Public, as it is served to nobody else otherwise: who gets it from the group must be able to ask whether it is true.
    return {"id": (await say(kind, {"object": object, "to": [PUBLIC, *to]}))["id"]}


async def command_unlike(id: str, object: str, to: list[str]) -> Any:
    like = {"type": "Like", "id": id, "actor": (await me()).actor_id, "object": object}
    await say("Undo", {"object": like, "to": [PUBLIC, *to]})


@app.before_request
async def remember() -> None:
    """One entry for each POST to an inbox."""
    if request.method == "POST" and not request.path.startswith("/control/"):
        kind = (
            "rfc9421" if "signature-input" in request.headers else "draft" if "signature" in request.headers else None
        )
        g.entry = {"signature": kind, "verified": False, "activity": None, "raw": await request.get_json(force=True)}
        received.append(g.entry)


@app.after_request
async def remember_status(response: Any) -> Any:
    """What it was answered."""
    if "entry" in g:
        g.entry["status"] = response.status_code
    return response


@app.post("/control/<name>")
async def control(name: str) -> Any:
    """A command of the test."""
    command = globals()[f"command_{name}"]
    try:
        answer = await command(**(await request.get_json(force=True)))
    except Exception as problem:
        app.logger.exception(name)
        return {"error": repr(problem)}, 500
    return json.dumps(answer), 200, {"content-type": "application/json"}


if __name__ == "__main__":
    from bovine.utils import now_isoformat

    state["now"] = now_isoformat
    settings = Config()
    settings.bind = [f"127.0.0.1:{PORT}"]
    asyncio.run(serve(app, settings))
