"""Full text search on both databases: what is found by which words, kept in step with posts, and never an error."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text, true

from storage import account_searches, actors, indexed, peers, polls, posts, searches, walks
from storage.actors import Actor
from storage.database import Database
from storage.ids import first_at
from storage.polls import Poll
from storage.posts import Post
from storage.queries import Operator, parse
from storage.searches import Searcher
from storage.words import asked_for, parts_of, plain, words_of
from tests.storage import rows

DAY = 86_400_000
NUMBERS = iter(range(10_000, 1_000_000))


@pytest.fixture
def ada(db: Database) -> Actor:
    """An author who wants to be found."""
    return db.write_now(lambda tx: rows.actor(tx, "ada"))


def write(db: Database, author: Actor, content: str, *, tags: tuple[str, ...] = (), **more: Any) -> int:
    """A public post; its id."""
    number = next(NUMBERS) + first_at(more.get("published_at", 0))
    iri = f"{author.iri}/posts/{number}"
    values: dict[str, Any] = {
        "id": number, "iri": iri, "url": iri, "author_id": author.id, "group_id": None, "local": True, "kind": "Note",
        "title": None, "content": content, "source": None, "summary": None, "sensitive": False, "language": "en",
        "reply_to_id": None, "reply_to_iri": None, "reply_to_actor_id": None, "root_id": number, "visibility": "public",
        "attachments": [], "link": None, "app_id": None, "published_at": 0, "edited_at": None, "deleted_at": None,
        "replies_count": 0, "likes_count": 0, "boosts_count": 0,
    }  # fmt: skip
    post = Post(**(values | more))
    assert db.write_now(lambda tx: posts.insert_post(tx, post, [], list(tags)))
    return post.id


def found(db: Database, typed: str, who: Searcher | None = None, **more: Any) -> list[int]:
    """The ids that a query finds, newest first."""
    return db.read_now(lambda tx: searches.find(tx, parse(typed), true(), who or Searcher(), **({"limit": 20} | more)))


WORDS = {
    "kernel": True,
    "KERNEL methods": True,
    "kern": True,  # the beginning of a word
    "ern": False,
    '"kernel methods"': True,
    '"methods kernel"': False,
    '"kern methods"': False,
    "methods kernel": True,
    "cafe": True,
    "CAFÉ": True,
    "cafe\u0301": True,
    "strasse": True,
    "Straße": True,
    "Bankzugriff": True,  # parts of Datenbankzugriff
    "zugriff": True,
    "Datenbank": True,
    "atenbank": False,
    "機械": True,
    "械学": True,
    "機械学習": True,
    "学械": False,
    "習": True,
    "まなぶ": True,
    "ガギ": True,  # written in half width
    "ｋｅｒｎｅｌ": True,
    "한국": True,
    "kernel -methods": False,
    "kernel -nothing": True,
    "-kernel": False,
    "+kernel +methods": True,
    "kernel absent": False,
    "the": True,  # a stop word is a word
    "it's": True,
    "its": False,
    "unicorn.example": True,  # where a link leads
    "ai": True,
    "a": False,  # one letter is not the beginning of all words
}
"""What is typed: whether the post below is found."""


def test_what_is_found_by_which_words(db: Database, ada: Actor) -> None:
    made = write(
        db,
        ada,
        "<p>The kernel methods of it's AI</p><p>Café in der Straße, Datenbankzugriff<br>東京で機械学習をまなぶ ｶﾞｷﾞ 한국어</p>"
        '<a href="https://unicorn.example/x"><span class="invisible">https://</span><span>unicorn.example/x</span></a>',
    )
    for typed, hit in WORDS.items():
        assert found(db, typed) == ([made] if hit else []), typed


def test_everything_of_a_post_is_indexed(db: Database, ada: Actor) -> None:
    made = write(
        db, ada, "<p>content</p>", title="Heading", summary="warned", link="https://linked.example/page",
        tags=("tagged",), attachments=[{"url": "x", "media_type": "image/png", "description": "alternative"}],
        content_map={"de": "<p>Inhalt</p>", "en": "<p>content</p>"}, kind="Question",
    )  # fmt: skip
    db.write_now(lambda tx: polls.save(tx, Poll(made, False, ["walrus", "otter"], [0, 0], 0, None, None)))
    for word in ("content", "heading", "warned", "linked", "tagged", "alternative", "Inhalt", "walrus", "otter"):
        assert found(db, word) == [made], word
    assert found(db, "p") == []  # no HTML
    assert found(db, "https content") == [made]


def test_the_index_keeps_in_step(db: Database, ada: Actor) -> None:
    made = write(db, ada, "<p>before</p>", tags=("old",))
    post = db.read_now(lambda tx: posts.by_id(tx, made))
    assert post is not None
    db.write_now(lambda tx: posts.rewrite(tx, post, [], ["new"], content="<p>after</p>"))
    assert [found(db, word) for word in ("before", "after", "old", "new")] == [[], [made], [], [made]]
    db.write_now(lambda tx: posts.change(tx, made, attachments=[{"media_type": "image/png", "description": "walrus"}]))
    assert found(db, "walrus") == found(db, "has:image after") == [made]
    db.write_now(lambda tx: posts.rewrite(tx, post, [], [], deleted_at=5, content=""))
    assert found(db, "after") == found(db, "walrus") == []
    # Nothing of it stays in the file but until the index is merged.
    assert db.read_now(lambda tx: tx.execute(text("SELECT count(*) FROM searches")).scalar()) == 0
    db.write_now(lambda tx: posts.change(tx, made, deleted_at=None, content="<p>again</p>"))
    assert found(db, "again") == [made]


def test_rebuilding_finds_the_same(db: Database, ada: Actor) -> None:
    made = write(db, ada, "<p>one walrus</p>", tags=("sea",), kind="Question")
    gone = write(db, ada, "<p>one walrus, deleted</p>")
    db.write_now(lambda tx: polls.save(tx, Poll(made, False, ["yes", "otter"], [0, 0], 0, None, None)))
    db.write_now(lambda tx: posts.change(tx, gone, deleted_at=1))
    db.write_now(lambda tx: tx.execute(text("DELETE FROM searches")))
    assert found(db, "walrus") == []
    assert db.write_now(indexed.rebuild) == 1
    assert found(db, "walrus") == found(db, "sea") == found(db, "otter") == [made]


def test_operators(db: Database, ada: Actor) -> None:
    far = db.write_now(lambda tx: rows.actor(tx, "ben", "far.example"))
    group = db.write_now(lambda tx: rows.actor(tx, "club", kind="Group"))
    at = 1_700_000_000_000 - 1_700_000_000_000 % DAY  # 14 November 2023
    plain_one = write(db, ada, "<p>word</p>", published_at=at + 5)
    reply = write(db, ada, "<p>word</p>", reply_to_iri="https://x.example/1", published_at=at + DAY)
    remote = write(db, far, "<p>word</p>", language="de-AT", local=False, published_at=at + 2 * DAY - 1)
    picture = write(
        db, ada, "<p>word</p>", sensitive=True, published_at=at - 1,
        attachments=[{"media_type": "image/png", "url": "x", "description": None}],
    )  # fmt: skip
    film = write(db, ada, "<p>word</p>", attachments=[{"kind": "gifv", "media_type": "video/mp4"}], published_at=0)
    sound = write(db, ada, "<p>word</p>", attachments=[{"media_type": "audio/ogg"}], published_at=0)
    poll = write(db, ada, "<p>word</p>", kind="Question", published_at=0)
    linked = write(db, ada, '<p>word <a href="https://x.example">x</a></p>', published_at=0)
    named = write(db, ada, '<p>word <a href="https://x.example" class="u-url mention">x</a></p>', published_at=0)
    inside = write(db, ada, "<p>word</p>", group_id=group.id, published_at=0)
    everything = [plain_one, reply, remote, picture, film, sound, poll, linked, named, inside]
    who = Searcher(ada.id, ("here.example", "www.here.example"))

    def only(*ids: int) -> list[int]:
        return sorted(ids, reverse=True)

    expected = {
        "from:me": only(*(set(everything) - {remote})),
        "from:ada": only(*(set(everything) - {remote})),
        "from:@ada@www.here.example": only(*(set(everything) - {remote})),
        "from:ben@far.example": [remote],
        "FROM:Ben@Far.Example": [remote],
        "from:ben": [],
        "from:nobody@nowhere.example": [],
        "-from:me": [remote],
        "before:2023-11-14": only(*(set(everything) - {plain_one, reply, remote})),
        "after:2023-11-14": only(reply, remote),
        "during:2023-11-14": [plain_one],
        "during:2023-11-15": only(reply, remote),
        "after:2023-11-13 before:2023-11-15": [plain_one],
        "language:de": [remote],
        "-language:en": [remote],
        "has:media": only(picture, film, sound),
        "has:image": [picture],
        "has:video": [film],
        "has:audio": [sound],
        "has:poll": [poll],
        "has:link": [linked],
        "-has:link has:poll": [poll],
        "has:embed": [],
        "is:reply": [reply],
        "is:sensitive": [picture],
        "-is:reply from:me -has:media -has:poll -has:link": only(plain_one, named, inside),
        "in:all": only(*everything),
        "in:library": only(*(set(everything) - {remote})),
        "group:club": [inside],
        "in:!club@here.example": [inside],
        "in:club@here.example": [inside],
        "group:ada": [],
        "-group:club from:me is:sensitive": [picture],
    }
    for typed, ids in expected.items():
        assert found(db, f"word {typed}", who) == ids, typed
        if not typed.startswith("in:") or "@" in typed:
            assert found(db, typed, who) == (ids if parse(typed) else []), typed


def test_operators_in_plain_words(db: Database, ada: Actor) -> None:
    far = db.write_now(lambda tx: rows.actor(tx, "ben", "far.example"))
    near = db.write_now(lambda tx: rows.actor(tx, "cy", "farm.example"))
    group = db.write_now(lambda tx: rows.actor(tx, "club", kind="Group"))
    away = db.write_now(lambda tx: rows.actor(tx, "chess", "far.example", kind="Group"))
    db.write_now(lambda tx: rows.follow(tx, ada, away))
    for host in ("far.example", "farm.example"):
        db.write_now(partial(peers.meet, host=host, now=0))
    at = 1_700_000_000_000 - 1_700_000_000_000 % DAY  # 14 November 2023
    asked = write(db, ada, "<p>word</p>", asks="open", group_id=group.id, published_at=at)
    solved = write(db, far, "<p>word</p>", asks="solved", group_id=away.id, published_at=at + 30 * DAY)
    other = write(db, near, "<p>word</p>", published_at=at + 60 * DAY)
    paper = write(
        db, ada, "<p>word in:there</p>", published_at=at - 400 * DAY,
        attachments=[{"media_type": "application/pdf", "kind": "unknown", "url": "x", "description": None}],
    )  # fmt: skip
    picture = write(
        db, ada, "<p>word</p>", attachments=[{"media_type": "image/png", "url": "pdf"}], published_at=at + 1
    )
    who = Searcher(ada.id, ("here.example", "www.here.example"))
    expected = {
        "is:question": {asked, solved},
        "is:open": {asked},
        "is:solved": {solved},
        "-is:question": {other, paper, picture},
        "from:far": {solved},
        "from:far.example": {solved},
        "from:here": {asked, paper, picture},
        "-from:far": {asked, other, paper, picture},
        "from:fa": set(),
        "in:club": {asked},
        "in:chess": {solved},  # elsewhere, and the searcher is in it
        "in:there": {paper},  # which names nothing here: words
        "has:pdf": {paper},
        "before:2023": {paper},
        "during:2023-12": {solved},
        "after:2023": {other},
        "after:2023-11 before:2024": {solved},
    }
    for typed, ids in expected.items():
        assert set(found(db, f"word {typed}", who)) == ids, typed
    assert found(db, "is:solved", who) == [solved]
    assert found(db, "in:chess word", Searcher(far.id, who.domains)) == [], "a name alone opens no group elsewhere"
    called = {"dr": [far.id, near.id]}
    assert set(found(db, "word by:dr", who, called=called)) == {solved, other}
    assert found(db, "word by:nobody", who, called=called) == []


def test_bad_operators_are_words(db: Database, ada: Actor) -> None:
    bad = [
        "before:noon",
        "has:nothing",
        "is:it",
        "foo:bar",
        "language:12",
        "from:",
        ":x",
        "during:2023-02-30",
    ]
    for typed in bad:
        assert parse(typed).operators == ()
        made = write(db, ada, f"<p>{typed}</p>")
        assert made in found(db, typed)


def test_queries() -> None:
    asked = parse('kernel "two words" -not -"not these" +must -has:link from:@ada')
    assert asked.wanted == (("kernel",), ("must",))
    assert asked.exact == (("two", "words"),)
    assert asked.unwanted == (("not",), ("not", "these"))
    assert asked.operators == (Operator("has", "link", True), Operator("from", "@ada"))
    assert parse("“smart quotes”").exact == (("smart", "quotes"),)
    assert not parse("-only -not")
    assert not parse("💥 ... !")


HOSTILE = [
    "", " ", "\x00", "a\x00b", '"', '""', '"""', "'", "''", "*", "a*", "(", ")", "()", "NEAR(a b)", "a NEAR b", "AND", "OR",
    "NOT", "a AND", "words : a", "words:a", "{words parts} : a", "^a", "-", "--", "- -", "+", "-\"", "a -", "\\", "%", "_",
    "!", "&", "|", "a & b", "a <-> b", "!!", "'a':*", "a:*", "::tsquery", "' OR 1=1 --", "; DROP TABLE searches", "x" * 10_000,
    "a " * 5_000, '"' + "a " * 5_000, "東" * 5_000, "\u0301" * 1000, "\ud7ff", "the of and", "💥", "١٢٣", "ﷺ" * 200,
    "from:" * 500, "-has:link " * 100, "before:9999-99-99", "before:0000-00-00", "during:9999-12-31", "after:0001-01-01",
    "from:" + "a" * 5000, "language:" + "a" * 300, "in:@", "group:!", "from:@@@", "has:", "\u202e", "ß" * 300, "ﬃ" * 300,
]  # fmt: skip


def test_nothing_that_can_be_typed_is_an_error(db: Database, ada: Actor) -> None:
    write(db, ada, "<p>a the word</p>")
    for typed in HOSTILE:
        assert isinstance(found(db, typed, Searcher(ada.id, ("here.example",))), list), typed
        asked = partial(account_searches.accounts, typed=typed, searcher=Searcher(ada.id, ("here.example",)), limit=5)
        db.read_now(asked)


def test_days_of_what_came_late(db: Database, ada: Actor) -> None:
    """A post is found by the day that it gives, however long after that it came here."""
    at = 1_700_000_000_000 - 1_700_000_000_000 % DAY  # 14 November 2023
    before, within, after = (write(db, ada, "<p>word</p>", published_at=at + one) for one in (-5, 5, DAY))
    soon, late, other = (first_at(at + int(days * DAY)) for days in (0.5, 300, 301))
    for made, published in ((soon, at - 5), (late, at - 5), (other, at + 5)):
        write(db, ada, "<p>word</p>", id=made, published_at=published)
    for words in ("word ", "", "word from:ada "):
        who = Searcher(ada.id, ("here.example",))
        assert found(db, f"{words}before:2023-11-14", who) == [late, soon, before]
        assert found(db, f"{words}before:2023-11-14", who, limit=1) == [late]
        assert found(db, f"{words}before:2023-11-14", who, limit=2, offset=1) == [soon, before]
        assert found(db, f"{words}during:2023-11-14", who) == [other, within]
        assert found(db, f"{words}during:2023-11-14", who, max_id=other) == [within]
        assert found(db, f"{words}after:2023-11-14", who) == [after]
        assert found(db, f"{words}before:2023-11-14", who, min_id=before) == [late, soon]


def test_words_that_many_use_and_few(db: Database, ada: Actor) -> None:
    """On PostgreSQL these are looked for in different ways, and windows follow each other."""
    ben = db.write_now(lambda tx: rows.actor(tx, "ben"))
    rare = write(db, ben, "<p>walrus and others</p>")
    many = [write(db, ada, f"<p>others number{number}</p>") for number in range(250)]
    who = Searcher(ben.id, ("here.example",))
    assert found(db, "others", who, limit=300) == [*many[::-1], rare]
    assert (
        found(db, "walrus", who) == found(db, "others from:ben", who) == found(db, "others in:library", who) == [rare]
    )
    assert found(db, "walrus others -number5", who) == [rare]
    assert found(db, "number7", who) == [many[at] for at in (*range(79, 69, -1), 7)]
    assert found(db, "others", who, limit=2, offset=249) == [many[0], rare]


@pytest.mark.parametrize("sizes", [(3, 7, (1, 2), 2), (3, 3, (1000,), 2000), (1, 1, (), 10)])
def test_windows_of_any_size_find_the_same(
    db: Database, ada: Actor, monkeypatch: pytest.MonkeyPatch, sizes: tuple[Any, ...]
) -> None:
    for name, size in zip(("_WINDOW", "_LARGEST", "_FEW", "_RARE"), sizes, strict=True):
        monkeypatch.setattr(walks, name, size)
    monkeypatch.setattr(walks, "_CHUNK", 2)
    made = [write(db, ada, f"<p>{'even' if one % 2 else 'odd'} word</p>", sensitive=one % 7 == 0) for one in range(40)]
    for typed, ids in {
        "word": made, "even": made[1::2], "odd is:sensitive": made[::14], "is:sensitive": made[::7], "none": [],
        "from:me odd": made[::2], "in:library even": made[1::2], "word -even": made[::2], "from:me": made,
    }.items():  # fmt: skip
        for offset in (0, 5):
            wanted = sorted(ids, reverse=True)[offset : offset + 10]
            assert found(db, typed, Searcher(ada.id), limit=10, offset=offset) == wanted, typed


def test_nothing_that_can_be_written_is_an_error(db: Database, ada: Actor) -> None:
    for content in HOSTILE:
        if "\x00" not in content:  # which no post has
            made = write(db, ada, f"<p>{content}</p> walrus")
            assert (made in found(db, "walrus", limit=100)) is (len(words_of(content)) < 8_000), content


def test_long_texts_fit_into_postgresql(db: Database, ada: Actor) -> None:
    many = " ".join(f"{number:040}" for number in range(9_000))
    made = write(db, ada, f"<p>walrus {many}</p>")
    other = write(db, ada, "<p>" + "𠀀" * 100_000 + "</p>")
    assert found(db, "walrus") == [made]
    assert found(db, "𠀀𠀀") == [other]


def test_pages(db: Database, ada: Actor) -> None:
    made = [write(db, ada, "<p>word</p>") for _ in range(7)]
    newest = made[::-1]
    assert found(db, "word", limit=3) == newest[:3]
    assert found(db, "word", limit=3, offset=3) == newest[3:6]
    assert found(db, "word", limit=3, offset=6) == newest[6:]
    assert found(db, "word", max_id=made[3]) == newest[4:]
    assert found(db, "word", min_id=made[3]) == newest[:3]
    assert found(db, "word", max_id=made[5], min_id=made[2]) == newest[2:4]
    assert found(db, "from:ada", Searcher(None, ("here.example",)), max_id=made[5], min_id=made[2]) == newest[2:4]


def test_whom_posts_can_be_found_by(db: Database, ada: Actor) -> None:
    shy = db.write_now(lambda tx: rows.actor(tx, "shy", indexable=False))
    write(db, shy, "<p>word</p>")
    mine = write(db, ada, "<p>word</p>", visibility="followers")
    listed = write(db, ada, "<p>word</p>")
    assert found(db, "word") == [listed]
    assert found(db, "word in:library") == []
    assert found(db, "word", Searcher(ada.id)) == [listed, mine]
    assert found(db, "word in:public", Searcher(ada.id)) == [listed]
    assert found(db, "word in:library", Searcher(ada.id)) == [listed, mine]
    assert len(found(db, "word", Searcher(shy.id))) == 2


def test_hidden_authors(db: Database, ada: Actor) -> None:
    far = db.write_now(lambda tx: rows.actor(tx, "ben", "far.example"))
    mine, theirs = write(db, ada, "<p>word</p>"), write(db, far, "<p>word</p>")
    assert found(db, "word") == [theirs, mine]
    assert found(db, "word", Searcher(hidden=frozenset({far.id}))) == [mine]
    assert found(db, "word", Searcher(hidden_domains=frozenset({"far.example"}))) == [mine]


def test_accounts_best_first(db: Database) -> None:
    def unit(tx: Any) -> dict[str, Actor]:
        made = {
            username: rows.actor(tx, username, host, **more)
            for username, host, more in (
                ("me", "here.example", {}),
                ("ada_popular", "far.example", {"followers_count": 900}),
                ("ada_local", "here.example", {}),
                ("ada_followed", "far.example", {}),
                ("ada", "far.example", {}),
                ("adagroup", "here.example", {"kind": "Group", "followers_count": 5}),
                ("other", "here.example", {}),
                ("ada_gone", "here.example", {"state": "gone"}),
                ("ada_app", "here.example", {"kind": "Application"}),
            )
        }
        actors.change(tx, made["other"].id, name="Countess Ada 100%")
        rows.follow(tx, made["me"], made["ada_followed"])
        return made

    made = db.write_now(unit)

    def names(typed: str, who: Searcher | None = None, **more: Any) -> list[str]:
        known = who or Searcher(made["me"].id, ("here.example",))
        return [
            one.username
            for one in db.read_now(lambda tx: account_searches.accounts(tx, typed, known, **({"limit": 20} | more)))
        ]

    everyone = ["ada", "ada_followed", "adagroup", "ada_local", "other", "ada_popular"]
    assert names("ada") == names("@ADA") == everyone
    assert names("ada", limit=2, offset=1) == everyone[1:3]
    assert names("!ada") == ["adagroup"]
    assert names("ada", following=True) == ["ada_followed"]
    assert names("ada@far.example") == ["ada"]
    assert names("ada@far") == ["ada"]
    assert names("100%") == ["other"]
    assert names("a_a") == []
    hiding = Searcher(made["me"].id, ("here.example",), frozenset({made["ada"].id, made["ada_local"].id}))
    assert names("ada", hiding)[0] == "ada"  # named exactly
    assert "ada_local" not in names("ada", hiding)
    assert names("") == names("@") == names("@@") == []


def test_words() -> None:
    assert words_of("C++ & node.js, snake_case") == ["c", "node", "js", "snake", "case"]
    assert asked_for("東京都") == ["東京", "京都"]
    assert words_of("東京都 x") == ["東京", "京都", "都", "x"]
    assert parts_of("datenbanken") == ["enbanken", "nbanken", "banken", "anken", "nken"]
    assert parts_of("shorter") == parts_of("a1b2c3d4e5f6") == []
    assert plain("<p>a</p><p>b<br>c <b>d</b>e &amp; f</p>").split() == ["a", "b", "c", "de", "&", "f"]
    assert replace(parse("x"), wanted=()) == parse("")
