"""The scripted upstream of the tests as a program: prints its URL, then serves until it is ended."""

import asyncio

from tests.upstream import serving


async def main() -> None:
    async with serving() as upstream:
        print(upstream.url, flush=True)
        await asyncio.Event().wait()


asyncio.run(main())
