"""The verbs: only these change anything. Each takes an open transaction first and opens no socket.

What peers must be told is written to the outbox log in the same transaction, so that a change and its news are kept
together or not at all.
"""
