"""Marks of rows: a number that is another one after each change of the row, whoever changed it.

A row of forty columns costs more to read than to find. Who has it in memory reads its mark alone, and the row again only where
that differs (`storage.interned`). Every UPDATE that SQLAlchemy writes sets the mark (`onupdate`); for all others (a reference
that is set to NULL, statements written by hand) there is a trigger, which has nothing to do where the mark was set.
"""

from typing import Any

from sqlalchemy import DDL, Column, Table, event, literal_column

from storage.metadata import Id


def mark_column() -> Column[int]:
    """The mark: 0 of a new row, one more with each change."""
    return Column("mark", Id, nullable=False, server_default="0", onupdate=literal_column("mark + 1", Id))


FUNCTION = """CREATE OR REPLACE FUNCTION row_marked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.mark := OLD.mark + 1;
    RETURN NEW;
END $$"""


def triggers(table: str, dialect: str) -> list[str]:
    """What sees to the marks of a table where a statement does not."""
    if dialect == "sqlite":
        change = f"UPDATE {table} SET mark = mark + 1 WHERE id = NEW.id"  # noqa: S608 - our own names
        return [f"CREATE TRIGGER {table}_marked AFTER UPDATE ON {table} WHEN NEW.mark = OLD.mark BEGIN {change}; END"]
    when = "FOR EACH ROW WHEN (NEW.mark = OLD.mark)"
    return [FUNCTION, f"CREATE TRIGGER {table}_marked BEFORE UPDATE ON {table} {when} EXECUTE FUNCTION row_marked()"]


def marked(table: Table) -> None:
    """Make the triggers with the table."""
    for dialect in ("sqlite", "postgresql"):
        for statement in triggers(table.name, dialect):
            made: Any = DDL(statement)  # type: ignore[no-untyped-call]  # SQLAlchemy has no types here
            event.listen(table, "after_create", made.execute_if(dialect=dialect))
