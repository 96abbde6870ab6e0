"""Terms as a file of terms has them (TOML), with what each may be beside it: to begin with, and to read (`federation.terms`)."""

from typing import Any

from federation.durations import write_duration
from federation.fields import timestamp
from federation.peering.terms import MODERATION, PERSONAL_DATA, VISIBILITY, Terms

_NOTES = {
    "visibility": f"what may flow: some of {', '.join(VISIBILITY)}",
    "groups": "* for all of both, an institution's actor for all of its, or groups' addresses",
    "personal_data": f"how people are shown: {', '.join(PERSONAL_DATA)}",
    "media": "how long files of the other side are kept; none: not at all",
    "backfill": "how old what is fetched later may be",
    "erasure_within": "in which time what was deleted is erased",
    "moderation": f"what moderators may be asked for: some of {', '.join(MODERATION)}",
    "moderation_within": "in which time a report is answered",
    "horizon": "how long deliveries are tried",
    "probes": "whether each may check how the other behaves, with objects made for it",
    "terms_href": "the text of the terms",
    "terms_digest": "SHA-256 of that text, as multibase",
    "security_contact": "mailto: or https:",
    "dpo": "whom to ask about data protection",
    "starts": "when both have signed, if it is not given",
    "ends": "a year later, if it is not given",
}
_TIMES = ("starts", "ends")
_DURATIONS = ("media", "moderation_within", "backfill", "erasure_within", "horizon")


def write_terms(terms: Terms) -> str:
    """The file; `read_terms` of it gives the same terms. What may be given and is not is there as a comment."""
    lines = []
    for name, note in _NOTES.items():
        value = getattr(terms, name)
        if value is None and name not in _DURATIONS:
            lines.append(f"# {name} =  # {note}")
        else:
            lines.append(f"{name} = {_written(name, value)}  # {note}")
    return "\n".join(lines) + "\n"


def _written(name: str, value: Any) -> str:
    if value is None:
        return '""'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if name == "media" and value == 0:
            return '"none"'
        return f'"{timestamp(value) if name in _TIMES else write_duration(value)}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(_quoted(one) for one in value) + "]"
    return _quoted(str(value))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
