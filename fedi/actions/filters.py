"""Filters of a person: make, change and remove them. What they do to a post is `fedi.filtering`."""

from dataclasses import dataclass, replace

from fedi.context import Site
from fedi.errors import Invalid, NotFound
from storage import filters
from storage.events import note
from storage.filters import Filter, FilteredPost, Keyword
from storage.metadata import Tx

CONTEXTS = ("home", "notifications", "public", "thread", "account")
ACTIONS = ("warn", "hide", "blur")
MAX_TITLE, MAX_KEYWORD = 256, 512
"""Characters, as in Mastodon."""
MAX_FILTERS, MAX_KEYWORDS, MAX_POSTS = 100, 500, 1000
"""Of one person, in all filters together: each page of statuses is compared with them."""
_LONGEST = 100 * 366 * 24 * 3600


@dataclass(frozen=True, slots=True)
class KeywordChange:
    """A keyword to add, or (with `id`) to change or to take away; None leaves a field as it is."""

    id: int | None = None
    keyword: str | None = None
    whole_word: bool | None = None
    destroy: bool = False


def make(
    tx: Tx,
    site: Site,
    person_id: int,
    *,
    title: str,
    context: list[str],
    action: str = "warn",
    expires_in: int | None = None,
    keywords: tuple[KeywordChange, ...] = (),
) -> Filter:
    """A new filter; it ends in `expires_in` seconds, if that is given. Raises Invalid in Mastodon's words."""
    now, new = site.clock(), site.new_id()
    made = Filter(new, person_id, title.strip(), _contexts(context), action, _end(now, expires_in), new, now)
    _check(made)
    if len(filters.of_person(tx, person_id)) >= MAX_FILTERS:
        raise Invalid(f"Validation failed: You can't have more than {MAX_FILTERS} filters")
    filters.insert_filter(tx, made)
    for one in keywords:
        if one.keyword or one.id is not None:  # Rails leaves out what is blank in nested attributes
            _apply(tx, site, made, one)
    _told(tx, person_id)
    return made


def change(
    tx: Tx,
    site: Site,
    known: Filter,
    *,
    title: str | None = None,
    context: list[str] | None = None,
    action: str | None = None,
    expires_in: int | None = None,
    ends: bool = False,
    keywords: tuple[KeywordChange, ...] = (),
) -> Filter:
    """Change what is given of a filter; `ends` says that its end is given, None being never. Raises as `make`."""
    now = site.clock()
    changed = replace(
        known,
        title=known.title if title is None else title.strip(),
        context=known.context if context is None else _contexts(context),
        action=known.action if action is None else action,
        expires_at=_end(now, expires_in) if ends else known.expires_at,
        version=site.new_id(),
    )
    _check(changed)
    for one in keywords:
        if one.keyword or one.id is not None:
            _apply(tx, site, known, one)
    filters.change(
        tx,
        known.id,
        title=changed.title,
        context=changed.context,
        action=changed.action,
        expires_at=changed.expires_at,
        version=changed.version,
    )
    _told(tx, known.person_id)
    return changed


def remove(tx: Tx, known: Filter) -> None:
    """Take a filter away."""
    filters.remove(tx, known.id)
    _told(tx, known.person_id)


def add_keyword(tx: Tx, site: Site, known: Filter, keyword: str, *, whole_word: bool) -> Keyword:
    """A further keyword of a filter. Raises Invalid."""
    made = _add(tx, site, known, keyword, whole_word=whole_word)
    touch(tx, site, known)
    return made


def change_keyword(tx: Tx, site: Site, known: Filter, one: Keyword, asked: KeywordChange) -> Keyword:
    """Change a keyword of a filter. Raises Invalid."""
    changed = replace(
        one,
        keyword=one.keyword if asked.keyword is None else _checked(asked.keyword),
        whole_word=one.whole_word if asked.whole_word is None else asked.whole_word,
    )
    filters.change_keyword(tx, one.id, keyword=changed.keyword, whole_word=changed.whole_word)
    touch(tx, site, known)
    return changed


def remove_keyword(tx: Tx, site: Site, known: Filter, one: Keyword) -> None:
    """Take a keyword out of a filter."""
    filters.remove_keyword(tx, one.id)
    touch(tx, site, known)


def add_post(tx: Tx, site: Site, known: Filter, post_id: int) -> FilteredPost:
    """Put a post, which the person may see, into a filter. Raises Invalid for one that is in it."""
    if filters.posts_total(tx, known.person_id) >= MAX_POSTS:
        raise Invalid(f"Validation failed: You can't have more than {MAX_POSTS} posts in filters")
    made = FilteredPost(site.new_id(), known.id, post_id)
    if not filters.insert_filtered_post(tx, made):
        raise Invalid("Validation failed: Status has already been taken")
    touch(tx, site, known)
    return made


def remove_post(tx: Tx, site: Site, known: Filter, one: FilteredPost) -> None:
    """Take a post out of a filter."""
    filters.remove_post(tx, one.id)
    touch(tx, site, known)


def touch(tx: Tx, site: Site, known: Filter) -> None:
    """Something in a filter changed: what is kept ready of it is no longer good, and its person's clients ask anew."""
    filters.change(tx, known.id, version=site.new_id())
    _told(tx, known.person_id)


def _apply(tx: Tx, site: Site, known: Filter, asked: KeywordChange) -> None:
    if asked.id is None:
        if not asked.destroy:
            _add(tx, site, known, asked.keyword or "", whole_word=asked.whole_word is not False)
        return
    one = next((each for each in filters.keywords_of(tx, [known.id]).get(known.id, []) if each.id == asked.id), None)
    if one is None:
        raise NotFound
    if asked.destroy:
        filters.remove_keyword(tx, one.id)
        return
    filters.change_keyword(
        tx,
        one.id,
        keyword=one.keyword if asked.keyword is None else _checked(asked.keyword),
        whole_word=one.whole_word if asked.whole_word is None else asked.whole_word,
    )


def _add(tx: Tx, site: Site, known: Filter, keyword: str, *, whole_word: bool) -> Keyword:
    if filters.keywords_total(tx, known.person_id) >= MAX_KEYWORDS:
        raise Invalid(f"Validation failed: You can't have more than {MAX_KEYWORDS} keywords in filters")
    made = Keyword(site.new_id(), known.id, _checked(keyword), whole_word)
    filters.insert_keyword(tx, made)
    return made


def _checked(keyword: str) -> str:
    if not keyword.strip():
        raise Invalid("Validation failed: Keyword can't be blank")
    if len(keyword) > MAX_KEYWORD:
        raise Invalid(f"Validation failed: Keyword is too long (maximum is {MAX_KEYWORD} characters)")
    return keyword.strip()


def _contexts(given: list[str]) -> list[str]:
    return list(dict.fromkeys(stripped for one in given if (stripped := one.strip())))


def _check(made: Filter) -> None:
    wrong = []
    if not made.title:
        wrong.append("Title can't be blank")
    if len(made.title) > MAX_TITLE:
        wrong.append(f"Title is too long (maximum is {MAX_TITLE} characters)")
    if not made.context:
        wrong.append("Context can't be blank")
    if not made.context or any(one not in CONTEXTS for one in made.context):
        wrong.append("Context None or invalid context supplied")
    if made.action not in ACTIONS:
        wrong.append("Action is not included in the list")
    if wrong:
        raise Invalid(f"Validation failed: {', '.join(wrong)}")


def _end(now: int, expires_in: int | None) -> int | None:
    return None if expires_in is None else now + 1000 * max(-_LONGEST, min(expires_in, _LONGEST))


def _told(tx: Tx, person_id: int) -> None:
    note(tx, "stream", f"filters {person_id}")
