"""What goes wrong between servers, and what follows from it.

    FederationError
    ├── Malformed              400  not what the standard allows: bad JSON, missing fields, bad IRIs
    ├── TooLarge               413  more bytes, or deeper nesting, than we read
    ├── MissingSignature       401  nothing says who sent it
    ├── BadSignature           401  something says it, and it is not true
    ├── KeyUnavailable         401  the key can't be had now (retry)
    ├── WrongOrigin            403  an id, a key or an author of another origin than the one that vouches for it
    ├── WrongContentType       406  an answer that is not ActivityPub
    ├── UnsupportedHost        400  a host name that nobody may have: no IDNA form, an IP literal, userinfo
    ├── AddressForbidden       403  the name leads to an address that may not be asked (SSRF guard)
    ├── Unreachable            502  no answer: DNS, TCP, TLS, time-out, 5xx (retry)
    ├── Busy                   503  429 or 503; `retry_after` says when (retry)
    ├── Refused                502  the peer answered and said no; `answered` is its status
    └── Gone                   410  the peer says that it is gone for good

`retry` says whether trying again later can help, `status` what we answer over HTTP when this happens while a peer asks us,
`code` is the reason for programs and for the list of decisions, the text is for operators. Nobody inspects the text.
"""

from typing import Self


class FederationError(Exception):
    """Base of everything that `federation` raises. `str()` gives the text for operators."""

    retry: bool = False
    status: int = 400
    code: str = "federation-error"

    def __init__(self, text: str, *, code: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        if code is not None:
            self.code = code

    def __copy__(self) -> Self:
        """The same problem without what Python adds while it is raised: where it passed, and all that is held there."""
        made = type(self).__new__(type(self), *self.args)
        made.__dict__.update(self.__dict__)
        return made


class Malformed(FederationError):
    """It is not what the standard allows."""

    code = "malformed"


class TooLarge(FederationError):
    """More bytes, or deeper nesting, than we read; of an HTTP answer, `answered` is its status."""

    status = 413
    code = "too-large"

    def __init__(self, text: str, *, answered: int | None = None) -> None:
        super().__init__(text)
        self.answered = answered


class MissingSignature(FederationError):
    """The request is not signed."""

    status = 401
    code = "missing-signature"


class BadSignature(FederationError):
    """The signature does not fit the request, the key or the time."""

    status = 401
    code = "bad-signature"


class KeyUnavailable(FederationError):
    """The key that would prove it can't be had now."""

    retry = True
    status = 401
    code = "key-unavailable"


class WrongOrigin(FederationError):
    """Somebody vouches for what is not theirs (FEP-fe34)."""

    status = 403
    code = "wrong-origin"


class WrongContentType(FederationError):
    """An answer, or a request, that is not served as ActivityPub."""

    status = 406
    code = "wrong-content-type"


class UnsupportedHost(FederationError):
    """A host that no peer can have."""

    code = "unsupported-host"


class AddressForbidden(FederationError):
    """The name leads to an address that we never ask."""

    status = 403
    code = "address-forbidden"


class Unreachable(FederationError):
    """The peer gave no usable answer."""

    retry = True
    status = 502
    code = "unreachable"


class Busy(FederationError):
    """The peer asks to come back later; `retry_after` in seconds, None when it did not say when."""

    retry = True
    status = 503
    code = "busy"

    def __init__(self, text: str, *, retry_after: int | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class Refused(FederationError):
    """The peer answered and did not take it; `answered` is its HTTP status."""

    status = 502
    code = "refused"

    def __init__(self, text: str, *, answered: int, code: str | None = None) -> None:
        super().__init__(text, code=code)
        self.answered = answered


class Gone(FederationError):
    """The peer says that it is gone for good (410)."""

    status = 410
    code = "gone"
