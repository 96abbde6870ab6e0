"""What `fedi doctor` says of how people get in."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fedi.cli.doctor_clients import Finding

if TYPE_CHECKING:
    from fedi.context import Site

_SECONDS = 10


def of_signin(site: "Site") -> Iterator[Finding]:
    """Whether the institution's own log-in answers and is the one that the settings name."""
    config = site.config
    if not config.sso.issuer:
        if config.registrations == "sso":
            yield Finding("look", "sso", "registrations is sso, and [sso] names no issuer, so nobody gets an account")
        return
    from fedi.signin import oidc

    async def ask() -> None:
        async with asyncio.timeout(_SECONDS):
            await oidc.read(site)

    try:
        asyncio.run(ask())
    except TimeoutError:
        yield Finding("broken", "sso", f"{config.sso.issuer} gives no answer within {_SECONDS} s")
    except oidc.Unfit as problem:
        yield Finding("broken", "sso", f"nobody can log in by {config.sso.issuer}: {problem}")
    else:
        yield Finding("fine", "sso", f"{config.sso.issuer} answers; its redirect URI is {config.url}/login/sso/back")
