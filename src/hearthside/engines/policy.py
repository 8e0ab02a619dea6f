"""How the local engine behaves: every number of it, with the defaults that the settings do not change."""

from dataclasses import dataclass

from hearthside.engines import machine
from hearthside.settings import Settings


@dataclass(frozen=True, slots=True)
class EnginePolicy:
    """Seconds, bytes, tokens.

    `memory_bytes` is what all loaded models may use together. `idle_seconds` -1: never unload for being idle.
    `context_tokens` is the most that one request may use, where the model and the memory allow it. A queue holds
    `queue_limit` waiting requests for a model, `queue_limit_per_user` of them of one user; nobody waits for memory
    longer than `memory_wait_seconds`. A model that fails or crashes `faults_until_quarantine` times is left alone
    until its file changes; faults are forgotten `fault_memory_seconds` after the last one.
    """

    memory_bytes: int
    idle_seconds: float = 300
    threads: int = 1
    slots: int = 4
    context_tokens: int = 16_384
    queue_limit: int = 64
    queue_limit_per_user: int = 16
    memory_wait_seconds: float = 60
    load_seconds: float = 180
    backoff_seconds: float = 1
    faults_until_quarantine: int = 2
    fault_memory_seconds: float = 600


def policy_from(settings: Settings) -> EnginePolicy:
    """The settings, with what they leave to the machine filled in: half of its memory, all of its cores."""
    return EnginePolicy(
        memory_bytes=settings.model_memory_bytes or machine.memory_bytes() // 2,
        idle_seconds=settings.model_idle_seconds,
        threads=settings.model_threads or machine.cores(),
    )
