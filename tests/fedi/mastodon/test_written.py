"""Posting: the answer says what reading the status says, with a bounded number of statements, and asks nothing of the writer
for who has no token."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from storage import prepared
from storage.actors import Actor
from storage.database import Database
from tests.fedi.mastodon.conftest import Api

MOST = 16
"""Statements of one plain post, with the one that begins: 11 on either database when this was written."""


@pytest.mark.parametrize(
    "said",
    [
        {"status": "plain"},
        {"status": "line\n\nother #Two #one #two #Größe"},
        {"status": "hello @ben, @nobody and @ada"},
        {"status": "a word", "visibility": "direct"},
        {"status": "to @ben alone", "visibility": "direct"},
        {"status": "quiet", "visibility": "unlisted", "quote_approval_policy": "followers"},
        {"status": "friends", "visibility": "private"},
        {"status": "b", "spoiler_text": "a", "language": "de"},
        {"status": "see https://page.example/x"},
        {"status": "choose", "poll": {"options": ["a", "b"], "expires_in": 600}},
        {"status": "@reading a thread"},
    ],
)
async def test_the_answer_is_what_reading_gives(api: Api, ada: Actor, ben: Actor, said: dict[str, Any]) -> None:
    await api.follow(ada, await api.group("reading", ben))
    token = await api.token(ada)
    for _ in range(2):  # the account is known from the first
        made = await api.post("/api/v1/statuses", token, json=said)
        assert made.status == 200, made.body
        assert made.json == (await api.get(f"/api/v1/statuses/{made.json['id']}", token)).json


async def test_an_answer_in_a_muted_thread_says_so(api: Api, ada: Actor, ben: Actor) -> None:
    theirs = await api.publish(ben, "begin")
    token = await api.token(ada)
    await api.post(f"/api/v1/statuses/{theirs.id}/mute", token)
    made = await api.post("/api/v1/statuses", token, json={"status": "still", "in_reply_to_id": str(theirs.id)})
    assert made.json["muted"] is True
    assert made.json == (await api.get(f"/api/v1/statuses/{made.json['id']}", token)).json


@pytest.fixture
def statements(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The statements that are run, by kept statements or by SQLAlchemy."""
    seen: list[str] = []
    for name in ("_execute", "_execute_each"):
        real: Any = getattr(prepared, name)

        def counted(tx: Any, statement: Any, values: Any, real: Any = real) -> Any:
            sql: str = getattr(statement, "sql", statement)
            seen.append(sql)
            return real(tx, statement, values)

        monkeypatch.setattr(prepared, name, counted)
    engines = (api.site.db._write_engine, api.site.db._read_engine)

    def note(_tx: Any, _cursor: Any, sql: str, *_: Any) -> None:
        seen.append(sql)

    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield seen
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


async def test_a_post_is_a_bounded_number_of_statements(
    api: Api, ada: Actor, ben: Actor, statements: list[str]
) -> None:
    await api.follow(ben, ada)
    token = await api.token(ada)
    await api.post("/api/v1/statuses", token, json={"status": "the first lets the token be known"})
    statements.clear()
    assert (await api.post("/api/v1/statuses", token, json={"status": "hello"})).status == 200
    assert 0 < len(statements) <= MOST, "\n".join(statements)
    # Nothing that was just written is read back.
    assert not [sql for sql in statements if sql.startswith("SELECT") and ("FROM posts" in sql or "FROM tags" in sql)]


@pytest.mark.parametrize("token", [None, "guessed"])
async def test_who_has_no_token_does_not_wait_for_the_writer(
    api: Api, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    async def write(self: Database, unit: object) -> None:
        raise AssertionError("a stranger came to the writer")

    monkeypatch.setattr(Database, "write", write)
    assert (await api.post("/api/v1/statuses", token, json={"status": "x"})).status == 401


async def test_a_token_that_was_known_and_is_revoked_posts_nothing(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    assert (await api.post("/api/v1/statuses", token, json={"status": "x"})).status == 200
    form = {"token": token, "client_id": "client", "client_secret": "secret"}
    assert (await api.post("/oauth/revoke", form=form)).status == 200
    refused = await api.post("/api/v1/statuses", token, json={"status": "y"})
    assert (refused.status, refused.error) == (401, "The access token was revoked")
