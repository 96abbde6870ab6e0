"""The OpenAPI 3.1 description of our own API, made from its operations: what is described is what runs."""

import re
from typing import Any

import msgspec

from fedi import VERSION
from fedi.api.operations import BASE, Operation, Refusal
from fedi.context import Site

_REFERENCE = "#/components/schemas/{name}"
_MEANINGS = {
    400: "The request can't be read",
    401: "No token, or one that is not good (any more)",
    403: "Who asks is known and may not",
    404: "There is nothing of this id, or it is not shown to who asks",
    409: "Somebody else changed it meanwhile",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "The request is well-formed and can't be taken",
    429: "Too many requests",
    503: "The database, or another server, can't be reached",
}
_TAGS = {
    "groups": "Groups: list, look up, found, change, join, leave",
    "members": "Who is in a group, waits, moderates, is banned",
    "reading": "What is new to a person, how far they read, how much they hear",
    "library": "Libraries of groups: what is in one, adding to it, its shelves",
    "threads": "Threads of groups in three orders, one as a tree, votes",
    "drafts": "What one has begun to write and not sent",
    "moderation": "What moderators do with posts, and the log of it",
    "peers": "Peering with other institutions: agreements, how each is doing, suspending and resuming; for admins",
    "directories": "Signed directories of institutions: those that are read, and the one that is published; for admins",
    "policy": "The federation policy: check, simulate, apply, go back, explain; for admins",
    "decisions": "What was decided, who changed what, what is on its way; for admins",
    "pending": "Acts that can't be taken back, which wait for a second admin and for their time",
    "invitations": "Links that let people join this instance, and groups",
    "feeds": "Addresses for feed readers, of what not everybody may read",
    "settings": "What a person sets for themselves, beyond Mastodon's preferences",
}
_SCOPES = {
    "read": "read everything", "write": "change everything", "read:groups": "read groups", "write:groups": "change groups",
    "read:statuses": "read posts", "write:statuses": "post", "write:favourites": "vote", "write:follows": "join and leave",
    "admin:read": "read what admins read", "admin:write": "do what admins do",
    "read:accounts": "read one's settings", "write:accounts": "change one's settings",
}  # fmt: skip


_NUMBER = {"pattern": "^[0-9]{1,19}$"}
_IN_PATH = {"host": {"maxLength": 253, "description": "The host of a peer, as peer.example"}}


def describe(site: Site, operations: list[Operation]) -> dict[str, Any]:
    """The description for this instance."""
    types: list[Any] = [Refusal]
    for one in operations:
        types += [kind for kind in (one.body, one.answer) if kind is not None]
    types = list(dict.fromkeys(types))
    made, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    schema = dict(zip(types, made, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schema)
    origin = site.config.origin
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "fedi",
            "version": VERSION,
            "description": "What Mastodon's API has no word for. Everything else is at /api/v1 and /api/v2.",
            "license": {"name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"},
        },
        "servers": [{"url": origin + BASE}],
        "tags": [
            {"name": name, "description": text}
            for name, text in _TAGS.items()
            if any(o.tag == name for o in operations)
        ],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "oauth": {
                    "type": "oauth2",
                    "flows": {
                        "authorizationCode": {
                            "authorizationUrl": f"{origin}/oauth/authorize",
                            "tokenUrl": f"{origin}/oauth/token",
                            "scopes": _SCOPES,
                        }
                    },
                }
            },
        },
    }


def _operation(one: Operation, schema: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    # Any one of the scopes will do.
    security: list[dict[str, list[str]]] = [{"oauth": [scope]} for scope in one.scopes]
    made: dict[str, Any] = {
        "operationId": f"{one.tag}_{one.unit.__name__}".replace("groups_found_group", "groups_create"),
        "summary": one.summary,
        "tags": [one.tag],
        "security": security if one.person else [{}, *security],
        "parameters": _parameters(one),
        "responses": {str(one.status if one.answer is not None else 204): _answer(one, schema)},
    }
    if one.path.endswith("/reject"):
        made["operationId"] += "_request"
    if one.description:
        made["description"] = one.description
    refused = {400, 401, 403, 429, 503} | set(one.refuses)
    if "{" in one.path:
        refused.add(404)
    if one.query is not None or one.body is not None:
        refused.add(422)
    if one.body is not None:
        refused |= {413, 415}
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema[one.body]}}}
    if one.method != "GET":
        refused.add(422)
    for code in sorted(refused):
        made["responses"][str(code)] = {
            "description": _MEANINGS[code],
            "content": {"application/problem+json": {"schema": schema[Refusal]}},
        }
    return made


def _answer(one: Operation, schema: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    if one.answer is None:
        return {"description": "It is done"}
    return {"description": one.summary, "content": {"application/json": {"schema": schema[one.answer]}}}


def _parameters(one: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"} | _IN_PATH.get(name, _NUMBER)}
        for name in re.findall(r"\{(\w+)\}", one.path)
    ]
    if one.query is not None:
        _, components = msgspec.json.schema_components([one.query], ref_template=_REFERENCE)
        shape = components[one.query.__name__]
        for name, schema in shape["properties"].items():
            found.append(
                {
                    "name": name,
                    "in": "query",
                    "required": name in shape.get("required", ()),
                    "schema": _plain({key: value for key, value in schema.items() if key != "description"}),
                    **({"description": schema["description"]} if "description" in schema else {}),
                }
            )
    if one.unit.__name__ == "begin":
        found.append({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255}})
    return found


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without null, which a query string can't say: what is null is left out."""
    choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(choices) == 1:
        schema = {**{key: value for key, value in schema.items() if key != "anyOf"}, **choices[0]}
    if "enum" in schema:
        schema = {**schema, "enum": [one for one in schema["enum"] if one is not None]}
    if schema.get("default", 0) is None:
        schema = {key: value for key, value in schema.items() if key != "default"}
    return schema
