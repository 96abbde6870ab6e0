"""The face: what pages for students, digests, the library, questions and cases of moderation keep."""

import sqlalchemy as sa
from alembic import op

revision = "0007_face"
down_revision = "0006_peering"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables and columns; nothing that is there changes."""
    _signin()
    _groups()
    _compose()
    _questions()
    _library()
    _digests()
    _cases()
    _console()


def _signin() -> None:
    """Invitations, passkeys, second factors, codes that were sent by mail."""
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    of_person = ("person_id",), ("actors.id",)
    op.create_table(
        "invitations",
        sa.Column("id", big, autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("by_id", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("most", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["actors.id"], name="fk_invitations_by_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("code", name="uq_invitations_code"),
    )
    op.create_index("ix_invitations_by_id", "invitations", ["by_id", "id"], unique=False)
    op.create_table(
        "sign_ups",
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("invitation_id", sa.BigInteger(), nullable=True),
        sa.Column("invited_by_id", sa.BigInteger(), nullable=True),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(*of_person, name="fk_sign_ups_person_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("person_id", name="pk_sign_ups"),
    )
    op.create_index("ix_sign_ups_invitation_id", "sign_ups", ["invitation_id", "person_id"], unique=False)
    op.create_table(
        "passkeys",
        sa.Column("id", big, autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(*of_person, name="fk_passkeys_person_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_passkeys"),
        sa.UniqueConstraint("credential", name="uq_passkeys_credential"),
    )
    op.create_index("ix_passkeys_person_id", "passkeys", ["person_id", "id"], unique=False)
    op.create_table(
        "second_factors",
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(*of_person, name="fk_second_factors_person_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("person_id", name="pk_second_factors"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(*of_person, name="fk_recovery_codes_person_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("person_id", "code_hash", name="pk_recovery_codes"),
    )
    op.create_table(
        "tickets",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(*of_person, name="fk_tickets_person_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash", name="pk_tickets"),
    )
    op.create_index("ix_tickets_person_id", "tickets", ["person_id", "kind"], unique=False)
    op.create_index("ix_tickets_expires_at", "tickets", ["expires_at"], unique=False)
    op.create_table(
        "identities",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(*of_person, name="fk_identities_person_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("issuer", "subject", name="pk_identities"),
    )
    op.create_index("ix_identities_person_id", "identities", ["person_id"], unique=False)


def _groups() -> None:
    """What a person read of a thread, muted, and how loud a group is to them."""
    op.add_column("groups", sa.Column("kind", sa.Text(), server_default="open", nullable=False))
    op.add_column("groups", sa.Column("languages", sa.Text(), server_default="[]", nullable=False))
    op.add_column("groups", sa.Column("ends_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "thread_reads",
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["actors.id"], name="fk_thread_reads_person_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", "root_id", name="pk_thread_reads"),
    )
    op.create_index("ix_thread_reads_root_id", "thread_reads", ["root_id"], unique=False)
    op.create_table(
        "group_reads",
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("group_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["actors.id"], name="fk_group_reads_group_id_actors", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["person_id"], ["actors.id"], name="fk_group_reads_person_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", "group_id", name="pk_group_reads"),
    )
    op.create_index("ix_group_reads_group_id", "group_reads", ["group_id"], unique=False)
    op.create_table(
        "thread_follows",
        sa.Column("root_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["actors.id"], name="fk_thread_follows_person_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("root_id", "person_id", name="pk_thread_follows"),
    )
    op.create_index("ix_thread_follows_person_id", "thread_follows", ["person_id"], unique=False)
    # Who wrote in a thread of a group hears of answers in it from now on.
    op.execute(
        "INSERT INTO thread_follows (root_id, person_id, created_at)"
        " SELECT root_id, author_id, max(published_at) FROM posts JOIN actors ON actors.id = author_id"
        " WHERE group_id IS NOT NULL AND root_id IS NOT NULL AND posts.local AND actors.local"
        " GROUP BY root_id, author_id"
    )
    op.create_table(
        "volumes",
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("group_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["actors.id"], name="fk_volumes_group_id_actors", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person_id"], ["actors.id"], name="fk_volumes_person_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("person_id", "group_id", name="pk_volumes"),
    )
    op.create_index("ix_volumes_group_id", "volumes", ["group_id"], unique=False)


def _compose() -> None:
    """Drafts."""
    op.create_table(
        "drafts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("warning", sa.Text(), nullable=False),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("question", sa.Boolean(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("reply_to_id", sa.BigInteger(), nullable=True),
        sa.Column("media_ids", sa.Text(), nullable=False),
        sa.Column("poll", sa.Text(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["actors.id"], name="fk_drafts_person_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_drafts"),
    )
    op.create_index("ix_drafts_person_id", "drafts", ["person_id", "id"], unique=False)


def _questions() -> None:
    """Which threads ask, and which answer was accepted."""
    op.add_column("posts", sa.Column("asks", sa.Text(), nullable=True))
    asking = sa.text("asks IS NOT NULL")
    op.create_index(
        "ix_posts_group_id_asks", "posts", ["group_id", "asks", "id"], sqlite_where=asking, postgresql_where=asking
    )
    op.create_index("ix_posts_asks", "posts", ["asks", "id"], sqlite_where=asking, postgresql_where=asking)
    op.create_table(
        "questions",
        sa.Column("root_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("accepted_id", sa.BigInteger(), nullable=True),
        sa.Column("how", sa.Text(), nullable=True),
        sa.Column("stated_iri", sa.Text(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["root_id"], ["posts.id"], name="fk_questions_root_id_posts", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["accepted_id"], ["posts.id"], name="fk_questions_accepted_id_posts", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("root_id", name="pk_questions"),
    )
    op.create_index("ix_questions_accepted_id", "questions", ["accepted_id"], unique=False)
    op.create_table(
        "choices",
        sa.Column("root_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("actor_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("answer_id", sa.BigInteger(), nullable=False),
        sa.Column("iri", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["root_id"], ["questions.root_id"], name="fk_choices_root_id_questions", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name="fk_choices_actor_id_actors", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["answer_id"], ["posts.id"], name="fk_choices_answer_id_posts", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("root_id", "actor_id", name="pk_choices"),
        sa.UniqueConstraint("iri", name="uq_choices_iri"),
    )
    op.create_index("ix_choices_actor_id", "choices", ["actor_id"], unique=False)
    op.create_index("ix_choices_answer_id", "choices", ["answer_id"], unique=False)


def _library() -> None:
    """Items, shelves, files and where they come from."""
    op.create_table(
        "library_items",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("work", sa.Text(), nullable=False),
        sa.Column("licence", sa.Text(), nullable=False),
        sa.Column("shareable", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("retracted_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["actors.id"], name="fk_library_items_group_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_library_items"),
    )
    op.create_index("ix_library_items_group_id", "library_items", ["group_id", "id"], unique=False)
    op.create_table(
        "library_keys",
        sa.Column("group_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["actors.id"], name="fk_library_keys_group_id_actors", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["library_items.id"], name="fk_library_keys_item_id_library_items", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "key", name="pk_library_keys"),
    )
    op.create_index("ix_library_keys_item_id", "library_keys", ["item_id"], unique=False)
    op.create_index("ix_library_keys_key", "library_keys", ["key"], unique=False)
    op.create_table(
        "library_entries",
        sa.Column("post_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=True),
        sa.Column("work", sa.Text(), nullable=False),
        sa.Column("licence", sa.Text(), nullable=False),
        sa.Column("shareable", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("file_url", sa.Text(), nullable=True),
        sa.Column("fetched_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["item_id"], ["library_items.id"], name="fk_library_entries_item_id_library_items", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name="fk_library_entries_post_id_posts", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("post_id", name="pk_library_entries"),
    )
    op.create_index("ix_library_entries_item_id", "library_entries", ["item_id", "post_id"], unique=False)
    op.create_index("ix_library_entries_digest", "library_entries", ["digest"], unique=False)
    op.create_table(
        "library_files",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_library_files"),
    )
    op.create_table(
        "library_shelves",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("iri", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["actors.id"], name="fk_library_shelves_group_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_library_shelves"),
        sa.UniqueConstraint("iri", name="uq_library_shelves_iri"),
    )
    op.create_index("ix_library_shelves_group_id", "library_shelves", ["group_id", "id"], unique=False)
    op.create_table(
        "library_shelved",
        sa.Column("shelf_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("item_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"], ["library_items.id"], name="fk_library_shelved_item_id_library_items", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["shelf_id"], ["library_shelves.id"], name="fk_library_shelved_shelf_id_library_shelves", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("shelf_id", "item_id", name="pk_library_shelved"),
    )
    op.create_index("ix_library_shelved_item_id", "library_shelved", ["item_id"], unique=False)


def _digests() -> None:
    """Mail that waits, digests that were sent, tokens of feeds."""
    op.create_table(
        "mails",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=True),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["actors.id"], name="fk_mails_person_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_mails"),
    )
    op.create_index("ix_mails_person_id", "mails", ["person_id"], unique=False)
    op.create_index("ix_mails_state", "mails", ["state", "created_at"], unique=False)
    op.create_index("ix_mails_settled_at", "mails", ["settled_at"], unique=False)
    op.create_table(
        "digests",
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["actors.id"], name="fk_digests_person_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("person_id", name="pk_digests"),
    )
    op.create_index("ix_digests_next_at", "digests", ["next_at"], unique=False)
    op.create_table(
        "feed_tokens",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["actors.id"], name="fk_feed_tokens_person_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_feed_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_feed_tokens_token_hash"),
    )
    op.create_index("ix_feed_tokens_person_id", "feed_tokens", ["person_id", "id"], unique=False)
    op.create_index("ix_feed_tokens_revoked_at", "feed_tokens", ["revoked_at"], unique=False)


def _cases() -> None:
    """Reports as cases, appeals, rules that were accepted."""
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "cases",
        sa.Column("id", big, autoincrement=False, nullable=False),
        sa.Column("iri", sa.Text(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("post_ids", sa.Text(), nullable=False),
        sa.Column("received_id", sa.BigInteger(), nullable=True),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("alerted_at", sa.BigInteger(), nullable=True),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("decided_by_id", sa.BigInteger(), nullable=True),
        sa.Column("decided_host", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["actors.id"], name="fk_cases_group_id_actors", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name="fk_cases_actor_id_actors", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["decided_by_id"], ["actors.id"], name="fk_cases_decided_by_id_actors", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_cases"),
        sa.UniqueConstraint("iri", name="uq_cases_iri"),
    )
    op.create_index("ix_cases_group_id", "cases", ["group_id", "state", "due_at"], unique=False)
    op.create_index("ix_cases_state", "cases", ["state", "due_at"], unique=False)
    op.create_index("ix_cases_actor_id", "cases", ["actor_id", "state"], unique=False)
    said = sa.text("snapshot != '[]'")
    op.create_index(
        "ix_cases_decided_at", "cases", ["decided_at"], unique=False, sqlite_where=said, postgresql_where=said
    )
    op.create_table(
        "appeals",
        sa.Column("id", big, autoincrement=False, nullable=False),
        sa.Column("iri", sa.Text(), nullable=False),
        sa.Column("moderation_id", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("decided_by_id", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["moderation_id"], ["moderations.id"], name="fk_appeals_moderation_id_moderations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["group_id"], ["actors.id"], name="fk_appeals_group_id_actors", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"], name="fk_appeals_actor_id_actors", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["decided_by_id"], ["actors.id"], name="fk_appeals_decided_by_id_actors", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_appeals"),
        sa.UniqueConstraint("iri", name="uq_appeals_iri"),
        sa.UniqueConstraint("moderation_id", name="uq_appeals_moderation_id"),
    )
    op.create_index("ix_appeals_group_id", "appeals", ["group_id", "state", "due_at"], unique=False)
    op.create_index("ix_appeals_state", "appeals", ["state", "due_at"], unique=False)
    op.create_index("ix_appeals_actor_id", "appeals", ["actor_id"], unique=False)
    op.create_table(
        "rule_acceptances",
        sa.Column("group_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("actor_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["actors.id"], name="fk_rule_acceptances_group_id_actors", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["actors.id"], name="fk_rule_acceptances_actor_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "actor_id", name="pk_rule_acceptances"),
    )
    op.create_index("ix_rule_acceptances_actor_id", "rule_acceptances", ["actor_id"], unique=False)
    op.add_column("reports", sa.Column("rule", sa.Text(), nullable=True))
    op.add_column("reports", sa.Column("case_id", sa.BigInteger(), nullable=True))
    op.create_index("ix_reports_case_id", "reports", ["case_id"], unique=False)
    op.add_column("moderations", sa.Column("rule", sa.Text(), nullable=True))
    op.add_column("moderations", sa.Column("case_id", sa.BigInteger(), nullable=True))
    # What waits becomes a case of its own, under the id of its report, due three days from when it was made.
    op.execute(
        "INSERT INTO cases (id, iri, group_id, actor_id, kind, post_ids, snapshot, severity, state, due_at, asked, "
        "created_at) SELECT id, iri || '#case', group_id, actor_id, 'report', post_ids, '[]', 2, 'open', "
        "created_at + 259200000, '[]', created_at FROM reports WHERE state = 'open'"
    )
    op.execute("UPDATE reports SET case_id = id WHERE state = 'open'")


def _console() -> None:
    """What the console shows over time."""
    op.create_table(
        "samples",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", "at", name="pk_samples"),
    )
    op.create_index("ix_samples_at", "samples", ["at"], unique=False)
