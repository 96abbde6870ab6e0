"""What a post says of works beside its words: of the one that it adds to a library, or of one that it names."""

from typing import Any

from federation.vocabulary.resource import FileDocument, ResourceDocument, build_mentioned, build_resource
from fedi.citing import csl, identifiers
from fedi.citing.works import KINDS, Work, citation
from fedi.context import Site
from storage import cards, library
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post

_TYPES = {"article-journal": "article", "paper-conference": "article", "article": "article"}
"""Words of schema.org's `learningResourceType` where they are not CSL's own."""


def file_address(site: Site, post: Post, author: Actor) -> str:
    """Where the file of a post of ours is, for who may see the post."""
    return site.iri(f"/people/{author.username}/posts/{post.id}/file")


def add(tx: Tx, site: Site, post: Post, author: Actor, made: dict[str, Any]) -> None:
    """Put into the document of a local post what it says of a work, if anything."""
    if post.kind == "Page":
        _item(tx, site, post, author, made)
    elif post.card_url is not None and identifiers.of_url(post.card_url) is not None:
        card = cards.by_url(tx, post.card_url)
        work = csl.read(card.more.get("work")) if card is not None and card.state == "ready" else None
        if card is not None and work is not None:
            address = post.card_url.partition("#")[0]
            build_mentioned(made, address, work.line, citation(work)[:1000], csl.write(work))


def _item(tx: Tx, site: Site, post: Post, author: Actor, made: dict[str, Any]) -> None:
    entry = library.entry(tx, post.id)
    work = csl.read(entry.work) if entry is not None else None
    if entry is None or work is None:
        return
    file = None
    if entry.digest is not None:
        address = file_address(site, post, author)
        file = FileDocument(address, entry.media_type or "", entry.name, entry.digest, entry.size)
    link = post.link or (file.url if file is not None else None)
    said = ResourceDocument(
        link, work.line, citation(work)[:1000], entry.work, entry.licence, entry.shareable, file, is_item=True
    )
    build_resource(made, said, kind=kind_of(work), added_by=author.iri)


def kind_of(work: Work) -> str:
    """A word of schema.org's for what a work is."""
    return _TYPES.get(work.kind, work.kind if work.kind in KINDS else "document")
