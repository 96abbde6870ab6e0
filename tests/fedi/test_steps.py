"""Time per step: what is added comes out, whoever adds it, and names can't fill the memory."""

from concurrent.futures import ThreadPoolExecutor

from fedi.steps import OTHER, Outcomes, Step, Steps


def test_what_is_added_is_summed_by_name() -> None:
    steps = Steps()
    steps.add("inbox.process", 0.5, 100)
    steps.add("inbox.process", 0.25, 50)
    steps.add("home.read", 0.125)
    assert steps.all() == {"inbox.process": Step(2, 150, 0.75), "home.read": Step(1, 1, 0.125)}


def test_threads_lose_nothing() -> None:
    steps = Steps()

    def add() -> None:
        for _ in range(5_000):
            steps.add("deliver.post", 0.5, 2)

    with ThreadPoolExecutor(8) as threads:
        for _ in range(8):
            threads.submit(add)
    assert steps.all() == {"deliver.post": Step(40_000, 80_000, 20_000.0)}


def test_names_are_bounded() -> None:
    steps = Steps(most=3)
    for number in range(50):
        steps.add(f"step{number}", 1.0)
    found = steps.all()
    assert set(found) == {"step0", "step1", "step2", OTHER}
    assert found[OTHER].runs == 47


def test_outcomes_are_counted_by_kind_and_code() -> None:
    outcomes = Outcomes(most=3)
    outcomes.add("received", "done", 40)
    outcomes.add("received", "done")
    outcomes.add("delivered", "done")
    for number in range(10):
        outcomes.add("received", f"code{number}")
    assert outcomes.all() == {
        ("received", "done"): 41,
        ("delivered", "done"): 1,
        ("received", "code0"): 1,
        ("received", OTHER): 9,
    }
