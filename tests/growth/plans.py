"""How a database would run a statement, and what in that would take longer the more there is.

Found are: tables read as a whole, indexes read as a whole unless a limit ends that (a walk along an order), and indexes
that SQLite would make for a single statement.
"""

import json
import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import psycopg

_ALIAS = re.compile(r"\b(\w+) AS (\w+)\b")
_SCAN = re.compile(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?(?: VIRTUAL TABLE INDEX (\d+):(\S*))?$")
_AUTOMATIC = re.compile(r"SEARCH (\w+) USING AUTOMATIC")


def of_sqlite(connection: sqlite3.Connection, sql: str, values: Any) -> tuple[list[str], list[str]]:
    """(what is wrong with the plan, the plan) of a statement on SQLite."""
    plan = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values or ())]
    real = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    named = {alias: table for table, alias in _ALIAS.findall(sql) if table in real}
    sorts = any("TEMP B-TREE" in line for line in plan)
    wrong = []
    for line in plan:
        scan, automatic = _SCAN.match(line), _AUTOMATIC.match(line)
        if scan:
            table = named.get(scan[1], str(scan[1]))
            if table not in real or table.startswith("sqlite_"):
                continue  # a subquery, or values
            if scan[3] is not None:
                if not scan[4]:
                    wrong.append(f"all of {table}")
            elif sorts or "LIMIT" not in sql:
                wrong.append(f"all of {table}" + (f" by {scan[2]}" if scan[2] else ""))
        elif automatic and named.get(automatic[1], automatic[1]) in real:
            wrong.append(f"an index of all of {named.get(automatic[1], automatic[1])}")
    return wrong, plan


def of_postgresql(connection: "psycopg.Connection[Any]", sql: str, values: Any) -> tuple[list[str], list[str]]:
    """The same on PostgreSQL."""
    found = connection.execute(f"EXPLAIN (FORMAT JSON) {sql}".encode(), values).fetchone()
    assert found is not None
    told = found[0] if isinstance(found[0], list) else json.loads(found[0])
    wrong: list[str] = []
    lines: list[str] = []
    sized = "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= 50"
    large = {name for (name,) in connection.execute(sized)}
    _walk(told[0]["Plan"], wrong, lines, large, limited=False, depth=0)
    return wrong, lines


def _walk(
    node: dict[str, Any], wrong: list[str], lines: list[str], large: set[str], *, limited: bool, depth: int
) -> None:
    """Say what is wrong with a node and those below it; with tables that have hardly any rows nothing is."""
    kind, table = node["Node Type"], node.get("Relation Name")
    conditions = [node[name] for name in ("Index Cond", "Recheck Cond", "Filter", "Join Filter") if name in node]
    lines.append(f"{'  ' * depth}{kind} {table or ''} {node.get('Index Name', '')} {conditions or ''}".rstrip())
    if table is not None and table not in large:
        pass
    elif kind == "Seq Scan":
        wrong.append(f"all of {table}")
    elif kind in ("Index Scan", "Index Only Scan") and "Index Cond" not in node and not limited:
        wrong.append(f"all of {table} by {node['Index Name']}")
    if kind == "Limit":
        limited = True
    elif kind in ("Sort", "Aggregate", "Hash", "Materialize", "WindowAgg"):
        limited = False
    for below in _below(node):
        _walk(below, wrong, lines, large, limited=limited, depth=depth + 1)


def _below(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from node.get("Plans", ())
