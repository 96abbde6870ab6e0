"""The steps of `storage.migrations` make exactly the tables of the code, on both databases, however often they run."""

import concurrent.futures
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, text

from storage import migrations, peers
from storage.database import Database
from storage.schema import metadata
from tests.conftest import Databases


def shape(tx: Connection) -> set[tuple[Any, ...]]:
    """Tables, columns, constraints and indexes as the database itself describes them."""
    if tx.dialect.name == "sqlite":
        query = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%' AND name NOT LIKE 'sqlite_%'"
        return {(row[0], row[1], _normal(row[2])) for row in tx.execute(text(query))}
    columns = (
        "SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity"
        " FROM information_schema.columns WHERE table_schema = 'public'"
    )
    indexes = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    constraints = (
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
        " FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
    )
    triggers = (
        "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger"
        " WHERE NOT tgisinternal AND tgparentid = 0"
    )
    return {
        tuple(row)
        for query in (columns, indexes, constraints, triggers)
        for row in tx.execute(text(query))
        if not row[0].startswith("alembic")
    }


def _normal(sql: str) -> str:
    """SQLite keeps statements as they were written: order of constraints, spaces and quotes differ, which mean nothing."""
    head, _, body = " ".join(sql.replace('"', "").split()).partition("(")
    parts, depth, part = [], 0, ""
    for letter in body.removesuffix(")").rstrip():
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append(part.strip())
            part = ""
        else:
            part += letter
    return head + ", ".join(sorted([*parts, part.strip()]))


def test_steps_make_the_tables_of_the_code(bare_url: str, databases: Databases) -> None:
    kind = "sqlite" if bare_url.startswith("sqlite") else "postgresql"
    stepped, direct = Database(bare_url), Database(databases.new(kind))
    try:
        assert migrations.current(stepped.engine) is None
        done = migrations.upgrade(stepped.engine)
        assert done[0].startswith("0001_start")
        assert migrations.pending(stepped.engine) == []
        assert migrations.current(stepped.engine) == migrations.NEWEST
        by_steps, by_code = stepped.read_now(shape), direct.read_now(shape)
        assert by_steps - by_code == set()
        assert by_code - by_steps == set()
    finally:
        stepped.close()
        direct.close()
        databases.drop(direct.url)


def test_a_second_run_changes_nothing(bare_url: str) -> None:
    db = Database(bare_url)
    try:
        migrations.upgrade(db.engine)
        before = db.read_now(shape)
        assert migrations.upgrade(db.engine) == []
        assert db.read_now(shape) == before
    finally:
        db.close()


def _upgraded(url: str) -> list[str]:
    db = Database(url)
    try:
        return migrations.upgrade(db.engine)
    finally:
        db.close()


def test_several_processes_at_once_do_it_once(bare_url: str) -> None:
    with concurrent.futures.ProcessPoolExecutor(3, multiprocessing.get_context("spawn")) as pool:
        done = list(pool.map(_upgraded, [bare_url] * 3))
    assert any(done)
    db = Database(bare_url)
    try:
        assert migrations.current(db.engine) == migrations.NEWEST
        assert len(db.read_now(shape)) > len(metadata.tables)
    finally:
        db.close()


def test_threads_don_t_do_the_steps_on_each_other_s_database(tmp_path: Path) -> None:
    """Alembic keeps in its modules which connection it works on."""
    urls = [f"sqlite:///{tmp_path}/{number}.db" for number in range(3)]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        assert all(pool.map(_upgraded, urls))
    for url in urls:
        db = Database(url)
        try:
            assert migrations.current(db.engine) == migrations.NEWEST
        finally:
            db.close()


def test_a_later_version_s_database_is_left_alone(bare_url: str) -> None:
    db = Database(bare_url)
    try:
        migrations.upgrade(db.engine)
        db.write_now(lambda tx: tx.execute(text("UPDATE alembic_version SET version_num = '9999_later'")))
        with pytest.raises(migrations.NewerDatabase, match="9999_later"):
            migrations.upgrade(db.engine)
    finally:
        db.close()


def test_references_hold_again_after_a_migration(bare_url: str) -> None:
    """Batch mode needs SQLite's foreign keys off; they must be on again for the connection that wrote."""
    db = Database(bare_url)
    try:
        migrations.upgrade(db.engine)
        if db.kind == "sqlite":
            assert db.write_now(lambda tx: tx.execute(text("PRAGMA foreign_keys")).scalar()) == 1
    finally:
        db.close()


def test_who_was_agreed_with_before_agreements_keeps_what_they_had(bare_url: str) -> None:
    db = Database(bare_url)
    try:
        with db.engine.begin() as tx:
            config = migrations._config()
            config.attributes["connection"] = tx
            command.upgrade(config, "0005_scale")
        values = "INSERT INTO peers (host, stance, first_seen_at) VALUES ('a.example', 'agreed', 1), ('n.example', 'none', 1)"
        db.write_now(lambda tx: tx.execute(text(values)))
        migrations.upgrade(db.engine)
        found = db.read_now(lambda tx: peers.by_hosts(tx, ["a.example", "n.example"]))
        agreed, plain = found["a.example"], found["n.example"]
        assert (agreed.stance, agreed.tier, agreed.one_sided, agreed.opens) == ("agreed", "members", True, "all")
        assert (plain.stance, plain.tier, plain.one_sided, plain.opens) == ("none", "public", False, "all")
    finally:
        db.close()


def test_a_step_is_named_as_its_file() -> None:
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(migrations._config())
    assert next(step.revision for step in script.walk_revisions()) == migrations.NEWEST
