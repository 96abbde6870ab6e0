"""Rows -> ActivityStreams documents. The other direction is in `fedi.inbox` and `fedi.fetching`."""
