"""What goes by itself: files that nothing shows any more, and what a crash left half-done."""

import asyncio
from pathlib import Path
from typing import Any

from fedi.context import Site
from fedi.media import files
from fedi.media.kinds import ALL
from storage import media
from storage.metadata import Tx

LOOSE = 24 * 3600 * 1000
"""Ms for which a file stays that no post shows: while one writes, and after a post was deleted to be written anew."""
_DAY = 24 * 3600


async def remove_files(site: Site, payload: dict[str, Any]) -> None:
    """The job `files`: delete files whose media are gone."""
    await asyncio.to_thread(files.remove, site, [str(file) for file in payload["files"]])


async def sweep(site: Site, payload: dict[str, Any]) -> None:
    """The job `sweep`: forget media that nothing shows since a day, then delete every file that no medium has."""

    def forget(tx: Tx) -> list[str]:
        found = media.loose(tx, site.clock() - LOOSE)
        media.remove(tx, [one.id for one in found])
        return [files.stem_of(one.file) for one in found]

    while gone := await site.db.write(forget):
        for stem in gone:
            await asyncio.to_thread(files.remove_stem, site, stem)
    await _sweep(site, await asyncio.to_thread(files.old_in, files.incoming(site), files.BROKEN_OFF))
    for folder in await asyncio.to_thread(files.folders, site):
        await _sweep(site, await asyncio.to_thread(files.old_in, folder, _DAY))


async def _sweep(site: Site, found: list[Path]) -> None:
    """Delete those of these files whose stem no medium has."""
    for at in range(0, len(found), 50):
        some = found[at : at + 50]
        stems = {files.stem_of(path.name) for path in some}
        names = [files.name_of(stem, kind.extension) for stem in stems for kind in ALL]
        known = await site.db.read(lambda tx, names=names: media.known_files(tx, names))  # type: ignore[misc]
        kept = {files.stem_of(name) for name in known}
        for path in some:
            if files.stem_of(path.name) not in kept:
                path.unlink(missing_ok=True)
