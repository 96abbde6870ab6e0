"""What a group passes on arrives as it was sent: byte for byte, with all that we don't understand in it (FEP-1b12)."""

from pathlib import Path

import msgspec
import pytest

from federation.errors import FederationError
from federation.fields import Json, types
from federation.meaning import describe_safely
from federation.parse import ACTIVITIES, parse, parse_document
from federation.vocabulary.activities import announce_raw
from federation.vocabulary.requests import read_announced
from tests.federation.corpus import ABSENT, FILES, bytes_of, name_of
from tests.federation.samples import PEERS

GROUP = "https://uni.example/groups/ml"
PASSED_ON = {
    *("Create", "Update", "Delete", "Undo", "Like", "Dislike", "EmojiReact", "Add", "Remove", "Block", "Lock", "Flag"),
    *("Announce", "Question", "Move", "Follow", "Accept"),
}
PEER_FOLDERS = (
    *("lemmy", "mbin", "piefed", "nodebb", "discourse", "friendica", "mastodon", "mitra", "lotide", "gnusocial"),
    *("peertube", "pleroma", "misskey", "mobilizon", "gancio", "wordpress", "prismo", "misc", "generic"),
)


class Outer(msgspec.Struct):
    """An Announce as a receiver reads it who keeps the bytes of what is in it."""

    id: str
    type: str
    actor: str
    object: msgspec.Raw


def check_passed_on(raw: bytes) -> None:
    """An activity goes out in an Announce and is read there as the same bytes, the same JSON, the same meaning."""
    inner = parse(raw)
    outer = announce_raw(f"{GROUP}/announces/1", GROUP, [GROUP], [f"{GROUP}/followers"], inner.raw, 1_790_000_000_000)
    assert bytes(msgspec.json.decode(outer, type=Outer).object) == raw.strip()
    received = parse(outer)
    assert received.object == parse_document(raw)
    announced = read_announced(received.document)
    assert announced.activities == (inner.document,)
    assert parse(msgspec.json.encode(announced.activities[0])).document == inner.document
    meaning = describe_safely(inner.document)
    if not meaning.startswith("refused"):
        assert describe_safely(received.document) == f"announce: {meaning}"


def activities(folder: str) -> list[tuple[str, bytes]]:
    """The activities of a folder of the corpus that a group might pass on."""
    found: list[tuple[str, bytes]] = []
    for path in FILES:
        raw = bytes_of(path)
        try:
            document: Json = parse_document(raw)
            if path.parent.name == folder and set(types(document)) & PASSED_ON and parse(raw).document.get("object"):
                found.append((name_of(path), raw))
        except FederationError:
            continue
    return found


@pytest.mark.skipif(not FILES, reason=ABSENT)
@pytest.mark.parametrize("folder", PEER_FOLDERS)
def test_what_peers_send_is_passed_on_unchanged(folder: str) -> None:
    found = activities(folder)
    assert len(found) >= {"lemmy": 40, "mbin": 90, "mastodon": 45, "discourse": 0}.get(folder, 1)
    for name, raw in found:
        try:
            check_passed_on(raw)
        except AssertionError as problem:
            raise AssertionError(name) from problem


@pytest.mark.parametrize("path", sorted(PEERS.rglob("activity-*.json")), ids=lambda path: path.name)
def test_recorded_activities_here(path: Path) -> None:
    raw = bytes_of(path)
    if ACTIVITIES.isdisjoint(types(parse_document(raw))):
        return
    check_passed_on(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{ "type" : "Like",\n\t"id":"https://a.example/1" , "actor":"https://a.example/a","object":"https://b.example/\\u00e9"}',
        b'{"type":"Like","id":"https://a.example/1","actor":"https://a.example/a","object":"https://b.example/1","x":1.0}',
        b'{"x":1e2,"y":-0.0,"z":12345678901234567890,"type":"Like","id":"https://a.example/1","actor":"https://a.example/a",%s'
        % b'"object":"https://b.example/1"}',
        '{"type":"Like","id":"https://a.example/1","actor":"https://a.example/a","object":"https://b.example/1",'
        '"content":"\\ud83d\\ude00 \u2028 </script> \\/"}'.encode(),
    ],
)
def test_spelling_is_kept(raw: bytes) -> None:
    """Blanks, escapes and numbers stay as they were: proofs are over the numbers as they are written, mostly."""
    check_passed_on(raw)
