"""Licences by their SPDX names, from what people, publishers and arXiv write."""

import re

KNOWN = (
    "CC0-1.0",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "CC-BY-NC-4.0",
    "CC-BY-NC-SA-4.0",
    "CC-BY-ND-4.0",
    "CC-BY-NC-ND-4.0",
    "CC-BY-3.0",
    "CC-BY-SA-3.0",
    "MIT",
    "Apache-2.0",
    "GPL-3.0-or-later",
    "ODbL-1.0",
)
"""Those that the form offers; each lets others pass a copy on."""
_CC = re.compile(r"creativecommons\.org/licenses/(by(?:-(?:nc|nd|sa)){0,2})/(\d\.\d)", re.IGNORECASE)
_ZERO = re.compile(r"creativecommons\.org/publicdomain/(zero|mark)/(\d\.\d)", re.IGNORECASE)
_SHORT = re.compile(r"cc[ -]?(by(?:[ -](?:nc|nd|sa)){0,2})(?:[ -](\d\.\d))?", re.IGNORECASE)
_BY_NAME = {one.lower(): one for one in KNOWN}


def named(text: object) -> str:
    """The SPDX name of a licence that lets others share a copy, from its name or address; empty for every other."""
    if not isinstance(text, str):
        return ""
    said = text.strip()[:300]
    if (known := _BY_NAME.get(said.lower())) is not None:
        return known
    if (found := _CC.search(said)) is not None:
        return f"CC-{found[1].upper()}-{found[2]}"
    if _ZERO.search(said) is not None or said.lower() in ("cc0", "cc 0", "public domain"):
        return "CC0-1.0"
    if (short := _SHORT.fullmatch(said)) is not None:
        return f"CC-{short[1].upper().replace(' ', '-')}-{short[2] or '4.0'}"
    return ""


def address(name: str) -> str:
    """Where the text of a licence is."""
    if name == "CC0-1.0":
        return "https://creativecommons.org/publicdomain/zero/1.0/"
    found = re.fullmatch(r"CC-(BY(?:-(?:NC|ND|SA)){0,2})-(\d\.\d)", name)
    if found is not None:
        return f"https://creativecommons.org/licenses/{found[1].lower()}/{found[2]}/"
    return f"https://spdx.org/licenses/{name}" if name in KNOWN else ""
