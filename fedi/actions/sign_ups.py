"""Making one's own account: by invitation, with approval, or at once, as the setting `registrations` says; and the link in a
mail that confirms the address.
"""

from dataclasses import dataclass

from federation.signatures.keys import KeyPair
from fedi import languages
from fedi.actions import account_mail, invitations, mailing
from fedi.actions import people as people_actions
from fedi.context import Site
from fedi.errors import Forbidden, Invalid
from fedi.languages import N_, _
from storage import actors, people, sign_ups, tickets
from storage.actors import Actor
from storage.metadata import Tx
from storage.people import Person
from storage.sign_ups import SignUp

REASON = 1000
CONFIRM_LIFE = 3 * 24 * 3600 * 1000
"""Ms for which a link that confirms an address works."""

AGAIN = 2 * 60 * 1000
"""Ms before it is mailed again."""

HOW = {
    "invite": N_(
        "People join by invitation here: ask someone who is in already for a link, or whoever runs this server."
    ),
    "sso": N_("Members of the institution have an account already: log in by the institution's own log-in."),
    "closed": N_("Accounts are made by whoever runs this server; ask there for one."),
}
"""How one gets an account where nobody can make one without more."""


@dataclass(frozen=True, slots=True)
class SignedUp:
    """What came of it. `state`: `in`, `confirm` (the mail's link first), `waits` (for approval)."""

    actor: Actor
    state: str


def sign_up(
    tx: Tx,
    site: Site,
    *,
    username: str,
    email: str,
    password_hash: str,
    key_pair: KeyPair,
    secret: str,
    reason: str = "",
    code: str = "",
    zone: str = "",
) -> SignedUp:
    """Add who signs up by themselves, by the invitation `code` where there is one. `secret` goes into the mailed link.

    Raises Forbidden where nobody may (so), NotFound for an invitation that there isn't, Taken and Invalid as
    `people.register`.
    """
    mode = site.config.registrations
    invitation = invitations.check(tx, site, code) if code else None
    if invitation is None and mode in HOW:
        raise Forbidden(_(HOW[mode]), code="registrations")
    if len(reason) > REASON:
        raise Invalid(_("Why you would like to join: %(most)s characters at most.") % {"most": REASON}, code="reason")
    if mode == "approval" and invitation is None and not reason.strip():
        raise Invalid(_("Say in a sentence who you are: that is how your account is approved."), code="reason")
    mailed = mailing.enabled(site)
    waits = invitation is None and (mode == "approval" or mailed)
    actor = people_actions.register(
        tx,
        site,
        username=username,
        email=email,
        password_hash=password_hash,
        name=username,
        state="pending" if waits else "active",
        key_pair=key_pair,
    )
    settings = {"locale": languages.reader().language} if languages.reader().language != languages.SOURCE else {}
    if languages.is_zone(zone):
        settings["time_zone"] = zone
    if settings:
        people.change(tx, actor.id, settings=settings)
    made = SignUp(
        actor.id,
        reason.strip().removeprefix("–"),
        invitation.id if invitation is not None else None,
        invitation.by_id if invitation is not None else None,
        None,
        site.clock(),
    )
    sign_ups.insert(tx, made)
    if mailed:
        ask(tx, site, actor, email.strip().lower(), secret)
    if not waits or not mailed:
        people_actions.signed_up(tx, site, actor)
    if invitation is not None:
        invitations.welcome(tx, site, invitation, actor)
    return SignedUp(actor, ("confirm" if mailed else "waits") if waits else "in")


def ask(tx: Tx, site: Site, actor: Actor, address: str, secret: str) -> None:
    """Mail the link that confirms that `address` is theirs; links that were mailed before count no more."""
    person = people.by_id(tx, actor.id)
    if person is None or not mailing.enabled(site):
        return
    tickets.insert(tx, secret, "address", actor.id, {"email": address}, site.clock(), CONFIRM_LIFE, alone=True)
    account_mail.confirm(tx, site, actor, person, secret, address)


def ask_again(tx: Tx, site: Site, person_id: int, secret: str) -> None:
    """Mail the link once more to who knows their password and still waits for it, at most every two minutes."""
    person, actor, how = people.by_id(tx, person_id), actors.by_id(tx, person_id), sign_ups.of_person(tx, person_id)
    if person is None or actor is None or how is None or how.confirmed_at is not None:
        return
    if person.state == "pending" and not tickets.lately(tx, person_id, "address", site.clock() - AGAIN):
        ask(tx, site, actor, person.email, secret)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """An address that is theirs. `now_in`: the account can be used from now on; `changed`: it is another one than before."""

    actor: Actor
    now_in: bool
    changed: bool
    waits: bool


def pending_confirmation(tx: Tx, site: Site, secret: str) -> str | None:
    """The address that this link confirms; None when it counts no more."""
    found = tickets.find(tx, secret, "address", site.clock())
    return str(found.data.get("email", "")) if found is not None else None


def confirm(tx: Tx, site: Site, secret: str) -> Confirmed | None:
    """The link of a mail came back: note that the address is theirs. None when it counts no more. Raises Taken when somebody
    else has the address by now."""
    now = site.clock()
    ticket = tickets.take(tx, secret, "address", now)
    actor = actors.by_id(tx, ticket.person_id or 0) if ticket is not None else None
    person = people.by_id(tx, actor.id) if actor is not None else None
    if ticket is None or actor is None or person is None:
        return None
    address = str(ticket.data.get("email", ""))
    changed = address != person.email
    if changed:
        _take_address(tx, site, actor, person, address)
    sign_ups.change(tx, actor.id, confirmed_at=now)
    now_in = False
    if person.state == "pending":
        if site.config.registrations == "open":
            people_actions.approve(tx, site, actor, told=False)
            now_in = True
        people_actions.signed_up(tx, site, actor)
    return Confirmed(actor, now_in, changed, person.state == "pending" and not now_in)


def _take_address(tx: Tx, site: Site, actor: Actor, person: Person, address: str) -> None:
    people_actions.check_address(tx, address)
    people.change(tx, actor.id, email=address)
    account_mail.changed(tx, site, actor, person, account_mail.ADDRESS_CHANGED, to=person.email)


def change_address(tx: Tx, site: Site, actor: Actor, address: str, secret: str) -> bool:
    """Somebody wants another address: it counts at once where no mail is sent, else once its link came back; whether it counts
    already. Raises Invalid and Taken."""
    address = people_actions.check_address(tx, address)
    person = people.by_id(tx, actor.id)
    if person is None:
        return False
    if mailing.enabled(site):
        ask(tx, site, actor, address, secret)
        return False
    people.change(tx, actor.id, email=address)
    return True
