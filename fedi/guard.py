"""Against guessing: how often one may try, by account and by address, before a password is hashed or a code compared.

In memory of one process; what must hold for good (the tries of one second step) is in `storage.tickets`.
"""

from starlette.requests import Request

from fedi.context import Site
from fedi.errors import Problem
from fedi.forms import client_address
from fedi.languages import N_, _
from fedi.limits import Limits

TOO_MANY = N_("There were too many attempts. Wait a minute, then try again.")


class Guard:
    """What one process remembers of attempts: buckets by account and address."""

    def __init__(self) -> None:
        self.limits = Limits(50_000)

    def check(self, request: Request, account: str | None) -> None:
        """Raises Problem (429) when there were too many attempts."""
        site: Site = request.app.state.site
        now = site.clock()
        address = client_address(request)
        allowed = self.limits.allow(f"address {address}", 30, 60, now)
        if account is not None:
            # By account and address: a stranger who tries can't shut the owner out, who comes from elsewhere.
            allowed = self.limits.allow(f"pair {account} {address}", 5, 10, now) and allowed
            # By account alone far more: many addresses that try one account.
            allowed = self.limits.allow(f"account {account}", 30, 60, now) and allowed
        if not allowed:
            raise Problem(_(TOO_MANY), status=429, code="too-many")

    def check_code(self, request: Request, person_id: int) -> None:
        """The same for a code of six digits, of which three fit at any time: ten tries, then one in five minutes, whoever
        tries and from wherever. Who gets that far has the password, so this shuts out no owner whom a stranger dislikes."""
        self.check(request, None)
        site: Site = request.app.state.site
        if not self.limits.allow(f"code {person_id}", 0.2, 10, site.clock()):
            raise Problem(
                _("There were too many wrong codes. Wait five minutes, or use a recovery code then."),
                status=429,
                code="too-many",
            )

    def check_mail(self, request: Request) -> None:
        """The same for whoever has a mail sent to somebody: few from one address, behind which may be a lecture hall."""
        self.check(request, None)
        site: Site = request.app.state.site
        if not self.limits.allow(f"mail {client_address(request)}", 6, 20, site.clock()):
            raise Problem(_(TOO_MANY), status=429, code="too-many")


def guard(request: Request) -> Guard:
    """The guard of this process."""
    state = request.app.state
    if not hasattr(state, "guard"):
        state.guard = Guard()
    found: Guard = state.guard
    return found
