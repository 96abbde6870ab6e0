"""ActivityStreams 2.0 as it is really spoken: one file per family, each with its reader and its builder of plain dicts."""
