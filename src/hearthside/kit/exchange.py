"""One outgoing request and its answer: the port between `kit.outbound` and the HTTP client, and what can fail."""

from collections.abc import Mapping
from typing import Protocol

from hearthside.kit.addresses import Target
from hearthside.kit.errors import Unavailable, UpstreamFailed, UpstreamTimeout


class Unreachable(Unavailable):
    """No answer began: the name does not resolve, nothing listens, TLS failed, or the connection broke first."""

    default_code = "upstream_unreachable"


class TimedOut(UpstreamTimeout):
    """One of the time-outs ran out."""

    default_code = "upstream_timeout"


class Cut(UpstreamFailed):
    """The connection broke in the middle of an answer."""

    default_code = "stream_cut"


class Unreadable(UpstreamFailed):
    """The answer breaks the protocol, is compressed, or is longer than the caller reads."""

    default_code = "upstream_unreadable"


class Exchange(Protocol):
    """Used once: `send`, then `next_chunk` until b"", then `close` in every case."""

    async def send(self, method: str, headers: Mapping[str, str], body: bytes | None) -> tuple[int, Mapping[str, str]]:
        """The status and the headers (case-insensitive). Raises AddressRefused, Unreachable, TimedOut, Unreadable."""
        ...

    async def next_chunk(self) -> bytes:
        """The next bytes of the body as soon as there are any, b"" at its end. Raises Cut."""
        ...

    async def close(self) -> None:
        """Closes the connection at once, or gives it back to the pool if the answer was read to its end."""
        ...


class Transport(Protocol):
    """An HTTP client that connects to checked addresses only."""

    def exchange(
        self, target: Target, *, trusted: bool, unix_socket: str | None, connect_seconds: float
    ) -> Exchange: ...

    async def close(self) -> None: ...
