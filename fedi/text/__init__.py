"""Text as people write it and HTML as peers send it: links, mentions, hashtags, sanitising. Pure; no database, no network.

Everything here runs in time linear in its input, or in bounded time where a library is not linear: input is hostile.
"""

from fedi.text.mentions import handles_in, hashtags_in
from fedi.text.plain import first_line, to_html, to_text
from fedi.text.sanitise import sanitise

__all__ = ["first_line", "handles_in", "hashtags_in", "sanitise", "to_html", "to_text"]
