"""Full text search: the index of what posts say, filled with those that are there."""

from alembic import op

from storage import indexed

revision = "0004_search"
down_revision = "0003_clients"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE searches USING fts5(words, parts, marks, tokenize='ascii', columnsize=0)")
    else:
        op.execute(
            "CREATE TABLE searches (post_id BIGINT CONSTRAINT pk_searches PRIMARY KEY"
            " CONSTRAINT fk_searches_post_id_posts REFERENCES posts (id) ON DELETE CASCADE, document TSVECTOR NOT NULL)"
        )
        op.execute("CREATE INDEX ix_searches_document ON searches USING gin (document)")
    indexed.rebuild(connection)
