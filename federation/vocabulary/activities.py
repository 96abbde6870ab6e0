"""Activities -> dict (with @context); announce_raw -> bytes. `object` is an IRI or a dict; a nested dict loses its @context."""
from collections.abc import Sequence

from federation.fields import Json

def follow(id: str, actor: str, object: str, *, to: Sequence[str] | None = None) -> Json:
    raise NotImplementedError
def accept(id: str, actor: str, object: Json | str, *, to: Sequence[str]) -> Json:
    raise NotImplementedError
def reject(id: str, actor: str, object: Json | str, *, to: Sequence[str]) -> Json:
    raise NotImplementedError
def create(id: str, actor: str, object: Json, *, to: Sequence[str], cc: Sequence[str], published: int | None = None, audience: str | None = None) -> Json:
    raise NotImplementedError
def update(id: str, actor: str, object: Json, *, to: Sequence[str], cc: Sequence[str], published: int | None = None, audience: str | None = None) -> Json:
    raise NotImplementedError
def delete(id: str, actor: str, object: Json | str, *, to: Sequence[str], cc: Sequence[str], audience: str | None = None, summary: str | None = None) -> Json:
    raise NotImplementedError
def like(id: str, actor: str, object: str, *, to: Sequence[str] | None = None, audience: str | None = None) -> Json:
    raise NotImplementedError
def dislike(id: str, actor: str, object: str, *, to: Sequence[str] | None = None, audience: str | None = None) -> Json:
    raise NotImplementedError
def announce(id: str, actor: str, object: Json | str, *, to: Sequence[str], cc: Sequence[str], published: int | None = None) -> Json:
    raise NotImplementedError
def announce_raw(id: str, actor: str, to: Sequence[str], cc: Sequence[str], inner: bytes, published: int | None = None) -> bytes:
    raise NotImplementedError
def undo(id: str, actor: str, object: Json, *, to: Sequence[str], cc: Sequence[str] = (), audience: str | None = None) -> Json:
    raise NotImplementedError
def add(id: str, actor: str, object: str, target: str, *, to: Sequence[str], cc: Sequence[str] = (), audience: str | None = None) -> Json:
    raise NotImplementedError
def remove(id: str, actor: str, object: str, target: str, *, to: Sequence[str], cc: Sequence[str] = (), audience: str | None = None) -> Json:
    raise NotImplementedError
def block(id: str, actor: str, object: str, target: str, *, to: Sequence[str], cc: Sequence[str] = (), audience: str | None = None, summary: str | None = None, until: int | None = None, remove_data: bool = False) -> Json:
    raise NotImplementedError
def flag(id: str, actor: str, objects: Sequence[str], *, to: Sequence[str], content: str) -> Json:
    raise NotImplementedError
