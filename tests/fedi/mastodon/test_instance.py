"""What the instance tells of itself, how answers go out, trends, oEmbed, and what is asked for and not offered."""

import gzip
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from fedi.actions import reactions
from fedi.app import build
from fedi.compression import has_already
from fedi.mastodon.answers import Json
from fedi.mastodon.sending import whole
from storage import actors, cards, peers, posts
from storage.actors import Actor
from storage.cards import Card
from tests.conftest import Clock
from tests.fedi.mastodon.conftest import Answer, Api
from tests.storage import rows


def with_settings(api: Api, **changed: Any) -> Api:
    """The same instance with other settings."""
    from dataclasses import replace

    site = replace(api.site, config=msgspec.structs.replace(api.site.config, **changed))
    return Api(build(site.config, site=site, worker=False), site, api.client)


async def test_instance_has_what_clients_insist_on(api: Api) -> None:
    rules = ("Be kind.", "No advertising.")
    api = with_settings(api, rules=rules, languages=("de", "en"), registrations="approval", contact="a@alpha.example")
    await api.person("boss", role="admin")
    second, first = (await api.get("/api/v2/instance/")).json, (await api.get("/api/v1/instance/")).json
    assert second["languages"] == first["languages"] == ["de", "en"]
    expected = [{"id": str(at), "text": text, "hint": "", "translations": {}} for at, text in enumerate(rules, 1)]
    assert second["rules"] == first["rules"] == (await api.get("/api/v1/instance/rules")).json == expected
    assert second["registrations"]["approval_required"] is first["approval_required"] is True
    assert second["contact"]["email"] == first["email"] == "a@alpha.example"
    assert second["contact"]["account"]["username"] == first["contact_account"]["username"] == "boss"
    assert second["version"][:3].replace(".", "").isdigit()
    for name in ("statuses", "media_attachments", "polls", "accounts"):
        assert second["configuration"][name] == first["configuration"][name]
    assert second["configuration"]["polls"].keys() == {
        "max_options", "max_characters_per_option", "min_expiration", "max_expiration",
    }  # fmt: skip
    assert first["thumbnail"] == second["thumbnail"]["url"]
    for picture in (first["thumbnail"], *(one["src"] for one in second["icon"])):
        answer = await api.get(picture.removeprefix("https://alpha.example"))
        assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    assert first["urls"]["streaming_api"].startswith("wss://")
    assert first["stats"].keys() == {"user_count", "status_count", "domain_count"}


async def test_policies(api: Api, tmp_path: Path) -> None:
    assert (await api.get("/api/v1/instance/privacy_policy")).json["content"] == ""
    assert (await api.get("/api/v2/instance")).json["configuration"]["urls"]["privacy_policy"] is None
    file = tmp_path / "privacy.txt"
    file.write_text("We keep little.\n\n<script>", "utf-8")
    told = with_settings(api, privacy_policy=file, description="A place.")
    shown = (await told.get("/api/v1/instance/privacy_policy")).json
    assert shown["content"] == "<p>We keep little.</p><p>&lt;script&gt;</p>"
    assert shown["updated_at"].endswith("Z")
    assert "We keep little." in (await told.get("/about")).body.decode()
    assert (await told.get("/api/v1/instance/extended_description")).json["content"] == "<p>A place.</p>"
    for path in ("", "/2026-01-01", "/x"):
        answer = await api.get(f"/api/v1/instance/terms_of_service{path}")
        assert (answer.status, answer.error) == (404, "Record not found")


async def test_languages_and_the_rest(api: Api) -> None:
    found = {one["code"]: one["name"] for one in (await api.get("/api/v1/instance/languages")).json}
    assert (found["de"], found["zh"], len(found) > 180) == ("German", "Chinese", True)
    assert (await api.get("/api/v1/instance/translation_languages")).json == {}
    assert (await api.get("/api/v1/custom_emojis")).json == []


async def test_weeks_are_counted(api: Api, clock: Clock) -> None:
    ada = await api.person("ada")
    await api.publish(ada, "this week")
    clock.pass_(days=7)
    ben = await api.person("ben")
    await api.token(ben)
    for number in range(3):
        await api.publish(ben, f"next week {number}")
    weeks = (await api.get("/api/v1/instance/activity")).json
    assert len(weeks) == 12
    assert all(isinstance(value, str) for week in weeks for value in week.values())
    assert [(one["statuses"], one["logins"], one["registrations"]) for one in weeks[:3]] == [
        ("3", "1", "1"), ("1", "0", "1"), ("0", "0", "0"),
    ]  # fmt: skip
    starts = [int(one["week"]) for one in weeks]
    assert all(one % 86_400 == 0 and (one // 86_400 + 3) % 7 == 0 for one in starts)  # Mondays
    assert {one - other for one, other in pairwise(starts)} == {7 * 86_400}


async def test_hosts_by_their_beginning(api: Api) -> None:
    def unit(tx: Any) -> None:
        for host in ("uni-a.example", "uni-b.example", "school.example", "uni-bad.example"):
            peers.meet(tx, host, 1)
        peers.change(tx, "uni-bad.example", stance="blocked")

    await api.site.db.write(unit)
    assert (await api.get("/api/v1/peers/search?q=UNI")).json == ["uni-a.example", "uni-b.example"]
    for nothing in ("", "?q=", "?q=%25", "?q=zzz"):
        assert (await api.get(f"/api/v1/peers/search{nothing}")).json == []
    assert "uni-bad.example" not in (await api.get("/api/v1/instance/peers")).json


def decoded(answer: Answer) -> Any:
    """The JSON of a compressed answer."""
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) == len(answer.body)
    return msgspec.json.decode(gzip.decompress(answer.body))


async def test_answers_are_compressed_for_who_takes_it(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    for _ in range(3):
        await api.publish(ada, "long " * 100)
    plain = await api.get("/api/v1/timelines/home", token)
    assert "content-encoding" not in plain.headers
    assert "accept-encoding" in plain.headers["vary"].lower()
    packed = await api.get("/api/v1/timelines/home", token, accept_encoding="br, gzip;q=0.8")
    assert decoded(packed) == plain.json
    assert packed.headers["cache-control"] == "private, no-store"
    for refused in ("", "br", "gzip;q=0", "gzip;q=0.0, br", "identity", "gzipped"):
        answer = await api.get("/api/v1/timelines/home", token, accept_encoding=refused)
        assert "content-encoding" not in answer.headers, refused
    for small in ("/api/v1/markers?timeline[]=home", "/api/v1/nothing"):
        assert "content-encoding" not in (await api.get(small, token, accept_encoding="gzip")).headers
    assert decoded(await api.get("/api/v2/instance", accept_encoding="gzip, deflate"))["domain"] == "alpha.example"


def test_what_a_cookie_opens_is_not_compressed() -> None:
    """Its length would tell what is in it to who makes a browser ask (BREACH)."""

    def sent(path: str) -> dict[bytes, bytes]:
        scope = {"type": "http", "method": "GET", "path": path, "headers": [(b"accept-encoding", b"gzip")]}
        answer = whole(scope, Json({"secret": "x" * 3000}), tagged=True)
        assert answer is not None
        _, headers, _ = answer.form(scope)
        return dict(headers)

    assert sent("/api/v1/apps")[b"content-encoding"] == b"gzip"
    for path in ("/oauth/authorize", "/oauth/token", "/oauth/userinfo"):
        assert b"content-encoding" not in sent(path), path


async def test_etag(api: Api) -> None:
    first = await api.get("/api/v2/instance")
    tag = first.headers["etag"]
    assert first.headers["cache-control"].startswith("public")
    for said in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
        again = await api.get("/api/v2/instance", if_none_match=said)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag), said
        assert "content-length" not in again.headers
        assert again.headers["access-control-allow-origin"] == "*"
    assert (await api.get("/api/v2/instance", if_none_match='"x"')).status == 200
    assert (await api.get("/api/v2/instance", if_none_match=tag, accept_encoding="gzip")).status == 304
    assert not has_already("", tag)
    # What is for one person alone has none, and is kept nowhere.
    token = await api.token(await api.person("ada"))
    assert "etag" not in (await api.get("/api/v1/preferences", token)).headers


async def test_every_answer_has_a_name(api: Api, ada: Actor) -> None:
    given = [(await api.get("/api/v2/instance")).headers["x-request-id"] for _ in range(2)]
    assert len(set(given)) == 2
    named = await api.get("/api/v1/nothing", x_request_id="proxy-1234567")
    assert named.headers["x-request-id"] == "proxy-1234567"
    assert "x-request-id" in named.headers["access-control-expose-headers"].lower()
    bad = await api.get("/api/v1/nothing", x_request_id="a b<script>")
    assert bad.headers["x-request-id"] != "a b<script>"


@pytest.mark.parametrize(
    "path", ["/api/x", "/oauth/x", "/.well-known/x", "/nodeinfo/x", "/nodeinfo/9.9", "/.well-known/a/b"]
)
async def test_unknown_paths_answer_programs(api: Api, path: str) -> None:
    answer = await api.get(path, accept="text/html")
    assert (answer.status, answer.error) == (404, "Not found")
    assert answer.headers["access-control-allow-origin"] == "*"
    asked = await api.ask("OPTIONS", path, origin="https://app.example", access_control_request_method="GET")
    assert (asked.status, asked.headers["access-control-allow-origin"]) == (200, "*")


async def test_what_detectors_read(api: Api) -> None:
    found = (await api.get("/nodeinfo/2.0")).json
    assert (found["version"], found["software"]["name"]) == ("2.0", "fedi")
    assert found["metadata"]["upstream"] == {"name": "Mastodon"}
    assert b"/.well-known/webfinger?resource={uri}" in (await api.get("/.well-known/host-meta")).body
    for path in ("/nodeinfo/2.0", "/.well-known/host-meta", "/.well-known/nodeinfo"):
        assert (await api.get(path)).headers["access-control-allow-origin"] == "*"
    head = await api.ask("HEAD", "/api/v2/instance")
    assert head.status == 200
    wrong = await api.ask("DELETE", "/api/v2/instance")
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET")


async def test_hashtags_trend_by_people(api: Api, ada: Actor, ben: Actor, clock: Clock) -> None:
    for _ in range(5):
        await api.publish(ada, "#alone again")
    for one in (ada, ben):
        await api.publish(one, "#together")
        await api.publish(one, "#hushed", visibility="unlisted")
    shown = (await api.get("/api/v1/trends/tags")).json
    assert [one["name"] for one in shown] == ["together"]
    assert shown[0]["history"][0] == {"day": shown[0]["history"][0]["day"], "uses": "2", "accounts": "2"}
    assert (await api.get("/api/v1/trends")).json == shown
    token = await api.token(ada)
    assert (await api.get("/api/v1/trends/tags", token)).json[0]["following"] is False
    assert (await api.get("/api/v1/trends/tags?offset=1")).json == []
    assert (await api.get("/api/v1/trends/tags?limit=1")).link("next") == "/api/v1/trends/tags?limit=1&offset=1"
    assert (await with_settings(api, trends=False).get("/api/v1/trends/tags")).json == []
    clock.pass_(days=8)
    assert (await api.get("/api/v1/trends/tags")).json == []


async def test_statuses_and_links_that_trend(api: Api, ada: Actor, ben: Actor) -> None:
    chi = await api.person("chi")
    post, quiet, warned = [await api.publish(ada, word) for word in ("loved", "quiet", "warned")]
    await api.site.db.write(lambda tx: posts.change(tx, warned.id, sensitive=True))

    def like(tx: Any) -> None:
        for one in (ben, chi):
            for liked in (post, warned):
                reactions.like(tx, api.site, one, liked)
        reactions.like(tx, api.site, ben, quiet)
        url = "https://news.example/1"
        cards.save(tx, Card(url, "ready", "News", "What is new", {}, 1))
        for author in (ada, ben):
            made = rows_post(tx, author)
            posts.change(tx, made, card_url=url)

    def rows_post(tx: Any, author: Actor) -> int:
        found = posts.of_author(tx, author.id)
        return found[-1].id

    await api.publish(ben, "see https://news.example/1")
    await api.site.db.write(like)
    shown = (await api.get("/api/v1/trends/statuses")).json
    assert [one["id"] for one in shown] == [str(post.id)]
    [link] = (await api.get("/api/v1/trends/links")).json
    assert (link["url"], link["title"], link["type"]) == ("https://news.example/1", "News", "link")
    assert (link["history"][0]["uses"], link["history"][0]["accounts"], len(link["history"])) == ("2", "2", 7)
    token = await api.token(chi)
    await api.post(f"/api/v1/accounts/{ada.id}/mute", token)
    assert (await api.get("/api/v1/trends/statuses", token)).json == []


async def test_authors_who_do_not_want_to_be_found_make_no_trend(api: Api, ada: Actor, ben: Actor) -> None:
    for one in (ada, ben):
        await api.publish(one, "#together")
    await api.site.db.write(lambda tx: actors.change(tx, ada.id, discoverable=False))
    assert (await api.get("/api/v1/trends/tags")).json == []


async def test_oembed(api: Api, ada: Actor) -> None:
    post = await api.publish(ada, "<b>hello</b> there")
    shown = (await api.get(f"/api/oembed?url={quote(post.url)}&maxwidth=200")).json
    assert (shown["type"], shown["version"], shown["author_name"], shown["width"]) == ("rich", "1.0", "ada", 200)
    assert "&lt;b&gt;hello&lt;/b&gt; there" in shown["html"]
    assert "<script" not in shown["html"]
    hidden = await api.publish(ada, "x", visibility="followers")
    far = await api.site.db.write(lambda tx: rows.actor(tx, "dora", "far.example"))
    for nothing in (hidden.url, far.iri, "https://alpha.example/", "x", "https://[", "https://alpha.example.evil/x"):
        assert (await api.get(f"/api/oembed?url={quote(nothing)}")).status == 404, nothing
    assert (await api.get("/api/oembed")).status == 422


EMPTY: list[tuple[str, str, int, Any]] = [
    ("GET", "/api/v1/accounts/ID/collections", 200, {"collections": []}),
    ("GET", "/api/v1/accounts/ID/in_collections", 200, {"collections": []}),
    ("GET", "/api/v1/accounts/1/collections", 404, None),
    ("POST", "/api/v1/collections", 403, None),
    ("GET", "/api/v1/collections/1", 404, None),
    ("PATCH", "/api/v1/collections/1", 404, None),
    ("DELETE", "/api/v1/collections/1", 404, None),
    ("POST", "/api/v1/collections/1/items", 404, None),
    ("DELETE", "/api/v1/collections/1/items/2", 404, None),
    ("POST", "/api/v1/collections/1/items/2/revoke", 404, None),
    ("GET", "/api/v1/annual_reports", 200, {"annual_reports": [], "accounts": [], "statuses": []}),
    ("GET", "/api/v1/annual_reports/2025", 404, None),
    ("GET", "/api/v1/annual_reports/2025/state", 200, {"state": "ineligible"}),
    ("POST", "/api/v1/annual_reports/2025/generate", 404, None),
    ("POST", "/api/v1/annual_reports/2025/read", 404, None),
    ("GET", "/api/v1_alpha/async_refreshes/abc", 404, None),
    ("POST", "/api/v1/emails/confirmations", 403, None),
    ("GET", "/api/v1/emails/check_confirmation", 200, True),
    ("GET", "/api/v1/timelines/direct", 200, []),
]


async def test_what_is_not_offered_has_its_shape(api: Api, ada: Actor) -> None:
    token = await api.token(ada)
    for method, path, status, body in EMPTY:
        answer = await api.ask(method, path.replace("ID", str(ada.id)), token)
        assert answer.status == status, path
        if status == 200:
            assert answer.json == body, path
        else:
            assert answer.error
    assert (await api.get("/api/v1/donation_campaigns?platform=android")).status == 204
    assert (await api.get("/health")).body == b"OK"
