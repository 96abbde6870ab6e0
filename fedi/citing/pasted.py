"""What somebody pasted to add to a library: an identifier, an address, BibTeX, RIS or CSL-JSON."""

from dataclasses import dataclass

import msgspec

from fedi.citing import bibtex, csl, identifiers, ris
from fedi.citing.identifiers import Identifier
from fedi.citing.works import Work

MAX_TEXT = 200_000


@dataclass(frozen=True, slots=True)
class Pasted:
    """What it is: works that it tells of, else the identifier to look up, else an address; all empty for anything else."""

    works: tuple[Work, ...] = ()
    identifier: Identifier | None = None
    url: str = ""


def read(text: str) -> Pasted:
    """What a text is. Nothing is asked of anybody."""
    text = text.strip()[:MAX_TEXT]
    if text.startswith(("{", "[")):
        try:
            value = msgspec.json.decode(text.encode("utf-8", "ignore"))
        except (msgspec.DecodeError, RecursionError):
            return Pasted()
        several = value if isinstance(value, list) else [value]
        return Pasted(tuple(work for one in several[:100] if (work := csl.read(one)) is not None))
    if bibtex.looks(text):
        return Pasted(tuple(bibtex.read(text)))
    if ris.looks(text):
        return Pasted(tuple(ris.read(text)))
    known = identifiers.of(text) or identifiers.first(text)
    if known is not None:
        return Pasted(identifier=known)
    if (
        text.lower().startswith(("https://", "http://"))
        and len(text) <= 2000
        and not any(one.isspace() for one in text)
    ):
        return Pasted(url=text)
    return Pasted()
