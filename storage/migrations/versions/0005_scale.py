"""Speed and scale: what lets the tables grow to millions of rows."""

revision = "0005_scale"
down_revision = "0004_search"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables; nothing of what they hold."""
