"""Media through the client API, as docs.joinmastodon.org/methods/media has it, and as hostile senders have it."""

import errno
import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from fedi.mastodon import media as door
from fedi.mastodon.entities.attachment import attachment
from fedi.media import files, processing
from fedi.media import multipart as forms
from fedi.media.decode import Found, Task
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


@pytest.fixture(autouse=True)
def however_busy_this_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked into in moments is looked into before the answer."""
    monkeypatch.setattr(door, "A_MOMENT", 100.0)


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


async def test_the_first_version_waits_and_gives_the_same(api: Api, token: str) -> None:
    answer = await upload(api, token, version=1, file=picture("JPEG"))
    assert answer.status == 200
    assert answer.json["url"].endswith(".jpg")


async def test_what_a_camera_wrote_of_place_and_people_is_gone(api: Api, token: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010E] = "SECRETWORD"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 0.0)
    for format in ("JPEG", "PNG", "WEBP", "AVIF"):
        sent = picture(format, exif=exif)
        assert b"SECRETWORD" in sent
        found = (await upload(api, token, file=sent)).json
        kept = (await api.get(found["url"].removeprefix("https://alpha.example"))).body
        assert b"SECRETWORD" not in kept
        with Image.open(io.BytesIO(kept)) as shown:
            assert not shown.getexif()
            if format != "AVIF":  # whose decoder turns by itself, or not
                assert shown.size == (40, 60), format
        assert found["meta"]["original"]["size"] == f"{shown.width}x{shown.height}"
    jpeg = (await upload(api, token, file=picture("JPEG", comment=b"SECRETWORD"))).json
    assert b"SECRETWORD" not in (await api.get(jpeg["url"].removeprefix("https://alpha.example"))).body


async def test_a_large_picture_is_made_smaller_and_has_a_preview(api: Api, token: str) -> None:
    found = (await upload(api, token, file=picture("JPEG", (4000, 3000)))).json
    original, small = found["meta"]["original"], found["meta"]["small"]
    assert original["width"] * original["height"] <= 8_294_400
    assert abs(original["aspect"] - 4 / 3) < 0.01
    assert 200_000 < small["width"] * small["height"] <= 230_400
    preview = await api.get(found["preview_url"].removeprefix("https://alpha.example"))
    with Image.open(io.BytesIO(preview.body)) as shown:
        assert shown.size == (small["width"], small["height"])


def moving(format: str, frames: int = 3) -> bytes:
    made = [Image.new("RGB", (30, 20), (60 * index % 255, 0, 0)) for index in range(frames)]
    out = io.BytesIO()
    made[0].save(out, format, save_all=True, append_images=made[1:], duration=50, loop=0)
    return out.getvalue()


@pytest.mark.parametrize(("format", "ending"), [("GIF", "gif"), ("WEBP", "webp"), ("PNG", "png")])
async def test_a_moving_picture_still_moves_and_has_a_still_preview(
    api: Api, token: str, format: str, ending: str
) -> None:
    answer = await upload(api, token, file=moving(format))
    assert answer.status == 200, answer.body
    found = answer.json
    assert found["type"] == "image"  # clients play a gifv as a film, which this is not
    assert found["url"].endswith(f".{ending}")
    shown = Image.open(io.BytesIO((await api.get(found["url"].removeprefix("https://alpha.example"))).body))
    still = Image.open(io.BytesIO((await api.get(found["preview_url"].removeprefix("https://alpha.example"))).body))
    assert getattr(shown, "n_frames", 1) == 3
    assert getattr(still, "n_frames", 1) == 1


def png_that_says(width: int, height: int) -> bytes:
    """A small PNG whose header claims any size, with a body that unpacks to nothing but zeros."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(min(width, 20_000) // 8 + 1) * min(height, 20_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


NO_PICTURES = {
    "a script in a picture's clothes": (b"\x89PNG\r\n\x1a\n<script>alert(1)</script>", 422),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', 422),
    "a page": (b"<!doctype html><script>alert(1)</script>", 422),
    "a truncated JPEG": (b"\xff\xd8\xff\xe0\x00\x10JFIF", 422),
    "a cut GIF": (moving("GIF")[:60], 422),
    "a bomb": (png_that_says(10_000, 10_000), 422),
    "no end of a bomb": (png_that_says(2**31 - 1, 2**31 - 1), 422),
    "frames without end": (moving("GIF", 2)[:-1] + moving("GIF", 2)[-40:-1] * 100_000 + b";", 422),
    "HEIC": (b"\x00\x00\x00\x18ftypheic" + bytes(200), 422),
    "a film without an index": (b"\x00\x00\x00\x10ftypisom\x00\x00\x00\x00", 422),
    "a film that ends early": (b"\x00\x00\x00\x10ftypisom\x00\x00\x00\x00\x7f\xff\xff\xffmoov", 422),
    "nothing": (b"", 422),
}


async def test_what_is_not_what_it_says_is_refused_and_leaves_nothing(api: Api, token: str) -> None:
    for name, (sent, status) in NO_PICTURES.items():
        answer = await upload(api, token, file=sent)
        assert answer.status == status, (name, answer.body)
        assert isinstance(answer.error, str)
        assert left(api) == [], name


def left(api: Api) -> list[str]:
    """The files that are kept."""
    return [str(path) for path in files.root(api.site).rglob("*") if path.is_file()]


async def test_the_words_of_refusals_are_mastodons(api: Api, token: str) -> None:
    assert (await upload(api, token, file=NO_PICTURES["a page"][0])).error == (
        "File type of uploaded media could not be verified"
    )
    assert (await upload(api, token, file=b"")).error == "Validation failed: File can't be blank"
    assert (await upload(api, token, description="x")).error == "Validation failed: File can't be blank"
    assert (await upload(api, token, file=NO_PICTURES["a bomb"][0])).error == "10000x10000 images are not supported"
    long = await upload(api, token, file=picture(), description="x" * 1501)
    assert long.error == "Validation failed: Description is too long (maximum is 1500 characters)"
    assert left(api) == []


@pytest.mark.parametrize(
    "body",
    [
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + picture(),  # breaks off
        b"--c\r\n",
        b"",
        b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
        b"--b\r\n" + b"A: b\r\n" * 5000,
    ],
)
async def test_a_form_that_is_broken_is_refused_and_leaves_nothing(api: Api, token: str, body: bytes) -> None:
    answer = await api.post("/api/v2/media", token, body=body, content_type="multipart/form-data; boundary=b")
    assert answer.status == 400
    assert left(api) == []


async def test_who_may_not_upload_is_told_before_anything_is_read(api: Api, ada: Actor, ben: Actor) -> None:
    assert (await upload(api, await api.token(ada, "read"), file=picture())).status == 403
    assert (await api.post("/api/v2/media", body=multipart(file=picture())[0])).status == 401
    mine = (await upload(api, await api.token(ada), file=picture())).json["id"]
    other = await api.token(ben)
    for method in ("GET", "PUT", "DELETE"):
        assert (await api.ask(method, f"/api/v1/media/{mine}", other)).status == 404


async def test_a_post_shows_its_files_in_their_order(api: Api, token: str) -> None:
    first = (await upload(api, token, file=picture())).json["id"]
    second = (await upload(api, token, file=picture("JPEG"), description="Two")).json["id"]
    answer = await api.post("/api/v1/statuses", token, json={"media_ids": [second, first], "status": ""})
    assert answer.status == 200, answer.body
    shown = answer.json["media_attachments"]
    assert [one["id"] for one in shown] == [second, first]
    assert shown[0]["description"] == "Two"
    assert (await api.get(f"/api/v1/media/{first}", token)).status == 404  # as in Mastodon: it is the post's
    assert (await api.ask("DELETE", f"/api/v1/media/{first}", token)).error == (
        "Media attachment is currently used by a status"
    )
    again = await api.post("/api/v1/statuses", token, json={"media_ids": [first], "status": "x"})
    assert again.status == 422
    assert again.error == f"Media {first} not found or already attached to another post"


async def test_a_post_takes_four_files_of_its_own_author(api: Api, token: str, ben: Actor) -> None:
    ids = [(await upload(api, token, file=picture())).json["id"] for _ in range(5)]
    too_many = await api.post("/api/v1/statuses", token, json={"media_ids": ids, "status": "x"})
    assert too_many.error == "Cannot attach more than 4 files"
    theirs = await api.post("/api/v1/statuses", await api.token(ben), json={"media_ids": ids[:1], "status": "x"})
    assert theirs.status == 422
    odd = await api.post("/api/v1/statuses", token, json={"media_ids": ["99999999999999999999", "x"], "status": "x"})
    assert odd.status == 422
    assert (await api.post("/api/v1/statuses", token, json={"media_ids": ids[:4]})).status == 200


async def test_an_edit_changes_what_is_shown_and_said_of_it(api: Api, token: str) -> None:
    first = (await upload(api, token, file=picture(), description="One")).json["id"]
    second = (await upload(api, token, file=picture("JPEG"))).json["id"]
    posted = (await api.post("/api/v1/statuses", token, json={"media_ids": [first], "status": "Look"})).json
    change = {
        "status": "Look",
        "media_ids": [second, first],
        "media_attributes": [{"id": first, "description": "Other", "focus": "0.1,0.2"}],
    }
    edited = await api.ask("PUT", f"/api/v1/statuses/{posted['id']}", token, json=change)
    assert edited.status == 200, edited.body
    shown = edited.json["media_attachments"]
    assert [(one["id"], one["description"]) for one in shown] == [(second, None), (first, "Other")]
    assert shown[1]["meta"]["focus"] == {"x": 0.1, "y": 0.2}
    told = (await api.get(f"/api/v1/statuses/{posted['id']}/history", token)).json
    assert [[one["description"] for one in version["media_attachments"]] for version in told] == [
        ["One"],
        [None, "Other"],
    ]
    none = await api.ask("PUT", f"/api/v1/statuses/{posted['id']}", token, json={"status": "Only words"})
    assert none.json["media_attachments"] == []
    blank = await api.ask("PUT", f"/api/v1/statuses/{posted['id']}", token, json={"status": ""})
    assert blank.error == "Validation failed: Text can't be blank"


async def test_the_files_of_a_deleted_post_can_be_used_anew(api: Api, token: str) -> None:
    mine = (await upload(api, token, file=picture())).json["id"]
    posted = (await api.post("/api/v1/statuses", token, json={"media_ids": [mine]})).json
    assert (await api.ask("DELETE", f"/api/v1/statuses/{posted['id']}", token)).status == 200
    anew = await api.post("/api/v1/statuses", token, json={"media_ids": [mine], "status": "Better"})
    assert [one["id"] for one in anew.json["media_attachments"]] == [mine]
    gone = await api.ask("DELETE", f"/api/v1/statuses/{anew.json['id']}", token, form={"delete_media": "true"})
    assert gone.status == 200
    assert (await api.post("/api/v1/statuses", token, json={"media_ids": [mine]})).status == 422


async def test_a_file_is_described_before_it_is_posted(api: Api, token: str) -> None:
    mine = (await upload(api, token, file=picture())).json["id"]
    answer = await api.ask("PUT", f"/api/v1/media/{mine}", token, form={"description": "A hill", "focus": "-1,1"})
    assert answer.status == 200
    assert (answer.json["description"], answer.json["meta"]["focus"]) == ("A hill", {"x": -1.0, "y": 1.0})
    kept = await api.ask("PUT", f"/api/v1/media/{mine}", token, form={"focus": "nan,zero"})
    assert (kept.json["description"], kept.json["meta"]["focus"]) == ("A hill", {"x": -1.0, "y": 1.0})
    assert (await api.ask("DELETE", f"/api/v1/media/{mine}", token)).json == {}
    assert (await api.get(f"/api/v1/media/{mine}", token)).status == 404


async def test_an_avatar_and_a_header_are_cut_and_told_of(api: Api, ada: Actor, token: str) -> None:
    body, kind = multipart(
        avatar=picture("PNG", (900, 600)), header=picture("JPEG", (2000, 2000)), avatar_description="Me"
    )
    answer = await api.ask("PATCH", "/api/v1/accounts/update_credentials", token, body=body, content_type=kind)
    assert answer.status == 200, answer.body
    me = answer.json
    sizes = {}
    for name in ("avatar", "header"):
        found = await api.get(me[name].removeprefix("https://alpha.example"))
        with Image.open(io.BytesIO(found.body)) as shown:
            sizes[name] = shown.size
    assert sizes == {"avatar": (400, 400), "header": (1500, 500)}
    assert me["avatar_static"] == me["avatar"]
    document = (await api.get("/people/ada", accept="application/activity+json")).body
    assert b'"name":"Me"' in document.replace(b'": "', b'":"')
    assert me["avatar"].encode() in document
    removed = await api.ask("DELETE", "/api/v1/profile/avatar", token)
    assert removed.json["avatar"] == "https://alpha.example/avatars/original/missing.png"
    assert removed.json["header"] == me["header"]
    again = await api.ask("DELETE", "/api/v1/profile/avatar", token)
    assert again.status == 200


async def test_a_moving_avatar_has_a_still(api: Api, ada: Actor, token: str) -> None:
    body, kind = multipart(avatar=moving("GIF"))
    me = (await api.ask("PATCH", "/api/v1/accounts/update_credentials", token, body=body, content_type=kind)).json
    assert me["avatar"].endswith(".gif")
    still = Image.open(io.BytesIO((await api.get(me["avatar_static"].removeprefix("https://alpha.example"))).body))
    assert getattr(still, "n_frames", 1) == 1


async def test_a_film_as_avatar_is_refused(api: Api, ada: Actor, token: str) -> None:
    body, kind = multipart(avatar=b"<svg/>")
    answer = await api.ask("PATCH", "/api/v1/accounts/update_credentials", token, body=body, content_type=kind)
    assert answer.status == 422
    assert left(api) == []


async def test_files_are_served_to_everyone_and_can_do_nothing(api: Api, token: str) -> None:
    found = (await upload(api, token, file=picture())).json
    path = found["url"].removeprefix("https://alpha.example")
    whole = await api.get(path)
    assert whole.status == 200
    assert whole.headers["content-type"] == "image/png"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in whole.headers["content-security-policy"]
    assert whole.headers["access-control-allow-origin"] == "*"
    assert "immutable" in whole.headers["cache-control"]
    part = await api.get(path, range="bytes=1-3")
    assert (part.status, part.body) == (206, b"PNG")
    assert part.headers["content-range"].startswith("bytes 1-3/")
    for other in ("/media/incoming/x", "/media/../fedi.db", f"{path}x", path.replace("/media/", "/media/../media/")):
        assert (await api.get(other)).status == 404


async def test_the_instance_says_what_it_takes(api: Api) -> None:
    limits = (await api.get("/api/v2/instance")).json["configuration"]
    assert limits["statuses"]["max_media_attachments"] == 4
    assert limits["media_attachments"]["image_size_limit"] == 16 << 20
    assert {"image/jpeg", "video/mp4", "audio/mpeg"} <= set(limits["media_attachments"]["supported_mime_types"])
    assert "image/svg+xml" not in limits["media_attachments"]["supported_mime_types"]


async def test_what_takes_longer_is_accepted_and_looked_after(
    api: Api, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "A_MOMENT", 0.01)
    await api.site.decoding.acquire()
    await api.site.decoding.acquire()  # all places are taken
    answer = await upload(api, token, file=picture(), description="Later")
    assert answer.status == 202
    assert (answer.json["url"], answer.json["preview_url"], answer.json["description"]) == (None, None, "Later")
    mine = answer.json["id"]
    assert (await api.get(f"/api/v1/media/{mine}", token)).status == 206
    said = await api.ask("PUT", f"/api/v1/media/{mine}", token, form={"description": "Sooner"})
    assert said.status == 206
    early = await api.post("/api/v1/statuses", token, json={"media_ids": [mine]})
    assert early.status == 422
    assert early.error == "Cannot attach files that have not finished processing. Try again in a moment!"
    api.site.decoding.release()
    api.site.decoding.release()
    await api.site.processing[int(mine)]
    ready = await api.get(f"/api/v1/media/{mine}", token)
    assert (ready.status, ready.json["description"]) == (200, "Sooner")
    assert ready.json["url"].endswith(".png")


async def test_what_fails_later_says_why(api: Api, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "A_MOMENT", 0.01)
    await api.site.decoding.acquire()
    await api.site.decoding.acquire()
    mine = (await upload(api, token, file=NO_PICTURES["a bomb"][0])).json["id"]
    api.site.decoding.release()
    api.site.decoding.release()
    await api.site.processing[int(mine)]
    answer = await api.get(f"/api/v1/media/{mine}", token)
    assert (answer.status, answer.error) == (422, "10000x10000 images are not supported")
    assert left(api) == []


async def test_a_process_that_dies_is_a_failure_in_mastodons_words(
    api: Api, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(task: Task) -> Found:
        return await real(
            Task(source="", stem="", kind="image", format="", extension="", matrix=0, ffmpeg="/bin/false")
        )

    real = processing.run
    monkeypatch.setattr(processing, "run", dies)
    answer = await upload(api, token, file=picture())
    assert (answer.status, answer.error) == (422, "Error processing thumbnail for uploaded media")
    assert left(api) == []


async def test_a_picture_has_sixteen_megabytes(api: Api, token: str) -> None:
    answer = await upload(api, token, file=picture() + bytes(16 << 20))
    assert answer.status == 422
    assert answer.error == "Validation failed: File file size must be less than 16 MB"
    assert left(api) == []
    other = await api.post(
        "/api/v1/statuses", token, body=bytes(17 << 20), content_type="multipart/form-data; boundary=b"
    )
    assert other.status in (400, 413)


async def test_a_full_disk_takes_nothing(api: Api, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FREE", 1 << 60)
    assert (await upload(api, token, file=picture())).status == 503
    assert left(api) == []


async def test_a_full_disk_is_said_before_a_file_is_taken(
    api: Api, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FREE", 1 << 60)
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + picture()
    )  # there is more to come
    answer = await api.post("/api/v2/media", token, body=body, content_type="multipart/form-data; boundary=b")
    assert answer.status == 503
    assert left(api) == []


@pytest.mark.parametrize("size", [0, 1 << 20])
async def test_a_disk_that_fills_up_meanwhile(api: Api, token: str, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(forms, "_put", full)
    answer = await upload(api, token, file=picture() + b"0" * size)
    assert (answer.status, "no room" in answer.json["error"]) == (503, True)
    assert left(api) == []


async def test_a_sound_has_a_picture_of_its_own(api: Api, token: str) -> None:
    answer = await upload(api, token, file=SOUND, thumbnail=picture("JPEG", (900, 900)))
    assert answer.status == 200, answer.body
    found = answer.json
    assert found["type"] == "audio"
    assert found["meta"]["original"]["duration"] == 0.5
    assert found["preview_url"].endswith("-small.jpg")
    assert len(found["blurhash"]) == 36
    again = await api.ask("PUT", f"/api/v1/media/{found['id']}", token, body=multipart(thumbnail=b"<svg/>")[0],
                          content_type="multipart/form-data; boundary=b")  # fmt: skip
    assert again.status == 422
    alone = (await upload(api, token, file=SOUND)).json
    assert alone["preview_url"] is None
    whole = await api.get(alone["url"].removeprefix("https://alpha.example"), range="bytes=0-3")
    assert (whole.status, whole.body, whole.headers["content-type"]) == (206, b"RIFF", "audio/wav")


SOUND = (
    b"RIFF" + struct.pack("<I", 4036) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    + b"data" + struct.pack("<I", 4000) + bytes(4000)
)  # fmt: skip


async def test_uploads_are_counted_by_themselves(api: Api, token: str) -> None:
    answer = await upload(api, token, file=b"")
    assert answer.headers["x-ratelimit-limit"] == "120"


def test_a_remote_file_keeps_its_address_and_its_preview() -> None:
    file = {
        "url": "https://m.example/a.mp4",
        "media_type": "video/mp4",
        "kind": "video",
        "preview_url": "https://m.example/a.png",
        "focus": [0.5, 0.0],
    }
    shown = attachment(7, 2, file)
    assert (shown["id"], shown["type"]) == (str(7 * 16 + 2), "video")
    assert shown["url"] == shown["remote_url"] == "https://m.example/a.mp4"
    assert shown["preview_url"] == shown["preview_remote_url"] == "https://m.example/a.png"
    assert shown["meta"]["focus"] == {"x": 0.5, "y": 0.0}


async def test_a_poll_and_a_file_do_not_go_together(api: Api, token: str) -> None:
    mine = (await upload(api, token, file=picture())).json["id"]
    both = {"status": "x", "media_ids": [mine], "poll": {"options": ["a", "b"], "expires_in": 600}}
    answer = await api.post("/api/v1/statuses", token, json=both)
    assert (answer.status, answer.error) == (422, "Cannot attach more than 4 files")
