"""Exporting all that is kept here, once two admins decided it: a folder below `data/exports` with a file for each table, as lines of
JSON, compressed. Bytes are in base64.

What lets somebody in is left out (keys, passwords, sessions, tokens), and so is what only the running server needs. Uploaded files
are files already, in `data/media`. Rows are read a page at a time, so that no transaction lasts as long as the export; what is
changed meanwhile may be there in either form.
"""

import asyncio
import base64
import gzip
import os
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Column, Table, select, tuple_

from fedi.context import Site
from fedi.worker.later import Later
from storage.metadata import Tx
from storage.schema import metadata

LEFT_OUT = frozenset(
    # What lets somebody in.
    "apps grants keys sessions subscriptions tokens "
    # What only the running server needs, or can be made from the rest.
    "audiences claims cursors idempotency jobs names processes".split()
)
SECRET_COLUMNS = frozenset({("people", "password_hash")})
_PAGE = 2_000
_SECONDS = 60
"""For one turn of the job; then it goes on in another."""
_STATE = "progress.json"


async def export(site: Site, folder: Path) -> int:
    """Write what is not written yet; how many rows the whole export has comes back. Raises Later when there is more than one turn
    of a job can write: what is there stays, and it goes on from there."""
    state = await asyncio.to_thread(_read, folder)
    begun = site.clock()
    for table in metadata.sorted_tables:
        if table.name in LEFT_OUT or state.get(table.name, {}).get("done"):
            continue
        columns = [one for one in table.columns if (table.name, one.name) not in SECRET_COLUMNS]
        known = state.setdefault(table.name, {"last": None, "rows": 0, "size": 0, "done": False})
        while not known["done"]:
            last = known["last"]
            # mypy infers no lambda with defaults.
            rows = await site.db.read(lambda tx, t=table, c=columns, p=last: _page(tx, t, c, p))  # type: ignore[misc]
            file = folder / f"{table.name}.jsonl.gz"
            known["size"] = await asyncio.to_thread(_append, file, columns, rows, known["size"])
            if rows:
                keys = [column.name for column in table.primary_key.columns]
                known["last"] = [rows[-1][[one.name for one in columns].index(key)] for key in keys]
            known["rows"] += len(rows)
            known["done"] = len(rows) < _PAGE
            await asyncio.to_thread(_write, folder, state)
            if not known["done"] and site.clock() - begun > _SECONDS * 1000:
                raise Later(site.clock(), "there is more to export")
    return sum(one["rows"] for one in state.values())


def _page(tx: Tx, table: Table, columns: list[Column[Any]], last: list[Any] | None) -> list[tuple[Any, ...]]:
    key = list(table.primary_key.columns)
    query = select(*columns).order_by(*key).limit(_PAGE)
    if last is not None:
        query = query.where(tuple_(*key) > tuple_(*last))
    return [tuple(row) for row in tx.execute(query)]


def _append(file: Path, columns: list[Column[Any]], rows: list[tuple[Any, ...]], size: int) -> int:
    """Add rows behind the first `size` bytes, which is how far the file is known to be whole; how far it is then. A gzip file
    may have any number of parts."""
    names = [column.name for column in columns]
    lines = b"".join(msgspec.json.encode(dict(zip(names, row, strict=True)), enc_hook=_plain) + b"\n" for row in rows)
    with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as out:
        out.truncate(size)
        out.seek(size)
        out.write(gzip.compress(lines, 6, mtime=0))
        out.flush()
        os.fsync(out.fileno())
        return out.tell()


def _plain(value: Any) -> Any:
    """What JSON has no word for: memory that a driver handed out for bytes."""
    return base64.b64encode(bytes(value)).decode() if isinstance(value, memoryview) else str(value)


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        return msgspec.json.decode((folder / _STATE).read_bytes(), type=dict[str, dict[str, Any]])
    except FileNotFoundError:
        return {}


def _write(folder: Path, state: dict[str, dict[str, Any]]) -> None:
    part = folder / f"{_STATE}.part"
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(msgspec.json.encode(state))
    part.replace(folder / _STATE)
