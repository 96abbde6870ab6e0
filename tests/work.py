"""How much work something is, counted in lines of Python that run: other processes, which share the time, don't change it."""

import sys
from collections.abc import Callable


def lines(run: Callable[[], object]) -> int:
    """How many lines of Python a call takes."""
    count = 0

    def trace(frame: object, event: str, arg: object) -> object:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]  # as a tracer is typed by its own name
    try:
        run()
    finally:
        sys.settrace(before)
    return count
