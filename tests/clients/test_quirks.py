"""What broke clients at other servers, each a test that is named after it (CLIENTS section 2.2 of the design notes).

Where they were reported is in each docstring.
"""

import re
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from bs4 import BeautifulSoup

from tests.clients.conftest import University
from tests.clients.filling import Filled, Person, fill
from tests.clients.floors import TIME, faults
from tests.clients.pictures import png

SCOPES = "read write follow push"


@pytest.fixture(scope="module")
def there(rich: University) -> Filled:
    """What is on the instance."""
    return fill(rich)


@pytest.fixture
def ben(rich: University, there: Filled) -> Person:
    """Who looks at it."""
    return Person(rich, "ben")


@pytest.fixture
def ada(rich: University, there: Filled) -> Person:
    """Who wrote most of it."""
    return Person(rich, "ada")


def app(university: University, back: str, name: str = "App") -> Any:
    """Register an app."""
    sent = {"client_name": name, "redirect_uris": back, "scopes": SCOPES}
    answer = requests.post(f"{university.url}/api/v1/apps", json=sent, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def grant(university: University, known: Any, back: str, name: str = "ben") -> dict[str, str]:
    """A code for the app, with what goes with it to the token endpoint."""
    asked = {"client_id": known["client_id"], "redirect_uri": back, "response_type": "code", "scope": SCOPES}
    location = (
        university.browser(name).let_in(f"{university.url}/oauth/authorize?{urlencode(asked)}").headers["Location"]
    )
    code = parse_qs(urlsplit(location).query)["code"][0]
    secret = {"client_id": known["client_id"], "client_secret": known["client_secret"]}
    return {**secret, "grant_type": "authorization_code", "code": code, "redirect_uri": back}


def token(university: University, **options: Any) -> Any:
    """What the token endpoint answers."""
    answer = requests.post(f"{university.url}/oauth/token", timeout=30, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def public(university: University, path: str) -> Any:
    """What anyone reads."""
    answer = requests.get(university.url + path, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_elk_keeps_its_code_whatever_is_encoded_in_its_address(rich: University) -> None:
    """elk#133, elk#672, hollo#163: the redirect URI comes back as it was, with the state; the token endpoint takes JSON."""
    back = f"http://localhost:5314/api/{urlsplit(rich.url).netloc}/oauth/http%3A%2F%2Flocalhost%3A5314"
    known = app(rich, back)
    assert (known["redirect_uri"], known["redirect_uris"]) == (back, [back])
    asked = {"client_id": known["client_id"], "redirect_uri": back, "response_type": "code", "scope": SCOPES}
    page = f"{rich.url}/oauth/authorize?{urlencode({**asked, 'state': 'a/b+c d'})}"
    location = rich.browser("ben").let_in(page).headers["Location"]
    assert location.startswith(back + "?")
    given = parse_qs(urlsplit(location).query)
    assert given["state"] == ["a/b+c d"]
    secret = {"client_id": known["client_id"], "client_secret": known["client_secret"]}
    sent = {
        **secret,
        "grant_type": "authorization_code",
        "code": given["code"][0],
        "redirect_uri": back,
        "scope": SCOPES,
    }
    assert faults(token(rich, json=sent), signed=False) == []


@pytest.mark.parametrize("way", ["query", "form", "json", "multipart", "basic and body"])
def test_mammoth_gets_a_token_however_it_asks(rich: University, way: str) -> None:
    """GTS#1331, ema#13, hollo#296: parameters in the query; the secret in Basic and in the body at once."""
    back = "mammoth://back"
    sent = grant(rich, app(rich, back), back)
    options: dict[str, dict[str, Any]] = {
        "query": {"params": sent},
        "form": {"data": sent},
        "json": {"json": sent},
        "multipart": {"files": {name: (None, value) for name, value in sent.items()}},
        "basic and body": {"data": sent, "auth": (sent["client_id"], sent["client_secret"])},
    }
    assert token(rich, **options[way])["token_type"] == "Bearer"


@pytest.mark.parametrize(
    "back",
    [
        "com.tapbots.Ivory.10217:/request_token/8AC1C8B0",
        "icecubesapp://",
        "oauth2redirect://com.keylesspalace.tusky/",
        "urn:ietf:wg:oauth:2.0:oob",
    ],
)
def test_ivory_may_come_back_to_a_scheme_of_its_own(rich: University, back: str) -> None:
    """ema#11: validators of web addresses refuse these."""
    assert app(rich, back)["redirect_uri"] == back


def test_apps_of_one_name_are_different_apps(rich: University) -> None:
    """ema#24: each registration has an id of its own."""
    first, second = (app(rich, "x://", "Ivory") for _ in range(2))
    assert first["id"] != second["id"]
    assert first["client_id"] != second["client_id"]


def test_ice_cubes_supports_the_instance(rich: University) -> None:
    """IceCubes#16, wildebeest#35: all limits of posts and polls; the version begins with a number."""
    instance = public(rich, "/api/v2/instance")
    limits = instance["configuration"]
    assert {"max_characters", "max_media_attachments", "characters_reserved_per_url"} <= limits["statuses"].keys()
    polls = ("max_options", "max_characters_per_option", "min_expiration", "max_expiration")
    assert all(isinstance(limits["polls"][name], int) for name in polls)
    assert limits["statuses"]["max_media_attachments"] >= 4
    assert limits["media_attachments"]["image_size_limit"] > 0
    assert {"image/png", "image/jpeg", "image/webp"} <= set(limits["media_attachments"]["supported_mime_types"])
    assert float(instance["version"][:3]) >= 4


def test_dawn_reads_the_instance(rich: University) -> None:
    """hollo#296: thumbnail, stats and max_featured_tags."""
    old, new = public(rich, "/api/v1/instance"), public(rich, "/api/v2/instance")
    assert old["thumbnail"].startswith("http")
    assert {"user_count", "status_count", "domain_count"} <= old["stats"].keys()
    assert isinstance(new["configuration"]["accounts"]["max_featured_tags"], int)
    assert new["thumbnail"]["url"].startswith("http")


def test_toot_for_ios_loads(rich: University, ben: Person) -> None:
    """GTS#513, toot#340: no empty picture, a token with created_at, times with .000Z, max_toot_chars a number."""
    back = "toot://"
    given = token(rich, data=grant(rich, app(rich, back), back))
    assert isinstance(given["created_at"], int)
    me = ben("GET", "/api/v1/accounts/verify_credentials")
    assert TIME.fullmatch(me["created_at"])
    assert me["created_at"].endswith("T00:00:00.000Z")
    for name in ("avatar", "avatar_static", "header", "header_static"):
        assert requests.get(me[name], timeout=30).status_code == 200
    assert isinstance(public(rich, "/api/v1/instance")["max_toot_chars"], int)


def test_tusky_finds_avatar_and_header_of_who_has_none(ben: Person) -> None:
    """Tusky#1559, Tusky#5113."""
    me = ben("GET", "/api/v1/accounts/verify_credentials")
    assert all(me[name].startswith("http") for name in ("avatar", "avatar_static", "header", "header_static"))


def test_tusker_and_tooty_decode_every_status(ben: Person) -> None:
    """GTS#1629, tooty#256: an address, and edited_at also where nothing was edited."""
    for status in ben("GET", "/api/v1/timelines/home?limit=40"):
        for one in (status, status["reblog"] or status):
            assert one["url"].startswith("http")
            assert "edited_at" in one


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/timelines/home?limit=40",
        "/api/v1/timelines/public?limit=40",
        "/api/v1/notifications?limit=80",
        "/api/v2/notifications?limit=80",
        "/api/v1/accounts/ADA/statuses?limit=40",
        "/api/v1/accounts/GROUP/statuses?limit=40",
        "/api/v1/favourites",
        "/api/v1/bookmarks",
        "/api/v1/conversations",
        "/api/v1/statuses/THREAD/context",
        "/api/v2/search?q=drift",
    ],
)
def test_ice_cubes_loses_no_page_to_one_entity(ben: Person, there: Filled, path: str) -> None:
    """IceCubes#2233: one status that can't be decoded fails the whole page, so each is checked."""
    path = path.replace("ADA", there.ada).replace("GROUP", there.group).replace("THREAD", there.thread)
    body = ben("GET", path)
    assert body
    assert faults(body) == []


@pytest.mark.parametrize(
    "path",
    ["/api/v1/nothing", "/api/v9/timelines/home", "/api/v1/statuses/none", "/api/v1/accounts/0", "/oauth/nothing"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_errors_are_json_and_never_pages(rich: University, method: str, path: str) -> None:
    """vutuv#1588: a page of HTML as error shows as a failure, or as nothing."""
    answer = requests.request(method, rich.url + path, headers={"Accept": "text/html"}, timeout=30)
    assert 400 <= answer.status_code < 500
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.json()["error"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/timelines/home",
        "/api/v1/timelines/public",
        "/api/v1/accounts/GROUP/statuses",
        "/api/v1/accounts/ADA/statuses",
        "/api/v1/notifications",
        "/api/v1/favourites",
        "/api/v1/accounts/GROUP/followers",
    ],
)
def test_every_page_comes_once(rich: University, ben: Person, there: Filled, path: str) -> None:
    """vutuv#1588, GTS#1807, go-mastodon#97, Mastodon.py#164: `next` is of the ids of the list, a number, and ends.

    Ice Cubes takes the cursor by the expression `max_id=[0-9]+`.
    """
    ben("POST", f"/api/v1/statuses/{there.quoted}/favourite")
    url: str | None = rich.url + path.replace("ADA", there.ada).replace("GROUP", there.group) + "?limit=2"
    seen: list[str] = []
    pages = 0
    while url is not None:
        answer = ben.session.get(url, headers=ben.headers, timeout=30)
        page = [one["id"] for one in answer.json()]
        assert not set(page) & set(seen)
        seen += page
        link = re.search(r'<([^>]+)>; rel="next"', answer.headers.get("Link", ""))
        assert link is None or page, "a next page of an empty one"
        assert link is None or re.search(r"[?&](max_id|offset)=[0-9]+(&|$)", link[1]), link
        assert link is None or "limit=2" in link[1]
        url = link[1] if link else None
        pages += 1
        assert pages < 40
    assert seen
    if "followers" not in path and "favourites" not in path:
        assert all(int(newer) > int(older) for newer, older in pairwise(seen))


def test_no_post_is_of_now(ben: Person) -> None:
    """vutuv#1565: times have milliseconds, or clients read none and show «now»."""
    for status in ben("GET", "/api/v1/timelines/home?limit=40"):
        assert TIME.fullmatch(status["created_at"])


def test_pictures_need_no_session(ben: Person, there: Filled) -> None:
    """vutuv#1618: avatars and what is attached are fetched without cookie and token."""
    status = ben("GET", f"/api/v1/statuses/{there.picture}")
    attached = status["media_attachments"][0]
    for address in (status["account"]["avatar"], status["account"]["header"], attached["url"], attached["preview_url"]):
        answer = requests.get(address, timeout=30)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("image/")


def test_counts_are_right_wherever_an_account_is_shown(
    rich: University, ben: Person, ada: Person, there: Filled
) -> None:
    """vutuv#1588: clients keep any account that they see, so a like must not show somebody with no posts."""
    counts = ("statuses_count", "followers_count", "following_count")
    whole = ben("GET", f"/api/v1/accounts/{there.ada}")
    assert whole["statuses_count"] > 0
    places = {
        "like": ben("POST", f"/api/v1/statuses/{there.poll}/favourite")["account"],
        "home": next(one for one in ben("GET", "/api/v1/timelines/home?limit=40") if one["account"]["id"] == there.ada)[
            "account"
        ],
        "search": ben("GET", "/api/v2/search?q=ada&type=accounts")["accounts"][0],
        "notification": next(one for one in ben("GET", "/api/v1/notifications") if one["account"]["id"] == there.ada)[
            "account"
        ],
        "follower": next(
            one for one in ben("GET", f"/api/v1/accounts/{there.ben}/followers") if one["id"] == there.ada
        ),
        "lookup": public(rich, "/api/v1/accounts/lookup?acct=ada"),
    }
    for place, account in places.items():
        assert [account[name] for name in counts] == [whole[name] for name in counts], place


def test_the_place_in_a_timeline_is_kept(ben: Person) -> None:
    """vutuv#1565: what is posted to markers is there again; another timeline's stays."""
    newest = ben("GET", "/api/v1/timelines/home?limit=1")[0]["id"]
    told = ben("GET", "/api/v1/notifications?limit=1")[0]["id"]
    ben("POST", "/api/v1/markers", {"home": {"last_read_id": newest}})
    ben("POST", "/api/v1/markers", {"notifications": {"last_read_id": told}})
    kept = ben("GET", "/api/v1/markers?timeline[]=home&timeline[]=notifications")
    assert (kept["home"]["last_read_id"], kept["notifications"]["last_read_id"]) == (newest, told)
    assert ben("GET", "/api/v1/markers?timeline=home").keys() == {"home"}


def test_phanpy_has_no_dot_that_stays(ben: Person) -> None:
    """hollo: both versions of notifications tell of the same ones, and their counts agree once all are read."""
    plain = ben("GET", "/api/v1/notifications?limit=80")
    grouped = ben("GET", "/api/v2/notifications?limit=80")["notification_groups"]
    assert sum(one["notifications_count"] for one in grouped) == len(plain)
    assert str(grouped[0]["most_recent_notification_id"]) == plain[0]["id"]
    assert {one["group_key"] for one in grouped} == {one["group_key"] for one in plain}
    ben("POST", "/api/v1/markers", {"notifications": {"last_read_id": plain[0]["id"]}})
    assert ben("GET", "/api/v1/notifications/unread_count")["count"] == 0
    assert ben("GET", "/api/v2/notifications/unread_count")["count"] == 0


def test_a_second_user_of_elk_does_not_log_out_the_first(rich: University) -> None:
    """nextcloud/social#2133: one app, many people, and one person at several machines."""
    back = "https://elk.example/back"
    known = app(rich, back)
    given = [token(rich, data=grant(rich, known, back, name))["access_token"] for name in ("ben", "chi", "ben")]
    assert len(set(given)) == 3
    names = [
        requests.get(
            f"{rich.url}/api/v1/accounts/verify_credentials", headers={"Authorization": f"Bearer {one}"}, timeout=30
        ).json()["acct"]
        for one in given
    ]
    assert names == ["ben", "chi", "ben"]


def test_the_api_is_at_the_root(rich: University) -> None:
    """nextcloud/social#2123: no client can be told of a prefix."""
    assert urlsplit(public(rich, "/api/v2/instance")["configuration"]["urls"]["streaming"]).path in ("", "/")
    server = public(rich, "/.well-known/oauth-authorization-server")
    assert server["authorization_endpoint"] == f"{rich.url}/oauth/authorize"
    assert server["app_registration_endpoint"] == f"{rich.url}/api/v1/apps"


def test_masto_js_verifies_an_app(rich: University, ben: Person) -> None:
    """masto.js#1317: the endpoint was missing."""
    assert ben("GET", "/api/v1/apps/verify_credentials")["name"] == "Tests"
    known = app(rich, "x://", "Robot")
    secret = {"client_id": known["client_id"], "client_secret": known["client_secret"]}
    given = token(rich, json={**secret, "grant_type": "client_credentials", "scope": "read"})
    headers = {"Authorization": f"Bearer {given['access_token']}"}
    told = requests.get(f"{rich.url}/api/v1/apps/verify_credentials", headers=headers, timeout=30).json()
    assert told["name"] == "Robot"


def test_whalebird_and_fedilab_know_what_this_is(rich: University) -> None:
    """whalebird#4488, GTS#521: an unknown name in NodeInfo, unless it says what it is compatible with."""
    links = public(rich, "/.well-known/nodeinfo")["links"]
    assert {one["rel"].rpartition("/")[2] for one in links} >= {"2.0"}
    for link in links:
        if link["rel"].endswith(("/2.0", "/2.1")):
            about = public(rich, urlsplit(link["href"]).path)
            assert about["metadata"]["upstream"]["name"] == "Mastodon"
            assert about["software"]["name"] == "fedi"
    assert public(rich, "/nodeinfo/2.0")["version"] == "2.0"


@pytest.mark.parametrize("way", ["form", "query", "json", "multipart"])
def test_subway_tooter_edits_a_list(ben: Person, there: Filled, way: str) -> None:
    """hollo: account_ids[] in whatever form, also in a DELETE."""
    made = ben("POST", "/api/v1/lists", {"title": way})
    path = f"{ben.url}/api/v1/lists/{made['id']}/accounts"
    pairs = [("account_ids[]", there.ada), ("account_ids[]", there.chi)]
    options: dict[str, dict[str, Any]] = {
        "form": {"data": pairs},
        "query": {"params": pairs},
        "json": {"json": {"account_ids": [there.ada, there.chi]}},
        "multipart": {"files": [(name, (None, value)) for name, value in pairs]},
    }
    for method, left in (("POST", {there.ada, there.chi}), ("DELETE", set())):
        answer = ben.session.request(method, path, headers=ben.headers, timeout=30, **options[way])
        assert answer.status_code == 200, answer.text
        assert {one["id"] for one in ben("GET", f"/api/v1/lists/{made['id']}/accounts")} == left


# What has no name in that list, and is decided in its section 0.


def test_a_slash_at_the_end_is_no_redirect(rich: University) -> None:
    """Mastodon.py asks `/api/v1/instance/` and, after two 404s, itself without an end; toot opens `/oauth/authorize/?…`."""
    for path in ("/api/v1/instance/", "/api/v2/instance/", "/api/v1/timelines/public/", "/oauth/authorize/"):
        answer = requests.get(rich.url + path, timeout=30, allow_redirects=False)
        assert not (answer.is_redirect and urlsplit(answer.headers["Location"]).path == path.rstrip("/")), path
        assert answer.status_code != 404, path
    answer = requests.post(f"{rich.url}/api/v1/apps/", {"client_name": "A", "redirect_uris": "x://"}, timeout=30)
    assert answer.status_code == 200


def test_the_authorise_page_lets_the_client_have_its_code(rich: University) -> None:
    """No form-action, which would stop the redirect without a word; no COOP, which would part a popup from its opener."""
    known = app(rich, "https://app.example/back")
    asked = {"client_id": known["client_id"], "redirect_uri": "https://app.example/back", "response_type": "code"}
    browser = rich.browser("ben")
    login = browser.open(f"{rich.url}/oauth/authorize?{urlencode(asked)}")
    page = browser.submit(login, name="ben", password="ben-password")
    assert BeautifulSoup(page.text, "html.parser").select_one("main form") is not None
    for one in (login, page):
        assert "form-action" not in one.headers.get("Content-Security-Policy", "")
        assert "Cross-Origin-Opener-Policy" not in one.headers


@pytest.mark.parametrize("number", range(3))
def test_every_word_for_yes_is_yes(ben: Person, there: Filled, number: int) -> None:
    """Booleans as 1, true, on; 0, false, off; as JSON and as text."""
    for yes, no in (("1", "0"), ("true", "false"), ("on", "off")):
        for word, wanted in ((yes, True), (no, False)):
            said = {"notify": word}
            options: dict[str, Any] = [{"data": said}, {"params": said}, {"json": said}][number]
            answer = ben.session.post(
                f"{ben.url}/api/v1/accounts/{there.ada}/follow", headers=ben.headers, timeout=30, **options
            )
            assert answer.json()["notifying"] is wanted, (word, options)


def test_actions_answer_with_what_changed(ben: Person, there: Filled) -> None:
    """The wrapper of a boost with the post in it; a deleted post with its text; `{}` for what is dismissed."""
    boost = ben("POST", f"/api/v1/statuses/{there.quoted}/reblog")
    assert boost["reblog"]["id"] == there.quoted
    assert boost["id"] != there.quoted
    assert ben("POST", f"/api/v1/statuses/{there.quoted}/unreblog")["id"] == there.quoted
    made = ben.post("Delete and redraft", spoiler_text="again")
    gone = ben("DELETE", f"/api/v1/statuses/{made}")
    assert (gone["text"], gone["spoiler_text"]) == ("Delete and redraft", "again")
    told = ben("GET", "/api/v1/notifications?limit=1")[0]["id"]
    assert ben("POST", f"/api/v1/notifications/{told}/dismiss") == {}
    assert ben("POST", "/api/v1/notifications/clear") == {}


def test_rate_limit_headers_are_on_every_answer(ben: Person) -> None:
    """Integers, and a time that ends with a fraction and Z."""
    answer = ben.session.get(f"{ben.url}/api/v1/timelines/home", headers=ben.headers, timeout=30)
    assert answer.headers["X-RateLimit-Limit"].isdigit()
    assert answer.headers["X-RateLimit-Remaining"].isdigit()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", answer.headers["X-RateLimit-Reset"])


def test_an_upload_by_v1_is_ready_at_once(ben: Person) -> None:
    """Elk posts the picture in the next request."""
    made = ben("POST", "/api/v1/media", files={"file": ("a.png", png(), "image/png")})
    assert made["url"]
    assert made["meta"]["original"]["width"] == 64
    shown = ben("POST", "/api/v1/statuses", {"status": "", "media_ids": [made["id"]]})
    assert [one["id"] for one in shown["media_attachments"]] == [made["id"]]
