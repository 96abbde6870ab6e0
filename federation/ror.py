"""ROR ids: how research institutions are named (https://ror.org), with the checksum that they carry."""

import re

_ROR = re.compile(r"(?:https?://)?(?:ror\.org/)?(0[a-hj-km-np-tv-z0-9]{6}[0-9]{2})")
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def read_ror(text: str) -> str | None:
    """The id as `https://ror.org/0…`, from any way of writing it; None when it is none.

    It is 0, six characters in Crockford's base 32, and two digits as ISO 7064 MOD 97-10 check them.
    """
    found = _ROR.fullmatch(text[:100].strip().lower())
    if found is None:
        return None
    number = 0
    for letter in found[1][:7]:
        number = number * 32 + _DIGITS.index(letter)
    return f"https://ror.org/{found[1]}" if 98 - number * 100 % 97 == int(found[1][7:]) else None
