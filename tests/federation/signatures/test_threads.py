import asyncio

import pytest

from federation.signatures.threads import Signers

pytestmark = pytest.mark.anyio


async def test_each_gets_what_its_own_work_came_to() -> None:
    signers = Signers()

    def work(number: int) -> int:
        if number % 10 == 3:
            raise ValueError(number)
        return number * number

    asked = [asyncio.create_task(signers.run(lambda number=number: work(number))) for number in range(100)]  # type: ignore[misc]  # a lambda with a default
    asked[7].cancel()
    await asyncio.wait(asked)
    for number, task in enumerate(asked):
        if number == 7:
            assert task.cancelled()
        elif number % 10 == 3:
            assert isinstance(task.exception(), ValueError)
        else:
            assert task.result() == number * number


def test_one_serves_one_loop_after_another() -> None:
    signers = Signers()

    async def left_waiting() -> None:
        signers._asked.append((lambda: 0, asyncio.get_running_loop().create_future()))

    assert asyncio.run(signers.run(lambda: 1)) == 1
    asyncio.run(left_waiting())
    assert asyncio.run(signers.run(lambda: 2)) == 2
