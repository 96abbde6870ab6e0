"""Tables and queries. Rows come out as frozen dataclasses; nothing here knows of the protocol or of the application.

Every function takes an open transaction (`Tx`) first and runs to its end without waiting for anything but the
database. Times are integers: milliseconds since 1970 in UTC. Ids are integers that grow with time (`storage.ids`).
"""
