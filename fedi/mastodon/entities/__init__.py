"""The entities of Mastodon's API: rows in, plain dicts out, nothing read. One file for each page of its reference."""
