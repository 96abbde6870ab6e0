"""Cards of posts: which page a post shows a preview of, and when that page is asked. The asking is `fedi.worker.cards`.

Of a paper or a book (a DOI, an arXiv id, an ISBN) the page is the work's one address, and a resolver is asked instead of it.
What a peer says of a work in a post of its own (FEP-8967) is kept apart, as that peer's word: it stands below posts of that
peer, and below others where an agreement makes it one to be trusted.

A page is asked only for what everyone may read: else its owner would learn of a private post, and when. Each page is asked
once for all posts with its link, some seconds after the first, as many servers get a post at the same moment.
"""

import random
from dataclasses import replace

from federation.errors import FederationError
from federation.hosts import host_of
from federation.vocabulary.resource import ResourceDocument
from fedi.citing import csl, identifiers
from fedi.citing.identifiers import Identifier
from fedi.citing.works import MAX_TITLE, Work, plain
from fedi.context import Site
from fedi.text import to_text
from fedi.text.preview import first_link
from storage import cards, jobs, peers, posts
from storage.cards import Card
from storage.metadata import Tx
from storage.posts import Post

FRESH = 14 * 24 * 3600 * 1000
"""Ms for which what a page said of itself is taken as it is."""
FAILED = 24 * 3600 * 1000
"""Ms after which a page that could not be had is asked again, for another post."""
KEPT = 180 * 24 * 3600 * 1000
"""Ms after which a card is forgotten; posts from before then show their link alone."""
OLD = 3 * 24 * 3600 * 1000
"""Ms after which a post is history: what is fetched of old threads asks for no pages."""
DELAY = (1000, 10_000)
"""Between these many ms after a post its page is asked."""
DELAY_OF_PEERS = (90_000, 180_000)
"""The same before a resolver is asked about a work that a peer's post names: its home is asking already, and will tell."""
ASKING = 120_000
"""Ms for which a page is taken to be asked by somebody."""
VIA = "#via="
"""What stands between the address of a work and the host whose word a card is."""
_PEERS = 500


def ask(tx: Tx, site: Site, post: Post) -> Post:
    """See to the card of a post that is new, or says something else now. The post comes back as it is then."""
    url = page_of(site, post)
    if post.card_url is not None and post.card_url.partition(VIA)[0] != url:
        posts.change(tx, post.id, card_url=None)
        post = replace(post, card_url=None)
    if url is None or post.card_url is not None:
        return post
    now = site.clock()
    known = cards.by_url(tx, url)
    work = identifiers.of_url(url)
    if work is not None:
        told = _told_of(tx, site, url, known, now, _host(post.iri))
        if told is not None:
            posts.change(tx, post.id, card_url=told.url)
            return replace(post, card_url=told.url)
        if known is not None and known.state == "failed" and is_fresh(known, now):
            return post
        if not site.config.library.lookups:
            return post
    if known is not None and is_fresh(known, now):
        if known.state == "ready":
            posts.change(tx, post.id, card_url=url)
            return replace(post, card_url=url)
        return post
    if now - post.published_at < OLD:
        delay = DELAY if work is None or post.local else DELAY_OF_PEERS
        due_at = now + random.randint(*delay)  # noqa: S311 - nobody gains by guessing it
        jobs.add(tx, site.new_id(), "card", str(post.id), {"post": post.id}, now, due_at)
    return post


def page_of(site: Site, post: Post) -> str | None:
    """The page that a post shows a card of: the one it is about, else the first that it links to; None where nobody is to
    learn of it, and for one of ours."""
    if post.deleted_at is not None or post.visibility not in ("public", "unlisted"):
        return None
    if post.link is not None:
        work = identifiers.of_url(post.link)
        return None if site.is_local(post.link) else work.url if work is not None else post.link
    work = named_work(post)
    if work is not None and post.kind != "Question":
        return work.url
    if post.attachments or post.kind == "Question":
        return None  # which clients show instead
    quoted = (post.quote_iri,) if post.quote_iri is not None else ()
    return first_link(post.content, (site.config.origin + "/", *quoted))


def is_fresh(card: Card, now: int) -> bool:
    """Whether what is known of a page is good enough not to ask it again."""
    return card.fetched_at is not None and now - card.fetched_at < (FRESH if card.state == "ready" else FAILED)


_NAMES = ("10.", "arxiv", "isbn")


def named_work(post: Post) -> Identifier | None:
    """The first work that the text of a post names by an identifier."""
    content = post.content.lower()
    if not any(name in content for name in _NAMES):  # as in most posts, which need not be parsed
        return None
    return identifiers.first(to_text(post.content))


def _host(iri: str) -> str | None:
    try:
        return host_of(iri)
    except FederationError:
        return None


def _told_of(tx: Tx, site: Site, url: str, known: Card | None, now: int, host: str | None) -> Card | None:
    """The card of a work to show: what a resolver told us, what the post's own home says, or a peer that is agreed with."""
    if known is not None and known.state == "ready" and is_fresh(known, now):
        return known
    hosts = [host] if host is not None and host != site.config.host else []
    hosts += [peer.host for peer in peers.with_stance(tx, ["agreed"])[:_PEERS] if peer.host not in hosts]
    told = cards.ready(tx, [url + VIA + one for one in hosts])
    first = next((told[name] for one in hosts if (name := url + VIA + one) in told), None)
    return first if first is not None and is_fresh(first, now) else known if known and known.state == "ready" else None


def show_told(tx: Tx, site: Site, post: Post, url: str, known: Card | None) -> bool:
    """Show below a post what is told of the work at `url` already; whether anything is."""
    if identifiers.of_url(url) is None:
        return False
    card = _told_of(tx, site, url, known, site.clock(), _host(post.iri))
    if card is not None:
        posts.change(tx, post.id, card_url=card.url)
    return card is not None


def known_work(tx: Tx, site: Site, identifier: Identifier, now: int) -> tuple[Work | None, bool]:
    """(what is known of a work, whether that is good enough not to ask again); also of what was asked in vain lately."""
    known = cards.by_url(tx, identifier.url)
    card = _told_of(tx, site, identifier.url, known, now, None)
    work = csl.read(card.more.get("work")) if card is not None else None
    asked = known is not None and known.state != "pending" and is_fresh(known, now)
    return work, asked or (work is not None and card is not None and is_fresh(card, now))


def keep_work(tx: Tx, site: Site, identifier: Identifier, work: Work | None) -> None:
    """Keep what a resolver said of a work, or that it said nothing; then what it said before is better than that."""
    now = site.clock()
    if work is not None:
        cards.save(tx, card_of(identifier.url, work, now))
        return
    known = cards.by_url(tx, identifier.url)
    if known is None or known.state != "ready":
        cards.save(tx, Card(identifier.url, "failed", "", "", {}, now))


def card_of(url: str, work: Work, now: int) -> Card:
    """The card of a work at an address."""
    said = " · ".join(part for part in (work.by, str(work.year or ""), work.venue or work.publisher) if part)
    more = {
        "author_name": work.by,
        "provider_name": work.venue or work.publisher or (_host(url) or ""),
        "provider_url": f"https://{_host(url)}",
        "language": work.language or None,
        "work": csl.write(work),
    }
    title = (
        f"Retracted: {work.title}" if work.retracted and not work.title.upper().startswith("RETRACTED") else work.title
    )
    return Card(url, "ready", title[:300], said[:500], {name: told for name, told in more.items() if told}, now)


def told(tx: Tx, site: Site, post: Post, said: ResourceDocument) -> None:
    """A peer's post says this of the work that it links to: kept as that peer's word, where everyone may read the post."""
    identifier = identifiers.of_url(said.link) if said.link else None
    host = _host(post.iri)
    if identifier is None or host is None or post.local or post.visibility not in ("public", "unlisted"):
        return
    title = plain(said.title, MAX_TITLE)
    work = csl.read(said.work) or (Work(title) if title else None)
    if work is not None:
        card = card_of(identifier.url, work, site.clock())
        cards.save(tx, replace(card, url=identifier.url + VIA + host))
