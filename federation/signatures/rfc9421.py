"""HTTP Message Signatures (RFC 9421), as far as servers use them among each other.

One signature a request; components without parameters; the derived ones that a request has, but for `@query-param`. All
else is refused: what we don't understand, we can't have checked.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping, Sequence

from federation.errors import BadSignature, Malformed
from federation.plain_class import plain_class
from federation.signatures.keys import PrivateKey

_INPUT = re.compile(r'\s*([a-z*][a-z0-9_.*-]*)=(\(\s*((?:"[a-z0-9@_-]+"\s*)*)\)((?:;[^,"]*(?:"[^"]*")?)*))\s*')
_PARAMETER = re.compile(r';\s*([a-z*][a-z0-9_.*-]*)=(?:"((?:[^"\\]|\\["\\])*)"|(-?[0-9]{1,15})|[^;"\s]+)')
_SIGNATURE = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):\s*")


@plain_class(frozen=True, slots=True)
class MessageSignature:
    """A parsed pair of `Signature-Input` and `Signature`: times in seconds, `parameters` as they stand in the base."""

    key_id: str
    algorithm: str | None
    covered: tuple[str, ...]
    signature: bytes
    created: int | None
    expires: int | None
    parameters: str


def parse_signature(signature_input: str, signature: str) -> MessageSignature:
    """Read `Signature-Input` and `Signature`, which must hold one signature with the same label.

    Raises Malformed, also for components with parameters and for more than one signature.
    """
    declared = _INPUT.fullmatch(signature_input)
    given = _SIGNATURE.fullmatch(signature)
    if declared is None or given is None or declared[1] != given[1]:
        raise Malformed("Signature-Input and Signature are not one plain signature", code="malformed-signature")
    texts: dict[str, str] = {}
    numbers: dict[str, int] = {}
    position = 0
    while position < len(declared[4]):
        parameter = _PARAMETER.match(declared[4], position)
        if parameter is None or parameter[1] in texts or parameter[1] in numbers:
            raise Malformed("parameters of Signature-Input that can't be read", code="malformed-signature")
        if parameter[3] is not None:
            numbers[parameter[1]] = int(parameter[3])
        elif parameter[2] is not None:
            texts[parameter[1]] = parameter[2].replace('\\"', '"').replace("\\\\", "\\")
        position = parameter.end()
    if "keyid" not in texts:
        raise Malformed("no keyid in Signature-Input", code="malformed-signature")
    try:
        decoded = b64decode(given[2], validate=True)
    except (Error, ValueError) as error:
        raise Malformed("a signature that is no base64", code="malformed-signature") from error
    covered = tuple(name.strip('"') for name in declared[3].split())
    return MessageSignature(
        texts["keyid"],
        texts.get("alg"),
        covered,
        decoded,
        numbers.get("created"),
        numbers.get("expires"),
        declared[2],
    )


def signature_base(
    covered: Sequence[str],
    parameters: str,
    method: str,
    scheme: str,
    host: str,
    target: str,
    headers: Mapping[str, str],
) -> bytes:
    """The signature base (section 2.5). `headers` by name in lower case; `target` is path and query, `host` the authority.

    Raises BadSignature when a covered component is not there, unknown, or covered twice.
    """
    if len(set(covered)) != len(covered):
        raise BadSignature("a component is covered twice")
    path, _, query = target.partition("?")
    derived = {
        "@method": method.upper(),
        "@target-uri": f"{scheme}://{host}{target}",
        "@authority": host,
        "@scheme": scheme,
        "@request-target": target,
        "@path": path or "/",
        "@query": f"?{query}",
    }
    lines: list[str] = []
    for name in covered:
        value = derived.get(name) if name.startswith("@") else headers.get(name)
        if value is None:
            raise BadSignature(f"{name[:60]} is covered and not there")
        lines.append(f'"{name}": {value.strip()}')
    lines.append(f'"@signature-params": {parameters}')
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def parameters_of(key: PrivateKey, covered: Sequence[str], created: int) -> str:
    """The inner list with its parameters that goes into `Signature-Input` and into the base; `created` in seconds."""
    names = " ".join(f'"{name}"' for name in covered)
    return f'({names});created={created};keyid="{key.id}";alg="{key.algorithm}"'


def signature_headers(key: PrivateKey, parameters: str, base: bytes) -> dict[str, str]:
    """The two headers of a signature."""
    signature = b64encode(key.sign(base)).decode("ascii")
    return {"signature-input": f"sig1={parameters}", "signature": f"sig1=:{signature}:"}
