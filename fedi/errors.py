"""What goes wrong for whoever asked, said once: a status, a code for programs, a text for people.

Actions and doors raise `Problem`; each door answers it in its own form (Mastodon's `{"error"}`, problem details of RFC
9457, a page). Protocol errors are `federation.errors`.
"""

from typing import Any


class Problem(Exception):
    """The request can't be done. `text` is shown to the person and says what to do; `code` is for programs."""

    status = 400
    code = "bad-request"
    document: dict[str, Any] | None = None
    """The whole problem document, where there is more to it than its text."""

    def __init__(self, text: str, *, code: str | None = None, status: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status


class NotFound(Problem):
    """It does not exist, or the asker may not know that it does: the same answer for both."""

    status = 404
    code = "not-found"

    def __init__(self, text: str = "Record not found") -> None:
        super().__init__(text)


class Unauthenticated(Problem):
    """No valid proof of who asks."""

    status = 401
    code = "unauthenticated"


class Forbidden(Problem):
    """Who asks is known and may not."""

    status = 403
    code = "forbidden"


class Invalid(Problem):
    """The input is well-formed and can't be taken (Mastodon's 422)."""

    status = 422
    code = "invalid"


class Taken(Invalid):
    """A name or address that is in use."""

    code = "taken"


class Conflict(Problem):
    """Somebody else changed it meanwhile."""

    status = 409
    code = "conflict"
