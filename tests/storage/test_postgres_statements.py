"""Statements that PostgreSQL has prepared give what psycopg gives, or leave the work to it."""

import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import BigInteger, bindparam, select

from storage import postgres_statements
from storage.database import Database, StorageUnavailable
from storage.metadata import Tx
from storage.postgres_statements import Statements, numbered
from storage.prepared import OWN, rows

_ONE = select(bindparam("a", type_=BigInteger()))


@pytest.fixture
def plain(connect: Callable[..., Database]) -> Iterator["psycopg.Connection[Any]"]:
    """A connection to PostgreSQL."""
    db = connect()
    if db.kind != "postgresql":
        pytest.skip("PostgreSQL's own")
    with psycopg.connect(db.url, autocommit=True) as connection:
        yield connection


def _asked(statements: Statements, sql: str, values: dict[str, Any]) -> Any:
    """The rows at the second time: the first is psycopg's."""
    assert statements.rows(sql, values) is None
    return statements.rows(sql, values)


TYPES: dict[str, tuple[str, Any]] = {
    "number": ("BIGINT", 117309440000983040),
    "negative": ("INTEGER", -5),
    "text": ("VARCHAR", 'ü "quoted" \\ 100 % %(x)s\n🎓'),
    "no text": ("VARCHAR", ""),
    "true": ("BOOLEAN", True),
    "false": ("BOOLEAN", False),
    "nothing": ("BIGINT", None),
    "no word": ("VARCHAR", None),
}


@pytest.mark.parametrize("name", TYPES)
def test_rows_are_what_psycopg_gives(name: str, plain: "psycopg.Connection[Any]") -> None:
    kind, value = TYPES[name]
    sql = f"SELECT %(a)s::{kind}, %(b)s::BIGINT + 1, %(a)s::{kind} IS NULL, '100 %%', %(a)s::{kind} FROM generate_series(1, 2)"
    values = {"a": value, "b": 1, "unused": object()}
    named = {"a": value, "b": 1}
    found = _asked(Statements(plain), sql, values)
    asked = plain.execute(sql, named).fetchall()
    assert found == asked
    assert [type(cell) for cell in found[0]] == [type(cell) for cell in asked[0]]


def test_no_rows_are_no_rows(plain: "psycopg.Connection[Any]") -> None:
    assert _asked(Statements(plain), "SELECT 1 WHERE %(a)s::BOOLEAN", {"a": False}) == []


def test_a_text_is_never_cut_off(plain: "psycopg.Connection[Any]") -> None:
    """libpq takes a text to its first NUL: «a» for «a, NUL, b»."""
    with pytest.raises(psycopg.DataError, match="NUL"):
        _asked(Statements(plain), "SELECT %(a)s::VARCHAR", {"a": "a\0b"})


@pytest.mark.parametrize("value", [[1, 2], b"bytes", 1.5])
def test_what_goes_in_another_way_is_left_to_psycopg(value: object, plain: "psycopg.Connection[Any]") -> None:
    assert _asked(Statements(plain), "SELECT %(a)s::VARCHAR", {"a": value}) is None


def test_a_value_whose_type_does_not_stand_there_is_left_to_psycopg() -> None:
    assert numbered("SELECT %(a)s") is None
    assert numbered("SELECT x FROM t WHERE a = %(a)s AND b = %(b)s::BIGINT") is None
    assert numbered(
        "SELECT 1 WHERE x LIKE '%%' AND a = %(a b)s::TEXT OR b = %(a b)s::TEXT LIMIT %(n)s OFFSET %(m)s"
    ) == (
        b"SELECT 1 WHERE x LIKE '%' AND a = $1::TEXT OR b = $1::TEXT LIMIT $2 OFFSET $3",
        ("a b", "n", "m"),
    )


def test_what_is_wrong_raises_what_psycopg_raises(plain: "psycopg.Connection[Any]") -> None:
    statements = Statements(plain)
    with pytest.raises(psycopg.errors.UndefinedTable):
        _asked(statements, "SELECT %(a)s::BIGINT FROM nowhere", {"a": 1})
    with pytest.raises(psycopg.errors.DivisionByZero):
        _asked(statements, "SELECT 1 / %(a)s::BIGINT", {"a": 0})


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_connection_that_breaks_off_is_an_outage(times: int, connect: Callable[..., Database]) -> None:
    """Of a server that goes away without a word libpq has no code of an error; whether it does so at the first time that
    something is asked, when that is prepared, or later."""
    db = connect()
    if db.kind != "postgresql":
        pytest.skip("PostgreSQL's own")

    def unit(tx: Tx) -> Any:
        for _ in range(times):
            rows(tx, _ONE, {"a": 1})
        driver: Any = tx.connection.driver_connection
        with socket.socket(fileno=os.dup(driver.pgconn.socket)) as wire:
            wire.shutdown(socket.SHUT_RDWR)
        return rows(tx, _ONE, {"a": 1})

    with pytest.raises(StorageUnavailable):
        db.read_now(unit)
    assert db.read_now(lambda tx: [row[0] for row in rows(tx, _ONE, {"a": 1})]) == [1]


def test_the_server_keeps_a_bounded_number(plain: "psycopg.Connection[Any]", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_statements, "_MOST", 5)
    statements = Statements(plain)
    for number in range(20):
        assert _asked(statements, f"SELECT %(a)s::BIGINT + {number}", {"a": 1}) == [(number + 1,)]
    kept = plain.execute("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'fedi%'").fetchone()
    assert kept == (5,)
    assert _asked(statements, "SELECT %(a)s::BIGINT + 0", {"a": 7}) == [(7,)]


def test_who_reads_has_them_and_who_writes_has_not(connect: Callable[..., Database]) -> None:
    db = connect()

    def has(tx: Tx) -> bool:
        return OWN in tx.__dict__

    assert db.read_now(has) == (db.kind == "postgresql")
    assert not db.write_now(has)
