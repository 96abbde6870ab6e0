"""The public description of Mastodon's API (OpenAPI, not part of this project), and answers checked against it.

Its schemas are open, so what it calls `oneOf` nearly always matches several; it is read as `anyOf`.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT202012

FILE = Path(__file__).parents[3] / "shared/data/mastodon-openapi.json"
METHODS = ("get", "post", "put", "patch", "delete")


@cache
def description() -> dict[str, Any]:
    """The description. Skips the test that asks where the file is absent."""
    if not FILE.is_file():
        pytest.skip("shared/data/mastodon-openapi.json, the public description of Mastodon's API, is not here")
    found: dict[str, Any] = _loosened(json.loads(FILE.read_text("utf-8")))
    return found


def operations() -> list[str]:
    """Every operation, as `GET /api/v1/statuses/{id}`; none where the description is absent."""
    if not FILE.is_file():
        return []
    return [
        f"{method.upper()} {path}"
        for path, item in description()["paths"].items()
        for method in METHODS
        if method in item
    ]


@cache
def _validator(operation: str, status: str) -> Draft202012Validator | None:
    whole = description()
    method, path = operation.split(" ")
    answer = whole["paths"][path][method.lower()]["responses"].get(status, {})
    if "application/json" not in answer.get("content", {}):
        return None
    registry: Registry[Any] = Registry().with_resource("urn:description", DRAFT202012.create_resource(whole))
    where = f"paths/{_pointer(path)}/{method.lower()}/responses/{status}/content/{_pointer('application/json')}/schema"
    return Draft202012Validator({"$ref": f"urn:description#/{where}"}, registry=registry)


def errors(operation: str, status: int, body: Any) -> Iterator[str]:
    """What in a JSON body is not as the description says of this operation and status; list indexes are left out."""
    checks = _validator(operation, str(status))
    if checks is not None:
        for error in checks.iter_errors(body):
            for leaf in _leaves(error):
                yield f"{_path(leaf)}: {leaf.message[:200]}"


def has_schema(operation: str, status: int) -> bool:
    """Whether the description says what the body is."""
    return _validator(operation, str(status)) is not None


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """The errors of the nearest of several alternatives."""
    if error.validator == "anyOf" and error.context:
        branches: dict[Any, list[ValidationError]] = {}
        for each in error.context:
            branches.setdefault(each.schema_path[0], []).append(each)
        for each in min(branches.values(), key=lambda of: (_is_null(of), len(of))):
            yield from _leaves(each)
    else:
        yield error


def _is_null(branch: list[ValidationError]) -> bool:
    return len(branch) == 1 and branch[0].validator == "type" and branch[0].validator_value == "null"


def _path(error: ValidationError) -> str:
    parts = "".join("[]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    return f"${parts}"


def _pointer(part: str) -> str:
    escaped = part.replace("~", "~0").replace("/", "~1")
    return re.sub(r"[{}]", lambda found: f"%{ord(found[0]):02X}", escaped)


def _loosened(value: Any) -> Any:
    if isinstance(value, dict):
        return {("anyOf" if name == "oneOf" else name): _loosened(one) for name, one in value.items()}
    return [_loosened(one) for one in value] if isinstance(value, list) else value
