"""What `fedi doctor` says of mail."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fedi.cli.doctor_clients import Finding

if TYPE_CHECKING:
    from fedi.context import Site
    from storage.metadata import Tx

_HOUR = 3600 * 1000
_WEEK = 7 * 24 * _HOUR


def of_mail(tx: "Tx", site: "Site") -> Iterator[Finding]:
    """Whether there is a mail server, mails that wait long, and those that were given up within a week."""
    from storage import mails

    if not site.config.mail.url:
        yield Finding(
            "look", "mail", "nobody gets mail: no digests, no lost passwords; name a mail server below [mail]"
        )
        return
    now = site.clock()
    totals = mails.totals(tx, now - _WEEK)
    waiting = [one for one in mails.in_state(tx, "waits", 0, 100) if now - one.created_at > _HOUR]
    if waiting:
        why = next((one.problem for one in waiting if one.problem), "does «fedi worker» run?")
        number = "1 mail waits" if len(waiting) == 1 else f"{len(waiting)} mails wait"
        yield Finding("broken", "mail", f"{number} for more than an hour: {why}")
    if given_up := mails.in_state(tx, "failed", now - _WEEK, 1):
        text = f"{totals['failed']} mails of this week were given up, the last because {given_up[0].problem}"
        yield Finding("look", "mail", f"{text}; see «fedi mail list»")
    if not waiting:
        yield Finding("fine", "mail", f"{totals.get('sent', 0)} mails were sent this week")
