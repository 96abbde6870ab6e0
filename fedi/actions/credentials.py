"""How people log in and how they change it: passwords, the second factor with its recovery codes, the sessions that end then.

Passkeys are in `fedi.actions.passkeys`. Hashing takes long, so hashes come from outside of the transaction.
"""

import re
import secrets
from collections.abc import Sequence

import pyotp

from fedi.actions import account_mail, mailing
from fedi.context import Site
from fedi.errors import Invalid
from fedi.languages import _
from storage import actors, apps, people, second_factors, sessions, tickets
from storage.actors import Actor
from storage.metadata import Tx
from storage.second_factors import SecondFactor

RESET_LIFE = 3600 * 1000
_AGAIN = 2 * 60 * 1000
"""Ms before another mail with a link is sent to the same person."""
CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another
STEP = 30_000


def ask_reset(tx: Tx, site: Site, name: str, secret: str) -> None:
    """Mail the link for a new password to whoever has this name or address. Nothing says whether there is somebody."""
    person = people.by_login(tx, name)
    actor = actors.by_id(tx, person.actor_id) if person is not None else None
    now = site.clock()
    if person is None or actor is None or person.state != "active" or not mailing.enabled(site):
        return
    if tickets.lately(tx, actor.id, "reset", now - _AGAIN):
        return
    tickets.insert(tx, secret, "reset", actor.id, {}, now, RESET_LIFE, alone=True)
    account_mail.reset(tx, site, actor, person, secret)


def reset_link(tx: Tx, site: Site, actor: Actor, secret: str, life: int) -> str:
    """The address of the page on which this person chooses a new password, for whoever runs the server to hand on."""
    tickets.insert(tx, secret, "reset", actor.id, {}, site.clock(), life, alone=True)
    return site.iri(f"/login/reset/{secret}")


def whose_reset(tx: Tx, site: Site, secret: str) -> Actor | None:
    """Who may choose a new password by this link; None when it counts no more."""
    found = tickets.find(tx, secret, "reset", site.clock())
    return actors.by_id(tx, found.person_id) if found is not None and found.person_id is not None else None


def reset(tx: Tx, site: Site, secret: str, password_hash: str) -> Actor | None:
    """Choose a new password by a link: sessions end and apps are shut out, as somebody else may have got in. None when the link
    counts no more."""
    ticket = tickets.take(tx, secret, "reset", site.clock())
    actor = actors.by_id(tx, ticket.person_id) if ticket is not None and ticket.person_id is not None else None
    if actor is None:
        return None
    apps.revoke(tx, site.clock(), person_id=actor.id)
    set_password(tx, site, actor, password_hash)
    return actor


def set_password(tx: Tx, site: Site, actor: Actor, password_hash: str) -> None:
    """Give a person another password: every session ends, and what was under way by the old one."""
    people.change(tx, actor.id, password_hash=password_hash)
    sessions.remove(tx, person_id=actor.id)
    for kind in ("reset", "second", "new-passkey"):
        tickets.remove(tx, person_id=actor.id, kind=kind)
    person = people.by_id(tx, actor.id)
    if person is not None:
        account_mail.changed(tx, site, actor, person, account_mail.PASSWORD_CHANGED)


# The second factor.


def wants_second(tx: Tx, person_id: int) -> bool:
    """Whether this person gives a code when they log in by password."""
    found = second_factors.of_person(tx, person_id)
    return found is not None and found.confirmed_at is not None


def new_secret() -> str:
    """A secret for an app for codes: 160 bits in base32 (RFC 4226 section 4)."""
    return pyotp.random_base32(32)


def new_codes() -> list[str]:
    """Recovery codes of 50 bits, as `abcde-fghij`."""
    made = ["".join(secrets.choice(_ALPHABET) for _letter in range(10)) for _code in range(CODES)]
    return [f"{one[:5]}-{one[5:]}" for one in made]


def begin_second(tx: Tx, site: Site, actor: Actor, secret: str) -> None:
    """Begin to set up a second factor; it is asked for once its app has shown a code. Raises Invalid where there is one."""
    if wants_second(tx, actor.id):
        raise Invalid(_("Codes are on already. Turn them off first to set up another app."), code="on")
    second_factors.save(tx, SecondFactor(actor.id, secret, site.clock(), None, 0))


def address_of(site: Site, actor: Actor, secret: str) -> str:
    """What the app for codes reads from the picture: an `otpauth://` address."""
    return pyotp.TOTP(secret).provisioning_uri(
        name=f"{actor.username}@{site.config.handle_domain}", issuer_name=site.config.name
    )


def step_of(secret: str, code: str, now: int) -> int | None:
    """The step of 30 seconds whose code this is: the present one or one beside it, as clocks differ; None for any other."""
    digits = re.sub(r"\s", "", code)
    if not re.fullmatch(r"[0-9]{6}", digits):
        return None
    here = now // STEP
    right = pyotp.TOTP(secret)
    matches = [step for step in (here, here - 1, here + 1) if secrets.compare_digest(right.at(step * 30), digits)]
    return matches[0] if matches else None


def confirm_second(tx: Tx, site: Site, actor: Actor, code: str, codes: Sequence[str]) -> bool:
    """The app shows its first code: from now on one is asked for. `codes` are the new recovery codes. False for a wrong one."""
    found = second_factors.of_person(tx, actor.id)
    step = step_of(found.secret, code, site.clock()) if found is not None and found.confirmed_at is None else None
    if step is None:
        return False
    second_factors.change(tx, actor.id, confirmed_at=site.clock(), last_step=step)
    put_codes(tx, actor, codes)
    return True


def put_codes(tx: Tx, actor: Actor, codes: Sequence[str]) -> None:
    """Give a person new recovery codes; older ones count no more."""
    second_factors.put_codes(tx, actor.id, [_bare(one) for one in codes])


def _bare(code: str) -> str:
    return re.sub(r"[^a-z0-9]", "", code.lower())


def use_second(tx: Tx, site: Site, person_id: int, code: str) -> bool:
    """Whether this is the code of somebody's app right now, or a recovery code of theirs; either counts once."""
    found = second_factors.of_person(tx, person_id)
    if found is None or found.confirmed_at is None:
        return False
    step = step_of(found.secret, code, site.clock())
    if step is not None:
        return second_factors.use_step(tx, person_id, step)
    return len(_bare(code)) == 10 and second_factors.use_code(tx, person_id, _bare(code))


def second_off(tx: Tx, site: Site, actor: Actor) -> bool:
    """No code is asked for any more, and the recovery codes are gone; False where none was."""
    on = wants_second(tx, actor.id)
    second_factors.remove(tx, actor.id)
    person = people.by_id(tx, actor.id)
    if on and person is not None:
        account_mail.changed(tx, site, actor, person, account_mail.FACTOR_OFF)
    return on
