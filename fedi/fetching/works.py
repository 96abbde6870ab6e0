"""Asking resolvers about a work: the DOI system, arXiv, a catalogue of books; once for all who want to know.

What is learnt is a card (`storage.cards`) at the work's one address, so that every post that names the work shows it, and
nobody is asked again within two weeks.
"""

import asyncio
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import msgspec

from federation.errors import Busy, FederationError, Malformed
from fedi.actions import cards as actions
from fedi.actions import shelving
from fedi.citing import answers, csl
from fedi.citing.identifiers import Identifier
from fedi.citing.works import Work
from fedi.context import Site
from storage import cards
from storage.metadata import Tx

PER_MINUTE, BURST = 60, 30
"""Questions to one resolver."""
_LIMIT = 1 << 20
_CSL = "application/vnd.citationstyles.csl+json"
_WAIT, _TURNS = 0.25, 20


async def ask(site: Site, identifier: Identifier) -> Work | None:
    """What the resolver says of a work; None when it knows none. Raises FederationError (Busy for too many questions)."""
    settings = site.config.library
    where = getattr(settings, identifier.scheme)
    if not settings.lookups or not where:
        return None
    if not site.previews.allow(f"works {identifier.scheme}", PER_MINUTE, BURST, site.clock()):
        raise Busy("enough questions to this resolver for now")
    url = where.replace("{id}", quote(identifier.value, safe="/"))
    accept = {"doi": _CSL, "arxiv": "application/atom+xml", "isbn": "application/json"}[identifier.scheme]
    found = await site.client.get_file(url, accept, limit=_LIMIT, mailto=settings.mailto)
    work = await asyncio.to_thread(_read, identifier, found.body)
    # However it is written there: what was asked for is what was meant.
    return replace(work, doi=identifier.value) if work is not None and identifier.scheme == "doi" else work


def _read(identifier: Identifier, body: bytes) -> Work | None:
    if identifier.scheme == "arxiv":
        return answers.read_arxiv(body.decode("utf-8", "replace"), identifier.value)
    try:
        value: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as problem:
        raise Malformed("a resolver answers no JSON") from problem
    return csl.read(value) if identifier.scheme == "doi" else answers.read_book(value, identifier.value)


async def look_up(site: Site, identifier: Identifier) -> Work | None:
    """What is known of a work, asked for where it is not known well enough; None when nobody can say.

    However many ask at once, the resolver is asked once; who comes second waits for what the first hears.
    """
    now = site.clock()
    work, fresh = await site.db.read(lambda tx: actions.known_work(tx, site, identifier, now))
    if fresh or not site.config.library.lookups:
        return work
    for _turn in range(_TURNS):
        turn = await site.db.write(lambda tx: _turn_of(tx, identifier, site.clock()))
        if turn == "mine":
            try:
                return await learn(site, identifier) or work
            except Busy:
                return work
        if turn == "known":
            break
        await asyncio.sleep(_WAIT)
    work, _ = await site.db.read(lambda tx: actions.known_work(tx, site, identifier, site.clock()))
    return work


def _turn_of(tx: Tx, identifier: Identifier, now: int) -> str:
    """Whether the question is the caller's to ask (`mine`), is being asked (`wait`), or was answered (`known`)."""
    known = cards.by_url(tx, identifier.url)
    if known is not None and known.state == "pending" and now - (known.fetched_at or 0) < actions.ASKING:
        return "wait"
    if known is not None and known.state != "pending" and actions.is_fresh(known, now):
        return "known"
    return "mine" if cards.claim(tx, identifier.url, known, now) else "wait"


async def learn(site: Site, identifier: Identifier) -> Work | None:
    """Ask, and keep what is said; a question in vain is kept as well. Raises Busy alone."""
    try:
        work = await ask(site, identifier)
    except Busy:
        raise
    except FederationError:
        work = None
    await site.db.write(lambda tx: keep(tx, site, identifier, work))
    return work


def keep(tx: Tx, site: Site, identifier: Identifier, work: Work | None) -> None:
    """Keep what a resolver said; of one that says nothing now, what it said before."""
    actions.keep_work(tx, site, identifier, work)
    if work is not None:
        shelving.learnt(tx, site, identifier, work)
