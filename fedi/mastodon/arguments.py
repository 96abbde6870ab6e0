"""What a client sends -> one typed struct, from query string, form, multipart or JSON alike.

Clients differ on every endpoint: Ice Cubes posts query parameters, toot and masto.js JSON,
Mastodon.py and Tusky forms; arrays come as `id[]=`, `id=` twice or JSON lists, objects as `source[privacy]=`. Names and
rules of the conversion are those of Rack and Rails, which Mastodon's own clients were written against.
"""

import contextlib
import re
from collections.abc import AsyncIterator
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from python_multipart.exceptions import FormParserError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from fedi.context import Site
from fedi.errors import Invalid, NotFound, Problem
from fedi.media import files, multipart
from fedi.media.kinds import FILM_BYTES
from fedi.media.multipart import Upload

T = TypeVar("T", bound=msgspec.Struct)

BODY = 1 << 20
"""Bytes of a JSON or urlencoded body at most."""
_PAIRS = 1000
_SHORT = 200
"""Bytes of a query string that is worth remembering what it says."""
_FILES = 2
"""Files in one form at most: a file and its thumbnail, an avatar and a header."""
_DEPTH = 6
_LARGEST = (1 << 63) - 1
_FALSE = frozenset({"false", "f", "0", "off", "no"})
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")


async def read(request: Request, shape: type[T]) -> T:
    """The parameters of a request as a `shape`; the body wins over the query string.

    Raises Invalid for a value of the wrong kind or a missing one, Problem 400 for a body that can't be read and 413 for
    one that is too large.
    """
    found = _query(request)
    found.update(await _body(request))
    return fit(found, shape)


@contextlib.asynccontextmanager
async def uploaded(request: Request, shape: type[T], most: int = FILM_BYTES) -> AsyncIterator[T]:
    """As `read`, for what may come with files of up to `most` bytes: a field of kind Any is then an `Upload`, whose file is
    there until the end, unless somebody moved it away. Ask who it is before: files are taken from the network here."""
    site: Site = request.app.state.site
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        yield await read(request, shape)
        return
    found = _query(request)
    async with multipart.form(content_type, request.stream(), files.incoming(site), files=_FILES, limit=most) as items:
        found.update(nested(list(items)))
        yield fit(found, shape)


def query(request: Request, shape: type[T]) -> T:
    """The query string of a request as a `shape`, which nobody may change; for endpoints without a body. Raises as `read`."""
    raw: bytes = request.scope["query_string"]
    # The same few are asked for all the time, as every app has one way to ask for a home.
    return _said(raw, shape) if len(raw) < _SHORT and b"access_token" not in raw else fit(_query(request), shape)


@lru_cache(512)
def _said(raw: bytes, shape: type[T]) -> T:
    return fit(nested(_pairs(raw)) if raw else {}, shape)


def path_id(request: Request, name: str = "id") -> int:
    """The id in the path. Raises NotFound for what can't be an id, as nothing has it."""
    text = request.path_params[name]
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > _LARGEST:
        raise NotFound
    return int(text)


def _query(request: Request) -> dict[str, Any]:
    raw = request.scope["query_string"]
    return nested(_pairs(raw)) if raw else {}


async def _body(request: Request) -> dict[str, Any]:
    if request.method in ("GET", "HEAD"):
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        try:
            # Files have no business here: who wants them asks by `uploaded`.
            form = await request.form(max_files=0, max_fields=_PAIRS, max_part_size=BODY)
        except (HTTPException, FormParserError, UnicodeError) as problem:
            raise Problem("Error occurred while parsing request parameters") from problem
        return nested(form.multi_items())
    raw = await _limited(request)
    if not raw.strip():
        return {}
    if kind == "application/json" or kind.endswith("+json"):
        try:
            decoded = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise Problem("Error occurred while parsing request parameters") from problem
        if not isinstance(decoded, dict):
            raise Problem("Error occurred while parsing request parameters")
        return nested(list(decoded.items()))
    return nested(_pairs(raw))


async def _limited(request: Request) -> bytes:
    pieces = bytearray()
    async for piece in request.stream():
        pieces += piece
        if len(pieces) > BODY:
            raise Problem(f"The request is larger than {BODY} bytes", status=413, code="too-large")
    return bytes(pieces)


def _pairs(raw: bytes) -> list[tuple[str, Any]]:
    try:
        return list(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_PAIRS))
    except ValueError as problem:
        raise Problem("Error occurred while parsing request parameters") from problem


def nested(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """`a[b][]=x` pairs as nested dicts and lists; a name that comes twice without brackets is a list as well."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        if "[" not in name:
            _put(tree, [name], value)
            continue
        first, _, rest = name.partition("[")
        parts = [first, *_BRACKETS.findall("[" + rest)]
        while parts[-2:] == ["", ""]:  # `id[][]`, as Mastodon.py sends the ids of notification requests
            parts.pop()
        if first and len(parts) <= _DEPTH:
            _put(tree, parts, value)
    return tree


def _put(node: dict[str, Any], parts: list[str], value: Any) -> None:
    name, rest = parts[0], parts[1:]
    if not rest:
        known = node.get(name)
        if name not in node:
            node[name] = value
        elif isinstance(known, list):
            known.append(value)
        elif not isinstance(known, dict):
            node[name] = [known, value]
    elif rest[0] == "":
        items = node.setdefault(name, [])
        if isinstance(items, dict):
            return
        if not isinstance(items, list):
            items = node[name] = [items]
        if len(rest) == 1:
            items.extend(value) if isinstance(value, list) else items.append(value)
            return
        if not items or not isinstance(items[-1], dict) or rest[1] in items[-1]:
            items.append({})
        _put(items[-1], rest[1:], value)
    else:
        child = node.setdefault(name, {})
        if isinstance(child, dict):
            _put(child, rest, value)


def fit(found: dict[str, Any], shape: type[T]) -> T:
    """Nested parameters as a `shape`: unknown names are left out, null and absent are the same. Raises Invalid."""
    values: dict[str, Any] = {}
    for name, kind, required in _fields(shape):
        value = found.get(name)
        fitted = None if value is None else _fitted(name, value, kind)
        if fitted is not None:
            values[name] = fitted
        elif required:
            raise Invalid(f"Validation failed: {name} can't be blank", code="missing")
    return shape(**values)


@cache
def _fields(shape: type[msgspec.Struct]) -> list[tuple[str, Any, bool]]:
    hints = get_type_hints(shape)
    return [(field.name, hints[field.name], field.required) for field in msgspec.structs.fields(shape)]


def _fitted(name: str, value: Any, kind: Any) -> Any:
    """`value` as a `kind`; None where it says nothing (an empty number). Raises Invalid."""
    origin = get_origin(kind)
    if origin is Union or origin is UnionType:
        kind = next(choice for choice in get_args(kind) if choice is not NoneType)
        origin = get_origin(kind)
    if kind is Any:
        return value
    if origin is list:
        return _listed(name, value, get_args(kind)[0])
    while isinstance(value, list):  # a name that came twice: Rack takes the last one
        value = value[-1] if value else None
    if value is None:
        return None
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if not isinstance(value, dict):
            raise Invalid(f"Validation failed: {name} must be an object")
        return fit(nested(list(value.items())), kind)
    if isinstance(value, (dict, Upload)):
        raise Invalid(f"Validation failed: {name} must be a single value")
    if kind is bool:
        return _truth(value)
    if kind is int:
        return _number(name, value)
    return _text(name, value)


def _listed(name: str, value: Any, kind: Any) -> list[Any]:
    if isinstance(value, dict):  # fields_attributes[0][name]=…: the indices say the order
        value = [value[key] for key in sorted(value, key=lambda key: (len(key), key))]
    elif not isinstance(value, list):
        value = [value]
    if len(value) > _PAIRS:
        raise Invalid(f"Validation failed: {name} is too long")
    return [fitted for one in value if one is not None and (fitted := _fitted(name, one, kind)) is not None]


def _truth(value: Any) -> bool | None:
    if isinstance(value, str):
        return None if value == "" else value.strip().lower() not in _FALSE
    return bool(value)


def _number(name: str, value: Any) -> int | None:
    if isinstance(value, str):
        text = value.strip()
        if text == "":
            return None
        if not re.fullmatch(r"[+-]?[0-9]{1,40}", text, re.ASCII):
            raise Invalid(f"Validation failed: {name} must be a number")
        value = int(text)
    elif isinstance(value, float):
        if not value.is_integer():
            raise Invalid(f"Validation failed: {name} must be a number")
        value = int(value)
    return max(-_LARGEST, min(int(value), _LARGEST))


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else str(value)
    if "\x00" in text:
        raise Invalid(f"Validation failed: {name} holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError as problem:
        raise Invalid(f"Validation failed: {name} is not Unicode text") from problem
    return text
