"""What `fedi doctor` looks at for client apps: uploads, films, streams, push and search."""

import os
import resource
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from fedi.config import Config

if TYPE_CHECKING:
    from fedi.context import Site
    from storage.metadata import Tx

_FILES = 8192
"""Open files for 5,000 clients that stream, with what else is open."""


class Finding(NamedTuple):
    """What one check found: `fine`, `look` (works, but not as it should) or `broken`, and how to mend it."""

    state: Literal["fine", "look", "broken"]
    about: str
    text: str


def of_uploads(config: Config) -> Iterator[Finding]:
    """Whether uploaded files find a place, and films their stills. Nothing is made: a server makes the folder itself."""
    from fedi.media.files import FREE

    folder = config.data / "media"
    if config.data.is_dir():
        if folder.exists() and not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
            yield Finding("broken", "media", f"{folder} must be a folder that fedi's user may write to")
        elif (free := shutil.disk_usage(folder if folder.is_dir() else config.data).free) < FREE:
            text = f"{free >> 20} MiB are free at {folder}: no uploads are taken below {FREE >> 20}"
            yield Finding("look", "media", text)
    ffmpeg = shutil.which("ffmpeg")
    yield Finding(
        "fine", "films", f"{ffmpeg} makes their stills" if ffmpeg else "ffmpeg is not there: they have no stills"
    )


def of_process() -> Iterator[Finding]:
    """How many connections a process could hold. Servers raise their limit to the hard one."""
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < _FILES:
        text = f"{files} at most, and each client that streams takes one; allow 65536 (LimitNOFILE= in the unit)"
        yield Finding("look", "open files", text)


def of_database(tx: "Tx", site: "Site") -> Iterator[Finding]:
    """Whether push has its keys, and the index of search what posts say."""
    from fedi.push import keys
    from storage import indexed, push

    if push.any_there(tx) and not keys.public(tx, site):
        text = "the key that apps subscribed with is gone; restore it (table keys) from a backup, or they must subscribe anew"
        yield Finding("broken", "push", text)
    wrong = indexed.out_of_step(tx)
    if wrong:
        text = f"{wrong} {'post is' if wrong == 1 else 'posts are'} not in the index as they are; run «fedi search reindex»"
        yield Finding("look", "search", text)
