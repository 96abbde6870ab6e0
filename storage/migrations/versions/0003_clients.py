"""What client apps keep here: media, lists, filters, blocks and mutes, tags, push, announcements."""

import sqlalchemy as sa
from alembic import op

revision = "0003_clients"
down_revision = "0002_moderation"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "announcements",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=True),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("all_day", sa.Boolean(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_announcements"),
    )
    op.create_table(
        "cards",
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("more", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("url", name="pk_cards"),
    )
    op.create_table(
        "said",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_said"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_said_created_at", "said", ["created_at"], unique=False)
    op.create_table(
        "account_notes",
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("actor_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name="fk_account_notes_actor_id_actors", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["actors.id"], name="fk_account_notes_person_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", "actor_id", name="pk_account_notes"),
    )
    op.create_table(
        "announcement_reactions",
        sa.Column("announcement_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["announcement_id"],
            ["announcements.id"],
            name="fk_announcement_reactions_announcement_id_announcements",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["actors.id"], name="fk_announcement_reactions_person_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("announcement_id", "person_id", "name", name="pk_announcement_reactions"),
    )
    op.create_table(
        "announcement_reads",
        sa.Column("announcement_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["announcement_id"],
            ["announcements.id"],
            name="fk_announcement_reads_announcement_id_announcements",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["actors.id"], name="fk_announcement_reads_person_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("announcement_id", "person_id", name="pk_announcement_reads"),
    )
    op.create_table(
        "blocks",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.Column("iri", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name="fk_blocks_actor_id_actors", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["owner_id"], ["actors.id"], name="fk_blocks_owner_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_blocks"),
        sa.UniqueConstraint("iri", name="uq_blocks_iri"),
    )
    op.create_index("ix_blocks_actor_id", "blocks", ["actor_id"], unique=False)
    op.create_index("uq_blocks_pair", "blocks", ["owner_id", "actor_id"], unique=True)
    op.create_table(
        "dismissed_suggestions",
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("actor_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name="fk_dismissed_suggestions_actor_id_actors", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["actors.id"], name="fk_dismissed_suggestions_person_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", "actor_id", name="pk_dismissed_suggestions"),
    )
    op.create_table(
        "domain_blocks",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["actors.id"], name="fk_domain_blocks_person_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_domain_blocks"),
    )
    op.create_index("uq_domain_blocks_pair", "domain_blocks", ["person_id", "domain"], unique=True)
    op.create_table(
        "endorsements",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name="fk_endorsements_actor_id_actors", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["actors.id"], name="fk_endorsements_person_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_endorsements"),
    )
    op.create_index("uq_endorsements_pair", "endorsements", ["person_id", "actor_id"], unique=True)
    op.create_table(
        "featured_tags",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["actors.id"], name="fk_featured_tags_person_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_featured_tags"),
    )
    op.create_index("uq_featured_tags_pair", "featured_tags", ["person_id", "tag"], unique=True)
    op.create_table(
        "filters",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["actors.id"], name="fk_filters_person_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_filters"),
    )
    op.create_index("ix_filters_person_id", "filters", ["person_id"], unique=False)
    op.create_table(
        "followed_tags",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["actors.id"], name="fk_followed_tags_person_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_followed_tags"),
    )
    op.create_index("ix_followed_tags_tag", "followed_tags", ["tag"], unique=False)
    op.create_index("uq_followed_tags_pair", "followed_tags", ["person_id", "tag"], unique=True)
    op.create_table(
        "lists",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("replies_policy", sa.Text(), nullable=False),
        sa.Column("exclusive", sa.Boolean(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["actors.id"], name="fk_lists_group_id_actors", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person_id"], ["actors.id"], name="fk_lists_person_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_lists"),
    )
    op.create_index("ix_lists_person_id", "lists", ["person_id", "id"], unique=False)
    op.create_table(
        "media",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("post_id", sa.BigInteger(), nullable=True),
        sa.Column("scheduled_id", sa.BigInteger(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("preview", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("focus_x", sa.Float(), nullable=True),
        sa.Column("focus_y", sa.Float(), nullable=True),
        sa.Column("blurhash", sa.Text(), nullable=True),
        sa.Column("meta", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("loose_since", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["actors.id"], name="fk_media_person_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_media"),
    )
    op.create_index("ix_media_file", "media", ["file"], unique=True)
    op.create_index("ix_media_loose_since", "media", ["loose_since"], unique=False)
    op.create_index("ix_media_person_id", "media", ["person_id", "id"], unique=False)
    op.create_index("ix_media_post_id", "media", ["post_id"], unique=False)
    op.create_table(
        "mutes",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.Column("notifications", sa.Boolean(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name="fk_mutes_actor_id_actors", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person_id"], ["actors.id"], name="fk_mutes_person_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_mutes"),
    )
    op.create_index("ix_mutes_actor_id", "mutes", ["actor_id"], unique=False)
    op.create_index("uq_mutes_pair", "mutes", ["person_id", "actor_id"], unique=True)
    op.create_table(
        "notification_permissions",
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("actor_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name="fk_notification_permissions_actor_id_actors", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["actors.id"], name="fk_notification_permissions_person_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", "actor_id", name="pk_notification_permissions"),
    )
    op.create_table(
        "notification_policies",
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("for_not_following", sa.Text(), nullable=False),
        sa.Column("for_not_followers", sa.Text(), nullable=False),
        sa.Column("for_new_accounts", sa.Text(), nullable=False),
        sa.Column("for_private_mentions", sa.Text(), nullable=False),
        sa.Column("for_limited_accounts", sa.Text(), nullable=False),
        sa.Column("for_bots", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["actors.id"], name="fk_notification_policies_person_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", name="pk_notification_policies"),
    )
    op.create_table(
        "notification_requests",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name="fk_notification_requests_actor_id_actors", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["actors.id"], name="fk_notification_requests_person_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_notification_requests"),
    )
    op.create_index("uq_notification_requests_pair", "notification_requests", ["person_id", "actor_id"], unique=True)
    op.create_table(
        "scheduled",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("media_ids", sa.Text(), nullable=False),
        sa.Column("app_id", sa.BigInteger(), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["actors.id"], name="fk_scheduled_person_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_scheduled"),
    )
    op.create_index("ix_scheduled_due_at", "scheduled", ["due_at"], unique=False)
    op.create_index("ix_scheduled_person_id", "scheduled", ["person_id", "id"], unique=False)
    op.create_table(
        "thread_mutes",
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["actors.id"], name="fk_thread_mutes_person_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", "root_id", name="pk_thread_mutes"),
    )
    op.create_table(
        "conversations",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("root_id", sa.BigInteger(), nullable=False),
        sa.Column("circle", sa.Text(), nullable=False),
        sa.Column("last_post_id", sa.BigInteger(), nullable=False),
        sa.Column("unread", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["last_post_id"], ["posts.id"], name="fk_conversations_last_post_id_posts", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["actors.id"], name="fk_conversations_person_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
    )
    op.create_index("ix_conversations_last", "conversations", ["person_id", "last_post_id"], unique=False)
    op.create_index("ix_conversations_last_post_id", "conversations", ["last_post_id"], unique=False)
    op.create_index("uq_conversations_circle", "conversations", ["person_id", "root_id", "circle"], unique=True)
    op.create_table(
        "filter_keywords",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("filter_id", sa.BigInteger(), nullable=False),
        sa.Column("keyword", sa.Text(), nullable=False),
        sa.Column("whole_word", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["filter_id"], ["filters.id"], name="fk_filter_keywords_filter_id_filters", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_filter_keywords"),
    )
    op.create_index("ix_filter_keywords_filter_id", "filter_keywords", ["filter_id"], unique=False)
    op.create_table(
        "filter_posts",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("filter_id", sa.BigInteger(), nullable=False),
        sa.Column("post_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["filter_id"], ["filters.id"], name="fk_filter_posts_filter_id_filters", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name="fk_filter_posts_post_id_posts", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_filter_posts"),
    )
    op.create_index("ix_filter_posts_post_id", "filter_posts", ["post_id"], unique=False)
    op.create_index("uq_filter_posts_pair", "filter_posts", ["filter_id", "post_id"], unique=True)
    op.create_table(
        "list_members",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("list_id", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name="fk_list_members_actor_id_actors", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["list_id"], ["lists.id"], name="fk_list_members_list_id_lists", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_list_members"),
    )
    op.create_index("ix_list_members_actor_id", "list_members", ["actor_id"], unique=False)
    op.create_index("uq_list_members_pair", "list_members", ["list_id", "actor_id"], unique=True)
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("token_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("p256dh", sa.Text(), nullable=False),
        sa.Column("auth", sa.Text(), nullable=False),
        sa.Column("standard", sa.Boolean(), nullable=False),
        sa.Column("alerts", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("access_token", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["actors.id"], name="fk_subscriptions_person_id_actors", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["token_id"], ["tokens.id"], name="fk_subscriptions_token_id_tokens", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_subscriptions"),
        sa.UniqueConstraint("token_id", name="uq_subscriptions_token_id"),
    )
    op.create_index("ix_subscriptions_person_id", "subscriptions", ["person_id"], unique=False)
    op.add_column("actors", sa.Column("icon_description", sa.Text(), nullable=True))
    op.add_column("actors", sa.Column("image_description", sa.Text(), nullable=True))
    op.add_column("actors", sa.Column("hide_collections", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("actors", sa.Column("hides", sa.Text(), server_default="[]", nullable=False))
    op.add_column("boosts", sa.Column("visibility", sa.Text(), server_default="public", nullable=False))
    op.add_column("follows", sa.Column("languages", sa.Text(), nullable=True))
    some = sa.text("languages IS NOT NULL")
    op.create_index("ix_follows_languages", "follows", ["follower_id"], sqlite_where=some, postgresql_where=some)
    op.add_column("notifications", sa.Column("filtered", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index(
        "ix_notifications_filtered",
        "notifications",
        ["person_id", "actor_id"],
        unique=False,
        sqlite_where=sa.text("filtered = 1"),
        postgresql_where=sa.text("filtered"),
    )
    op.add_column("polls", sa.Column("hide_totals", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("posts", sa.Column("quotes_count", sa.Integer(), server_default="0", nullable=False))
    op.add_column("posts", sa.Column("card_url", sa.Text(), nullable=True))
    for column in ("link", "card_url"):
        some = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_posts_{column}", "posts", [column, "id"], sqlite_where=some, postgresql_where=some)
    # Groups that not everyone may read are in no count that everyone sees, from now on.
    op.execute(
        "UPDATE actors SET following_count = following_count - (SELECT count(*) FROM follows JOIN groups "
        "ON groups.actor_id = follows.target_id WHERE follows.follower_id = actors.id "
        "AND follows.state = 'accepted' AND groups.see <> 'public') WHERE following_count > 0"
    )
    op.add_column("revisions", sa.Column("attachments", sa.Text(), server_default="[]", nullable=False))
    op.add_column("revisions", sa.Column("poll", sa.Text(), nullable=True))
    op.add_column("reports", sa.Column("rule_ids", sa.Text(), server_default="[]", nullable=False))
    op.add_column("reports", sa.Column("assigned_to_id", sa.BigInteger(), nullable=True))
    op.execute("UPDATE actors SET state = 'pending' WHERE id IN (SELECT actor_id FROM people WHERE state = 'pending')")
    op.execute(
        "UPDATE posts SET quotes_count = (SELECT count(*) FROM posts AS quoting WHERE quoting.quote_id = posts.id "
        "AND quoting.quote_state = 'accepted' AND quoting.deleted_at IS NULL) "
        "WHERE id IN (SELECT quote_id FROM posts AS quoting WHERE quote_id IS NOT NULL)"
    )
    _conversations(op.get_bind())


def _conversations(bind: sa.Connection) -> None:
    """The direct messages that there are, as conversations that everyone has read."""
    local = {
        row.id
        for row in bind.execute(
            sa.text("SELECT id FROM actors WHERE local AND kind NOT IN ('Group', 'Application') AND state = 'active'")
        )
    }
    named: dict[int, set[int]] = {}
    direct = "visibility = 'direct' AND deleted_at IS NULL AND removed_at IS NULL"
    inside = f"SELECT post_id, actor_id FROM mentions WHERE post_id IN (SELECT id FROM posts WHERE {direct})"  # noqa: S608
    for row in bind.execute(sa.text(inside)):
        named.setdefault(row.post_id, set()).add(row.actor_id)
    last: dict[tuple[int, int, str], int] = {}
    for row in bind.execute(sa.text(f"SELECT id, author_id, root_id FROM posts WHERE {direct} ORDER BY id")):  # noqa: S608
        everyone = {row.author_id, *named.get(row.id, ())}
        for person in everyone & local:
            circle = ",".join(str(one) for one in sorted(everyone - {person}))
            last[person, row.root_id or row.id, circle] = row.id
    made: set[int] = set()
    for (person, root, circle), post in last.items():
        number = post
        while number in made:  # of both sides of a message
            number += 1
        made.add(number)
        bind.execute(
            sa.text("INSERT INTO conversations VALUES (:id, :person, :root, :circle, :post, :unread)"),
            {"id": number, "person": person, "root": root, "circle": circle, "post": post, "unread": False},
        )
