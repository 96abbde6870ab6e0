"""From ids to everything that their statuses show, in a fixed number of queries however many there are.

Every post comes through the gate (`fedi.visibility.seen`); what it leaves out is not in the bundle and is not shown. What
few posts have (polls, quotes, several languages) is asked for only when one of them has it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fedi import filtering, visibility
from fedi.context import Site
from fedi.filtering import Met, Rule
from fedi.mastodon.ready import Pieces, ready
from fedi.visibility import Viewer
from storage import actors, apps, cards, follows, people, polls, posts, reactions
from storage.actors import Actor, Figures
from storage.apps import App
from storage.cards import Card
from storage.ids import is_place, without_place
from storage.mentions import mentioned_in
from storage.metadata import Tx
from storage.moderations import Moderation
from storage.polls import Poll
from storage.posts import Post
from storage.reactions import Boost, EmojiCount, Flags
from storage.reports import Report
from storage.severed import Loss
from storage.tags import tags_of
from storage.timelines import Entry

NONE: frozenset[int] = frozenset()
NO_FLAGS = Flags(frozenset(), frozenset(), frozenset())
_QUOTES_DEEP = 2
"""A quoted post is shown, of what that quotes only the id (Mastodon's ShallowQuote)."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One status to show: a post, or the boost of one (`id` is then the boost's, `booster_id` who boosted).

    On a group's page `id` is that of a place (`storage.ids.place`), and `boost_id` the boost's, where there is one.
    """

    id: int
    post_id: int
    booster_id: int | None = None
    boost_id: int | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """All rows that some statuses need. `person_id` is the caller, whose `flags` are in it, `now` the time in ms.

    What of a post is rendered already is in `pieces`; its mentions, hashtags and app are then not loaded. Of quoted posts
    those that the caller may see are in `posts`; `missing` are quoted ones that are deleted.
    """

    origin: str
    person_id: int | None
    posts: dict[int, Post]
    actors: Mapping[int, Actor]
    mentions: dict[int, list[int]]
    tags: dict[int, list[str]]
    flags: Flags
    apps: dict[int, App] = field(default_factory=dict)
    boosts: dict[int, Boost] = field(default_factory=dict)
    pieces: dict[int, Pieces] = field(default_factory=dict)
    polls: dict[int, Poll] = field(default_factory=dict)
    votes: dict[int, list[int]] = field(default_factory=dict)  # what the caller chose, by post
    missing: frozenset[int] = frozenset()
    followed: frozenset[int] = frozenset()  # authors whose followers may quote them, and the caller is one
    emoji: dict[int, list[EmojiCount]] = field(default_factory=dict)
    language: str | None = None  # that the caller prefers, where a post has several
    now: int = 0
    warnings: dict[int, Moderation] = field(default_factory=dict)  # what moderators did, by the notification of it
    reports: dict[int, Report] = field(default_factory=dict)  # by the notification of it
    severed: dict[int, Loss] = field(default_factory=dict)  # what the caller lost, by the notification of it
    unseen: frozenset[int] = frozenset()  # boosts that are not for the caller
    muted: frozenset[int] = frozenset()  # posts of threads of which the caller wants to hear no more
    filtered: dict[int, list[Met]] = field(default_factory=dict)  # filters of the caller's that a post meets
    cards: dict[str, Card] = field(default_factory=dict)  # by the URL of the page
    figures: dict[int, Figures] = field(default_factory=dict)  # of actors whose rows in `actors` have older ones


def of_entry(entry: Entry) -> Shown:
    """What a timeline's entry shows."""
    return Shown(entry.id, entry.post_id, entry.actor_id if entry.boost else None)


def bundle(
    tx: Tx,
    site: Site,
    viewer: Viewer,
    shown: list[Shown],
    *,
    seen: dict[int, Post] | None = None,
    others: list[int] | None = None,
) -> Bundle:
    """The rows for these statuses as `viewer` may see them.

    `seen` are posts that came through the gate already; `others` are further actors wanted in `actors`.
    """
    origin, me = site.config.origin, viewer.person_id
    if seen is None:
        seen = visibility.seen(tx, viewer, list({one.post_id for one in shown}))
    ids = [one.post_id for one in shown if one.post_id in seen]
    seen, missing = _with_quoted(tx, viewer, seen, ids)
    pieces = {one: known for one in ids if (known := ready(origin, seen[one])) is not None}
    fresh = [one for one in ids if one not in pieces]
    mentions = mentioned_in(tx, fresh)
    wanted = set(others or ())
    wanted.update(one.booster_id for one in shown if one.booster_id is not None)
    for post_id in ids:
        wanted.add(seen[post_id].author_id)
        group_id = seen[post_id].group_id
        if group_id is not None:
            wanted.add(group_id)
    for post_id in fresh:
        wanted.update(mentions.get(post_id, ()))
    used = {app_id for one in fresh if (app_id := seen[one].app_id) is not None}
    boosted = [one.boost_id or one.id for one in shown if one.booster_id is not None and one.post_id in seen]
    found_polls = polls.by_posts(tx, [one for one in fresh if seen[one].kind == "Question"])
    liked = [one for one in ids if seen[one].likes_count]
    boosts = reactions.boosts_by_ids(tx, boosted)
    rules = filtering.rules(tx, me) if me is not None and ids else ()
    now = site.clock()
    roots = {one: seen[one].root_id or one for one in ids}
    flags = NO_FLAGS if me is None else reactions.flags(tx, me, ids, list(set(roots.values())))
    return Bundle(
        origin,
        me,
        seen,
        actors.by_ids(tx, list(wanted)),
        mentions,
        tags_of(tx, fresh),
        flags,
        apps.apps_by_ids(tx, list(used)),
        boosts,
        pieces,
        found_polls,
        polls.chosen(tx, list(found_polls), me) if found_polls and me is not None else {},
        missing,
        _followed(tx, me, [seen[one] for one in ids]),
        reactions.emoji_counts(tx, liked, me) if liked else {},
        _language(tx, me, [seen[one] for one in fresh]),
        now,
        unseen=visibility.unseen_boosts(tx, viewer, boosts.values()),
        muted=frozenset(one for one in ids if roots[one] in flags.quiet) if flags.quiet else NONE,
        filtered=_filtered(me, rules, [seen[one] for one in ids], found_polls, now) if rules else {},
        cards=cards.ready(tx, list({url for one in fresh if (url := seen[one].card_url) is not None})),
    )


def _filtered(
    me: int | None, rules: tuple[Rule, ...], shown: list[Post], known: dict[int, Poll], now: int
) -> dict[int, list[Met]]:
    """The filters that each of these posts meets; one's own posts meet none."""
    others = [post for post in shown if post.author_id != me]
    found = {post.id: filtering.met(rules, post, known.get(post.id), now) for post in others}
    return {post_id: met for post_id, met in found.items() if met}


def _with_quoted(
    tx: Tx, viewer: Viewer, seen: dict[int, Post], ids: list[int]
) -> tuple[dict[int, Post], frozenset[int]]:
    """(`seen` with the quoted posts that the viewer may see, quoted ones that are deleted); those of the first level are
    added to `ids` as well, as they are shown whole."""
    level = ids
    gone: set[int] = set()
    for depth in range(_QUOTES_DEEP):
        wanted = {
            quoted
            for one in level
            if (quoted := seen[one].quote_id) is not None and seen[one].quote_state == "accepted"
        }
        fresh = list(wanted - seen.keys())
        if fresh:
            found = visibility.seen(tx, viewer, fresh)
            hidden = [one for one in fresh if one not in found]
            if hidden:
                gone.update(set(hidden) - posts.by_ids(tx, hidden).keys())
            seen = {**seen, **found}
        level = [one for one in wanted if one in seen]
        if depth == 0:
            ids += [one for one in level if one not in ids]
        if not level:
            break
    return seen, frozenset(gone)


def _followed(tx: Tx, me: int | None, shown: list[Post]) -> frozenset[int]:
    """The authors among these whose followers may quote them, where the caller follows them."""
    if me is None:
        return frozenset()
    authors = {post.author_id for post in shown if post.quote_policy == "followers" and post.author_id != me}
    if not authors:
        return frozenset()
    mine, _ = follows.between(tx, me, list(authors))
    return frozenset(one for one, follow in mine.items() if follow.state == "accepted")


def _language(tx: Tx, me: int | None, shown: list[Post]) -> str | None:
    if me is None or all(post.content_map is None for post in shown):
        return None
    person = people.by_id(tx, me)
    language = person.settings.get("language") if person is not None else None
    return language if isinstance(language, str) else None


def find(tx: Tx, viewer: Viewer, status_id: int) -> tuple[Shown, Post] | None:
    """The status with this id, and its post: a post, or a boost of one. None when there is none that `viewer` may see."""
    if is_place(status_id):
        return _at_place(tx, viewer, status_id)
    found = visibility.seen(tx, viewer, [status_id]).get(status_id)
    if found is not None:
        return Shown(status_id, status_id), found
    boost = reactions.boost_by_id(tx, status_id)
    if boost is None or visibility.unseen_boosts(tx, viewer, [boost]):
        return None
    found = visibility.seen(tx, viewer, [boost.post_id]).get(boost.post_id)
    booster = actors.by_id(tx, boost.actor_id)
    if found is None or booster is None or booster.state != "active" or visibility.shut_out(tx, viewer, [booster.id]):
        return None
    return Shown(boost.id, boost.post_id, boost.actor_id), found


def _at_place(tx: Tx, viewer: Viewer, status_id: int) -> tuple[Shown, Post] | None:
    """What stands, or stood, at a place of a group's page: the thread whose newest post decided it, or another's post that
    the group boosted."""
    newest = without_place(status_id)
    post = visibility.seen(tx, viewer, [newest]).get(newest)
    if post is None or post.group_id is None:
        found = None if post is not None or is_place(newest) else find(tx, viewer, newest)
        return None if found is None else (replace(found[0], id=status_id, boost_id=found[0].id), found[1])
    root_id = post.root_id or post.id
    root = visibility.seen(tx, viewer, [root_id]).get(root_id)
    group = actors.by_id(tx, post.group_id)
    if root is None or root.group_id != post.group_id or group is None or group.state != "active":
        return None
    boost = reactions.find_boost(tx, group.id, root.id)
    return Shown(status_id, root.id, group.id, boost.id if boost is not None else None), root
