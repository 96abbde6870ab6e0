"""Door: getting in. Log-in by password, passkey or the institution's own log-in, with a code where somebody wants that; sign-up,
open, by approval or by invitation; a new password by mail; the first steps; and the page on which one looks after all that.

The sessions are in `fedi.sessions`, what is kept and decided in `fedi.actions`.
"""

from fedi.signin import invitations, joining, passkeys, password, resetting, security, sso, welcome

ROUTES = [
    *password.ROUTES,
    *passkeys.ROUTES,
    *sso.ROUTES,
    *resetting.ROUTES,
    *joining.ROUTES,
    *security.ROUTES,
    *invitations.ROUTES,
    *welcome.ROUTES,
]

__all__ = ["ROUTES"]
