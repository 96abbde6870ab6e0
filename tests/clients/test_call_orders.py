"""What clients ask from their first start to their first post, in their order and exactly as they send it.

Phanpy and Elk are pages (with an Origin, and the preflight that browsers make of most requests), Tusky, Ice Cubes, the
official app for Android and Ivory are not. Bodies are forms, JSON or the query as each does it. Every entity of every
answer has what the strictest of them insist on.
"""

import base64
import hashlib
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
import requests
from websockets.sync.client import connect

from tests.clients.conftest import University
from tests.clients.filling import Filled, fill
from tests.clients.floors import faults
from tests.clients.keys import p256
from tests.clients.pictures import png

SCOPES = "read write follow push"


@dataclass
class Wire:
    """A client on the wire. `origin` makes it a page: with preflights, and answers that it must be let see."""

    university: University
    agent: str
    origin: str | None = None
    token: str | None = None
    seen: Counter[str] = field(default_factory=Counter)
    session: requests.Session = field(default_factory=requests.Session)

    def __call__(self, method: str, path: str, *, status: int = 200, **options: Any) -> Any:
        """One request as `requests` makes it; what JSON it answers, checked. `path` may be a whole address of ours."""
        url = path if path.startswith(self.university.url) else self.university.url + path
        headers = {"User-Agent": self.agent, "Accept": "application/json", **options.pop("headers", {})}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.origin is not None:
            headers["Origin"] = self.origin
            self._preflight(method, url, headers, "json" in options)
        answer = self.session.request(method, url, headers=headers, timeout=30, allow_redirects=False, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        if self.origin is not None:
            assert answer.headers["Access-Control-Allow-Origin"] == "*", path
            if "Link" in answer.headers:
                assert "link" in answer.headers["Access-Control-Expose-Headers"].lower()
        if "json" not in answer.headers["Content-Type"]:
            return answer.text
        body = answer.json()
        assert faults(body, signed=self.token is not None, seen=self.seen) == [], f"{method} {path}"
        return body

    def _preflight(self, method: str, url: str, headers: dict[str, str], has_json: bool) -> None:
        asked = [name.lower() for name in headers if name in ("Authorization", "Idempotency-Key")]
        asked += ["content-type"] if has_json else []
        if method in ("GET", "POST") and not asked:
            return
        answer = self.session.options(
            url,
            headers={
                "Origin": self.origin or "",
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": ",".join(sorted(asked)),
            },
            timeout=30,
        )
        assert answer.status_code in (200, 204), url
        assert answer.headers["Access-Control-Allow-Origin"] in ("*", self.origin)
        assert method in answer.headers["Access-Control-Allow-Methods"]
        allowed = answer.headers["Access-Control-Allow-Headers"].lower()
        # `*` does not stand for Authorization (Fetch, CORS-non-wildcard request-header name).
        assert all(name in allowed for name in asked), (url, allowed)

    def authorize(self, app: Any, back: str, name: str = "ben", **more: str) -> str:
        """Send somebody to the authorise page and take the code from the redirect URI, which is as it was given."""
        state = secrets.token_urlsafe(8)
        asked = {"client_id": app["client_id"], "redirect_uri": back, "response_type": "code", "scope": SCOPES, **more}
        page = f"{self.university.url}/oauth/authorize?{urlencode({**asked, 'state': state}, quote_via=quote)}"
        location = self.university.browser(name).let_in(page).headers["Location"]
        assert location.startswith(back + ("&" if "?" in back else "?")), (location, back)
        given = parse_qs(urlsplit(location).query)
        assert given["state"] == [state]
        return given["code"][0]

    def listen(self, *, in_url: bool = False) -> None:
        """Open the WebSocket, with the token as subprotocol or in the address, and hear of a post of one's own."""
        assert self.token is not None
        address = self("GET", "/api/v2/instance")["configuration"]["urls"]["streaming"] + "/api/v1/streaming"
        if in_url:
            address += f"?stream=user&access_token={self.token}"
        with connect(
            address,
            subprotocols=None if in_url else [self.token],  # type: ignore[list-item]  # a NewType of str
            origin=self.origin,  # type: ignore[arg-type]
            open_timeout=10,
            user_agent_header=self.agent,
        ) as socket:
            assert socket.subprotocol == (None if in_url else self.token)
            if not in_url:
                socket.send(json.dumps({"type": "subscribe", "stream": "user"}))
                time.sleep(0.3)
            posted = self("POST", "/api/v1/statuses", json={"status": f"heard by {self.agent}"})
            while True:
                event = json.loads(socket.recv(timeout=10))
                if event["event"] == "update":
                    break
            assert event["stream"] == ["user"]
            status = json.loads(event["payload"])
            assert status["id"] == posted["id"]
            assert faults(status, seen=self.seen) == []

    def media(self, **more: Any) -> str:
        """Upload a picture by v2 and wait as Tusky does: 200 is done, 206 is not yet, anything else fails the post."""
        answer = self.session.post(
            f"{self.university.url}/api/v2/media",
            files={"file": ("IMG_1.png", png(), "image/png"), **more},
            headers={"Authorization": f"Bearer {self.token}", "User-Agent": self.agent},
            timeout=30,
        )
        assert answer.status_code in (200, 202), answer.text
        assert faults(answer.json(), seen=self.seen) == []
        ident = answer.json()["id"]
        for _ in range(200):
            told = self.session.get(
                f"{self.university.url}/api/v1/media/{ident}",
                headers={"Authorization": f"Bearer {self.token}"},
                timeout=30,
            )
            assert told.status_code in (200, 206), told.text
            if told.status_code == 200:
                assert told.json()["url"]
                assert faults(told.json(), seen=self.seen) == []
                return str(ident)
            time.sleep(0.05)
        raise AssertionError("the picture was never ready")


def pkce() -> tuple[str, dict[str, str]]:
    """A verifier, and what the authorise page is sent of it (RFC 7636)."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    return verifier, {"code_challenge": challenge, "code_challenge_method": "S256"}


def grant(app: Any, back: str, code: str) -> dict[str, str]:
    """What every client sends for a token."""
    known = {"client_id": app["client_id"], "client_secret": app["client_secret"]}
    return {**known, "grant_type": "authorization_code", "redirect_uri": back, "code": code}


def phanpy(university: University, there: Filled) -> Wire:
    wire = Wire(university, "Mozilla/5.0 (Phanpy)", "https://phanpy.example")
    assert "/.well-known/webfinger?resource={uri}" in wire("GET", "/.well-known/host-meta")
    back = "https://phanpy.example/"
    app = wire(
        "POST",
        "/api/v1/apps",
        data={"client_name": "Phanpy", "redirect_uris": back, "scopes": SCOPES, "website": "https://phanpy.example"},
    )
    server = wire("GET", "/.well-known/oauth-authorization-server")
    assert "S256" in server["code_challenge_methods_supported"]
    verifier, challenge = pkce()
    code = wire.authorize(app, back, **challenge)
    token = wire("POST", "/oauth/token", data={**grant(app, back, code), "code_verifier": verifier, "scope": SCOPES})
    wire.token = token["access_token"]
    wire("GET", "/api/v1/preferences")
    me = wire("GET", "/api/v1/accounts/verify_credentials")
    instance = wire("GET", "/api/v2/instance")
    assert instance["api_versions"]["mastodon"] >= 7
    links = wire("GET", "/.well-known/nodeinfo")["links"]
    [about] = [one["href"] for one in links if one["rel"].endswith("/2.0")]
    assert wire("GET", about)["software"]["name"]
    home = wire("GET", "/api/v1/timelines/home?limit=20")
    wire("GET", f"/api/v1/timelines/home?limit=20&max_id={home[-1]['id']}")
    wire("GET", "/api/v1/followed_tags?limit=200")
    wire.listen()
    wire("GET", "/api/v1/custom_emojis")
    wire("GET", "/api/v1/accounts/search?q=ad&limit=5&resolve=false")
    wire(
        "POST",
        "/api/v1/statuses",
        json={
            "status": "From Phanpy",
            "visibility": "public",
            "spoiler_text": "",
            "language": "en",
            "sensitive": False,
        },
        headers={"Idempotency-Key": secrets.token_hex(8)},
    )
    grouped = wire(
        "GET", "/api/v2/notifications?limit=80&expand_accounts=partial_avatars&exclude_types[]=follow_request"
    )
    assert {"favourite", "mention"} <= {one["type"] for one in grouped["notification_groups"]}
    wire("GET", "/api/v2/notifications/policy")
    wire("GET", "/api/v1/announcements")
    wire("GET", "/api/v1/follow_requests?limit=80")
    last = grouped["notification_groups"][0]["page_max_id"]
    wire("POST", "/api/v1/markers", json={"notifications": {"last_read_id": last}})
    for who in (there.ada, there.group):
        wire("GET", f"/api/v1/accounts/{who}")
        wire("GET", f"/api/v1/accounts/{who}/statuses?pinned=true")
        wire("GET", f"/api/v1/accounts/{who}/featured_tags")
        wire("GET", f"/api/v1/accounts/relationships?id[]={who}")
        wire("GET", f"/api/v1/accounts/familiar_followers?id[]={who}")
    wire("GET", "/api/v2/search?q=from%3Ame&type=statuses&limit=1")
    assert me["id"] == there.ben
    return wire


def elk(university: University, there: Filled) -> Wire:
    server = Wire(university, "node")  # its own server registers and asks for the token
    host = urlsplit(university.url).netloc
    # A whole address as one segment of the path: it must stay as encoded as it was.
    back = f"http://localhost:5314/api/{host}/oauth/http%3A%2F%2Flocalhost%3A5314"
    app = server(
        "POST",
        "/api/v1/apps",
        json={"client_name": "Elk", "redirect_uris": back, "scopes": SCOPES, "website": "http://localhost:5314"},
    )
    assert app["redirect_uri"] == back
    server("GET", "/api/v2/instance")
    code = server.authorize(app, back, force_login="true", lang="en-US")
    token = server("POST", "/oauth/token", json={**grant(app, back, code), "scope": SCOPES})
    wire = Wire(university, "Mozilla/5.0 (Elk)", "http://localhost:5314", token["access_token"])
    wire("GET", "/api/v2/instance")
    assert wire("GET", "/nodeinfo/2.0")["software"]["name"]
    wire("GET", "/api/v1/preferences")
    wire("GET", "/api/v1/accounts/verify_credentials")
    wire("GET", "/api/v1/push/subscription", status=404)
    wire("GET", "/api/v1/followed_tags")
    home = wire("GET", "/api/v1/timelines/home?limit=30")
    wire("GET", "/api/v1/markers?timeline[]=notifications")
    wire("GET", "/api/v1/notifications?limit=30")
    wire.listen()
    for typed in ("a", "ad", "ada"):
        for _ in range(2):
            wire("GET", f"/api/v2/search?q={typed}&type=accounts&limit=25&resolve=true")
    picture = wire("POST", "/api/v1/media", files={"file": ("blob", png(), "image/png")})
    assert picture["url"]
    wire(
        "POST",
        "/api/v1/statuses",
        json={
            "status": "From Elk",
            "in_reply_to_id": None,
            "media_ids": [picture["id"]],
            "visibility": "public",
            "spoiler_text": None,
            "sensitive": False,
            "language": "en",
        },
    )
    assert wire("GET", "/api/v1/accounts/lookup?acct=ada")["id"] == there.ada
    wire("GET", f"/api/v1/accounts/relationships?id[]={there.ada}&id[]={there.chi}")
    wire("GET", f"/api/v1/accounts/{there.ada}/statuses?limit=30&exclude_replies=true")
    wire("POST", f"/api/v1/statuses/{home[0]['id']}/bookmark")
    wire("GET", f"/api/v1/statuses/{there.thread}/context")
    return wire


def tusky(university: University, there: Filled) -> Wire:
    wire = Wire(university, "Tusky/27.0 Android/14 OkHttp/4.12.0")
    wire("GET", "/api/v2/instance")
    back = "oauth2redirect://com.keylesspalace.tusky/"
    app = wire(
        "POST",
        "/api/v1/apps",
        data={"client_name": "Tusky", "redirect_uris": back, "scopes": SCOPES, "website": "https://tusky.app"},
    )
    code = wire.authorize(app, back)
    wire.token = wire("POST", "/oauth/token", data=grant(app, back, code))["access_token"]
    wire("GET", "/api/v1/accounts/verify_credentials")
    wire("GET", "/api/v1/announcements?with_dismissed=false")
    wire("GET", "/api/v2/instance")
    wire("GET", "/api/v2/filters")
    home = wire("GET", "/api/v1/timelines/home?limit=30")
    assert [one for one in home if one["filtered"]]
    told = wire("GET", "/api/v1/notifications?limit=30&exclude_types[]=follow&exclude_types[]=poll")
    wire("GET", "/api/v1/markers?timeline[]=notifications")
    wire("POST", "/api/v1/markers", data={"notifications[last_read_id]": told[0]["id"]})
    wire("GET", "/api/v1/custom_emojis")
    wire("GET", "/api/v1/lists")
    media = wire.media(description=(None, "Noise"), focus=(None, "0.0,0.0"))
    posted = wire(
        "POST",
        "/api/v1/statuses",
        json={
            "status": "From Tusky",
            "spoiler_text": "",
            "visibility": "unlisted",
            "sensitive": False,
            "media_ids": [media],
            "media_attributes": [{"id": media, "description": "Noise", "focus": "0.0,0.0", "thumbnail": None}],
            "scheduled_at": None,
            "poll": None,
            "language": "en",
        },
        headers={"Idempotency-Key": secrets.token_hex(16)},
    )
    assert [one["id"] for one in posted["media_attachments"]] == [media]
    wire("POST", f"/api/v1/statuses/{there.thread}/favourite")
    wire("POST", f"/api/v1/accounts/{there.ada}/follow", data={"reblogs": "true", "notify": "true"})
    wire("GET", f"/api/v1/accounts/relationships?id[]={there.ada}")
    wire("GET", f"/api/v1/statuses/{there.thread}/context")
    wire("DELETE", f"/api/v1/statuses/{posted['id']}")
    wire.listen(in_url=True)
    return wire


def ice_cubes(university: University, there: Filled) -> Wire:
    wire = Wire(university, "IceCubesApp/2.1")
    instance = wire("GET", "/api/v2/instance")
    assert float(instance["version"][:3]) >= 4.3
    assert isinstance(instance["contact"]["email"], str)
    assert {"max_characters", "max_media_attachments"} <= instance["configuration"]["statuses"].keys()
    assert {
        "max_options",
        "max_characters_per_option",
        "min_expiration",
        "max_expiration",
    } <= instance["configuration"]["polls"].keys()
    back = "icecubesapp://"
    known = {"client_name": "IceCubesApp", "redirect_uris": back, "scopes": SCOPES, "website": "https://icecubes.app"}
    app = wire("POST", "/api/v1/apps", params=known)
    code = wire.authorize(app, back)
    wire.token = wire("POST", "/oauth/token", json={**grant(app, back, code), "scope": SCOPES})["access_token"]
    wire("GET", "/api/v1/accounts/verify_credentials")
    home = wire("GET", "/api/v1/timelines/home?limit=40")
    # It takes the cursor out of the Link header by this expression.
    wire("GET", f"/api/v1/timelines/home?limit=40&min_id={home[3]['id']}")
    wire("GET", "/api/v1/lists")
    wire("GET", "/api/v1/followed_tags?limit=200")
    wire("GET", "/api/v2/filters")
    wire("GET", "/api/v1/markers?timeline[]=home&timeline[]=notifications")
    wire("POST", "/api/v1/markers", json={"home": {"last_read_id": home[0]["id"]}})
    wire.listen()
    wire("GET", "/api/v2/notifications?limit=30&expand_accounts=full&grouped_types[]=favourite&grouped_types[]=reblog")
    wire("GET", "/api/v2/notifications/policy")
    wire("GET", "/api/v1/instance/peers")
    wire("GET", "/api/v1/trends/tags")
    wire("GET", "/api/v1/trends/statuses?offset=0")
    wire("GET", "/api/v2/suggestions")
    media = wire.media()
    wire("PUT", f"/api/v1/media/{media}", json={"description": "Noise"})
    wire(
        "POST",
        "/api/v1/statuses",
        json={"status": "From Ice Cubes", "visibility": "public", "media_ids": [media], "language": "en"},
    )
    wire("POST", "/api/v1/statuses", params={"status": "From Mammoth", "visibility": "public"})
    wire("POST", f"/api/v1/accounts/{there.ada}/follow", params={"reblogs": "true", "notify": "false"})
    wire("POST", f"/api/v1/statuses/{there.thread}/favourite")
    wire("GET", f"/api/v1/accounts/{there.group}/statuses?exclude_replies=true")
    wire("GET", f"/api/v1/accounts/familiar_followers?id[]={there.chi}")
    return wire


def official(university: University, there: Filled) -> Wire:
    wire = Wire(university, "MastodonAndroid/2.11.3")
    claimed = wire("GET", "/api/v2/instance")["api_versions"]["mastodon"]
    back = "mastodon-android-auth://callback"
    app = wire(
        "POST",
        "/api/v1/apps",
        json={
            "client_name": "Mastodon for Android",
            "redirect_uris": back,
            "scopes": SCOPES,
            "website": "https://app.joinmastodon.org/android",
        },
    )
    verifier, challenge = pkce()
    code = wire.authorize(app, back, **challenge)
    token = wire("POST", "/oauth/token", json={**grant(app, back, code), "code_verifier": verifier})
    wire.token = token["access_token"]
    wire("GET", "/api/v1/accounts/verify_credentials")
    wire("GET", "/api/v1/custom_emojis")
    wire("GET", "/api/v2/filters")
    wire("GET", "/api/v1/preferences")
    wire("GET", "/api/v1/markers?timeline[]=home&timeline[]=notifications")
    wire("GET", "/api/v1/lists")
    wire("GET", "/api/v1/followed_tags?limit=200")
    wire("GET", "/api/v1/timelines/home?limit=40")
    kinds = "&".join(f"grouped_types[]={one}" for one in ("favourite", "reblog", "follow"))
    wire("GET", f"/api/v2/notifications?limit=40&{kinds}")
    wire("GET", "/api/v2/notifications/unread_count")
    wire("GET", "/api/v2/notifications/policy")
    wire("PUT", "/api/v2/notifications/policy", json={"for_bots": "accept", "for_new_accounts": "accept"})
    subscription = wire(
        "POST",
        "/api/v1/push/subscription",
        json={
            "subscription": {
                "endpoint": "https://app.example/relay-to/fcm/1",
                "keys": {"p256dh": p256(), "auth": base64.urlsafe_b64encode(secrets.token_bytes(16)).decode()},
                "standard": True,
            },
            "data": {"alerts": {"mention": True, "favourite": True, "follow": True}, "policy": "all"},
        },
    )
    assert subscription["alerts"]["mention"] is True
    if claimed >= 8:
        wire("GET", "/api/v1/profile")
        wire("PUT", "/api/v1/profile", json={"note": "From Android"})
    media = wire.media(description=(None, "Noise"))
    key = secrets.token_hex(16)
    sent = {
        "status": "From Android",
        "media_ids": [media],
        "visibility": "public",
        "language": "en",
        "sensitive": False,
    }
    first, again = (
        wire("POST", "/api/v1/statuses", json=sent, headers={"Idempotency-Key": key})["id"] for _ in range(2)
    )
    assert first == again
    wire("GET", f"/api/v1/statuses?id[]={there.thread}&id[]={there.poll}")
    wire("GET", "/api/v1/conversations")
    wire("GET", "/api/v1/bookmarks")
    wire("GET", "/api/v1/favourites")
    wire("GET", "/api/v1/trends/statuses")
    wire("GET", "/api/v1/trends/links")
    wire("GET", "/api/v1/domain_blocks/preview?domain=spam.example")
    wire("PUT", "/api/v1/accounts/update_credentials", files={"avatar": ("me.png", png(), "image/png")})
    return wire


def ivory(university: University, there: Filled) -> Wire:
    wire = Wire(university, "Ivory/10217")
    back = "com.tapbots.Ivory.10217:/request_token/8AC1C8B0-0D34-4B0B-9D8F-6E4C7A0D1E55"
    app = wire(
        "POST",
        "/api/v1/apps",
        data={
            "client_name": "Ivory for iOS",
            "redirect_uris": back,
            "scopes": SCOPES,
            "website": "https://tapbots.com",
        },
    )
    token = wire("POST", "/oauth/token", params=grant(app, back, wire.authorize(app, back)))
    wire.token = token["access_token"]
    wire("GET", "/api/v1/accounts/verify_credentials")
    wire("GET", "/api/v1/timelines/home?limit=40")
    wire("GET", "/api/v1/accounts/1", status=404)
    wire("GET", "/api/v2/instance")
    wire("GET", "/api/v1/preferences")
    wire("GET", "/api/v1/lists")
    wire("GET", f"/api/v1/accounts/{there.ben}/statuses?limit=40")
    told = wire("GET", "/api/v1/notifications?limit=40&types[]=mention&types[]=favourite")
    assert {one["type"] for one in told} == {"mention", "favourite"}
    return wire


@pytest.fixture(scope="module")
def there(rich: University) -> Filled:
    """What is on the instance."""
    return fill(rich)


@pytest.mark.parametrize("client", [phanpy, elk, tusky, ice_cubes, official, ivory], ids=lambda one: one.__name__)
def test_from_the_first_start(rich: University, there: Filled, client: Callable[[University, Filled], Wire]) -> None:
    wire = client(rich, there)
    # What was checked is worth something: each saw accounts, posts with everything in them, and notifications.
    assert {"account", "status", "poll", "attachment", "quote", "tag of a status"} <= wire.seen.keys()
    assert wire.seen["notification"] + wire.seen["notification group"] > 0
