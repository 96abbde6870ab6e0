"""Peering between institutions: the `agreement` that both sign, the `machine` that both run, and what they tell each other.

Nothing here reads a clock, a database or a socket.
"""
