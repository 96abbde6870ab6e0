"""The application: doors (each a folder), the actions behind them, and what they share.

A door is a way in: `inbox` and `outbox` (peers), `mastodon` (client apps), `web` (browsers), `signin`, `cli`
(operators). Doors don't know each other; all of them change things by `actions` alone, which use `storage`. The
protocol is in `federation`. `app.build` puts the doors together.
"""

VERSION = "0.1.0"
"""The version of this program, as NodeInfo and the client API tell it."""
