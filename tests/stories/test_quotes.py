"""Quotes with consent (FEP-044f): asked for, allowed, refused and taken back, between universities and with a peer."""

from typing import Any

import pytest

from fedi.actions import posts, quotes
from fedi.actions.posts import Draft
from fedi.errors import Forbidden, NotFound
from storage import notifications, timelines
from storage import quotes as quote_rows
from storage.actors import Actor
from storage.posts import Post
from tests.stories.conftest import Three
from tests.stories.test_group_across_universities import join
from tests.world import Instance, Peer, settle

pytestmark = pytest.mark.anyio

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"


def publish(instance: Instance, author: Actor, text: str, **values: Any) -> Post:
    """`author` writes a post."""
    return instance.write(lambda tx: posts.publish(tx, instance.site, author, Draft(text, **values)))


def state(instance: Instance, iri: str) -> str | None:
    """How far the quote in a post is, as this instance knows."""
    return instance.post(iri).quote_state


async def test_a_quote_is_asked_for_and_shown_when_it_is_allowed(three: Three) -> None:
    alpha, beta, gamma = three.all
    ada, bo, cy = alpha.person("ada"), beta.person("bo"), gamma.person("cy")
    await join(beta, bo, "ada@alpha.example")
    await join(gamma, cy, "bo@beta.example")
    await settle(*three.all)
    first = publish(alpha, ada, "Quote me.")
    await settle(*three.all)
    quoting = publish(beta, bo, "Indeed:", quote_id=beta.post(first.iri).id)
    assert quoting.quote_state == "pending"
    await settle(*three.all)
    row = alpha.read(lambda tx: quote_rows.by_quoting(tx, quoting.iri))
    assert row is not None
    authorization = f"{first.iri}/quotes/{row.id}"
    for one in (beta, gamma):
        there = one.post(quoting.iri)
        assert (there.quote_state, there.quote_authorization) == ("accepted", authorization)
        assert there.quote_id == one.post(first.iri).id
    # Nobody at alpha follows bo, so the post is there only as what was asked for.
    assert not alpha.has(quoting.iri)
    served = await alpha.document(authorization.removeprefix("https://alpha.example"))
    assert (served["type"], served["attributedTo"]) == ("QuoteAuthorization", ada.iri)
    assert (served["interactingObject"], served["interactionTarget"]) == (quoting.iri, first.iri)
    document = await beta.document(quoting.iri.removeprefix("https://beta.example"))
    assert {document[name] for name in ("quote", "quoteUri", "_misskey_quote")} == {first.iri}
    assert document["quoteAuthorization"] == authorization
    assert f'<p class="quote-inline">RE: <a href="{first.iri}">' in document["content"]
    assert "quote-inline" not in beta.post(quoting.iri).content

    # Taken back: nobody shows it as a quote any more, and there is no authorization.
    alpha.write(lambda tx: quotes.revoke(tx, alpha.site, ada, row.id))
    await settle(*three.all)
    assert state(beta, quoting.iri) == "revoked"
    assert state(gamma, quoting.iri) is None  # its author's edit says that it quotes nothing
    answer = await alpha.get(authorization.removeprefix("https://alpha.example"), accept="application/activity+json")
    assert answer.status == 404
    document = await beta.document(quoting.iri.removeprefix("https://beta.example"))
    assert "quote" not in document
    with pytest.raises(NotFound):
        alpha.write(lambda tx: quotes.revoke(tx, alpha.site, ada, row.id))


async def test_who_wants_no_quotes_has_none(three: Three) -> None:
    alpha, beta, _ = three.all
    ada, al, bo = alpha.person("ada"), alpha.person("al"), beta.person("bo")
    await join(beta, bo, "ada@alpha.example")
    await settle(*three.all)
    nobody = publish(alpha, ada, "Not me.", quote_policy="nobody")
    quiet = publish(alpha, ada, "Not everyone reads this.", visibility="followers")
    friends = publish(alpha, ada, "For friends.", quote_policy="followers")
    await settle(*three.all)
    assert (await alpha.document(f"/people/ada/posts/{nobody.id}"))["interactionPolicy"] == {
        "canQuote": {"automaticApproval": [ada.iri]}
    }
    for post in (nobody, quiet):
        with pytest.raises(Forbidden):
            publish(beta, bo, "x", quote_id=beta.post(post.iri).id)
    for post in (nobody, friends):
        with pytest.raises(Forbidden):
            publish(alpha, al, "x", quote_id=post.id)
    # bo follows ada; and ada quotes herself, which needs no leave.
    theirs = publish(beta, bo, "x", quote_id=beta.post(friends.iri).id)
    own = publish(alpha, ada, "As I said:", quote_id=nobody.id)
    await settle(*three.all)
    assert (state(beta, theirs.iri), own.quote_state, state(beta, own.iri)) == ("accepted", "accepted", "accepted")
    assert own.quote_authorization is None


async def request(mastodon: Peer, alpha: Instance, actor: str, quoted: Post, **more: Any) -> dict[str, Any]:
    """`actor` asks to quote a post, as Mastodon does."""
    note = mastodon.note(actor, f"q{len(mastodon.documents)}", quote=quoted.iri, **more)
    asked = mastodon.activity("QuoteRequest", actor, quoted.iri, instrument=note)
    assert (await mastodon.send(alpha, asked)).status == 202
    await settle(alpha)
    return asked


async def test_a_peers_request_is_answered_by_policy(three: Three) -> None:
    alpha = three.alpha
    ada = alpha.person("ada")
    mastodon = Peer(three.world, "m.example", "mastodon")
    vic, eve = mastodon.actor("vic"), mastodon.actor("eve")
    open_, closed = publish(alpha, ada, "open"), publish(alpha, ada, "closed", quote_policy="nobody")
    asked = await request(mastodon, alpha, vic, open_)
    accept = mastodon.got("Accept")[-1]
    assert (accept["actor"], accept["to"]) == (ada.iri, [vic])
    assert accept["object"] == {
        "id": asked["id"],
        "type": "QuoteRequest",
        "actor": vic,
        "object": open_.iri,
        "instrument": asked["instrument"]["id"],
    }
    assert accept["result"].startswith(f"{open_.iri}/quotes/")
    await request(mastodon, alpha, vic, closed)
    assert mastodon.got("Reject")[-1]["object"]["object"] == closed.iri
    # A post of another, or one that quotes something else, is no reason to answer.
    answers = len(mastodon.got("Accept")) + len(mastodon.got("Reject"))
    note = mastodon.note(vic, "theirs", quote=open_.iri)
    for instrument in (note, {**note, "attributedTo": eve, "quote": closed.iri}, {**note, "id": "https://n.example/1"}):
        await mastodon.send(alpha, mastodon.activity("QuoteRequest", eve, open_.iri, instrument=instrument))
    await settle(alpha)
    assert len(mastodon.got("Accept")) + len(mastodon.got("Reject")) == answers
    # What was taken back is not given again for asking.
    row = alpha.read(lambda tx: quote_rows.by_quoting(tx, asked["instrument"]["id"]))
    assert row is not None
    alpha.write(lambda tx: quotes.revoke(tx, alpha.site, ada, row.id))
    await settle(alpha)
    gone = mastodon.got("Delete")[-1]["object"]
    assert (gone["type"], gone["id"]) == ("QuoteAuthorization", accept["result"])
    again = mastodon.activity("QuoteRequest", vic, open_.iri, instrument=asked["instrument"]["id"])
    await mastodon.send(alpha, again)
    await settle(alpha)
    assert mastodon.got("Reject")[-1]["object"]["id"] == again["id"]


async def test_who_is_quoted_is_told_in_whatever_order_it_comes(three: Three) -> None:
    alpha = three.alpha
    ada = alpha.person("ada")
    mastodon = Peer(three.world, "m.example", "mastodon")
    vic = mastodon.actor("vic")
    quoted = publish(alpha, ada, "open")
    mention = {"type": "Mention", "href": ada.iri}
    first = await request(mastodon, alpha, vic, quoted, tag=[mention])
    await mastodon.send(alpha, mastodon.activity("Create", vic, first["instrument"]))
    await settle(alpha)
    second = mastodon.note(vic, "second", quote=quoted.iri, tag=[mention])
    await mastodon.send(alpha, mastodon.activity("Create", vic, second))
    await settle(alpha)
    assert (state(alpha, first["instrument"]["id"]), state(alpha, second["id"])) == ("accepted", "pending")
    await mastodon.send(alpha, mastodon.activity("QuoteRequest", vic, quoted.iri, instrument=second["id"]))
    await settle(alpha)
    assert state(alpha, second["id"]) == "accepted"
    rows = alpha.read(lambda tx: notifications.of_person(tx, ada.id, timelines.Page()))
    assert sorted(row.kind for row in rows) == ["mention", "mention", "quote", "quote"]


async def test_nobody_else_answers_a_request(three: Three) -> None:
    alpha = three.alpha
    ada = alpha.person("ada")
    mastodon = Peer(three.world, "m.example", "mastodon")
    vic, eve = mastodon.actor("vic"), mastodon.actor("eve")
    evil = Peer(three.world, "evil.example", "mastodon")
    mal = evil.actor("mal")
    await join(alpha, ada, "vic@m.example")
    await settle(alpha)
    mastodon.note(vic, "1")
    from fedi import fetching

    quoted = await fetching.post(alpha.site, mastodon.iri("/notes/1"))
    await fetching.actor(alpha.site, eve)
    await fetching.actor(alpha.site, mal)
    assert quoted is not None
    quoting = publish(alpha, ada, "See:", quote_id=quoted.id)
    await settle(alpha)
    asked = mastodon.got("QuoteRequest")[-1]
    assert (asked["object"], asked["instrument"]["id"], asked["instrument"]["quote"]) == (
        quoted.iri,
        quoting.iri,
        quoted.iri,
    )

    def leave(peer: Peer, name: str, **changes: Any) -> str:
        iri = peer.iri(f"/stamps/{name}")
        peer.documents[iri] = {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": iri,
            "type": "QuoteAuthorization",
            "attributedTo": vic,
            "interactingObject": quoting.iri,
            "interactionTarget": quoted.iri,
            **changes,
        }
        return iri

    # By another of the same server, by another server, with leave from another server.
    for peer, actor, result in (
        (mastodon, eve, leave(mastodon, "eve")),
        (evil, mal, leave(evil, "mal")),
        (mastodon, vic, leave(evil, "vic")),
        (mastodon, vic, None),
    ):
        await peer.send(alpha, peer.activity("Accept", actor, asked["id"], result=result))
        await peer.send(alpha, peer.activity("Reject", actor, asked["id"])) if actor != vic else None
    await settle(alpha)
    assert (state(alpha, quoting.iri), alpha.post(quoting.iri).quote_authorization) == ("pending", None)
    # And leave that is about another post does not hold either, though vic names it.
    wrong = leave(mastodon, "wrong", interactingObject=f"{quoting.iri}0")
    await mastodon.send(alpha, mastodon.activity("Accept", vic, asked["id"], result=wrong))
    await settle(alpha)
    assert state(alpha, quoting.iri) == "rejected"


async def test_a_peer_allows_by_the_id_of_the_request_alone(three: Three) -> None:
    alpha = three.alpha
    ada = alpha.person("ada")
    mastodon = Peer(three.world, "m.example", "mastodon")
    vic = mastodon.actor("vic")
    mastodon.note(vic, "1")
    from fedi import fetching

    quoted = await fetching.post(alpha.site, mastodon.iri("/notes/1"))
    assert quoted is not None
    quoting = publish(alpha, ada, "See:", quote_id=quoted.id)
    await settle(alpha)
    stamp = mastodon.iri("/stamps/1")
    mastodon.documents[stamp] = {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": stamp,
        "type": "QuoteAuthorization",
        "attributedTo": vic,
        "interactingObject": quoting.iri,
        "interactionTarget": quoted.iri,
    }
    asked = mastodon.got("QuoteRequest")[-1]
    await mastodon.send(alpha, mastodon.activity("Accept", vic, asked["id"], result=stamp))
    await settle(alpha)
    assert (state(alpha, quoting.iri), alpha.post(quoting.iri).quote_authorization) == ("accepted", stamp)
    await mastodon.send(alpha, mastodon.activity("Delete", vic, stamp))
    await settle(alpha)
    assert state(alpha, quoting.iri) == "revoked"


async def test_a_peers_quote_is_a_quote_only_with_leave(three: Three) -> None:
    alpha = three.alpha
    al = alpha.person("al")
    mastodon = Peer(three.world, "m.example", "mastodon")
    vic = mastodon.actor("vic")
    other = Peer(three.world, "o.example", "misskey")
    ona = other.actor("ona")
    quoted = other.note(ona, "1")
    stamp = other.iri("/stamps/1")

    async def quote(name: str, **more: Any) -> str:
        note = mastodon.note(vic, name, quote=quoted["id"], tag=[{"type": "Mention", "href": al.iri}], **more)
        assert (await mastodon.send(alpha, mastodon.activity("Create", vic, note))).status == 202
        await settle(alpha)
        return str(note["id"])

    assert state(alpha, await quote("plain")) == "pending"
    assert alpha.has(quoted["id"])
    assert state(alpha, await quote("forged", quoteAuthorization=mastodon.iri("/stamps/1"))) == "rejected"
    assert state(alpha, await quote("absent", quoteAuthorization=other.iri("/stamps/0"))) == "rejected"
    other.documents[stamp] = {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": stamp,
        "type": "QuoteAuthorization",
        "attributedTo": ona,
        "interactingObject": mastodon.iri("/notes/good"),
        "interactionTarget": quoted["id"],
    }
    assert state(alpha, await quote("good", quoteAuthorization=stamp)) == "accepted"
    assert state(alpha, await quote("copied", quoteAuthorization=stamp)) == "rejected"  # it is another post's
    # Posts that quote each other without end are not followed.
    for number in range(20):
        other.note(ona, f"chain{number}", quote=other.iri(f"/notes/chain{number + 1}"))
    mention = {"type": "Mention", "href": al.iri}
    note = mastodon.note(vic, "chain", quote=other.iri("/notes/chain0"), tag=mention)
    await mastodon.send(alpha, mastodon.activity("Create", vic, note))
    await settle(alpha)
    assert alpha.has(other.iri("/notes/chain0"))
    assert not alpha.has(other.iri("/notes/chain1"))
