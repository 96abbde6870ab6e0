"""OAuth as clients use it, and as attackers do."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from storage import apps
from storage.actors import Actor
from tests.conftest import Clock
from tests.fedi.mastodon.conftest import Answer, Api

BACK = "https://app.example/back?x=%2F"
OOB = "urn:ietf:wg:oauth:2.0:oob"
VERIFIER = "a-verifier-of-43-characters-or-more-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite alone: the queries that differ on PostgreSQL are in `test_codes`."""
    return sqlite_url


def asked(**values: str) -> dict[str, str]:
    """The query of the authorise page, as an app writes it."""
    return {"response_type": "code", "client_id": "client", "redirect_uri": BACK, "scope": "read write", **values}


async def answered(api: Api, person: Actor, **values: str) -> Answer:
    """What comes back when this person says yes (or `decision`)."""
    return await api.post("/oauth/authorize", form=asked(**values), cookie=await api.cookie(person))


def returned(answer: Answer) -> dict[str, str]:
    """What the app learns from the redirect."""
    assert answer.status == 302, answer.body
    location = answer.headers["location"]
    assert location.startswith(BACK), location
    return {name: value[0] for name, value in parse_qs(urlsplit(location).query).items() if name != "x"}


async def exchanged(api: Api, code: str, **values: str) -> Answer:
    """What the app gets for a code."""
    form = {
        "grant_type": "authorization_code",
        "client_id": "client",
        "client_secret": "secret",
        "code": code,
        "redirect_uri": BACK,
        **values,
    }
    return await api.post("/oauth/token", form=form)


# Registering.


@pytest.mark.parametrize(
    "uris",
    [
        "icecubesapp://",
        "com.tapbots.Ivory.10217:/request_token/1-2",
        "oauth2redirect://com.keylesspalace.tusky/",
        OOB,
        "https://elk.example/api/x/oauth/http%3A%2F%2Flocalhost%3A5314",
    ],
)
@pytest.mark.parametrize("form", ["form", "json", "query", "list"])
async def test_apps_register_in_any_form(api: Api, uris: str, form: str) -> None:
    said: dict[str, Any] = {"client_name": "An app", "redirect_uris": uris, "scopes": "read write", "website": ""}
    if form == "query":
        answer = await api.post("/api/v1/apps?" + urlencode(said))
    elif form == "list":
        answer = await api.post("/api/v1/apps/", json={**said, "redirect_uris": [uris]})
    else:
        answer = await api.post(
            "/api/v1/apps", form=said if form == "form" else None, json=said if form == "json" else None
        )
    assert answer.status == 200, answer.body
    app = answer.json
    assert app["redirect_uri"] == uris
    assert app["redirect_uris"] == [uris]
    assert app["scopes"] == ["read", "write"]
    assert app["id"].isdigit()
    assert app["client_secret_expires_at"] == 0
    assert len(app["vapid_key"]) == 87  # a point of P-256 in base64url


async def test_the_same_name_twice_is_two_apps(api: Api) -> None:
    said = {"client_name": "Twice", "redirect_uris": OOB}
    one, other = [(await api.post("/api/v1/apps", form=said)).json for _ in range(2)]
    assert one["client_id"] != other["client_id"]
    assert one["id"] != other["id"]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"client_name": "x"},
        {"redirect_uris": OOB},
        {"client_name": " ", "redirect_uris": OOB},
        {"client_name": "x", "redirect_uris": "javascript:alert(1)"},
        {"client_name": "x", "redirect_uris": "/relative"},
        {"client_name": "x", "redirect_uris": "https://a.example/#fragment"},
        {"client_name": "x", "redirect_uris": "https://a.example/\u00e9"},
        {"client_name": "x", "redirect_uris": OOB, "scopes": "read everything"},
        {"client_name": "x", "redirect_uris": OOB, "website": "javascript:alert(1)"},
        {"client_name": "x" * 100, "redirect_uris": OOB},
    ],
)
async def test_apps_that_cant_be_registered(api: Api, said: dict[str, str]) -> None:
    answer = await api.post("/api/v1/apps", form=said)
    assert answer.status == 422
    assert answer.error.startswith("Validation failed")


# The page.


async def test_who_is_not_logged_in_comes_back_with_the_same_query(api: Api) -> None:
    query = urlencode(asked(state="a b&c=d"))
    answer = await api.get(f"/oauth/authorize?{query}")
    assert answer.status == 302
    login = urlsplit(answer.headers["location"])
    assert login.path == "/login"
    assert parse_qs(login.query)["next"] == [f"/oauth/authorize?{query}"]


async def test_the_page_and_its_headers(api: Api, ada: Actor) -> None:
    answer = await api.get(f"/oauth/authorize/?{urlencode(asked())}", cookie=await api.cookie(ada))
    assert answer.status == 200
    page = answer.body.decode()
    assert "Tests" in page
    assert 'name="client_id" value="client"' in page
    # Either of these makes web clients hang at the redirect or the popup, without a word.
    assert "form-action" not in answer.headers["content-security-policy"]
    assert "cross-origin-opener-policy" not in answer.headers


async def test_scopes_are_asked_for_in_words(api: Api, ada: Actor) -> None:
    wanted = "read:statuses write:media push admin:read:domain_blocks"
    page = await api.get(f"/oauth/authorize?{urlencode(asked(scope=wanted))}", cookie=await api.cookie(ada))
    said = page.body.decode()
    for words in (
        "read your statuses",
        "change your media",
        "send you notifications",
        "read the server&#39;s domain blocks",
    ):
        assert f"<li>{words}</li>" in said, words


async def test_yes_sends_the_code_and_the_state_to_the_exact_uri(api: Api, ada: Actor) -> None:
    answer = await answered(api, ada, state="x/y z&ä")
    assert answer.headers["location"].startswith(BACK + "&code=")
    assert returned(answer)["state"] == "x/y z&ä"
    assert returned(answer)["code"]


async def test_an_encoded_redirect_uri_stays_as_it_is(api: Api, ada: Actor) -> None:
    # Elk's: the address of its user's server, encoded, is the last segment of the path.
    uri = "https://elk.example/api/x/oauth/http%3A%2F%2Flocalhost%3A5314"
    app = (
        await api.post(
            "/api/v1/apps", json={"client_name": "Elk", "redirect_uris": uri, "scopes": "read write follow push"}
        )
    ).json
    answer = await answered(api, ada, client_id=app["client_id"], redirect_uri=uri)
    assert answer.headers["location"].startswith(f"{uri}?code=")


async def test_no_sends_an_error(api: Api, ada: Actor) -> None:
    answer = await answered(api, ada, decision="deny", state="s")
    assert returned(answer)["error"] == "access_denied"
    assert returned(answer)["state"] == "s"


async def test_out_of_band_shows_the_code(api: Api, ada: Actor) -> None:
    answer = await answered(api, ada, redirect_uri=OOB)
    assert answer.headers["location"].startswith("/oauth/authorize/native?code=")
    page = await api.get(answer.headers["location"])
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    assert code in page.body.decode()
    assert (await exchanged(api, code, redirect_uri=OOB)).status == 200


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"client_id": "nobody"}, 401),
        ({"redirect_uri": "https://evil.example/"}, 400),
        ({"redirect_uri": "https://app.example/back?x=/"}, 400),
        ({"redirect_uri": BACK + "x"}, 400),
        ({"redirect_uri": ""}, 400),
    ],
)
async def test_an_unknown_app_or_address_is_never_followed(
    api: Api, ada: Actor, values: dict[str, str], status: int
) -> None:
    cookie = await api.cookie(ada)
    for answer in (
        await api.get(f"/oauth/authorize?{urlencode(asked(**values))}", cookie=cookie),
        await api.post("/oauth/authorize", form=asked(**values), cookie=cookie),
    ):
        assert answer.status == status
        assert "location" not in answer.headers
        assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "read nonsense"}, "invalid_scope"),
        ({"code_challenge": "x", "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "x"}, "invalid_request"),
        ({"code_challenge_method": "S256"}, "invalid_request"),
    ],
)
async def test_what_the_app_can_have_is_told_to_it(api: Api, ada: Actor, values: dict[str, str], error: str) -> None:
    answer = await api.get(f"/oauth/authorize?{urlencode(asked(state='s', **values))}", cookie=await api.cookie(ada))
    assert returned(answer)["error"] == error
    assert returned(answer)["state"] == "s"


async def test_scopes_beyond_those_registered_are_refused(api: Api, ada: Actor) -> None:
    app = (
        await api.post("/api/v1/apps", form={"client_name": "R", "redirect_uris": BACK, "scopes": "read:statuses"})
    ).json
    answer = await answered(api, ada, client_id=app["client_id"], scope="read")
    assert returned(answer)["error"] == "invalid_scope"
    answer = await answered(api, ada, client_id=app["client_id"], scope="read:statuses")
    assert "code" in returned(answer)


async def test_another_site_cant_say_yes(api: Api, ada: Actor) -> None:
    cookie = await api.cookie(ada)
    for headers in ({"sec_fetch_site": "cross-site"}, {"origin": "https://evil.example"}, {"origin": "null"}):
        answer = await api.post("/oauth/authorize", form=asked(), cookie=cookie, **headers)
        assert answer.status == 403
        assert "location" not in answer.headers


async def test_admin_scopes_are_for_those_with_the_role(api: Api, ada: Actor) -> None:
    chief = await api.person("chief", role="admin")
    for person, scope in ((ada, "read"), (chief, "read admin:read")):
        code = returned(await answered(api, person, scope="read admin:read"))["code"]
        assert (await exchanged(api, code)).json["scope"] == scope


# Tokens.


@pytest.mark.parametrize("form", ["form", "json", "query", "basic", "both"])
async def test_a_code_becomes_a_token_in_any_form(api: Api, ada: Actor, form: str) -> None:
    code = returned(await answered(api, ada))["code"]
    said = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    secret = {"client_id": "client", "client_secret": "secret"}
    basic = {"authorization": "Basic " + base64.b64encode(b"client:secret").decode()}
    if form == "query":
        answer = await api.post("/oauth/token?" + urlencode({**said, **secret}))
    elif form == "basic":
        answer = await api.post("/oauth/token", form=said, **basic)
    elif form == "both":
        answer = await api.post("/oauth/token", form={**said, **secret}, **basic)
    else:
        whole = {**said, **secret}
        answer = await api.post(
            "/oauth/token", form=whole if form == "form" else None, json=whole if form == "json" else None
        )
    assert answer.status == 200, answer.body
    token = answer.json
    assert token["token_type"] == "Bearer"
    assert token["scope"] == "read write"
    assert isinstance(token["created_at"], int)
    assert answer.headers["cache-control"] == "no-store"
    me = await api.get("/api/v1/accounts/verify_credentials", token["access_token"])
    assert me.json["username"] == "ada"


@pytest.mark.parametrize(
    ("values", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"redirect_uri": OOB}, 400, "invalid_grant"),
        ({"code": "guess"}, 400, "invalid_grant"),
        ({"code_verifier": "x"}, 400, "invalid_grant"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "unsupported_grant_type"),
    ],
)
async def test_tokens_that_are_not_given(api: Api, ada: Actor, values: dict[str, str], status: int, error: str) -> None:
    code = returned(await answered(api, ada))["code"]
    answer = await exchanged(api, **{"code": code, **values})
    assert answer.status == status
    assert answer.error == error
    assert answer.json["error_description"]


async def test_another_apps_code_is_refused(api: Api, ada: Actor) -> None:
    other = (
        await api.post("/api/v1/apps", form={"client_name": "O", "redirect_uris": BACK, "scopes": "read write"})
    ).json
    code = returned(await answered(api, ada, client_id=other["client_id"]))["code"]
    assert (await exchanged(api, code)).error == "invalid_grant"


async def test_a_code_is_good_for_ten_minutes(api: Api, ada: Actor, clock: Clock) -> None:
    code = returned(await answered(api, ada))["code"]
    clock.pass_(seconds=601)
    assert (await exchanged(api, code)).error == "invalid_grant"


async def test_pkce(api: Api, ada: Actor) -> None:
    proof = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    code = returned(await answered(api, ada, **proof))["code"]
    assert (await exchanged(api, code, code_verifier=VERIFIER)).status == 200
    for wrong in ({}, {"code_verifier": "other"}, {"code_verifier": CHALLENGE}):
        code = returned(await answered(api, ada, **proof))["code"]
        assert (await exchanged(api, code, **wrong)).error == "invalid_grant"


async def test_two_logins_are_two_tokens(api: Api, ada: Actor, ben: Actor) -> None:
    tokens = [
        (await exchanged(api, returned(await answered(api, person))["code"])).json["access_token"]
        for person in (ada, ben, ada)
    ]
    names = [(await api.get("/api/v1/accounts/verify_credentials", one)).json["username"] for one in tokens]
    assert names == ["ada", "ben", "ada"]


async def test_revocation(api: Api, ada: Actor) -> None:
    secret = {"client_id": "client", "client_secret": "secret"}
    token = await api.token(ada)
    other = (await api.post("/api/v1/apps", form={"client_name": "O", "redirect_uris": BACK})).json
    theirs = {name: other[name] for name in ("client_id", "client_secret")}
    assert (await api.post("/oauth/revoke", form={**theirs, "token": token})).status == 403
    assert (await api.post("/oauth/revoke", form={"client_id": "client", "token": token})).status == 403
    assert (await api.get("/api/v1/timelines/home", token)).status == 200
    assert (await api.post("/oauth/revoke", json={**secret, "token": token})).json == {}
    gone = await api.get("/api/v1/timelines/home", token)
    assert (gone.status, gone.error) == (401, "The access token was revoked")
    assert (await api.post("/oauth/revoke", form={**secret, "token": token})).status == 200


async def test_secrets_are_not_kept(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    found = await api.site.db.read(lambda tx: apps.bearer(tx, token))
    assert found is not None
    assert token not in repr(found)


async def test_metadata(api: Api) -> None:
    told = (await api.get("/.well-known/oauth-authorization-server")).json
    assert told["issuer"] == "https://alpha.example/"
    assert told["token_endpoint"] == "https://alpha.example/oauth/token"
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert "read:statuses" in told["scopes_supported"]
    assert "password" not in told["grant_types_supported"]


async def test_userinfo(api: Api, ada: Actor) -> None:
    told = (await api.get("/oauth/userinfo", await api.token(ada, "profile"))).json
    assert told["sub"] == ada.iri
    assert told["preferred_username"] == "ada"
    assert (await api.get("/oauth/userinfo", await api.token(ada, "write"))).status == 403


# Tokens at work.


@pytest.mark.parametrize(
    ("header", "status", "text"),
    [
        (None, 401, "This method requires an authenticated user"),
        ("Bearer nonsense", 401, "The access token is invalid"),
        ("Bearer", 401, "The access token is invalid"),
    ],
)
async def test_without_a_good_token(api: Api, header: str | None, status: int, text: str) -> None:
    answer = await api.get("/api/v1/timelines/home", **({"authorization": header} if header else {}))
    assert (answer.status, answer.error) == (status, text)
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/api/v1/timelines/home", "write"),
        ("POST", "/api/v1/statuses", "read"),
        ("GET", "/api/v1/accounts/verify_credentials", "write follow push"),
        ("POST", "/api/v1/accounts/1/follow", "read"),
        ("GET", "/api/v1/notifications", "read:statuses"),
        ("POST", "/api/v1/statuses/1/favourite", "write:bookmarks"),
        ("GET", "/api/v1/lists", "read:filters"),
        ("GET", "/api/v1/timelines/public", "write"),
        ("PATCH", "/api/v1/accounts/update_credentials", "profile"),
        ("POST", "/api/v1/markers", "read"),
        ("GET", "/api/v1/push/subscription", "read"),
        ("GET", "/api/v2/search?q=x", "read:accounts"),
        ("DELETE", "/api/v1/statuses/1", "write:media"),
        ("GET", "/api/v1/follow_requests", "write:follows"),
    ],
)
async def test_a_scope_too_small_is_403(api: Api, ada: Actor, method: str, path: str, scope: str) -> None:
    answer = await api.ask(method, path, await api.token(ada, scope))
    assert answer.status == 403
    assert answer.error == "This action is outside the authorized scopes"


async def test_scopes_contain_others(api: Api, ada: Actor) -> None:
    for scope, path in (("read:statuses", "timelines/home"), ("read", "timelines/home"), ("follow", "blocks")):
        assert (await api.get(f"/api/v1/{path}", await api.token(ada, scope))).status == 200
    assert (await api.get("/api/v1/accounts/verify_credentials", await api.token(ada, "profile"))).status == 200


async def test_a_token_in_the_query(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    assert (await api.get(f"/api/v1/accounts/verify_credentials?access_token={token}")).json["username"] == "ada"


async def test_a_suspended_person_is_out_at_once(api: Api, ada: Actor) -> None:
    from fedi.actions import people

    token = await api.token(ada)
    await api.site.db.write(lambda tx: people.suspend(tx, api.site, ada))
    assert (await api.get("/api/v1/timelines/home", token)).status == 401
    fresh = await api.get("/api/v1/timelines/home", await api.token(ada))
    assert (fresh.status, fresh.error) == (403, "Your login is currently disabled")


async def test_who_waits_for_approval_waits(api: Api) -> None:
    waiting = await api.person("dan", state="pending")
    answer = await api.get("/api/v1/timelines/home", await api.token(waiting))
    assert (answer.status, answer.error) == (403, "Your login is currently pending approval")


async def test_an_apps_own_token_is_no_person(api: Api) -> None:
    own = (
        await api.post(
            "/oauth/token", form={"grant_type": "client_credentials", "client_id": "client", "client_secret": "secret"}
        )
    ).json
    assert own["scope"] == "read"
    assert (await api.get("/api/v1/apps/verify_credentials", own["access_token"])).json["name"] == "Tests"
    answer = await api.get("/api/v1/timelines/home", own["access_token"])
    assert (answer.status, answer.error) == (422, "This method requires an authenticated user")
    assert (await api.get("/api/v1/timelines/public", own["access_token"])).status == 200
