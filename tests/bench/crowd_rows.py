"""The rows of each table for a `tests.bench.crowd.Crowd`: people and groups, posts, what was said of them, traffic."""

from collections.abc import Iterator

from storage.ids import first_at
from storage.names import words_of
from tests.bench.crowd import DAY, Crowd, Filled, Row

_ACTOR = (
    "id", "iri", "kind", "username", "domain", "host", "local", "name", "summary", "url", "inbox", "shared_inbox",
    "outbox", "followers", "approves_followers", "discoverable", "indexable", "fields", "also_known_as", "state",
    "followers_count", "following_count", "posts_count", "last_post_at", "created_at", "fetched_at",
)  # fmt: skip
_POST = (
    "id", "iri", "url", "author_id", "group_id", "local", "kind", "title", "content", "source", "summary", "sensitive",
    "language", "reply_to_id", "reply_to_iri", "reply_to_actor_id", "root_id", "visibility", "attachments", "link",
    "published_at", "edited_at", "deleted_at", "replies_count", "likes_count", "boosts_count", "quote_iri", "quote_id",
    "quote_state", "card_url",
)  # fmt: skip
_RECEIVED = (
    "id", "activity_id", "type", "host", "actor", "key_id", "via", "body", "state", "attempts", "due_at", "received_at",
    "settled_at", "code",
)  # fmt: skip
_PICTURE = '[{"url":"https://h1.example/m.png","media_type":"image/png","kind":"image","description":"a map"}]'
_PUBLIC = '"https://www.w3.org/ns/activitystreams#Public"'
_KEPT_BODIES = 14 * DAY


def everything(crowd: Crowd) -> Iterator[Filled]:
    """All rows, in an order in which what they refer to is there first."""
    yield Filled("actors", _ACTOR, actors(crowd))
    yield Filled("names", ("word", "actor_id"), found_by(crowd))
    yield Filled("keys", ("id", "owner", "host", "public", "private", "created_at"), keys(crowd))
    yield Filled("peers", ("host", "stance", "software", "nodeinfo_at", "first_seen_at", "last_seen_at"), peers(crowd))
    yield Filled("people", ("actor_id", "email", "role", "state", "settings", "created_at"), people(crowd))
    yield Filled("groups", ("actor_id", "join_mode", "see", "post", "rules", "created_at"), groups(crowd))
    yield Filled(
        "follows",
        ("id", "follower_id", "target_id", "state", "iri", "reblogs", "notify", "created_at"),
        follows(crowd),
    )
    yield Filled("memberships", ("group_id", "actor_id", "role", "state", "since"), memberships(crowd))
    yield Filled("posts", _POST, posts(crowd))
    yield Filled("mentions", ("post_id", "actor_id"), mentions(crowd))
    yield Filled("tags", ("tag", "post_id"), tags(crowd))
    yield Filled("revisions", ("id", "post_id", "content", "sensitive", "created_at"), revisions(crowd))
    yield Filled("boosts", ("id", "actor_id", "post_id", "iri", "created_at"), boosts(crowd))
    yield Filled("entries", ("actor_id", "id", "post_id", "boost", "reply_to_actor_id"), entries(crowd))
    yield Filled("likes", ("id", "actor_id", "post_id", "kind", "iri", "created_at"), likes(crowd))
    yield Filled("bookmarks", ("id", "person_id", "post_id"), bookmarks(crowd))
    yield Filled("cards", ("url", "state", "title", "description", "more"), cards(crowd))
    yield Filled(
        "notifications", ("id", "person_id", "kind", "actor_id", "post_id", "created_at"), notifications(crowd)
    )
    yield Filled(
        "conversations", ("id", "person_id", "root_id", "circle", "last_post_id", "unread"), conversations(crowd)
    )
    yield Filled("lists", ("id", "person_id", "title", "replies_policy", "exclusive", "created_at"), lists(crowd))
    yield Filled("list_members", ("id", "list_id", "actor_id"), list_members(crowd))
    yield Filled("blocks", ("id", "owner_id", "actor_id", "iri", "created_at"), blocks(crowd))
    yield Filled("mutes", ("id", "person_id", "actor_id", "notifications", "created_at"), mutes(crowd))
    yield Filled("received", _RECEIVED, received(crowd))
    yield Filled(
        "outbox",
        ("position", "activity_id", "actor_id", "type", "form", "post_id", "body", "created_at"),
        outbox(crowd),
    )
    yield Filled("audiences", ("position", "followers_of", "actor_id", "host", "but_not"), audiences(crowd))
    yield Filled("cursors", ("name", "position"), [("spread", crowd.sent)])
    yield Filled(
        "links",
        ("host", "cursor", "wanted", "failures", "refused_in_row", "next_attempt_at", "state"),
        links(crowd),
    )
    yield Filled(
        "decisions",
        ("id", "direction", "host", "verdict", "code", "reason", "policy", "created_at"),
        decisions(crowd),
    )
    yield Filled(
        "troubles", ("id", "host", "inbox", "position", "activity_id", "kind", "reason", "created_at"), troubles(crowd)
    )
    yield Filled(
        "reports",
        ("id", "iri", "reporter_id", "actor_id", "post_ids", "text", "category", "forward", "state", "created_at"),
        reports(crowd),
    )


def actors(crowd: Crowd) -> Iterator[Row]:
    """Accounts, then groups."""
    last = {author: number for number, author in enumerate(crowd.author)}
    last |= {group: number for number, group in enumerate(crowd.group) if group >= 0}
    for actor in range(crowd.accounts + crowd.groups):
        iri, local = crowd.iri(actor), crowd.is_local(actor)
        yield (
            crowd.actor_id(actor), iri, "Group" if crowd.is_group(actor) else "Person", crowd.name(actor),
            crowd.host(actor), crowd.host(actor), local, " ".join(word.title() for word in crowd.said(actor)[:2]),
            "<p>about</p>", iri, f"{iri}/inbox", f"{crowd.base(actor)}/inbox", f"{iri}/outbox", f"{iri}/followers",
            False, True, actor % 3 != 0, "[]", "[]", "active", 1 + crowd.follows // (actor + 10), 50, 10,
            crowd.at(last[actor], crowd.posts) if actor in last else None, crowd.now - DAY, None if local else crowd.now - DAY,
        )  # fmt: skip


def found_by(crowd: Crowd) -> Iterator[Row]:
    """The words by which accounts are looked for."""
    for actor in range(crowd.accounts + crowd.groups):
        for word in words_of(crowd.name(actor), " ".join(crowd.said(actor)[:2])):
            yield word, crowd.actor_id(actor)


def keys(crowd: Crowd) -> Iterator[Row]:
    """A key of each actor; of those here with the private one."""
    for actor in range(crowd.accounts + crowd.groups):
        iri = crowd.iri(actor)
        private = crowd.private if crowd.is_local(actor) else None
        yield f"{iri}#main-key", iri, crowd.host(actor), crowd.key, private, crowd.now - DAY


def peers(crowd: Crowd) -> Iterator[Row]:
    """Every host; some are limited or blocked, some agreed."""
    for host in range(crowd.hosts):
        stance = {7: "limited", 9: "blocked", 5: "agreed"}.get(host % 100, "none")
        yield f"h{host}.example", stance, "mastodon", crowd.now - DAY, crowd.now - 100 * DAY, crowd.now - DAY


def people(crowd: Crowd) -> Iterator[Row]:
    """The local accounts; a few are staff."""
    for actor in crowd.local_accounts():
        role = "admin" if actor == 5 else "moderator" if actor in (10, 15) else "member"
        yield crowd.actor_id(actor), f"{crowd.name(actor)}@{crowd.domain}", role, "active", "{}", crowd.now - DAY


def groups(crowd: Crowd) -> Iterator[Row]:
    """Most groups are for everyone."""
    for actor in range(crowd.accounts, crowd.accounts + crowd.groups):
        see = {3: "peers", 5: "members"}.get(actor % 20, "public")
        yield crowd.actor_id(actor), "open", see, "members", "[]", crowd.now - 90 * DAY


def _targets(crowd: Crowd, follower: int) -> list[int]:
    """Whom an account follows: people here anybody, people elsewhere only those here."""
    local = crowd.is_local(follower)
    many = 10 + int(crowd.chance.paretovariate(1.2) * (20 if local else 5))
    groups = [crowd.accounts + one for one in crowd.chosen(200, many // 5, crowd.groups)]
    if follower == crowd.reader:
        return [*range(min(450, crowd.accounts // 2)), *range(crowd.accounts, crowd.accounts + min(50, crowd.groups))]
    if local:
        return [*crowd.chosen(2_000, many * 2, crowd.accounts), *groups]
    here = [5 * one for one in crowd.chosen(2_000, many, len(crowd.local_accounts()))]
    return [*here, *(one for one in groups if crowd.is_local(one))]


def follows(crowd: Crowd) -> Iterator[Row]:
    """Who follows whom, about fifty each; a few wait."""
    number = 0
    for follower in range(crowd.accounts):
        begun = crowd.iri(follower)
        for target in _targets(crowd, follower):
            if target == follower:
                continue
            number += 1
            at = crowd.at(number, 2 * crowd.follows)
            state = "pending" if number % 500 == 0 else "accepted"
            yield (
                first_at(at) | number % 65_536, crowd.actor_id(follower), crowd.actor_id(target), state,
                f"{begun}#f{number}", True, number % 300 == 0, at,
            )  # fmt: skip


def memberships(crowd: Crowd) -> Iterator[Row]:
    """About ten groups for each local account, and the first ones have many from elsewhere."""
    pairs = {
        (crowd.accounts + group, actor)
        for actor in range(crowd.accounts)
        for group in crowd.chosen(20, 10 if crowd.is_local(actor) else 2, crowd.groups)
    }
    for group, actor in sorted(pairs):
        role = "moderator" if actor % 97 == 0 else "member"
        yield crowd.actor_id(group), crowd.actor_id(actor), role, "accepted", crowd.now - 80 * DAY


def posts(crowd: Crowd) -> Iterator[Row]:
    """What was written, oldest first."""
    sparse = crowd.sparse
    for number in range(crowd.posts):
        author, parent, group = crowd.author[number], crowd.parent[number], crowd.group[number]
        local, iri, at = crowd.is_local(author), crowd.post_iri(number), crowd.at(number, crowd.posts)
        words = " ".join(crowd.said(number))
        rare = number % 200 if sparse else 1
        link = f"https://news.example/{number % 5_000}" if rare in (10, 11, 12) else None
        yield (
            crowd.post_id(number), iri, iri, crowd.actor_id(author), crowd.actor_id(group) if group >= 0 else None,
            local, "Page" if link else "Note", words[:40] if group >= 0 and parent < 0 else None, f"<p>{words}</p>",
            words if local else None, "careful" if rare == 20 else None, rare == 20, ("en", "de", "fr")[number % 3],
            crowd.post_id(parent) if parent >= 0 else None, crowd.post_iri(parent) if parent >= 0 else None,
            crowd.actor_id(crowd.author[parent]) if parent >= 0 else None, crowd.post_id(crowd.root[number]),
            crowd.shown[number], _PICTURE if number % 10 == 0 else "[]", link, at,
            at + 1000 if rare == 30 else None, at + 9000 if rare == 40 else None, number % 3, number % 5, number % 2,
            crowd.post_iri(number - 1) if rare == 50 else None, crowd.post_id(number - 1) if rare == 50 else None,
            "accepted" if rare == 50 else None, link,
        )  # fmt: skip


def mentions(crowd: Crowd) -> Iterator[Row]:
    """Who is answered, and of every twentieth post somebody popular, too; a group of what is in it."""
    for number in range(crowd.posts):
        parent, group = crowd.parent[number], crowd.group[number]
        named = {crowd.author[parent]} if parent >= 0 else set()
        if group >= 0:
            named.add(group)
        if number % 20 == 0:
            named.add(crowd.popular(crowd.accounts))
        for actor in sorted(named):
            yield crowd.post_id(number), crowd.actor_id(actor)


def tags(crowd: Crowd) -> Iterator[Row]:
    """One hashtag on every seventh post, some of them often."""
    for number in range(0, crowd.posts, 7):
        yield f"tag{crowd.popular(2_000)}", crowd.post_id(number)


def revisions(crowd: Crowd) -> Iterator[Row]:
    """What was said before an edit."""
    for number in range(30, crowd.posts if crowd.sparse else 0, 200):
        yield crowd.id_of(number, crowd.posts, 2), crowd.post_id(number), "<p>before</p>", False, crowd.now


def _boosted(crowd: Crowd) -> Iterator[tuple[int, int, int]]:
    """(number, who, post): each group passes on the threads in it, people what was new."""
    seen: set[int] = set()
    for number in range(crowd.boosts):
        about = min(number * 10 // 3 + number % 7, crowd.posts - 1)
        about = max(0, about - crowd.popular(200))
        group = crowd.group[about]
        who = group if group >= 0 and number % 2 else crowd.popular(crowd.accounts)
        pair = who * crowd.posts + about
        if crowd.shown[about] == "public" and pair not in seen:
            seen.add(pair)
            yield number, who, about


def boosts(crowd: Crowd) -> Iterator[Row]:
    """Announces; those of `entries` are the same."""
    crowd.boosted = list(_boosted(crowd))
    for number, who, about in crowd.boosted:
        at = crowd.at(number, crowd.boosts)
        yield (
            crowd.id_of(number, crowd.boosts, 3), crowd.actor_id(who), crowd.post_id(about),
            f"{crowd.iri(who)}#b{number}", at,
        )  # fmt: skip


def entries(crowd: Crowd) -> Iterator[Row]:
    """What each put before its followers: posts that are not direct, and boosts."""
    for number in range(crowd.posts):
        if crowd.shown[number] != "direct":
            post, parent = crowd.post_id(number), crowd.parent[number]
            answered = crowd.actor_id(crowd.author[parent]) if parent >= 0 else None
            yield crowd.actor_id(crowd.author[number]), post, post, False, answered
    for number, who, about in crowd.boosted:
        yield crowd.actor_id(who), crowd.id_of(number, crowd.boosts, 3), crowd.post_id(about), True, None


def likes(crowd: Crowd) -> Iterator[Row]:
    """Whom something pleased; a few dislike."""
    seen: set[int] = set()
    for number in range(crowd.likes):
        about = max(0, number - crowd.popular(min(5_000, crowd.likes // 4)))
        who = crowd.chance.randrange(crowd.accounts)
        pair = who * crowd.posts + about
        if pair not in seen:
            seen.add(pair)
            kind = "dislike" if number % 50 == 0 else "like"
            yield (
                crowd.id_of(number, crowd.likes, 4), crowd.actor_id(who), crowd.post_id(about), kind,
                f"{crowd.iri(who)}#l{number}", crowd.at(number, crowd.likes),
            )  # fmt: skip


def bookmarks(crowd: Crowd) -> Iterator[Row]:
    """Each local person keeps a few."""
    for number, actor in enumerate(crowd.local_accounts()):
        for kept in range(3):
            about = (number * 37 + kept * 11) % crowd.posts
            yield crowd.id_of(number, crowd.posts, 5 + kept), crowd.actor_id(actor), crowd.post_id(about)


def cards(crowd: Crowd) -> Iterator[Row]:
    """The pages that posts link to."""
    for page in range(5_000 if crowd.sparse and crowd.posts > 50_000 else 300):
        yield f"https://news.example/{page}", "ready", f"News {page}", "what is new", "{}"


def notifications(crowd: Crowd) -> Iterator[Row]:
    """What local people are told; the popular ones most."""
    here = crowd.local_accounts()
    for number in range(crowd.notified):
        told = here[crowd.popular(len(here))]
        kind = ("mention", "favourite", "favourite", "reblog", "status", "follow")[number % 6]
        yield (
            crowd.id_of(number, crowd.notified, 9), crowd.actor_id(told), kind,
            crowd.actor_id(crowd.chance.randrange(crowd.accounts)),
            None if kind == "follow" else crowd.post_id(number), crowd.at(number, crowd.notified),
        )  # fmt: skip


def conversations(crowd: Crowd) -> Iterator[Row]:
    """One for each direct post by somebody here."""
    for number in range(crowd.posts):
        author = crowd.author[number]
        if crowd.shown[number] == "direct" and crowd.is_local(author):
            root = crowd.post_id(crowd.root[number])
            post = crowd.post_id(number)
            yield crowd.id_of(number, crowd.posts, 10), crowd.actor_id(author), root, str(post), post, number % 2 == 0


def lists(crowd: Crowd) -> Iterator[Row]:
    """One of each person."""
    for actor in crowd.local_accounts():
        yield crowd.actor_id(actor) + 1, crowd.actor_id(actor), "friends", "list", False, crowd.now


def list_members(crowd: Crowd) -> Iterator[Row]:
    """Ten in each list."""
    number = 0
    for actor in crowd.local_accounts():
        for member in range(10):
            number += 1
            yield first_at(crowd.now - DAY) + number, crowd.actor_id(actor) + 1, crowd.actor_id(member * 3)


def blocks(crowd: Crowd) -> Iterator[Row]:
    """Two by every third account."""
    for actor in range(0, crowd.accounts, 3):
        for other in {(actor * 7 + 1) % crowd.accounts, (actor * 11 + 2) % crowd.accounts} - {actor}:
            made = crowd.actor_id(actor) + other
            yield made, crowd.actor_id(actor), crowd.actor_id(other), f"{crowd.iri(actor)}#x{other}", crowd.now


def mutes(crowd: Crowd) -> Iterator[Row]:
    """One by each local account."""
    for actor in crowd.local_accounts():
        yield crowd.actor_id(actor), crowd.actor_id(actor), crowd.actor_id((actor * 3 + 4) % crowd.accounts), True, 0


def _create(activity: str, actor: str, post: str) -> bytes:
    """An activity as it goes over the wire."""
    note = f'{{"id":"{post}","type":"Note","attributedTo":"{actor}","content":"<p>{"lorem ipsum " * 20}</p>","to":[{_PUBLIC}]}}'
    head = f'{{"@context":"https://www.w3.org/ns/activitystreams","id":"{activity}","type":"Create","actor":"{actor}"'
    return f'{head},"to":[{_PUBLIC}],"cc":["{actor}/followers"],"object":{note}}}'.encode()


def received(crowd: Crowd) -> Iterator[Row]:
    """What came: nearly all is settled, some was refused, the last two hundredths wait."""
    waits = crowd.received - crowd.received // 50
    for number in range(crowd.received):
        actor = crowd.popular(crowd.accounts) // 5 * 5 + 1
        iri, at = crowd.iri(actor), crowd.at(number, crowd.received)
        activity = f"{iri}#a{number}"
        settled = number < waits
        kept = not settled or at > crowd.now - _KEPT_BODIES
        body = _create(activity, iri, f"{iri}/posts/a{number}") if kept else b""
        state = ("refused" if number % 100 == 0 else "done") if settled else "new"
        yield (
            crowd.id_of(number, crowd.received, 11), activity, "Create", crowd.host(actor), iri, f"{iri}#main-key",
            "cavage", body, state, 1 if settled else 0, at, at, at + 50 if settled else None,
            "policy" if state == "refused" else None,
        )  # fmt: skip


def outbox(crowd: Crowd) -> Iterator[Row]:
    """What we sent: posts of people here, and what groups passed on."""
    here = crowd.local_accounts()
    for position in range(1, crowd.sent + 1):
        group = position % 2 == 0
        actor = crowd.accounts + 2 * crowd.popular(crowd.groups // 2) if group else here[crowd.popular(len(here))]
        post = min(position * 4, crowd.posts - 1)
        iri = crowd.iri(actor)
        yield (
            position, f"{iri}#s{position}", crowd.actor_id(actor), "Announce" if group else "Create",
            "forum" if position % 4 == 0 else "any", crowd.post_id(post),
            _create(f"{iri}#s{position}", iri, crowd.post_iri(post)), crowd.at(position, crowd.sent),
        )  # fmt: skip


def audiences(crowd: Crowd) -> Iterator[Row]:
    """Followers, and of every fifth somebody by name."""
    here = crowd.local_accounts()
    for position in range(1, crowd.sent + 1):
        group = crowd.accounts + 2 * crowd.popular(crowd.groups // 2)
        sender = group if position % 2 == 0 else here[position % 40 % len(here)]
        yield position, crowd.actor_id(sender), None, None, None
        if position % 5 == 0:
            named = crowd.popular(crowd.accounts) // 5 * 5 + 1
            yield position, None, crowd.actor_id(named), crowd.host(named), None


def links(crowd: Crowd) -> Iterator[Row]:
    """Every host; most are at rest, some fail."""
    for host in range(crowd.hosts):
        failing = host % 20 == 19
        yield (
            f"h{host}.example", crowd.sent - (100 if failing else 0), crowd.sent, 5 if failing else 0, 0,
            crowd.now + DAY if failing else 0, "open",
        )  # fmt: skip


def decisions(crowd: Crowd) -> Iterator[Row]:
    """Refusals."""
    for number in range(crowd.posts // 20):
        host = f"h{crowd.popular(crowd.hosts)}.example"
        made = crowd.id_of(number, crowd.posts // 20, 12)
        yield made, "in", host, "reject", "policy", "refused", 1, crowd.at(number, crowd.posts // 20)


def troubles(crowd: Crowd) -> Iterator[Row]:
    """Deliveries that came to nothing."""
    for number in range(crowd.posts // 100):
        host = f"h{crowd.popular(crowd.hosts)}.example"
        made = crowd.id_of(number, crowd.posts // 100, 13)
        yield made, host, f"https://{host}/inbox", number + 1, f"{host}#t{number}", "refused", "400", crowd.now


def reports(crowd: Crowd) -> Iterator[Row]:
    """One on every thousandth post; a few are open."""
    for number in range(0, crowd.posts, 1000):
        yield (
            crowd.id_of(number, crowd.posts, 14), f"{crowd.origin}/activities/r{number}", crowd.actor_id(0),
            crowd.actor_id(crowd.author[number]), f"[{crowd.post_id(number)}]", "rude", "other", False,
            "open" if number % 5000 == 0 else "resolved", crowd.at(number, crowd.posts),
        )  # fmt: skip
