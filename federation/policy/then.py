"""What stands in a rule's `then` and `reason`, read."""

import re
from dataclasses import dataclass
from typing import Any

from federation.policy.rules import EFFECTS, Rate, Verdict
from federation.policy.values import Unfit, nearest, read_rate

_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_RATE = re.compile(r"rate\((.*)\)")
_VERDICTS = tuple(one.value for one in Verdict)
_TEXTS = {Verdict.REJECT: "refused by a rule of this instance", Verdict.HOLD: "waits for a moderator of this instance"}
_OTHER_WORDS = {
    "allow": "accept", "block": "reject", "deny": "reject", "suspend": "reject", "drop": "reject", "quarantine": "hold",
    "review": "hold", "silence": "limit", "mark-sensitive": "sensitive", "nsfw": "sensitive", "strip": "strip-media",
    "reject-media": "strip-media", "remove-media": "strip-media", "approve": "require-approval",
}  # fmt: skip
"""What other servers call it."""
_TEXTS = {Verdict.REJECT: "refused by a rule of this instance", Verdict.HOLD: "waits for a moderator of this instance"}


@dataclass(frozen=True, slots=True)
class Then:
    """A verdict, effects, or both; or a rate beyond which it is refused."""

    verdict: Verdict | None = None
    effects: tuple[str, ...] = ()
    rate: Rate | None = None


def read_then(value: Any) -> Then:
    """What a rule does. Raises Unfit."""
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not words or not all(isinstance(one, str) for one in words):
        said = "a rule without `then`" if value is None else f"then is {value!r:.60}"
        known = f"verdicts are {', '.join(_VERDICTS)}; effects {', '.join(EFFECTS)}"
        raise Unfit(said, f'write then = "reject" or then = ["strip-media", "sensitive"]; {known}')
    verdict: Verdict | None = None
    rate: Rate | None = None
    effects: dict[str, None] = {}
    for place, word in enumerate(words):
        within = (place,) if isinstance(value, list) else ()
        given = _RATE.fullmatch(word)
        if given is not None:
            rate = read_rate(given[1])
        elif word in EFFECTS:
            effects[word] = None
        elif word not in _VERDICTS:
            raise Unfit(f"then knows no {word!r:.60}", _mend(word), *within)
        elif verdict is not None:
            raise Unfit(f"{verdict.value} and {word} cannot both be", "leave one of them", *within)
        else:
            verdict = Verdict(word)
    if rate is not None and (effects or verdict not in (None, Verdict.REJECT)):
        mend = 'write then = "rate(30/min)" alone, or when = { rate = ">30/min" } with what is to be done'
        raise Unfit("a rate in `then` refuses what is beyond it, and does nothing else", mend)
    if verdict is Verdict.REJECT and effects:
        raise Unfit("what is refused is not changed too", "leave reject, or leave the others")
    return Then(verdict if rate is None else Verdict.REJECT, tuple(effects), rate)


def read_reason(value: Any, then: Then) -> tuple[str, str]:
    """The code and the text of a rule's reason. Raises Unfit."""
    reason = {"text": value} if isinstance(value, str) else {} if value is None else value
    if not isinstance(reason, dict):
        raise Unfit(f"reason is {value!r:.60}", 'write reason = { code = "spam", text = "…" }')
    for key in reason:
        if key not in ("code", "text"):
            raise Unfit(f"a reason has no {key!r}", nearest(key, ("code", "text")), key)
    code = reason.get("code", "rule" if then.rate is None else "rate")
    text = reason.get("text", _TEXTS.get(then.verdict or Verdict.ACCEPT, "a rule of this instance"))
    if not isinstance(code, str) or _CODE.fullmatch(code) is None:
        raise Unfit(f"code is {code!r:.60}", "small letters, digits and -, 40 at most, like no-spam", "code")
    if not isinstance(text, str) or not 0 < len(text.strip()) <= 500:
        raise Unfit("the text of the reason", "a sentence for people, of 500 characters at most", "text")
    return code, text


def _mend(word: str) -> str:
    other = _OTHER_WORDS.get(word.lower().replace("_", "-"))
    if other is not None:
        return f"here that is {other}"
    return nearest(word.replace("_", "-"), (*_VERDICTS, *EFFECTS, "rate(30/min)"))
