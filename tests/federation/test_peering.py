"""Two machines that peer: whatever is lost and sent again, doubled, reordered or crossing, neither has in force what it did not
sign, and both come to the same."""

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from federation.peering.machine import BOTH, OPEN, Move, State, Version, is_peering, step, wins

A, B = "a", "b"
OTHER = {A: B, B: A}


@dataclass(frozen=True)
class Message:
    """What is under way: as the receiver will take it."""

    to: str
    move: Move


def seen(version: Version) -> Version:
    """A version as the other side gets to know it."""
    return replace(version, by="theirs", state="offered", signed=frozenset(), trusted=False, notice_at=None)


class Peering(RuleBasedStateMachine):
    """Acts of both sides and what the network does, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000
        self.number = 0
        self.sides = {A: State(), B: State()}
        self.signed: dict[str, set[str]] = {A: set(), B: set()}
        self.under_way: list[Message] = []
        self.sent: list[Message] = []

    @initialize(agreed=st.booleans())
    def begin(self, agreed: bool) -> None:
        """Half of the time they have agreed to something before."""
        if agreed:
            first = Version("https://a/0/offer", "https://a/0", "digest of https://a/0", 1, "ours", state="active",
                            signed=BOTH, trusted=True)  # fmt: skip
            self.sides = {A: State((first,)), B: State((replace(first, by="theirs"),))}
            self.signed = {A: {first.iri}, B: {first.iri}}

    def act(self, side: str, kind: str, **more: Any) -> bool:
        """One side does something; whether it could."""
        made = step(self.sides[side], Move(kind=kind, by="ours", **more), self.now)
        if made.refusal is not None:
            assert made.state == self.sides[side], "what is refused changes nothing"
            return False
        self.sides[side] = made.state
        if kind == "sign":
            self.signed[side].add(made.state.of_offer(more["offer"]).iri)  # type: ignore[union-attr]  # it was just signed
        self.say(side, made.answers)
        return True

    def say(self, side: str, answers: tuple[tuple[str, str], ...]) -> None:
        """Put messages under way."""
        for kind, about in answers:
            state = self.sides[side]
            version = state.of_offer(about) or state.of_iri(about)
            assert version is not None
            move = Move(
                kind={"accept": "sign"}.get(kind, kind),
                by="theirs",
                offer=version.offer,
                iri=version.iri,
                digest=version.digest,
                version=seen(version) if kind in ("offer", "withdraw") else None,
                trusted=kind == "accept" and self.number % 3 != 0,
                stamp=self.stamp(),
                at=version.notice_at,
            )
            if kind == "offer":
                self.signed[side].add(version.iri)
            self.under_way.append(Message(OTHER[side], move))
            self.sent.append(self.under_way[-1])

    def stamp(self) -> int:
        """The sender's time, another for each message."""
        self.now += 1
        return self.now

    def take(self, message: Message) -> None:
        """A message arrives."""
        made = step(self.sides[message.to], message.move, self.now)
        self.sides[message.to] = made.state
        self.say(message.to, made.answers)

    @rule(side=st.sampled_from([A, B]), pause=st.booleans(), lasts=st.sampled_from([None, 40, 400]))
    def offer(self, side: str, pause: bool, lasts: int | None) -> None:
        """Offer a first or a new version."""
        self.number += 1
        iri = f"https://{side}/{self.number}"
        current = self.sides[side].in_force
        known = [one.number for one in self.sides[side].versions]
        version = Version(
            f"{iri}/offer", iri, f"digest of {iri}", max(known, default=0) + 1, "ours",
            replaces=current.iri if current is not None else None,
            ends=None if lasts is None else self.now + lasts, pause=pause,
            starts=self.now + 5 if self.number % 4 == 0 else None,
        )  # fmt: skip
        self.act(side, "offer", version=version)

    @rule(side=st.sampled_from([A, B]), kind=st.sampled_from(["sign", "sign", "review", "refuse", "withdraw", "confirm"]),
          which=st.integers(0, 30))  # fmt: skip
    def answer(self, side: str, kind: str, which: int) -> None:
        """Say something about any version, the newest most often."""
        known = self.sides[side].versions
        if known:
            self.act(side, kind, offer=known[-1 - which % 3 % len(known)].offer)

    @rule(side=st.sampled_from([A, B]), kind=st.sampled_from(["suspend", "resume", "notice", "end"]))
    def of_what_is_in_force(self, side: str, kind: str) -> None:
        """Suspend, resume, give notice, end."""
        self.act(side, kind, at=self.now + 30)

    @rule(by=st.integers(1, 50), who=st.sampled_from([(A,), (B,), (A, B)]))
    def time_passes(self, by: int, who: tuple[str, ...]) -> None:
        """What is over by now ends, on one side sooner than on the other."""
        self.now += by
        for side in who:
            self.sides[side] = step(self.sides[side], Move(kind="tick", by="ours"), self.now).state

    @precondition(lambda self: self.under_way)
    @rule(which=st.integers(0, 100), keep=st.booleans())
    def arrive(self, which: int, keep: bool) -> None:
        """Any message arrives, and perhaps again later."""
        at = which % len(self.under_way)
        message = self.under_way[at]
        if not keep:
            self.under_way.pop(at)
        self.take(message)

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 100))
    def replay(self, which: int) -> None:
        """Somebody sends again what was sent at any time."""
        self.take(self.sent[which % len(self.sent)])

    @invariant()
    def nothing_is_in_force_unsigned(self) -> None:
        """What is in force here we signed by an act of ours, and they by one of theirs; and it is one version."""
        for side, state in self.sides.items():
            active = [one for one in state.versions if one.state == "active"]
            assert len(active) <= 1
            for one in active:
                assert one.signed == BOTH
                assert one.iri in self.signed[side]
                assert one.iri in self.signed[OTHER[side]]

    def teardown(self) -> None:
        """All arrives in the end, and both see the same."""
        for _ in range(20):
            waiting, self.under_way = self.under_way, []
            for message in waiting:
                self.take(message)
            for side in (A, B):
                self.sides[side] = step(self.sides[side], Move(kind="tick", by="ours"), self.now).state
                for one in self.sides[side].versions:
                    if one.state in OPEN and one.signed == BOTH:
                        self.act(side, "confirm", offer=one.offer)
            if not self.under_way:
                break
        else:
            raise AssertionError("they never stop talking")
        self.now += 10
        for side in (A, B):
            self.sides[side] = step(self.sides[side], Move(kind="tick", by="ours"), self.now).state
        mine, other = self.sides[A], self.sides[B]
        assert (mine.in_force and mine.in_force.iri) == (other.in_force and other.in_force.iri)
        if mine.in_force is not None and other.in_force is not None:
            assert mine.in_force.notice_at == other.in_force.notice_at
        assert ("ours" in mine.suspended, "theirs" in mine.suspended) == (
            "theirs" in other.suspended,
            "ours" in other.suspended,
        )
        assert {v.iri for v in mine.open_by("ours")} == {v.iri for v in other.open_by("theirs")}
        assert {v.iri for v in mine.open_by("theirs")} == {v.iri for v in other.open_by("ours")}


TestPeering = Peering.TestCase
TestPeering.settings = settings(max_examples=200, stateful_step_count=40)


def version(name: str, number: int = 1, **more: Any) -> Version:
    """A version that they offer."""
    iri = f"https://b.example/agreements/{name}"
    return Version(f"{iri}/offer", iri, f"digest of {name}", number, "theirs", **more)


def offered(one: Version, state: State | None = None) -> State:
    """The state after their offer."""
    return step(state or State(), Move(kind="offer", by="theirs", offer=one.offer, version=one), 0).state


def refused(state: State, **move: Any) -> str:
    """The code of the refusal of a move, which changes nothing."""
    made = step(state, Move(**move), 0)
    assert made.refusal is not None
    assert made.state == state
    return made.refusal.code


def test_an_offer_that_comes_again_altered_is_refused() -> None:
    """A version never changes, whoever sends it again."""
    state = offered(version("one"))
    other = replace(version("one"), digest="of something else")
    assert refused(state, kind="offer", by="theirs", offer=other.offer, version=other) == "altered"
    moved = replace(version("one"), offer="https://b.example/another/offer", number=2)
    assert refused(state, kind="offer", by="theirs", offer=moved.offer, version=moved) == "altered"


def test_an_old_acceptance_is_none_of_a_new_version() -> None:
    """Whoever signed version 1 has not signed version 2."""
    ours = replace(version("two", 2), by="ours")
    state = step(State(), Move(kind="offer", by="ours", version=ours), 0).state
    signed = {"kind": "sign", "by": "theirs", "offer": ours.offer, "trusted": True}
    assert refused(state, **signed, digest="digest of one") == "altered"
    assert step(state, Move(**signed, digest=ours.digest), 0).state.in_force is not None  # type: ignore[arg-type]  # as given


def test_an_older_version_that_comes_late_or_again_is_refused() -> None:
    """What was offered before the newest is no offer any more."""
    state = offered(version("two", 2))
    old = version("one", 1)
    assert refused(state, kind="offer", by="theirs", offer=old.offer, version=old) == "old-version"


def test_of_two_offers_that_cross_the_lower_hash_stands() -> None:
    """Glare: both sides find the same, and say so."""
    ours = replace(version("ours"), by="ours")
    theirs = version("theirs")
    state = step(State(), Move(kind="offer", by="ours", version=ours), 0).state
    made = step(state, Move(kind="offer", by="theirs", offer=theirs.offer, version=theirs), 0)
    stands = ours if wins(ours.offer, theirs.offer) else theirs
    assert [one.iri for one in made.state.versions if one.state in OPEN] == [stands.iri]
    assert made.answers, "the other side hears which one is off"


def test_nobody_signs_for_the_other_side_or_their_own_offer() -> None:
    """An answer comes from who was asked."""
    state = offered(version("one"))
    assert refused(state, kind="sign", by="theirs", offer=version("one").offer) == "own-offer"
    assert refused(state, kind="withdraw", by="ours", offer=version("one").offer) == "not-yours"


def test_a_signature_under_what_was_withdrawn_is_answered() -> None:
    """They hear again that it is off, so that it is in force on neither side."""
    ours = replace(version("ours"), by="ours")
    state = step(State(), Move(kind="offer", by="ours", version=ours), 0).state
    state = step(state, Move(kind="withdraw", by="ours", offer=ours.offer), 0).state
    made = step(state, Move(kind="sign", by="theirs", offer=ours.offer, trusted=True), 0)
    assert made.answers == (("withdraw", ours.offer),)
    assert made.state.in_force is None


def test_who_signed_what_was_withdrawn_is_back_at_the_version_before() -> None:
    """The other side never left it."""
    first = replace(version("one"), state="active", signed=BOTH, trusted=True)
    state = offered(version("two", 2, replaces=first.iri), State((first,)))
    state = step(state, Move(kind="sign", by="ours", offer=version("two").offer), 0).state
    assert state.in_force is not None
    assert state.in_force.number == 2
    state = step(state, Move(kind="withdraw", by="theirs", offer=version("two").offer), 0).state
    assert state.in_force == first


def test_what_was_ended_here_does_not_come_back_by_a_withdrawal() -> None:
    """The other side, which is at the version before, is told that this one is over, too."""
    first = replace(version("one"), state="active", signed=BOTH, trusted=True)
    state = offered(version("two", 2, replaces=first.iri), State((first,)))
    state = step(state, Move(kind="sign", by="ours", offer=version("two").offer), 0).state
    state = step(state, Move(kind="end", by="ours"), 0).state
    made = step(state, Move(kind="withdraw", by="theirs", offer=version("two").offer), 0)
    assert made.state.in_force is None
    assert made.answers == (("end", first.iri),)


def test_a_withdrawal_that_overtakes_its_offer_is_kept() -> None:
    """When the offer comes it is off."""
    state = step(
        State(), Move(kind="withdraw", by="theirs", offer=version("one").offer, version=version("one")), 0
    ).state
    state = offered(version("one"), state)
    assert state.open_by("theirs") == ()


def test_the_newest_word_on_a_suspension_counts() -> None:
    """Whatever comes last."""
    state = State((replace(version("one"), state="active", signed=BOTH, trusted=True),))
    said = {"by": "theirs", "iri": version("one").iri}
    state = step(state, Move(kind="suspend", stamp=1, **said), 0).state  # type: ignore[arg-type]  # as given
    state = step(state, Move(kind="resume", stamp=9, **said), 0).state  # type: ignore[arg-type]  # as given
    assert step(state, Move(kind="suspend", stamp=5, **said), 0).state.suspended == frozenset()  # type: ignore[arg-type]  # as given
    assert step(state, Move(kind="suspend", stamp=10, **said), 0).state.suspended == {"theirs"}  # type: ignore[arg-type]  # as given


def test_a_notice_ends_it_on_time_and_can_only_become_shorter() -> None:
    """Whoever gives it."""
    state = State((replace(version("one"), state="active", signed=BOTH, trusted=True),))
    state = step(state, Move(kind="notice", by="ours", at=100), 0).state
    state = step(state, Move(kind="notice", by="theirs", iri=version("one").iri, at=200), 0).state
    assert step(state, Move(kind="tick", by="ours"), 99).state.in_force is not None
    assert step(state, Move(kind="tick", by="ours"), 100).state.in_force is None


def test_a_new_version_changes_nothing_before_both_signed() -> None:
    """The old one stays in force; private delivery waits where the new one says so."""
    state = offered(version("one"))
    state = step(state, Move(kind="sign", by="ours", offer=version("one").offer), 0).state
    tighter = version("two", 2, replaces=version("one").iri, pause=True)
    state = offered(tighter, state)
    assert state.in_force is not None
    assert state.in_force.iri == version("one").iri
    assert state.paused
    state = step(state, Move(kind="sign", by="ours", offer=tighter.offer), 0).state
    assert state.in_force is not None
    assert state.in_force.iri == tighter.iri
    assert not state.paused


def test_an_unconfirmed_key_brings_nothing_into_force() -> None:
    """Both proofs are there, but theirs may be anybody's."""
    ours = replace(version("ours"), by="ours")
    state = step(State(), Move(kind="offer", by="ours", version=ours), 0).state
    state = step(state, Move(kind="sign", by="theirs", offer=ours.offer), 0).state
    assert state.in_force is None
    assert step(state, Move(kind="confirm", by="ours", offer=ours.offer), 0).state.in_force is not None


def test_messages_about_agreements_are_told_by_what_they_hold() -> None:
    """No other activity passes as one."""
    agreement = {"type": ["Document", "peer:Agreement"], "id": "https://b.example/1"}
    assert is_peering("Offer", {"object": agreement})
    assert is_peering("Accept", {"object": {"type": "Offer", "object": agreement}})
    assert is_peering("Accept", {"object": "https://a.example/o/1", "result": agreement})
    assert not is_peering("Create", {"object": agreement})
    assert not is_peering("Offer", {"object": {"type": "Note"}})
    assert not is_peering("Update", {"object": "https://b.example/1"})
