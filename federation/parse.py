"""Bytes -> Activity."""
from federation.activity import Activity
from federation.fields import Json, as_list, as_objects, first_id, id_of, ids, text_of, types

__all__ = ["as_list", "as_objects", "first_id", "id_of", "ids", "parse", "parse_document", "text_of", "types"]

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32

def parse_document(raw: bytes) -> Json:
    raise NotImplementedError

def parse(raw: bytes) -> Activity:
    raise NotImplementedError
