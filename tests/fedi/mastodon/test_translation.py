"""Translation: by the engine that the operator names, of what everyone may read, and what comes back of a hostile one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from federation.errors import Unreachable
from federation.transport import Response
from fedi.config import Config, ConfigError, Translation
from storage.actors import Actor
from storage.posts import Post
from tests.fedi.mastodon.conftest import Answer, Api


@dataclass(slots=True)
class Engine:
    """A LibreTranslate: what it was asked, and what it answers."""

    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    status: int = 200
    answer: Any = None
    pairs: Any = field(
        default_factory=lambda: [
            {"code": "en", "name": "English", "targets": ["en", "de"]},
            {"code": "de", "name": "German", "targets": ["en"]},
        ]
    )

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout: float, limit: int
    ) -> Response:
        """As `Transport.send`."""
        said: Any = json.loads(body) if body is not None else None
        self.asked.append((method, url, said))
        if self.status == 0:
            raise Unreachable("nobody there")
        answer = self.pairs
        if url.endswith("/translate"):
            answer = self.answer or {
                "translatedText": [f"{one} ({said['target']})" for one in said["q"]],
                "detectedLanguage": [{"confidence": 90, "language": "en"}] * len(said["q"]),
            }
        return Response(self.status, {}, json.dumps(answer).encode())

    async def close(self) -> None:
        """Nothing to close."""

    @property
    def texts(self) -> list[Any]:
        """What it was to translate."""
        return [said for _, url, said in self.asked if url.endswith("/translate")]


@pytest.fixture
def engine(api: Api, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine that this instance is configured with."""
    made = Engine()
    settings = replace(api.site.config, translation=Translation(url="http://10.0.0.7:5000/", key="secret"))
    object.__setattr__(api.site, "config", settings)  # a site is made for each test
    monkeypatch.setattr(api.site.client, "services", made)
    return made


async def ask(api: Api, token: str | None, post: Post, **said: Any) -> Answer:
    """POST translate."""
    return await api.post(f"/api/v1/statuses/{post.id}/translate", token, json=said)


async def test_a_post_in_another_language(api: Api, engine: Engine, ada: Actor, ben: Actor) -> None:
    token = await api.token(ben)
    files = ({"url": "https://x.example/a.png", "media_type": "image/png", "description": "a <cat>"},)
    post = await api.publish(ada, "Hello", language="en", summary="beware", attachments=files)
    answer = await ask(api, token, post, lang="de")
    assert answer.status == 200, answer.body
    shown = answer.json
    assert shown["content"] == "<p>Hello</p> (de)"
    assert (shown["spoiler_text"], shown["language"], shown["detected_source_language"]) == ("beware (de)", "de", "en")
    assert (shown["provider"], shown["poll"]) == ("LibreTranslate", None)
    status = (await api.get(f"/api/v1/statuses/{post.id}")).json
    assert shown["media_attachments"] == [{"id": status["media_attachments"][0]["id"], "description": "a <cat> (de)"}]
    (said,) = engine.texts
    assert (said["source"], said["target"], said["format"], said["api_key"]) == ("en", "de", "html", "secret")
    assert engine.asked[-1][1] == "http://10.0.0.7:5000/translate"
    # The same again is known; another language is asked for.
    assert (await ask(api, token, post, lang="de-AT")).json == shown
    assert len(engine.texts) == 1


async def test_a_poll_and_an_unknown_language(api: Api, engine: Engine, ada: Actor, ben: Actor) -> None:
    poll = {"options": ["tea", "water"], "expires_in": 600}
    token = await api.token(ada)
    asked = (await api.post("/api/v1/statuses", token, json={"status": "What?", "poll": poll})).json
    answer = await api.post(f"/api/v1/statuses/{asked['id']}/translate", await api.token(ben), json={"lang": "de"})
    assert answer.json["poll"] == {"id": asked["id"], "options": [{"title": "tea (de)"}, {"title": "water (de)"}]}
    assert engine.texts[0]["source"] == "auto"
    assert answer.json["detected_source_language"] == "en"


async def test_only_what_everyone_may_read_leaves_this_server(api: Api, engine: Engine, ada: Actor, ben: Actor) -> None:
    await api.follow(ben, ada)
    token = await api.token(ben)
    for visibility, status in (("public", 200), ("unlisted", 200), ("followers", 403), ("direct", 403)):
        post = await api.publish(ada, f"@ben {visibility}", visibility=visibility, language="en")
        answer = await ask(api, token, post, lang="de")
        assert answer.status == status, visibility
        if status == 403:
            assert answer.error == "This action is not allowed"
    hidden = await api.publish(ada, "secret", visibility="direct", language="en")
    assert (await ask(api, token, hidden, lang="de")).status == 404
    assert len(engine.texts) == 2
    public = await api.publish(ada, "x", language="en")
    assert (await ask(api, None, public, lang="de")).status == 401
    assert (await ask(api, await api.token(ben, "write"), public, lang="de")).status == 403


async def test_languages_that_it_does_not_know(api: Api, engine: Engine, ada: Actor) -> None:
    token = await api.token(ada)
    for language, lang in (("en", "fr"), ("fr", "en"), ("de", "de"), ("en", "x" * 5000)):
        post = await api.publish(ada, "x", language=language)
        assert (await ask(api, token, post, lang=lang)).status == 403
    assert engine.texts == []
    assert (await api.get("/api/v1/instance/translation_languages")).json == {"en": ["de"], "de": ["en"]}
    assert (await api.get("/api/v2/instance")).json["configuration"]["translation"] == {"enabled": True}


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (0, None),
        (500, None),
        (429, None),
        (403, {"error": "no key"}),
        (200, {"translatedText": "one"}),
        (200, {"translatedText": ["one"]}),
        (200, {"translatedText": [1, 2]}),
        (200, ["x"]),
    ],
)
async def test_an_engine_that_fails(api: Api, engine: Engine, ada: Actor, status: int, answer: Any) -> None:
    token = await api.token(ada)
    post = await api.publish(ada, "x", language="en")
    assert (await api.get("/api/v1/instance/translation_languages")).json != {}
    engine.status, engine.answer = status, answer
    refused = await ask(api, token, post, lang="de")
    assert refused.status == 503
    assert "error" in refused.json


async def test_what_comes_back_is_not_believed(api: Api, engine: Engine, ada: Actor) -> None:
    post = await api.publish(ada, "x", language="en", summary="warning")
    engine.answer = {"translatedText": ["<p onclick=x>a<script>alert(1)</script></p>", "<b>b</b> &lt;i&gt;"]}
    shown = (await ask(api, await api.token(ada), post, lang="de")).json
    assert shown["content"] == "<p>a</p>"
    assert shown["spoiler_text"] == "b <i>"


async def test_without_an_engine(api: Api, ada: Actor) -> None:
    post = await api.publish(ada, "x", language="en")
    answer = await ask(api, await api.token(ada), post, lang="de")
    assert (answer.status, answer.error) == (404, "Record not found")
    assert (await api.get("/api/v1/instance/translation_languages")).json == {}
    assert (await api.get("/api/v2/instance")).json["configuration"]["translation"] == {"enabled": False}


@pytest.mark.parametrize("url", ["ftp://x", "translate.example", "http://", "http://[", "http://x:y"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ConfigError, match=r"translation\.url"):
        Config(translation=Translation(url=url))
