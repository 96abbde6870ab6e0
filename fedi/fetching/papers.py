"""Fetching the file of a library's item from the server of who added it, for people here who may see it."""

from functools import partial

from federation.hosts import host_of
from fedi.context import Site
from fedi.fetching.asking import instance_key, once, permitted
from fedi.media import files, papers
from storage import library
from storage.library import Entry, File


async def paper(site: Site, entry: Entry) -> File | None:
    """The file of an entry of another server, kept here from now on; None where that says no digest to know it by.

    Asked for with the instance's signature, and once however many want it. Raises FederationError, and Invalid for what is
    not what it was.
    """
    if entry.digest is None or entry.file_url is None or entry.media_type not in papers.ENDINGS:
        return None
    host = host_of(entry.file_url)
    await permitted(site, host)
    return await once(site, f"file {entry.file_url}", partial(_fetch, site, entry), host)


async def _fetch(site: Site, entry: Entry) -> File | None:
    limit = site.config.library.file_size << 20
    assert entry.file_url is not None  # noqa: S101 - as `paper` saw
    assert entry.media_type is not None  # noqa: S101 - as above: an entry with a file has both
    found = await site.client.get_file(entry.file_url, entry.media_type, limit=limit, key=await instance_key(site))
    folder = files.incoming(site)
    files.demand_room(folder)
    place = folder / files.new_stem()
    place.write_bytes(found.body)
    try:
        digest, media_type, size = await papers.keep(site, place, entry.media_type, expected=entry.digest)
    finally:
        place.unlink(missing_ok=True)
    await site.db.write(lambda tx: library.fetched(tx, entry.post_id, site.clock()))
    return File(digest, media_type, size, site.clock())
