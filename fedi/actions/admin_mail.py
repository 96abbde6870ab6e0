"""Mail to the admins of this instance, each in their language: what waits for them and is not to be missed."""

from fedi import languages
from fedi.actions import mailing
from fedi.context import Site
from fedi.languages import N_, _, ngettext
from storage import people
from storage.metadata import Tx

_ENDS = N_("The agreement with %(host)s ends")
_BODY = N_(
    "%(when)s\n\nUntil then both sides can agree anew; afterwards what it opened is closed:\n\n%(link)s\n\n"
    "You get this mail because you are an admin of %(site)s.\n"
)


def agreement_ends(tx: Tx, site: Site, host: str, days: int) -> None:
    """Remind the admins that an agreement ends within so many days."""

    if not mailing.enabled(site):
        return
    for person in people.by_ids(tx, people.by_role(tx, "admin")).values():
        if not mailing.is_address(person.email):
            continue
        language = str(person.settings.get("locale") or site.config.languages[0])
        with languages.using(language, str(person.settings.get("time_zone") or "")):
            when = ngettext(
                "The agreement with %(host)s ends within %(num)s day.",
                "The agreement with %(host)s ends within %(num)s days.",
                days,
            ) % {"host": host, "num": days}
            link = site.iri(f"/admin/peers/{host}")
            text = _(_BODY) % {"when": when, "link": link, "site": site.config.name}
            subject = _(_ENDS) % {"host": host}
        mailing.post(tx, site, to=person.email, person_id=person.actor_id, kind="agreement", subject=subject, text=text)
