"""Door: getting in. Log-in by password or passkey, with a code where somebody wants that; sign-up, open, by approval or by
invitation; a new password by mail; the first steps; and the page on which one looks after all that.

The sessions are in `fedi.sessions`, what is kept and decided in `fedi.actions`.
"""

from fedi.signin import invitations, joining, passkeys, password, resetting, security, welcome

ROUTES = [
    *password.ROUTES,
    *passkeys.ROUTES,
    *resetting.ROUTES,
    *joining.ROUTES,
    *security.ROUTES,
    *invitations.ROUTES,
    *welcome.ROUTES,
]

__all__ = ["ROUTES"]
