"""Groups moderated, polls, quotes, twins."""

import sqlalchemy as sa
from alembic import op

revision = "0002_moderation"
down_revision = "0001_start"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("posts", sa.Column("context", sa.Text(), nullable=True))
    op.add_column("posts", sa.Column("locked", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("posts", sa.Column("removed_at", sa.BigInteger(), nullable=True))
    op.add_column("posts", sa.Column("emoji", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("posts", sa.Column("content_map", sa.Text(), nullable=True))
    op.add_column("posts", sa.Column("event", sa.Text(), nullable=True))
    op.add_column("posts", sa.Column("quote_iri", sa.Text(), nullable=True))
    op.add_column("posts", sa.Column("quote_id", sa.BigInteger(), nullable=True))
    op.add_column("posts", sa.Column("quote_state", sa.Text(), nullable=True))
    op.add_column("posts", sa.Column("quote_authorization", sa.Text(), nullable=True))
    op.add_column("posts", sa.Column("quote_policy", sa.Text(), nullable=True))
    op.add_column("posts", sa.Column("replies", sa.Text(), nullable=True))
    for column in ("quote_id", "quote_authorization", "context"):
        there = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_posts_{column}", "posts", [column], sqlite_where=there, postgresql_where=there)
    op.add_column("actors", sa.Column("emoji", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("actors", sa.Column("moved_at", sa.BigInteger(), nullable=True))
    op.add_column("likes", sa.Column("emoji", sa.Text(), nullable=True))
    op.add_column("likes", sa.Column("emoji_url", sa.Text(), nullable=True))
    reacted = sa.text("emoji IS NOT NULL")
    op.create_index("ix_likes_emoji", "likes", ["post_id"], sqlite_where=reacted, postgresql_where=reacted)
    op.add_column("audiences", sa.Column("but_not", sa.BigInteger(), nullable=True))
    op.add_column("follows", sa.Column("kind", sa.Text(), nullable=False, server_default="Follow"))
    op.add_column("peers", sa.Column("ed25519", sa.Boolean(), nullable=True))
    op.add_column("memberships", sa.Column("until", sa.BigInteger(), nullable=True))
    op.add_column("memberships", sa.Column("reason", sa.Text(), nullable=True))

    op.create_table(
        "pins",
        sa.Column("owner_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("post_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["actors.id"], name="fk_pins_owner_id_actors", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name="fk_pins_post_id_posts", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("owner_id", "post_id", name="pk_pins"),
    )
    op.create_table(
        "moderations",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("iri", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("moderator_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("post_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name="fk_moderations_actor_id_actors", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["group_id"], ["actors.id"], name="fk_moderations_group_id_actors", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["moderator_id"], ["actors.id"], name="fk_moderations_moderator_id_actors", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name="fk_moderations_post_id_posts", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_moderations"),
        sa.UniqueConstraint("iri", name="uq_moderations_iri"),
    )
    op.create_index("ix_moderations_actor_id", "moderations", ["actor_id", "id"], unique=False)
    op.create_index("ix_moderations_group_id", "moderations", ["group_id", "id"], unique=False)
    op.create_index("ix_moderations_post_id", "moderations", ["post_id"], unique=False)
    op.create_table(
        "reports",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("iri", sa.Text(), nullable=False),
        sa.Column("reporter_id", sa.BigInteger(), nullable=True),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.Column("post_ids", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("forward", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("resolved_by_id", sa.BigInteger(), nullable=True),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name="fk_reports_actor_id_actors", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["group_id"], ["actors.id"], name="fk_reports_group_id_actors", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["reporter_id"], ["actors.id"], name="fk_reports_reporter_id_actors", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["resolved_by_id"], ["actors.id"], name="fk_reports_resolved_by_id_actors", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_reports"),
        sa.UniqueConstraint("iri", name="uq_reports_iri"),
    )
    op.create_index("ix_reports_group_id", "reports", ["group_id", "id"], unique=False)
    op.create_index("ix_reports_state", "reports", ["state", "id"], unique=False)
    op.create_table(
        "polls",
        sa.Column("post_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("multiple", sa.Boolean(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("votes", sa.Text(), nullable=False),
        sa.Column("voters_count", sa.Integer(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name="fk_polls_post_id_posts", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("post_id", name="pk_polls"),
    )
    op.create_table(
        "poll_votes",
        sa.Column("post_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("actor_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("option", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("iri", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name="fk_poll_votes_actor_id_actors", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["post_id"], ["polls.post_id"], name="fk_poll_votes_post_id_polls", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("post_id", "actor_id", "option", name="pk_poll_votes"),
        sa.UniqueConstraint("iri", name="uq_poll_votes_iri"),
    )
    op.create_index("ix_poll_votes_actor_id", "poll_votes", ["actor_id"], unique=False)
    op.create_table(
        "quotes",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("post_id", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.Column("quoting_iri", sa.Text(), nullable=False),
        sa.Column("request_iri", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name="fk_quotes_actor_id_actors", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name="fk_quotes_post_id_posts", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_quotes"),
        sa.UniqueConstraint("quoting_iri", name="uq_quotes_quoting_iri"),
    )
    op.create_index("ix_quotes_post_id", "quotes", ["post_id", "id"], unique=False)
    op.create_table(
        "twins",
        sa.Column("group_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("other_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["actors.id"], name="fk_twins_group_id_actors", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["other_id"], ["actors.id"], name="fk_twins_other_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("group_id", "other_id", name="pk_twins"),
    )
    op.create_index("ix_twins_other_id", "twins", ["other_id"], unique=False)
    op.create_table(
        "passed_on",
        sa.Column("group_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("activity_iri", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["actors.id"], name="fk_passed_on_group_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("group_id", "activity_iri", name="pk_passed_on"),
    )
    op.create_index("ix_passed_on_created_at", "passed_on", ["created_at"], unique=False)
    op.create_table(
        "backfills",
        sa.Column("iri", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("found", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("iri", name="pk_backfills"),
    )
    op.create_index("ix_backfills_asked_at", "backfills", ["asked_at"], unique=False)
    forum = sa.text("form = 'forum'")
    op.create_index("ix_outbox_post_id", "outbox", ["post_id", "position"], sqlite_where=forum, postgresql_where=forum)
