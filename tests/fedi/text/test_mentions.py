"""Mentions, hashtags and links in plain text: Mastodon's rules, and Lemmy's `!group@host`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedi.text import handles_in, hashtags_in
from fedi.text.mentions import tokens


@pytest.mark.parametrize(
    ("text", "handles"),
    [
        ("@ada hello", ["ada"]),
        ("hello @ada.", ["ada"]),
        ("(@ada, @Bob_2!)", ["ada", "bob_2"]),
        ("@ada@uni.example", ["ada@uni.example"]),
        ("@ada@uni.example.", ["ada@uni.example"]),
        ("@ada@127.0.0.1:8001: hello", ["ada@127.0.0.1:8001"]),
        ("@ada@127.0.0.1: hello", ["ada@127.0.0.1"]),
        ("@ada@localhost:8000", ["ada@localhost:8000"]),
        ("@ada@münchen.example", ["ada@münchen.example"]),
        ("@ada.lovelace-1 x", ["ada.lovelace-1"]),
        ("@ada @ada @ADA", ["ada"]),
        ("!mlops@uni.example how?", ["mlops@uni.example"]),
        ("!important", []),
        ("mail ada@uni.example", []),
        ("https://social.example/@ada", []),
        ("https://social.example/@ada@uni.example is her page", []),
        ("a/@ada", []),
        ("@@ada", []),
        ("@", []),
        ("@ada@uni.example@evil.example", []),
    ],
)
def test_handles(text: str, handles: list[str]) -> None:
    assert handles_in(text) == handles


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#Ethics and #ethics", ["Ethics"]),
        ("#week1, #2026 #1st", ["week1", "1st"]),
        ("#___", []),
        ("#schön #日本語 #हिन्दी", ["schön", "日本語", "हिन्दी"]),
        ("https://uni.example/page#part", []),
        ("see&#39; ##x a#b", []),
        ("＃全角", ["全角"]),
        ("#" + "a" * 101, []),
    ],
)
def test_hashtags(text: str, tags: list[str]) -> None:
    assert hashtags_in(text) == tags


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("see https://uni.example/a.", "https://uni.example/a"),
        ("(https://uni.example/a_(b))", "https://uni.example/a_(b)"),
        ("https://uni.example/?q=1&r=2#x!", "https://uni.example/?q=1&r=2#x"),
        ("“https://uni.example/”", "https://uni.example/"),
        ("HTTPS://UNI.example", "HTTPS://UNI.example"),
        ("https://uni.example/\u202egpj.exe", "https://uni.example/"),
        ("https://", None),
        ("javascript:alert(1)", None),
        ("https://uni.example/" + "a" * 2000, None),
    ],
)
def test_links(text: str, link: str | None) -> None:
    assert next((token.name for token in tokens(text) if token.kind == "link"), None) == link


@given(st.text() | st.text(alphabet="@!#a1._-:/ h\nhttps://)("))
def test_nothing_typed_is_lost(text: str) -> None:
    assert "".join(token.text for token in tokens(text)) == text
