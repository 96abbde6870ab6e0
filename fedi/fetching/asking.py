"""How other servers are asked: once at a time for the same thing, not soon again for what could not be had, and only whom
policy permits."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from copy import copy
from functools import partial
from typing import TypeVar

from federation.client import Document
from federation.errors import (
    FederationError,
    Refused,
)
from federation.hosts import host_of
from federation.signatures.keys import PrivateKey
from fedi import policy
from fedi.context import Site, Turns

T = TypeVar("T")

_FAILED_FOR = 60_000
_REMEMBERED = 10_000
ROTATIONS = (6, 12)
"""How often the key of one host is read again because a signature did not fit, one post because somebody says that it was
changed, or a host asked for keys that it does not have: so many a minute, so many at once."""


async def once(site: Site, question: str, ask: Callable[[], Awaitable[T]], host: str | None = None) -> T:
    """Run `ask` unless the same question runs already (share its answer) or failed within the last minute.

    With `host`, only some questions to it run at a time, so that a crowd of them does not take the turns of others.
    """
    asked = site.questions
    check_question(site, question)
    task = asked.running.get(question)
    if task is None:

        async def run() -> T:
            async with _turn(site, host), asked.slots:
                return await ask()

        task = asyncio.get_running_loop().create_task(run())
        asked.running[question] = task
        task.add_done_callback(lambda _: asked.running.pop(question, None))
    try:
        return await asyncio.shield(task)
    except FederationError as problem:
        remember(site, question, problem)
        raise


@contextlib.asynccontextmanager
async def _turn(site: Site, host: str | None) -> AsyncIterator[None]:
    """Hold one of the turns of a host; the last who leaves takes its queue down."""
    if host is None:
        yield
        return
    queues = site.questions.queues
    queue = queues.setdefault(host, Turns())
    queue.wanted += 1
    try:
        async with queue.free:
            yield
    finally:
        queue.wanted -= 1
        if not queue.wanted:
            del queues[host]


def check_question(site: Site, question: str) -> None:
    """Raises the problem that a question failed with, if that was within the last minute."""
    failed = site.questions.failed
    known = failed.get(question)
    if known is None:
        return
    if known[0] > site.clock():
        raise copy(known[1])  # each raise adds where it passed, and two may raise it at once
    del failed[question]


def remember(site: Site, question: str, problem: FederationError) -> None:
    """Answer a question with this problem for the next minute, without asking again."""
    failed = site.questions.failed
    if len(failed) >= _REMEMBERED:
        failed.pop(next(iter(failed)))
    # A copy, without where it passed and what led to it: the documents that were read there would stay in memory.
    failed[question] = (site.clock() + _FAILED_FOR, copy(problem))


async def permitted(site: Site, host: str, about: str | None = None) -> None:
    """Raises Refused (403) when policy does not let us ask this host (`about` something); the decision is kept."""
    judged = await site.db.read(lambda tx: policy.fetching(tx, site, host, about))
    if policy.refuses(judged.decision):
        await site.db.write(lambda tx: policy.keep_judged(tx, site, judged))
        raise Refused(f"policy: {judged.decision.text}", answered=403)


async def instance_key(site: Site) -> PrivateKey:
    """The key that signs what we fetch: the instance's own, whose document everyone may read unsigned."""
    return await site.db.read(partial(site.private_key, owner_iri=site.instance_iri))


async def get(site: Site, iri: str) -> Document:
    """The document at an IRI, asked for with the instance's signature. Raises as `Client.get_document`."""
    return await site.client.get_document(iri, await instance_key(site))


async def document(site: Site, iri: str) -> Document:
    """Whatever ActivityPub object (a collection, a page of one) is at this IRI, as its host serves it to our signature.

    What is in it is its host's word alone. Raises the errors of `federation.errors`, also when policy is against it.
    """
    await permitted(site, host_of(iri))
    return await once(site, iri, lambda: get(site, iri))
