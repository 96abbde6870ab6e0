"""Filters: what a post meets, where a status says so, both versions of the endpoints, and input that can't be taken."""

from dataclasses import replace
from typing import Any

import pytest

from fedi import filtering
from fedi.actions import reactions
from fedi.actions.filters import MAX_FILTERS, MAX_KEYWORDS
from storage.actors import Actor
from storage.filters import Filter, FilteredPost, Keyword
from storage.polls import Poll
from storage.posts import Post
from tests.conftest import Clock
from tests.fedi.mastodon.conftest import Api

V2 = "/api/v2/filters"
V1 = "/api/v1/filters"


async def made(api: Api, token: str, *keywords: str, whole: bool = True, **more: Any) -> Any:
    """A filter with these keywords."""
    said = {
        "title": "No",
        "context": ["home"],
        "keywords_attributes": [{"keyword": one, "whole_word": whole} for one in keywords],
    }
    answer = await api.post(V2, token, json=said | more)
    assert answer.status == 200, answer.body
    return answer.json


async def met(api: Api, token: str, post: Post) -> list[tuple[str, Any, Any]]:
    """What a status says that it meets."""
    shown = (await api.get(f"/api/v1/statuses/{post.id}", token)).json
    return [(one["filter"]["title"], one["keyword_matches"], one["status_matches"]) for one in shown["filtered"]]


async def test_a_status_names_the_filters_that_it_meets(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    wanted = await made(api, token, "Exam", "quiz", title="School", filter_action="hide")
    await made(api, token, "nothing")
    post = await api.publish(ben, "The EXAM is near, and no quiz.")
    plain = await api.publish(ben, "Examination")
    assert await met(api, token, post) == [("School", ["Exam", "quiz"], None)]
    assert await met(api, token, plain) == []
    result = (await api.get(f"/api/v1/statuses/{post.id}", token)).json["filtered"][0]["filter"]
    assert result == {
        "id": wanted["id"],
        "title": "School",
        "context": ["home"],
        "expires_at": None,
        "filter_action": "hide",
    }
    # In a boost, in the thread and in the public timeline as well: the client looks at `context`, as with Mastodon.
    chi = await api.person("chi")
    await api.follow(ada, chi)
    await api.site.db.write(lambda tx: reactions.boost(tx, api.site, chi, post))
    (boost,) = (await api.get("/api/v1/timelines/home", token)).json
    assert [one["filter"]["title"] for one in boost["filtered"]] == ["School"]
    assert [one["filter"]["title"] for one in boost["reblog"]["filtered"]] == ["School"]
    public = (await api.get("/api/v1/timelines/public", token)).json
    assert {one["id"]: len(one["filtered"]) for one in public} == {str(post.id): 1, str(plain.id): 0}
    # Nobody else, and not one's own.
    assert "filtered" not in (await api.get(f"/api/v1/statuses/{post.id}")).json
    assert (await api.get(f"/api/v1/statuses/{post.id}", await api.token(ben))).json["filtered"] == []
    assert await met(api, token, await api.publish(ada, "my exam")) == []


async def test_a_change_counts_at_once_and_an_end_ends(api: Api, ada: Actor, ben: Actor, clock: Clock) -> None:
    token = await api.token(ada)
    post = await api.publish(ben, "tea and coffee")
    one = await made(api, token, "tea", expires_in=3600)
    assert await met(api, token, post) == [("No", ["tea"], None)]
    word = one["keywords"][0]["id"]
    changed = await api.ask("PUT", f"{V2}/keywords/{word}", token, json={"keyword": "coffee"})
    assert changed.json == {"id": word, "keyword": "coffee", "whole_word": True}
    assert await met(api, token, post) == [("No", ["coffee"], None)]
    assert (await api.ask("DELETE", f"{V2}/keywords/{word}", token)).json == {}
    assert await met(api, token, post) == []
    added = (await api.post(f"{V2}/{one['id']}/keywords", token, form={"keyword": "cof", "whole_word": "false"})).json
    assert added["whole_word"] is False
    assert await met(api, token, post) == [("No", ["cof"], None)]
    clock.pass_(seconds=3601)
    assert await met(api, token, post) == []
    again = await api.ask("PUT", f"{V2}/{one['id']}", token, form={"expires_in": ""})
    assert again.json["expires_at"] is None
    assert await met(api, token, post) == [("No", ["cof"], None)]
    assert (await api.ask("DELETE", f"{V2}/{one['id']}", token)).json == {}
    assert await met(api, token, post) == []
    assert (await api.get(V2, token)).json == []


async def test_single_posts_in_a_filter(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    post = await api.publish(ben, "this one")
    one = await made(api, token)
    path = f"{V2}/{one['id']}/statuses"
    row = (await api.post(path, token, json={"status_id": str(post.id)})).json
    assert row["status_id"] == str(post.id)
    assert await met(api, token, post) == [("No", None, [str(post.id)])]
    assert (await api.post(path, token, json={"status_id": str(post.id)})).status == 422
    assert (await api.get(path, token)).json == [row]
    assert (await api.get(f"{V2}/{one['id']}", token)).json["statuses"] == [row]
    assert (await api.get(f"{V2}/statuses/{row['id']}", token)).json == row
    hidden = await api.publish(ben, "not for ada", visibility="followers")
    assert (await api.post(path, token, json={"status_id": str(hidden.id)})).status == 404
    assert (await api.ask("DELETE", f"{V2}/statuses/{row['id']}", token)).json == row
    assert await met(api, token, post) == []


async def test_everything_that_can_be_read_is_compared(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    await made(api, token, "needle")
    poll = {"options": ["hay", "needle"], "expires_in": 600}
    asked = (await api.post("/api/v1/statuses", await api.token(ben), json={"status": "?", "poll": poll})).json
    assert len((await api.get(f"/api/v1/statuses/{asked['id']}", token)).json["filtered"]) == 1
    for values in (
        {"summary": "Needle!"},
        {"title": "a needle"},
        {"attachments": ({"url": "https://x.example/a.png", "media_type": "image/png", "description": "a needle"},)},
    ):
        assert len(await met(api, token, await api.publish(ben, "hay", **values))) == 1, values
    # Not what only stands in the markup.
    assert await met(api, token, await api.publish(ben, "https://needle.example/ is a link")) != []
    assert await met(api, token, await api.publish(ben, "span class invisible")) == []


def rules(*keywords: tuple[str, bool]) -> tuple[filtering.Rule, ...]:
    """One filter with these keywords."""
    row = Filter(1, 1, "t", ["home"], "warn", None, 1, 1)
    return (filtering._rule(row, [Keyword(n, 1, *one) for n, one in enumerate(keywords)], []),)


def post_of(content: str) -> Post:
    """A post that says this."""
    return Post(
        1, "", "", 2, None, True, "Note", None, content, None, None, False, None, None, None, None, 1,
        "public", [], None, None, 0, None, None, 0, 0, 0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("keyword", "whole", "text", "found"),
    [
        ("cat", True, "a cat.", True),
        ("cat", True, "concatenate", False),
        ("cat", False, "concatenate", True),
        ("CAT", True, "Cat!", True),
        ("straße", True, "STRASSE", True),
        ("caf\u00e9", True, "cafe\u0301 au lait", True),
        ("caf", True, "caf\u00e9", False),
        ("caf", True, "cafe\u0301", False),
        ("क", True, "कि", False),
        ("कि", True, "यह कि वह", True),
        ("#tag", True, "a#tag b", True),
        ("#tag", True, "#tags", False),
        ("c++", True, "I like c++, really", True),
        ("c++", True, "abc++", False),
        ("new york", True, "<p>New<br>York</p>", True),
        ("new  york", True, "new york", True),
        ("new york", True, "new yorker", False),
        ("日本", True, "日本語", False),
        ("日本", False, "日本語", True),
        (".*", False, "anything", False),
        ("a.c", True, "abc", False),
        ("(", False, "a ( b", True),
        ("b", True, "<b>bold</b>", False),
        ("&", False, "fish &amp; chips", True),
    ],
)
def test_what_a_keyword_is_found_in(keyword: str, whole: bool, text: str, found: bool) -> None:
    met_ = filtering.met(rules((keyword, whole)), post_of(text), None, 0)
    assert bool(met_) is found


def test_several_filters_polls_and_posts() -> None:
    row = Filter(1, 1, "t", ["home"], "warn", None, 1, 1)
    known = (filtering._rule(row, [Keyword(1, 1, "tea", True)], [FilteredPost(1, 1, 1)]),)
    poll = Poll(1, False, ["tea", "water"], [0, 0], 0, None, None)
    (found,) = filtering.met(known, post_of("what?"), poll, 0)
    assert (found.keywords, found.posts) == (["tea"], [1])
    over = (replace(known[0], row=replace(row, expires_at=5)),)
    assert filtering.met(over, post_of("tea"), None, 5) == []


def test_hostile_keywords_cost_no_more_than_others() -> None:
    """Keywords that make a regular expression try each place again: time goes with the length of the text."""
    words = tuple((("a" * 400 + chr(0x61 + n % 26) + str(n)), bool(n % 2)) for n in range(MAX_KEYWORDS))
    known = rules(*words)
    text = "a" * 20_000
    # As regular expressions these are 500 x 400 x 20,000 comparisons, many seconds for each post.
    assert filtering.met(known, post_of(text), None, 0) == []


@pytest.mark.parametrize(
    ("said", "status", "text"),
    [
        ({"context": ["home"]}, 422, "Validation failed: Title can't be blank"),
        ({"title": " ", "context": ["home"]}, 422, "Title can't be blank"),
        (
            {"title": "x"},
            422,
            "Validation failed: Context can't be blank, Context None or invalid context supplied",
        ),
        ({"title": "x", "context": ["school"]}, 422, "Validation failed: Context None or invalid context supplied"),
        ({"title": "x", "context": ["home"], "filter_action": "burn"}, 422, "Action"),
        ({"title": "x" * 257, "context": ["home"]}, 422, "too long"),
        ({"title": "x", "context": ["home"], "expires_in": "soon"}, 422, "Expires in"),
        ({"title": "x", "context": ["home"], "keywords_attributes": [{"keyword": "y" * 513}]}, 422, "too long"),
        ({"title": "x", "context": ["home"], "keywords_attributes": "y"}, 422, "object"),
        ({"title": "x", "context": ["home"], "keywords_attributes": [{"id": "7", "keyword": "y"}]}, 404, "Record"),
        ({"title": "x", "context": {"a": 1}, "expires_in": {"b": 2}}, 422, "single value"),
        ({"title": "\x00", "context": ["home"]}, 422, "NUL"),
    ],
)
async def test_filters_that_cant_be(api: Api, ada: Actor, said: dict[str, Any], status: int, text: str) -> None:
    token = await api.token(ada)
    answer = await api.post(V2, token, json=said)
    assert answer.status == status
    assert text in answer.error
    assert (await api.get(V2, token)).json == []


async def test_forms_as_clients_send_them(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    form = {
        "title": "x",
        "context[]": ["home", "thread"],
        "filter_action": "blur",
        "expires_in": "600",
        "keywords_attributes[0][keyword]": "one",
        "keywords_attributes[0][whole_word]": "false",
        "keywords_attributes[1][keyword]": "two",
    }
    one = (await api.post(V2, token, form=form)).json
    assert (one["context"], one["filter_action"]) == (["home", "thread"], "blur")
    assert one["expires_at"] is not None
    assert [(word["keyword"], word["whole_word"]) for word in one["keywords"]] == [("one", False), ("two", True)]
    changes = {
        "keywords_attributes[0][id]": one["keywords"][0]["id"],
        "keywords_attributes[0][_destroy]": "true",
        "keywords_attributes[1][id]": one["keywords"][1]["id"],
        "keywords_attributes[1][keyword]": "three",
    }
    changed = (await api.ask("PATCH", f"{V2}/{one['id']}", token, form=changes)).json
    assert [word["keyword"] for word in changed["keywords"]] == ["three"]
    assert (changed["title"], changed["context"], changed["expires_at"]) == ("x", one["context"], one["expires_at"])
    assert (await api.get(f"{V2}/{one['id']}/keywords", token)).json == changed["keywords"]
    assert (await api.get(f"{V2}/keywords/{changed['keywords'][0]['id']}", token)).json == changed["keywords"][0]


async def test_another_persons_filters_are_not_there(api: Api, ada: Actor, ben: Actor) -> None:
    one = await made(api, await api.token(ada), "x")
    his = await api.token(ben)
    word = one["keywords"][0]["id"]
    asked = [
        ("GET", f"{V2}/{one['id']}"), ("PUT", f"{V2}/{one['id']}"), ("DELETE", f"{V2}/{one['id']}"),
        ("GET", f"{V2}/{one['id']}/keywords"), ("POST", f"{V2}/{one['id']}/keywords"),
        ("GET", f"{V2}/{one['id']}/statuses"), ("POST", f"{V2}/{one['id']}/statuses"),
        ("GET", f"{V2}/keywords/{word}"), ("PUT", f"{V2}/keywords/{word}"), ("DELETE", f"{V2}/keywords/{word}"),
        ("GET", f"{V2}/statuses/7"), ("DELETE", f"{V2}/statuses/7"),
        ("GET", f"{V1}/{word}"), ("PUT", f"{V1}/{word}"), ("DELETE", f"{V1}/{word}"),
    ]  # fmt: skip
    reader = await api.token(ben, "read")
    writer = await api.token(ben, "write")
    for method, path in asked:
        assert (await api.ask(method, path, his, form={"keyword": "y"})).status == 404, (method, path)
        assert (await api.ask(method, path)).status == 401
        narrow = writer if method == "GET" else reader
        refused = await api.ask(method, path, narrow)
        assert (refused.status, refused.error) == (403, "This action is outside the authorized scopes")


async def test_limits(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    many = [{"keyword": f"word{n}"} for n in range(MAX_KEYWORDS + 1)]
    answer = await api.post(V2, token, json={"title": "x", "context": ["home"], "keywords_attributes": many})
    assert answer.status == 422
    for _ in range(MAX_FILTERS):
        await made(api, token)
    assert (await api.post(V2, token, json={"title": "x", "context": ["home"]})).status == 422
    assert (await api.post(V2, await api.token(ben), json={"title": "x", "context": ["home"]})).status == 200


async def test_version_1_is_the_same_rows(api: Api, ada: Actor, ben: Actor) -> None:
    token = await api.token(ada)
    said = {"phrase": "spoiler", "context[]": ["home", "public"], "irreversible": "true", "whole_word": "1"}
    one = (await api.post(V1, token, form=said)).json
    assert one == {
        "id": one["id"],
        "phrase": "spoiler",
        "context": ["home", "public"],
        "whole_word": True,
        "expires_at": None,
        "irreversible": True,
    }
    (new,) = (await api.get(V2, token)).json
    assert (new["title"], new["filter_action"], new["keywords"][0]["id"]) == ("spoiler", "hide", one["id"])
    assert await met(api, token, await api.publish(ben, "a spoiler")) == [("spoiler", ["spoiler"], None)]
    changed = await api.ask(
        "PUT", f"{V1}/{one['id']}", token, json={"phrase": "secret", "context": ["thread"], "irreversible": False}
    )
    assert (changed.json["phrase"], changed.json["context"], changed.json["irreversible"]) == (
        "secret",
        ["thread"],
        False,
    )
    assert (await api.get(f"{V1}/{one['id']}", token)).json == changed.json
    await api.post(f"{V2}/{new['id']}/keywords", token, json={"keyword": "more"})
    assert [each["phrase"] for each in (await api.get(V1, token)).json] == ["secret", "more"]
    shared = await api.ask("PUT", f"{V1}/{one['id']}", token, json={"phrase": "x", "context": ["home"]})
    assert shared.status == 422
    assert shared.error.startswith("These parameters cannot be changed from this application")
    assert [each["phrase"] for each in (await api.get(V1, token)).json] == ["secret", "more"]
    for each in (await api.get(V1, token)).json:
        assert (await api.ask("DELETE", f"{V1}/{each['id']}", token)).json == {}
    assert (await api.get(V2, token)).json == []
    assert (await api.post(V1, token, json={"context": ["home"]})).status == 422
    assert (await api.post(V1, token, json={"phrase": "x"})).status == 422
    assert (await api.get(V1, token)).json == []


async def test_streams_are_told(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    heard = api.site.db.events.subscribe("stream")
    one = await made(api, token, "x")
    assert await heard.next(5) == f"filters {ada.id}"
    await api.ask("DELETE", f"{V2}/keywords/{one['keywords'][0]['id']}", token)
    assert await heard.next(5) == f"filters {ada.id}"
    heard.close()
