"""A rotation in a process of its own, which stops after its first transaction and waits to be killed.

python -m tests.providers.rotating DATABASE_URL DATA_DIR
"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.kit.clock import SystemClock
from hearthside.kit.db import Database
from hearthside.kit.keys import MasterKeys
from hearthside.providers.keys import ProviderKeys
from hearthside.providers.renewal import KeyRenewal
from hearthside.providers.rotation import KeyRotation


class StopsAfterOne(Database):
    """One transaction goes through, the next one never begins."""

    began = False

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncGenerator[AsyncConnection]:
        if self.began:
            print("halfway", flush=True)
            await asyncio.Event().wait()
        self.began = True
        async with super().write(durable=durable) as connection:
            yield connection


async def main(url: str, folder: Path) -> None:
    keys = MasterKeys(folder)
    provider_keys = ProviderKeys.following(lambda: keys.derived("provider-keys"))
    renewal = KeyRenewal(StopsAfterOne(sa.make_url(url)), SystemClock(), provider_keys)
    await KeyRotation(Database(sa.make_url(url)), keys, [renewal.run]).run()


asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
