"""Mail to people: written down with the change that it tells of, and sent by the job `mail` (`fedi.worker.mailing`)."""

import re
import unicodedata
from collections.abc import Mapping

from fedi.context import Site
from storage import jobs, mails
from storage.mails import Mail
from storage.metadata import Tx

SUBJECT = 200
"""Characters of a subject at most."""
LARGEST = 100_000
"""Bytes of text and HTML together: large providers clip what is longer (102 kB)."""
_ADDRESS = re.compile(r"[^\s@<>(),;:\\\"\[\]\x00-\x1f\x7f]{1,64}@[^\s@<>(),;:\\\"\[\]\x00-\x1f\x7f]{1,255}")


def enabled(site: Site) -> bool:
    """Whether this instance sends mail: whether `[mail]` names a server."""
    return bool(site.config.mail.url)


def is_address(text: str) -> bool:
    """Whether this may be an address of mail; whether there is somebody, only a mail tells."""
    # In a header `=?utf-8?q?…?=` is read as other letters than it has (RFC 2047): as another address.
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None and ".." not in text and "=?" not in text


def post(
    tx: Tx,
    site: Site,
    *,
    to: str,
    person_id: int | None,
    kind: str,
    subject: str,
    text: str,
    html: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> int:
    """Have a mail sent soon; its id.

    `to` is a bare address; `kind` a word that tells such mails apart; `headers` are further ones. It is tried for two days,
    then given up, which operators see. Where there is no mail (`enabled`) nothing is done, and the id is 0: who needs it,
    asks before. Raises ValueError for what is no address, a header with a line break, and more than `LARGEST` bytes.
    """
    if not enabled(site):
        return 0
    further = dict(headers or {})
    if not is_address(to):
        raise ValueError(f"{to!r} is no address")
    if any(character in value for name, value in further.items() for character in "\r\n\x00" if value or name):
        raise ValueError("a header of a mail is one line")
    if len(text.encode("utf-8", "replace")) + len((html or "").encode("utf-8", "replace")) > LARGEST:
        raise ValueError(f"a mail has at most {LARGEST} bytes")
    mail = Mail(site.new_id(), person_id, to, kind, one_line(subject), text, html, site.clock(), further)
    mails.insert(tx, mail)
    jobs.add(tx, site.new_id(), "mail", str(mail.id), {"id": str(mail.id)}, site.clock())
    return mail.id


def one_line(text: str, most: int = SUBJECT) -> str:
    """A subject or a name on one line, without characters that steer or turn what stands around them."""
    shown = "".join(" " if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") else one for one in text)
    shown = " ".join(shown.split())
    return shown if len(shown) <= most else shown[: most - 1] + "…"
