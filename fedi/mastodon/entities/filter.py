"""Filters: Filter with its FilterKeywords and FilterStatuses, FilterResult, and the older V1::Filter. Pure."""

from typing import Any

from fedi.filtering import Met
from fedi.mastodon.answers import moment
from storage.filters import Filter, FilteredPost, Keyword


def filter_(
    row: Filter, keywords: list[Keyword] | None = None, posts: list[FilteredPost] | None = None
) -> dict[str, Any]:
    """A filter; with what is in it, unless it is named in a FilterResult."""
    shown: dict[str, Any] = {
        "id": str(row.id),
        "title": row.title,
        "context": row.context,
        "expires_at": None if row.expires_at is None else moment(row.expires_at),
        "filter_action": row.action,
    }
    if keywords is not None:
        shown["keywords"] = [keyword(one) for one in keywords]
    if posts is not None:
        shown["statuses"] = [filtered_post(one) for one in posts]
    return shown


def keyword(one: Keyword) -> dict[str, Any]:
    """A FilterKeyword."""
    return {"id": str(one.id), "keyword": one.keyword, "whole_word": one.whole_word}


def filtered_post(one: FilteredPost) -> dict[str, Any]:
    """A FilterStatus."""
    return {"id": str(one.id), "status_id": str(one.post_id)}


def result(met: Met) -> dict[str, Any]:
    """A FilterResult: the filter that a status meets and by what."""
    return {
        "filter": filter_(met.row),
        "keyword_matches": met.keywords or None,
        "status_matches": [str(one) for one in met.posts] or None,
    }


def version_1(row: Filter, one: Keyword) -> dict[str, Any]:
    """A V1::Filter: one keyword with what its filter says (`id` is the keyword's)."""
    return {
        "id": str(one.id),
        "phrase": one.keyword,
        "context": row.context,
        "whole_word": one.whole_word,
        "expires_at": None if row.expires_at is None else moment(row.expires_at),
        "irreversible": row.action == "hide",
    }
