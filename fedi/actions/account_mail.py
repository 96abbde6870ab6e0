"""Mail about somebody's own account: is this your address, a new password, you are in, something was changed.

Each is in the language of who gets it. Where no mail is set up these do nothing; whoever offers them asks `mailing.enabled`.
"""

from fedi import languages
from fedi.actions import mailing
from fedi.context import Site
from fedi.languages import N_, _
from storage.actors import Actor
from storage.metadata import Tx
from storage.people import Person

CONFIRM = N_(
    "Hello %(name)s,\n\nto confirm that this is your address, open this page and press the button:\n\n%(link)s\n\n"
    "It works for three days. You did not ask for this? Then do nothing.\n\n%(site)s\n"
)
RESET = N_(
    "Hello %(name)s,\n\nto choose a new password, open this page:\n\n%(link)s\n\n"
    "It works for one hour, and once. You did not ask for this? Then do nothing: your password stays as it is.\n\n%(site)s\n"
)
LET_IN = N_("Hello %(name)s,\n\nyour account at %(site)s is ready. Log in here:\n\n%(link)s\n")
TURNED_DOWN = N_("Hello %(name)s,\n\nyour account at %(site)s was not approved, and what you sent is deleted.\n")
CHANGED = N_(
    "Hello %(name)s,\n\n%(what)s\n\nWas that you? Then all is well. If not, choose a new password now:\n\n%(link)s\n\n%(site)s\n"
)
PASSWORD_CHANGED = N_("your password was changed, and you were logged out everywhere else.")
ADDRESS_CHANGED = N_("the e-mail address of your account is another one now.")
FACTOR_OFF = N_("logging in to your account takes no code any more.")
PASSKEY_ADDED = N_("a passkey was added to your account.")


def _send(
    tx: Tx,
    site: Site,
    actor: Actor,
    person: Person,
    kind: str,
    subject: str,
    text: str,
    path: str,
    to: str = "",
    what: str = "",
) -> None:
    address = to or person.email
    if not mailing.enabled(site) or not mailing.is_address(address):
        return
    now = languages.reader()
    with languages.using(person.settings.get("locale") or now.language, person.settings.get("time_zone") or now.zone):
        filled = {
            "name": mailing.one_line(actor.name, 100) or actor.username,
            "link": site.iri(path),
            "site": site.config.name,
            "what": _(what) if what else "",
        }
        subject, text = _(subject) % filled, _(text) % filled
    of = actor.id if kind != "turned-down" else None  # whose account is erased with this
    mailing.post(tx, site, to=address, person_id=of, kind=kind, subject=subject, text=text)


def confirm(tx: Tx, site: Site, actor: Actor, person: Person, secret: str, to: str) -> None:
    """Ask whether `to` is their address."""
    _send(
        tx, site, actor, person, "confirm", N_("Confirm your address for %(site)s"), CONFIRM, f"/confirm/{secret}", to
    )


def reset(tx: Tx, site: Site, actor: Actor, person: Person, secret: str) -> None:
    """Send the link by which one chooses a new password."""
    _send(tx, site, actor, person, "reset", N_("A new password for %(site)s"), RESET, f"/login/reset/{secret}")


def let_in(tx: Tx, site: Site, actor: Actor, person: Person) -> None:
    """Say that the account can be used."""
    _send(tx, site, actor, person, "let-in", N_("Your account at %(site)s is ready"), LET_IN, "/login?next=/welcome")


def turned_down(tx: Tx, site: Site, actor: Actor, person: Person) -> None:
    """Say that there will be no account."""
    _send(tx, site, actor, person, "turned-down", N_("Your account at %(site)s"), TURNED_DOWN, "/")


def changed(tx: Tx, site: Site, actor: Actor, person: Person, what: str, to: str = "") -> None:
    """Say that how one logs in was changed: `what` is one of the texts above, in English."""
    _send(
        tx,
        site,
        actor,
        person,
        "changed",
        N_("Your account at %(site)s was changed"),
        CHANGED,
        "/login/reset",
        to,
        what,
    )
