"""Tests mirror the sources, with the same file names after `test_`; `stories/` and `live/` are whole use cases."""
