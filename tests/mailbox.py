"""A real mail server (aiosmtpd) on loopback, in a thread of its own, that keeps what it is handed and refuses what it is told to."""

import contextlib
import ssl
from asyncio import Server
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from fedi.config import Mail
from tests.certificates import certify

SENDER = "fedi@alpha.example"


class Mailbox:
    """What the server was handed, and how it answers."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.secure: list[bool] = []
        self.refused: dict[str, str] = {}  # address -> the answer to it
        self.port = 0

    async def handle_RCPT(  # noqa: N802 - as aiosmtpd calls it
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or not."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep a mail."""
        assert isinstance(envelope.content, bytes)
        self.raw.append(envelope.content)
        made = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(made, EmailMessage)
        self.mails.append(made)
        self.secure.append(session.ssl is not None)
        return "250 OK"

    def settings(self, scheme: str = "smtp+plain", login: str = "") -> Mail:
        """The settings of an instance that sends through this server."""
        return Mail(url=f"{scheme}://{login}127.0.0.1:{self.port}", sender=SENDER)

    def to(self, address: str) -> list[EmailMessage]:
        """The mails to one address, oldest first."""
        return [one for one in self.mails if one["To"] == address]


def _known(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    fine = isinstance(data, LoginPassword) and (data.login, data.password) == (b"fedi", b"p@ss/word")
    return AuthResult(success=fine, handled=fine)


class _Server(Controller):
    """At a port that the system chooses."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd has no types there


@contextlib.contextmanager
def open_mailbox(folder: Path | None = None, *, implicit: bool = False) -> Iterator[Mailbox]:
    """A server for as long as the block lasts. With a `folder` for its certificate (`certificate.pem`) it wants TLS and the
    password of `fedi`, by STARTTLS or, `implicit`, from the start."""
    box = Mailbox()
    options: dict[str, Any] = {}
    context = None
    if folder is not None:
        certify(folder, "127.0.0.1")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        options = {"authenticator": _known}
        if implicit:
            options |= {"auth_require_tls": False}  # as it is inside of TLS already
        else:
            options |= {"tls_context": context, "require_starttls": True, "auth_required": True}
    server = _Server(box, "127.0.0.1", 0, ssl_context=context if implicit else None, **options)
    server.start()
    try:
        box.port = server.port
        yield box
    finally:
        server.stop()
