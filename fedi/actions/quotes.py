"""Quotes with consent (FEP-044f): ask to quote, answer who asks, and take leave back.

A quote is shown as one while its state is `accepted`: its author quotes themselves, or the author of what is quoted gave
a QuoteAuthorization, which was fetched from their server and says so. Until then it is a link in the text.
"""

from dataclasses import replace
from typing import Any, Literal

from federation.hosts import same_origin
from federation.vocabulary.context import AS2, QUOTE_TERMS
from federation.vocabulary.quote import build_authorization, build_request
from fedi import visibility as gate
from fedi.actions import notifying, sending
from fedi.actions.drafts import QUOTE_POLICIES
from fedi.actions.publishing import tell
from fedi.context import Site
from fedi.errors import Forbidden, Invalid, NotFound
from fedi.rendering import posts as rendering
from storage import actors, follows, jobs, outbox, posts, quotes
from storage.actors import Actor
from storage.metadata import Tx
from storage.posts import Post
from storage.quotes import Quote

QUOTABLE = ("public", "unlisted")

State = Literal["pending", "accepted", "rejected", "revoked"]

CONTEXT = [AS2, QUOTE_TERMS]


def authorization_iri(quoted: Post, quote_id: int) -> str:
    """Where the QuoteAuthorization for a quote of a local post is served."""
    return f"{quoted.iri}/quotes/{quote_id}"


def quotable(tx: Tx, author: Actor, post_id: int) -> Post:
    """The post that `author` wants to quote.

    Raises NotFound when there is none that they may see, Forbidden when it is not for everyone or its author does not
    want it. Of a remote post whose author says nothing about quotes, its server decides.
    """
    post = posts.by_id(tx, post_id)
    if post is None or not gate.may_see(tx, gate.person(author.id), post):
        raise NotFound("The post you quote does not exist (any more), or is not shown to you.")
    if post.visibility not in QUOTABLE:
        raise Forbidden("Only what everyone may read can be quoted.", code="not-quotable")
    if not allows(tx, post, author):
        raise Forbidden("Its author does not want this post to be quoted.", code="not-quotable")
    return post


def allows(tx: Tx, post: Post, quoting: Actor) -> bool:
    """Whether the author of a post lets `quoting` quote it at once; of a remote post, whether asking makes sense."""
    if post.author_id == quoting.id:
        return True
    policy = rendering.quote_policy(post) if post.local else post.quote_policy
    if policy == "followers" and post.local:
        follow = follows.find(tx, quoting.id, post.author_id)
        return follow is not None and follow.state == "accepted"
    return policy != "nobody"


def decide(tx: Tx, site: Site, author: Actor, post: Post, quoted: Post) -> Post:
    """The state of a new local quote: what is quoted is the author's own, or was written here, or its author is asked."""
    if not quoted.local and quoted.author_id != author.id:
        return post
    authorization = None
    if quoted.author_id != author.id:
        quote = Quote(site.new_id(), quoted.id, author.id, post.iri, "", "accepted", site.clock())
        quotes.save(tx, quote)
        authorization = authorization_iri(quoted, quote.id)
        owner = actors.by_id(tx, quoted.author_id)
        if owner is not None:
            notifying.tell(tx, site, owner, "quote", author, post.id)
    posts.change(tx, post.id, quote_state="accepted", quote_authorization=authorization)
    counted(tx, post, "accepted")
    return replace(post, quote_state="accepted", quote_authorization=authorization)


def ask(tx: Tx, site: Site, author: Actor, post: Post, quoted: Post) -> None:
    """Send a QuoteRequest for a local post to the author of what it quotes, with the post in it."""
    owner = actors.by_id(tx, quoted.author_id)
    if owner is None:
        return
    instrument = rendering.document(tx, site, post)
    terms: dict[str, Any] = {"@context": instrument.pop("@context"), "instrument": instrument}
    sending.send(
        tx,
        site,
        author,
        "QuoteRequest",
        quoted.iri,
        to=[owner.iri],
        cc=[],
        audience=outbox.Audience(actors=(owner.id,)),
        post_id=post.id,
        **terms,
    )


def requested(tx: Tx, site: Site, actor: Actor, quoted: Post, request_iri: str, quoting_iri: str) -> bool:
    """A peer asks to quote a local post; it is answered by the post's policy: True for yes.

    Leave that was taken back is not given again, and a quoting post is one quote of one post by one actor.
    """
    owner = actors.by_id(tx, quoted.author_id)
    if owner is None or owner.state != "active":
        raise NotFound
    known = quotes.by_quoting(tx, quoting_iri)
    same = known is None or (known.actor_id, known.post_id) == (actor.id, quoted.id)
    revoked = known is not None and known.state == "revoked"
    yes = quoted.visibility in QUOTABLE and same and not revoked and allows(tx, quoted, actor)
    asked = build_request(request_iri, actor.iri, quoted.iri, quoting_iri)
    if not yes:
        _answer(tx, site, owner, actor, "Reject", asked)
        if known is None:
            quotes.save(
                tx, Quote(site.new_id(), quoted.id, actor.id, quoting_iri, request_iri, "rejected", site.clock())
            )
        return False
    quote_id = known.id if known is not None else site.new_id()
    quotes.save(tx, Quote(quote_id, quoted.id, actor.id, quoting_iri, request_iri, "accepted", site.clock()))
    result = authorization_iri(quoted, quote_id)
    _answer(tx, site, owner, actor, "Accept", asked, result)
    post = posts.by_iri(tx, quoting_iri)
    if post is not None and post.author_id == actor.id and post.quote_iri == quoted.iri:
        counted(tx, replace(post, quote_id=quoted.id), "accepted")
        posts.change(tx, post.id, quote_id=quoted.id, quote_state="accepted", quote_authorization=result)
        notifying.tell(tx, site, owner, "quote", actor, post.id)
    return True


def accepted(tx: Tx, site: Site, answerer: Actor, post: Post, authorization: str | None) -> bool:
    """The author of what a local post quotes says yes; shown it is when the authorization was fetched and checked.

    False when it is not theirs to say, or there is nothing (more) to say.
    """
    if not _asked(tx, answerer, post) or authorization is None or not same_origin(authorization, answerer.iri):
        return False
    posts.change(tx, post.id, quote_state="pending", quote_authorization=authorization)
    check_later(tx, site, post.id)
    return True


def rejected(tx: Tx, site: Site, answerer: Actor, post: Post) -> bool:
    """The author of what a local post quotes says no: it stays a link, and who got it as a quote is told."""
    if not _asked(tx, answerer, post):
        return False
    _settle(tx, site, post, "rejected")
    return True


def revoked(tx: Tx, site: Site, by: Actor, authorization: str) -> bool:
    """An authorization was deleted by who gave it; False when it is none that a post here is quoted by."""
    done = False
    for post in quotes.by_authorization(tx, authorization):
        quoted = posts.by_id(tx, post.quote_id) if post.quote_id is not None else None
        if quoted is not None and quoted.author_id == by.id and post.quote_state in ("pending", "accepted"):
            _settle(tx, site, post, "revoked")
            done = True
    return done


def revoke(tx: Tx, site: Site, by: Actor, quote_id: int) -> None:
    """The author of a local post takes back that another quotes it: nobody is to show that as a quote any more.

    Raises NotFound when it is no quote of a post of theirs that they allowed.
    """
    quote = quotes.by_id(tx, quote_id)
    quoted = posts.by_id(tx, quote.post_id) if quote is not None else None
    if quote is None or quoted is None or quoted.author_id != by.id or quote.state != "accepted":
        raise NotFound
    quotes.set_state(tx, quote.id, "revoked")
    iri = authorization_iri(quoted, quote.id)
    document = build_authorization(iri, by.iri, quote.quoting_iri, quoted.iri)
    sending.send(
        tx,
        site,
        by,
        "Delete",
        document,
        to=[sending.PUBLIC],
        cc=[],
        audience=outbox.Audience(followers_of=(by.id,), actors=(quote.actor_id,)),
    )
    post = posts.by_iri(tx, quote.quoting_iri)
    if post is not None and post.quote_state == "accepted":
        _settle(tx, site, post, "revoked")


def set_policy(tx: Tx, site: Site, by: Actor, post: Post, policy: str) -> None:
    """The author of a local post says who may quote it from now on; whoever got it is told.

    Raises Forbidden for another's post, Invalid for what is none of `drafts.QUOTE_POLICIES`.
    """
    if post.author_id != by.id or not post.local:
        raise Forbidden("Only its author says who may quote a post.")
    if policy not in QUOTE_POLICIES:
        raise Invalid(f"Validation failed: Quote policy is one of {', '.join(QUOTE_POLICIES)}")
    if post.quote_policy == policy:
        return
    posts.change(tx, post.id, quote_policy=policy)
    group = actors.by_id(tx, post.group_id) if post.group_id is not None else None
    tell(tx, site, "Update", replace(post, quote_policy=policy), by, group, updated=site.clock())


def counted(tx: Tx, post: Post, state: State | None) -> None:
    """The quote that a post makes comes into this state (None: it makes none any more): so what it quotes has one quote
    more, or one less. To be called while `post` is as it was before."""
    by = (state == "accepted") - (post.quote_state == "accepted")
    if by and post.quote_id is not None:
        posts.count(tx, post.quote_id, quotes=by)


def check_later(tx: Tx, site: Site, post_id: int) -> None:
    """A job fetches what a post quotes, and the authorization for it."""
    jobs.add(tx, site.new_id(), "quote", str(post_id), {"post_id": post_id}, site.clock())


def checked(tx: Tx, site: Site, post_id: int, quoted: Post, state: State) -> None:
    """What that job found: the post that is quoted, and whether it may be."""
    post = posts.by_id(tx, post_id)
    if post is None or post.deleted_at is not None or post.quote_iri != quoted.iri or post.quote_state == "revoked":
        return
    if post.quote_id != quoted.id:
        posts.change(tx, post.id, quote_id=quoted.id)
        post = replace(post, quote_id=quoted.id)
    if post.quote_state != state:
        _settle(tx, site, post, state)
    owner, author = actors.by_id(tx, quoted.author_id), actors.by_id(tx, post.author_id)
    if state == "accepted" and owner is not None and author is not None:
        notifying.tell(tx, site, owner, "quote", author, post.id)


def _answer(
    tx: Tx, site: Site, owner: Actor, asker: Actor, type: str, asked: dict[str, Any], result: str | None = None
) -> None:
    to = outbox.Audience(actors=(asker.id,))
    terms: dict[str, Any] = {"@context": CONTEXT, "result": result}
    sending.send(tx, site, owner, type, asked, to=[asker.iri], cc=[], audience=to, **terms)


def _settle(tx: Tx, site: Site, post: Post, state: State) -> None:
    """Keep the state; who got a local post is told what it quotes now."""
    counted(tx, post, state)
    posts.change(tx, post.id, quote_state=state)
    author = actors.by_id(tx, post.author_id)
    if post.local and author is not None and author.state == "active" and post.removed_at is None:
        group = actors.by_id(tx, post.group_id) if post.group_id is not None else None
        tell(tx, site, "Update", replace(post, quote_state=state), author, group, updated=site.clock())


def _asked(tx: Tx, answerer: Actor, post: Post) -> bool:
    quoted = posts.by_id(tx, post.quote_id) if post.quote_id is not None else None
    return post.local and post.quote_state == "pending" and quoted is not None and quoted.author_id == answerer.id
