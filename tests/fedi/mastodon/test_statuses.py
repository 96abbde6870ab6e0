"""Statuses: writing, reading, threads, what nobody else may see, and input that can't be taken."""

from typing import Any

import pytest

from fedi.actions import reactions
from storage import posts as post_rows
from storage.actors import Actor
from storage.posts import Post
from tests.fedi.mastodon.conftest import Api


@pytest.mark.parametrize("form", ["form", "json", "query", "multipart"])
async def test_posting_in_any_form(api: Api, ada: Actor, form: str) -> None:
    token = await api.token(ada)
    if form == "query":
        answer = await api.post("/api/v1/statuses?status=Hello&visibility=unlisted", token)
    elif form == "multipart":
        body = b"".join(
            b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % pair
            for pair in ((b"status", b"Hello"), (b"visibility", b"unlisted"))
        )
        answer = await api.post(
            "/api/v1/statuses", token, body=body + b"--b--\r\n", content_type="multipart/form-data; boundary=b"
        )
    else:
        answer = await api.post("/api/v1/statuses", token, **{form: {"status": "Hello", "visibility": "unlisted"}})
    assert answer.status == 200, answer.body
    shown = answer.json
    assert (shown["content"], shown["visibility"]) == ("<p>Hello</p>", "unlisted")
    assert shown["application"] == {"name": "Tests", "website": "https://app.example"}
    assert (await api.get(f"/api/v1/statuses/{shown['id']}")).json["id"] == shown["id"]


@pytest.mark.parametrize(
    ("said", "status", "text"),
    [
        ({}, 422, "Text can't be blank"),
        ({"status": "  "}, 422, "Text can't be blank"),
        ({"status": "x" * 5001}, 422, "Text character limit of 5000 exceeded"),
        ({"status": "a\x00"}, 422, "NUL"),
        ({"status": "x", "visibility": "secret"}, 422, "Visibility"),
        ({"status": "x", "media_ids": ["1"]}, 422, "Media 1 not found or already attached to another post"),
        ({"status": "x", "poll": {"options": ["a", "b"]}}, 422, "Expires at"),
        ({"status": "x", "poll": {"options": ["a", "b"], "expires_in": 10}}, 422, "too soon"),
        (
            {"status": "x", "poll": {"options": ["a", "b"], "expires_in": 10**9}},
            422,
            "Expires at is too far into the future",
        ),
        ({"status": "x", "poll": {"options": ["a"], "expires_in": 600}}, 422, "Options must have more than one item"),
        ({"status": "x", "poll": {"options": ["a", " a "], "expires_in": 600}}, 422, "Options contain duplicate items"),
        ({"status": "x", "poll": "yes"}, 422, "poll must be an object"),
        ({"status": "x", "quoted_status_id": "12"}, 404, ""),
        ({"status": "x", "quoted_status_id": "y"}, 422, "number"),
        ({"status": "x", "quote_approval_policy": "friends"}, 422, "Quote approval policy"),
        ({"status": "x", "scheduled_at": "soon"}, 422, "Scheduled at is invalid"),
        ({"status": "x", "in_reply_to_id": "12"}, 404, ""),
        ({"status": "x", "in_reply_to_id": "y"}, 422, "number"),
        ({"status": {"a": 1}}, 422, "single value"),
        ({"status": "x", "language": "x" * 40}, 422, "Language"),
    ],
)
async def test_posts_that_cant_be_taken_change_nothing(
    api: Api, ada: Actor, said: dict[str, Any], status: int, text: str
) -> None:
    answer = await api.post("/api/v1/statuses", await api.token(ada), json=said)
    assert answer.status == status
    assert text in answer.error
    assert await api.site.db.read(post_rows.local_total) == 0


async def test_the_same_key_is_the_same_post(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    said = {"status": "once"}
    first, again = [
        (await api.post("/api/v1/statuses", token, json=said, idempotency_key="k")).json["id"] for _ in range(2)
    ]
    other = (await api.post("/api/v1/statuses", await api.token(ben), json=said, idempotency_key="k")).json["id"]
    assert first == again != other
    assert (await api.post("/api/v1/statuses", token, json=said, idempotency_key="k" * 300)).status == 400


@pytest.mark.parametrize("status_id", ["0", "12", "9" * 19, "9" * 40, "-1", "abc", "%00", "1e3", "١٢"])
async def test_ids_of_nothing_are_404(api: Api, ada: Actor, status_id: str) -> None:
    token = await api.token(ada)
    for method, path in (
        ("GET", ""),
        ("DELETE", ""),
        ("PUT", ""),
        ("GET", "/context"),
        ("POST", "/favourite"),
        ("POST", "/reblog"),
        ("GET", "/source"),
        ("GET", "/history"),
        ("GET", "/favourited_by"),
    ):
        answer = await api.ask(method, f"/api/v1/statuses/{status_id}{path}", token)
        assert (answer.status, answer.error) == (404, "Record not found")


async def test_what_one_may_not_see_is_not_there(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    await api.follow(ben, ada)
    for visibility, readers in (("followers", {"ada", "ben"}), ("direct", {"ada"})):
        post = await api.publish(ada, "secret", visibility=visibility)
        for person in (None, ada, ben, chi):
            token = await api.token(person) if person else None
            answers = [
                await api.get(f"/api/v1/statuses/{post.id}{path}", token) for path in ("", "/context", "/history")
            ]
            shown = person is not None and person.username in readers
            assert [one.status for one in answers] == [200 if shown else 404] * 3, (visibility, person)
        token = await api.token(chi)
        for deed in ("favourite", "reblog", "bookmark"):
            assert (await api.post(f"/api/v1/statuses/{post.id}/{deed}", token)).status == 404
        assert (
            await api.post("/api/v1/statuses", token, form={"status": "re", "in_reply_to_id": post.id})
        ).status == 404
        several = await api.get(f"/api/v1/statuses?id[]={post.id}&id[]=5", token)
        assert several.json == []


async def test_visibilities_as_clients_name_them(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    for ours, theirs in (
        ("public", "public"),
        ("unlisted", "unlisted"),
        ("followers", "private"),
        ("direct", "direct"),
    ):
        post = await api.publish(ada, ours, visibility=ours)
        assert (await api.get(f"/api/v1/statuses/{post.id}", token)).json["visibility"] == theirs
        answer = await api.post("/api/v1/statuses", token, form={"status": "x", "visibility": theirs})
        assert answer.json["visibility"] == theirs


async def test_a_boost_is_a_wrapper_with_an_id_of_its_own(api: Api, ada: Actor, ben: Actor) -> None:
    post = await api.publish(ada, "boost me")
    token = await api.token(ben)
    wrapper = (await api.post(f"/api/v1/statuses/{post.id}/reblog", token)).json
    assert wrapper["id"] != str(post.id)
    assert wrapper["account"]["username"] == "ben"
    assert wrapper["reblog"]["id"] == str(post.id)
    assert wrapper["reblog"]["reblogged"] is True
    again = (await api.post(f"/api/v1/statuses/{wrapper['id']}/reblog", token)).json
    assert again["id"] == wrapper["id"]
    assert (await api.get(f"/api/v1/statuses/{wrapper['id']}")).json["reblog"]["id"] == str(post.id)
    # Some clients act on the wrapper: it is the post that is meant.
    liked = (await api.post(f"/api/v1/statuses/{wrapper['id']}/favourite", token)).json
    assert (liked["id"], liked["favourites_count"]) == (str(post.id), 1)
    private = await api.publish(ada, "@ben not for all", visibility="followers")
    refused = await api.post(f"/api/v1/statuses/{private.id}/reblog", token)
    assert refused.status == 422


async def test_deeds_and_their_undoing_twice(api: Api, ada: Actor, ben: Actor) -> None:
    post = await api.publish(ada, "x")
    token = await api.token(ben)
    for deed, undo, flag, count in (
        ("favourite", "unfavourite", "favourited", "favourites_count"),
        ("bookmark", "unbookmark", "bookmarked", None),
    ):
        for wanted, done in ((deed, True), (deed, True), (undo, False), (undo, False)):
            shown = (await api.post(f"/api/v1/statuses/{post.id}/{wanted}", token)).json
            assert shown[flag] is done
            if count is not None:
                assert shown[count] == int(done)


async def test_only_the_author_edits_and_deletes(api: Api, ada: Actor, ben: Actor) -> None:
    post = await api.publish(ada, "mine")
    token = await api.token(ben)
    for method, path in (("PUT", ""), ("DELETE", ""), ("GET", "/source")):
        answer = await api.ask(method, f"/api/v1/statuses/{post.id}{path}", token, form={"status": "theirs"})
        assert answer.status == 404
    mine = await api.token(ada)
    assert (await api.ask("PUT", f"/api/v1/statuses/{post.id}", mine, form={"status": ""})).status == 422
    assert (await api.get(f"/api/v1/statuses/{post.id}", mine)).json["content"] == "<p>mine</p>"
    gone = await api.ask("DELETE", f"/api/v1/statuses/{post.id}", mine)
    assert gone.json["text"] == "mine"
    assert (await api.ask("DELETE", f"/api/v1/statuses/{post.id}", mine)).status == 404


async def test_an_edit_of_a_private_post_stays_private(api: Api, ada: Actor) -> None:
    post = await api.publish(ada, "for followers", visibility="followers")
    answer = await api.ask("PUT", f"/api/v1/statuses/{post.id}", await api.token(ada), form={"status": "still"})
    assert answer.json["visibility"] == "private"
    assert (await api.get(f"/api/v1/statuses/{post.id}")).status == 404


async def grown(api: Api, ada: Actor, ben: Actor) -> dict[str, Post]:
    """A thread: root -> a -> b, root -> c; and a private reply to a."""
    root = await api.publish(ada, "root")
    a = await api.publish(ben, "a", reply_to_id=root.id)
    c = await api.publish(ada, "c", reply_to_id=root.id)
    b = await api.publish(ada, "b", reply_to_id=a.id)
    hidden = await api.publish(ada, "hidden", reply_to_id=a.id, visibility="direct")
    return {"root": root, "a": a, "b": b, "c": c, "hidden": hidden}


async def test_a_thread_in_tree_order(api: Api, ada: Actor, ben: Actor) -> None:
    thread = await grown(api, ada, ben)
    names = {str(post.id): name for name, post in thread.items()}

    async def around(name: str) -> tuple[list[str], list[str]]:
        context = (await api.get(f"/api/v1/statuses/{thread[name].id}/context")).json
        return [names[one["id"]] for one in context["ancestors"]], [names[one["id"]] for one in context["descendants"]]

    assert await around("root") == ([], ["a", "b", "c"])
    assert await around("b") == (["root", "a"], [])
    assert await around("a") == (["root"], ["b"])
    await api.site.db.write(lambda tx: post_rows.change(tx, thread["a"].id, deleted_at=1))
    # What stood below a deleted post hangs below the first.
    assert await around("root") == ([], ["c", "b"])


async def test_a_thread_for_strangers_has_a_limit(api: Api, ada: Actor) -> None:
    root = last = await api.publish(ada, "root")
    for number in range(25):
        last = await api.publish(ada, str(number), reply_to_id=last.id)
    context = (await api.get(f"/api/v1/statuses/{root.id}/context")).json
    assert len(context["descendants"]) == 20
    full = (await api.get(f"/api/v1/statuses/{root.id}/context", await api.token(ada))).json
    assert len(full["descendants"]) == 25


async def test_history_tells_what_it_said(api: Api, ada: Actor) -> None:
    post = await api.publish(ada, "one", summary="cw")
    token = await api.token(ada)
    await api.ask("PUT", f"/api/v1/statuses/{post.id}", token, form={"status": "two"})
    told = (await api.get(f"/api/v1/statuses/{post.id}/history")).json
    assert [(one["content"], one["spoiler_text"]) for one in told] == [("<p>one</p>", "cw"), ("<p>two</p>", "")]
    assert told[0]["account"]["username"] == "ada"


async def test_who_liked_pages_by_the_like(api: Api, ada: Actor) -> None:
    post = await api.publish(ada, "popular")
    people = [await api.person(f"fan{number}") for number in range(3)]
    for person in people:
        await api.site.db.write(lambda tx: reactions.like(tx, api.site, person, post))
    first = await api.get(f"/api/v1/statuses/{post.id}/favourited_by?limit=2")
    assert [one["username"] for one in first.json] == ["fan2", "fan1"]
    link = first.link("next")
    assert link is not None
    second = await api.get(link)
    assert [one["username"] for one in second.json] == ["fan0"]
    end = await api.get(second.link("next") or "")
    assert (end.json, end.link("next")) == ([], None)


async def test_preferences_are_the_default_of_posts(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    source = {"source[privacy]": "private", "source[language]": "de", "source[sensitive]": "true"}
    me = (await api.ask("PATCH", "/api/v1/accounts/update_credentials", token, form=source)).json
    assert me["source"]["privacy"] == "private"
    assert (await api.get("/api/v1/preferences", token)).json["posting:default:visibility"] == "private"
    posted = (await api.post("/api/v1/statuses", token, form={"status": "x"})).json
    assert (posted["visibility"], posted["language"]) == ("private", "de")


async def test_what_was_rendered_before_is_right_for_the_next_caller(api: Api, ada: Actor, ben: Actor) -> None:
    await api.person("chi")
    post = await api.publish(ada, "hello @ben #one")
    mine, theirs = await api.token(ada), await api.token(ben)
    path = f"/api/v1/statuses/{post.id}"
    first = (await api.get(path)).json
    assert (await api.get(path)).json == first
    assert "favourited" not in first
    await api.post(f"{path}/favourite", theirs)
    assert (await api.get(path, theirs)).json["favourited"] is True
    for_ada = (await api.get(path, mine)).json
    assert (for_ada["favourited"], for_ada["favourites_count"], for_ada["pinned"]) == (False, 1, False)
    assert "pinned" not in (await api.get(path, theirs)).json
    await api.ask("PATCH", "/api/v1/accounts/update_credentials", mine, form={"display_name": "Ada Lovelace"})
    assert (await api.get(path)).json["account"]["display_name"] == "Ada Lovelace"
    await api.ask("PUT", path, mine, form={"status": "hello @chi #two"})
    edited = (await api.get(path, theirs)).json
    assert "two" in [one["name"] for one in edited["tags"]]
    assert "chi" in [one["acct"] for one in edited["mentions"]]
    wrapper = (await api.post(f"{path}/reblog", theirs)).json
    assert {**wrapper["reblog"]}.keys() == wrapper.keys()
    assert wrapper["content"] == wrapper["reblog"]["content"]


async def test_who_cant_be_found_stays_text(api: Api, ada: Actor) -> None:
    # There is no network here: the post is published all the same.
    answer = await api.post("/api/v1/statuses", await api.token(ada), form={"status": "hi @eve@beta.example"})
    assert answer.status == 200
    assert answer.json["mentions"] == []
    assert "@eve@beta.example" in answer.json["content"]
