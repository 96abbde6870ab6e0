"""Every route with input nobody should send: an answer of the API each time, never a crash."""

import importlib
import json
import pkgutil
import random
import re
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest

from fedi import mastodon
from storage.actors import Actor
from tests.fedi.mastodon.conftest import Answer, Api

NASTY = [
    "", "0", "1", "-1", "9" * 18, "9" * 19, "9" * 60, "1.5", "1e9", "NaN", "null", "true", "abc", "\x00", "\u202e", "💥",
    "x" * 3000, "../..", "%00", "' OR 1=1 --", "<script>", "[]", "{}", "a@b@c", "@", "!", "https://", "http://127.0.0.1/",
    "https://alpha.example/people/ada", "acct:ada@alpha.example", "\ud7ff", "٣",
]  # fmt: skip
CALLS = sorted(
    (method, route.path)
    for route in mastodon.ROUTES
    for method in route.methods or ()
    if method != "HEAD" and not route.path.startswith("/api/v1/streaming")  # which go on: tests of streaming
)
TYPES = [
    "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain", "", "💥",
    "multipart/form-data", "application/json; charset=utf-16", "image/png", "application/xml", "application/x-ndjson",
]  # fmt: skip
PAGES = ("/oauth/authorize",)
"""What answers with a page."""


def names() -> list[str]:
    """Every name of a parameter that any endpoint reads, plain and in the brackets that forms have."""
    found: set[str] = set()
    for module in pkgutil.walk_packages(mastodon.__path__, "fedi.mastodon."):
        for each in vars(importlib.import_module(module.name)).values():
            if isinstance(each, type) and issubclass(each, msgspec.Struct):
                found |= set(each.__struct_fields__)
    return sorted(f"{name}{more}" for name in found for more in ("", "[]", "[id]", "[][keyword]", "[0][name]"))


NAMES = names()


def multipart(pairs: list[tuple[str, str]], chance: random.Random) -> bytes:
    """A form with files, at times broken off."""
    parts = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
        % (
            name.encode(),
            chance.choice([b"", b'; filename="a.png"\r\nContent-Type: image/png', b'; filename=""']),
            text.encode("utf-8", "surrogatepass"),
        )
        for name, text in pairs
    )
    whole = parts + b"--b--\r\n"
    return whole if chance.random() < 0.7 else whole[: chance.randrange(len(whole))]


def body_of(pairs: list[tuple[str, str]], chance: random.Random) -> tuple[bytes, str]:
    """(body, content type) of a request; half of the time they have little to do with each other."""
    strange = {
        name.partition("[")[0]: chance.choice([text, None, [text], {"a": text}, [[text]], 1.5, 10**30, -1, True, {}])
        for name, text in pairs
    }
    bodies = [
        (json.dumps(strange).encode("utf-8", "surrogatepass"), "application/json"),
        (urlencode([(quote(name), text.encode("utf-8", "surrogatepass")) for name, text in pairs]).encode(), TYPES[1]),
        (multipart(pairs, chance), TYPES[2]),
        (b"[1, 2]", "application/json"),
        (b'"text"', "application/json"),
        (b"{" * 3000, "application/json"),
        (b"\xff\xfe\x00", "application/json"),
    ]
    body, kind = chance.choices(bodies, [6, 3, 3, 1, 1, 1, 1])[0]
    return body, kind if chance.random() < 0.8 else chance.choice(TYPES)


def good(answer: Answer) -> bool:
    """Whether it is JSON, with a text where it is an error; or nothing at all, and says so."""
    if answer.status == 204:
        return answer.body == b""
    if not answer.headers.get("content-type", "").startswith("application/json"):
        return False
    said = json.loads(answer.body)
    return answer.status < 400 or bool(said["error"])


@pytest.mark.parametrize("seed", range(2))
async def test_nothing_crashes(api: Api, ada: Actor, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(seed)
    post = await api.publish(ada, "something #there")
    token = await api.token(ada)
    admin = await api.person("olga", role="admin")
    tokens = [token, token, await api.token(admin), None, "nonsense"]
    cookie = await api.cookie(ada)
    ids = [str(post.id), str(ada.id)]
    wrong: list[str] = []
    for method, template in CALLS:
        for _ in range(4):
            path = re.sub(
                r"\{\w+\}",
                lambda _: quote(chance.choice([*NASTY, *ids]).encode("utf-8", "surrogatepass"), safe="") or "x",
                template,
            )
            pairs = [(chance.choice(NAMES), chance.choice([*NASTY, *ids])) for _ in range(chance.randrange(6))]
            body, kind = (b"", "") if method == "GET" or chance.random() < 0.4 else body_of(pairs, chance)
            said = "" if body else "&".join(f"{quote(name)}={quote(text)}" for name, text in pairs)
            headers: dict[str, Any] = {"content_type": kind.encode().decode("latin-1")} if kind else {}
            answer = await api.ask(method, f"{path}?{said}", chance.choice(tokens), cookie=cookie, body=body, **headers)
            told = f"{answer.status} {method} {path[:200]}?{said[:300]} {kind} {body[:300]!r}"
            if answer.status >= 500 and answer.status != 503:
                wrong.append(told)
            elif not path.startswith(PAGES) and not good(answer):
                wrong.append(f"{told}: {answer.headers} {answer.body[:200]!r}")
    assert wrong == []
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
