"""Who may use the admin API: a token with the scope, of a person who is a moderator or an admin."""

from fedi.actions.staff import NOT_ALLOWED, STAFF
from fedi.callers import Caller, identify, known
from fedi.errors import Forbidden
from storage.metadata import Tx


def staff(tx: Tx, token: str | None, scope: str, *, admin: bool = False) -> Caller:
    """The moderator (with `admin`: the admin) with this token. Raises Unauthenticated without one, Forbidden for a scope
    that is too small and for anyone else."""
    caller = known(identify(tx, token, scope))
    if caller.role not in STAFF or (admin and caller.role != "admin"):
        raise Forbidden(NOT_ALLOWED, code="not-staff")
    return caller
