"""Whether a page of some website links back to a profile with rel="me", which is how a link is verified (Mastodon).

The page is a stranger's, so it is read in linear time: tags are found one after the other as browsers do (WHATWG HTML 13.2.5),
without building a tree. What stands in comments, scripts or attributes is no link.
"""

import re
from collections.abc import Iterable, Iterator
from html import unescape
from urllib.parse import urljoin

_LINKS = frozenset({"a", "link", "area"})
_RAW = "script style textarea title xmp iframe noembed noframes noscript template plaintext select svg math"
_CLOSING = {name: re.compile(f"</{name}", re.IGNORECASE | re.ASCII) for name in _RAW.split()}
"""Elements whose content is not looked at, and where each ends."""
_TAG = re.compile(r"<([a-zA-Z][^\s/>]*+)((?:[^>=]|=\s*+\"[^\"]*+\"|=\s*+'[^']*+'|=(?!\s*+[\"']))*+)>")
_ATTRIBUTE = re.compile(r"([^\s\"'>/=]++)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>]++)))?")


def links_back(html: str, url: str, profile: Iterable[str]) -> bool:
    """Whether the page `html` at `url` has an `a` or `link` element with rel=me to one of the addresses of a profile."""
    wanted = {_plain(one) for one in profile}
    return any(_plain(_joined(url, href)) in wanted for href in _rel_me(html))


def _joined(url: str, href: str) -> str:
    try:
        return urljoin(url, href)
    except ValueError:
        return ""


def _plain(url: str) -> str:
    return url.partition("#")[0].rstrip("/").lower()


def _rel_me(html: str) -> Iterator[str]:
    for name, written in tags(html):
        if name not in _LINKS:
            continue
        found = attributes(written)
        if "me" in found.get("rel", "").lower().split() and found.get("href", "").strip():
            yield found["href"].strip()


def attributes(written: str) -> dict[str, str]:
    """The attributes of a tag, as `tags` gives them, by name in lower case; the first of a name counts."""
    found: dict[str, str] = {}
    for key, double, single, bare in _ATTRIBUTE.findall(written):
        found.setdefault(key.lower(), unescape(double or single or bare))
    return found


def tags(html: str) -> Iterator[tuple[str, str]]:
    """(name, attributes) of each start tag that a browser would see, until one that never ends."""
    at = html.find("<")
    while at >= 0:
        tag = _TAG.match(html, at)
        if tag is not None:
            name = tag.group(1).lower()
            yield name, tag.group(2)
            closing = _CLOSING[name].search(html, tag.end()) if name in _CLOSING else tag
            end = closing.end() if closing is not None else -1
        elif html.startswith("<!--", at):
            end = html.find("-->", at + 2)
        elif html.startswith("<![CDATA[", at):
            end = html.find("]]>", at)
        elif html[at + 1 : at + 2] in ("!", "?", "/"):
            end = html.find(">", at)
        elif html[at + 1 : at + 2].isascii() and html[at + 1 : at + 2].isalpha():
            return  # a tag that never ends takes all that is left with it
        else:
            end = at + 1
        if end < 0:
            return
        at = html.find("<", end)
