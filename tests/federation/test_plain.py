"""The quick ways to read what nearly everybody sends: they give what the thorough ones give, or leave it to those."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.errors import FederationError, Malformed
from federation.parse import _read_closely, _read_plain, parse, parse_again, parse_document
from federation.signatures import cavage
from federation.signatures.cavage import CavageSignature


class Pairs(list[Any]):
    """An object as the pairs that stand in it, so that a name may stand there twice."""


NAMES = st.sampled_from(["id", "type", "@context", "@graph", "@nest", "to", "a", "\u00fc", '"', "\\", "\x00", "actor"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NAMES | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(NAMES, inner), max_size=4).map(Pairs),
    max_leaves=8,
)  # fmt: skip


def written(value: Any, spell: Any, gap: str) -> str:
    if isinstance(value, Pairs):
        inner = [f"{spell(name)}:{gap}{written(one, spell, gap)}" for name, one in value]
        return "{" + f",{gap}".join(inner) + gap + "}"
    if isinstance(value, list):
        return "[" + f",{gap}".join(written(one, spell, gap) for one in value) + "]"
    return str(spell(value)) if isinstance(value, str) else json.dumps(value)


def escaped(text: str) -> str:
    """A string of which every character is an escape."""
    units = text.encode("utf-16-be", "surrogatepass")
    return '"' + "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2)) + '"'


SPELLINGS = st.sampled_from([json.dumps, lambda text: json.dumps(text, ensure_ascii=False), escaped])


@given(st.lists(st.tuples(NAMES, VALUES), max_size=5).map(Pairs), SPELLINGS, st.sampled_from(["", " ", "\n\t"]))
@settings(max_examples=600)
def test_what_is_read_plainly_is_what_is_read_closely(document: Any, spell: Any, gap: str) -> None:
    raw = written(document, spell, gap).encode("utf-8", "surrogatepass")
    try:
        closely: Any = _read_closely(raw)
    except Malformed:
        closely = None
    try:
        plain = _read_plain(raw)
    except Malformed:
        assert closely is None
        return
    assert plain is None or (closely is not None and repr(plain) == repr(closely))


@given(st.lists(st.tuples(NAMES, VALUES), max_size=5).map(Pairs), SPELLINGS, st.sampled_from(["", " ", "\n\t"]))
@settings(max_examples=300)
def test_what_was_taken_once_is_read_the_same_again(document: Any, spell: Any, gap: str) -> None:
    ours = {"id": "https://a.example/1", "type": "Create", "actor": "https://a.example/u"}
    raw = written(Pairs([*ours.items(), ("object", document)]), spell, gap).encode("utf-8", "surrogatepass")
    try:
        first = parse(raw)
    except FederationError:
        return
    again = parse_again(raw)
    assert repr(again.document) == repr(first.document)
    assert (again.id, again.type, again.actor, again.raw) == (first.id, first.type, first.actor, raw)


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"id":', b"\xff", b'{"type": "Create"}'])
def test_what_was_never_taken_is_refused_again(raw: bytes) -> None:
    with pytest.raises(FederationError):
        parse_again(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"\\u0062":2}}',
        b'{"x":"\\u0022","a":1,"a":2}',
        b'{"x":"\\u0022\\u0022","a":1,"a":2}',
        b'{"x":"\\"\\"","a":1,"a":2}',
        b'{"a":"\\u0000"}',
        b'{"@context":"x","b":{"@graph":[]}}',
        b'{"\\u0040graph":[]}',
        b'{"type":"Like","@nest":{}}',
        b'{"a":{"@context":{"actor":"other"}}}',
        b'{"@context":"x","a":{"@context":{"actor":"other"}}}',
        b'{"@context":[{"x":{"@context":{"actor":"other"}}}]}',
        b'{"@context":{"actor":"https://x.example/other"}}',
        b"[]",
        b"[{}]",
        b"1",
        b'"x"',
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":"\\ud800"}',
        b'{"a":"\t"}',
    ],
)
def test_what_is_to_be_objected_to_is_seen(raw: bytes) -> None:
    with pytest.raises(Malformed):
        parse_document(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"@context":["https://www.w3.org/ns/activitystreams",{"toot":"x"}],"tag":[{"name":"@ada@alpha.example"}]}',
        b'{"content":"\\u003cp\\u003e \\"quoted\\" \\\\ \\n"}',
        '{"content":"\U0001f600 ä"}'.encode(),
        b'{"content":"\\ud83d\\ude00"}',
        b' { "a" : [ 1 , 2.5 , -0 , 1e3 , 123456789012345678901234567890 ] } ',
    ],
)
def test_what_peers_send_is_read_plainly(raw: bytes) -> None:
    assert _read_plain(raw) == _read_closely(raw) != {}


SIGNATURE = "QUJD"
BEGINNING = 'keyId="https://a.example/k",algorithm="rsa-sha256",headers="(request-target) Host date",'


@pytest.mark.parametrize(
    "header",
    [
        f'{BEGINNING}signature="{SIGNATURE}"',
        f'signature="{SIGNATURE}",{BEGINNING}'.rstrip(","),
        f'{BEGINNING.replace(",", " , ")} signature="{SIGNATURE}"',
        f'{BEGINNING}created=1700000000,signature="{SIGNATURE}"',
        f'{BEGINNING}signature="{SIGNATURE}" ',
        f'{BEGINNING}signature = "{SIGNATURE}"',
        f"{BEGINNING}signature={SIGNATURE}",
    ],
)
def test_a_signature_header_is_read_wherever_its_signature_stands(header: str) -> None:
    for _ in range(2):  # the second time from what was kept
        read = cavage.parse_signature(header)
        assert isinstance(read, CavageSignature)
        assert (read.key_id, read.signature) == ("https://a.example/k", b"ABC")
        assert read.covered == ("(request-target)", "host", "date")
        assert read.created == (1_700_000_000 if "created" in header else None)


@pytest.mark.parametrize(
    "header",
    [
        f'{BEGINNING.rstrip(",")} signature="{SIGNATURE}"',
        f'{BEGINNING.rstrip(",")}signature="{SIGNATURE}"',
        f'{BEGINNING}signature="{SIGNATURE}",signature="{SIGNATURE}"',
        f'{BEGINNING}xsignature="{SIGNATURE}"',
        f'{BEGINNING}x signature="{SIGNATURE}"',
        f'{BEGINNING}signature="{SIGNATURE}',
        f'{BEGINNING}signature="{SIGNATURE}""',
        f'{BEGINNING}signature="QUJ"',
        f'{BEGINNING}signature="QU\nJD"',
        f'{BEGINNING}keyId="https://b.example/k",signature="{SIGNATURE}"',
        f'signature="{SIGNATURE}"',
        BEGINNING,
        "",
    ],
)
def test_a_signature_header_that_is_none(header: str) -> None:
    for _ in range(2):
        with pytest.raises(FederationError):
            cavage.parse_signature(header)
