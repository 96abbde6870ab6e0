"""How a job that keeps its own time says when it wants to be done again, however often that was."""


class Later(Exception):
    """Not yet: again `at` (ms); `why` is for the operator."""

    def __init__(self, at: int, why: str) -> None:
        super().__init__(why)
        self.at = at
        self.why = why[:500]
