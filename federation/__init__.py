"""The protocol: ActivityPub, its signatures and its discovery, as pure functions.

Nothing here reads a clock or a database or knows a web framework; `client.py` is the one file with sockets.
"""
