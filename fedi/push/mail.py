"""A mail as it goes over the wire, and the server that takes it (RFC 5321, 5322): smtplib, in a thread of the caller's.

`smtps://` speaks TLS from the start (port 465), `smtp://` demands STARTTLS (port 587), except at this machine itself;
`smtp+plain://` (port 25) has none, for a relay in a network that is trusted. Certificates are verified. Passwords are never
sent without TLS but to this machine.
"""

import ipaddress
import smtplib
import ssl
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from fedi.config import Config
from storage.mails import Mail

TIMEOUT = 20.0
"""Seconds for one answer of the mail server."""
_PORTS = {"smtps": 465, "smtp": 587, "smtp+plain": 25}


class NotSent(Exception):
    """A mail was not taken; `lasting`: it never will be, as the server said (5xx). The text names no password."""

    def __init__(self, why: str, *, lasting: bool) -> None:
        super().__init__(why)
        self.lasting = lasting


def message(config: Config, mail: Mail) -> EmailMessage:
    """The mail with all its headers. Raises ValueError where a header can't be written."""
    made = EmailMessage(policy=SMTP)
    user, _, domain = config.mail.sender.rpartition("@")
    made["From"] = Address(config.name, user, domain)
    made["To"] = mail.recipient
    made["Subject"] = mail.subject
    made["Date"] = format_datetime(datetime.fromtimestamp(mail.created_at / 1000, UTC))
    # The same at each try, so that who gets it twice (we died between the answer and the note of it) is shown it once.
    made["Message-ID"] = f"<{mail.kind}.{mail.id}@{config.handle_domain.partition(':')[0]}>"
    if config.mail.reply_to:
        made["Reply-To"] = config.mail.reply_to
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answers this
    for name, value in mail.headers.items():
        made[name] = value
    made.set_content(mail.text, cte="quoted-printable")
    if mail.html is not None:
        made.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    return made


def deliver(config: Config, made: EmailMessage) -> None:
    """Hand a mail to the server of the settings; blocks. Raises NotSent."""
    try:
        with _connected(config) as server:
            server.send_message(made)
    except smtplib.SMTPRecipientsRefused as problem:
        code, text = next(iter(problem.recipients.values()))
        raise NotSent(f"the address was refused: {_said(code, text)}", lasting=500 <= code < 600) from None
    except smtplib.SMTPAuthenticationError as problem:  # the settings are wrong, and may be mended
        why = f"the mail server does not take the name and password: {_said(problem.smtp_code, problem.smtp_error)}"
        raise NotSent(why, lasting=False) from None
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as problem:
        lasting = 500 <= problem.smtp_code < 600 and problem.smtp_code not in (530, 535)
        raise NotSent(f"it was refused: {_said(problem.smtp_code, problem.smtp_error)}", lasting=lasting) from None
    except smtplib.SMTPNotSupportedError as problem:
        raise NotSent(f"the mail server can't do that: {problem}", lasting="SMTPUTF8" in str(problem)) from None
    except ssl.SSLCertVerificationError as problem:
        raise NotSent(f"the mail server's certificate is not right: {problem.verify_message}", lasting=False) from None
    except (smtplib.SMTPException, OSError) as problem:
        raise NotSent(f"the mail server can't be used: {problem}"[:400], lasting=False) from None


def _connected(config: Config) -> smtplib.SMTP:
    parts = urlsplit(config.mail.url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    context = ssl.create_default_context()
    if config.federation.ca_file is not None and config.federation.ca_file.is_file():
        context.load_verify_locations(config.federation.ca_file)
    # A name of our own, or smtplib would ask the resolver for one each time.
    own = config.handle_domain.partition(":")[0]
    server: smtplib.SMTP
    if parts.scheme == "smtps":
        server = smtplib.SMTP_SSL(host, port, own, timeout=TIMEOUT, context=context)
    else:
        server = smtplib.SMTP(host, port, own, timeout=TIMEOUT)
    try:
        server.ehlo_or_helo_if_needed()
        secure = parts.scheme == "smtps"
        if parts.scheme == "smtp" and (server.has_extn("starttls") or not _is_here(host)):
            server.starttls(context=context)
            server.ehlo()
            secure = True
        if parts.username:
            if not secure and not _is_here(host):
                raise smtplib.SMTPNotSupportedError("a password is not sent without TLS; use smtps:// or smtp://")
            server.login(unquote(parts.username), unquote(parts.password or ""))
    except BaseException:
        server.close()
        raise
    return server


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _said(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words.split())}"[:300]
