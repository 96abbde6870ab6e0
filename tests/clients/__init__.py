"""Real clients, as they come from PyPI, against a real `fedi serve` process."""
