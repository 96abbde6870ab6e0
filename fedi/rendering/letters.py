"""A mail with several things in it -> its two parts, plain text and HTML. Pure.

HTML of mails knows no style sheets that all programs read, so every element has its few styles; nothing is fetched, so nobody
is told that it was opened.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from fedi import languages


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing: why it is there, what it is called, where it is found, where it belongs, and how it begins."""

    reason: str
    title: str
    link: str
    where: str = ""
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says: `heading`, then `entries`, then `links` as (text, address), then the small print with its own."""

    heading: str
    entries: Sequence[Entry] = ()
    after: str = ""
    links: Sequence[tuple[str, str]] = ()
    print_: str = ""
    print_links: Sequence[tuple[str, str]] = field(default=())


def text(letter: Letter) -> str:
    """The part for who reads plain text."""
    lines = [letter.heading, ""]
    for entry in letter.entries:
        place = f" · {entry.where}" if entry.where else ""
        lines += [f"{entry.reason}{place}", f"  {entry.title}", *([f"  {entry.excerpt}"] if entry.excerpt else [])]
        lines += [f"  {entry.link}", ""]
    if letter.after:
        lines += [letter.after, ""]
    for said, address in letter.links:
        lines += [f"{said}:", address, ""]
    lines.append("-- ")
    if letter.print_:
        lines.append(letter.print_)
    lines += [f"{said}: {address}" for said, address in letter.print_links]
    return "\n".join(lines) + "\n"


_BODY = "margin:0;padding:16px;font:16px/1.5 system-ui,sans-serif"
_INNER = "max-width:36em;margin:0 auto"
_SMALL = "font-size:13px;opacity:.75"
_BUTTON = "display:inline-block;padding:10px 20px;border-radius:8px;background:#17595f;color:#fff;text-decoration:none"
_ITEM = "margin:0 0 20px"


def html(letter: Letter) -> str:
    """The part for who reads HTML, in the direction of the language that is set."""
    code = languages.reader().language
    items = "".join(_item(entry) for entry in letter.entries)
    after = f"<p>{escape(letter.after)}</p>\n" if letter.after else ""
    links = "".join(
        f"<p>{_link(said, address, _BUTTON if at == 0 else '')}</p>\n"
        for at, (said, address) in enumerate(letter.links)
    )
    small = " · ".join(_link(said, address) for said, address in letter.print_links)
    return (
        f'<!doctype html>\n<html lang="{escape(code)}" dir="{languages.direction(code)}"><head><meta charset="utf-8">'
        f'<meta name="color-scheme" content="light dark"><title>{escape(letter.heading)}</title></head>\n'
        f'<body style="{_BODY}"><div style="{_INNER}">\n<h1 style="font-size:20px">{escape(letter.heading)}</h1>\n'
        f'{items}{after}{links}<p style="{_SMALL}">{escape(letter.print_)} {small}</p>\n</div></body></html>\n'
    )


def _item(entry: Entry) -> str:
    place = f" · <bdi>{escape(entry.where)}</bdi>" if entry.where else ""
    excerpt = f'<br><span dir="auto">{escape(entry.excerpt)}</span>' if entry.excerpt else ""
    return (
        f'<p style="{_ITEM}"><span style="{_SMALL}">{escape(entry.reason)}{place}</span><br>'
        f'<a href="{escape(entry.link)}" style="font-weight:600"><bdi>{escape(entry.title)}</bdi></a>{excerpt}</p>\n'
    )


def _link(said: str, address: str, style: str = "") -> str:
    styled = f' style="{style}"' if style else ""
    return f'<a href="{escape(address)}"{styled}>{escape(said)}</a>'
