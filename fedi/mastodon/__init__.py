"""The door for client apps: Mastodon's API (docs.joinmastodon.org), as its clients use it.

One file for each page of the API's reference; `entities/` renders, `load` fetches, `door` answers. `ROUTES` is everything
below /api and /oauth, `IMAGES` the pictures that clients fetch from elsewhere.
"""

from fedi.mastodon import (
    accounts,
    apps,
    empty,
    follows,
    images,
    instance,
    markers,
    notifications,
    oauth,
    pins,
    polls,
    profiles,
    quotes,
    reactions,
    reports,
    search,
    statuses,
    timelines,
)

_PAGES = (
    accounts,
    apps,
    empty,
    follows,
    instance,
    markers,
    notifications,
    oauth,
    pins,
    polls,
    profiles,
    quotes,
    reactions,
    reports,
    search,
    statuses,
    timelines,
)

ROUTES = [route for page in _PAGES for route in page.ROUTES]
IMAGES = images.ROUTES
