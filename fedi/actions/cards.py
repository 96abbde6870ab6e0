"""Cards of posts: which page a post shows a preview of, and when that page is asked. The asking is `fedi.worker.cards`.

A page is asked only for what everyone may read: else its owner would learn of a private post, and when. Each page is asked
once for all posts with its link, some seconds after the first, as many servers get a post at the same moment.
"""

import random
from dataclasses import replace

from fedi.context import Site
from fedi.text.preview import first_link
from storage import cards, jobs, posts
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


def ask(tx: Tx, site: Site, post: Post) -> Post:
    """See to the card of a post that is new, or says something else now. The post comes back as it is then."""
    url = page_of(site, post)
    if post.card_url is not None and post.card_url != url:
        posts.change(tx, post.id, card_url=None)
        post = replace(post, card_url=None)
    if url is None or post.card_url == url:
        return post
    now = site.clock()
    known = cards.by_url(tx, url)
    if known is not None and is_fresh(known, now):
        if known.state == "ready":
            posts.change(tx, post.id, card_url=url)
            return replace(post, card_url=url)
        return post
    if now - post.published_at < OLD:
        due_at = now + random.randint(*DELAY)  # noqa: S311 - nobody gains by guessing it
        jobs.add(tx, site.new_id(), "card", str(post.id), {"post": post.id}, now, due_at)
    return post


def page_of(site: Site, post: Post) -> str | None:
    """The page that a post shows a card of: the one it is about, else the first that it links to; None where nobody is to
    learn of it, and for one of ours."""
    if post.deleted_at is not None or post.visibility not in ("public", "unlisted"):
        return None
    if post.link is not None:
        return None if site.is_local(post.link) else post.link
    if post.attachments or post.kind == "Question":
        return None  # which clients show instead
    quoted = (post.quote_iri,) if post.quote_iri is not None else ()
    return first_link(post.content, (site.config.origin + "/", *quoted))


def is_fresh(card: Card, now: int) -> bool:
    """Whether what is known of a page is good enough not to ask it again."""
    return card.fetched_at is not None and now - card.fetched_at < (FRESH if card.state == "ready" else FAILED)
