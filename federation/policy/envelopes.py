"""Envelopes: what was decided upon, with what was decided, many packed into one piece of bytes.

Fresh ones are packed as they are, since that happens for each batch of activities; `squeezed` is for keeping them.
"""

import zlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from federation.policy.decide import Decision
from federation.policy.facts import TEXT, Facts

OPEN: Final = frozenset({"public", "unlisted"})
"""Visibilities of which the text is kept."""
MOST_BYTES: Final = 64 << 20
"""Of one piece when it is unpacked: more is no piece of ours."""
_USUAL, _SOME = 20_000, 50_000
"""Bytes: of one among several, and of one alone, beyond which what is overlong in it is cut."""
_LONGEST, _MOST, _HIGHEST = TEXT, 100, 2**62
_PLAIN, _SQUEEZED = b"\x00", b"\x01"


class BadEnvelopes(ValueError):
    """Bytes that are no envelopes."""


class Envelope(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """Facts with what was decided upon them: the verdict's word, the code, the version of the policy, the rule that decided,
    what was done to it, and the rules that had a part in it. `observed` are pairs of a rule that is only tried and what it would
    have done."""

    facts: Facts
    verdict: str
    code: str
    policy: int
    rule: str | None = None
    effects: tuple[str, ...] = ()
    because: tuple[str, ...] = ()
    observed: tuple[tuple[str, str], ...] = ()


def envelope(facts: Facts, decision: Decision) -> Envelope:
    """What is kept of a decision. The text of what is not public is never kept, whoever asked with it."""
    if facts.text and facts.visibility not in OPEN:
        facts = msgspec.structs.replace(facts, text="")
    return Envelope(
        facts,
        decision.verdict.value,
        decision.code,
        decision.policy,
        decision.rule,
        decision.effects,
        decision.because,
        decision.observed,
    )


def same(kept: Envelope, decision: Decision) -> bool:
    """Whether this is the answer that was given then."""
    return (
        kept.verdict == decision.verdict.value
        and kept.code == decision.code
        and kept.rule == decision.rule
        and kept.effects == decision.effects
        and kept.observed == decision.observed
    )


_encoder = msgspec.msgpack.Encoder()
_decode = msgspec.msgpack.Decoder(list[Envelope]).decode
_facts = msgspec.msgpack.Decoder(Facts).decode


def _encode(several: Sequence[Envelope]) -> bytes:
    try:
        body = _encoder.encode(several)
    except (UnicodeEncodeError, OverflowError):  # of whoever means to break what reads them
        return _encoder.encode([_bounded(msgspec.to_builtins(one)) for one in several])
    if len(body) > _USUAL * len(several) + _SOME:
        return _encoder.encode([_bounded(msgspec.to_builtins(one)) for one in several])
    return body


def _bounded(value: Any) -> Any:
    """Facts in which nothing is longer than what any rule asks about: proper text, short lists, numbers of 64 bits."""
    if isinstance(value, str):
        return value[:_LONGEST].encode("utf-8", "replace").decode()
    if isinstance(value, int):
        return max(min(value, _HIGHEST), -_HIGHEST)
    return [_bounded(one) for one in value[:_MOST]] if isinstance(value, list | tuple) else value


def packed(several: Sequence[Envelope]) -> bytes:
    """Envelopes as bytes, quickly."""
    return _PLAIN + _encode(several)


def squeezed(several: Sequence[Envelope]) -> bytes:
    """Envelopes as few bytes."""
    return _SQUEEZED + zlib.compress(_encode(several), 6)


def plain(body: bytes) -> bytes:
    """What is packed, without compression, to look for texts in it. Raises BadEnvelopes."""
    if body[:1] == _PLAIN:
        return body[1:]
    if body[:1] != _SQUEEZED:
        raise BadEnvelopes(f"bytes of an unknown kind, {body[:1]!r}")
    unpacking = zlib.decompressobj()
    try:
        whole = unpacking.decompress(body[1:], MOST_BYTES)
    except zlib.error as problem:
        raise BadEnvelopes(str(problem)) from problem
    if not unpacking.eof:
        raise BadEnvelopes("they are cut off, or too many")
    return whole


def unpacked(body: bytes) -> list[Envelope]:
    """The envelopes in some bytes. Raises BadEnvelopes."""
    try:
        return _decode(plain(body))
    except msgspec.DecodeError as problem:
        raise BadEnvelopes(str(problem)) from problem


def concerns(facts: Facts, iris: frozenset[str]) -> bool:
    """Whether any of these actors, or what is at any of these ids, has a part in it."""
    return not iris.isdisjoint((facts.actor, facts.author, facts.announcer, facts.object_id, facts.activity_id))


def packed_facts(facts: Facts) -> bytes:
    """Facts as bytes, for the row of a decision; without the text of what is not public."""
    if facts.text and facts.visibility not in OPEN:
        facts = msgspec.structs.replace(facts, text="")
    try:
        body = _encoder.encode(facts)
    except (UnicodeEncodeError, OverflowError):
        body = b""
    return body if 0 < len(body) <= _SOME else _encoder.encode(_bounded(msgspec.to_builtins(facts)))


def unpacked_facts(body: bytes) -> Facts:
    """The facts in such bytes. Raises BadEnvelopes."""
    try:
        return _facts(body)
    except msgspec.DecodeError as problem:
        raise BadEnvelopes(str(problem)) from problem
