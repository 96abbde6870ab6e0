"""Links back with rel=me: what a browser would see as one, and nothing that a page's guests could write into it."""

import pytest

from fedi.text.backlinks import links_back

ME = "https://alpha.example/people/ada"


@pytest.mark.parametrize(
    "html",
    [
        f'<a rel="me" href="{ME}">x</a>',
        f"<LINK HREF={ME} REL='nofollow ME'>",
        f'<a href="{ME}/#about" rel=me>x</a>',
        f'<p title="a > b" data-x=\'"\'><a rel="me" class=x href="{ME}" hidden>x</a>',
        '<a href="//ALPHA.example/people/ada" rel="\n me \n">x</a>',
        f'< 5 & <3 <!----><a rel=me href="{ME}">',
        f'<script>if (a<b) {{}}</script><a rel=me href="{ME}">',
        '<a rel=me href="https://alpha.example&#47;people&#x2f;ada">',
    ],
)
def test_links_back(html: str) -> None:
    assert links_back(html, "https://ada.example/", [ME])


@pytest.mark.parametrize(
    "html",
    [
        "",
        f'<a href="{ME}">x</a>',
        f'<a rel="menu" href="{ME}">x</a>',
        f'<a rel="me" href="{ME}x">x</a>',
        f'<a rel="me" href="http{ME[5:]}">x</a>',
        f'<a rel="me" data-href="{ME}">x</a>',
        f'<a data-rel="me" href="{ME}">x</a>',
        f'<a rel="x" rel="me" href="{ME}">x</a>',
        f'<a rel=me href="https://evil.example/" href="{ME}">x</a>',
        f'<!-- <a rel="me" href="{ME}"> -->',
        f'<!-- > <a rel="me" href="{ME}">',
        f'<script>"<a rel=me href={ME}>"</script>',
        f"<textarea><a rel=me href={ME}></textarea>",
        f"<TITLE><a rel=me href={ME}></TITLE>",
        f'<input value="<a rel=me href={ME}>">',
        f"<input value='<a rel=me href={ME}>'>",
        f'<input value = "<a rel=me href={ME}>">',
        f"İİİİİİİİ<script></script><input value='İ<a rel=me href={ME}>'>",
        f"&lt;a rel=me href={ME}&gt;",
        f'<img alt="<a rel=me href={ME}>',
        f'<a rel="me" href="javascript:x//{ME}">',
        '<a rel="me" href="https://[">x</a>',
    ],
)
def test_does_not_link_back(html: str) -> None:
    assert not links_back(html, "https://ada.example/", [ME])


@pytest.mark.parametrize(
    "piece",
    [
        "<a b='",
        "<",
        "<a ",
        "<!--",
        "<script>",
        "<a =",
        "<a x=",
        "<a>",
        "<svg>",
        "</",
        "<![CDATA[",
        "<a rel=me href=x>",
        "=",
    ],
)
def test_hostile_pages_end(piece: str) -> None:
    page = (piece * (1_000_000 // len(piece)))[: 1 << 20]
    assert not links_back(page, "https://ada.example/", [ME])
