"""Pictures by the form of a page, on a phone without a client: taken, shown with their words, and not lost."""

import io
import re

import pytest
from PIL import Image

from fedi.web import compose
from storage.actors import Actor
from tests.fedi.web.conftest import Browser, Campus, Outline


def picture(size: tuple[int, int] = (1600, 1200)) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize(size).save(out, "JPEG")
    return out.getvalue()


async def send(browser: Browser, fields: list[tuple[str, str | bytes]]) -> str:
    """Send the form of a page as browsers do: also the file fields in which nothing was chosen."""
    body = b""
    for name, value in fields:
        body += f'--b\r\nContent-Disposition: form-data; name="{name}"'.encode()
        if isinstance(value, bytes):
            named = b"x.jpg" if value else b""
            body += b'; filename="' + named + b'"\r\nContent-Type: image/jpeg\r\n\r\n' + value + b"\r\n"
        else:
            body += b"\r\n\r\n" + value.encode() + b"\r\n"
    sent = {"content-type": "multipart/form-data; boundary=b", "sec-fetch-site": "same-origin"}
    page = await browser._ask("POST", "/compose", body + b"--b--\r\n", sent, follow=True)
    return page.text


async def test_a_post_with_pictures_shows_them_with_their_words(as_ada: Browser) -> None:
    form = Outline((await as_ada.get("/home")).text)
    fields = {str(one.get("name")) for one in form.of("input")}
    assert {"picture0", "alt0", "picture3", "alt3"} <= fields
    text = await send(
        as_ada,
        [("text", "Look"), ("picture0", picture()), ("alt0", "A <hill>"), ("picture1", b""), ("alt1", "")],
    )
    shown = [one for one in Outline(text).of("img") if "/media/" in str(one.get("src"))]
    assert len(shown) == 1
    assert shown[0]["alt"] == "A <hill>"
    assert shown[0]["loading"] == "lazy"
    assert str(shown[0]["src"]).endswith("-small.jpg")  # the page is small; the picture itself is a link
    assert int(str(shown[0]["width"])) * int(str(shown[0]["height"])) <= 230_400
    assert re.search(r'href="[^"]*/media/[0-9a-f/]*\.jpg"', text)


async def test_what_cannot_be_published_keeps_the_pictures(as_ada: Browser) -> None:
    refused = await send(as_ada, [("text", "x" * 5001), ("picture0", picture()), ("alt0", "One")])
    assert "Your text is 1 character too long." in refused
    assert re.search(r'<img src="[^"]*/media/[^"]*" alt="One"', refused)
    kept = re.findall(r'name="media" value="(\d+)"', refused)
    assert len(kept) == 1
    text = await send(as_ada, [("text", "Shorter"), ("media", kept[0])])
    assert 'alt="One"' in text


async def test_pictures_that_no_post_shows_are_bounded(as_ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "_PICTURES", (0.01, 1))
    fields: list[tuple[str, str | bytes]] = [("text", "Look"), ("picture0", picture((40, 30))), ("action", "preview")]
    assert 'name="media"' in await send(as_ada, fields)
    refused = await send(as_ada, fields)
    assert "too many attempts" in refused
    assert "Look</textarea>" in refused
    assert 'name="media"' not in refused


async def test_what_is_no_picture_is_refused_in_words(as_ada: Browser) -> None:
    refused = await send(as_ada, [("text", "Look"), ("picture0", b"<svg onload=alert(1)>")])
    assert "could not be verified" in refused
    assert "Look" in refused


async def test_a_picture_alone_is_a_post_also_in_a_group(campus: Campus, as_ada: Browser, ada: Actor) -> None:
    group = campus.group("birds", ada)
    text = await send(as_ada, [("text", ""), ("group", str(group.id)), ("title", "A heron"), ("picture0", picture())])
    assert "A heron" in text
    assert "A heron" in (await as_ada.get("/groups/birds")).words


async def test_a_form_of_another_site_is_refused_before_it_is_read(as_ada: Browser) -> None:
    sent = {"content-type": "multipart/form-data; boundary=b", "sec-fetch-site": "cross-site"}
    assert (await as_ada._ask("POST", "/compose", b"--b\r\n", sent, follow=True)).status == 403
    sent["sec-fetch-site"] = "same-origin"
    assert (await as_ada._ask("POST", "/compose", b"--b\r\n", sent, follow=True)).status == 400
