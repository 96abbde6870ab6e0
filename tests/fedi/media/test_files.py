"""What becomes of files: worked out after a crash, swept when nothing shows them, gone with their posts and people."""

import io
import os
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fedi.actions import erasing, groups, people, posts, profiles
from fedi.actions import media as actions
from fedi.actions.posts import Draft
from fedi.context import Site
from fedi.errors import Invalid
from fedi.media import files, processing, sweeping
from fedi.media.multipart import Upload
from fedi.worker import loop
from storage import jobs, media
from storage.actors import Actor
from storage.jobs import jobs as table
from storage.media import Medium
from storage.metadata import Tx
from tests.conftest import Clock

pytestmark = pytest.mark.anyio


def upload(site: Site, content: bytes | None = None) -> Upload:
    """A file as the form of a client left it."""
    if content is None:
        out = io.BytesIO()
        Image.linear_gradient("L").convert("RGB").resize((900, 700)).save(out, "JPEG")
        content = out.getvalue()
    path = files.incoming(site) / files.new_stem()
    path.write_bytes(content)
    return Upload(path, len(content), "image/jpeg")


@pytest.fixture
async def ada(site: Site) -> Actor:
    return await site.db.write(lambda tx: people.register(tx, site, username="ada", email="ada@alpha.example"))


async def taken(site: Site, ada: Actor, **more: Any) -> Medium:
    medium = await processing.receive(site, ada.id, upload(site), **more)
    return await processing.finish(site, medium, 60)


def kept(site: Site) -> set[str]:
    return {str(path.relative_to(files.root(site))) for path in files.root(site).rglob("*") if path.is_file()}


def age(path: Path, days: float) -> None:
    then = time.time() - days * 24 * 3600
    os.utime(path, (then, then))


async def test_what_a_crash_broke_off_is_worked_out_by_a_job(site: Site, ada: Actor) -> None:
    medium = await processing.receive(site, ada.id, upload(site))
    assert medium.state == "pending"
    await site.db.write(lambda tx: tx.execute(table.update().values(due_at=0)))
    await loop.step(site)
    now = await site.db.read(lambda tx: media.by_id(tx, medium.id))
    assert now is not None
    assert (now.state, now.width, now.height) == ("ready", 900, 700)
    assert kept(site) == {now.file, now.preview}
    await processing.process(site, medium.id)  # again, as a job may be
    assert kept(site) == {now.file, now.preview}


async def test_a_file_that_was_lost_is_a_failure_that_says_so(site: Site, ada: Actor) -> None:
    sent = upload(site)
    medium = await processing.receive(site, ada.id, sent)
    (files.incoming(site) / files.stem_of(medium.file)).unlink()
    await processing.process(site, medium.id)
    now = await site.db.read(lambda tx: media.by_id(tx, medium.id))
    assert now is not None
    assert now.state == "failed"
    with pytest.raises(Invalid, match="finished processing"):
        await site.db.write(lambda tx: actions.attach(tx, site, ada, (medium.id,), 1))


async def test_one_that_is_deleted_while_it_is_worked_out_leaves_nothing(site: Site, ada: Actor) -> None:
    medium = await processing.receive(site, ada.id, upload(site))
    await site.decoding.acquire()
    await site.decoding.acquire()
    waiting = processing.finish(site, medium, 0.05)
    assert (await waiting).state == "pending"
    await site.db.write(lambda tx: actions.discard(tx, site, [medium]))
    site.decoding.release()
    site.decoding.release()
    while medium.id in site.processing:
        await site.processing[medium.id]
    assert kept(site) == set()


async def test_what_nothing_shows_goes_after_a_day(site: Site, ada: Actor, clock: Clock) -> None:
    loose, shown, face = await taken(site, ada), await taken(site, ada), await taken(site, ada, purpose="avatar")
    await site.db.write(lambda tx: posts.publish(tx, site, ada, Draft("", media_ids=(shown.id,))))
    await site.db.write(lambda tx: profiles.update_profile(tx, site, ada, pictures={"avatar": face}))
    clock.pass_(seconds=23 * 3600)
    await sweeping.sweep(site, {})
    assert loose.file in kept(site)
    clock.pass_(seconds=2 * 3600)
    await sweeping.sweep(site, {})
    assert kept(site) == {shown.file, shown.preview, face.file}
    assert await site.db.read(lambda tx: media.by_id(tx, loose.id)) is None


async def test_what_a_crash_left_is_swept(site: Site, ada: Actor) -> None:
    pending = await processing.receive(site, ada.id, upload(site))
    shown = await taken(site, ada)
    broken_off, fresh = upload(site).path, upload(site).path
    orphan = files.place(site, stem := files.new_stem()).with_suffix(".jpg")
    orphan.write_bytes(b"x")
    for path in (broken_off, orphan, *(files.root(site) / name for name in (shown.file, shown.preview or ""))):
        age(path, 2)
    age(files.incoming(site) / files.stem_of(pending.file), 2)
    await sweeping.sweep(site, {})
    assert kept(site) == {
        f"incoming/{files.stem_of(pending.file)}",
        f"incoming/{fresh.name}",
        shown.file,
        shown.preview,
    }
    assert stem not in str(kept(site))


async def test_the_files_of_a_deleted_post_and_of_an_erased_person_go(site: Site, ada: Actor) -> None:
    def publish(tx: Tx, medium: Medium) -> Any:
        return posts.publish(tx, site, ada, Draft("Look", media_ids=(medium.id,)))

    one, two, loose, face = [await taken(site, ada) for _ in range(3)] + [await taken(site, ada, purpose="avatar")]
    first = await site.db.write(lambda tx: publish(tx, one))
    await site.db.write(lambda tx: publish(tx, two))
    await site.db.write(lambda tx: profiles.update_profile(tx, site, ada, pictures={"avatar": face}))
    assert kept(site) >= {one.file, two.file, loose.file, face.file}
    await site.db.write(lambda tx: posts.delete(tx, site, first, ada))
    await loop.step(site)
    assert one.file not in kept(site)
    assert one.preview not in kept(site)
    await site.db.write(lambda tx: erasing.erase(tx, site, ada))
    await loop.step(site)
    assert kept(site) == set()
    assert await site.db.read(lambda tx: media.of_person(tx, ada.id)) == []


async def test_another_avatar_takes_the_place_of_the_one_before(site: Site, ada: Actor) -> None:
    first, second = await taken(site, ada, purpose="avatar"), await taken(site, ada, purpose="avatar")
    await site.db.write(lambda tx: profiles.update_profile(tx, site, ada, pictures={"avatar": first}))
    changed = await site.db.write(lambda tx: profiles.update_profile(tx, site, ada, pictures={"avatar": second}))
    await loop.step(site)
    assert kept(site) == {second.file}
    assert changed.icon == f"https://alpha.example/media/{second.file}"


async def test_a_scheduled_post_holds_its_files(site: Site, ada: Actor, clock: Clock) -> None:
    one = await taken(site, ada)
    await site.db.write(lambda tx: actions.hold(tx, ada, (one.id,), 7))
    with pytest.raises(Invalid, match="not found or already attached"):
        await site.db.write(lambda tx: actions.attach(tx, site, ada, (one.id,), 1))
    clock.pass_(days=30)
    await sweeping.sweep(site, {})
    assert one.file in kept(site)
    await site.db.write(lambda tx: actions.let_go(tx, site, 7))
    assert len(await site.db.write(lambda tx: actions.attach(tx, site, ada, (one.id,), 1))) == 1


async def test_a_transaction_that_fails_gives_no_file_away(site: Site, ada: Actor) -> None:
    one = await taken(site, ada)
    with pytest.raises(Invalid):
        await site.db.write(lambda tx: posts.publish(tx, site, ada, Draft("x" * 6000, media_ids=(one.id,))))
    film = await taken(site, ada)
    await site.db.write(lambda tx: media.change(tx, film.id, kind="video"))
    with pytest.raises(Invalid, match="already contains images"):
        await site.db.write(lambda tx: actions.attach(tx, site, ada, (one.id, film.id), 1))
    free = await site.db.read(lambda tx: media.by_id(tx, one.id))
    assert free is not None
    assert free.post_id is None
    assert await site.db.read(jobs.totals) == {}


@pytest.mark.parametrize(
    "name",
    [
        "../fedi.db",
        "incoming/x",
        "ab/../../fedi.toml",
        "ab/cd000000000000000000000000000000.jpg",
        "ab/ab0000000000000000000000000000000.jpg",
        "ab/ab000000000000000000000000000000.svg",
        "ab/ab000000000000000000000000000000.jpg\n",
        "AB/AB000000000000000000000000000000.JPG",
        "ab/ab00000000000000000000000000000٠.jpg",
        "",
    ],
)
async def test_no_name_that_we_did_not_give_leads_to_a_file(site: Site, name: str) -> None:
    assert files.served(site, name) is None


async def test_the_pictures_of_a_group_are_its_own_and_go_with_it(site: Site, ada: Actor) -> None:
    face = await taken(site, ada, purpose="avatar")

    def found(tx: Tx) -> Actor:
        made = groups.create(tx, site, name="ml", title="ML", owner=ada)
        return groups.change(tx, site, made, pictures={"avatar": face}) or made

    group = await site.db.write(found)
    assert group.icon == f"https://alpha.example/media/{face.file}"
    assert (await site.db.read(lambda tx: media.of_person(tx, group.id)))[0].id == face.id
    await site.db.write(lambda tx: groups.delete(tx, site, ada, group))
    await loop.step(site)
    assert kept(site) == set()
