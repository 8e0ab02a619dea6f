import asyncio

import pytest

from hearthside.engines.turns import Turns
from hearthside.kit.clock import ManualClock
from hearthside.kit.errors import Unavailable


def turns(slots: int = 1, limit: int = 10, limit_per_user: int = 10) -> Turns:
    return Turns(ManualClock(), slots=slots, limit=limit, limit_per_user=limit_per_user)


class Visits:
    """Requests that note the order in which they were served, one loop step each."""

    def __init__(self, queue: Turns) -> None:
        self.queue = queue
        self.served: list[str] = []

    async def visit(self, user: str) -> None:
        async with self.queue.turn(user):
            self.served.append(user)
            await asyncio.sleep(0)


async def test_users_are_served_in_rotation() -> None:
    visits = Visits(turns())
    async with asyncio.TaskGroup() as group:
        for user in ("greedy", "greedy", "greedy", "greedy", "modest", "third"):
            group.create_task(visits.visit(user))
    assert visits.served == ["greedy", "greedy", "modest", "third", "greedy", "greedy"]


async def test_as_many_at_once_as_there_are_slots() -> None:
    queue, gate, inside = turns(slots=2), asyncio.Event(), asyncio.Semaphore(0)

    async def visit() -> None:
        async with queue.turn("anna"):
            inside.release()
            await gate.wait()

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(visit())
        await inside.acquire()
        await inside.acquire()
        assert queue.waiting == 1
        assert inside.locked()
        gate.set()
    assert queue.waiting == 0


@pytest.mark.parametrize(("limit", "limit_per_user", "refused"), [(2, 9, "anna"), (9, 2, "anna"), (2, 9, "bert")])
async def test_a_full_queue_refuses_with_a_time_to_come_back(limit: int, limit_per_user: int, refused: str) -> None:
    visits = Visits(turns(limit=limit, limit_per_user=limit_per_user))
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(visits.visit("anna"))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as caught:
            await visits.visit(refused)
    assert caught.value.code == "engine_busy"
    assert caught.value.retry_after_seconds == 2
    assert visits.served == ["anna"] * 3


async def test_one_user_s_full_queue_is_no_other_user_s() -> None:
    visits = Visits(turns(limit_per_user=1))
    async with asyncio.TaskGroup() as group:
        for user in ("anna", "anna", "bert"):
            group.create_task(visits.visit(user))
    assert visits.served == ["anna", "anna", "bert"]


async def test_who_gives_up_leaves_the_turn_to_the_next() -> None:
    visits = Visits(turns())
    first = asyncio.create_task(visits.visit("anna"))
    given_up = asyncio.create_task(visits.visit("bert"))
    last = asyncio.create_task(visits.visit("carl"))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(first, last)
    assert visits.served == ["anna", "carl"]
    assert given_up.cancelled()


async def test_a_turn_given_in_the_moment_of_giving_up_is_not_lost() -> None:
    queue = turns()
    visits = Visits(queue)
    async with queue.turn("anna"):
        given_up = asyncio.create_task(visits.visit("bert"))
        await asyncio.sleep(0)
    given_up.cancel()  # the turn is bert's by now, but he has not run since
    await asyncio.wait({given_up})
    await visits.visit("carl")
    assert visits.served == ["carl"]
