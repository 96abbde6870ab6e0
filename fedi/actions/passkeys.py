"""Passkeys (W3C Web Authentication level 2): adding one, and logging in by one without a name or a password.

The device checks who holds it (user verification is required), so a passkey counts as both factors. Its user handle is the
person's id, which says nothing of them. Attestation is not asked for: whatever people own will do.
"""

import json
import secrets
from typing import Any

from fedi.actions import account_mail
from fedi.context import Site
from fedi.errors import Invalid
from fedi.languages import N_, _
from storage import passkeys, people, tickets
from storage.actors import Actor
from storage.metadata import Tx
from storage.passkeys import Passkey

LIFE = 5 * 60 * 1000
"""Ms within which a device must answer."""
MOST = 20
NAME = 60
LARGEST = 20_000
"""Characters of an answer of a device at most."""
REFUSED = N_("This passkey was not taken. Try again, or log in by your password.")


def ready() -> None:
    """Load what checks answers, which takes a quarter of a second once: not while others wait for the database."""
    import webauthn  # noqa: F401 - for its effect: it is loaded then


def rp_id(site: Site) -> str:
    """For whom passkeys count: our host without its port."""
    return site.config.host.rpartition(":")[0] if ":" in site.config.host else site.config.host


def challenge() -> str:
    """What a device has to sign, in base64url."""
    return secrets.token_urlsafe(32)


def login_options(site: Site, made: str) -> dict[str, Any]:
    """What the browser is asked for a log-in: any passkey for this site (`PublicKeyCredentialRequestOptions` as JSON)."""
    return {
        "challenge": made,
        "rpId": rp_id(site),
        "userVerification": "required",
        "timeout": LIFE,
        "allowCredentials": [],
    }


def adding_options(tx: Tx, site: Site, actor: Actor, made: str) -> dict[str, Any]:
    """What the browser is asked for a new passkey (`PublicKeyCredentialCreationOptions` as JSON). Raises Invalid for too many."""
    from webauthn.helpers import bytes_to_base64url

    known = passkeys.of_person(tx, actor.id)
    if len(known) >= MOST:
        raise Invalid(
            _("You have %(most)s passkeys, which is the most. Remove one first.") % {"most": MOST}, code="most"
        )
    handle = bytes_to_base64url(str(actor.id).encode())
    return {
        "challenge": made,
        "rp": {"id": rp_id(site), "name": site.config.name},
        "user": {"id": handle, "name": actor.username, "displayName": actor.name or actor.username},
        "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in (-8, -7, -257)],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
        "timeout": LIFE,
        "excludeCredentials": [{"type": "public-key", "id": one.credential} for one in known],
    }


def _read(answer: str) -> dict[str, Any]:
    """What a device answered, as the browser's script sends it. Raises Invalid."""
    try:
        read = json.loads(answer) if len(answer) <= LARGEST else None
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict) or not isinstance(read.get("id"), str) or len(read["id"]) > 1400:
        raise Invalid(_(REFUSED), code="passkey")
    return read


def _challenge_of(ticket: tickets.Ticket | None) -> bytes:
    from webauthn.helpers import base64url_to_bytes

    if ticket is None:
        raise Invalid(_("That took too long. Try again."), code="late")
    return base64url_to_bytes(str(ticket.data["challenge"]))


def add(tx: Tx, site: Site, actor: Actor, secret: str, answer: str, name: str) -> Passkey:
    """Keep the passkey that a device made for the challenge of this ticket. Raises Invalid for what does not fit."""
    from webauthn import verify_registration_response
    from webauthn.helpers import bytes_to_base64url
    from webauthn.helpers.exceptions import WebAuthnException

    ticket = tickets.find(tx, secret, "new-passkey", site.clock())
    if ticket is not None and ticket.person_id != actor.id:
        ticket = None
    wanted = _challenge_of(ticket)
    try:
        made = verify_registration_response(
            credential=_read(answer),
            expected_challenge=wanted,
            expected_rp_id=rp_id(site),
            expected_origin=site.config.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as problem:
        raise Invalid(_("This passkey was not taken. Try again."), code="passkey") from problem
    tickets.take(tx, secret, "new-passkey", site.clock())
    called = name.strip()[:NAME] or _("Passkey")
    row = Passkey(
        site.new_id(),
        actor.id,
        bytes_to_base64url(made.credential_id),
        made.credential_public_key,
        made.sign_count,
        called,
        site.clock(),
        None,
    )
    if passkeys.by_credential(tx, row.credential) is not None:
        raise Invalid(_("This passkey is kept already."), code="known")
    passkeys.insert(tx, row)
    person = people.by_id(tx, actor.id)
    if person is not None:
        account_mail.changed(tx, site, actor, person, account_mail.PASSKEY_ADDED)
    return row


def log_in(tx: Tx, site: Site, secret: str, answer: str) -> Passkey:
    """The passkey by which a device signed the challenge of this ticket, which counts once. Raises Invalid."""
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    read = _read(answer)
    wanted = _challenge_of(tickets.take(tx, secret, "passkey", site.clock()))
    known = passkeys.by_credential(tx, read["id"])
    if known is None:
        raise Invalid(_("This passkey is not known here any more. Log in by your password."), code="unknown")
    try:
        checked = verify_authentication_response(
            credential=read,
            expected_challenge=wanted,
            expected_rp_id=rp_id(site),
            expected_origin=site.config.origin,
            credential_public_key=known.public_key,
            credential_current_sign_count=known.uses,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as problem:
        raise Invalid(_(REFUSED), code="passkey") from problem
    passkeys.change(tx, known.id, uses=checked.new_sign_count, used_at=site.clock())
    return known
