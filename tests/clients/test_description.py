"""Every endpoint of the public description of Mastodon's API: asked, and its answer checked; or why not.

`STORIES` ask; `REFUSED` has what we answer with an error, as Mastodon does where the feature is off; `NOT_OFFERED` what
we don't have; `DEVIATIONS` where the description itself is not how Mastodon is. An endpoint in none of them fails.
"""

import base64
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from tests.clients.conftest import University
from tests.clients.described import METHODS, description, errors, has_schema, operations
from tests.clients.floors import faults
from tests.clients.keys import p256
from tests.clients.pictures import png

COLLECTIONS = "collections of accounts (4.6): what there is none of is read as an empty list, and none can be made"
NOT_OFFERED: dict[str, str] = {
    "POST /api/v1/collections": COLLECTIONS,
    "GET /api/v1/collections/{id}": COLLECTIONS,
    "PATCH /api/v1/collections/{id}": COLLECTIONS,
    "DELETE /api/v1/collections/{id}": COLLECTIONS,
    "POST /api/v1/collections/{collection_id}/items": COLLECTIONS,
    "DELETE /api/v1/collections/{collection_id}/items/{id}": COLLECTIONS,
    "POST /api/v1/collections/{collection_id}/items/{id}/revoke": COLLECTIONS,
    "GET /api/v1/annual_reports/{year}": "annual reports: there is none of any year",
    "POST /api/v1/annual_reports/{year}/generate": "annual reports: there is none of any year",
    "POST /api/v1/annual_reports/{year}/read": "annual reports: there is none of any year",
    "GET /api/v1_alpha/async_refreshes/{id}": "answers are complete at once, so there is never one to wait for",
    "GET /api/v1/instance/terms_of_service": "there is one page for both, the privacy policy; Mastodon without terms: 404",
    "GET /api/v1/instance/terms_of_service/{date}": "as the one before",
}
"""Operation → why. Each of them answers an error in JSON, as Mastodon does for what isn't there or isn't offered."""

REFUSED: dict[str, tuple[int, str]] = {
    "POST /api/v1/statuses/{id}/translate": (404, "no engine is configured here; with one: tests/fedi/mastodon"),
    "POST /api/v1/emails/confirmations": (403, "only for who has not confirmed an address, and everyone has"),
    "POST /api/v1/accounts": (403, "sign-ups are closed on this instance; open: tests/fedi/mastodon/test_sign_up.py"),
}

ELSEWHERE: dict[str, str] = {
    **{
        f"GET /api/v1/streaming/{name}": "a stream without an end: tests/clients/test_mastodonpy_methods.py"
        for name in "direct hashtag hashtag/local list public public/local public/remote user user/notification".split()
    },
    "GET /oauth/authorize": "a page: tests/clients/browser.py and tests/browser",
    "POST /oauth/token": "asked here, with the code of that page",
}

DEVIATIONS: dict[str, dict[str, str]] = {
    "*": {
        "params.quote_approval_policy: None is not": "it says «string or null» and beside it an enum without null",
        "'read:groups' is not one of": "scopes of our own, for groups",
        "'write:groups' is not one of": "scopes of our own, for groups",
    },
    **{
        f"{method} /api/v1/push/subscription": {
            "$.id": "a number in Mastodon's code and documents; Ice Cubes reads an Int"
        }
        for method in ("GET", "POST", "PUT")
    },
    "GET /api/v1/filters": {
        "is not of type 'object'": "it says one V1::Filter; its own example and Mastodon have a list"
    },
}
"""Operation (or `*`) → part of an error → why the description is wrong there."""


class Cut(Exception):
    """An answer was an error, so the rest of its story is not told."""


@dataclass
class Caller:
    """Asks as ada, ben or chi, and keeps what was wrong by operation."""

    university: University
    wrong: dict[str, list[str]] = field(default_factory=dict)
    checked: set[str] = field(default_factory=set)

    def __call__(
        self, operation: str, *, who: str | None = "ada", status: int = 200, sent: Any = None, **more: Any
    ) -> Any:
        """The JSON that an operation answers; `more` are its path parameters and what requests takes. `sent` is JSON."""
        method, template = operation.split(" ")
        options = {name: more.pop(name) for name in ("params", "data", "files", "headers") if name in more}
        path = template.format(**more)
        wrong = self.wrong.setdefault(operation, [])
        headers = dict(options.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.university.tokens[who]}"
        answer = requests.request(
            method, self.university.url + path, json=sent, headers=headers, timeout=30, allow_redirects=False, **options
        )
        if answer.status_code != status:
            wrong.append(f"{answer.status_code}: {answer.text[:200]}")
            raise Cut(operation)
        if not answer.headers.get("content-type", "").startswith("application/json"):
            return answer.text
        body = answer.json()
        if has_schema(operation, status):
            self.checked.add(operation)
        wrong += [one for one in dict.fromkeys(errors(operation, status, body)) if not _known(operation, one)]
        wrong += faults(body, signed=who is not None)
        return body


def _known(operation: str, error: str) -> bool:
    return any(part in error for where in ("*", operation) for part in DEVIATIONS.get(where, {}))


def instance(ask: Caller) -> None:
    ask("GET /api/v2/instance", who=None)
    ask("GET /api/v1/instance", who=None)
    for page in "activity domain_blocks extended_description peers privacy_policy rules translation_languages".split():
        ask(f"GET /api/v1/instance/{page}", who=None)
    ask("GET /api/v1/custom_emojis", who=None)
    ask("GET /health", who=None)
    ask("GET /.well-known/oauth-authorization-server", who=None)
    ask("GET /api/v1/streaming/health", who=None)
    ask("GET /api/v1/preferences")


def apps(ask: Caller) -> None:
    back = "https://app.example/back"
    made = ask("POST /api/v1/apps", who=None, sent={"client_name": "App", "redirect_uris": back, "scopes": "read"})
    address = f"{ask.university.url}/oauth/authorize?response_type=code&client_id={made['client_id']}"
    code = ask.university.browser("ben").code(f"{address}&redirect_uri=https%3A%2F%2Fapp.example%2Fback&scope=read")
    known = {name: made[name] for name in ("client_id", "client_secret")}
    token = ask(
        "POST /oauth/token",
        who=None,
        data={**known, "grant_type": "authorization_code", "code": code, "redirect_uri": back},
    )
    ask("GET /api/v1/apps/verify_credentials")
    ask("GET /oauth/userinfo")
    ask("POST /oauth/revoke", who=None, data={**known, "token": token["access_token"]})
    ask("POST /api/v1/accounts", status=403, data={"username": "dan", "email": "d@example.edu", "password": "x" * 12, "agreement": "true"})  # fmt: skip
    ask("POST /api/v1/emails/confirmations", status=403)


def accounts(ask: Caller) -> None:
    me = ask("GET /api/v1/accounts/verify_credentials")
    ben = ask("GET /api/v1/accounts/lookup", who=None, params={"acct": "ben"})["id"]
    chi = ask("GET /api/v1/accounts/lookup", who=None, params={"acct": "chi"})["id"]
    ask("PATCH /api/v1/accounts/update_credentials", data={"note": "On https://example.edu", "fields_attributes[0][name]": "Office", "fields_attributes[0][value]": "B 12"}, files={"avatar": ("a.png", png(), "image/png")})  # fmt: skip
    ask("GET /api/v1/accounts/{id}", id=me["id"], who=None)
    ask("GET /api/v1/accounts", params={"id[]": [ben, chi]})
    ask("GET /api/v1/accounts/search", params={"q": "be"})
    ask("POST /api/v1/accounts/{id}/follow", id=ben, sent={"notify": True, "languages": ["en"]})
    ask("POST /api/v1/accounts/{id}/follow", id=me["id"], who="ben")
    ask("POST /api/v1/accounts/{id}/follow", id=ben, who="chi")
    ask("POST /api/v1/accounts/{id}/follow", id=chi)
    ask("GET /api/v1/accounts/{id}/followers", id=ben, who=None)
    ask("GET /api/v1/accounts/{id}/following", id=ben, who=None)
    ask("GET /api/v1/accounts/relationships", params={"id[]": [ben, chi]})
    ask("GET /api/v1/accounts/familiar_followers", params={"id[]": [ben]})
    ask("POST /api/v1/accounts/{id}/note", id=ben, sent={"comment": "met"})
    ask("POST /api/v1/accounts/{id}/endorse", id=ben)
    ask("GET /api/v1/accounts/{id}/endorsements", id=me["id"], who=None)
    ask("GET /api/v1/endorsements")
    ask("POST /api/v1/accounts/{id}/unendorse", id=ben)
    ask("POST /api/v1/accounts/{id}/pin", id=ben)
    ask("POST /api/v1/accounts/{id}/unpin", id=ben)
    ask("POST /api/v1/accounts/{id}/mute", id=ben, sent={"notifications": True, "duration": 600})
    ask("GET /api/v1/mutes")
    ask("POST /api/v1/accounts/{id}/unmute", id=ben)
    ask("POST /api/v1/accounts/{id}/block", id=chi)
    ask("GET /api/v1/blocks")
    ask("POST /api/v1/accounts/{id}/unblock", id=chi)
    ask("POST /api/v1/accounts/{id}/remove_from_followers", id=ben)
    ask("GET /api/v1/accounts/{id}/lists", id=ben)
    ask("GET /api/v1/accounts/{id}/identity_proofs", id=ben)
    ask("GET /api/v1/accounts/{id}/featured_tags", id=ben, who=None)
    ask("GET /api/v1/accounts/{account_id}/collections", account_id=ben)
    ask("GET /api/v1/accounts/{account_id}/in_collections", account_id=me["id"])
    ask("POST /api/v1/accounts/{id}/unfollow", id=ben)
    ask("POST /api/v1/domain_blocks", sent={"domain": "spam.example"})
    ask("GET /api/v1/domain_blocks")
    ask("DELETE /api/v1/domain_blocks", sent={"domain": "spam.example"})
    ask("GET /api/v1/directory", who=None)
    ask("GET /api/v1/suggestions", who="chi")
    ask("GET /api/v2/suggestions", who="chi")
    ask("DELETE /api/v1/suggestions/{account_id}", account_id=me["id"], who="chi")
    ask("GET /api/v1/profile")
    ask("PATCH /api/v1/profile", sent={"display_name": "Ada"})
    ask("DELETE /api/v1/profile/avatar")
    ask("DELETE /api/v1/profile/header")


def follow_requests(ask: Caller) -> None:
    chi = ask("PATCH /api/v1/accounts/update_credentials", who="chi", sent={"locked": True})
    asking = {}
    for who in ("ada", "ben"):
        asking[who] = ask("GET /api/v1/accounts/verify_credentials", who=who)["id"]
        ask("POST /api/v1/accounts/{id}/unfollow", id=chi["id"], who=who)
        ask("POST /api/v1/accounts/{id}/follow", id=chi["id"], who=who)
    assert len(ask("GET /api/v1/follow_requests", who="chi")) == 2
    ask("POST /api/v1/follow_requests/{account_id}/authorize", account_id=asking["ada"], who="chi")
    ask("POST /api/v1/follow_requests/{account_id}/reject", account_id=asking["ben"], who="chi")
    ask("PATCH /api/v1/accounts/update_credentials", who="chi", sent={"locked": False})


def statuses(ask: Caller) -> None:
    first = ask(
        "POST /api/v1/statuses", sent={"status": "First #kernels with @ben https://example.edu/", "language": "en"}
    )
    ident = first["id"]
    answer = ask("POST /api/v1/statuses", who="ben", sent={"status": "Second", "in_reply_to_id": ident})
    asked = ask("POST /api/v1/statuses", sent={"status": "Tea?", "poll": {"options": ["yes", "no"], "expires_in": 600}})
    picture = ask("POST /api/v2/media", files={"file": ("a.png", png(), "image/png")}, data={"description": "Noise"})
    _ready(ask, picture["id"])
    ask("PUT /api/v1/media/{id}", id=picture["id"], data={"focus": "0.5,0.5", "description": "Grain"})
    shown = ask("POST /api/v1/statuses", sent={"status": "Look", "media_ids": [picture["id"]], "sensitive": True})
    unused = ask("POST /api/v1/media", files={"file": ("a.png", png(), "image/png")})
    ask("DELETE /api/v1/media/{id}", id=unused["id"])
    ask("GET /api/v1/statuses/{id}", id=shown["id"], who=None)
    ask("GET /api/v1/accounts/{id}/statuses", id=shown["account"]["id"], params={"only_media": "true"})
    ask("GET /api/v1/statuses", params={"id[]": [ident, shown["id"]]})
    ask("GET /api/v1/statuses/{id}/context", id=answer["id"], who=None)
    ask("GET /api/v1/polls/{id}", id=asked["poll"]["id"], who=None)
    ask("POST /api/v1/polls/{id}/votes", id=asked["poll"]["id"], who="ben", sent={"choices": [0]})
    for name, undone in (("favourite", "unfavourite"), ("reblog", "unreblog"), ("bookmark", "unbookmark")):
        ask(f"POST /api/v1/statuses/{{id}}/{name}", id=ident, who="ben")
        if name != "bookmark":
            ask(f"GET /api/v1/statuses/{{id}}/{'favourit' if name == 'favourite' else 'reblogg'}ed_by", id=ident)
        if name != "reblog":
            ask(f"GET /api/v1/{name}s", who="ben")
        ask(f"POST /api/v1/statuses/{{id}}/{undone}", id=ident, who="ben")
    for name in ("pin", "unpin", "mute", "unmute"):
        ask(f"POST /api/v1/statuses/{{id}}/{name}", id=ident)
    ask("PUT /api/v1/statuses/{id}", id=ident, sent={"status": "First, again #kernels", "spoiler_text": "kernels"})
    ask("GET /api/v1/statuses/{id}/history", id=ident, who=None)
    ask("GET /api/v1/statuses/{id}/history", id=shown["id"], who=None)
    ask("GET /api/v1/statuses/{id}/source", id=ident)
    ask("PUT /api/v1/statuses/{id}/interaction_policy", id=ident, sent={"quote_approval_policy": "public"})
    quoting = ask("POST /api/v1/statuses", who="ben", sent={"status": "Read", "quoted_status_id": ident})
    ask("GET /api/v1/statuses/{id}/quotes", id=ident)
    revoke = "POST /api/v1/statuses/{id}/quotes/{quoting_status_id}/revoke"
    ask(revoke, id=ident, quoting_status_id=quoting["id"])
    ask("GET /api/oembed", who=None, params={"url": first["url"]})
    ask("POST /api/v1/statuses/{id}/translate", id=ident, status=404)
    ask("DELETE /api/v1/statuses/{id}", id=answer["id"], who="ben")
    later = ask("POST /api/v1/statuses", sent={"status": "Later", "scheduled_at": "2099-01-01T00:00:00.000Z"})
    ask("GET /api/v1/scheduled_statuses")
    ask("GET /api/v1/scheduled_statuses/{id}", id=later["id"])
    ask("PUT /api/v1/scheduled_statuses/{id}", id=later["id"], sent={"scheduled_at": "2099-02-01T00:00:00.000Z"})
    ask("DELETE /api/v1/scheduled_statuses/{id}", id=later["id"])


def _ready(ask: Caller, media: str) -> None:
    """Wait until an upload has been worked on; the last question is for the check."""
    headers = {"Authorization": f"Bearer {ask.university.tokens['ada']}"}
    for _ in range(100):
        if requests.get(f"{ask.university.url}/api/v1/media/{media}", headers=headers, timeout=30).status_code != 206:
            break
        time.sleep(0.05)
    ask("GET /api/v1/media/{id}", id=media)


def timelines(ask: Caller) -> None:
    ask("GET /api/v1/timelines/home")
    ask("GET /api/v1/timelines/public", who=None)
    ask("GET /api/v1/timelines/tag/{hashtag}", hashtag="kernels", who=None)
    ask("GET /api/v1/timelines/link", params={"url": "https://example.edu/"})
    ask("GET /api/v1/timelines/direct")
    ben = ask("GET /api/v1/accounts/lookup", params={"acct": "ben"})["id"]
    ask("POST /api/v1/accounts/{id}/follow", id=ben)
    made = ask("POST /api/v1/lists", sent={"title": "Reading", "replies_policy": "list", "exclusive": False})
    ask("GET /api/v1/lists")
    ask("GET /api/v1/lists/{id}", id=made["id"])
    ask("PUT /api/v1/lists/{id}", id=made["id"], sent={"title": "Reading circle"})
    ask("POST /api/v1/lists/{id}/accounts", id=made["id"], sent={"account_ids": [ben]})
    ask("GET /api/v1/lists/{id}/accounts", id=made["id"])
    ask("GET /api/v1/accounts/{id}/lists", id=ben)
    ask("GET /api/v1/timelines/list/{list_id}", list_id=made["id"])
    ask("DELETE /api/v1/lists/{id}/accounts", id=made["id"], sent={"account_ids": [ben]})
    ask("DELETE /api/v1/lists/{id}", id=made["id"])
    [newest, *_] = ask("GET /api/v1/timelines/home")
    ask("POST /api/v1/markers", sent={"home": {"last_read_id": newest["id"]}})
    ask("GET /api/v1/markers", params={"timeline[]": ["home", "notifications"]})


def tags(ask: Caller) -> None:
    ask("GET /api/v1/tags/{name}", name="kernels")
    ask("POST /api/v1/tags/{name}/follow", name="kernels")
    ask("GET /api/v1/followed_tags")
    ask("POST /api/v1/tags/{name}/unfollow", name="kernels")
    made = ask("POST /api/v1/featured_tags", sent={"name": "kernels"})
    ask("GET /api/v1/featured_tags")
    ask("GET /api/v1/featured_tags/suggestions")
    ask("DELETE /api/v1/featured_tags/{id}", id=made["id"])
    ask("POST /api/v1/tags/{id}/feature", id="kernels")
    ask("POST /api/v1/tags/{id}/unfeature", id="kernels")
    for kind in ("links", "statuses", "tags"):
        ask(f"GET /api/v1/trends/{kind}", who=None)
    ask("GET /api/v2/search", params={"q": "kernels"})
    ask("GET /api/v2/search", params={"q": "#kernels", "type": "hashtags"})


def filters(ask: Caller) -> None:
    [one, *_] = ask("GET /api/v1/timelines/home")
    words = [{"keyword": "again", "whole_word": False}]
    made = ask("POST /api/v2/filters", sent={"title": "F", "context": ["home"], "filter_action": "warn", "keywords_attributes": words})  # fmt: skip
    ident = made["id"]
    ask("GET /api/v2/filters")
    ask("GET /api/v2/filters/{id}", id=ident)
    ask("PUT /api/v2/filters/{id}", id=ident, sent={"title": "G", "context": ["home", "public"]})
    word = ask("POST /api/v2/filters/{filter_id}/keywords", filter_id=ident, sent={"keyword": "x"})
    ask("GET /api/v2/filters/{filter_id}/keywords", filter_id=ident)
    ask("GET /api/v2/filters/keywords/{id}", id=word["id"])
    ask("PUT /api/v2/filters/keywords/{id}", id=word["id"], sent={"keyword": "y"})
    ask("DELETE /api/v2/filters/keywords/{id}", id=word["id"])
    about = ask("POST /api/v2/filters/{filter_id}/statuses", filter_id=ident, sent={"status_id": one["id"]})
    ask("GET /api/v2/filters/{filter_id}/statuses", filter_id=ident)
    ask("GET /api/v2/filters/statuses/{id}", id=about["id"])
    ask("GET /api/v1/timelines/home")
    ask("DELETE /api/v2/filters/statuses/{id}", id=about["id"])
    ask("DELETE /api/v2/filters/{id}", id=ident)
    old = ask("POST /api/v1/filters", sent={"phrase": "spoiler", "context": ["home"]})
    ask("GET /api/v1/filters")
    ask("GET /api/v1/filters/{id}", id=old["id"])
    ask("PUT /api/v1/filters/{id}", id=old["id"], sent={"phrase": "spoilers", "context": ["home"]})
    ask("DELETE /api/v1/filters/{id}", id=old["id"])


def notifications(ask: Caller) -> None:
    mine = ask("POST /api/v1/statuses", sent={"status": "What do you think?"})
    for who in ("ben", "chi"):
        ask("POST /api/v1/statuses/{id}/favourite", id=mine["id"], who=who)
        ask("POST /api/v1/statuses", who=who, sent={"status": "@ada much", "in_reply_to_id": mine["id"]})
    told = ask("GET /api/v1/notifications")
    ask("GET /api/v1/notifications/{id}", id=told[0]["id"])
    ask("GET /api/v1/notifications/unread_count")
    grouped = ask("GET /api/v2/notifications", params={"expand_accounts": "partial_avatars"})
    key = grouped["notification_groups"][0]["group_key"]
    ask("GET /api/v2/notifications/{group_key}", group_key=key)
    ask("GET /api/v2/notifications/{group_key}/accounts", group_key=key)
    ask("GET /api/v2/notifications/unread_count")
    ask("POST /api/v2/notifications/{group_key}/dismiss", group_key=key)
    ask("POST /api/v1/notifications/{id}/dismiss", id=told[-1]["id"])
    ask("GET /api/v2/notifications/policy")
    ask("PATCH /api/v2/notifications/policy", sent={"for_not_following": "filter"})
    ids = [ask("GET /api/v1/accounts/lookup", params={"acct": who})["id"] for who in ("ben", "chi")]
    requests_of = []
    for again in range(2):
        for who, ident in zip(("ben", "chi"), ids, strict=True):
            ask("POST /api/v1/accounts/{id}/unfollow", id=ident)
            ask("POST /api/v1/statuses", who=who, sent={"status": f"@ada {again} to a stranger"})
        requests_of = [one["id"] for one in ask("GET /api/v1/notifications/requests")]
        if not again:
            ask("GET /api/v1/notifications/requests/{id}", id=requests_of[0])
            ask("POST /api/v1/notifications/requests/{id}/dismiss", id=requests_of[0])
            ask("POST /api/v1/notifications/requests/{id}/accept", id=requests_of[1])
    ask("POST /api/v1/notifications/requests/dismiss", sent={"id": requests_of})
    ask("POST /api/v1/notifications/requests/accept", sent={"id": requests_of})
    ask("GET /api/v1/notifications/requests/merged")
    ask("PATCH /api/v2/notifications/policy", sent={"for_not_following": "accept"})
    ask("POST /api/v1/notifications/clear")


def conversations(ask: Caller) -> None:
    for number in range(2):
        ask("POST /api/v1/statuses", who="ben", sent={"status": f"@ada word {number}", "visibility": "direct"})
    [talk, *_] = ask("GET /api/v1/conversations")
    ask("POST /api/v1/conversations/{id}/read", id=talk["id"])
    ask("DELETE /api/v1/conversations/{id}", id=talk["id"])


def announcements(ask: Caller) -> None:
    [told] = ask("GET /api/v1/announcements")
    ask("PUT /api/v1/announcements/{id}/reactions/{name}", id=told["id"], name="👍")
    ask("GET /api/v1/announcements")
    ask("DELETE /api/v1/announcements/{id}/reactions/{name}", id=told["id"], name="👍")
    ask("POST /api/v1/announcements/{id}/dismiss", id=told["id"])


def push(ask: Caller) -> None:
    keys = {"p256dh": p256(), "auth": base64.urlsafe_b64encode(secrets.token_bytes(16)).decode()}
    subscription = {"endpoint": "https://push.example/1", "keys": keys, "standard": True}
    alerts = {"alerts": {"mention": True, "follow": True}, "policy": "all"}
    ask("POST /api/v1/push/subscription", sent={"subscription": subscription, "data": alerts})
    ask("GET /api/v1/push/subscription")
    ask("PUT /api/v1/push/subscription", sent={"data": {"alerts": {"poll": True}}})
    ask("DELETE /api/v1/push/subscription")


def reports(ask: Caller) -> None:
    bad = ask("POST /api/v1/statuses", who="chi", sent={"status": "Buy"})
    told = {"account_id": bad["account"]["id"], "status_ids": [bad["id"]], "comment": "spam", "category": "spam"}
    ask("POST /api/v1/reports", who="ben", sent=told)


def empty(ask: Caller) -> None:
    """What is always empty here, in its right shape."""
    ask("GET /api/v1/annual_reports")
    ask("GET /api/v1/annual_reports/{year}/state", year="2026")


STORIES = (
    instance, apps, accounts, follow_requests, statuses, timelines, tags, filters, notifications, conversations,
    announcements, push, reports, empty,
)  # fmt: skip


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest) -> tuple[Caller, dict[str, str]]:
    """What was asked, and where a story ended too early. Skips where there is no description."""
    description()
    ask, cut = Caller(request.getfixturevalue("rich")), {}
    for story in STORIES:
        try:
            story(ask)
        except Cut as where:
            cut[story.__name__] = str(where)
        except Exception as problem:
            cut[story.__name__] = f"{type(problem).__name__}: {problem}"
    return ask, cut


@pytest.mark.parametrize("operation", operations() or ["without the description"])
def test_operation(told: tuple[Caller, dict[str, str]], operation: str) -> None:
    ask, cut = told
    rich = ask.university
    if operation in NOT_OFFERED:
        assert operation not in ask.wrong
        method, template = operation.split(" ")
        path = template.replace("{date}", "2026-01-01").replace("{year}", "2026")
        for name in ("{id}", "{collection_id}"):
            path = path.replace(name, "1")
        answer = requests.request(
            method, rich.url + path, headers={"Authorization": f"Bearer {rich.tokens['ada']}"}, timeout=30
        )
        assert answer.status_code in (403, 404, 405)
        assert answer.json()["error"]
    elif operation not in ELSEWHERE:
        assert operation in ask.wrong, f"never asked; these stories ended early: {cut}"
        assert not ask.wrong[operation], "\n".join(ask.wrong[operation])


@pytest.mark.parametrize("story", [one.__name__ for one in STORIES])
def test_story(told: tuple[Caller, dict[str, str]], story: str) -> None:
    assert told[1].get(story) is None


def test_the_tables_name_only_what_is_described() -> None:
    if operations():
        assert {*NOT_OFFERED, *REFUSED, *ELSEWHERE} - set(operations()) == set()
        assert len(METHODS) == 5
