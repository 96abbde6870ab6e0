"""The door for people with browsers: plain HTML that works without script and without style sheet.

`/people/NAME`, `/groups/NAME`, `/people/NAME/posts/ID` and `/groups/new` are routed by `fedi.app`, which picks page or document;
getting in is the door `fedi.signin`.
"""

from collections.abc import Callable
from typing import Any

from starlette.routing import Route

from fedi.html import STYLE_PATH
from fedi.web import (
    about,
    adding,
    affiliations,
    appeals,
    cases,
    compose,
    discovering,
    drafts,
    feed_settings,
    feeds,
    files,
    front,
    group_about,
    group_settings,
    home,
    interactions,
    library,
    live,
    mail_links,
    mail_settings,
    moderation,
    moderation_log,
    notifications,
    opening,
    peerings,
    people,
    posts,
    preferences,
    profile,
    questions,
    reactions,
    reading,
    references,
    reports,
    rules,
    search,
    tags,
    twins,
)
from fedi.web.problems import EXCEPTION_HANDLERS


def _of_group(rest: str, endpoint: Callable[..., Any], **more: Any) -> list[Route]:
    """A page of a group here, and of one elsewhere."""
    return [Route(f"{group}{rest}", endpoint, **more) for group in ("/groups/{name}", "/@{handle}")]


ROUTES = [
    Route("/", front.front),
    Route("/about", about.about),
    # One's own: what is new, and writing.
    Route("/home", home.home),
    Route("/catch-up", reading.catch_up),
    Route("/notifications", notifications.show, methods=["GET", "POST"]),
    Route("/search", search.search),
    Route("/tags/{tag}", tags.show),
    Route("/compose", compose.show, methods=["GET"]),
    Route("/compose", compose.compose, methods=["POST"]),
    Route("/drafts", drafts.show, methods=["GET", "POST"]),
    # People and posts elsewhere.
    Route("/people/{name}/affiliation", affiliations.show),
    Route("/@{handle}", people.by_handle),
    Route("/@{handle}/{post_id:int}", posts.show_remote),
    # Buttons of posts, threads, people and groups.
    Route("/react", reactions.react, methods=["POST"]),
    Route("/vote", reactions.vote, methods=["POST"]),
    Route("/question", questions.change, methods=["POST"]),
    Route("/follow", reactions.follow, methods=["POST"]),
    Route("/unfollow", reactions.unfollow, methods=["POST"]),
    Route("/answer", reactions.answer, methods=["POST"]),
    Route("/read", reading.read, methods=["POST"]),
    Route("/thread", reading.thread, methods=["POST"]),
    Route("/volume", reading.volume, methods=["POST"]),
    Route("/interact", interactions.leave, methods=["GET", "POST"]),
    Route("/authorize_interaction", interactions.arrive),
    # Groups.
    Route("/groups", discovering.index),
    Route("/groups/new", opening.new, methods=["POST"]),
    Route("/groups/wish", opening.wish, methods=["POST"]),
    Route("/groups/{name}/about", group_about.about),
    Route("/groups/{name}/members", group_about.members),
    Route("/groups/{name}/invite", group_about.invite, methods=["POST"]),
    Route("/groups/{name}/health", group_about.health),
    Route("/groups/{name}/settings", group_settings.settings, methods=["GET", "POST"]),
    Route("/groups/{name}/scope", group_settings.scope, methods=["POST"]),
    Route("/groups/{name}/delete", group_settings.delete, methods=["POST"]),
    Route("/groups/{name}/twins", twins.show, methods=["GET", "POST"]),
    # Their libraries.
    *_of_group("/library", library.show),
    *_of_group("/library/add", adding.begin, methods=["GET"]),
    *_of_group("/library/add", adding.go_on, methods=["POST"]),
    *_of_group("/library/shelves/remove", library.remove_shelf, methods=["POST"]),
    *_of_group("/library/{item_id:int}", library.item),
    *_of_group("/library/{item_id:int}/shelve", library.shelve, methods=["POST"]),
    *_of_group("/library/{item_id:int}/licence", library.licence, methods=["POST"]),
    *(
        Route(f"{of}.{form}", references.thread)
        for of in ("/people/{name}/posts/{post_id:int}/thread", "/@{handle}/{post_id:int}/thread")
        for form in ("bib", "json")
    ),
    *(
        route
        for of in ("/library", "/library/{item_id:int}")
        for form in ("bib", "json")
        for route in _of_group(f"{of}.{form}", references.export)
    ),
    Route("/library/files/{post_id:int}", references.file),
    # Rules, reports, cases, and what moderators do.
    *_of_group("/rules", rules.show, methods=["GET", "POST"]),
    *_of_group("/moderation", moderation.show),
    *_of_group("/log", moderation_log.show),
    Route("/moderate", moderation.moderate, methods=["POST"]),
    Route("/report", reports.ask),
    Route("/report", reports.report, methods=["POST"]),
    Route("/reports", reports.show),
    Route("/resolve", reports.resolve, methods=["POST"]),
    Route("/cases/{case_id:int}", cases.show),
    Route("/cases/{case_id:int}", cases.act, methods=["POST"]),
    Route("/appeals/{done_id:int}", appeals.show),
    Route("/appeals/{done_id:int}", appeals.act, methods=["POST"]),
    # What one sets.
    Route("/settings", preferences.preferences, methods=["GET", "POST"]),
    Route("/settings/profile", profile.profile, methods=["GET", "POST"]),
    Route("/settings/groups", mail_settings.groups, methods=["GET", "POST"]),
    Route("/settings/mail", mail_settings.mail, methods=["GET", "POST"]),
    Route("/settings/feeds", feed_settings.feeds, methods=["GET", "POST"]),
    Route("/settings/apps", preferences.apps_, methods=["GET", "POST"]),
    Route("/settings/peerings", peerings.show),
    # Links in mails, and feeds.
    Route("/mail/stop/{token}", mail_links.stop, methods=["GET", "POST"]),
    Route("/mail/read/{token}", mail_links.read, methods=["GET", "POST"]),
    Route("/groups/{name}/feed.atom", feeds.group),
    Route("/threads/{id:int}/feed.atom", feeds.thread),
    Route("/feeds/{token}.atom", feeds.private),
    # What pages load.
    Route(STYLE_PATH, about.style),
    Route("/robots.txt", about.robots),
    *live.ROUTES,
    *files.ROUTES,
]

__all__ = ["EXCEPTION_HANDLERS", "ROUTES"]
