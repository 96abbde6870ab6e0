"""Typed text becomes HTML of Mastodon's form, and only that."""

import nh3
from hypothesis import given
from hypothesis import strategies as st

from fedi.text import sanitise, to_html, to_text

KNOWN = {
    "ada": ("https://uni.example/people/ada", "ada"),
    "mlops@peer.example": ("https://peer.example/c/mlops", "mlops"),
}


def tag_url(tag: str) -> str:
    return f"https://uni.example/tags/{tag}"


def test_paragraphs_and_lines() -> None:
    assert to_html("one\r\ntwo\n\n \nthree\n", {}, tag_url) == "<p>one<br>two</p><p>three</p>"
    assert to_html(" \n\n", {}, tag_url) == ""


def test_mention_is_an_h_card() -> None:
    assert to_html("@Ada hi", KNOWN, tag_url) == (
        '<p><span class="h-card"><a href="https://uni.example/people/ada" class="u-url mention">@<span>ada</span></a>'
        "</span> hi</p>"
    )


def test_group_named_as_lemmy_does() -> None:
    assert "@<span>mlops</span>" in to_html("!mlops@peer.example x", KNOWN, tag_url)


def test_unknown_handle_stays_text() -> None:
    assert to_html("@nobody@peer.example", KNOWN, tag_url) == "<p>@nobody@peer.example</p>"


def test_hashtag() -> None:
    assert to_html("#Ethics", {}, tag_url) == (
        '<p><a href="https://uni.example/tags/ethics" class="mention hashtag" rel="tag">#<span>Ethics</span></a></p>'
    )


def test_link_reads_whole_without_style_sheet() -> None:
    url = "https://www.uni.example/a/very/long/address?with=questions&and=answers"
    html = to_html(url, {}, tag_url)
    assert to_text(html) == url
    assert 'href="https://www.uni.example/a/very/long/address?with=questions&amp;and=answers"' in html


def test_markup_is_escaped() -> None:
    html = to_html('<script>alert(1)</script> "x" & https://a.example/"onclick=', {}, tag_url)
    assert "<script" not in html
    assert "onclick=" in to_text(html)
    assert html.startswith("<p>&lt;script&gt;alert(1)&lt;/script&gt;")


def test_what_an_actor_is_called_is_escaped() -> None:
    html = to_html("@ada", {"ada": ('https://x.example/"><script>', "<b>")}, tag_url)
    assert "<script>" not in html
    assert "<b>" not in html


def test_control_characters_go() -> None:
    assert to_html("a\x00b\x1bc\td\x85", {}, tag_url) == "<p>abc\td</p>"


@given(st.text() | st.text(alphabet='<>"&@#a/:h ttps\n'))
def test_output_is_what_a_strict_sanitiser_lets_through(text: str) -> None:
    """Nothing of a person's text ever becomes markup: a sanitiser that knows only our elements changes nothing."""
    html = to_html(text, {"a": ("https://x/", "a")}, tag_url)
    cleaner = nh3.Cleaner(
        tags={"p", "br", "a", "span"},
        attributes={"a": {"href", "class", "rel"}, "span": {"class"}},
        url_schemes={"http", "https"},
        url_relative="deny",
        link_rel=None,
    )
    assert cleaner.clean(html).replace("\u00a0", "&nbsp;") == html.replace("\u00a0", "&nbsp;")
    assert to_text(sanitise(html)) == to_text(html)
