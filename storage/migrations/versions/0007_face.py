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


def _groups() -> None:
    """What a person read of a thread, muted, and how loud a group is to them."""


def _compose() -> None:
    """Drafts."""


def _questions() -> None:
    """Which threads ask, and which answer was accepted."""


def _library() -> None:
    """Items, shelves, files and where they come from."""


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


def _cases() -> None:
    """Reports as cases, appeals, rules that were accepted."""


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
