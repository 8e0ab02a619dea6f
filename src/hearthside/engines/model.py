"""What a local model is, what state it is in, and what running it takes."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from hearthside.kit.secret import Secret


class ModelState(StrEnum):
    """unloaded → queued → loading → ready ⇄ sleeping → draining → unloaded, and failed.

    QUEUED waits for memory, or for the back-off after a crash. DRAINING finishes what it is answering and takes nothing
    new. SLEEPING keeps its process but not its weights: an engine that the server does not run itself may report it.
    """

    UNLOADED = "unloaded"
    QUEUED = "queued"
    LOADING = "loading"
    READY = "ready"
    SLEEPING = "sleeping"
    DRAINING = "draining"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model file. `problem` says in words why it cannot chat; None: as far as its header tells, it can.

    `key_value_bytes` is the memory that one token of context takes. `size_bytes` counts all parts of a split model.
    """

    id: str
    label: str
    path: Path
    size_bytes: int
    context_tokens: int
    description: str
    built_in: bool = False
    architecture: str = ""
    parameters: int = 0
    key_value_bytes: int = 0
    takes_tools: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a model is not running. `exit_code` is negative for a signal, None where no process ended.

    `retry_after_seconds`: the engine tries again after so long, when somebody asks; None: not before the file changes.
    """

    reason: str
    exit_code: int | None
    retry_after_seconds: float | None


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A snapshot for people to look at; nothing is decided by it. `in_flight` counts leases, `waiting` the queue."""

    model_id: str
    state: ModelState
    in_flight: int
    waiting: int
    pinned: bool
    memory_bytes: int
    loaded_at: datetime | None
    last_used_at: datetime | None
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """Where a loaded model answers, for as long as the lease lasts."""

    unix_socket: str
    api_key: Secret
    base_url: str
    context_tokens: int


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """How a model is to be run.

    `context_tokens` is what one request may use, `pool_tokens` what all requests share, `slots` how many run at once.
    """

    model: LocalModel
    context_tokens: int
    pool_tokens: int
    slots: int
    threads: int
    memory_bytes: int


class LoadFailed(Exception):
    """A process did not become ready. `broken`: the file is at fault, as far as can be told, not the machine."""

    def __init__(self, reason: str, *, exit_code: int | None, broken: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.exit_code = exit_code
        self.broken = broken


class EngineProcess(Protocol):
    """A running model: a process of its own, or a test's stand-in."""

    @property
    def address(self) -> EngineAddress: ...

    @property
    def pid(self) -> int: ...

    def memory_bytes(self) -> int:
        """What it occupies now; 0 where that cannot be told."""
        ...

    @property
    def exited(self) -> asyncio.Future[int]:
        """Done with its exit code once it has ended, for whatever reason. Not to be cancelled: shield it."""
        ...

    def last_words(self) -> str:
        """Why it ended, in words for people."""
        ...

    async def stop(self) -> None:
        """End it and wait until it is gone. Cannot fail, and leaves nothing behind even when cancelled."""
        ...


class Launcher(Protocol):
    async def launch(self, plan: LoadPlan) -> EngineProcess:
        """A process that has loaded and proved the model. Raises LoadFailed; when cancelled, it leaves none behind."""
        ...

    def close(self) -> None:
        """Clean up; called when all processes are gone."""
        ...
