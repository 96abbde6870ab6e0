"""The door for people with browsers: plain HTML that works without script and without style sheet.

`/people/NAME`, `/groups/NAME` and `/people/NAME/posts/ID` are routed by `fedi.app`, which picks page or document.
"""

from starlette.routing import Route

from fedi.html import STYLE_PATH
from fedi.web import (
    about,
    affiliations,
    compose,
    discovering,
    files,
    front,
    home,
    interactions,
    moderation,
    notifications,
    peerings,
    people,
    posts,
    preferences,
    reactions,
    reading,
    reports,
    search,
    settings,
    tags,
    twins,
)
from fedi.web.problems import EXCEPTION_HANDLERS

ROUTES = [
    Route("/", front.front),
    Route("/home", home.home),
    Route("/notifications", notifications.show, methods=["GET", "POST"]),
    Route("/compose", compose.compose, methods=["POST"]),
    Route("/react", reactions.react, methods=["POST"]),
    Route("/vote", reactions.vote, methods=["POST"]),
    Route("/follow", reactions.follow, methods=["POST"]),
    Route("/unfollow", reactions.unfollow, methods=["POST"]),
    Route("/answer", reactions.answer, methods=["POST"]),
    Route("/interact", interactions.leave, methods=["GET", "POST"]),
    Route("/authorize_interaction", interactions.arrive),
    Route("/people/{name}/affiliation", affiliations.show),
    Route("/groups", discovering.index),
    Route("/catch-up", reading.catch_up),
    Route("/read", reading.read, methods=["POST"]),
    Route("/thread", reading.thread, methods=["POST"]),
    Route("/volume", reading.volume, methods=["POST"]),
    Route("/groups/{name}/moderation", moderation.of_group),
    Route("/groups/{name}/settings", settings.settings, methods=["GET", "POST"]),
    Route("/groups/{name}/scope", settings.scope, methods=["POST"]),
    Route("/groups/{name}/delete", settings.delete, methods=["POST"]),
    Route("/groups/{name}/twins", twins.show, methods=["GET", "POST"]),
    Route("/moderate", moderation.moderate, methods=["POST"]),
    Route("/report", reports.report, methods=["POST"]),
    Route("/reports", reports.show),
    Route("/resolve", reports.resolve, methods=["POST"]),
    Route("/settings", preferences.preferences, methods=["GET", "POST"]),
    Route("/settings/peerings", peerings.show),
    Route("/settings/apps", preferences.shut_out, methods=["POST"]),
    Route("/search", search.search),
    Route("/tags/{tag}", tags.show),
    Route("/about", about.about),
    Route("/@{handle}", people.by_handle),
    Route("/@{handle}/moderation", moderation.of_handle_),
    Route("/@{handle}/{post_id:int}", posts.show_remote),
    Route(STYLE_PATH, about.style),
    Route("/robots.txt", about.robots),
    *files.ROUTES,
]

__all__ = ["EXCEPTION_HANDLERS", "ROUTES"]
