"""The OpenAPI file: valid by OpenAPI's own rules, whole, and true of what is answered."""

from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from fedi import api as own
from fedi.callers import SCOPES
from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api

BASE = own.BASE


async def described(api: Api) -> dict[str, Any]:
    answer = await api.get(f"{BASE}/openapi.json")
    assert answer.status == 200
    found: dict[str, Any] = answer.json
    return found


async def test_every_operation_is_described(api: Api) -> None:
    file = await described(api)
    assert file["openapi"].startswith("3.1")
    there = {(path, method.upper()) for path, methods in file["paths"].items() for method in methods}
    assert there == {(one.path, one.method) for one in own.OPERATIONS}
    names = [made["operationId"] for methods in file["paths"].values() for made in methods.values()]
    assert len(names) == len(set(names))
    for methods in file["paths"].values():
        for made in methods.values():
            assert made["summary"].endswith("."), made
            for needed in made["security"]:
                assert set(needed.get("oauth", ())) <= set(SCOPES)
    tags = {one["name"] for one in file["tags"]}
    assert tags == {one.tag for one in own.OPERATIONS}


async def test_references_lead_somewhere(api: Api) -> None:
    answer = await api.get(f"{BASE}/openapi.json")
    file = answer.json
    names = {part.partition('"')[0] for part in answer.body.decode().split('"#/components/schemas/')[1:]}
    assert names <= file["components"]["schemas"].keys()
    assert names
    for schema in file["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", ["/groups", "/groups/{group}", "/groups/{group}/members", "/groups/{group}/threads",
                                  "/posts/{post}/thread", "/groups/{group}/moderation"])  # fmt: skip
async def test_answers_are_as_described(api: Api, ada: Actor, group: Actor, path: str) -> None:
    post = await api.publish(ada, "words @mlops", title="A title")
    file = await described(api)
    template = path.replace("{group}", "{id}").replace("{post}", "{id}")
    told = file["paths"][template]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    answer = await api.get(BASE + path.format(group=group.id, post=post.id), await api.token(ada))
    assert answer.status == 200, answer.body
    Draft202012Validator({**told, "components": file["components"]}).validate(msgspec.json.decode(answer.body))
