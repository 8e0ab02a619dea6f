"""Who the account is, in an archive of ours."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from hearthside.kit.actor import Actor
from hearthside.kit.clock import Clock
from hearthside.kit.errors import Invalid
from hearthside.portability import own
from hearthside.portability.model import Contents, Entry, Tally, Watch


class Profiles(Protocol):
    """What the accounts know of a person, as JSON: names, addresses, what they told of themselves; no secrets."""

    async def read(self, actor: Actor) -> Mapping[str, Any]: ...

    async def fill(self, actor: Actor, values: Mapping[str, Any]) -> None:
        """Takes over what the account lacks and a person may set; never what they sign in with, nor any rights.

        What it does not know it passes over. Errors: Invalid.
        """
        ...


class ProfilePart:
    name: str = "profile"

    def __init__(self, profiles: Profiles, clock: Clock) -> None:
        self._profiles = profiles
        self._clock = clock

    async def export(self, actor: Actor) -> AsyncIterator[Entry | bytes]:
        profile = await self._profiles.read(actor)
        yield Entry(own.PROFILE, self._clock.now())
        yield json.dumps(dict(profile), ensure_ascii=False, indent=2).encode() + b"\n"

    async def import_(self, actor: Actor, contents: Contents, tally: Tally, watch: Watch) -> None:  # noqa: ARG002 - Part's signature
        profile = await asyncio.to_thread(next, contents.documents(own.PROFILE), None)
        if not isinstance(profile, dict):
            return
        try:
            await self._profiles.fill(actor, profile)  # pyright: ignore[reportUnknownArgumentType] - any JSON object
        except Invalid as error:
            tally.problem(f"{own.PROFILE}: {error.message}")
