"""Media through the client API, as docs.joinmastodon.org/methods/media has it, and as hostile senders have it."""

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from fedi.media import files
from storage.actors import Actor
from tests.fedi.mastodon.conftest import Answer, Api


def picture(format: str = "PNG", size: tuple[int, int] = (60, 40), mode: str = "RGB", **options: Any) -> bytes:
    """A picture with something to see."""
    made = Image.linear_gradient("L").resize(size).convert(mode)
    out = io.BytesIO()
    made.save(out, format, **options)
    return out.getvalue()


def multipart(**fields: bytes | str) -> tuple[bytes, str]:
    """A form and its content type; bytes are files."""
    body = b""
    for name, value in fields.items():
        body += b"--b\r\nContent-Disposition: form-data; name=" + f'"{name}"'.encode()
        if isinstance(value, bytes):
            body += b'; filename="../../evil\\x00.html"\r\nContent-Type: image/png\r\n\r\n' + value + b"\r\n"
        else:
            body += b"\r\n\r\n" + value.encode() + b"\r\n"
    return body + b"--b--\r\n", "multipart/form-data; boundary=b"


async def upload(api: Api, token: str, version: int = 2, **fields: bytes | str) -> Answer:
    body, kind = multipart(**fields)
    return await api.post(f"/api/v{version}/media", token, body=body, content_type=kind)


@pytest.fixture
async def token(api: Api, ada: Actor) -> str:
    return await api.token(ada)


async def test_a_picture_is_ready_at_once(api: Api, token: str) -> None:
    answer = await upload(api, token, file=picture(), description=" A slope ", focus="0.5,-2")
    assert answer.status == 200, answer.body
    found = answer.json
    assert found["type"] == "image"
    assert found["description"] == "A slope"
    assert found["url"].startswith("https://alpha.example/media/")
    assert found["url"].endswith(".png")
    assert found["preview_url"] == found["url"]
    assert found["remote_url"] is None
    assert found["meta"]["focus"] == {"x": 0.5, "y": -1.0}
    assert found["meta"]["original"] == {"width": 60, "height": 40, "size": "60x40", "aspect": 1.5}
    assert len(found["blurhash"]) == 36
    assert (await api.get(f"/api/v1/media/{found['id']}", token)).json == found
