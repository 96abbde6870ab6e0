"""The federation policy: facts in, one explained decision out; the document that admins write, and lists of other servers.

`decide` is the question; `document` reads what admins write, `compile` makes it quick, `envelopes` and `replay` are for simulating.
Nothing here reads a clock, a database or a socket, so that a decision can be made again.
"""
