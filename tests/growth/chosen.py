"""What must be found by which index, where another would do as well by its shape and read far more: (a part of the statement, the index)."""

ON_SQLITE: list[tuple[str, str]] = [
    ("follows.notify = 1 AND follows.state", "ix_follows_notify"),
    (
        "FROM follows WHERE follows.target_id = ? AND follows.state = ? ORDER BY follows.id DESC",
        "(target_id=? AND state=?)",
    ),
    ("actors.local = 1 AND actors.kind = ? ORDER BY actors.followers_count", "ix_actors_followed"),
    ("86400000 < posts.id / 65536", "ix_posts_late"),
    ("FROM tags WHERE tags.tag = ? ORDER BY tags.post_id DESC", "(tag=?)"),
]
ON_POSTGRESQL: list[tuple[str, str]] = [
    # A window of posts is a walk along the key, whatever the words are; what is rare is found by the index of words.
    ("array_agg(", "Index Scan searches pk_searches"),
    (
        "FROM searches WHERE searches.document @@ CAST(%(param_1)s AS TSQUERY) LIMIT",
        "Bitmap Index Scan  ix_searches_document",
    ),
]
