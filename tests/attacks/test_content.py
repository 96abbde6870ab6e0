"""Words put into others' mouths, and words that were not for everyone: what groups pass on, quotes, blocked hosts, private
groups (Mastodon CVE-2026-23961, GHSA-ccpr-m53r-mfwr, GHSA-gwhw-gcjx-72v8; Pixelfed CVE-2025-30741; FEP-171b's warning)."""

from typing import Any

import pytest

from federation.signatures.keys import load_private
from storage import actors, follows, peers, reactions
from storage.metadata import Tx
from tests.attacks.hostile import AS2, PUBLIC, Answer, Hostile, Target, ada, followed, key_pair

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def group(target: Target, hostile: Hostile) -> str:
    """A group at the hostile host that Ada follows: whatever it says concerns her."""
    iri = hostile.actor("evil", "club", "Group")
    followed(target, hostile, iri)
    return iri


@pytest.fixture(scope="module")
def victim(hostile: Hostile) -> str:
    """Somebody at an honest host, whose key the attacker does not have."""
    return hostile.actor("victim", "vera", key=1)


def passed_on(hostile: Hostile, target: Target, group: str, inner: Any) -> tuple[str, str]:
    """What becomes of an Announce of something by the group."""
    announce = hostile.activity("Announce", group, inner, cc=[f"{group}/followers"])
    assert hostile.send(target.server, announce) == (202, "")
    return target.outcome(announce)


# What a group passes on.


def test_a_post_that_its_author_never_wrote(target: Target, hostile: Hostile, group: str, victim: str) -> None:
    """Its origin does not have it: nothing is shown, whatever the group embeds."""
    forged = {
        "id": hostile.url("victim", "/notes/forged"), "type": "Note", "attributedTo": victim, "to": [PUBLIC],
        "content": "I resign", "audience": group,
    }  # fmt: skip
    create = hostile.activity("Create", victim, forged)
    state, code = passed_on(hostile, target, group, create)
    assert (state, code) in (("done", "unknown-object"), ("refused", "unknown-object"), ("refused", "wrong-origin"))
    assert target.post(str(forged["id"])) is None
    assert hostile.asked_at("victim", "/notes/forged") == ["/notes/forged"]
    assert passed_on(hostile, target, group, forged)[1] == "unknown-object"
    assert target.post(str(forged["id"])) is None


def test_a_post_with_other_words_than_its_author_wrote(
    target: Target, hostile: Hostile, group: str, victim: str
) -> None:
    true = hostile.note(victim, "/notes/true", content="<p>I stay</p>", audience=group, to=[PUBLIC, group])
    create = hostile.activity("Create", victim, {**true, "content": "<p>I resign</p>"})
    assert passed_on(hostile, target, group, create) == ("done", "")
    kept = target.post(str(true["id"]))
    assert kept is not None
    assert kept.content == "<p>I stay</p>"


def test_an_author_of_another_host_than_the_post(target: Target, hostile: Hostile, group: str, victim: str) -> None:
    """Its own origin says it, and may not: the author lives elsewhere."""
    note = hostile.note(victim, "/x")
    iri = hostile.url("evil", "/notes/spoofed")
    hostile.serve(iri, {**note, "id": iri, "content": "I resign"})
    announce = hostile.activity("Announce", group, iri)
    assert hostile.send(target.server, announce) == (202, "")
    target.outcome(announce)
    assert target.post(iri) is None


def test_a_document_with_the_id_of_another(target: Target, hostile: Hostile, group: str, victim: str) -> None:
    note = hostile.note(victim, "/notes/original", content="<p>original</p>")
    lure = hostile.serve(hostile.url("evil", "/notes/copy"), {**note, "content": "<p>forged</p>"})
    passed_on(hostile, target, group, lure)
    assert target.post(lure) is None
    assert target.post(str(note["id"])) is None


@pytest.mark.parametrize(
    "kind", ["Like", "Dislike", "EmojiReact", "Undo", "Block", "Add", "Remove", "Lock", "Flag", "Warn"]
)
def test_deeds_that_were_never_done(target: Target, hostile: Hostile, group: str, victim: str, kind: str) -> None:
    """Without a proof, and not to be had from their origin."""
    note = hostile.note(victim, "/notes/voted", audience=group, to=[PUBLIC, group])
    if target.post(str(note["id"])) is None:
        assert passed_on(hostile, target, group, hostile.activity("Create", victim, note)) == ("done", "")
    before = target.post(str(note["id"]))
    inner = hostile.activity(kind, victim, note["id"], target=f"{group}/featured", content="👍", audience=group)
    if kind == "Undo":
        inner["object"] = {"id": hostile.url("victim", "/l/1"), "type": "Like", "actor": victim, "object": note["id"]}
    state, code = passed_on(hostile, target, group, inner)
    assert (state, code) != ("done", ""), kind
    assert target.post(str(note["id"])) == before
    # A proof that is none, or another's, changes nothing.
    inner["proof"] = {
        "type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "proofPurpose": "assertionMethod",
        "verificationMethod": f"{group}#main-key", "created": "2026-11-01T12:00:00Z", "proofValue": "z" + "1" * 86,
    }  # fmt: skip
    inner["id"] += "p"
    state, code = passed_on(hostile, target, group, inner)
    assert (state, code) != ("done", ""), kind
    assert target.post(str(note["id"])) == before


def test_a_delete_of_what_is_still_there(target: Target, hostile: Hostile, group: str, victim: str) -> None:
    """FEP-4f05: the state at its origin counts, not what the group says of it."""
    note = hostile.note(victim, "/notes/stays", audience=group, to=[PUBLIC, group])
    assert passed_on(hostile, target, group, hostile.activity("Create", victim, note)) == ("done", "")
    passed_on(hostile, target, group, hostile.activity("Delete", victim, note["id"]))
    kept = target.post(str(note["id"]))
    assert kept is not None
    assert kept.deleted_at is None
    assert kept.removed_at is None


def test_an_edit_that_was_never_made(target: Target, hostile: Hostile, group: str, victim: str) -> None:
    """The origin is asked how the post is now; asking is bounded, however often the group cries."""
    note = hostile.note(victim, "/notes/edited", content="<p>first</p>", audience=group, to=[PUBLIC, group])
    assert passed_on(hostile, target, group, hostile.activity("Create", victim, note)) == ("done", "")
    hostile.note(victim, "/notes/edited", content="<p>second</p>", audience=group, updated="2026-11-02T12:00:00Z")
    asked = len(hostile.asked_at("victim", "/notes/edited"))
    cries = [
        hostile.activity("Announce", group, hostile.activity("Update", victim, {**note, "content": "<p>forged</p>"}))
        for _ in range(40)
    ]
    for cry in cries:
        assert hostile.send(target.server, cry) == (202, "")
    target.outcome(cries[0])
    for cry in cries[1:]:
        row = target.row(cry["id"])  # done, or to be looked into later
        assert row is not None
        assert row.state in ("new", "working", "done")
    kept = target.post(str(note["id"]))
    assert kept is not None
    assert kept.content == "<p>second</p>"
    assert 1 <= len(hostile.asked_at("victim", "/notes/edited")) - asked <= 13


def test_announces_of_announces(target: Target, hostile: Hostile, group: str, victim: str) -> None:
    like = hostile.activity("Like", victim, f"{ada(target)}/posts/1")
    nested: dict[str, Any] = hostile.activity("Announce", group, like)
    assert passed_on(hostile, target, group, nested)[1] == "nested-announce"
    for _ in range(6):
        nested = hostile.activity("Announce", group, nested)
    assert passed_on(hostile, target, group, nested)[1] == "nested-announce"
    assert passed_on(hostile, target, group, [nested, nested])[1] == "nested-announce"


def test_a_batch_without_bound(target: Target, hostile: Hostile, group: str, victim: str) -> None:
    """FEP-1a11: a hundred at most are looked at, and a batch in a batch not at all."""
    votes = [
        {
            "id": hostile.url("batch", f"/l/{n}"),
            "type": "Like",
            "actor": hostile.url("batch", "/u"),
            "object": hostile.url("victim", "/notes/voted"),
        }
        for n in range(400)
    ]
    state, _ = passed_on(hostile, target, group, votes)
    assert state in ("done", "refused")
    assert len(hostile.asked_at("batch")) <= 101
    inner = {"type": "OrderedCollection", "id": hostile.url("batch", "/c"), "orderedItems": votes[:1]}
    passed_on(
        hostile,
        target,
        group,
        {"type": "OrderedCollection", "id": hostile.url("batch", "/d"), "orderedItems": [inner] * 5},
    )
    del victim


def test_people_don_t_pass_on_what_others_did(target: Target, hostile: Hostile, victim: str) -> None:
    person = hostile.actor("evil", "peter")
    followed(target, hostile, person)
    like = hostile.activity("Like", victim, f"{ada(target)}/posts/1")
    assert passed_on(hostile, target, person, like)[1] in ("not-a-group", "unproven")


# Policy.


def block(target: Target, host: str, stance: str = "blocked") -> None:
    """What an operator does to a host."""

    def unit(tx: Tx) -> None:
        peers.meet(tx, host, 1)
        peers.change(tx, host, stance=stance)

    target.db.write_now(unit)


def at_home(target: Target) -> set[str]:
    """The IRIs of the posts that Ada's home timeline shows, also within boosts."""
    home = target.api("GET", "/api/v1/timelines/home", limit=40)
    return {one["uri"] for one in home} | {one["reblog"]["uri"] for one in home if one.get("reblog")}


def test_a_blocked_host_in_every_spelling_and_by_every_road(target: Target, hostile: Hostile, group: str) -> None:
    bad = hostile.actor("blocked", "bea")
    early = hostile.note(bad, "/notes/early", audience=group, to=[PUBLIC, group])
    assert passed_on(hostile, target, group, hostile.activity("Create", bad, early)) == ("done", "")
    assert early["id"] in at_home(target)
    block(target, hostile.host("blocked"))
    late = hostile.note(bad, "/notes/late", audience=group, to=[PUBLIC, group])
    asked = len(hostile.asked_at("blocked"))
    # What it sends itself, whatever way its name is written.
    for spelling in ("blocked.localhost", "BLOCKED.localhost", "blocked.LOCALHOST."):
        key = load_private(key_pair().private, f"{bad}#main-key".replace("blocked.localhost", spelling))
        status, code = hostile.send(target.server, hostile.activity("Follow", bad, ada(target)), key=key)
        assert (status, code) == (403, "host-blocked"), spelling
    # What an allowed host carries for it: by id, embedded, in a group, or as the parent of an answer.
    passed_on(hostile, target, group, late["id"])
    passed_on(hostile, target, group, hostile.activity("Create", bad, late))
    booster = hostile.actor("friend", "finn")
    followed(target, hostile, booster)
    boost = hostile.activity("Announce", booster, late["id"])
    assert hostile.send(target.server, boost) == (202, "")
    target.outcome(boost)
    answer = hostile.note(booster, "/notes/answer", inReplyTo=late["id"])
    create = hostile.activity("Create", booster, answer)
    assert hostile.send(target.server, create) == (202, "")
    target.outcome(create)
    assert target.post(str(late["id"])) is None
    assert target.find(str(late["id"]))["statuses"] == []
    assert target.find(f"@bea@{hostile.host('blocked')}")["accounts"] == [] or target.post(str(late["id"])) is None
    # What is known of it is not shown any more, nor through a new boost.
    boost = hostile.activity("Announce", booster, early["id"])
    assert hostile.send(target.server, boost) == (202, "")
    target.outcome(boost)
    assert early["id"] not in at_home(target)
    assert len(hostile.asked_at("blocked")) == asked
    # And it is shown nothing itself.
    assert hostile.get(target.server, "/people/ada", bad) in (200, 403)


# What is not for everyone.


@pytest.fixture(scope="module")
def secret(target: Target) -> dict[str, str]:
    """A private group here with a thread, and the members' collection."""
    target.server.fedi(
        "group", "create", "board", "--title", "Board", "--owner", "ada", "--join", "approval", "--see", "members"
    )
    found = target.api("GET", "/api/v2/search", q=f"@board@127.0.0.1:{target.server.port}", resolve="true")["accounts"]
    assert found
    status = target.api(
        "POST", "/api/v1/statuses", status=f"@board@127.0.0.1:{target.server.port} the secret", visibility="private"
    )
    return {"group": f"{target.server.url}/groups/board", "post": str(status["uri"])}


def test_members_only_and_who_only_says_so(target: Target, hostile: Hostile, secret: dict[str, str]) -> None:
    """The attacker asks to join, says itself that it was let in, and asks again: absent and hidden look the same."""
    liar = hostile.actor("liar", "lou")
    path = secret["post"].removeprefix(target.server.url)
    absent = f"{path.rpartition('/')[0]}/1"
    assert hostile.get(target.server, path, None) == hostile.get(target.server, absent, None) == 404
    assert hostile.get(target.server, path, liar) == hostile.get(target.server, absent, liar) == 404
    follow = hostile.activity("Follow", liar, secret["group"])
    assert hostile.send(target.server, follow) == (202, "")
    assert target.outcome(follow) == ("done", "")
    for inner in (follow, follow["id"], {**follow, "object": secret["group"]}):
        accept = hostile.activity("Accept", liar, inner)
        assert hostile.send(target.server, accept) == (202, "")
        assert target.outcome(accept)[1] == "unknown-object", inner
    # And in the group's own name.
    forged = {**hostile.activity("Accept", liar, follow), "actor": secret["group"]}
    assert hostile.send(target.server, forged, key=hostile.keys[liar]) == (403, "wrong-origin")

    def unit(tx: Tx) -> Any:
        lou, board = actors.by_iri(tx, liar), actors.by_iri(tx, secret["group"])
        assert lou is not None
        assert board is not None
        return follows.find(tx, lou.id, board.id)

    assert target.read(unit).state == "pending"
    assert hostile.get(target.server, path, liar) == 404
    assert hostile.get(target.server, "/groups/board/outbox", liar) in (200, 403, 404)
    for one in ("/groups/board/followers", "/groups/board/featured"):
        assert hostile.get(target.server, one, liar) in (200, 403, 404)
    # Nothing of it went out, to a shared inbox or another.
    said = [one.body for one in hostile.asked if one.method == "POST" and one.host == hostile.host("liar")]
    assert all(b"the secret" not in body for body in said)
    # What can't be seen can't be voted on, answered or passed on; and an answer does not tell that it is there.
    like = hostile.activity("Like", liar, secret["post"])
    assert hostile.send(target.server, like) == (202, "")
    none = hostile.activity("Like", liar, f"{ada(target)}/posts/1")
    assert hostile.send(target.server, none) == (202, "")
    assert target.outcome(like)[1] in ("not-visible", "unknown-object")
    kept = target.post(secret["post"])
    assert kept is not None
    assert target.read(lambda tx: reactions.find_like(tx, kept.author_id, kept.id)) is None
    assert kept.likes_count == 0


def test_a_quote_without_leave(target: Target, hostile: Hostile) -> None:
    """FEP-044f: a stamp from the quoter's own server, one for another post, or one that is not there, is no leave."""
    status = target.api("POST", "/api/v1/statuses", status="quote me if you may", quote_approval_policy="nobody")
    quoted = str(status["uri"])
    quoter = hostile.actor("quoter", "quin")
    followed(target, hostile, quoter)
    for number, stamp in enumerate(
        (
            hostile.url("quoter", "/stamps/0"),
            f"{quoted}/quotes/1",
            quoted,
            f"{target.server.url}/people/ada",
        )
    ):
        iri = hostile.url("quoter", f"/notes/{number}")
        hostile.serve(hostile.url("quoter", f"/stamps/{number}"), {
            "@context": AS2, "id": hostile.url("quoter", f"/stamps/{number}"), "type": "QuoteAuthorization",
            "attributedTo": ada(target), "interactingObject": iri, "interactionTarget": quoted,
        })  # fmt: skip
        note = hostile.note(quoter, f"/notes/{number}", quote=quoted, quoteAuthorization=stamp)
        create = hostile.activity("Create", quoter, note)
        assert hostile.send(target.server, create) == (202, "")
        assert target.outcome(create) == ("done", "")
        kept = target.post(iri)
        assert kept is not None
        assert kept.quote_state != "accepted", stamp
    iri = hostile.url("quoter", "/notes/3")
    # Nor can the quoter say for the author that it was allowed.
    for value in (
        hostile.url("quoter", "/r/1"),
        {"type": "QuoteRequest", "actor": quoter, "object": quoted, "instrument": iri},
    ):
        accept = hostile.activity("Accept", quoter, value, result=hostile.url("quoter", "/stamps/0"))
        assert hostile.send(target.server, accept) == (202, "")
        target.outcome(accept)
        kept = target.post(iri)
        assert kept is not None
        assert kept.quote_state != "accepted"


def test_a_name_that_is_somebody_elses(target: Target, hostile: Hostile) -> None:
    """Handles change hands only when their own host says so by WebFinger: neither by renaming nor by claiming."""
    first = hostile.actor("names", "nina")
    follow = hostile.activity("Follow", first, ada(target))
    assert hostile.send(target.server, follow) == (202, "")
    target.outcome(follow)
    thief = hostile.url("names", "/users/thief")
    answer = hostile.answers[hostile.host("names"), "/users/nina"]
    assert isinstance(answer, Answer)
    document = {**answer.body, "id": thief, "inbox": f"{thief}/inbox", "url": thief}
    document["publicKey"] = {"id": f"{thief}#main-key", "owner": thief, "publicKeyPem": key_pair().public}
    hostile.serve(thief, document)
    hostile.keys[thief] = load_private(key_pair().private, f"{thief}#main-key")
    hostile.send(target.server, hostile.activity("Follow", thief, ada(target)))
    known = target.actor(first)
    assert known is not None
    assert (known.username, known.state) == ("nina", "active")
    stolen = target.actor(thief)
    assert stolen is None or stolen.username != "nina"
    # A person of this instance can't be taken over by a host that claims the instance's own domain either.
    claimed = hostile.actor("names", "ada", webfinger=f"ada@127.0.0.1:{target.server.port}")
    hostile.send(target.server, hostile.activity("Follow", claimed, ada(target)))
    found = target.find(f"@ada@127.0.0.1:{target.server.port}")["accounts"]
    assert [one["uri"] for one in found if one["acct"] == "ada"] == [ada(target)]
