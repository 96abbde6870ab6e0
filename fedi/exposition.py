"""Prometheus' text format (version 0.0.4): families of figures, each with a name, a type, a sentence, and samples.

Written by hand: the client library takes megabytes, keeps registries of its own, and would be used for these lines only.
"""

from collections.abc import Mapping

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Exposition:
    """Figures as they are added, in the order of their families."""

    def __init__(self) -> None:
        self._families: dict[str, tuple[str, str, list[str]]] = {}

    def gauge(self, name: str, text: str, value: float, **labels: str) -> None:
        """A figure that goes up and down."""
        self._add("gauge", name, text, value, labels)

    def counter(self, name: str, text: str, value: float, **labels: str) -> None:
        """A figure that only grows, from nothing when its process starts; `name` ends in `_total`."""
        self._add("counter", name, text, value, labels)

    def _add(self, kind: str, name: str, text: str, value: float, labels: Mapping[str, str]) -> None:
        _, _, samples = self._families.setdefault(name, (kind, text, []))
        said = ",".join(f'{label}="{of.translate(_ESCAPED)}"' for label, of in labels.items())
        samples.append(f"{name}{{{said}}} {_number(value)}" if said else f"{name} {_number(value)}")

    def text(self) -> str:
        """The whole."""
        lines: list[str] = []
        for name, (kind, text, samples) in self._families.items():
            lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}", *samples]
        return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return repr(float(value))
