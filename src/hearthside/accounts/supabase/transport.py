"""The way of the `supabase-auth` client out of the house: its requests too leave through kit/outbound.py."""

from typing import TYPE_CHECKING

from hearthside.kit.outbound import Outbound, Timeouts

if TYPE_CHECKING:
    import httpx

TIMEOUTS = Timeouts(connect=5, first_byte=15, idle=15, total=20)

# What the outbound client says itself.
_ITS_OWN = frozenset({"host", "connection", "content-length", "accept-encoding"})


def http_client(outbound: Outbound) -> "httpx.AsyncClient":
    """An httpx client that follows no redirect, reads no proxy from the environment and opens no connection itself."""
    import httpx  # noqa: PLC0415 - of the extra, and slow to import

    class Transport(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            headers = {name: value for name, value in request.headers.items() if name.lower() not in _ITS_OWN}
            async with outbound.request(
                request.method,
                str(request.url),
                headers=headers,
                body=await request.aread() or None,
                trusted=True,  # the settings name the address
                timeouts=TIMEOUTS,
            ) as reply:
                said = {name: value for name, value in reply.headers.items() if name.lower() != "transfer-encoding"}
                return httpx.Response(reply.status, headers=said, content=await reply.read(), request=request)

    return httpx.AsyncClient(transport=Transport(), follow_redirects=False, trust_env=False)
