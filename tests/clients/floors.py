"""What strict clients can't do without: the fields of every entity, and the form of ids, times and addresses.

One unknown or missing field makes Tusky (Moshi), Ice Cubes (Codable) or the official app (@RequiredField) drop a whole
page, so these are checked in every JSON body that the tests here see. An entity is known by where it stands or by a field
that only it has. A field's kind ends in `?` where clients take null there too; the field itself is never absent, but for those after a `~`.
"""

import re
from collections import Counter
from datetime import date
from typing import Any

ID = re.compile(r"-?[0-9]{1,19}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
URL = re.compile(r"https?://[^\s<>\"]+")

_ALWAYS = {
    "account": """
        id:id username:str acct:str url:url uri:url display_name:str note:str avatar:url avatar_static:url header:url
        header_static:url created_at:time fields:list emojis:list locked:bool bot:bool group:bool discoverable:bool?
        indexable:bool roles:list last_status_at:date? hide_collections:bool? noindex:bool followers_count:int
        following_count:int statuses_count:int
    """,
    "partial account": "id:id acct:str url:url avatar:url avatar_static:url locked:bool bot:bool",
    "mention": "id:id username:str acct:str url:url",
    "status": """
        id:id uri:url url:url created_at:time account:dict content:str visibility:str sensitive:bool spoiler_text:str
        media_attachments:list mentions:list tags:list emojis:list replies_count:int reblogs_count:int
        favourites_count:int edited_at:time? in_reply_to_id:id? in_reply_to_account_id:id? reblog:dict? poll:dict?
        card:dict? language:str? application:dict? quotes_count:int quote:dict? quote_approval:dict
    """,
    "status of a caller": "favourited:bool reblogged:bool bookmarked:bool muted:bool filtered:list",
    "relationship": """
        id:id following:bool showing_reblogs:bool notifying:bool followed_by:bool blocking:bool blocked_by:bool
        muting:bool muting_notifications:bool requested:bool requested_by:bool domain_blocking:bool endorsed:bool
        note:str languages:list?
    """,
    "notification": "id:id type:str created_at:time account:dict group_key:str",
    "notification group": """
        group_key:str notifications_count:int type:str most_recent_notification_id:int ~page_min_id:id
        ~page_max_id:id ~latest_page_notification_at:time sample_account_ids:list
    """,
    "poll": "id:id expires_at:time? expired:bool multiple:bool votes_count:int options:list emojis:list",
    "poll option": "title:str votes_count:int?",
    "attachment": """
        id:id type:str url:url? preview_url:url? remote_url:url? meta:dict? description:str? blurhash:str?
    """,
    "tag": "name:str url:url history:list",
    "tag of a status": "name:str url:url",
    "card": """
        url:url title:str description:str type:str author_name:str author_url:str provider_name:str provider_url:str
        html:str width:int height:int image:url? embed_url:str blurhash:str?
    """,
    "quote": "state:str",
    "app": "id:id name:str redirect_uri:str redirect_uris:list client_id:str client_secret:str vapid_key:str",
    "token": "access_token:str token_type:str scope:str created_at:int",
    "list": "id:id title:str replies_policy:str exclusive:bool",
    "filter": "id:id title:str context:list expires_at:time? filter_action:str",
    "filter keyword": "id:id keyword:str whole_word:bool",
    "filter result": "filter:dict keyword_matches:list? status_matches:list?",
    "conversation": "id:id unread:bool accounts:list last_status:dict?",
    "marker": "last_read_id:id version:int updated_at:time",
    "scheduled status": "id:id scheduled_at:time params:dict media_attachments:list",
    "subscription": "id:int endpoint:url standard:bool alerts:dict server_key:str",
    "emoji": "shortcode:str url:url static_url:url visible_in_picker:bool",
    "announcement": """
        id:id content:str starts_at:time? ends_at:time? all_day:bool published_at:time updated_at:time read:bool
        mentions:list statuses:list tags:list emojis:list reactions:list
    """,
    "suggestion": "source:str sources:list account:dict",
    "field": "name:str value:str verified_at:time?",
    "instance": """
        domain:str title:str version:str source_url:str description:str usage:dict thumbnail:dict icon:list
        languages:list configuration:dict registrations:dict contact:dict rules:list api_versions:dict
    """,
    "old instance": """
        uri:str title:str short_description:str description:str email:str version:str urls:dict stats:dict thumbnail:url
        languages:list registrations:bool approval_required:bool invites_enabled:bool configuration:dict
        contact_account:dict? rules:list
    """,
}
FLOORS = {
    kind: {name: what for name, _, what in (each.partition(":") for each in text.split())}
    for kind, text in _ALWAYS.items()
}

_TYPES: dict[str, type] = {"str": str, "int": int, "bool": bool, "list": list, "dict": dict}

# Where an entity stands says what it is; else a field that only it has.
_LISTED = {
    "mentions": "mention",
    "partial_accounts": "partial account",
    "media_attachments": "attachment",
    "options": "poll option",
    "emojis": "emoji",
    "filtered": "filter result",
    "keywords": "filter keyword",
    "fields": "field",
}
_PLACES = {"card": "card", "poll": "poll"}
_MARKS = (
    ("status", {"content", "visibility"}),
    ("status", {"content", "reblogs_count"}),
    ("relationship", {"showing_reblogs"}),
    ("relationship", {"followed_by", "id"}),
    ("notification group", {"group_key", "notifications_count"}),
    ("notification", {"type", "created_at", "account"}),
    ("poll", {"options", "votes_count"}),
    ("attachment", {"preview_url", "type"}),
    ("card", {"provider_name", "title"}),
    ("app", {"client_id", "client_secret"}),
    ("token", {"access_token", "token_type"}),
    ("list", {"replies_policy", "title"}),
    ("filter", {"filter_action"}),
    ("conversation", {"last_status", "unread"}),
    ("marker", {"last_read_id"}),
    ("scheduled status", {"scheduled_at", "params"}),
    ("subscription", {"endpoint", "server_key"}),
    ("announcement", {"published_at", "all_day"}),
    ("suggestion", {"source", "account"}),
    ("instance", {"domain", "configuration"}),
    ("old instance", {"urls", "stats"}),
    ("account", {"username", "acct"}),
    ("tag", {"name", "history"}),
)

# The few ids that Mastodon gives as numbers, and those that are words.
_NUMBERS = {"most_recent_notification_id", "application_id"}
_WORDS = {"client_id", "group_id_or_key"}


def kind_of(entity: dict[str, Any], place: str, *, listed: bool) -> str | None:
    """What an object is, by the name of the field that it (or its list) stands in and by its own fields; None: no entity."""
    if place == "tags" and "history" not in entity:
        return "tag of a status"
    if place == "quote" and "state" in entity:
        return "quote"
    if listed and place in _LISTED:
        return _LISTED[place]
    if place in _PLACES and "expires_in" not in entity:  # the poll of a scheduled post is as it was sent
        return _PLACES[place]
    if {"confirmed", "email"} <= entity.keys() or {"provider_name", "version"} <= entity.keys():
        return None  # Admin::Account, which holds an Account; oEmbed, which is another document
    return next((kind for kind, marks in _MARKS if marks <= entity.keys()), None)


def wrong(value: Any, what: str) -> bool:
    """Whether a value is not of the kind that a floor names."""
    if value is None:
        return not what.endswith("?")
    what = what.removesuffix("?")
    if what == "id":
        return not (isinstance(value, str) and ID.fullmatch(value))
    if what == "time":
        return not (isinstance(value, str) and TIME.fullmatch(value))
    if what == "url":
        return not (isinstance(value, str) and URL.fullmatch(value))
    if what == "date":
        return not (isinstance(value, str) and _is_date(value))
    return not isinstance(value, _TYPES[what]) or (what == "int" and isinstance(value, bool))


def faults(value: Any, *, signed: bool = True, seen: Counter[str] | None = None) -> list[str]:
    """What in a JSON body would break a strict client, each with its path. `signed`: the request had a person's token.

    `seen` counts the entities that were looked at, so that a test can tell that it saw any.
    """
    found: list[str] = []
    _walk(value, "$", "", signed, Counter() if seen is None else seen, found)
    return found


def _walk(
    value: Any, path: str, place: str, signed: bool, seen: Counter[str], found: list[str], *, listed: bool = False
) -> None:
    if isinstance(value, list):
        for index, one in enumerate(value):
            _walk(one, f"{path}[{index}]", place, signed, seen, found, listed=True)
    elif isinstance(value, dict):
        kind = kind_of(value, place, listed=listed)
        if kind is not None:
            seen[kind] += 1
            found += _below(value, kind, path)
            if kind == "status" and signed:
                found += _below(value, "status of a caller", path)
        found += _forms(value, kind, path)
        for name, one in value.items():
            _walk(one, f"{path}.{name}", name, signed, seen, found)


def _below(entity: dict[str, Any], kind: str, path: str) -> list[str]:
    found = []
    for name, what in FLOORS[kind].items():
        if name.removeprefix("~") not in entity:
            if name.startswith("~"):
                continue
            found.append(f"{path}.{name}: {kind} without it")
        elif wrong(entity[name.removeprefix("~")], what):
            found.append(f"{path}.{name}: {kind}, {entity[name.removeprefix('~')]!r} is no {what}")
    return found


def _forms(entity: dict[str, Any], kind: str | None, path: str) -> list[str]:
    """Ids, times and addresses in any object, whether it is known or not."""
    found = []
    for name, one in entity.items():
        at = f"{path}.{name}"
        if (name == "id" or name.endswith("_id")) and one is not None and name not in _NUMBERS | _WORDS:
            free = kind in ("subscription", "tag", "tag of a status") and name == "id"
            if not free and not (isinstance(one, str) and ID.fullmatch(one)):
                found.append(f"{at}: id {one!r}")
        if name.endswith("_ids") and isinstance(one, list):
            found += [f"{at}: id {each!r}" for each in one if not (isinstance(each, str) and ID.fullmatch(each))]
        if name.endswith("_at") and one is not None and kind != "token":
            good = isinstance(one, str) and (_is_date(one) if name == "last_status_at" else TIME.fullmatch(one))
            if not good and name != "client_secret_expires_at":
                found.append(f"{at}: time {one!r}")
        if name in ("url", "uri", "avatar", "avatar_static", "header", "header_static") and one == "":
            found.append(f"{at}: empty")
    return found


def _is_date(text: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return False
    date.fromisoformat(text)
    return True
