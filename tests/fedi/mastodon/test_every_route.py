"""Every route with input nobody should send: an answer of the API each time, never a crash."""

import random
import re
from typing import Any
from urllib.parse import quote

import pytest

from fedi import mastodon
from storage.actors import Actor
from tests.fedi.mastodon.conftest import Api

NASTY = [
    "", "0", "1", "-1", "9" * 18, "9" * 19, "9" * 60, "1.5", "1e9", "NaN", "null", "true", "abc", "\x00", "\u202e", "💥",
    "x" * 3000, "../..", "%00", "' OR 1=1 --", "<script>", "[]", "{}", "a@b@c", "@", "!", "https://", "http://127.0.0.1/",
    "https://alpha.example/people/ada", "acct:ada@alpha.example", "\ud7ff", "٣",
]  # fmt: skip
NAMES = [
    "id", "id[]", "max_id", "min_id", "since_id", "limit", "offset", "q", "type", "resolve", "acct", "status", "visibility",
    "in_reply_to_id", "media_ids[]", "poll[options][]", "poll[expires_in]", "choices[]", "timeline[]", "home[last_read_id]", "types[]", "exclude_types[]",
    "account_id", "display_name", "note", "fields_attributes[0][name]", "source[privacy]", "grant_type", "code", "scope",
    "client_id", "client_secret", "redirect_uri", "redirect_uris", "client_name", "response_type", "reblogs", "notify",
    "username", "email", "password", "agreement", "tagged", "local", "language", "spoiler_text", "url", "order", "token",
    "quoted_status_id", "quote_approval_policy", "comment", "forward", "category", "status_ids[]", "rule_ids[]",
]  # fmt: skip
CALLS = sorted(
    (method, route.path)
    for route in mastodon.ROUTES
    for method in route.methods or ()
    if method != "HEAD" and not route.path.startswith("/api/v1/streaming/")  # which go on: tests of streaming
)


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_crashes(api: Api, ada: Actor, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(seed)
    post = await api.publish(ada, "something #there")
    token = await api.token(ada)
    cookie = await api.cookie(ada)
    for method, template in CALLS:
        for _ in range(3):
            value = chance.choice([*NASTY, str(post.id), str(ada.id)])
            path = template
            for name in ("{id}", "{tag}", "{quoting_id}"):
                path = path.replace(name, quote(value.encode("utf-8", "surrogatepass"), safe="") or "x")
            pairs: list[tuple[str, str]] = [
                (chance.choice(NAMES), chance.choice(NASTY)) for _ in range(chance.randrange(6))
            ]
            said = "&".join(f"{quote(name)}={quote(text)}" for name, text in pairs)
            more: dict[str, Any] = {}
            if method != "GET" and chance.random() < 0.4:
                more["json"] = {
                    name.partition("[")[0]: chance.choice([text, None, [text], {"a": text}, 1.5, 10**30, True])
                    for name, text in pairs
                }
                said = ""
            answer = await api.ask(
                method, f"{path}?{said}", chance.choice([token, token, None, "nonsense"]), cookie=cookie, **more
            )
            assert answer.status < 500 or answer.status == 503, (method, path, said, more, caplog.text)
            if not path.startswith("/oauth/authorize"):
                assert answer.json is not None
                if answer.status >= 400:
                    assert answer.error
    assert "Traceback" not in caplog.text


# What Phanpy, Elk, Tusky, Ice Cubes and the official app ask from start to first post; in their order, with their queries.
STARTS = {
    "phanpy": """
        GET /api/v1/preferences
        GET /api/v1/accounts/verify_credentials
        GET /api/v2/instance
        GET /api/v1/timelines/home?limit=20
        GET /api/v1/followed_tags?limit=200
        GET /api/v1/custom_emojis
        GET /api/v1/accounts/search?q=ad&limit=5&resolve=false
        POST /api/v1/statuses {"status":"hi","visibility":"public","language":"en","spoiler_text":"","sensitive":false}
        GET /api/v2/notifications?exclude_types[]=follow_request&limit=80
        GET /api/v2/notifications/policy
        GET /api/v1/announcements
        GET /api/v1/follow_requests?limit=80
        POST /api/v1/markers {"notifications":{"last_read_id":"1"}}
        GET /api/v1/accounts/ID
        GET /api/v1/accounts/ID/statuses?pinned=true
        GET /api/v1/accounts/ID/featured_tags
        GET /api/v1/accounts/relationships?id[]=ID
        GET /api/v1/accounts/familiar_followers?id[]=ID
        GET /api/v2/search?q=from:me&type=statuses&limit=1
    """,
    "elk": """
        GET /api/v2/instance
        GET /api/v1/preferences
        GET /api/v1/accounts/verify_credentials
        GET /api/v1/push/subscription 404
        GET /api/v1/followed_tags
        GET /api/v1/timelines/home?limit=30
        GET /api/v1/markers?timeline[]=notifications
        GET /api/v1/notifications?limit=30
        GET /api/v2/search?q=c&type=accounts&limit=25&resolve=true
        POST /api/v1/statuses {"status":"hi","inReplyToId":null,"media_ids":[],"visibility":"public","spoiler_text":""}
        GET /api/v1/accounts/lookup?acct=ada
    """,
    "tusky": """
        GET /api/v1/accounts/verify_credentials
        GET /api/v1/announcements?with_dismissed=false
        GET /api/v2/instance
        GET /api/v2/filters
        GET /api/v1/timelines/home?limit=40
        GET /api/v1/notifications?limit=40&exclude_types[]=
        GET /api/v1/markers?timeline[]=notifications
        GET /api/v1/custom_emojis
        GET /api/v1/lists
    """,
    "ice cubes": """
        GET /api/v2/instance
        GET /api/v1/accounts/verify_credentials
        GET /api/v1/timelines/home?limit=40
        GET /api/v1/lists
        GET /api/v1/followed_tags?limit=100
        GET /api/v2/filters
        GET /api/v1/markers?timeline[]=home
        GET /api/v2/notifications?limit=30
        GET /api/v2/notifications/policy
        GET /api/v1/instance/peers
        GET /api/v1/trends/tags
        GET /api/v2/suggestions
        POST /api/v1/statuses?status=hi&visibility=public
    """,
    "official": """
        GET /api/v2/instance
        GET /api/v1/accounts/verify_credentials
        GET /api/v1/custom_emojis
        GET /api/v2/filters
        GET /api/v1/preferences
        GET /api/v1/markers?timeline[]=home&timeline[]=notifications
        GET /api/v1/lists
        GET /api/v1/followed_tags?limit=200
        GET /api/v1/timelines/home?limit=20
        GET /api/v2/notifications?limit=20&expand_accounts=partial_avatars
        GET /api/v2/notifications/unread_count
        GET /api/v2/notifications/policy
        GET /api/v1/conversations
        GET /api/v1/bookmarks
        GET /api/v1/favourites
        GET /api/v1/trends/statuses
        GET /api/v1/trends/links
    """,
}


@pytest.mark.parametrize("client", STARTS)
async def test_from_start_to_first_post(api: Api, ada: Actor, client: str) -> None:
    await api.publish(ada, "before")
    token = await api.token(ada, "read write follow push")
    for line in STARTS[client].strip().splitlines():
        method, path, *rest = line.strip().split(" ", 2)
        path = re.sub(r"\bID\b", str(ada.id), path)
        body = rest[0].encode() if rest and rest[0].startswith("{") else b""
        answer = await api.ask(method, path, token, body=body, content_type="application/json")
        assert answer.status == (404 if rest == ["404"] else 200), (line, answer.body)
        assert answer.json is not None
