"""Processes of the server, as far as conversations go, with a scripted provider instead of the world."""

from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest

from hearthside.conversations.generations import GenerationPolicy, Generations
from hearthside.conversations.service import Conversations
from hearthside.conversations.workspaces import Workspaces
from hearthside.gateway.providers.scripted import ScriptedProvider, Step
from hearthside.kit.clock import ManualClock
from hearthside.kit.db import Database
from hearthside.kit.events import EventLog
from hearthside.kit.wakeups import LocalWakeups
from hearthside.usage.model import Quotas
from hearthside.usage.service import Usage
from tests.conversations.process import Process, ScriptedSource

Start = Callable[..., Awaitable[Process]]


@pytest.fixture
async def start(database: Database) -> AsyncGenerator[Start]:
    """Starts a process on the one database. All hear each other's wake-ups, but for the deaf, and close at the end."""
    processes: list[Process] = []
    clock, everybodys = ManualClock(), LocalWakeups()

    async def start_one(
        *scripts: list[Step],
        quotas: Quotas | None = None,
        max_running: int = 50,
        database: Database = database,
        deaf: bool = False,
    ) -> Process:
        provider, wakeups = ScriptedProvider(*scripts), LocalWakeups() if deaf else everybodys
        events = EventLog(database, wakeups, clock)
        usage = Usage(database, clock, quotas or Quotas())
        generations = Generations(
            database,
            clock,
            events,
            wakeups,
            ScriptedSource(provider),
            usage,
            GenerationPolicy(max_running_per_user=max_running),
        )
        process = Process(
            database=database,
            clock=clock,
            events=events,
            wakeups=wakeups,
            usage=usage,
            conversations=Conversations(database, clock, events, wakeups, usage),
            workspaces=Workspaces(database, clock, events, wakeups),
            generations=generations,
            provider=provider,
        )
        processes.append(process)
        await events.start()
        await generations.start()
        return process

    yield start_one
    for process in processes:
        await process.generations.close(0)
        await process.events.close()


@pytest.fixture
async def process(start: Start) -> Process:
    """A process whose model says Hello."""
    return await start()
