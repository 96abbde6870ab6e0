"""Where uploaded files are: below `data/media`, under names that nobody can guess and no sender has a say in.

`incoming/STEM` is a file as it came, until it is worked out; `ab/ab….jpg` what is served at `/media/ab/ab….jpg`, and
`ab/ab…-small.jpg` its preview. Everything here blocks, so it is called in a thread.
"""

import re
import secrets
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from fedi.context import Site
from fedi.errors import Problem
from fedi.media.kinds import SERVED

FREE = 256 << 20
"""Bytes that uploads leave of a disk: a database that can't write is worse than a picture that isn't taken."""
BROKEN_OFF = 3600
"""Seconds after which a file in `incoming` that nobody waits for is what a crash left."""
_DAY = 24 * 3600
_FILE = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{30}(?:-small)?\.([a-z0-9]{3,4}))", re.ASCII)


def root(site: Site) -> Path:
    """The folder of all uploaded files."""
    return site.config.data / "media"


def incoming(site: Site) -> Path:
    """The folder of files as they come; made where it is missing."""
    folder = root(site) / "incoming"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def demand_room(folder: Path) -> None:
    """Raises Problem 503 where the disk of a folder takes no further files."""
    if shutil.disk_usage(folder).free <= FREE:
        raise full()


def full() -> Problem:
    """What is said when there is no room."""
    return Problem("This server has no room for files at the moment; tell its operators", status=503, code="full")


def new_stem() -> str:
    """A name with 128 random bits."""
    return secrets.token_hex(16)


def stem_of(file: str) -> str:
    """The stem of a `file`, as `storage.media` has it."""
    return file.rpartition("/")[2].partition(".")[0].removesuffix("-small")


def name_of(stem: str, extension: str, *, small: bool = False) -> str:
    """The `file` of a stem: below the root, and below `/media`."""
    return f"{stem[:2]}/{stem}{'-small' if small else ''}.{extension}"


def served(site: Site, file: str) -> tuple[Path, str] | None:
    """(path, media type) of what is served under this name; None for every name that we don't give."""
    found = _FILE.fullmatch(file)
    media_type = SERVED.get(found[3]) if found is not None else None
    return None if found is None or media_type is None else (root(site) / found[1] / found[2], media_type)


def place(site: Site, stem: str) -> Path:
    """The path of a stem's files without their endings; its folder is made where it is missing."""
    folder = root(site) / stem[:2]
    folder.mkdir(parents=True, exist_ok=True)
    return folder / stem


def remove(site: Site, files: Iterable[str]) -> None:
    """Delete served files by their names; one that is gone already is no problem."""
    for file in files:
        found = served(site, file)
        if found is not None:
            found[0].unlink(missing_ok=True)


def remove_stem(site: Site, stem: str) -> None:
    """Delete all that there is of a stem."""
    (incoming(site) / stem).unlink(missing_ok=True)
    for path in (root(site) / stem[:2]).glob(f"{stem}*"):
        path.unlink(missing_ok=True)


def old_in(folder: Path, seconds: int) -> list[Path]:
    """The files of a folder that were not written to for so long."""
    if not folder.is_dir():
        return []
    before = time.time() - seconds
    found: list[Path] = []
    for path in folder.iterdir():
        try:
            if path.is_file() and path.stat().st_mtime < before:
                found.append(path)
        except FileNotFoundError:
            continue
    return found


def folders(site: Site) -> list[Path]:
    """The folders of served files."""
    return [path for path in root(site).iterdir() if len(path.name) == 2] if root(site).is_dir() else []
