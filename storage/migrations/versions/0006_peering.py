"""Peering and policy: agreements and what becomes of them, versions of the policy, what it decided upon, and who may change it."""

import sqlalchemy as sa
from alembic import op

revision = "0006_peering"
down_revision = "0005_scale"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables and columns; nothing that is there changes."""
    op.create_table(
        "agreements",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("iri", sa.Text(), nullable=False),
        sa.Column("offer", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("ours", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("replaces", sa.Text(), nullable=True),
        sa.Column("pause", sa.Text(), nullable=True),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("proofs", sa.Text(), nullable=False),
        sa.Column("trusted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=True),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("notice_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_agreements"),
        sa.UniqueConstraint("iri", name="uq_agreements_iri"),
        sa.UniqueConstraint("offer", name="uq_agreements_offer"),
    )
    op.create_index("ix_agreements_host", "agreements", ["host", "id"], unique=False)
    op.create_index("ix_agreements_state", "agreements", ["state", "ends_at"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_about", "audit", ["about", "id"], unique=False)
    op.create_table(
        "delivered_hours",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("quick", sa.Integer(), nullable=False),
        sa.Column("usual", sa.Integer(), nullable=False),
        sa.Column("slow", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("host", "hour", name="pk_delivered_hours"),
    )
    op.create_index("ix_delivered_hours_hour", "delivered_hours", ["hour"], unique=False)
    op.create_table(
        "directories",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("keys", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.Column("believed_at", sa.BigInteger(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("left_out", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_directories"),
        sa.UniqueConstraint("url", name="uq_directories_url"),
    )
    op.create_table(
        "envelopes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("joined", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_envelopes"),
    )
    op.create_index("ix_envelopes_last_at", "envelopes", ["last_at"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        # Its own compression would cost each batch more than all else about it; rows are compressed when they are joined.
        op.execute("ALTER TABLE envelopes ALTER COLUMN body SET STORAGE EXTERNAL")
    op.create_index(
        "ix_envelopes_fresh",
        "envelopes",
        ["id"],
        unique=False,
        sqlite_where=sa.text("joined = 0"),
        postgresql_where=sa.text("joined = false"),
    )
    op.create_table(
        "envelope_erasures",
        sa.Column("iri", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("iri", name="pk_envelope_erasures"),
    )
    op.create_table(
        "rule_counts",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("policy", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "policy", "rule", "did", name="pk_rule_counts"),
    )
    op.create_table(
        "pending_actions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposer", sa.Text(), nullable=False),
        sa.Column("approver", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pending_actions"),
    )
    op.create_index("ix_pending_actions_state", "pending_actions", ["state", "not_before"], unique=False)
    op.create_table(
        "policies",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("parent", sa.Integer(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("approvals", sa.Text(), nullable=False),
        sa.Column("forecast", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("applied_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("version", name="pk_policies"),
    )
    op.create_index("ix_policies_applied_at", "policies", ["applied_at", "version"], unique=False)
    op.create_table(
        "probes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("check", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("software", sa.Text(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_probes"),
    )
    op.create_index("ix_probes_host", "probes", ["host", "check", "id"], unique=False)
    op.create_table(
        "publications",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("entities", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_publications"),
    )
    op.create_table(
        "trials",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("host", name="pk_trials"),
    )
    op.create_table(
        "sequences_in",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("gaps", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("host", name="pk_sequences_in"),
    )
    op.create_table(
        "sequences_out",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("activities", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sequences_out"),
    )
    op.create_index("ix_sequences_out_at", "sequences_out", ["at"], unique=False)
    op.create_index("ix_sequences_out_host", "sequences_out", ["host", "epoch", "last"], unique=False)
    op.create_table(
        "simulations",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("against", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_simulations"),
    )
    op.create_table(
        "agreement_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("agreement_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agreement_id"], ["agreements.id"], name="fk_agreement_events_agreement_id_agreements", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_agreement_events"),
    )
    op.create_index("ix_agreement_events_agreement_id", "agreement_events", ["agreement_id", "id"], unique=False)
    op.create_table(
        "directory_entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("directory_id", sa.BigInteger(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("asserted", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["directory_id"],
            ["directories.id"],
            name="fk_directory_entries_directory_id_directories",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_directory_entries"),
    )
    op.create_index("ix_directory_entries_host", "directory_entries", ["host"], unique=False)
    op.create_index("uq_directory_entries", "directory_entries", ["directory_id", "host"], unique=True)
    op.create_table(
        "group_peers",
        sa.Column("group_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("may", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["group_id"], ["actors.id"], name="fk_group_peers_group_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("group_id", "host", name="pk_group_peers"),
    )
    op.create_index("ix_group_peers_host", "group_peers", ["host"], unique=False)
    op.create_table(
        "group_scopes",
        sa.Column("group_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("may", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["actors.id"], name="fk_group_scopes_group_id_actors", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", name="pk_group_scopes"),
    )
    op.create_table(
        "peer_groups",
        sa.Column("group_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("see", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["actors.id"], name="fk_peer_groups_group_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("group_id", "host", name="pk_peer_groups"),
    )
    op.create_index("ix_peer_groups_host", "peer_groups", ["host"], unique=False)
    op.create_table(
        "severed",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("actor_iri", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("following", sa.Boolean(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("restored_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["actors.id"], name="fk_severed_person_id_actors", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_severed"),
    )
    op.create_index("ix_severed_host", "severed", ["host", "id"], unique=False)
    op.create_index("ix_severed_person_id", "severed", ["person_id", "id"], unique=False)
    op.add_column("decisions", sa.Column("rule", sa.Text(), nullable=True))
    op.add_column("decisions", sa.Column("effects", sa.Text(), nullable=True))
    op.add_column("decisions", sa.Column("facts", sa.LargeBinary(), nullable=True))
    op.create_index("ix_decisions_activity_id", "decisions", ["activity_id"], unique=False)
    op.create_index("ix_troubles_position", "troubles", ["position"], unique=False)
    op.add_column("links", sa.Column("epoch", sa.Integer(), server_default="0", nullable=False))
    op.add_column("links", sa.Column("sequence", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("links", sa.Column("kept", sa.Text(), nullable=True))
    op.add_column("links", sa.Column("kept_from", sa.BigInteger(), nullable=True))
    op.add_column("links", sa.Column("kept_to", sa.BigInteger(), nullable=True))
    op.add_column("peers", sa.Column("tier", sa.Text(), server_default="public", nullable=False))
    op.add_column("peers", sa.Column("stance_before", sa.Text(), nullable=True))
    op.add_column("peers", sa.Column("suspended_at", sa.BigInteger(), nullable=True))
    op.add_column("peers", sa.Column("suspended_until", sa.BigInteger(), nullable=True))
    op.add_column("peers", sa.Column("suspended_by", sa.Text(), nullable=True))
    op.add_column("peers", sa.Column("paused", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("peers", sa.Column("heard_at", sa.BigInteger(), nullable=True))
    op.add_column("peers", sa.Column("instance_actor", sa.Text(), nullable=True))
    op.add_column("peers", sa.Column("pinned_key", sa.Text(), nullable=True))
    op.add_column("peers", sa.Column("ror", sa.Text(), nullable=True))
    op.add_column("peers", sa.Column("one_sided", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("peers", sa.Column("status", sa.Text(), nullable=True))
    op.add_column("peers", sa.Column("status_at", sa.BigInteger(), nullable=True))
    op.add_column("peers", sa.Column("opens", sa.Text(), server_default="all", nullable=False))
    op.add_column("peers", sa.Column("hidden", sa.Boolean(), server_default=sa.false(), nullable=False))
    waiting = sa.text("state = 'held'")
    op.create_index("ix_received_held", "received", ["id"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_index(
        "ix_peers_closed",
        "peers",
        ["host"],
        sqlite_where=sa.text("stance IN ('blocked', 'suspended') OR hidden = 1"),
        postgresql_where=sa.text("stance IN ('blocked', 'suspended') OR hidden"),
    )
    # Who was agreed with before there were agreements keeps what they had: nobody signed, and everything is open.
    op.execute("UPDATE peers SET tier = 'members', one_sided = true WHERE stance = 'agreed'")
