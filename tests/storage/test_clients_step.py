"""What the step 0003 does to rows that are there: how many somebody follows is counted without groups of members."""

from typing import Any

from alembic import command
from sqlalchemy import Connection, text

from storage import migrations
from storage.database import Database


def add(tx: Connection, table: str, **values: Any) -> None:
    """A row, by the names of the columns that the table had then."""
    names = ", ".join(values)
    tx.execute(text(f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in values)})"), values)


def actor(tx: Connection, number: int, kind: str, following: int) -> None:
    """An actor as 0002 has it."""
    texts = dict.fromkeys(("name", "summary", "url", "inbox"), "")
    switches = dict.fromkeys(("approves_followers", "discoverable", "indexable"), False)
    add(
        tx, "actors", id=number, iri=f"https://alpha.example/{number}", kind=kind, username=f"n{number}",
        domain="alpha.example", host="alpha.example", local=True, fields="[]", also_known_as="[]", state="active",
        followers_count=0, following_count=following, posts_count=0, created_at=0, **texts, **switches,
    )  # fmt: skip


def test_groups_that_not_everyone_may_read_leave_the_count(bare_url: str) -> None:
    db = Database(bare_url)
    try:
        with db.engine.begin() as tx:
            config = migrations._config()
            config.attributes["connection"] = tx
            command.upgrade(config, "0002_moderation")
            actor(tx, 1, "Person", 4)
            actor(tx, 2, "Person", 0)
            for number, see in ((11, "public"), (12, "members"), (13, "peers"), (14, "members")):
                actor(tx, number, "Group", 0)
                add(
                    tx, "groups", actor_id=number, join_mode="open", see=see, post="members", rules="[]", created_at=0
                )  # fmt: skip
            targets = ((1, 11, "accepted"), (1, 12, "accepted"), (1, 13, "accepted"), (1, 2, "accepted"))
            for number, (follower, target, state) in enumerate((*targets, (1, 14, "pending"))):
                add(
                    tx, "follows", id=number, follower_id=follower, target_id=target, state=state, iri=f"f{number}",
                    reblogs=True, notify=False, created_at=0,
                )  # fmt: skip
        migrations.upgrade(db.engine)
        counts = db.read_now(lambda tx: tx.execute(text("SELECT following_count FROM actors WHERE id < 10")).scalars())
        assert sorted(counts) == [0, 2]
    finally:
        db.close()
