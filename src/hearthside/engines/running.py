"""One life of a model: its process from the moment it is ready to its end, and who is using it."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from hearthside.engines import errors
from hearthside.engines.model import EngineProcess
from hearthside.kit.errors import HearthsideError

# A process that died may be seen through its closed socket before it is seen to be gone.
_OBITUARY_SECONDS = 0.5


@dataclass(eq=False, slots=True)
class Running:
    """`accepting` ends when it is to leave, `stopping` is set when its process is told to end, `gone` when it has."""

    process: EngineProcess
    loaded_at: datetime
    in_flight: int = 0
    accepting: bool = True
    stopping: bool = False
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def obituary(self) -> HearthsideError | None:
        """How this life ended, if it did: asked by one whose request has just failed."""
        if not self.stopping:
            await asyncio.wait({self.process.exited}, timeout=_OBITUARY_SECONDS)
        if self.stopping:
            return errors.stopped()
        return errors.crashed(self.process.last_words()) if self.process.exited.done() else None
