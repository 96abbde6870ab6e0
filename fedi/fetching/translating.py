"""Translate texts by the engine that the operator names (`translation.url`): LibreTranslate's API.

What is translated is told to the engine only, and kept in memory for a day, so that one post in demand is asked for once.
"""

import hashlib
from dataclasses import dataclass
from html import escape

from federation.errors import FederationError, Malformed
from fedi.context import Site
from fedi.text import sanitise, to_text

PROVIDER = "LibreTranslate"
_DAY = 24 * 3600 * 1000
_MINUTE = 60_000
_LANGUAGES = 1000


@dataclass(frozen=True, slots=True)
class Translated:
    """Texts in another language, in the order in which they were given, and the language that they were in."""

    texts: list[str]
    source: str


async def languages(site: Site) -> dict[str, list[str]]:
    """From which languages the engine translates into which; none without an engine, or while it does not answer."""
    url = site.config.translation.url
    if not url:
        return {}
    now = site.clock()
    until, known = site.translated.get(url, (0, {}))
    if until > now:
        return known
    try:
        known, until = _read(await site.client.ask_service(_at(url, "languages"))), now + _DAY
    except FederationError:
        until = now + _MINUTE  # what was known goes on being good
    site.translated[url] = (until, known)
    return known


async def translate(site: Site, texts: list[str], source: str | None, target: str) -> Translated:
    """These texts (HTML) in the language `target`; `source` is None where nobody knows. What comes back is sanitised HTML.

    Raises FederationError when the engine can't be asked or answers otherwise.
    """
    settings = site.config.translation
    digest = hashlib.sha256("\0".join((settings.url, source or "", target, *texts)).encode("utf-8", "replace"))
    key = digest.hexdigest()
    kept: tuple[int, Translated] | None = site.translations.get(key)
    if kept is not None and kept[0] > site.clock():
        return kept[1]
    asked = {"q": texts, "source": source or "auto", "target": target, "format": "html", "api_key": settings.key}
    answer = await site.client.ask_service(_at(settings.url, "translate"), asked)
    found = _translated(answer, len(texts), source)
    site.translations.put(key, (site.clock() + _DAY, found), 500 + 2 * sum(map(len, found.texts)))
    return found


async def translate_plain(site: Site, html: list[str], plain: list[str], source: str | None, target: str) -> Translated:
    """As `translate`, of HTML and then of plain texts, which come back as plain text."""
    found = await translate(site, [*html, *(escape(one, quote=False) for one in plain)], source, target)
    texts = [*found.texts[: len(html)], *(to_text(one) for one in found.texts[len(html) :])]
    return Translated(texts, found.source)


def _at(url: str, path: str) -> str:
    return f"{url.rstrip('/')}/{path}"


def _read(answer: object) -> dict[str, list[str]]:
    """`/languages`: a list of {code, targets}."""
    if not isinstance(answer, list):
        raise Malformed("the translation engine lists no languages")
    found: dict[str, list[str]] = {}
    for one in answer[:_LANGUAGES]:
        if isinstance(one, dict) and isinstance(one.get("code"), str) and isinstance(one.get("targets"), list):
            code = one["code"]
            found[code] = sorted({other for other in one["targets"] if isinstance(other, str) and other != code})
    return found


def _translated(answer: object, count: int, source: str | None) -> Translated:
    texts = answer.get("translatedText") if isinstance(answer, dict) else None
    if not isinstance(texts, list) or len(texts) != count or not all(isinstance(one, str) for one in texts):
        raise Malformed("the translation engine answers something else")
    detected = answer.get("detectedLanguage") if isinstance(answer, dict) else None
    first = detected[0] if isinstance(detected, list) and detected else detected
    language = first.get("language") if isinstance(first, dict) else None
    return Translated([sanitise(one) for one in texts], source or (language if isinstance(language, str) else "und"))
